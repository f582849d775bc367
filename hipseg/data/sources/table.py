"""A CSV table of images and masks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hipseg.data.sources.case_files import CaseFiles, FoundCases, require_names
from hipseg.errors import HipsegError
from hipseg.io.images import image_ending
from hipseg.io.tables import require_table

_SUBSETS = ("", "train", "test")


@dataclass(frozen=True)
class Table:
    """A table with a row a case.

    Its columns are `image` and `mask` (files, relative to the table; several channels separated by `;`), and if wanted
    `case`, `subject`, `subset` (`train` or `test`), `fold` (0, 1, ...) and `spacing_mm` (`0.15`, or `0.15 0.2` down and
    across).

    Attributes:
        labels: Names of the labels 1, 2 and so on.
        dataset: Its name.
    """

    labels: tuple[str, ...]
    dataset: str = "dataset"

    def find(self, input: Path) -> FoundCases:
        """See `ImageSource`."""
        table = require_table(input, "input")
        if not {"image", "mask"} <= set(table):
            raise HipsegError(f"input: {input} needs the columns image and mask; it has {', '.join(map(str, table))}")
        cases = [self._case(input, number, row) for number, row in enumerate(table.to_dict("records"), start=2)]
        require_names(cases, f"{input} has no row")
        return FoundCases(self.dataset, ("background", *self.labels), tuple(cases))

    def _case(self, table: Path, line: int, row: dict[Any, Any]) -> CaseFiles:
        images = tuple(table.parent / part.strip() for part in row["image"].split(";") if part.strip())
        if not images:
            raise HipsegError(f"input: {table}, line {line} names no image")
        name = row.get("case") or images[0].name.removesuffix(image_ending(images[0]) or images[0].suffix)
        mask = table.parent / row["mask"].strip() if row["mask"].strip() else None
        return CaseFiles(
            name, row.get("subject") or name, images, mask, *read_place(row, f"input: {table}, line {line}")
        )


def read_place(row: Mapping[Any, Any], place: str) -> tuple[str, int, tuple[float, ...] | None]:
    """The columns `subset`, `fold` and `spacing_mm` of a row of texts, as `CaseFiles` has them; each may be absent.

    Args:
        row: By column.
        place: What errors begin with.

    Raises:
        HipsegError: If one says what it can't.
    """
    subset, fold, spacing = (str(row.get(column, "")).strip() for column in ("subset", "fold", "spacing_mm"))
    if subset not in _SUBSETS:
        raise HipsegError(f"{place} has the subset '{subset}'; it must be train, test or empty")
    try:
        number = int(fold) if fold else -1
        return subset, number, tuple(float(part) for part in spacing.split()) or None
    except ValueError:
        raise HipsegError(f"{place} has a fold or spacing_mm that is no number") from None
