"""Grades of a disease by subject, visit and side, as a cohort delivers them: a CSV table beside the images."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from hipseg.errors import HipsegError
from hipseg.io.tables import require_table

_PLACES: Final = ("subject", "visit", "side")
_SIDES: Final = {"r": "right", "right": "right", "l": "left", "left": "left"}


@dataclass(frozen=True)
class Grades:
    """Grades by `subject/visit_side`, or `subject/side` where there are no visits.

    Attributes:
        by_case: Of every case that has one.
    """

    by_case: dict[str, float]

    def of(self, key: str) -> float:
        """The grade of a case `dataset/subject/name`; NaN if there is none."""
        return self.by_case.get(key.partition("/")[2], math.nan)


def read_grades(path: Path) -> Grades:
    """Read a table of grades.

    Args:
        path: CSV with `subject`, `grade`, and as the cases need it `visit` and `side` (right or left, R or L).

    Raises:
        HipsegError: If the file is missing, lacks a column, has a grade that is no number or grades a case twice.
    """
    table = require_table(path, "grades")
    table.columns = [str(name).strip().lower() for name in table]
    if not {"subject", "grade"} <= set(table):
        raise HipsegError(f"grades: {path} needs the columns subject and grade; it has {', '.join(map(str, table))}")
    found: dict[str, float] = {}
    for line, row in enumerate(table.to_dict("records"), start=2):
        place = {name: str(row.get(name, "")).strip() for name in _PLACES}
        place["side"] = read_side(place["side"], f"grades: {path}, line {line}")
        case = f"{place['subject']}/" + "_".join(filter(None, (place["visit"], place["side"])))
        if case in found:
            raise HipsegError(f"grades: {path}, line {line} grades {case} again; keep one of both")
        found[case] = read_grade(str(row["grade"]), f"grades: {path}, line {line}")
    return Grades(found)


def read_grade(text: str, place: str) -> float:
    """A grade in a table; NaN if it is empty.

    Raises:
        HipsegError: If it is no number, or negative.
    """
    text = text.strip()
    if not text or text.lower() in ("nan", "na"):
        return math.nan
    grade = pd.to_numeric(pd.Series([text]), errors="coerce").iloc[0]
    if not (math.isfinite(grade) and grade >= 0):
        raise HipsegError(f"{place} has the grade '{text[:40]}'; give numbers, such as 0 to 4, or leave it empty")
    return float(grade)


def read_side(text: str, place: str) -> str:
    """`right` or `left`, of R and L too; empty if it is empty.

    Raises:
        HipsegError: If it is neither.
    """
    text = text.strip()
    if text and text.lower() not in _SIDES:
        raise HipsegError(f"{place} has the side '{text[:40]}'; it must be right or left")
    return _SIDES[text.lower()] if text else ""
