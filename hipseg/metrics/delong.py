"""Two classifiers on the same cases: how their areas under the ROC curve differ (DeLong et al., Biometrics 1988).

Computed by ranks (Sun and Xu, IEEE Signal Process Lett 2014). It takes cases for independent: where subjects have two
hips each, its intervals are somewhat too narrow.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

Values = NDArray[np.float64]


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


def auc_difference(truth: NDArray[np.bool_] | NDArray[np.int64], first: Values, second: Values) -> AucDifference:
    """Compare two classifiers' scores of the same cases.

    Args:
        truth: (n,) whether a case is positive; both kinds are needed, twice each.
        first: (n,) scores, the higher, the likelier.
        second: (n,) likewise.

    Returns:
        NaN everywhere if there are fewer than two cases of a class.
    """
    positive = np.asarray(truth, dtype=bool)
    if min(positive.sum(), (~positive).sum()) < 2:
        return AucDifference(*[float("nan")] * 5)
    of_positive, of_negative = (np.stack(parts) for parts in zip(*(_placed(positive, s) for s in (first, second)),
                                                                 strict=True))  # fmt: skip
    areas = of_positive.mean(axis=1)
    spread = np.cov(of_positive) / of_positive.shape[1] + np.cov(of_negative) / of_negative.shape[1]
    difference = float(areas[0] - areas[1])
    error = float(np.sqrt(max(spread[0, 0] + spread[1, 1] - 2 * spread[0, 1], 0)))
    reach = float(norm.ppf(0.975)) * error
    p = float(2 * norm.sf(abs(difference) / error)) if error > 0 else float(difference == 0)
    return AucDifference(difference, error, difference - reach, difference + reach, p)


def _placed(positive: NDArray[np.bool_], score: Values) -> tuple[Values, Values]:
    """Of every positive case the share of negative ones below it; of every negative one of positive ones above it."""
    upper, lower = score[positive], score[~positive]
    ranks = rankdata(np.concatenate([upper, lower]))
    above = (ranks[: len(upper)] - rankdata(upper)) / len(lower)
    below = 1 - (ranks[len(upper) :] - rankdata(lower)) / len(upper)
    return above, below
