"""The tables that a study of osteoarthritis on summed CT reports, from a run's test cases, beside its own numbers.

The study: tables 2 and 3 of radiographic hip osteoarthritis on CT by radiograph-like summation, ResNet18, five mixtures
of training images. Intervals are of a bootstrap over subjects, whose hips are drawn together; of areas under the ROC
curve DeLong's in its form for subjects with several hips.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from hipseg.data.split import cohorts_of, subjects_of
from hipseg.measure.agreement import with_intervals
from hipseg.metrics.classification import class_statistics
from hipseg.metrics.roc_area import auc_interval

OURS, STUDY = "this run", "study"
MEASURES: Final = (
    "accuracy", "balanced_accuracy", "precision", "recall", "specificity", "f1", "roc_auc", "pr_auc", "brier",
    "calibration_error",
)  # fmt: skip
_STUDY_COLUMNS: Final = ("accuracy", "balanced_accuracy", "roc_auc", "roc_auc_low", "roc_auc_high", "pr_auc")
# Of summed CT, 24 hips, by what the network was trained on.
_STUDY_CT: Final = {
    "radiographs": (0.500, 0.600, 0.73, 0.49, 0.89, 0.79),
    "coarse radiographs": (0.500, 0.600, 0.63, 0.37, 0.84, 0.72),
    "summed CT, radiographs": (0.833, 0.822, 0.93, 0.72, 0.99, 0.89),
    "summed CT, coarse radiographs": (0.750, 0.800, 0.87, 0.64, 0.97, 0.87),
    "summed CT": (0.833, 0.822, 0.89, 0.67, 0.97, 0.80),
}


def estimates(cases: pd.DataFrame) -> dict[str, Any]:
    """Every measure of some cases with its 95 % interval, `NAME`, `NAME_low` and `NAME_high`, and how many there are.

    Args:
        cases: `sample` (cohort/subject/...), `positive` and `predicted` (0 or 1), `probability`.
    """
    subjects = subjects_of(cases["sample"])
    truth, called = (cases[name].to_numpy(dtype=bool) for name in ("positive", "predicted"))
    score = cases["probability"].to_numpy(dtype=float)
    table = with_intervals(class_statistics(truth, score, called), subjects.tolist())
    found: dict[str, Any] = {
        "hips": len(cases), "subjects": subjects.nunique(), "positive": int(truth.sum()),
    }  # fmt: skip
    for name, value, low, high in table[["statistic", "value", "low", "high"]].itertuples(index=False):
        found |= {str(name): value, f"{name}_low": low, f"{name}_high": high}
    if found["roc_auc"] == found["roc_auc"] and found["subjects"] > 1:
        # Resampling few subjects makes intervals that are too narrow: experiments/auc_coverage.
        found["roc_auc_low"], found["roc_auc_high"] = auc_interval(truth, score, subjects.to_numpy())
    return found


# Of radiographs, the area under the ROC curve alone; the last is also 0.58 on coarse ones.
_STUDY_XRAY: Final = dict(zip(_STUDY_CT, (0.98, 0.97, 0.98, 0.97, 0.69), strict=True))


def study_rows() -> list[dict[str, Any]]:
    """The study's five models on its summed CT and on its radiographs."""
    rows = []
    for trained, numbers in _STUDY_CT.items():
        said = {"of": f"{STUDY}, trained on {trained}", "tested on": "summed CT", "hips": 24}
        rows.append(said | dict(zip(_STUDY_COLUMNS, numbers, strict=True)))
    for trained, area in _STUDY_XRAY.items():
        rows.append({"of": f"{STUDY}, trained on {trained}", "tested on": "radiographs", "roc_auc": area})
    return rows


def cohort_table(cases: pd.DataFrame) -> pd.DataFrame:
    """A row a cohort of the test cases, then all, then the study's five models.

    Args:
        cases: `test_cases.csv` of a run; see `estimates`.
    """
    cohorts = cohorts_of(cases["sample"])
    rows = [{"of": OURS, "tested on": str(name), **estimates(part)} for name, part in cases.groupby(cohorts)]
    if len(rows) > 1:
        rows.append({"of": OURS, "tested on": "all", **estimates(cases)})
    rows += study_rows()
    ends = [f"{name}{end}" for name in MEASURES for end in ("", "_low", "_high")]
    return pd.DataFrame(rows).reindex(columns=["of", "tested on", "hips", "subjects", "positive", *ends])


def by_width(cases: pd.DataFrame, widths_mm: pd.Series, threshold_mm: float) -> pd.DataFrame:
    """The same cases graded by joint space width alone, as `test_cases.csv` has them.

    Args:
        cases: `test_cases.csv` of a run.
        widths_mm: By sample; cases without a width are left out.
        threshold_mm: Below which a hip is called diseased.
    """
    width = cases["sample"].map(widths_mm).to_numpy(dtype=float)
    known = cases[np.isfinite(width)].copy()
    narrow = -width[np.isfinite(width)]
    # As ranks, so that it is no probability, and has no Brier score to speak of.
    known["probability"] = pd.Series(narrow).rank(pct=True).to_numpy()
    known["predicted"] = (-narrow < threshold_mm).astype(int)
    return known
