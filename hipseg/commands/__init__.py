"""The command line: `hipseg COMMAND [hydra overrides]`."""

from __future__ import annotations

import importlib
import math
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import hydra
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from hipseg.commands.help import help_page
from hipseg.commands.resume import earlier_run, finished_score, require_run
from hipseg.commands.sentences import sentence
from hipseg.config import conf_folder, known_keys, renamed, spelled_out
from hipseg.errors import HipsegError
from hipseg.instantiation import require_files, require_values

if TYPE_CHECKING:
    from hipseg.commands.job import Job

COMMANDS: Final[dict[str, str]] = {
    "phantom": "write a cohort of synthetic films to try everything on",
    "joints": "write synthetic single-joint images with masks of five labels",
    "preprocess": "bring films and points files into one store",
    "convert": "bring images and masks of any dataset into one store",
    "split": "decide which subjects train, validate and test",
    "plan": "choose spacing, patch and network for a store",
    "train": "train a model, test it, measure what it found",
    "components": "choose by cross-validation which labels keep their largest part only",
    "enclose": "leave of femurs what their periosteal surfaces enclose, for a second network",
    "evaluate": "test a checkpoint on a store and a split",
    "predict": "apply a checkpoint to films",
    "export": "write a store as an nnU-Net dataset folder",
    "report": "compare runs on one page",
}
_MISTAKES: Final = (
    HipsegError,
    HydraException,
    OmegaConfBaseException,
    OSError,
    YAMLError,
)  # of whoever gave the command
_SWEEPS: Final = frozenset({"train", "evaluate"})
_HELP: Final = {"-h", "--help", "help"}
_ALONE: Final = frozenset({"-m", "--multirun", "-r", "--run", "--resolve"})  # flags without a value
_FLAGS: Final = frozenset(
    f"--{name}"
    for name in (
        "help", "hydra-help", "version", "cfg", "resolve", "package", "run", "multirun", "shell-completion",
        "config-path", "config-name", "config-dir", "info",
    )
)  # fmt: skip


def _pixels(mm: float, multiple: int = 1, *, _root_: DictConfig) -> int:
    """A length as the nearest number of pixels of the store's images, a multiple of one: `${pixels:134.4,16}`."""
    from hipseg.data.store import Store
    from hipseg.data.stores import open_store

    named = OmegaConf.select(_root_, "data.store")
    if named is None:
        raise HipsegError("data.store: no value is given; add data.store=...")
    store = open_store(list(named) if isinstance(named, ListConfig) else named)
    if not isinstance(store, Store):
        raise HipsegError(f"data.store: {named} holds no hips whose heads a crop could follow; choose another crop=")
    return max(multiple, multiple * round(mm / (multiple * float(store.preprocessing["spacing_mm"]))))


OmegaConf.register_new_resolver("pixels", _pixels, replace=True)


def _fail(said: str) -> NoReturn:
    if os.environ.get("LOCAL_RANK", "0") == "0":  # of several processes one speaks
        print(f"hipseg: {said}", file=sys.stderr)
    raise SystemExit(1)


def _print(page: str) -> None:
    """Print what may be longer than its reader, as `head`, cares to read."""
    try:
        print(page, flush=True)
    except BrokenPipeError:
        # Python flushes again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@dataclass
class _Call:
    """One call of a command.

    Attributes:
        command: Its name.
        given: What stood behind it on the command line.
        failed: The runs of its sweep that failed.
    """

    command: str
    given: list[str]
    failed: list[str] = field(default_factory=list)

    def __call__(self, config: DictConfig) -> Any:
        """Hydra's task function: do the command's work on a configuration.

        A mistake ends the process with its sentence and leaves no empty folder; in a sweep the other runs go on.
        """
        from hydra.core.hydra_config import HydraConfig

        folder = Path(HydraConfig.get().runtime.output_dir) if self.command in _SWEEPS else None
        in_sweep = HydraConfig.get().mode == hydra.types.RunMode.MULTIRUN
        try:
            _refuse_unknown(config, self.command)
            if config.get("resume") is None:
                require_values(config)
                require_files(config)
            else:  # a run that goes on knows what it was given
                require_run(Path(config.resume))
            # Only now, so that mistakes need not wait for torch.
            run = importlib.import_module(f"hipseg.commands.{self.command}").run
            if folder is None:
                return run(config)
            from hipseg.commands.job import this_job

            job = this_job(self.command, self.given)
            return _run_of_sweep(run, config, job) if in_sweep else run(config, job)
        except _MISTAKES as error:
            said = sentence(error, self.command)
        except Exception:  # whatever it is, the other runs of a sweep may do better
            if not in_sweep:
                raise
            traceback.print_exc()
            said = "it broke off, as said above"
        if folder is not None:
            _forget(folder)
        if not in_sweep:
            # SystemExit passes through Hydra without its own report.
            _fail(said)
        name = f"job {HydraConfig.get().job.num} ({' '.join(HydraConfig.get().overrides.task)})"
        print(f"hipseg: {name}: {said}", file=sys.stderr)
        self.failed.append(name)
        return math.nan


