"""Figures of a run: predicted against reference mJSW, and curves per epoch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure


def draw_agreement(hips: pd.DataFrame, path: Path) -> None:
    """Predicted against reference mJSW, and their difference against their mean (Bland and Altman, Lancet 1986)."""
    hips = hips[hips["status"] == "ok"]
    figure = Figure(figsize=(10, 4.6), dpi=110)
    left, right = figure.subplots(1, 2)
    cohorts = hips["sample"].str.split("/").str[0]
    for cohort, part in hips.groupby(cohorts):
        reference, predicted = part["mjsw_reference_mm"], part["mjsw_predicted_mm"]
        left.plot(reference, predicted, "o", markersize=4, alpha=0.7, label=str(cohort))
        right.plot((reference + predicted) / 2, predicted - reference, "o", markersize=4, alpha=0.7)
    if len(hips):
        top = float(max(hips["mjsw_reference_mm"].max(), hips["mjsw_predicted_mm"].max())) + 0.3
        left.plot([0, top], [0, top], "k-", linewidth=0.8)
        left.legend()
        mean, sd = hips["error_mm"].mean(), hips["error_mm"].std()
        right.axhline(mean, color="k", linewidth=0.8, label=f"mean {mean:+.2f} mm")
        if np.isfinite(sd):
            for limit in (mean - 1.96 * sd, mean + 1.96 * sd):
                right.axhline(limit, color="k", linestyle="--", linewidth=0.8)
            right.plot([], [], "k--", linewidth=0.8, label=f"95 % limits, SD {sd:.2f} mm")
        right.legend()
    left.set(xlabel="reference mJSW (mm)", ylabel="predicted mJSW (mm)", title=f"{len(hips)} measured hips")
    right.set(xlabel="mean of both (mm)", ylabel="predicted - reference (mm)", title="Difference against mean")
    figure.tight_layout()
    figure.savefig(path)


def draw_curves(metrics: Path, path: Path) -> bool:
    """Loss and Dice per epoch from Lightning's metrics.csv; False if there is none to draw."""
    if not metrics.is_file():
        return False
    table = pd.read_csv(metrics)
    if "val/loss" not in table:
        return False
    epochs = table.groupby("epoch").mean(numeric_only=True)
    figure = Figure(figsize=(10, 4), dpi=110)
    left, right = figure.subplots(1, 2)
    for stage in ("train", "val"):
        if f"{stage}/loss" in epochs:
            left.plot(epochs.index, epochs[f"{stage}/loss"], label=stage)
    for column in (name for name in epochs if str(name).startswith("val/dice/")):
        right.plot(epochs.index, epochs[column], label=str(column).removeprefix("val/dice/").replace("_", " "))
    left.set(xlabel="epoch", ylabel="loss", title="Loss")
    right.set(xlabel="epoch", ylabel="Dice", title="Validation Dice", ylim=(0, 1))
    left.legend()
    right.legend()
    figure.tight_layout()
    figure.savefig(path)
    return True
