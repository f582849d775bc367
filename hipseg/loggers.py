"""Loggers: a CSV file in the run folder, and W&B without anything that names a person, machine or file."""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from pytorch_lightning.loggers import CSVLogger, WandbLogger


class RunCsvLogger(CSVLogger):
    """Lightning's CSV logger, its `metrics.csv` straight in the run folder and no other file.

    Args:
        folder: The run folder.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(save_dir=str(folder), name="", version="")

    def log_hyperparams(self, params: Any = None) -> None:
        """The configuration lies in `.hydra/` already."""


def hashed_sample(sample: str, key: str) -> str:
    """A hip's key with a keyed hash (HMAC-SHA-256) in place of the subject; the key never leaves the store."""
    cohort, subject, *rest = sample.split("/")
    digest = hmac.new(bytes.fromhex(key), f"{cohort}/{subject}".encode(), hashlib.sha256).hexdigest()
    return "/".join([cohort, digest[:16], *rest])


class PrivateWandbLogger(WandbLogger):
    """Weights & Biases: configuration, curves, headline numbers and the per-hip table.

    Its files stay in the run folder and nothing is sent unless `mode` is `online`. Host name, git remote, code, console
    output and file paths are kept out of it; subjects go as keyed hashes.

    Args:
        folder: The run folder.
        config: What is logged of the configuration, without paths.
        identity_key: The store's key for hashing subjects.
        mode: `offline` writes to disk only; a person may later `wandb sync`.
        project: On W&B.
        group: Runs of one sweep or experiment.
        images: Whether figures may leave.
        subjects: Whether subject numbers may leave.
    """

    def __init__(
        self,
        folder: Path,
        config: Mapping[str, Any],
        identity_key: str,
        mode: Literal["offline", "online"],
        project: str,
        group: str | None,
        images: bool,
        subjects: bool,
    ) -> None:
        import wandb

        self._images, self._subjects, self._identity_key = images, subjects, identity_key
        folder = Path(folder)
        for name in ("WANDB_DIR", "WANDB_CACHE_DIR", "WANDB_DATA_DIR", "WANDB_CONFIG_DIR", "WANDB_ARTIFACT_DIR"):
            os.environ[name] = str(folder / "wandb")
        (folder / "wandb").mkdir(parents=True, exist_ok=True)
        settings = wandb.Settings(
            allow_offline_artifacts=False,
            console="off",
            disable_code=True,
            disable_git=True,
            disable_job_creation=True,
            host="",
            program="",
            program_relpath="",
            save_code=False,
            silent=True,
            x_disable_machine_info=True,
            x_disable_meta=True,
            x_disable_stats=True,
            x_save_requirements=False,
        )
        super().__init__(
            project=project, group=group, save_dir=str(folder), offline=mode == "offline", settings=settings,
            config=dict(config), log_model=False,
        )  # fmt: skip
        self._wandb_init.pop("anonymous", None)  # Lightning passes it, W&B warns of it
        logging.getLogger("wandb").disabled = True  # its own log would hold the run folder's path

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """The configuration was given when the run began."""

    def log_evaluation(self, summary: Mapping[str, float], hips: pd.DataFrame, figures: Sequence[Path]) -> None:
        """The headline numbers as the run's summary, and a table of hips without their place on the film."""
        import wandb

        table = hips.drop(columns=[name for name in hips if str(name).endswith(("_x_mm", "_y_mm"))])
        if not self._subjects:
            table = table.assign(sample=[hashed_sample(s, self._identity_key) for s in table["sample"]])
        self.experiment.summary.update(dict(summary))
        self.experiment.log({"test_hips": wandb.Table(dataframe=table)})
        if self._images:
            self.experiment.log({path.stem: wandb.Image(str(path)) for path in figures})

    def finish(self) -> None:
        """Close the run, so that the next one of a sweep is its own."""
        self.experiment.finish()
