"""Curves of a run per epoch."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator


def draw_curves(metrics: Path, path: Path) -> bool:
    """Loss and Dice, or scores of classes, per epoch from Lightning's metrics.csv; False if there is none to draw."""
    if not metrics.is_file():
        return False
    table = pd.read_csv(metrics)
    if "val/loss" not in table:
        return False
    epochs = table.groupby(table["epoch"] + 1).mean(numeric_only=True)  # counted from 1, as the lines of progress do
    figure = Figure(figsize=(10, 4), dpi=110)
    left, right = figure.subplots(1, 2)
    for stage in ("train", "val"):
        if f"{stage}/loss" in epochs:
            left.plot(epochs.index, epochs[f"{stage}/loss"], label=stage)
    overlaps = [str(name) for name in epochs if str(name).startswith("val/dice/")]
    for column in overlaps or [name for name in ("val/roc_auc", "val/balanced_accuracy") if name in epochs]:
        label = column.removeprefix("val/").removeprefix("dice/").replace("_", " ").replace("roc auc", "area under ROC")
        right.plot(epochs.index, epochs[column], label=label)
    left.set(xlabel="epoch", ylabel="loss", title="Loss")
    said = "Dice" if overlaps else "score"
    right.set(xlabel="epoch", ylabel=said, title=f"Validation {said}", ylim=(0, 1))
    for axes in (left, right):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend()
    figure.tight_layout()
    figure.savefig(path)
    return True
