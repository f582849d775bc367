"""How well two measurements of the same hips agree, with intervals from a bootstrap that resamples subjects.

Sources: limits of agreement, Bland and Altman, Lancet 1986; repeatability coefficient, Bland and Altman, Stat Methods
Med Res 1999; ICC(2,1), two-way random effects, absolute agreement, single measurement, Shrout and Fleiss, Psychol Bull
1979; smallest detectable change, Bruynesteyn et al., Ann Rheum Dis 2005.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Values = NDArray[np.float64]

_LIMIT: Final = 1.96  # standard deviations on either side that hold 95 % of a normal distribution
WITHIN_MM: Final = 0.5

# Statistics of weighted hips: weights (B, n) count how often each hip was drawn, values are (n,); returns (B,).
Statistics = Callable[[Values], dict[str, Values]]


def _moments(weights: Values, x: Values) -> tuple[Values, Values]:
    """Weighted mean and variance (with n - 1); one value has none."""
    count = weights.sum(axis=1)
    mean = weights @ x / count
    # About the unweighted mean, so that nothing cancels.
    shifted = x - x.mean()
    square = weights @ shifted**2 - (weights @ shifted) ** 2 / count
    return mean, np.where(count > 1, np.maximum(square, 0) / np.maximum(count - 1, 1), np.nan)


def _pearson(weights: Values, x: Values, y: Values) -> Values:
    (_, var_x), (_, var_y), (_, var_sum) = (_moments(weights, v) for v in (x, y, x + y))
    covariance = (var_sum - var_x - var_y) / 2
    return covariance / np.sqrt(var_x * var_y)


def _icc(weights: Values, x: Values, y: Values) -> Values:
    count = weights.sum(axis=1)
    mean_difference, var_difference = _moments(weights, x - y)
    _, var_mean = _moments(weights, (x + y) / 2)
    between, error = 2 * var_mean, var_difference / 2
    raters = count * mean_difference**2 / 2
    return (between - error) / (between + error + 2 * (raters - error) / count)


def agreement_statistics(measured: Values, reference: Values) -> Statistics:
    """What is computed of paired measurements in mm, for any weighting of them."""
    difference = measured - reference

    def of(weights: Values) -> dict[str, Values]:
        count = weights.sum(axis=1)
        bias, variance = _moments(weights, difference)
        sd = np.sqrt(variance)
        return {
            "bias_mm": bias,
            "sd_mm": sd,
            "loa_low_mm": bias - _LIMIT * sd,
            "loa_high_mm": bias + _LIMIT * sd,
            "mae_mm": weights @ np.abs(difference) / count,
            "rmse_mm": np.sqrt(weights @ difference**2 / count),
            "icc": _icc(weights, measured, reference),
            "pearson_r": _pearson(weights, measured, reference),
            "within_half_mm": weights @ (np.abs(difference) <= WITHIN_MM).astype(float) / count,
        }

    return of


def repeatability_statistics(first: Values, second: Values) -> Statistics:
    """Of two exposures of the same hips: within-hip SD and the repeatability coefficient, in mm."""
    difference = first - second

    def of(weights: Values) -> dict[str, Values]:
        within = np.sqrt(weights @ difference**2 / (2 * weights.sum(axis=1)))
        return {"within_sd_mm": within, "repeatability_mm": _LIMIT * np.sqrt(2) * within}

    return of


def change_statistics(first_error: Values, second_error: Values) -> Statistics:
    """Of the errors at two visits of the same hips: the smallest change between visits that is more than error."""
    difference = second_error - first_error

    def of(weights: Values) -> dict[str, Values]:
        bias, variance = _moments(weights, difference)
        return {"change_bias_mm": bias, "smallest_detectable_change_mm": _LIMIT * np.sqrt(variance)}

    return of


def with_intervals(
    statistics: Statistics, subjects: Sequence[Hashable], seed: int = 0, resamples: int = 2000
) -> pd.DataFrame:
    """Each statistic with its 95 % percentile interval.

    Args:
        statistics: Of weighted hips.
        subjects: (n,) whose hip each is; a subject's hips are drawn together.
        seed: Of the bootstrap.
        resamples: How many.

    Returns:
        `statistic`, `value`, `low`, `high`, `hips`, `subjects`. Intervals are NaN with fewer than two subjects.
    """
    names, whose = np.unique(np.asarray(subjects, dtype=str), return_inverse=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = statistics(np.ones((1, len(whose))))
        rng = np.random.default_rng(seed)
        drawn = rng.multinomial(len(names), np.full(len(names), 1 / max(len(names), 1)), size=resamples)
        parts = [statistics(part[:, whose].astype(float)) for part in np.array_split(drawn, max(1, resamples // 100))]
        spread: dict[str, Any] = {name: np.concatenate([part[name] for part in parts]) for name in value}
    rows = []
    for name, found in value.items():
        draws = spread[name][np.isfinite(spread[name])] if len(names) > 1 else np.array([])
        low, high = np.percentile(draws, (2.5, 97.5)) if len(draws) else (np.nan, np.nan)
        rows.append({"statistic": name, "value": float(found[0]), "low": low, "high": high})
    return pd.DataFrame(rows).assign(hips=len(whose), subjects=len(names))
