"""Hounsfield units along a line through a bone's cortex, as three layers that a scanner has blurred.

Model of Treece, Gee, Mayhew and Poole, High resolution cortical bone thickness measurement from clinical CT data,
Medical Image Analysis 2010, 14:276.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Floats = NDArray[np.float64]

_STEPS: Final = 60
_STILL_MM: Final = 1e-3  # of both edges from one step to the next
_DAMPED: Final = 1e7
_CHUNK: Final = 4000  # lines at once, which a processor's cache likes


class Layer(IntEnum):
    """Columns of a line's parameters."""

    OUTER_MM = 0
    """Where the cortex begins, outwards positive."""
    THICKNESS_MM = 1
    SOFT_HU = 2
    INNER_HU = 3
    CORTICAL_HU = 4
    BLUR_MM = 5


_LEAST: Final = np.array([-5.0, 0.02, -1100.0, -1100.0, 300.0, 0.1])
_START: Final = np.array([0.0, 0.5, 0.0, 0.0, 1500.0, 0.6])
_INNER_SAMPLES: Final = 8
_MOST: Final = np.array([5.0, 20.0, 3000.0, 3000.0, 4000.0, 3.0])


EDGES_AND_LEVELS: Final = (Layer.OUTER_MM, Layer.THICKNESS_MM, Layer.SOFT_HU, Layer.INNER_HU)
"""What is fitted at every vertex: a thin cortex that is wider and less dense has the same profile."""


@dataclass(frozen=True)
class Lines:
    """Profiles of n lines.

    Attributes:
        at_mm: (m,) places along each, outwards positive.
        hu: (n, m) Hounsfield units.
        counts: (n, m) which samples count: one stretch of every line.
    """

    at_mm: Floats
    hu: NDArray[Any]
    counts: NDArray[np.bool_]

    @property
    def reach_mm(self) -> tuple[Floats, Floats]:
        """(n,) where what counts begins, and where it ends."""
        last = len(self.at_mm) - 1 - self.counts[:, ::-1].argmax(axis=1)
        return self.at_mm[self.counts.argmax(axis=1)], self.at_mm[last]

    def taken(self, which: Any) -> Lines:
        """Some of the lines, by an index of numpy's."""
        return Lines(self.at_mm, self.hu[which], self.counts[which])


@dataclass(frozen=True)
class Fits:
    """Layers fitted to n lines.

    Attributes:
        layers: (n, 6), see `Layer`.
        residual_hu: (n,) root mean square over the samples that count.
        settled: (n,) whether the steps came to rest.
    """

    layers: Floats
    residual_hu: Floats
    settled: NDArray[np.bool_]


def layered_hu(at_mm: Floats, layers: Floats) -> tuple[Floats, Floats]:
    """Hounsfield units of blurred layers, and how they change with each parameter.

    Args:
        at_mm: (m,) places along the lines, outwards positive.
        layers: (n, 6), see `Layer`.

    Returns:
        (n, m) and (n, m, 6).
    """
    outer, thickness, soft, inner, cortical, blur = (column[:, None] for column in layers.T)
    out, into = (at_mm - outer) / blur, (at_mm - outer + thickness) / blur
    beyond_out, beyond_in = ndtr(out), ndtr(into)
    slope_out, slope_in = (np.exp(-(u**2) / 2) / (np.sqrt(2 * np.pi) * blur) for u in (out, into))
    rise, fall = cortical - inner, soft - cortical
    hu = inner + rise * beyond_in + fall * beyond_out
    by_inner_edge = rise * slope_in
    changes = [
        -by_inner_edge - fall * slope_out, by_inner_edge, beyond_out, 1 - beyond_in, beyond_in - beyond_out,
        -by_inner_edge * into - fall * slope_out * out,
    ]  # fmt: skip
    return hu, np.stack(changes, axis=-1)


def layers_to_start(lines: Lines, about_mm: Floats) -> Floats:
    """(n, 6) layers to start a fit from: the cortex begins at 0, densities are those of each line's ends.

    Args:
        lines: Profiles.
        about_mm: (n,) thickness.
    """
    first, last = (np.searchsorted(lines.at_mm, end) for end in lines.reach_mm)
    rows = np.arange(len(lines.hu))
    start = np.tile(_START, (len(lines.hu), 1))
    start[:, Layer.THICKNESS_MM] = np.maximum(about_mm, _START[Layer.THICKNESS_MM])
    start[:, Layer.SOFT_HU] = lines.hu[rows, last]
    start[:, Layer.INNER_HU] = lines.hu[rows[:, None], first[:, None] + np.arange(_INNER_SAMPLES)].mean(axis=1)
    return start


def fit_layers(lines: Lines, start: Floats, free: Sequence[Layer]) -> Fits:
    """Fit layers to profiles by least squares (Levenberg and Marquardt, many lines at once).

    Args:
        lines: Profiles.
        start: (n, 6), see `Layer`: where a fit starts, and what is held.
        free: Columns that are fitted.
    """
    parts = [slice(first, first + _CHUNK) for first in range(0, max(len(start), 1), _CHUNK)]
    fits = [_fit(lines.taken(part), start[part], list(free)) for part in parts]
    return Fits(
        np.concatenate([fit.layers for fit in fits]),
        np.concatenate([fit.residual_hu for fit in fits]),
        np.concatenate([fit.settled for fit in fits]),
    )


def _fit(lines: Lines, start: Floats, free: list[Layer]) -> Fits:
    best = np.clip(start, _LEAST, _MOST)
    n = len(best)
    cost, curvature, downhill = _normal_equations(lines, best, free)
    damping, settled = np.full(n, 1e-2), np.zeros(n, dtype=bool)
    for _ in range(_STEPS):
        on = np.nonzero(~settled)[0]
        if not len(on):
            break
        matrix = curvature[on].copy()
        diagonal = np.arange(len(free))
        matrix[:, diagonal, diagonal] *= 1 + damping[on, None]
        matrix[:, diagonal, diagonal] += 1e-9
        trial = best[on].copy()
        trial[:, free] += np.linalg.solve(matrix, downhill[on][..., None])[..., 0]
        trial = np.clip(trial, _LEAST, _MOST)
        at_trial, bent, down = _normal_equations(lines.taken(on), trial, free)
        better = at_trial <= cost[on]
        moved = np.abs(trial - best[on])[:, : Layer.SOFT_HU].max(axis=1)
        settled[on] = (better & (moved < _STILL_MM)) | (damping[on] > _DAMPED)
        damping[on] *= np.where(better, 0.3, 6.0)
        taken = on[better]
        best[taken], cost[taken] = trial[better], at_trial[better]
        curvature[taken], downhill[taken] = bent[better], down[better]
    return Fits(best, np.sqrt(cost / np.maximum(lines.counts.sum(axis=1), 1)), settled)


def _normal_equations(lines: Lines, layers: Floats, free: list[Layer]) -> tuple[Floats, Floats, Floats]:
    """(n,) sums of squares, (n, k, k) and (n, k) of the least-squares step."""
    made, changes = layered_hu(lines.at_mm, layers)
    changes = changes[..., free] * lines.counts[..., None]
    off = (lines.hu - made) * lines.counts
    turned = changes.transpose(0, 2, 1)
    return (off**2).sum(axis=1), turned @ changes, (turned @ off[..., None])[..., 0]
