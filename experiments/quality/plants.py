"""Failures planted into what a network says: (4, rows, columns) probabilities of a right hip that it segmented well."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform

from hipseg.labels.circle import Circle
from hipseg.labels.label_map import ROOF_LABEL
from hipseg.measure.joint_curves import trace_joint

Shares = NDArray[np.float32]
Plant = Callable[[Shares, np.random.Generator, float], Shares]  # the last is the pixels' spacing in mm


def _move(shares: Shares, where: NDArray[np.bool_], labels: tuple[int, ...], to: int) -> Shares:
    """Some labels' share of some pixels given to another label."""
    moved = shares.copy()
    for label in labels:
        moved[to] += np.where(where, shares[label], 0)
        moved[label] = np.where(where, 0, shares[label])
    return moved


def _grid(shares: Shares) -> tuple[Shares, Shares]:
    y, x = np.mgrid[: shares.shape[1], : shares.shape[2]].astype(np.float32)
    return x, y


def _head(shares: Shares) -> Circle:
    return trace_joint(shares).head


def _roof(shares: Shares) -> NDArray[np.bool_]:
    return shares[ROOF_LABEL] > 0.5


def _roof_columns(shares: Shares) -> tuple[int, int]:
    columns = np.flatnonzero(_roof(shares).any(axis=0))
    return int(columns[0]), int(columns[-1])


def lost_head(shares: Shares, rng: np.random.Generator, spacing_mm: float) -> Shares:
    """No femur."""
    return _move(shares, np.ones(shares.shape[1:], dtype=bool), (1,), 0)


def lost_roof(shares: Shares, rng: np.random.Generator, spacing_mm: float) -> Shares:
    """No roof."""
    return _move(shares, np.ones(shares.shape[1:], dtype=bool), (2,), 0)


def lost_lateral_roof(shares: Shares, rng: np.random.Generator, spacing_mm: float) -> Shares:
    """Roof and joint space begin late: two thirds or more of the sourcil are missing laterally."""
    lateral, medial = _roof_columns(shares)
    return _move(shares, _grid(shares)[0] < lateral + rng.uniform(0.65, 0.8) * (medial - lateral), (2, 3), 0)


def lost_medial_roof(shares: Shares, rng: np.random.Generator, spacing_mm: float) -> Shares:
    """Likewise medially."""
    lateral, medial = _roof_columns(shares)
    return _move(shares, _grid(shares)[0] > lateral + rng.uniform(0.2, 0.35) * (medial - lateral), (2, 3), 0)


def dented_head(shares: Shares, rng: np.random.Generator, spacing_mm: float) -> Shares:
    """A bite of 5 to 8 mm radius out of the head under the roof."""
    circle, angle = _head(shares), rng.uniform(-0.25, 0.25)
    at = circle.centre + circle.radius * np.array([np.sin(angle), -np.cos(angle)])
    x, y = _grid(shares)
    return _move(shares, np.hypot(x - at[0], y - at[1]) < rng.uniform(5, 8) / spacing_mm, (1,), 3)


def hole_in_the_head(shares: Shares, rng: np.random.Generator, spacing_mm: float) -> Shares:
    """A round hole of 4 to 9 mm radius inside the head."""
    circle = _head(shares)
    x, y = _grid(shares)
    at = circle.centre + rng.uniform(-0.3, 0.3, 2) * circle.radius
    return _move(shares, np.hypot(x - at[0], y - at[1]) < rng.uniform(4, 9) / spacing_mm, (1,), 0)


def femur_beyond_itself(shares: Shares, rng: np.random.Generator, spacing_mm: float) -> Shares:
    """A piece of 14 to 30 mm grown out of the femur, above or beside the trochanter."""
    circle = _head(shares)
    x, y = _grid(shares)
    size = rng.uniform(14, 30) / spacing_mm
    right, below = -2.2 * circle.radius, rng.uniform(-1.4, -0.5) * circle.radius
    piece = (np.abs(x - circle.x - right) < size / 2) & (y > circle.y + below - size) & (y < circle.y + circle.radius)
    return _move(shares, piece, (0,), 1)


