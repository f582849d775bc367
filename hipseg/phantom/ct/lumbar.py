"""The lowest lumbar vertebrae, above a phantom's sacrum: bodies, pedicles and spinous processes of simple shapes."""

from __future__ import annotations

from typing import Final

import numpy as np

from hipseg.geometry.surface import Surface
from hipseg.phantom.ct.body import Axes, Volume
from hipseg.phantom.ct.cortex import Quality

_PITCH_MM: Final = 37.0  # from disc to disc
_BODY_MM: Final = (25.0, 18.0, 13.5)  # half width, depth and height
_SHELL_MM: Final = 1.0
_SHELL_HU: Final = 480.0
_SPONGY_HU: Final = 150.0
_DISC_HU: Final = 85.0
_ARCH_MM: Final = ((13.0, 26.0, 4.0), (6.0, 13.0, 8.0))  # a pedicle's place and half axes
_PROCESS_MM: Final = ((0.0, 46.0, -6.0), (4.5, 20.0, 9.0))
_CENTRAL_MM: Final = 25.0


def add_lumbar(hu: Volume, axes: Axes, pelvis: Surface, quality: Quality) -> None:
    """Put vertebrae and discs into a scan, in place, from the sacrum's upper end to the scan's."""
    top = _promontory(pelvis)
    z = axes[2]
    for number in range(6):
        middle = top + np.array([0.0, -1.5 * number, _BODY_MM[2] + number * _PITCH_MM])
        if middle[2] - _PITCH_MM > z[-1]:
            return
        disc = middle - np.array([0.0, 0.0, _PITCH_MM / 2])
        _add_oval(hu, axes, disc, (23.0, 16.5, 6.0), _DISC_HU, None, 4.0)
        spongy = _SPONGY_HU * quality.density + 20
        for place, half in (((0.0, 0.0, 0.0), _BODY_MM), _ARCH_MM, _PROCESS_MM):
            for sign in (1.0, -1.0) if place[0] else (1.0,):
                at = middle + np.array([sign * place[0], place[1], place[2]])
                _add_oval(hu, axes, at, half, spongy, _SHELL_HU, 4.0 if half is _BODY_MM else 2.2)


def _promontory(pelvis: Surface) -> np.ndarray:
    """The middle of the sacrum's upper end."""
    vertices = pelvis.vertices
    middle = float(vertices[:, 0].min() + vertices[:, 0].max()) / 2
    central = vertices[np.abs(vertices[:, 0] - middle) < _CENTRAL_MM]
    highest = central[central[:, 2] > central[:, 2].max() - 6.0]
    return np.asarray(highest.mean(axis=0))


def _add_oval(
    hu: Volume,
    axes: Axes,
    centre: np.ndarray,
    half: tuple[float, float, float],
    inner_hu: float,
    shell_hu: float | None,
    power: float,
) -> None:
    """A superellipsoid, in part where its surface crosses voxels."""
    window = tuple(
        slice(int(np.searchsorted(axis, at - size - 2)), int(np.searchsorted(axis, at + size + 2)))
        for axis, at, size in zip(axes, centre, half, strict=True)
    )
    part = hu[window]
    if part.size == 0:
        return
    x, y, z = np.ix_(*(np.abs(axis[each] - at) for axis, each, at in zip(axes, window, centre, strict=True)))
    across, step = np.sqrt((x / half[0]) ** 2 + (y / half[1]) ** 2), float(axes[0][1] - axes[0][0])
    radius = (across**power + (z / half[2]) ** power) ** (1 / power)
    depth = (1 - radius) * min(half)
    bone = np.clip(0.5 + depth / step, 0, 1)
    within = (
        inner_hu if shell_hu is None else shell_hu + (inner_hu - shell_hu) * np.clip((depth - _SHELL_MM) / step, 0, 1)
    )
    part += (bone * (within - part)).astype(np.float32)
