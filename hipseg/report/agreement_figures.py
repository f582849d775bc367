"""Predicted against reference mJSW, drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hipseg.data.split import cohorts_of

_AGAINST = {"points": ("mjsw_reference_mm", "reference"), "truth": ("mjsw_truth_mm", "true")}


def draw_agreement(hips: pd.DataFrame, agreement: pd.DataFrame, path: Path) -> None:
    """Predicted against reference mJSW, and their difference against their mean (Bland and Altman, Lancet 1986).

    Args:
        hips: The columns of `test_hips.csv`; a second row of plots shows the true widths where they are known.
        agreement: As `hipseg.report.agreement` makes it; its intervals are shaded.
        path: PNG file.
    """
    hips = hips[hips["status"] == "ok"]
    rows = [against for against, (column, _) in _AGAINST.items() if column in hips]
    figure = Figure(figsize=(10, 4.6 * len(rows)), dpi=110)
    for axes, against in zip(figure.subplots(len(rows), 2, squeeze=False), rows, strict=True):
        column, name = _AGAINST[against]
        known = hips[hips[column].notna()]
        chosen = agreement[(agreement["cohort"] == "all") & (agreement["against"] == against)]
        _draw_scatter(axes[0], known, column, name)
        _draw_differences(axes[1], known, column, name, chosen.set_index("statistic"))
    figure.tight_layout()
    figure.savefig(path)


def _draw_scatter(axes: Axes, hips: pd.DataFrame, column: str, name: str) -> None:
    for cohort, part in hips.groupby(cohorts_of(hips["sample"])):
        axes.plot(part[column], part["mjsw_predicted_mm"], "o", markersize=4, alpha=0.7, label=str(cohort))
    if len(hips):
        top = float(hips[[column, "mjsw_predicted_mm"]].to_numpy(dtype=float).max()) + 0.3
        axes.plot([0, top], [0, top], "k-", linewidth=0.8)
        axes.legend()
    axes.set(xlabel=f"{name} mJSW (mm)", ylabel="predicted mJSW (mm)", title=f"{len(hips)} measured hips")


def _draw_differences(axes: Axes, hips: pd.DataFrame, column: str, name: str, agreement: pd.DataFrame) -> None:
    for _, part in hips.groupby(cohorts_of(hips["sample"])):
        difference, mean = part["mjsw_predicted_mm"] - part[column], (part["mjsw_predicted_mm"] + part[column]) / 2
        axes.plot(mean, difference, "o", markersize=4, alpha=0.7)
    for statistic, style in (("bias_mm", "-"), ("loa_low_mm", "--"), ("loa_high_mm", "--")):
        if statistic not in agreement.index:
            continue
        value, low, high = (float(agreement[part].astype(float)[statistic]) for part in ("value", "low", "high"))
        if not np.isfinite(value):
            continue
        said = {"bias_mm": f"bias {value:+.2f} mm", "loa_high_mm": "95 % limits of agreement"}.get(statistic)
        axes.axhline(value, color="k", linestyle=style, linewidth=0.8, label=said)
        if np.isfinite(low):
            axes.axhspan(low, high, color="k", alpha=0.1, linewidth=0)
    if len(agreement):
        axes.legend(title="shaded: 95 % intervals", fontsize=8, title_fontsize=8)
    axes.set(xlabel="mean of both (mm)", ylabel=f"predicted - {name} (mm)", title="Difference against mean")
