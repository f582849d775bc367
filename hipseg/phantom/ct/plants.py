"""Series that no volume can be made of, or not the right one: what archives hold beside sound scans."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter, shift

from hipseg.io.series_writer import SeriesHeader, write_slices
from hipseg.phantom.ct.cohort import CtJob, Scanned, scan_subject

_SLICES: Final = 24
_TILT_DEG: Final = 14.0
_GAP: Final = (9, 10)


def plant_series(job: CtJob) -> list[str]:
    """Write a series for every way in which one is refused, from one subject's scan.

    Returns:
        Their names, as folders of `scans`.
    """
    whole = scan_subject(job)
    middle = len(whole.hu) // 2
    part = replace(
        whole, hu=whole.hu[middle : middle + _SLICES], grid=replace(whole.grid, shape=(_SLICES, *whole.grid.shape[1:]))
    )
    planted: dict[str, Callable[[Path, Scanned], None]] = {
        "gap": _gap, "duplicate": _duplicate, "tilt": _tilt, "two_series": _two_series,
        "mixed_orientation": _mixed, "chest": _chest,
    }  # fmt: skip
    names = []
    for name, write in planted.items():
        folder = job.out / "scans" / f"planted_{name}"
        folder.mkdir(parents=True, exist_ok=True)
        write(folder, replace(part, header=replace(part.header, uid_seed=f"{part.header.uid_seed}/{name}")))
        names.append(folder.name)
    return names


def _names(indices: range | list[int]) -> list[tuple[str, int]]:
    return [(f"IM{number:05d}", index) for number, index in enumerate(indices)]


def _gap(folder: Path, part: Scanned) -> None:
    kept = [index for index in range(_SLICES) if index not in _GAP]
    write_slices(folder, part.header, part.hu, part.grid, _names(kept))


def _duplicate(folder: Path, part: Scanned) -> None:
    write_slices(folder, part.header, part.hu, part.grid, [*_names(range(_SLICES)), ("IM00099", 5)])


def _tilt(folder: Path, part: Scanned) -> None:
    """As if the scan's slices had been tilted and the table had moved along the patient."""
    affine, hu = part.grid.affine.copy(), part.hu.copy()
    sideways = np.tan(np.radians(_TILT_DEG)) * part.grid.spacing_mm[0]
    affine[:3, 0] += sideways * affine[:3, 1] / part.grid.spacing_mm[1]
    for index in range(_SLICES):
        hu[index] = shift(part.hu[index], (-index * sideways / part.grid.spacing_mm[1], 0), order=1, mode="nearest")
    header = replace(part.header, tilt_deg=_TILT_DEG)
    write_slices(folder, header, hu, replace(part.grid, affine=affine), _names(range(_SLICES)))


def _two_series(folder: Path, part: Scanned) -> None:
    write_slices(folder, part.header, part.hu, part.grid, _names(range(_SLICES)))
    again: SeriesHeader = replace(part.header, number=part.header.number + 1, kernel="B70")
    write_slices(folder, again, part.hu, part.grid, [(f"JM{n:05d}", n) for n in range(_SLICES)])


def _mixed(folder: Path, part: Scanned) -> None:
    write_slices(folder, part.header, part.hu, part.grid, _names(range(_SLICES)))
    affine = part.grid.affine.copy()
    affine[:, [1, 2]] = affine[:, [2, 1]]
    write_slices(folder, part.header, part.hu, replace(part.grid, affine=affine), [("IM00007", 7)])


def _chest(folder: Path, part: Scanned) -> None:
    """Two lungs, a heart and a spine: a sound series of another part of the body."""
    rows, columns = part.grid.shape[1:]
    y, x = np.mgrid[:rows, :columns] * part.grid.spacing_mm[1]
    y, x = y - y.mean(), x - x.mean()
    plane = np.full((rows, columns), -1000.0)

    def fill(at_x: float, at_y: float, wide: float, deep: float, hu: float) -> None:
        plane[((x - at_x) / wide) ** 2 + ((y - at_y) / deep) ** 2 < 1] = hu

    fill(0, 0, 165, 110, -100)
    fill(0, 0, 145, 92, 45)
    fill(-72, 0, 58, 80, -850)
    fill(72, 0, 58, 80, -850)
    fill(18, -28, 52, 42, 40)
    fill(0, 70, 20, 18, 250)
    rng = np.random.default_rng(7)
    noise = gaussian_filter(rng.standard_normal(part.hu.shape), (0.4, 0.8, 0.8)) * 60
    hu = np.clip(np.rint(plane + noise), -1024, 3071).astype(np.int16)
    write_slices(folder, part.header, hu, part.grid, _names(range(_SLICES)))
