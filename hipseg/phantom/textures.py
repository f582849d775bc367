"""Random fields: slow exposure fields, power-law soft tissue, and trabecular bone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hipseg.geometry.grid import Grid

Image = NDArray[np.float32]


def spectral_noise(rng: np.random.Generator, grid: Grid, exponent: float, band_mm: tuple[float, float]) -> Image:
    """Gaussian noise of unit variance whose power falls as frequency**-exponent between two wavelengths.

    Args:
        rng: Its source.
        grid: Where it is drawn.
        exponent: Of the power spectrum.
        band_mm: Shortest and longest wavelength.
    """
    rows, columns = grid.shape
    fy = np.fft.fftfreq(rows, grid.spacing_mm)[:, None].astype(np.float32)
    fx = np.fft.rfftfreq(columns, grid.spacing_mm)[None, :].astype(np.float32)
    frequency = np.hypot(fy, fx)
    keep = (frequency >= 1 / band_mm[1]) & (frequency <= 1 / band_mm[0])
    amplitude = np.where(keep, np.maximum(frequency, 1e-6) ** np.float32(-exponent / 2), 0).astype(np.float32)
    phase = rng.standard_normal((2, *frequency.shape), dtype=np.float32)
    field = np.fft.irfft2(amplitude * (phase[0] + 1j * phase[1]), s=(rows, columns)).astype(np.float32)
    spread = float(field.std())
    return field / np.float32(spread) if spread > 0 else field


def trabeculae(rng: np.random.Generator, grid: Grid, angle_deg: float) -> Image:
    """Streaks of unit variance, about 1.5 mm across and 8 mm long.

    Args:
        rng: Their source.
        grid: Where they are drawn.
        angle_deg: Their direction, clockwise from the x axis.
    """
    rows, columns = grid.shape
    fy = np.fft.fftfreq(rows, grid.spacing_mm)[:, None].astype(np.float32)
    fx = np.fft.rfftfreq(columns, grid.spacing_mm)[None, :].astype(np.float32)
    angle = np.deg2rad(angle_deg)
    along, across = np.cos(angle) * fx + np.sin(angle) * fy, -np.sin(angle) * fx + np.cos(angle) * fy
    amplitude = np.exp(-((along * 6) ** 2) - ((np.abs(across) - 0.28) / 0.16) ** 2).astype(np.float32)
    phase = rng.standard_normal((2, *amplitude.shape), dtype=np.float32)
    field = np.fft.irfft2(amplitude * (phase[0] + 1j * phase[1]), s=(rows, columns)).astype(np.float32)
    return field / np.float32(field.std())
