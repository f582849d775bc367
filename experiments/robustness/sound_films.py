"""Small films that every command takes: what the bad ones are made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from dicom_bytes import Elements, take_apart
from small_films import CHECK, FILM_MM, film_pixels, landmarks

from hipseg.io.dicom_writer import Header, write_radiograph
from hipseg.labels.points_file import write_points

SIDE: Final = 256
"""Rows and columns."""
Base = tuple[str, Elements]
SOUND: Final = "SOUND"
_EACH: Final = 8
_SYNTAXES: Final = ("plain", "rle", "jpeg_lossless", "jpeg2000")


def film_path(subject: str) -> str:
    """Below an input folder."""
    return CHECK.film.format(subject=subject, visit="T00")


def points_path(subject: str) -> str:
    """Below an input folder."""
    return CHECK.points.format(subject=subject, visit="T00")


def write_sound_film(folder: Path, subject: str, seed: int = 0, **header: Any) -> Path:
    """Write a film of 256 x 256 pixels, 440 mm wide and high, with its points file."""
    film, points = folder / film_path(subject), folder / points_path(subject)
    for path in (film, points):
        path.parent.mkdir(parents=True, exist_ok=True)
    spacing = FILM_MM / SIDE
    usual: dict[str, Any] = {
        "subject": subject, "date": "20060101", "modality": "CR", "spacing_mm": (spacing, spacing),
        "spacing_tag": "PixelSpacing", "photometric": "MONOCHROME2", "bits": 12, "syntax": "plain", "uid_seed": subject,
    }  # fmt: skip
    write_radiograph(film, Header(**usual | header), film_pixels(seed, SIDE))
    write_points(points, landmarks())
    return film


def sound_films(folder: Path) -> tuple[list[Base], bytes]:
    """Films of each syntax and modality in pieces, none of the same pixels as another, and a points file.

    The first four are CR, plain, RLE, JPEG lossless and JPEG 2000; one more, `SOUND`, lies in the folder only.
    """
    bases: list[Base] = []
    for _ in range(_EACH):
        for modality in ("CR", "DX"):
            for syntax in _SYNTAXES:
                subject, seed = f"{modality}{syntax}{len(bases)}", 100 + len(bases)
                path = write_sound_film(folder, subject, seed, modality=modality, syntax=syntax)
                bases.append((f"{modality} {syntax}", take_apart(path.read_bytes())))
    write_sound_film(folder, SOUND, seed=99)
    return bases, (folder / points_path(SOUND)).read_bytes()
