"""A joint of two circles whose widths are known in closed form, drawn as the shares of pixels that they cover."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Shares = NDArray[np.float32]
FINE = 6


@dataclass(frozen=True)
class Joint:
    """A round head under a round roof; angles in degrees from straight up about the head's centre, lateral negative.

    Attributes:
        head_mm: The head's radius.
        roof_mm: The radius of the roof's lower surface.
        offset_mm: The roof's centre seen from the head's, x and y.
        lateral_deg: Where the roof's surface ends.
        medial_deg: Likewise.
        lateral_slant: Degrees by which the end of the joint goes outward for every mm below the roof's surface.
        medial_slant: Likewise.
        thick_mm: How far the roof goes up.
    """

    head_mm: float = 26.0
    roof_mm: float = 30.0
    offset_mm: tuple[float, float] = (0.0, 0.0)
    lateral_deg: float = -38.0
    medial_deg: float = 33.0
    lateral_slant: float = 0.0
    medial_slant: float = 0.0
    thick_mm: float = 12.0

    def surface_mm(self, deg: Array) -> Array:
        """The roof's distance from the head's centre."""
        along = self.offset_mm[0] * np.sin(np.deg2rad(deg)) - self.offset_mm[1] * np.cos(np.deg2rad(deg))
        return along + np.sqrt(self.roof_mm**2 - (np.hypot(*self.offset_mm) ** 2 - along**2))

    def width_mm(self, deg: float | Array) -> Array:
        """The joint's width from the head's centre outward."""
        return self.surface_mm(np.asarray(deg, dtype=float)) - self.head_mm

    def narrowest_deg(self) -> float:
        """Where it is narrowest: opposite to the roof's centre, or at the end that comes nearest to that."""
        opposite = np.rad2deg(np.arctan2(-self.offset_mm[0], self.offset_mm[1]))
        return float(np.clip(opposite, self.lateral_deg, self.medial_deg))

    def regions(self, x: Array, y: Array) -> NDArray[np.uint8]:
        """Labels at points that are so far from the head's centre, as they lie over one another."""
        radius, deg = np.hypot(x, y), np.rad2deg(np.arctan2(x, -y))
        below = self.surface_mm(deg) - radius
        sector = (deg > self.lateral_deg - self.lateral_slant * below) & (
            deg < self.medial_deg + self.medial_slant * below
        )
        bone = sector & (below <= 0) & (below > -self.thick_mm)
        return np.select([radius < self.head_mm, bone, sector & (below > 0)], [1, 2, 3], 0).astype(np.uint8)


def draw(
    label_at: Callable[[Array, Array], NDArray[np.uint8]],
    centre_mm: tuple[float, float],
    spacing_mm: float,
    size_mm: tuple[float, float] = (84.0, 72.0),
    fine: int = FINE,
) -> Shares:
    """Shares (4, rows, columns) of an image so wide and high.

    Args:
        label_at: Labels at x and y in mm from the centre.
        centre_mm: The centre, in mm from the first pixel's centre.
        spacing_mm: Millimetres per pixel.
        size_mm: Width and height.
        fine: Parts of a pixel's side that shares are counted in.
    """
    columns, rows = (round(size / spacing_mm) for size in size_mm)
    x, y = (((np.arange(count * fine) + 0.5) / fine - 0.5) * spacing_mm for count in (columns, rows))
    labels = label_at(*np.meshgrid(x - centre_mm[0], y - centre_mm[1]))
    parts = labels.reshape(rows, fine, columns, fine)
    return np.stack([(parts == label).mean(axis=(1, 3)) for label in range(4)]).astype(np.float32)
