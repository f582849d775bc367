"""Loggers: a CSV file in the run folder, and W&B without anything that names a person, machine or file."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from pytorch_lightning.loggers import CSVLogger, WandbLogger

from hipseg.data.identity import hashed_sample
from hipseg.errors import HipsegError


class RunCsvLogger(CSVLogger):
    """Lightning's CSV logger, its `metrics.csv` straight in the run folder and no other file.

    What it is told is on disk at once, and a run that goes on keeps the epochs up to its last checkpoint.

    Args:
        folder: The run folder.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(save_dir=str(folder), name="", version="", flush_logs_every_n_steps=1)
        self._file = Path(folder) / "metrics.csv"
        # Lightning removes the file when it opens it.
        self._before = self._file.read_text(encoding="utf-8") if self._file.is_file() else ""

    def go_on(self, epochs: int, last: Mapping[str, float]) -> None:
        """Keep the rows of so many epochs that an earlier process logged.

        Args:
            epochs: How many there are in its checkpoint.
            last: What the last of them came to in training, in case the process was killed before it logged that.
        """
        table = pd.read_csv(StringIO(self._before), dtype=str) if self._before else pd.DataFrame()
        if not {"epoch", "step"} <= set(table):
            return
        tested = [name for name in table if str(name).startswith("test/")]
        kept = table[(table["epoch"].astype(float) < epochs) & table[tested].isna().all(axis=1)]
        writer = self.experiment
        kept = kept.dropna(axis="columns", how="all")
        of_last = kept[kept["epoch"].astype(float) == epochs - 1]
        if last and len(of_last) and ("train/loss" not in kept or of_last["train/loss"].isna().all()):
            row = {name: str(value) for name, value in last.items()}
            row |= {"epoch": str(epochs - 1), "step": str(of_last["step"].iloc[-1])}
            kept = pd.concat([kept, pd.DataFrame([row])])
            kept = kept[sorted(map(str, kept))]
        kept.to_csv(self._file, index=False)
        writer.metrics_keys = [str(name) for name in kept]

    def log_hyperparams(self, params: Any = None) -> None:
        """The configuration lies in `.hydra/` already."""


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
        entity: The team or person it belongs to.
        name: Of the run; what differs in its sweep if None.
        group: Runs of one sweep or experiment; the sweep's folder if None.
        job_type: The command if None.
        tags: To find the run by.
        notes: About the run.
        names: What `name`, `group` and `job_type` are if None.
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
        entity: str | None,
        name: str | None,
        group: str | None,
        job_type: str | None,
        tags: list[str],
        notes: str | None,
        images: bool,
        subjects: bool,
        names: Mapping[str, str | None] | None = None,
    ) -> None:
        import wandb

        self._images, self._subjects, self._identity_key = images, subjects, identity_key
        folder = Path(folder)
        for variable in ("WANDB_DIR", "WANDB_CACHE_DIR", "WANDB_DATA_DIR", "WANDB_CONFIG_DIR", "WANDB_ARTIFACT_DIR"):
            os.environ[variable] = str(folder / "wandb")
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
        told = {"name": name, "group": group, "job_type": job_type}
        more: dict[str, Any] = {key: (names or {}).get(key) if said is None else said for key, said in told.items()}
        more |= _identity(folder / "wandb" / "run_id.txt")
        super().__init__(
            project=project, entity=entity, tags=tags, notes=notes, save_dir=str(folder), offline=mode == "offline",
            settings=settings, config=dict(config), log_model=False, **more,
        )  # fmt: skip
        self._wandb_init.pop("anonymous", None)  # Lightning passes it, W&B warns of it
        if mode == "offline":
            self._wandb_init.pop("resume", None)  # likewise: offline it has no meaning
        logging.getLogger("wandb").disabled = True  # its own log would hold the run folder's path

    @property
    def experiment(self) -> Any:
        """W&B's run.

        Raises:
            HipsegError: If it can't be begun.
        """
        import wandb

        try:
            return super().experiment
        except (wandb.errors.UsageError, wandb.errors.CommError, wandb.errors.AuthenticationError) as error:
            said = " ".join(str(error).split())
            raise HipsegError(
                f"logger.wandb.mode: W&B can't begin an online run ({said}); 'wandb login' first, or leave it offline"
            ) from None

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """The configuration was given when the run began."""

    def log_evaluation(
        self, summary: Mapping[str, float], unit: str, cases: pd.DataFrame, figures: Sequence[Path]
    ) -> None:
        """The headline numbers as the run's summary, and the table of cases without their place on the film."""
        import wandb

        table = cases.drop(columns=[name for name in cases if str(name).endswith(("_x_mm", "_y_mm"))])
        if not self._subjects:
            table = table.assign(sample=[hashed_sample(s, self._identity_key) for s in table["sample"]])
        self.experiment.summary.update(dict(summary))
        listed = wandb.Table(dataframe=table)
        # As a file of the run alone: as an artifact too its record would hold the run folder's path.
        setattr(listed, "_log_type", None)  # noqa: B010 (W&B declares it a constant)
        self.experiment.log({f"test_{unit}": listed})
        if self._images:
            self.experiment.log({path.stem: wandb.Image(str(path)) for path in figures})

    def finish(self) -> None:
        """Close the run, so that the next one of a sweep is its own."""
        if self._experiment is not None:
            self._experiment.finish()


def _identity(kept: Path) -> dict[str, str]:
    """The run's W&B id, the same again when the run goes on."""
    if kept.is_file():
        return {"id": kept.read_text(encoding="ascii").strip(), "resume": "allow"}
    new = secrets.token_hex(4)
    kept.write_text(new + "\n", encoding="ascii")
    return {"id": new}
