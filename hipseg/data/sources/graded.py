"""Images of single hips with a grade each: a folder of pictures and a CSV table."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hipseg.data.grades import read_grade, read_side
from hipseg.data.image_store import StoredImage
from hipseg.data.sources.case_files import CaseFiles, FoundCases, Reading, image_spacing, require_names
from hipseg.data.sources.nnunet_folder import subject_of
from hipseg.data.sources.table import read_place
from hipseg.errors import Excluded, HipsegError
from hipseg.io.dicom import file_sha256
from hipseg.io.images import ENDINGS, image_ending, read_image_file
from hipseg.io.picture_film import grey
from hipseg.io.tables import require_table


@dataclass(frozen=True)
class GradedFile(CaseFiles):
    """An image of one hip.

    Attributes:
        grade: NaN if it is unknown.
        mirrored: Whether it is turned round, so that a left hip looks like a right one.
    """

    grade: float = math.nan
    mirrored: bool = False

    def load(self, reading: Reading) -> StoredImage:
        """The image in grey values; its spacing may be unknown.

        Raises:
            Excluded: With the reason.
        """
        image = read_image_file(self.images[0], reading.limits)
        pixels = grey(image.pixels)
        if pixels.ndim != 3:
            raise Excluded("unknown_format", f"it has {pixels.ndim - 1} axes; graded images are pictures of two")
        if float(pixels.min()) == float(pixels.max()):
            raise Excluded("constant", "the image has one grey value")
        try:
            spacing = image_spacing(self.images[0], self.spacing_mm, image.spacing_mm, reading.spacing_mm, 2)
        except Excluded as excluded:
            if excluded.reason != "spacing_missing":
                raise
            spacing = (math.nan, math.nan)
        key = f"{reading.dataset}/{self.subject}/{self.name}"
        pixels = np.ascontiguousarray(pixels[..., ::-1]) if self.mirrored else pixels
        return StoredImage(
            key, self.subject, self.subset, self.fold, pixels, None, spacing, self.images[0].name,
            file_sha256(self.images[0]), self.grade,
        )  # fmt: skip


@dataclass(frozen=True)
class GradedTable:
    """A table with a row an image: its file and its grade.

    Attributes:
        folder: Of the images, relative to the table's; its own if empty.
        image: The column of files, with or without their endings.
        grade: The column of grades.
        subject: The column of subjects, so that a split keeps their hips together; None if no column says it.
        subject_pattern: Regular expression with a group `subject` that finds it in the file's name instead.
        side: The column of sides, by which left hips are mirrored; None if no column says it.
        dataset: Its name.
    """

    folder: str = ""
    image: str = "image"
    grade: str = "grade"
    subject: str | None = None
    subject_pattern: str | None = None
    side: str | None = None
    dataset: str = "hips"

    def find(self, input: Path) -> FoundCases:
        """See `ImageSource`; columns `subset`, `fold` and `spacing_mm` are read if they are there."""
        table = require_table(input, "input", "; name the table, not the folder")
        for option in ("image", "grade", "subject", "side"):
            column = getattr(self, option)
            if column is not None and column not in table:
                said = f"{input} has no column '{column}'; it has {', '.join(map(str, table))}"
                raise HipsegError(f"input: {said}: give source.{option}=COLUMN")
        folder = input.parent / self.folder
        if not folder.is_dir():
            raise HipsegError(f"source.folder: there is no folder {folder}")
        pictures = [path for path in sorted(folder.iterdir()) if image_ending(path)]
        by_stem = {path.name[: -len(image_ending(path))]: path for path in pictures}
        cases = [
            self._case(input, folder, by_stem, line, row) for line, row in enumerate(table.to_dict("records"), start=2)
        ]
        require_names(cases, f"{input} has no row")
        return FoundCases(self.dataset, ("background", "hip"), tuple(cases))

    def _case(self, table: Path, folder: Path, by_stem: dict[str, Path], line: int, row: dict[Any, Any]) -> CaseFiles:
        place = f"input: {table}, line {line}"
        name = str(row[self.image]).strip()
        if not name:
            raise HipsegError(f"{place} names no image")
        file = folder / name if name.lower().endswith(ENDINGS) else by_stem.get(name, folder / name)
        stem = file.name.removesuffix(image_ending(file) or file.suffix)
        side = read_side(str(row[self.side]), place) if self.side else ""
        found = subject_of(stem, self.subject_pattern, "source.subject_pattern")
        subject = str(row[self.subject]).strip() if self.subject else found
        where = read_place(row, place)
        grade = read_grade(str(row[self.grade]), place)
        return GradedFile(stem, subject or stem, (file,), None, *where, grade=grade, mirrored=side == "left")
