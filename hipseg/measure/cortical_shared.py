"""What all profiles through one femur's cortex have in common: its density, and the scanner's blur."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from hipseg.measure.cortical_profile import EDGES_AND_LEVELS, Floats, Layer, Lines, fit_layers

_THICK_MM: Final = 3.0
_ENOUGH: Final = 50
_SAMPLE: Final = 2000
_RESIDUAL_HU: Final = 100.0
_FLAT: Final = 0.15  # share of a normal's square across slices
_STEEP: Final = 0.5


@dataclass(frozen=True)
class Shared:
    """Density of the cortex and blur of the scanner.

    Attributes:
        cortical_hu: Of compact bone.
        blur_mm: Standard deviation of the point spread in the plane, and across slices. The slices' thickness and the
            voxels' size are part of it, by their variance.
    """

    cortical_hu: float
    blur_mm: tuple[float, float]

    def blur_along(self, normals: Floats) -> Floats:
        """(n,) standard deviations in mm along (n, 3) unit vectors, slices first."""
        across = normals[:, 0] ** 2
        return np.asarray(np.sqrt(self.blur_mm[0] ** 2 * (1 - across) + self.blur_mm[1] ** 2 * across))


def shared_of(lines: Lines, start: Floats, normals: Floats) -> Shared | None:
    """Estimates from a femur's own profiles; None where too few pass through thick cortex.

    Density and blur are fitted freely where the cortex is thicker than 3 mm. With the median density held, the blur is
    fitted again at vertices of all directions: a thin cortex has the area under its profile from its thickness, and
    its width from the blur.

    Args:
        lines: Profiles.
        start: (n, 6) layers to start from.
        normals: (n, 3) the lines' directions, slices first.
    """
    draw = np.random.default_rng(0).permutation(len(start))
    thick = draw[start[draw, Layer.THICKNESS_MM] > _THICK_MM][:_SAMPLE]
    fits = fit_layers(lines.taken(thick), start[thick], tuple(Layer))
    good = fits.settled & (fits.layers[:, Layer.THICKNESS_MM] > _THICK_MM) & (fits.residual_hu < _RESIDUAL_HU)
    if good.sum() < _ENOUGH:
        return None
    held = start.copy()
    for column in (Layer.CORTICAL_HU, Layer.BLUR_MM):
        held[:, column] = np.median(fits.layers[good, column])
    some = draw[: 2 * _SAMPLE]
    fits = fit_layers(lines.taken(some), held[some], (*EDGES_AND_LEVELS, Layer.BLUR_MM))
    good = fits.settled & (fits.residual_hu < _RESIDUAL_HU)
    square, across = fits.layers[:, Layer.BLUR_MM] ** 2, normals[some, 0] ** 2
    flat, steep = good & (across < _FLAT), good & (across > _STEEP)
    in_plane = float(np.median(square[flat] if flat.sum() >= _ENOUGH else held[:1, Layer.BLUR_MM] ** 2))
    through = in_plane
    if steep.sum() >= _ENOUGH:
        through = float(np.median((square[steep] - in_plane * (1 - across[steep])) / across[steep]))
    return Shared(float(held[0, Layer.CORTICAL_HU]), (in_plane**0.5, max(through, 0.01) ** 0.5))
