"""From a reader's grade of a disease, such as Kellgren and Lawrence's 0 to 4, to a class that is learnt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hipseg.errors import HipsegError


@dataclass(frozen=True)
class Grading:
    """Classes in the order of severity, and which grades make each.

    Attributes:
        classes: Their names.
        grades: Of every class; a grade that no class has is left out.
        positive_from: Index of the first class that counts as diseased.
    """

    classes: Sequence[str]
    grades: Sequence[Sequence[float]]
    positive_from: int = 1

    def __post_init__(self) -> None:
        if len(self.classes) < 2 or not 1 <= self.positive_from < len(self.classes):
            raise HipsegError("data.dataset.classes: give two or more, and positive_from of one that is not the first")
        every = [grade for grades in self.grades for grade in grades]
        if len(self.grades) != len(self.classes) or len(set(self.classes)) < len(self.classes):
            raise HipsegError("data.dataset.grades: give as many lists as classes, which need names of their own")
        if len(set(every)) < len(every) or not all(len(grades) for grades in self.grades):
            raise HipsegError("data.dataset.grades: every class needs grades of its own")

    def target(self, grade: float) -> int | None:
        """The class of a grade; None if it is left out or unknown."""
        return next((index for index, grades in enumerate(self.grades) if grade in grades), None)

    def targets(self, grades: NDArray[np.float64]) -> NDArray[np.int64]:
        """(N,) classes of grades, -1 where they are left out or unknown."""
        found = (self.target(float(grade)) for grade in grades)
        return np.array([-1 if each is None else each for each in found], dtype=np.int64)
