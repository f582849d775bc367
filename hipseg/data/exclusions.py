"""Why a film or a hip is left out: one list of reason codes, in the order in which they are looked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

NOT_LOCATED: Final = "not_located"
FILM_REASONS: Final[dict[str, str]] = {
    "name": "the file's name fits no cohort's pattern",
    "duplicate_visit": "another film has the same cohort, subject and visit",
    "duplicate_film": "the same film under another subject",
    "unreadable": "the file can't be opened",
    "decoder_crashed": "reading it brought its process down",
    "not_dicom": "not a DICOM file",
    "truncated": "the file breaks off or is damaged",
    "no_pixels": "a DICOM file without an image",
    "colour": "not a monochrome image",
    "multiframe": "more than one frame",
    "not_radiograph": "another modality",
    "too_many_pixels": "larger than the limits allow",
    "unsupported_syntax": "no decoder for its transfer syntax",
    "spacing_missing": "no pixel spacing",
    "spacing_invalid": "a pixel spacing that is no positive number",
    "spacing_anisotropic": "rows and columns spaced differently",
    "points_missing": "no points file",
    "points_malformed": "a points file that is not 160 points of version 1",
    "too_large": "larger than the stored grid",
    "constant": "an image of one grey value",
}
HIP_REASONS: Final[dict[str, str]] = {
    "side_missing": "this side has no landmarks",
    "points_outside": "landmarks lie outside the film",
    "landmarks_implausible": "landmarks that are no hip's, or not this one's",
    "implant": "metal in place of the femoral head",
    NOT_LOCATED: "the locator finds no femoral head here",
}
REASONS: Final = FILM_REASONS | HIP_REASONS


class Exclusion(NamedTuple):
    """One row of the exclusions table.

    Attributes:
        file: Path below the input folder.
        side: `right` or `left` for a hip, empty for a whole film.
        reason: One of `REASONS`.
        detail: One sentence.
    """

    file: str
    side: str
    reason: str
    detail: str


def exclusions_table(rows: list[Exclusion]) -> pd.DataFrame:
    """The exclusions as a table, by file and side."""
    import pandas as pd  # which every process that reads a film would have to load

    return pd.DataFrame(sorted(rows), columns=list(Exclusion._fields))
