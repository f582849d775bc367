"""How the two cohorts deliver their films: names, sizes, spacings, machines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from hipseg.geometry.grid import Grid


@dataclass(frozen=True)
class Delivery:
    """One cohort's habits.

    Attributes:
        cohort: Its name and folder.
        film: The film's path, of `subject` (int), `visit` (int) and `date` (YYYYMMDD).
        visits: Numbers of its visits in order; the number after each is left free for a repeated exposure.
        films: Spacing in mm, rows and columns of its machines.
        modality: DICOM's.
    """

    cohort: str
    film: str
    visits: tuple[int, ...]
    films: tuple[tuple[float, int, int], ...]
    modality: Literal["CR", "DX"]

    def path(self, subject: int, visit: int, date: str) -> str:
        """The film's path below the input folder."""
        return self.film.format(subject=subject, visit=visit, date=date)

    def visit(self, visit: int) -> str:
        """The visit as the cohort writes it."""
        return f"{'T' if self.cohort == 'CHECK' else 'V'}{visit:02d}"

    def key(self, subject: int, visit: int) -> str:
        """The film's part of a hip's key."""
        name = f"{subject:07d}" if self.cohort == "CHECK" else str(subject)
        return f"{self.cohort}/{name}/{self.visit(visit)}"

    def points_path(self, film: str) -> str:
        """Where the points file of a film lies."""
        return film.replace(f"{self.cohort}/", f"{self.cohort}-pointfiles/", 1) + ".pts"

    def grid(self, rng: np.random.Generator) -> Grid:
        """The pixels of one of its machines."""
        spacing, rows, columns = self.films[rng.integers(len(self.films))]
        return Grid.of_film((rows, columns), spacing)


CHECK: Final = Delivery(
    "CHECK",
    "CHECK/T{visit:02d}/{subject:07d}_T{visit:02d}_APO.dcm",
    (0, 2, 5, 8),
    ((0.2, 1750, 2100), (0.175, 2010, 2391), (0.16, 2201, 2500), (0.155, 2308, 2499)),
    "CR",
)
OAI: Final = Delivery(
    "OAI",
    "OAI/V{visit:02d}/OAI-{subject}-V{visit:02d}-{date}.dcm",
    (0, 3, 6, 8),
    ((0.16896, 1860, 2316), (0.16896, 1859, 2317)),
    "DX",
)
DELIVERIES: Final = (CHECK, OAI)
FIRST_SUBJECT: Final = {"CHECK": 1, "OAI": 9000001}
