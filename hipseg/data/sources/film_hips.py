"""Both hips of every film of a cohort, a square picture about each femoral head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

import numpy as np
from pydantic import Field

from hipseg.data.cohorts import Cohort, FilmFile, find_films
from hipseg.data.exclusions import NOT_LOCATED
from hipseg.data.image_store import StoredImage
from hipseg.data.process import read_landmarks
from hipseg.data.sources.case_files import CaseFiles, FoundCases, Reading, require_names
from hipseg.data.usable import find_fault
from hipseg.errors import Excluded
from hipseg.inference.heads import HeadLocator
from hipseg.io.dicom import Film, read_film
from hipseg.labels.circle import head_circle
from hipseg.labels.landmarks import SIDES, Side
from hipseg.transforms.film import PreparedFilm, prepare_as
from hipseg.transforms.hip_square import FILM_EDGE_MM, hip_square

SOURCE: Final = "film_hips"
_PREPARED: Final = {"rows": 512, "columns": 512, "spacing_mm": 0.9}  # to tell polarity and metal


@dataclass(frozen=True)
class FilmHip(CaseFiles):
    """One hip of a film.

    Attributes:
        film: Its files.
        side: Which.
        pixels: Along an edge of the picture.
        modalities: DICOM modalities that are radiographs.
        finder: Finds the heads; its points file tells where they are if None.
    """

    film: FilmFile = field(kw_only=True)
    side: Side = field(kw_only=True)
    pixels: int = field(kw_only=True)
    modalities: tuple[str, ...] = field(kw_only=True)
    finder: HeadLocator | None = field(kw_only=True)

    def load(self, reading: Reading) -> StoredImage:
        """The picture.

        Raises:
            Excluded: With the reason.
        """
        film = read_film(self.film.path, self.modalities, reading.limits, self.film.calibration)
        if self.finder is None:
            centre, whole = self._from_points(film, reading)
        else:
            whole = self.finder.prepare(film.pixels, film.grid, film.padding)
            centre = found_head(self.finder, whole, self.side)
        picture = hip_square(
            whole.correct(film.pixels), film.grid, centre, FILM_EDGE_MM, self.pixels, self.side == "left"
        )
        spacing = FILM_EDGE_MM / self.pixels
        key = f"{reading.dataset}/{self.subject}/{self.name}"
        return StoredImage(
            key, self.subject, self.subset, self.fold, picture[None], None, (spacing, spacing), self.film.path.name,
            film.sha256,
        )  # fmt: skip

    def _from_points(self, film: Film, reading: Reading) -> tuple[tuple[float, float], PreparedFilm]:
        landmarks = read_landmarks(self.film, film, reading.limits)[self.side]
        whole = prepare_as(_PREPARED, film.pixels, film.grid, film.padding, any_size=True)
        reason, detail = find_fault(landmarks, self.side, film.grid, whole, None)
        if reason:
            raise Excluded(reason, detail)
        circle = head_circle(landmarks)
        return (circle.x, circle.y), whole


def found_head(finder: HeadLocator, whole: PreparedFilm, side: Side) -> tuple[float, float]:
    """Where a side's femoral head is, x and y in film millimetres.

    Raises:
        Excluded: `not_located`.
    """
    centre = finder.find(whole).get(side)
    if centre is None or not np.isfinite(centre).all():
        raise Excluded(NOT_LOCATED, f"no {side} femoral head is found on the film")
    return centre


@dataclass(frozen=True)
class FilmHips:
    """The films of some cohorts, as `hipseg preprocess` knows them.

    Attributes:
        cohorts: How each names its files.
        pixels: Along an edge of the pictures.
        modalities: DICOM modalities that are radiographs.
        locator: A checkpoint that finds the heads; points files tell where they are if None.
        dataset: Name of the cohort that the pictures make.
        finder: What is loaded from the checkpoint, once it is.
    """

    cohorts: Mapping[str, Cohort]
    pixels: Annotated[int, Field(ge=16)]
    modalities: tuple[str, ...]
    locator: Path | None = None
    dataset: str = "xray"
    finder: HeadLocator | None = None

    def find(self, input: Path) -> FoundCases:
        """See `ImageSource`; a hip's name is VISIT_SIDE, or its side where there are no visits."""
        found = find_films(input, {cohort.name: cohort for cohort in self.cohorts.values()})
        cases: list[CaseFiles] = [
            FilmHip(
                f"{film.visit}_{side}" if film.visit else side, film.subject, (film.path,), None, film=film, side=side,
                pixels=self.pixels, modalities=self.modalities, finder=self.finder,
            )
            for film in found.films
            for side in SIDES
        ]  # fmt: skip
        require_cases(cases, f"{input} holds no film; the cohorts' patterns say what is looked for")
        about = {"source": SOURCE, "edge_mm": FILM_EDGE_MM, "pixels": self.pixels}
        return FoundCases(self.dataset, ("background", "hip"), tuple(cases), tuple(found.exclusions), about)


def require_cases(cases: list[CaseFiles], said: str) -> None:
    """`require_names`, where names need only be unique within a subject."""
    require_names([CaseFiles(f"{c.subject} {c.name}", c.subject, c.images, None) for c in cases], said)
