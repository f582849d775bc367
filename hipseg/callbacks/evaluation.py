"""After the fit: every test case judged by evaluators, tables and figures in the run folder."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from hipseg.data.identity import already_seen
from hipseg.data.split import cohorts_of
from hipseg.evaluation.evaluator import Case, Evaluator, GradedCase
from hipseg.tasks.segmentation import SegmentationTask


class _Row(NamedTuple):
    """The columns of a case's row, and what each evaluator keeps of it."""

    columns: dict[str, Any]
    kept: dict[str, Any]


class Evaluation(Callback):
    """Gives every test case to evaluators and writes the results of the run.

    That is `test_UNIT.csv`, a row a case, where UNIT is what the dataset's cases are (hips); `cohorts.csv` and
    `summary.json`; and what the evaluators write.

    Args:
        evaluators: By name, in the order of their columns.
        folder: The run folder.

    Attributes:
        summary: The headline numbers, once the test is done.
    """

    def __init__(self, evaluators: Mapping[str, Evaluator], folder: Path) -> None:
        self._evaluators, self._folder = dict(evaluators), Path(folder)
        self._rows: dict[str, _Row] = {}
        self.summary: dict[str, float] = {}

    @property
    def headlines(self) -> dict[str, tuple[str, str]]:
        """The numbers a run ends with: name in the summary, title, format."""
        return {name: said for each in self._evaluators.values() for name, said in each.headlines.items()}

    def begin(self, data: Any) -> None:
        """Tell the evaluators what will be judged, before any time is spent.

        Raises:
            HipsegError: If one can't judge it.
        """
        for evaluator in self._evaluators.values():
            evaluator.begin(data)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin anew, with the cases that the store has nothing of as missed."""
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        self.begin(data)
        self._rows = {}
        if isinstance(pl_module, SegmentationTask) and trainer.is_global_zero:
            pl_module.test_dice.miss(len(data.missing))

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Judge the cases of one batch."""
        store = trainer.datamodule.store  # type: ignore[attr-defined]
        cases = _graded_cases if hasattr(batch, "grade") else _segmented_cases
        for case in cases(store, outputs, batch):
            judged = {name: evaluator.compare(case) for name, evaluator in self._evaluators.items()}
            key = case.key
            columns = {"sample": key} | {name: v for each in judged.values() for name, v in each.columns.items()}
            self._rows[key] = _Row(columns, {name: each.kept for name, each in judged.items()})

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write tables and figures, and hand the results to loggers that take them."""
        rows = _of_all_processes(self._rows)
        if not trainer.is_global_zero:
            return
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        ordered = {key: rows[key] for key in data.samples["test"] if key in rows}
        cases = pd.DataFrame([row.columns for row in ordered.values()] + [self._missing(key) for key in data.missing])
        record = getattr(pl_module, "record", {})
        seen = already_seen(record.get("training", {}), data.store, cases["sample"].tolist())
        if seen:
            cases["trained_on"] = cases["sample"].isin(seen)
        figures = self._write(data.test_dataset.unit, cases, ordered)
        for logger in trainer.loggers:
            if hasattr(logger, "log_evaluation"):
                logger.log_evaluation(self.summary, data.test_dataset.unit, cases, figures)

    def _write(self, unit: str, cases: pd.DataFrame, rows: Mapping[str, _Row]) -> list[Path]:
        folder = self._folder
        (folder / "figures").mkdir(parents=True, exist_ok=True)
        cases.to_csv(folder / f"test_{unit}.csv", index=False, float_format="%.6g")
        cohorts = cohorts_of(cases["sample"])
        by_cohort = {str(name): self._summarise(unit, part) for name, part in cases.groupby(cohorts)}
        self.summary = self._summarise(unit, cases)
        table = pd.DataFrame.from_dict(by_cohort | {"all": self.summary}, orient="index").rename_axis("cohort")
        table.to_csv(folder / "cohorts.csv", float_format="%.6g")
        figures: list[Path] = []
        for name, evaluator in self._evaluators.items():
            kept = {key: row.kept[name] for key, row in rows.items() if row.kept[name] is not None}
            found = evaluator.finish(cases, kept, folder)
            self.summary |= found.summary
            figures += found.figures
        (folder / "summary.json").write_text(json.dumps(self.summary, indent=2) + "\n")
        return figures

    def _missing(self, key: str) -> dict[str, Any]:
        columns = (evaluator.missing(key) for evaluator in self._evaluators.values())
        return {"sample": key} | {name: value for each in columns for name, value in each.items()}

    def _summarise(self, unit: str, cases: pd.DataFrame) -> dict[str, float]:
        summary: dict[str, float] = {f"test/{unit}": len(cases)}
        if "trained_on" in cases:
            summary["test/trained_on"] = int(cases["trained_on"].sum())
        for evaluator in self._evaluators.values():
            summary |= evaluator.summarise(cases)
        return {name: value for name, value in summary.items() if value == value}


def _segmented_cases(store: Any, outputs: Any, batch: Any) -> Iterator[Case]:
    """The cases of a batch of images with label maps."""
    keys = store.samples["key"]
    probabilities = outputs["probabilities"].to("cpu").numpy()
    predicted = outputs["labels"].to("cpu").numpy().astype(np.uint8)
    truth, outside = batch.label.cpu().numpy(), batch.outside.cpu().numpy()
    for i, row in enumerate(batch.row.tolist()):
        key = str(keys.iloc[row])
        yield Case(key, row, probabilities[i], predicted[i], truth[i], outside[i], store.spacing_mm(row))


def _graded_cases(store: Any, outputs: Any, batch: Any) -> Iterator[GradedCase]:
    """The cases of a batch of images with grades."""
    keys, threshold = store.samples["key"], float(outputs["threshold"])
    probabilities = outputs["probabilities"].to("cpu").numpy()
    for i, row in enumerate(batch.row.tolist()):
        predicted = int(probabilities[i].argmax())
        yield GradedCase(str(keys.iloc[row]), row, float(batch.grade[i]), probabilities[i], predicted, threshold)


def _of_all_processes(rows: dict[str, _Row]) -> dict[str, _Row]:
    """The cases that every process of a distributed test judged."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return rows
    parts: list[dict[str, _Row]] = [{} for _ in range(torch.distributed.get_world_size())]
    torch.distributed.all_gather_object(parts, rows)
    return {key: row for part in parts for key, row in part.items()}
