"""A reader who grades films, and errs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from hipseg.errors import HipsegError

Values = NDArray[np.float64]


def grades_of_reader(
    true: NDArray[np.int64], kappa: float, rng: np.random.Generator, grades: int = 5
) -> NDArray[np.int64]:
    """Grades as a reader gives them: some are one too high or too low.

    Args:
        true: (n,) from 0 on.
        kappa: Cohen's, unweighted, that the reader has with them on average; 1 is no error.
        rng: Of the errors.
        grades: How many there are.

    Raises:
        HipsegError: If errors of one grade can't make the reader that bad.
    """
    if kappa >= 1 or not len(true):
        return true.copy()
    share = np.bincount(true, minlength=grades) / len(true)
    if not expected_kappa(share, 1.0) <= kappa:
        raise HipsegError(f"reader_kappa: errors of one grade leave more than {kappa:g}; give a higher one")
    often = float(brentq(lambda p: expected_kappa(share, p) - kappa, 0.0, 1.0))
    errs, up = rng.random(len(true)) < often, rng.random(len(true)) < 0.5
    step = np.where(true == 0, 1, np.where(true == grades - 1, -1, np.where(up, 1, -1)))
    return np.where(errs, true + step, true)


def expected_kappa(share: Values, often: float) -> float:
    """Cohen's kappa of a reader who is off by one grade so often, where true grades have these shares."""
    grades = len(share)
    said = np.zeros(grades)
    for grade in range(grades):
        neighbours = [other for other in (grade - 1, grade + 1) if 0 <= other < grades]
        said[grade] += share[grade] * (1 - often)
        for other in neighbours:
            said[other] += share[grade] * often / len(neighbours)
    by_chance = float(share @ said)
    return (1 - often - by_chance) / (1 - by_chance) if by_chance < 1 else 1.0
