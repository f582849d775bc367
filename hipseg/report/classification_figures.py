"""Figures of a classifier's test: ROC and precision-recall curves with bands, calibration, confusion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from hipseg.data.split import subjects_of
from hipseg.metrics.classification import average_precision, confusion, roc_auc

Values = NDArray[np.float64]
_GRID: Final = np.linspace(0, 1, 101)
_RESAMPLES: Final = 500
_BINS: Final = 10


def draw_classification(cases: pd.DataFrame, classes: Sequence[str], folder: Path) -> list[Path]:
    """Draw a run's test cases.

    Args:
        cases: `sample`, `positive`, `probability`, `predicted`, `true_class` and `predicted_class` (indices).
        classes: Their names.
        folder: Of the figures.

    Returns:
        The files.
    """
    drawn = {"curves_of_classes": _draw_curves, "calibration": _draw_calibration}
    paths = []
    for name, draw in drawn.items():
        paths.append(folder / f"{name}.png")
        draw(cases, paths[-1])
    paths.append(folder / "confusion.png")
    _draw_confusion(cases, classes, paths[-1])
    return paths


def _draw_curves(cases: pd.DataFrame, path: Path) -> None:
    figure = Figure(figsize=(9.2, 4.4), dpi=110)
    left, right = figure.subplots(1, 2)
    one = np.ones((1, len(cases)))
    for axes, curve, area, labels in (
        (left, _roc, roc_auc, ("false positive rate", "true positive rate", "ROC")),
        (right, _precision_recall, average_precision, ("recall", "precision", "Precision and recall")),
    ):
        truth, score = _truth_and_score(cases)
        if 0 < truth.sum() < len(truth):
            low, high = _band(cases, curve)
            axes.fill_between(_GRID, low, high, alpha=0.2, linewidth=0, label="95 % by subject")
            axes.plot(_GRID, curve(truth, score), label=f"area {area(truth, score, one)[0]:.3f}")
        axes.set(xlabel=labels[0], ylabel=labels[1], xlim=(0, 1), ylim=(0, 1.02))
        axes.set_title(f"{labels[2]}: {len(cases)} hips, {int(truth.sum())} positive", fontsize=10)
        axes.legend(loc="lower right" if axes is left else "lower left", fontsize=8)
    left.plot([0, 1], [0, 1], color="0.6", linewidth=0.8, linestyle=":")
    right.axhline(cases["positive"].mean(), color="0.6", linewidth=0.8, linestyle=":")
    figure.tight_layout()
    figure.savefig(path)


def _truth_and_score(cases: pd.DataFrame) -> tuple[NDArray[np.bool_], Values]:
    return cases["positive"].to_numpy(dtype=bool), cases["probability"].to_numpy(dtype=float)


def _roc(truth: NDArray[np.bool_], score: Values) -> Values:
    false, caught, _ = roc_curve(truth, score)
    return np.asarray(np.interp(_GRID, false, caught))


def _precision_recall(truth: NDArray[np.bool_], score: Values) -> Values:
    precision, recall, _ = precision_recall_curve(truth, score)
    # A step: the precision of the next higher recall that is reached.
    return np.asarray(precision[::-1][np.searchsorted(recall[::-1], _GRID).clip(0, len(recall) - 1)])


def _band(cases: pd.DataFrame, curve: Callable[[NDArray[np.bool_], Values], Values]) -> tuple[Values, Values]:
    """Lower and upper end over draws of subjects, on the grid."""
    subjects = subjects_of(cases["sample"])
    rows = list(subjects.groupby(subjects).indices.values())
    truth, score = _truth_and_score(cases)
    rng, found = np.random.default_rng(0), []
    for _ in range(_RESAMPLES):
        chosen = np.concatenate([rows[i] for i in rng.integers(0, len(rows), len(rows))])
        if 0 < truth[chosen].sum() < len(chosen):
            found.append(curve(truth[chosen], score[chosen]))
    low, high = np.percentile(found, (2.5, 97.5), axis=0)
    return low, high


def _draw_calibration(cases: pd.DataFrame, path: Path) -> None:
    truth, score = _truth_and_score(cases)
    which = np.minimum((score * _BINS).astype(int), _BINS - 1)
    figure = Figure(figsize=(4.6, 4.8), dpi=110)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    upper.plot([0, 1], [0, 1], color="0.6", linewidth=0.8, linestyle=":")
    for number in np.unique(which):
        part = which == number
        share, count = truth[part].mean(), int(part.sum())
        reach = 1.96 * np.sqrt(max(share * (1 - share), 0.25 / count) / count)  # wide where few cases are
        upper.errorbar(score[part].mean(), share, reach, color="C0", marker="o", markersize=5, capsize=2)
    upper.set(ylabel="share of positive hips", xlim=(0, 1), ylim=(0, 1), title="Calibration")
    lower.hist(score, bins=_BINS, range=(0, 1), color="0.7")
    lower.set(xlabel="probability", ylabel="hips")
    figure.tight_layout()
    figure.savefig(path)


def _draw_confusion(cases: pd.DataFrame, classes: Sequence[str], path: Path) -> None:
    called = cases["predicted"].to_numpy(dtype=int), cases["positive"].to_numpy(dtype=int)
    pairs: list[tuple[Any, Any, Sequence[str], str]] = [
        (called[1], called[0], ("negative", "positive"), "at the threshold of validation"),
    ]
    if len(classes) > 2:
        by_class = cases["true_class"].to_numpy(dtype=int), cases["predicted_class"].to_numpy(dtype=int)
        pairs.append((*by_class, classes, "likeliest class"))
    figure = Figure(figsize=(4.2 * len(pairs), 4.0), dpi=110)
    for axes, (truth, found, names, title) in zip(figure.subplots(1, len(pairs), squeeze=False)[0], pairs, strict=True):
        _draw_counts(axes, confusion(truth, found, len(names)), names)
        axes.set_title(title, fontsize=10)
    figure.tight_layout()
    figure.savefig(path)


def _draw_counts(axes: Axes, counts: NDArray[np.int64], names: Sequence[str]) -> None:
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        dark = share[row, column] > 0.5
        axes.text(column, row, str(count), ha="center", va="center", color="white" if dark else "black")
    axes.set_xticks(range(len(names)), [name.replace("_", " ") for name in names])
    axes.set_yticks(range(len(names)), [name.replace("_", " ") for name in names])
    axes.set(xlabel="found", ylabel="graded")
