"""How sure an area under the ROC curve is, and the difference of two on the same cases.

By DeLong et al. (Biometrics 1988), in Obuchowski's form for subjects of whom there are several cases (Biometrics 1997);
computed by ranks (Sun and Xu, IEEE Signal Process Lett 2014). With a case a subject both are one.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import norm, rankdata

Values = NDArray[np.float64]
Truth = NDArray[np.bool_] | NDArray[np.int64]

_Z: Final = float(norm.ppf(0.975))
_TINY: Final = 1e-9


class AucDifference(NamedTuple):
    """The first classifier's area minus the second's.

    Attributes:
        difference: Of both areas.
        error: Its standard error.
        low: Lower end of its 95 % interval.
        high: Upper end.
        p: Of no difference, two-sided; 1 where both rank all cases alike.
    """

    difference: float
    error: float
    low: float
    high: float
    p: float


def auc_difference(truth: Truth, first: Values, second: Values, subjects: NDArray[np.generic]) -> AucDifference:
    """Compare two classifiers' scores of the same cases.

    Args:
        truth: (n,) whether a case is positive; both kinds are needed, of two subjects each.
        first: (n,) scores, the higher, the likelier.
        second: (n,) likewise.
        subjects: (n,) whose case it is.

    Returns:
        NaN everywhere if there are too few cases of a class.
    """
    areas, spread = _areas(np.asarray(truth, dtype=bool), [first, second], subjects)
    if np.isnan(spread).any():
        return AucDifference(*[float("nan")] * 5)
    difference = float(areas[0] - areas[1])
    error = float(np.sqrt(max(spread[0, 0] + spread[1, 1] - 2 * spread[0, 1], 0)))
    p = float(2 * norm.sf(abs(difference) / error)) if error > 0 else float(difference == 0)
    return AucDifference(difference, error, difference - _Z * error, difference + _Z * error, p)


def auc_interval(truth: Truth, score: Values, subjects: NDArray[np.generic]) -> tuple[float, float]:
    """95 % interval of an area under the ROC curve.

    On the scale of its logit, where it stays within 0 and 1 (Pepe, The Statistical Evaluation of Medical Tests, 2003);
    `newcombe_interval` where no case, or every one, is ranked wrongly, so that there is no error to be seen.

    Args:
        truth: (n,) whether a case is positive.
        score: (n,) the higher, the likelier.
        subjects: (n,) whose case it is.

    Returns:
        NaN at both ends if there are cases of one class only.
    """
    positive = np.asarray(truth, dtype=bool)
    counts = int(positive.sum()), int((~positive).sum())
    if not all(counts):
        return float("nan"), float("nan")
    areas, spread = _areas(positive, [score], subjects)
    area, error = float(areas[0]), float(np.sqrt(np.maximum(spread[0, 0], 0)))
    if not error > 0 or not 0 < area < 1:
        return newcombe_interval(area, *counts)
    reach = _Z * error / (area * (1 - area))
    return float(expit(logit(area) - reach)), float(expit(logit(area) + reach))


def newcombe_interval(auc: float, positive: float, negative: float) -> tuple[float, float]:
    """95 % interval of an area under the ROC curve, also where no case is ranked wrongly.

    Newcombe's fifth method (Stat Med 2006): the areas whose standard error by Hanley and McNeil, with one mean
    class size, leaves the found one within 1.96 of it.

    Args:
        auc: Found area.
        positive: How many positive cases there are, of cases that depend on each other how many they are worth.
        negative: Likewise.
    """
    extra = (positive + negative) / 2 - 1

    def beyond(true: float) -> float:
        variance = true * (1 - true) * (1 + extra * ((1 - true) / (2 - true) + true / (1 + true)))
        return (auc - true) ** 2 - _Z**2 * variance / (positive * negative)

    # The ends, 0 and 1, have no variance; between them and the found area the sign changes once.
    low = float(brentq(beyond, _TINY, auc - _TINY)) if auc > 2 * _TINY and beyond(_TINY) > 0 else 0.0
    high = float(brentq(beyond, auc + _TINY, 1 - _TINY)) if auc < 1 - 2 * _TINY and beyond(1 - _TINY) > 0 else 1.0
    return low, high


def _areas(positive: NDArray[np.bool_], scores: list[Values], subjects: NDArray[np.generic]) -> tuple[Values, Values]:
    """Areas (k,) and their covariance (k, k), which is NaN if a class has cases of fewer than two subjects."""
    numbers = np.unique(subjects, return_inverse=True)[1]
    of_positive, of_negative = (np.unique(numbers[kind]).size for kind in (positive, ~positive))
    unknown = np.full((len(scores), len(scores)), np.nan)
    if not min(of_positive, of_negative):
        return unknown[0], unknown
    count, (m, n) = int(numbers.max()) + 1, (int(positive.sum()), int((~positive).sum()))
    areas, upper, lower = [], [], []
    for score in scores:
        above, below = _placed(positive, np.asarray(score))
        areas.append(above.mean())
        upper.append(np.bincount(numbers[positive], above - areas[-1], count) / m)
        lower.append(np.bincount(numbers[~positive], below - areas[-1], count) / n)
    if min(of_positive, of_negative) < 2:
        return np.array(areas), unknown
    a, b = np.stack(upper), np.stack(lower)
    crossed = count / (count - 1) * (a @ b.T)
    spread = of_positive / (of_positive - 1) * (a @ a.T) + of_negative / (of_negative - 1) * (b @ b.T)
    return np.array(areas), spread + crossed + crossed.T


def _placed(positive: NDArray[np.bool_], score: Values) -> tuple[Values, Values]:
    """Of every positive case the share of negative ones below it; of every negative one of positive ones above it."""
    upper, lower = score[positive], score[~positive]
    ranks = rankdata(np.concatenate([upper, lower]))
    above = (ranks[: len(upper)] - rankdata(upper)) / len(lower)
    below = 1 - (ranks[len(upper) :] - rankdata(lower)) / len(upper)
    return above, below