def _run_of_sweep(run: Callable[[DictConfig, Job], float], config: DictConfig, job: Job) -> float:
    """One run of a sweep: skipped if it is finished, gone on with if it was stopped."""
    said = f"job {job.number} ({' '.join(job.varied)})"
    earlier = earlier_run(job.folder, job.overrides)
    if earlier == "finished":
        print(f"{said}: finished before, skipped")
        return finished_score(job.folder)
    if earlier == "stopped":
        print(f"{said}: stopped before, going on")
        config.resume = str(job.folder)
    return run(config, job)


def _refuse_unknown(config: DictConfig, command: str) -> None:
    """Refuse keys that were added on top of a configuration: nothing would ever look at them.

    Raises:
        HipsegError: Naming the first.
    """
    for name in map(str, config):
        if name == "cohort":
            raise HipsegError("cohort: the cohort's file needs the first line '# @package cohorts.NAME'")
        if name not in known_keys(command):
            raise HipsegError(f"{name}: there is no such option; 'hipseg {command} --help' lists them all")


def _forget(folder: Path) -> None:
    """Remove the folder that Hydra made for a run that was refused."""
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _overview() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}s}  {what}" for name, what in COMMANDS.items()]
    usage = "usage: hipseg COMMAND [key=value ...]\n\n" + "\n".join(lines)
    return f"{usage}\n\n'hipseg COMMAND --help' shows its groups and options; -m sweeps over lists of values."


def _refuse_unknown_flags(overrides: Sequence[str], command: str) -> None:
    """Fail with a sentence on flags that Hydra doesn't know, and on keys that have another name now."""
    if strange := [o for o in overrides if o.startswith("--") and o.split("=")[0] not in _FLAGS]:
        _fail(f"{strange[0]}: there is no such flag; options are given as key=value")
    if old := next((text for text in overrides if renamed(text, command)), None):
        _fail(f"{old.split('=')[0]}: it has another name now; give {renamed(old, command)}")


def _in_resumed_folder(overrides: Sequence[str]) -> list[str]:
    """Options of a run that goes on, with its folder as `out`, so that Hydra makes no other."""
    resume = next((text.split("=", 1)[1] for text in overrides if text.startswith("resume=")), "null")
    if resume in ("null", "") or any(text.startswith("out=") for text in overrides):
        return list(overrides)
    return [*overrides, f"out={resume}"]


def main(arguments: list[str] | None = None) -> None:
    """Run one command; a mistake ends in one line on standard error and exit code 1."""
    given = sys.argv[1:] if arguments is None else arguments
    if not given or given[0] in _HELP:
        _print(_overview())
        return
    command, overrides = given[0], given[1:]
    if command not in COMMANDS:
        _fail(f"there is no command '{command}'; choose {', '.join(COMMANDS)}")
    if command not in _SWEEPS and {"-m", "--multirun"} & set(overrides):
        _fail(f"-m: only {' and '.join(sorted(_SWEEPS))} can sweep, not {command}")
    _refuse_unknown_flags(overrides, command)
    overrides = _in_resumed_folder([spelled_out(text, command) for text in overrides])
    # Threads that wait for each other by spinning for long slow training down several times where cores are shared.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors reach the handler below instead of Hydra's page of text
    # Hydra's parser wants all options in one piece: flags that stand among them go to the end.
    overrides = sorted(overrides, key=lambda given: given in _ALONE)
    before, sys.argv = sys.argv, [f"hipseg {command}", *overrides]
    call = _Call(command, overrides)
    call.__module__ = f"hipseg.commands.{command}"  # from which Hydra takes the job's name
    try:
        if _HELP & set(overrides):
            _print(help_page(command, COMMANDS[command], [text for text in overrides if not text.startswith("-")]))
            return
        hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name=command)(call)()
    except _MISTAKES as error:
        _fail(sentence(error, command))
    except KeyboardInterrupt:
        print("hipseg: interrupted", file=sys.stderr)
        raise SystemExit(130) from None
    finally:
        sys.argv = before
    if call.failed:
        _fail(f"{len(call.failed)} runs of the sweep failed: {', '.join(call.failed)}; the others are complete")
