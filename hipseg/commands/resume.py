"""A run that goes on from its last checkpoint."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from hipseg.errors import HipsegError

LAST: Final = Path("checkpoints") / "last.ckpt"
_CONFIG: Final = Path(".hydra") / "config.yaml"
_CHANGEABLE: Final = ("trainer.", "logger.", "data.workers", "data.store", "data.split", "out", "folder", "resume")
_OPEN_END: Final = "hipseg.tasks.schedules.constant"


def require_run(folder: Path) -> None:
    """Refuse a folder without what a run needs to go on.

    Raises:
        HipsegError: Naming it.
    """
    if not ((folder / _CONFIG).is_file() and (folder / LAST).is_file()):
        raise HipsegError(f"resume: {folder} is no run that can go on; it lacks {_CONFIG} or {LAST}")


def resumed(config: DictConfig, overrides: Sequence[str]) -> DictConfig:
    """The configuration of a run that goes on: the one it began with.

    Args:
        config: As composed for this call; its `resume` names the run folder.
        overrides: What was given, `key=value`; of these the trainer's, the logger's and the place of the data count.

    Raises:
        HipsegError: If there is no such run, or what was given would make it another one.
    """
    # Whole, as Hydra names the folder of a new run: callbacks know their checkpoints by it.
    folder = Path(config.resume).resolve()
    require_run(folder)
    kept = folder / _CONFIG
    try:
        began = OmegaConf.load(kept)
        if not isinstance(began, DictConfig) or "trainer" not in began:
            raise ValueError("it holds no training")
    except (OSError, ValueError, OmegaConfBaseException, yaml.YAMLError) as error:
        raise HipsegError(f"resume: {kept} is damaged ({' '.join(str(error).split())})") from None
    epochs = OmegaConf.select(began, "trainer.max_epochs")
    as_begun = _overrides(folder)
    for text in overrides:
        key = text.split("=")[0].lstrip("+")
        if text in as_begun and key not in ("out", "resume"):
            continue
        if not key.startswith(_CHANGEABLE):
            raise HipsegError(f"{key}: a run that goes on keeps it; leave it out, or begin a new run with pretrained=")
        OmegaConf.update(began, key, OmegaConf.select(config, key), force_add=True)
    if OmegaConf.select(began, "trainer.max_epochs") != epochs and began.scheduler._target_ != _OPEN_END:
        raise HipsegError(f"trainer.max_epochs: the run's schedule was planned for {epochs} epochs; leave it out")
    began.out = began.folder = str(folder)
    began.resume = str(folder)
    return began


def _overrides(folder: Path) -> list[str]:
    """What was given for the run of a folder, `key=value`."""
    try:
        content = yaml.safe_load((folder / ".hydra" / "overrides.yaml").read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return []
    return [str(text) for text in content] if isinstance(content, list) else []


def earlier_run(folder: Path, overrides: Sequence[str]) -> Literal["none", "stopped", "finished"]:
    """What a sweep that is started again finds in a run's folder; what was killed in its first epoch is removed.

    Args:
        folder: Of one run.
        overrides: What is given for it now.

    Raises:
        HipsegError: If the folder holds another run.
    """
    if not (folder / ".hydra" / "overrides.yaml").is_file():
        return "none"
    if _overrides(folder) != list(overrides):
        raise HipsegError(f"out: {folder} holds a run with other options; name another folder for this sweep")
    if (folder / "summary.json").is_file():
        return "finished"
    if (folder / LAST).is_file():
        return "stopped"
    shutil.rmtree(folder)
    return "none"


def finished_score(folder: Path) -> float:
    """What a finished run returned: the best of what it monitored, or the test Dice of one that only tested."""
    import pandas as pd

    try:
        metrics = pd.read_csv(folder / "metrics.csv")
        best = OmegaConf.select(OmegaConf.load(folder / _CONFIG), "callbacks.best")
        if best is not None and best.monitor in metrics:
            values = metrics[best.monitor]
            return float(values.min() if best.mode == "min" else values.max())
        return float(json.loads((folder / "summary.json").read_text())["test/dice/mean"])
    except (OSError, ValueError, KeyError, OmegaConfBaseException, yaml.YAMLError):
        return math.nan
