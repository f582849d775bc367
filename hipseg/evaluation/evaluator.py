"""What judges a test set, case by case: the seam between a trained network and the tables that a study reports.

A study adds a kind of judgement by a class with these methods and an option file in `conf/evaluation`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray


class Case(NamedTuple):
    """One test case as the network saw it.

    Attributes:
        key: Of its sample in the store.
        row: Of its sample in the store.
        probabilities: (labels, ...) float32, the background first.
        predicted: (...) uint8, the label map that was decided on.
        truth: (...) uint8, the annotated label map.
        cropped_away: (labels,) int64, annotated pixels of each label that lie outside what the network saw.
        spacing_mm: Millimetres per pixel, an axis each.
    """

    key: str
    row: int
    probabilities: NDArray[np.float32]
    predicted: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    cropped_away: NDArray[np.int64]
    spacing_mm: tuple[float, ...]


class GradedCase(NamedTuple):
    """One test case of a network that grades.

    Attributes:
        key: Of its sample in the store.
        row: Of its sample in the store.
        grade: As the reader gave it.
        probabilities: (classes,) float32, in the order of severity.
        predicted: Index of the most probable class.
        threshold: Of the probability of all positive classes, from which on a case is called positive.
    """

    key: str
    row: int
    grade: float
    probabilities: NDArray[np.float32]
    predicted: int
    threshold: float


class Judged(NamedTuple):
    """What an evaluator says of a case.

    Attributes:
        columns: Of the case's row in the table.
        kept: What its figures and further tables need, picklable; None if nothing.
    """

    columns: dict[str, Any]
    kept: Any = None


class Findings(NamedTuple):
    """What an evaluator says of all cases beside its summary.

    Attributes:
        summary: More headline numbers.
        figures: Files it drew; they name no subject.
    """

    summary: dict[str, float]
    figures: list[Path]


class Evaluator(Protocol):
    """Judges cases against what is annotated."""

    @property
    def headlines(self) -> Mapping[str, tuple[str, str]]:
        """The numbers a run ends with: name in the summary, title, format."""

    def begin(self, data: Any) -> None:
        """Before the first case: the datamodule whose test set is judged.

        Raises:
            HipsegError: If its cases are of a kind that can't be judged.
        """

    def compare(self, case: Any) -> Judged:
        """Judge one case: a `Case`, or a `GradedCase` of what is graded."""

    def missing(self, key: str) -> dict[str, Any]:
        """The columns of a case of which nothing was found before the network could see it."""

    def summarise(self, cases: pd.DataFrame) -> dict[str, float]:
        """Headline numbers of some cases, under the names that summary.json and W&B share; NaN is left out."""

    def finish(self, cases: pd.DataFrame, kept: Mapping[str, Any], folder: Path) -> Findings:
        """After the last case: further tables and figures in the run folder.

        Args:
            cases: The whole table, a row a case.
            kept: What `compare` kept, by key, in the table's order.
            folder: The run folder.
        """
