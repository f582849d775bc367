"""What train and evaluate share: a fresh folder, quiet libraries, loggers that are closed whatever happens."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from hipseg.build import build_loggers
from hipseg.data.datamodule import HipDataModule
from hipseg.errors import HipsegError


def begin_run(config: DictConfig, folder: Path) -> None:
    """Make the run folder and keep the configuration in its `.hydra/`.

    Raises:
        HipsegError: If a run lies in it already.
    """
    for name in ("summary.json", "checkpoints/last.ckpt", "metrics.csv"):
        if (folder / name).exists():
            raise HipsegError(f"out: {folder} holds a run already ({name}); name another folder or remove it")
    notes = folder / ".hydra"
    notes.mkdir(parents=True, exist_ok=True)
    hydra = HydraConfig.instance().cfg
    OmegaConf.save(config, notes / "config.yaml")
    OmegaConf.save(hydra, notes / "hydra.yaml")
    OmegaConf.save(list(HydraConfig.get().overrides.task), notes / "overrides.yaml")


def quieten() -> None:
    """Leave standard error to errors and progress."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")


@contextmanager
def open_loggers(content: dict[str, Any], data: HipDataModule) -> Iterator[list[Any]]:
    """The loggers of a run, finished at its end, so that the next one of a sweep has its own."""
    loggers = build_loggers(content, data)
    try:
        yield loggers
    finally:
        for logger in loggers:
            if hasattr(logger, "finish"):
                logger.finish()
