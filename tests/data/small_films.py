"""Films that cost next to nothing: made of random numbers for the store, or as small DICOM files for preprocessing."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from hydra.utils import instantiate
from omegaconf import OmegaConf

from hipseg.config import conf_folder
from hipseg.data.cohorts import Cohort, FilmFile
from hipseg.data.process import Hip, Processed, StoredView
from hipseg.data.settings import Settings
from hipseg.geometry.grid import Grid
from hipseg.io.dicom_writer import Header, write_radiograph
from hipseg.io.spacing import Spacing
from hipseg.labels.curves import spline_curves
from hipseg.labels.landmarks import SIDES, Points
from hipseg.labels.points_file import write_points
from hipseg.labels.template import template
from hipseg.transforms.intensity import LEVELS, Image

SIZE = 32
FILM_MM = 440.0
CHECK = Cohort(
    "CHECK", "CHECK/{visit}/{subject}_{visit}_APO.dcm", "CHECK-pointfiles/{visit}/{subject}_{visit}_APO.dcm.pts"
)


class AsStored:
    """Shows a network the grey values of the store."""

    def of_film(self, image: Image, quantiles: Image) -> Image:
        """As it is."""
        return image

    def of_window(self, image: Image, head: tuple[float, float], spacing_mm: float) -> Image:
        """As it is."""
        return image


def store_settings(**changes: Any) -> Settings:
    """Settings of a store of 32 x 32 pixels."""
    return replace(Settings(SIZE, SIZE, 1.0, 12, ("CR",), spline_curves), **changes)


def processed(
    number: int, version: int = 0, visit: str = "T00", reasons: tuple[str, str] = ("", ""), views: int = 1
) -> Processed:
    """A film of random pixels, labels and landmarks, the same for the same number and version."""
    rng = np.random.default_rng([number, version])
    hips, spacing = [], Spacing(0.2, "PixelSpacing", float("nan"))
    for side, reason in zip(SIDES, reasons, strict=True):
        label = rng.integers(0, 4, (SIZE, SIZE)).astype(np.uint8)
        hips.append(Hip(side, label, rng.normal(size=(80, 2)), reason, ""))
    return Processed(
        file=FilmFile(f"{number}.dcm", Path(f"{number}.dcm"), Path(f"{number}.pts"), "TINY", f"{number:05d}", visit),
        shape=(20, 30),
        spacing=spacing,
        sha256=f"{number:032x}{version:032x}",
        views=tuple(stored_view(rng, (-2.5 + i, 4.25)) for i in range(views)),
        hips=(hips[0], hips[1]),
        polarity="stated",
        points_sha256=f"{version:064x}",
    )


def stored_view(rng: np.random.Generator, origin_mm: tuple[float, float]) -> StoredView:
    """Random pixels and quantiles."""
    image = rng.integers(0, 65536, (SIZE, SIZE)).astype(np.uint16)
    return StoredView(Grid((SIZE, SIZE), 1.0, origin_mm), image, np.sort(rng.random(len(LEVELS), dtype=np.float32)))


def film_settings(**changes: Any) -> Settings:
    """Settings for the films of `write_film`: 128 x 128 pixels of 3.6 mm."""
    plausible = instantiate(OmegaConf.load(conf_folder() / "plausibility" / "adult.yaml"), _convert_="all")
    return replace(store_settings(), rows=128, columns=128, spacing_mm=3.6, plausible=plausible, **changes)


def landmarks() -> Points:
    """(160, 2) of the template hip and its mirror image, centred on a film of `write_film`."""
    right = template()
    left = right * [-1.0, 1.0]
    return np.concatenate([right, left]) + FILM_MM / 2


def film_pixels(seed: int, size: int = 200) -> np.ndarray[Any, Any]:
    """A bright body on a dark ground, with noise."""
    y, x = (np.mgrid[:size, :size] - size / 2) / size
    body = 3000 * np.clip(1 - 6 * x**2 - 3 * y**2, 0, 1)
    return np.rint(body + np.random.default_rng(seed).uniform(0, 600, (size, size))).astype(np.uint16)


def write_film(folder: Path, subject: str, visit: str = "T00", seed: int = 0, **header: Any) -> Path:
    """Write a small film of cohort CHECK, 440 mm wide and high, with its points file."""
    film = folder / CHECK.film.format(subject=subject, visit=visit)
    points = folder / CHECK.points.format(subject=subject, visit=visit)
    for path in (film, points):
        path.parent.mkdir(parents=True, exist_ok=True)
    pixels = film_pixels(seed)
    spacing = FILM_MM / len(pixels)
    usual = Header(subject, "20060101", "CR", (spacing, spacing), "PixelSpacing", "MONOCHROME2", 12, "plain", subject)
    write_radiograph(film, replace(usual, **header), pixels)
    write_points(points, landmarks())
    return film


def lose_hip(store: Path, copy: Path, key: str) -> Path:
    """A copy of a store in which a locator did not find one hip."""
    shutil.copy(store, copy)
    with h5py.File(copy, "a") as file:
        samples = file["samples"][()]
        lost = samples["key"] == key.encode()
        samples["usable"][lost], samples["reason"][lost] = False, b"not_located"
        file["samples"][...] = samples
    return copy
