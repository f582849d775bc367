"""Runs that grade hips compared: the tables of the study of summed CT, and each pair of runs on the same hips."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from sklearn.metrics import roc_curve

from hipseg.data.split import cohorts_of, subjects_of
from hipseg.metrics.roc_area import auc_difference
from hipseg.report.classification_tables import estimates, study_rows

_ALL: Final = "all"
_FEWEST: Final = 2  # hips of either kind, below which there is no curve


def is_graded(cases: pd.DataFrame) -> bool:
    """Whether a run's table of test cases is of hips that were graded."""
    return {"sample", "positive", "predicted", "probability"} <= set(cases)


def write_class_comparison(runs: Mapping[str, pd.DataFrame], folder: Path) -> list[Path]:
    """Write `models.csv`, `pairs.csv` and the ROC curves of every cohort, `roc_COHORT.png`.

    Args:
        runs: Test cases by the run's name; see `is_graded`.
        folder: Where to.

    Returns:
        The figures.
    """
    known = {name: cases.dropna(subset=["probability"]) for name, cases in runs.items()}
    cohorts = sorted({str(cohort) for cases in known.values() for cohort in cohorts_of(cases["sample"])})
    by_cohort = {
        c: {name: part for name, cases in known.items() if len(part := cases[cohorts_of(cases["sample"]) == c])}
        for c in cohorts
    }
    if len(cohorts) > 1:
        by_cohort[_ALL] = known
    folder.mkdir(parents=True, exist_ok=True)
    models, pairs, figures = list[dict[str, Any]](), list[dict[str, Any]](), list[Path]()
    for cohort, of in by_cohort.items():
        models += [{"of": name, "tested on": cohort, **estimates(cases)} for name, cases in of.items()]
        pairs += [{"tested on": cohort, **_pair(of, *names)} for names in combinations(of, 2)]
        figures.append(folder / f"roc_{cohort}.png")
        _draw(of, cohort, figures[-1])
    pd.DataFrame([*models, *study_rows()]).to_csv(folder / "models.csv", index=False, float_format="%.4g")
    columns = ["tested on", "first", "second", "hips", "roc_auc_difference", "low", "high", "p"]
    pd.DataFrame(pairs, columns=columns).to_csv(folder / "pairs.csv", index=False, float_format="%.4g")
    return figures


def _pair(of: Mapping[str, pd.DataFrame], first: str, second: str) -> dict[str, Any]:
    """Two runs on the hips that both have graded, by DeLong's test."""
    same = of[first].merge(of[second], on=["sample", "positive"], suffixes=("", "_second"))
    scores = [same[name].to_numpy(dtype=float) for name in ("probability", "probability_second")]
    subjects = subjects_of(same["sample"]).to_numpy()
    found = auc_difference(same["positive"].to_numpy(dtype=bool), scores[0], scores[1], subjects)
    return {
        "first": first, "second": second, "hips": len(same), "roc_auc_difference": found.difference, "low": found.low,
        "high": found.high, "p": found.p,
    }  # fmt: skip


def _draw(of: Mapping[str, pd.DataFrame], cohort: str, path: Path) -> None:
    figure = Figure(figsize=(5.2, 5.0), dpi=110)
    axes = figure.subplots()
    hips = set[str]()
    for name, cases in of.items():
        truth, score = cases["positive"].to_numpy(dtype=bool), cases["probability"].to_numpy(dtype=float)
        hips |= set(cases["sample"])
        if min(np.count_nonzero(truth), np.count_nonzero(~truth)) >= _FEWEST:
            false, caught, _ = roc_curve(truth, score)
            axes.plot(false, caught, label=f"{name}: {np.trapezoid(caught, false):.3f}")
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=0.8, linestyle=":")
    axes.set(xlabel="false positive rate", ylabel="true positive rate", xlim=(0, 1), ylim=(0, 1.02))
    axes.set_title(f"{cohort}: {len(hips)} hips, areas under the curves", fontsize=10)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower right", fontsize=8)
    figure.tight_layout()
    figure.savefig(path)
