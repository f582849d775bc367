"""A run's headline numbers from its per-hip table."""

from __future__ import annotations

import pandas as pd

from hipseg.labels.label_map import LABEL_NAMES
from hipseg.metrics.boundary import BoundaryQuality

BOUNDARY = BoundaryQuality._fields


def summarise(hips: pd.DataFrame) -> dict[str, float]:
    """Headline numbers under the names that summary.json and W&B share.

    Args:
        hips: The columns of `test_hips.csv`; hips whose status is not `ok` are counted and not averaged in.

    Returns:
        `test/hips`, `test/trained_on` (of these, hips of subjects that the network learnt from, if there are any),
        `test/dice/...` in [0, 1], boundary quality by label; `mjsw/...` in mm: mean absolute, mean and
        standard deviation of prediction - reference, mean and SD of the absolute difference between prediction and
        label map (the thesis' table 2), and how many hips failed. Numbers without a hip are left out.
    """
    dice = {name: float(hips[f"dice_{name}"].mean()) for name in LABEL_NAMES[1:]}
    measured = hips[hips["status"] == "ok"]
    error, to_label = measured["error_mm"].dropna(), measured["error_to_label_mm"].dropna().abs()
    boundaries = {
        f"test/{measure}/{name}": float(hips[f"{measure}_{name}"].mean())
        for measure in BOUNDARY
        for name in LABEL_NAMES[1:]
        if f"{measure}_{name}" in hips
    }
    summary = {
        "test/hips": len(hips),
        **({"test/trained_on": int(hips["trained_on"].sum())} if "trained_on" in hips else {}),
        "test/dice/mean": sum(dice.values()) / len(dice),
        **{f"test/dice/{name}": value for name, value in dice.items()},
        **boundaries,
        "mjsw/mae_mm": float(error.abs().mean()),
        "mjsw/bias_mm": float(error.mean()),
        "mjsw/sd_mm": float(error.std()),
        "mjsw/mean_abs_to_label_mm": float(to_label.mean()),
        "mjsw/sd_abs_to_label_mm": float(to_label.std()),
        "mjsw/measured": len(measured),
        "mjsw/failed": len(hips) - len(measured),
    }
    return {name: value for name, value in summary.items() if value == value}


def by_cohort(hips: pd.DataFrame) -> pd.DataFrame:
    """`summarise` for every cohort and for all, a row each."""
    cohorts = hips["sample"].str.split("/").str[0]
    rows = {str(cohort): summarise(part) for cohort, part in hips.groupby(cohorts)}
    return pd.DataFrame.from_dict(rows | {"all": summarise(hips)}, orient="index").rename_axis("cohort")
