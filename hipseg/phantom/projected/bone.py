"""A bone as rays meet it: compact bone, spongy bone within, and where that is denser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hipseg.geometry.grid import Grid
from hipseg.geometry.surface import Surface
from hipseg.phantom.ct.cortex import GROUP_MM, FemurFrame, from_segment
from hipseg.phantom.projected.beam import ConeBeam


class Paths(NamedTuple):
    """How many mm of every ray (rows, columns) lie in parts of a bone.

    Attributes:
        cortical: In its cortex.
        spongy: Within that.
        dense: The same, a millimetre of denser bone counted as more than one.
    """

    cortical: NDArray[np.float32]
    spongy: NDArray[np.float32]
    dense: NDArray[np.float32]


@dataclass(frozen=True)
class DenseHead:
    """Spongy bone of a femur that is denser than the rest.

    Attributes:
        frame: Of the femur.
        head: By how much its head is denser, as a share.
        group: By how much the middle of the principal compressive group of trabeculae is.
    """

    frame: FemurFrame
    head: float
    group: float

    def more_mm(self, beam: ConeBeam, spongy: NDArray[np.float32], grid: Grid) -> NDArray[np.float32]:
        """(rows, columns) what is to be added to a ray's way through the femur's spongy bone."""
        ball = beam.path_in_ball_mm(self.frame.head_mm, self.frame.radius_mm, grid)
        more = np.float32(self.head) * np.minimum(ball, spongy)
        start, end = beam.project(np.array(self.frame.compressive_mm))
        rows, columns = (np.flatnonzero((spongy > 0).any(axis=axis)) for axis in (1, 0))
        pixels = np.stack(np.meshgrid(grid.x_mm()[columns], grid.y_mm()[rows]), axis=-1)
        away = from_segment(pixels, start, end) / (GROUP_MM * beam.magnification)
        part = np.ix_(rows, columns)
        more[part] += self.group * np.minimum(GROUP_MM * np.sqrt(np.pi) * np.exp(-(away**2)), spongy[part])
        return more


@dataclass(frozen=True)
class Bone:
    """A closed surface, what is within, and how it is seen.

    Attributes:
        outer: Surface of its cortex.
        inner: The cortex's other surface.
        contrast: Name of the contrast that it has on films.
        dense: Where its spongy bone is denser.
    """

    outer: Surface
    inner: Surface
    contrast: str
    dense: DenseHead | None = None

    def paths_mm(self, beam: ConeBeam, grid: Grid) -> Paths:
        """How far rays run in its parts."""
        whole = beam.path_mm(self.outer, grid)
        spongy = np.minimum(beam.path_mm(self.inner, grid), whole)
        dense = spongy if self.dense is None else spongy + self.dense.more_mm(beam, spongy, grid)
        return Paths(whole - spongy, spongy, dense)


def inner_surface(surface: Surface, thickness: NDArray[np.float64]) -> Surface:
    """The inner surface of a cortex of a thickness (n,) in mm at every vertex."""
    return Surface(surface.vertices - surface.normals() * thickness[:, None], surface.faces)
