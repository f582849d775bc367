"""Classes of hips against what a reader graded, and joint space width alone beside them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from hipseg.data.annotations import read_annotations, require_annotated
from hipseg.data.split import subjects_of
from hipseg.errors import HipsegError
from hipseg.evaluation.evaluator import Findings, GradedCase, Judged
from hipseg.metrics.classification import best_threshold, weighted_kappa
from hipseg.metrics.roc_area import auc_difference
from hipseg.report.classification_figures import draw_classification
from hipseg.report.classification_tables import by_width, cohort_table, estimates

_HEADLINES: Final = {
    "roc_auc": "ROC AUC", "pr_auc": "PR AUC", "balanced_accuracy": "bal. accuracy", "recall": "recall",
    "specificity": "specificity", "brier": "Brier",
}  # fmt: skip


class Classification:
    """Areas under curves, accuracies, Brier score and calibration, each with an interval by subject.

    A case is called positive at the threshold that validation chose. Intervals of a bootstrap of few subjects are wide:
    with 24 hips an area of 0.9 is uncertain by more than a tenth.

    Args:
        annotations: CSV with `key` and `mjsw_mm` of validation and test hips, by which the same hips are called by
            their joint space width alone; None if there is none.
    """

    def __init__(self, annotations: Path | None = None) -> None:
        self._annotations = annotations
        self._cases: Any = None
        self._widths: pd.Series | None = None
        self._threshold_mm = float("nan")

    @property
    def headlines(self) -> Mapping[str, tuple[str, str]]:
        """The measures that fit into a line."""
        return {f"test/{name}": (title, "{:.3f}") for name, title in _HEADLINES.items()}

    def begin(self, data: Any) -> None:
        """See `Evaluator`.

        Raises:
            HipsegError: If the dataset has no classes, or the annotations know none of its hips.
        """
        self._cases = data.test_dataset
        if not hasattr(self._cases, "classes"):
            raise HipsegError("evaluation: the dataset has no classes; choose another evaluation=")
        if self._annotations is not None:
            table = read_annotations(Path(self._annotations))
            require_annotated(table, data.samples["test"])
            self._widths = table["mjsw_mm"].dropna()
            self._threshold_mm = self._best_width(data)

    def _best_width(self, data: Any) -> float:
        """Below which validation hips are best called diseased."""
        assert self._widths is not None
        rows = data.store.rows_by_key
        known = [key for key in data.samples["val"] if key in self._widths.index]
        targets = {key: self._cases.target(float(data.store.grades[rows[key]])) for key in known}
        chosen = [key for key, target in targets.items() if target is not None]
        truth = np.array([targets[key] >= self._cases.positive_from for key in chosen])
        if not 0 < truth.sum() < len(truth):
            raise HipsegError(
                "annotations: they know widths of one class of validation hips only; a threshold needs both"
            )
        return -best_threshold(truth, -self._widths[chosen].to_numpy(dtype=float))

    def compare(self, case: GradedCase) -> Judged:
        """`grade`, `true_class`, `predicted_class`, `positive`, `probability`, `threshold`, `predicted`."""
        probability = float(case.probabilities[self._cases.positive_from :].sum())
        target = self._cases.target(case.grade)
        columns = {
            "grade": case.grade, "true_class": target, "predicted_class": case.predicted,
            "positive": int(target >= self._cases.positive_from), "probability": probability,
            "threshold": case.threshold, "predicted": int(probability >= case.threshold),
        }  # fmt: skip
        return Judged(columns)

    def missing(self, key: str) -> dict[str, Any]:
        """Nothing is known of a hip that was not found."""
        return {}

    def summarise(self, cases: pd.DataFrame) -> dict[str, float]:
        """`test/roc_auc` and so on, intervals as `..._low` and `..._high`; those that are not defined are left out."""
        known = cases.dropna(subset=["probability"])
        if not len(known):
            return {}
        found = {f"test/{name}": float(value) for name, value in estimates(known).items() if name != "hips"}
        found["test/threshold"] = float(known["threshold"].iloc[0])
        if len(self._cases.classes) > 2:
            truth, said = (known[name].to_numpy(dtype=np.int64) for name in ("true_class", "predicted_class"))
            found["test/weighted_kappa"] = weighted_kappa(truth, said, len(self._cases.classes))
        return found

    def finish(self, cases: pd.DataFrame, kept: Mapping[str, Any], folder: Path) -> Findings:
        """Write `table_classes.csv`, with widths `table_width.csv`, and draw curves, calibration and confusion."""
        known = cases.dropna(subset=["probability"])
        if not len(known):
            return Findings({}, [])
        cohort_table(known).to_csv(folder / "table_classes.csv", index=False, float_format="%.4g")
        summary = self._beside_width(known, folder) if self._widths is not None else {}
        return Findings(summary, draw_classification(known, self._cases.classes, folder / "figures"))

    def _beside_width(self, cases: pd.DataFrame, folder: Path) -> dict[str, float]:
        """The network and the width alone on the hips whose width is known."""
        assert self._widths is not None
        narrow = by_width(cases, self._widths, self._threshold_mm)
        same = cases[cases["sample"].isin(narrow["sample"])]
        rows = [{"graded by": "network", **estimates(same)}]
        alone = {name: value for name, value in estimates(narrow).items() if not name.startswith(("brier", "calib"))}
        rows.append({"graded by": f"joint space width below {self._threshold_mm:.2f} mm", **alone})
        pd.DataFrame(rows).to_csv(folder / "table_width.csv", index=False, float_format="%.4g")
        truth = same["positive"].to_numpy(dtype=bool)
        scores = [part["probability"].to_numpy(dtype=float) for part in (same, narrow)]
        found = auc_difference(truth, scores[0], scores[1], subjects_of(same["sample"]).to_numpy())
        return {
            "test/width_roc_auc": alone["roc_auc"], "test/width_threshold_mm": self._threshold_mm,
            "test/roc_auc_over_width": found.difference, "test/roc_auc_over_width_p": found.p,
        }  # fmt: skip
