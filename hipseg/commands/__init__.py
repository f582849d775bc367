"""The command line: `hipseg COMMAND [hydra overrides]`."""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NoReturn

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, OverrideParseException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from hipseg.config import conf_folder
from hipseg.errors import HipsegError

COMMANDS: Final[dict[str, str]] = {
    "phantom": "write a cohort of synthetic films to try everything on",
    "preprocess": "bring films and points files into one store",
    "split": "decide which subjects train, validate and test",
    "train": "train a model, test it, measure the joint space width",
    "evaluate": "test a checkpoint on a store and a split",
    "predict": "apply a checkpoint to films",
    "report": "compare runs on one page",
}
_MISTAKES: Final = (HipsegError, HydraException, OmegaConfBaseException, OSError)  # of whoever gave the command
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


def _fail(sentence: str) -> NoReturn:
    print(f"hipseg: {sentence}", file=sys.stderr)
    raise SystemExit(1)


def _sentence(error: BaseException, command: str) -> str:
    """An error as one line that names the key and the fix."""
    text = str(error)
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: this can't be read or written ({error.strerror}); name another or see to its rights"
    if isinstance(error, OverrideParseException):
        return f"{error.override}: this can't be read ({text.splitlines()[0].strip()}); write key=value"
    if match := re.search(r"Could not find '([^']+)/([^'/]+)'\s+Available options in '[^']+':((?:\n\t[^\n]+)+)", text):
        return f"{match[1]}: there is no option '{match[2]}'; choose {', '.join(match[3].split())}"
    if match := re.search(r"Could not load '([^'/]+)/([^']+)'", text):
        choices = sorted(path.stem for path in (conf_folder() / match[1]).glob("*.yaml"))
        return f"{match[1]}: there is no option '{match[2]}'; choose {', '.join(choices)}"
    if match := re.search(r"Could not (?:override|append to config|delete)[^']*'([^']+)'", text):
        return f"{match[1]}: there is no such key; 'hipseg {command} --help' lists them all"
    return " ".join(text.split()) or type(error).__name__


def _job(run: Callable[[DictConfig], None], command: str) -> Callable[[DictConfig], None]:
    def job(config: DictConfig) -> None:
        try:
            run(config)
        except _MISTAKES as error:
            if command in _SWEEPS:
                _forget(Path(HydraConfig.get().runtime.output_dir))
            # SystemExit passes through Hydra without its own report.
            _fail(_sentence(error, command))

    job.__module__ = run.__module__  # from which Hydra takes the job's name
    return job


def _forget(folder: Path) -> None:
    """Remove the folder that Hydra made for a run that was refused."""
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _overview() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}s}  {what}" for name, what in COMMANDS.items()]
    usage = "usage: hipseg COMMAND [key=value ...]\n\n" + "\n".join(lines)
    return f"{usage}\n\n'hipseg COMMAND --help' shows its groups and options; -m sweeps over lists of values."


def main(arguments: list[str] | None = None) -> None:
    """Run one command; a mistake ends in one line on standard error and exit code 1."""
    given = sys.argv[1:] if arguments is None else arguments
    if not given or given[0] in _HELP:
        print(_overview())
        return
    command, overrides = given[0], given[1:]
    if command not in COMMANDS:
        _fail(f"there is no command '{command}'; choose {', '.join(COMMANDS)}")
    if command not in _SWEEPS and {"-m", "--multirun"} & set(overrides):
        _fail(f"-m: only {' and '.join(sorted(_SWEEPS))} can sweep, not {command}")
    if strange := [o for o in overrides if o.startswith("--") and o.split("=")[0] not in _FLAGS]:
        _fail(f"{strange[0]}: there is no such flag; options are given as key=value")
    # Threads that wait for each other by spinning for long slow training down several times where cores are shared.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors reach the handler below instead of Hydra's page of text
    run: Callable[[DictConfig], Any] = importlib.import_module(f"hipseg.commands.{command}").run
    # Hydra's parser wants all options in one piece: flags that stand among them go to the end.
    overrides = sorted(overrides, key=lambda given: given in _ALONE)
    before, sys.argv = sys.argv, [f"hipseg {command}", *overrides]
    app = hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name=command)
    try:
        app(_job(run, command))()
    except _MISTAKES as error:
        _fail(_sentence(error, command))
    except KeyboardInterrupt:
        print("hipseg: interrupted", file=sys.stderr)
        raise SystemExit(130) from None
    finally:
        sys.argv = before
