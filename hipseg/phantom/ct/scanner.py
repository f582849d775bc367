"""What a CT scanner makes of a scene: a table below it, blur, and noise that is correlated as reconstruction leaves it.

Beam hardening, scatter and motion are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter

from hipseg.phantom.ct.body import Axes, Volume

METAL_HU: Final = 3071.0
ROD_HU_PER_DENSITY: Final = 1.30  # HU per mg hydroxyapatite a cm3 at 120 kV
ROD_DENSITIES: Final = (0.0, 50.0, 100.0, 150.0, 200.0)  # mg a cm3
_MATTRESS_HU: Final = -930.0
_FOAM_HU: Final = -880.0
_SHELL_HU: Final = -80.0
_LEAST_HU: Final = -1024.0
_WATER_PER_MM: Final = 0.0195  # attenuation of water at 120 kV
_MODULATED: Final = 0.55  # share of the attenuation that the tube's current makes up for


@dataclass(frozen=True)
class Scanner:
    """One scan's settings.

    Attributes:
        blur_mm: Standard deviation of the point spread, in the plane and along z.
        noise_hu: Standard deviation of noise in the middle of the body.
        edge_per_mm: Frequency at which the kernel's noise is strongest.
        rods: Whether a calibration phantom lies below the subject.
    """

    blur_mm: tuple[float, float]
    noise_hu: float
    edge_per_mm: float
    rods: bool


def add_table(hu: Volume, axes: Axes, back_mm: float, rods: bool) -> None:
    """Put mattress, calibration phantom and table below a subject, in place, where there is air."""
    x, y, _ = axes
    across, below = np.meshgrid(x, y - back_mm, indexing="ij")
    gap = 26.0 if rods else 0.0
    sag = (across / 210.0) ** 2 * 22.0  # of the table's hollow
    depth = below + sag
    plane = np.full(across.shape, np.float32(np.nan))
    plane[(depth > -26) & (depth <= gap + 14)] = _MATTRESS_HU
    lower = depth - gap - 14
    plane[(lower > 0) & (lower < 46)] = _FOAM_HU
    plane[((lower > 0) & (lower < 1.6)) | ((lower > 44.4) & (lower < 46))] = _SHELL_HU
    plane[(np.abs(across) > 225) & ~np.isnan(plane)] = np.nan
    if rods:
        block = (np.abs(across) < 135) & (below > 2) & (below < 25)
        plane[block] = 15.0
        for index, density in enumerate(ROD_DENSITIES):
            middle = (index - 2) * 48.0
            plane[(across - middle) ** 2 + (below - 13.5) ** 2 < 8.5**2] = ROD_HU_PER_DENSITY * density + 2
    there = ~np.isnan(plane)
    for index in range(hu.shape[2]):
        image = hu[:, :, index]
        free = there & (image < -700)
        image[free] = plane[free]


def scan(rng: np.random.Generator, hu: Volume, axes: Axes, scanner: Scanner) -> Volume:
    """The reconstructed volume, in Hounsfield units from -1024 to 3071.

    Args:
        rng: Of the noise.
        hu: (x, y, z), changed in place.
        axes: Where it lies.
        scanner: Its settings.
    """
    steps = [float(axis[1] - axis[0]) for axis in axes]
    widths = [scanner.blur_mm[0], scanner.blur_mm[0], scanner.blur_mm[1]]
    blurred = gaussian_filter(hu, [width / step for width, step in zip(widths, steps, strict=True)], output=hu)
    shape = blurred.shape
    frequency = np.hypot(np.fft.fftfreq(shape[0], steps[0])[:, None], np.fft.rfftfreq(shape[1], steps[1])[None, :])
    # A ramp that the kernel rolls off: the noise power spectrum of filtered back-projection.
    filtered = (frequency * np.exp(-((frequency / scanner.edge_per_mm) ** 2) / 2)).astype(np.float32)
    filtered /= np.float32(np.sqrt((filtered**2).mean()))
    last = np.zeros(shape[:2], dtype=np.float32)
    for index in range(shape[2]):
        white = rng.standard_normal(shape[:2], dtype=np.float32)
        fresh = np.fft.irfft2(np.fft.rfft2(white) * filtered, s=shape[:2]).astype(np.float32)
        last = fresh if index == 0 else np.float32(0.35) * last + np.float32(np.sqrt(1 - 0.35**2)) * fresh
        image = blurred[:, :, index]
        image += last * np.float32(scanner.noise_hu) * _spread(image, steps)
    return np.clip(np.rint(blurred, out=blurred), _LEAST_HU, METAL_HU, out=blurred)


def _spread(image: Volume, steps: list[float]) -> Volume:
    """How much noise there is at each place, 1 in the middle: more where rays pass through much."""
    attenuation = np.maximum(image / 1000 + 1, 0) * np.float32(_WATER_PER_MM)
    power = np.float32(1 - _MODULATED)
    across = np.exp(attenuation.sum(axis=0) * np.float32(steps[0]) * power)[None, :]
    down = np.exp(attenuation.sum(axis=1) * np.float32(steps[1]) * power)[:, None]
    spread = np.sqrt((across + down) / 2)
    middle = float(spread[image.shape[0] // 2, image.shape[1] // 2])
    return np.asarray(spread / max(middle, 1e-6), dtype=np.float32)