def speck_far_off(shares: Shares, rng: np.random.Generator, spacing_mm: float) -> Shares:
    """A second piece of bone, too large to be removed as a speck."""
    circle = _head(shares)
    x, y = _grid(shares)
    at = circle.centre + np.array([rng.uniform(0.5, 1.5), rng.uniform(3.2, 4.0)]) * circle.radius
    return _move(shares, np.hypot(x - at[0], y - at[1]) < 0.75 * circle.radius, (0, 3), 2)


def thin_roof(shares: Shares, rng: np.random.Generator, spacing_mm: float) -> Shares:
    """A roof of a pixel."""
    roof = _roof(shares)
    bottom = len(roof) - 1 - roof[::-1].argmax(axis=0)
    return _move(shares, roof & (_grid(shares)[1] < bottom), (2,), 0)


def thick_roof(shares: Shares, rng: np.random.Generator, spacing_mm: float) -> Shares:
    """A roof of 16 to 25 mm."""
    roof = _roof(shares)
    top = roof.argmax(axis=0)
    y = _grid(shares)[1]
    above = roof.any(axis=0) & (y <= top) & (y > top - rng.uniform(11, 18) / spacing_mm)
    return _move(shares, above, (0,), 2)


def jumping_width(shares: Shares, rng: np.random.Generator, spacing_mm: float) -> Shares:
    """Half of the roof 4 to 6 mm higher, joint space below it."""
    lateral, medial = _roof_columns(shares)
    shift = round(rng.uniform(4, 6) / spacing_mm)
    half = np.zeros(shares.shape[2], dtype=bool)
    middle = lateral + round(rng.uniform(0.4, 0.6) * (medial - lateral))
    half[slice(middle, None) if rng.random() < 0.5 else slice(0, middle)] = True
    moved = shares.copy()
    moved[2][:, half] = np.roll(shares[2], -shift, axis=0)[:, half]
    freed = np.maximum(shares[2] - moved[2], 0) * half
    moved[3] += freed
    moved[0] = np.clip(1 - moved[1] - moved[2] - moved[3], 0, 1)
    return np.asarray(moved / moved.sum(axis=0))


def _resized(shares: Shares, factor: float) -> Shares:
    x, y = _head(shares).centre
    offset = [y - y / factor, x - x / factor]
    moved = [affine_transform(share, [1 / factor, 1 / factor], offset, order=1, mode="nearest") for share in shares]
    return np.stack(moved)


def too_small(shares: Shares, rng: np.random.Generator, spacing_mm: float) -> Shares:
    """A hip of little more than half its size: wrong spacing."""
    return _resized(shares, rng.uniform(0.45, 0.58))


def too_large(shares: Shares, rng: np.random.Generator, spacing_mm: float) -> Shares:
    """A hip of more than one and a half its size."""
    return _resized(shares, rng.uniform(1.6, 2.0))


def pulled_apart(shares: Shares, rng: np.random.Generator, spacing_mm: float) -> Shares:
    """The roof 8 to 12 mm higher, joint space between."""
    shift = round(rng.uniform(8, 12) / spacing_mm)
    lateral, medial = _roof_columns(shares)
    top = int(np.flatnonzero(_roof(shares).any(axis=1))[0])
    circle = _head(shares)
    moved = shares.copy()
    moved[[0, 2]] = np.roll(shares[[0, 2]], -shift, axis=1)
    moved[3] = 0
    moved[0] = np.clip(1 - moved[1] - moved[2], 0, 1)
    between = np.zeros(shares.shape[1:], dtype=bool)
    between[max(top - shift, 0) : int(circle.y), lateral : medial + 1] = True
    below = np.cumsum(moved[2], axis=0) > 0.5
    return _move(moved, between & below, (0,), 3)


PLANTS: dict[str, Plant] = {
    function.__name__.replace("_", " "): function
    for function in (
        lost_head, lost_roof, lost_lateral_roof, lost_medial_roof, dented_head, hole_in_the_head, femur_beyond_itself,
        speck_far_off, thin_roof, thick_roof, jumping_width, too_small, too_large, pulled_apart,
    )
}  # fmt: skip
