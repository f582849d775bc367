"""How well scores tell two classes apart, for any weighting of cases.

Rule for sets of one class, used everywhere: what compares both classes is NaN.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Truth = NDArray[np.bool_] | NDArray[np.int64]


def roc_auc(truth: Truth, score: Values, weights: Values) -> Values:
    """Area under the ROC curve: how often a positive case has the higher score; ties count half.

    Args:
        truth: (n,) whether a case is positive.
        score: (n,) the higher, the likelier.
        weights: (B, n) how often each case counts.

    Returns:
        (B,) in [0, 1].
    """
    positive, negative = _by_score(truth, score, weights)
    below = np.cumsum(negative, axis=1) - negative / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return (positive * below).sum(axis=1) / (positive.sum(axis=1) * negative.sum(axis=1))


def average_precision(truth: Truth, score: Values, weights: Values) -> Values:
    """Area under the precision-recall curve as the mean precision over the positive cases (no interpolation).

    Args:
        truth: See `roc_auc`.
        score: See `roc_auc`.
        weights: See `roc_auc`.
    """
    positive, negative = (part[:, ::-1] for part in _by_score(truth, score, weights))
    found, false = np.cumsum(positive, axis=1), np.cumsum(negative, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(found + false > 0, found / (found + false), 0)
        return (positive * precision).sum(axis=1) / positive.sum(axis=1)


def _by_score(truth: Truth, score: Values, weights: Values) -> tuple[Values, Values]:
    """Weight of positive and of negative cases at every distinct score, rising."""
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.concatenate([[True], np.diff(score[order]) > 0]))
    is_positive = np.asarray(truth, dtype=float)[order]
    sorted_weights = weights[:, order]
    positive = np.add.reduceat(sorted_weights * is_positive, starts, axis=1)
    return positive, np.add.reduceat(sorted_weights * (1 - is_positive), starts, axis=1)


def best_threshold(truth: Truth, score: Values) -> float:
    """The score from which on cases are called positive, such that Youden's index is largest (Youden, Cancer 1950).

    Half-way down to the next lower score, so that neither side is favoured; of several the highest.

    Args:
        truth: (n,) whether a case is positive.
        score: (n,) the higher, the likelier.
    """
    distinct = np.unique(score)
    positive, negative = _by_score(truth, score, np.ones((1, len(score))))
    caught, false = (part[0, ::-1].cumsum()[::-1] / part.sum() for part in (positive, negative))
    best = int(len(distinct) - 1 - np.argmax((caught - false)[::-1]))
    return float(distinct[best] if best == 0 else (distinct[best] + distinct[best - 1]) / 2)


def class_statistics(truth: Truth, score: Values, called: Truth) -> Callable[[Values], dict[str, Values]]:
    """What is computed of classified cases, for any weighting of them.

    Precision is NaN where nothing is called positive, recall and specificity where there is nothing of their class.

    Args:
        truth: (n,) whether a case is positive.
        score: (n,) the probability of that.
        called: (n,) whether it is called so.
    """
    is_positive, is_called = (np.asarray(part, dtype=float) for part in (truth, called))

    def of(weights: Values) -> dict[str, Values]:
        total = weights.sum(axis=1)
        right, false = weights @ (is_positive * is_called), weights @ ((1 - is_positive) * is_called)
        missed, sound = weights @ (is_positive * (1 - is_called)), weights @ ((1 - is_positive) * (1 - is_called))
        with np.errstate(invalid="ignore", divide="ignore"):
            recall, specificity = right / (right + missed), sound / (sound + false)
            return {
                "roc_auc": roc_auc(truth, score, weights),
                "pr_auc": average_precision(truth, score, weights),
                "accuracy": (right + sound) / total,
                "balanced_accuracy": (recall + specificity) / 2,
                "precision": right / (right + false),
                "recall": recall,
                "specificity": specificity,
                "f1": 2 * right / (2 * right + false + missed),
                "brier": weights @ (score - is_positive) ** 2 / total,
                "calibration_error": calibration_error(truth, score, weights),
            }

    return of


def calibration_error(truth: Truth, score: Values, weights: Values, bins: int = 10) -> Values:
    """How far, on average, the share of positive cases lies from the mean probability, over bins of equal width.

    Naeini et al., AAAI 2015. See `roc_auc` for the arguments and the result.
    """
    which = np.minimum((np.asarray(score) * bins).astype(int), bins - 1)
    member = (which[:, None] == np.arange(bins)).astype(float)
    away = weights @ (member * (np.asarray(truth, dtype=float) - score)[:, None])
    gap: Values = np.abs(away).sum(axis=1) / weights.sum(axis=1)
    return gap


def weighted_kappa(truth: NDArray[np.int64], found: NDArray[np.int64], classes: int) -> float:
    """Cohen's kappa of ordinal classes with quadratic weights (Cohen, Psychol Bull 1968); NaN if it is not defined.

    Args:
        truth: (n,) indices of classes.
        found: (n,) likewise.
        classes: How many there are.
    """
    counts = confusion(truth, found, classes).astype(float)
    away = (np.arange(classes)[:, None] - np.arange(classes)) ** 2
    by_chance = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / max(counts.sum(), 1)
    expected = (away * by_chance).sum()
    return float(1 - (away * counts).sum() / expected) if expected else float("nan")


def confusion(truth: NDArray[np.int64], found: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """(classes, classes): how many cases of each class (rows) were found to be of each (columns)."""
    return np.bincount(truth * classes + found, minlength=classes**2).reshape(classes, classes)
