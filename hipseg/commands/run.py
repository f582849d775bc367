"""What train and evaluate share: a fresh folder, quiet libraries, loggers that are closed whatever happens."""

from __future__ import annotations

import logging
import shutil
import signal
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import torch
from hydra.core.hydra_config import HydraConfig
from lightning_utilities.core.rank_zero import rank_zero_only
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning import Callback
from pytorch_lightning.utilities.exceptions import MisconfigurationException  # type: ignore[attr-defined]

from hipseg.build import build_loggers
from hipseg.callbacks.evaluation import Evaluation
from hipseg.commands.job import Job
from hipseg.data.datamodule import StoreDataModule
from hipseg.errors import HipsegError

_LAST = "checkpoints/last.ckpt"


def is_first_process() -> bool:
    """Whether this process is the one of a distributed run that writes and speaks."""
    return int(getattr(rank_zero_only, "rank", 0)) == 0


def chosen_option(group: str) -> str:
    """The option that was chosen of a group."""
    choices = HydraConfig.get().runtime.choices
    return str(choices[group])


def require_judgeable(callbacks: Mapping[str, Callback], data: StoreDataModule) -> None:
    """Refuse, before any time is spent, an evaluation that can't judge the test set.

    Raises:
        HipsegError: Saying why.
    """
    for callback in callbacks.values():
        if isinstance(callback, Evaluation):
            callback.begin(data)


def begin_run(config: DictConfig, folder: Path, decided: Mapping[str, Any] | None = None) -> None:
    """Make the run folder and keep in its `.hydra/` what runs.

    Args:
        config: As composed.
        folder: The run folder.
        decided: Values by key that a checkpoint decided in place of the configuration.

    Raises:
        HipsegError: If a run lies in it already.
    """
    if not is_first_process():
        return
    for name in ("summary.json", _LAST, "metrics.csv"):
        if (folder / name).exists():
            going_on = f"go on with resume={folder}, " if (folder / _LAST).exists() else ""
            raise HipsegError(f"out: {folder} holds a run already ({name}); {going_on}name another folder or remove it")
    notes = folder / ".hydra"
    notes.mkdir(parents=True, exist_ok=True)
    hydra = HydraConfig.instance().cfg
    ran = OmegaConf.merge(config, {})
    for key, value in (decided or {}).items():
        OmegaConf.update(ran, key, value, merge=False, force_add=True)
    OmegaConf.save(ran, notes / "config.yaml")
    OmegaConf.save(hydra, notes / "hydra.yaml")
    if config.get("plan") is not None and Path(config.plan).resolve() != (folder / "plan.yaml").resolve():
        shutil.copyfile(config.plan, folder / "plan.yaml")
    OmegaConf.save(list(HydraConfig.get().overrides.task), notes / "overrides.yaml")


def quieten() -> None:
    """Leave standard error to errors and progress."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")


@contextmanager
def open_loggers(
    content: dict[str, Any], data: StoreDataModule, job: Job, facts: Mapping[str, Any]
) -> Iterator[list[Any]]:
    """The loggers of a run, finished at its end, so that the next one of a sweep has its own."""
    names = {"name": job.name, "group": job.sweep, "job_type": job.command}
    loggers = build_loggers(content, data, names, facts)
    try:
        yield loggers
    finally:
        for logger in loggers:
            if hasattr(logger, "finish"):
                logger.finish()


@contextmanager
def stoppable(hint: str) -> Iterator[None]:
    """End on SIGTERM or an interrupt with a line and exit code 143 or 130, whatever is under way.

    Args:
        hint: What can be done then.
    """

    def stop(number: int, frame: Any) -> NoReturn:
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        if is_first_process():
            print(f"hipseg: stopped by {signal.Signals(number).name}; {hint}", file=sys.stderr, flush=True)
        raise SystemExit(128 + number)

    before = {each: signal.signal(each, stop) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def leave_process_group() -> None:
    """Part from the other processes of a distributed run once all are done."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()


@contextmanager
def lightning_mistakes() -> Iterator[None]:
    """Say in a sentence what Lightning refuses."""
    try:
        yield
    except MisconfigurationException as error:
        raise HipsegError(f"trainer or callbacks: {' '.join(str(error).split())}") from error
