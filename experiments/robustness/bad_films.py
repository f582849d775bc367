"""The whole corpus of bad films, from sound ones of every syntax."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from bad_frames import bad_frames
from bad_headers import Base, bad_headers
from bad_points import bad_points
from cases import FilmCase
from dicom_bytes import take_apart
from small_films import write_film

_SYNTAXES = ("plain", "rle", "jpeg_lossless", "jpeg2000")


def sound_films(folder: Path) -> tuple[list[Base], bytes]:
    """A film of each syntax and modality in pieces, and a points file; the first four are CR."""
    bases = []
    for modality in ("CR", "DX"):
        for syntax in _SYNTAXES:
            path = write_film(folder, f"{modality}{syntax}", modality=modality, syntax=syntax)
            bases.append((f"{modality} {syntax}", take_apart(path.read_bytes())))
    points = next((folder / "CHECK-pointfiles").rglob("*.pts")).read_bytes()
    return bases, points


def bad_films(folder: Path, seed: int) -> list[FilmCase]:
    """Every case; the same seed makes the same.

    Args:
        folder: For the sound films they are made of.
        seed: Of flipped bytes.
    """
    bases, points = sound_films(folder)
    plain: Sequence[Path] = sorted(folder.rglob("CRplain*.dcm"))
    rng = np.random.default_rng(seed)
    return [
        *bad_headers(bases, points),
        *bad_frames(bases, points, rng),
        *bad_points(plain[0].read_bytes(), points),
    ]
