"""Files that preprocessing leaves out for most of its reasons, made from one sound film."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import pydicom
from pydicom.dataset import FileDataset
from pydicom.encaps import encapsulate
from pydicom.uid import MPEG2MPML

from hipseg.labels.landmarks import LANDMARKS_PER_HIP
from hipseg.labels.points_file import read_points, write_points
from hipseg.phantom.layout import CHECK, OAI

_FIRST: Final = 9001  # subject number of the first planted film


def _no_pixels(film: FileDataset) -> None:
    for tag in ("PixelData", "Rows", "Columns"):
        delattr(film, tag)


def _colour(film: FileDataset) -> None:
    film.SamplesPerPixel, film.PhotometricInterpretation, film.PlanarConfiguration = 3, "RGB", 0
    film.Rows, film.Columns, film.BitsAllocated, film.BitsStored, film.HighBit = 32, 32, 8, 8, 7
    film.PixelData = bytes(32 * 32 * 3)


def _multiframe(film: FileDataset) -> None:
    film.NumberOfFrames, film.Rows, film.Columns = 2, 32, 32
    film.PixelData = bytes(32 * 32 * 2 * 2)


def _not_radiograph(film: FileDataset) -> None:
    film.Modality = "CT"


def _unsupported_syntax(film: FileDataset) -> None:
    film.file_meta.TransferSyntaxUID = MPEG2MPML
    film.PixelData = encapsulate([bytes(1024)])
    film["PixelData"].is_undefined_length = True


def _constant(film: FileDataset) -> None:
    film.PixelData = bytes(len(film.PixelData))


def _spacing(*values: str) -> Callable[[FileDataset], None]:
    def state(film: FileDataset) -> None:
        for tag in ("PixelSpacing", "ImagerPixelSpacing"):
            if tag in film:
                delattr(film, tag)
        if values:
            film.PixelSpacing = list(values)

    return state


_SPOILT_FILMS: Final[dict[str, Callable[[FileDataset], None]]] = {
    "no_pixels": _no_pixels,
    "colour": _colour,
    "multiframe": _multiframe,
    "not_radiograph": _not_radiograph,
    "unsupported_syntax": _unsupported_syntax,
    "constant": _constant,
    "spacing_missing": _spacing(),
    "spacing_invalid": _spacing("0", "0"),
    "spacing_anisotropic": _spacing("0.2", "0.15"),
    "too_large": _spacing("0.3", "0.3"),
}


def plant_exclusions(out: Path, sound: Path, points: Path) -> dict[str, list[str]]:
    """Write one file (two for a duplicate visit) for most reasons of exclusion.

    Not for `implant`, which needs an image of its own, nor for what needs a network or is costly.

    Args:
        out: The input folder.
        sound: A film to start from, CHECK's. Copies of which a hip stays usable are its subject's, at later visits.
        points: Its points file.

    Returns:
        The planted files below `out`, by reason.
    """
    planted: dict[str, list[str]] = {}

    def place(reason: str, name: str = "", with_points: bool = True) -> Path:
        name = name or CHECK.path(_FIRST + len(planted), 0, "")
        planted.setdefault(reason, []).append(name)
        points_path = out / (CHECK if name.startswith("CHECK") else OAI).points_path(name)
        for path in (out / name, points_path):
            path.parent.mkdir(parents=True, exist_ok=True)
        if with_points:
            shutil.copyfile(points, points_path)
        return out / name

    for reason, spoil in _SPOILT_FILMS.items():
        film = pydicom.dcmread(sound)
        spoil(film)
        film.save_as(place(reason))
    content = sound.read_bytes()
    place("truncated").write_bytes(content[: len(content) * 2 // 3])
    place("not_dicom").write_text("This is not a radiograph.\n")
    place("name", "CHECK/T00/scan (1).dcm", with_points=False).write_bytes(content)
    for date in ("20060101", "20060102"):
        place("duplicate_visit", OAI.path(9009001, 0, date)).write_bytes(content)
    missing = place("unreadable")
    missing.unlink(missing_ok=True)
    missing.symlink_to("moved-away.dcm")
    place("points_missing", with_points=False).write_bytes(content)
    _plant_points(points, int(sound.name.split("_")[0]), place, content)
    return planted


def _plant_points(points: Path, subject: int, place: Callable[..., Path], content: bytes) -> None:
    def points_of(film: Path) -> Path:
        return film.parents[2] / CHECK.points_path(film.relative_to(film.parents[2]).as_posix())

    lines = points.read_text(encoding="ascii").splitlines()
    truth = read_points(points)
    film = place("points_malformed")
    film.write_bytes(content)
    points_of(film).write_text("\n".join([*lines[:-20], "}"]) + "\n", encoding="ascii")
    beyond = truth[LANDMARKS_PER_HIP:] + np.array([400.0, 0.0])
    for visit, reason, left in ((2, "points_outside", beyond), (5, "side_missing", np.zeros_like(beyond))):
        film = place(reason, CHECK.path(subject, visit, ""))
        film.write_bytes(content)
        altered = truth.copy()
        altered[LANDMARKS_PER_HIP:] = left
        write_points(points_of(film), altered)
