"""Failures planted into what a network says: (4, rows, columns) probabilities of a right hip with known landmarks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform

from hipseg.labels.circle import head_circle
from hipseg.labels.landmarks import ROOF, SOURCIL, Points

Shares = NDArray[np.float32]
Plant = Callable[[Shares, Points, np.random.Generator], Shares]


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


def lost_head(shares: Shares, landmarks: Points, rng: np.random.Generator) -> Shares:
    """No femur."""
    return _move(shares, np.ones(shares.shape[1:], dtype=bool), (1,), 0)


def lost_roof(shares: Shares, landmarks: Points, rng: np.random.Generator) -> Shares:
    """No roof."""
    return _move(shares, np.ones(shares.shape[1:], dtype=bool), (2,), 0)


def lost_lateral_roof(shares: Shares, landmarks: Points, rng: np.random.Generator) -> Shares:
    """Roof and joint space begin late: two thirds or more of the sourcil are missing laterally."""
    lateral, medial = landmarks[SOURCIL][[0, -1], 0]
    x, _ = _grid(shares)
    return _move(shares, x < lateral + rng.uniform(0.65, 0.8) * (medial - lateral), (2, 3), 0)


def lost_medial_roof(shares: Shares, landmarks: Points, rng: np.random.Generator) -> Shares:
    """Likewise medially."""
    lateral, medial = landmarks[SOURCIL][[0, -1], 0]
    x, _ = _grid(shares)
    return _move(shares, x > lateral + rng.uniform(0.2, 0.35) * (medial - lateral), (2, 3), 0)


def dented_head(shares: Shares, landmarks: Points, rng: np.random.Generator) -> Shares:
    """A bite of 5 to 8 mm radius out of the head under the roof."""
    circle, angle = head_circle(landmarks), rng.uniform(-0.25, 0.25)
    at = circle.centre + circle.radius * np.array([np.sin(angle), -np.cos(angle)])
    x, y = _grid(shares)
    return _move(shares, np.hypot(x - at[0], y - at[1]) < rng.uniform(5, 8) / 0.9, (1,), 3)


def _resized(shares: Shares, landmarks: Points, factor: float) -> Shares:
    x, y = head_circle(landmarks).centre
    offset = [y - y / factor, x - x / factor]
    moved = [affine_transform(share, [1 / factor, 1 / factor], offset, order=1, mode="nearest") for share in shares]
    return np.stack(moved)


def too_small(shares: Shares, landmarks: Points, rng: np.random.Generator) -> Shares:
    """A hip of little more than half its size: wrong spacing."""
    return _resized(shares, landmarks, rng.uniform(0.45, 0.58))


def too_large(shares: Shares, landmarks: Points, rng: np.random.Generator) -> Shares:
    """A hip of more than one and a half its size."""
    return _resized(shares, landmarks, rng.uniform(1.6, 2.0))


def pulled_apart(shares: Shares, landmarks: Points, rng: np.random.Generator) -> Shares:
    """The roof 8 to 12 mm higher, joint space between."""
    shift = round(rng.uniform(8, 12) / 0.9)
    moved = shares.copy()
    moved[[0, 2]] = np.roll(shares[[0, 2]], -shift, axis=1)
    top, columns = int(landmarks[ROOF, 1].min()), slice(*np.sort(landmarks[SOURCIL][[0, -1], 0]).astype(int))
    moved[3] = 0
    moved[0] = np.clip(1 - moved[1] - moved[2], 0, 1)
    between = np.zeros(shares.shape[1:], dtype=bool)
    between[top - shift : int(head_circle(landmarks).y), columns] = True
    gap = np.cumsum(moved[2], axis=0) > 0.5  # below the roof
    return _move(moved, between & gap, (0,), 3)


def inverted_film(shares: Shares, landmarks: Points, rng: np.random.Generator) -> Shares:
    """Nothing here: the film itself is inverted before the network sees it."""
    return shares


PLANTS: dict[str, Plant] = {
    function.__name__.replace("_", " "): function
    for function in (
        lost_head, lost_roof, lost_lateral_roof, lost_medial_roof, dented_head, too_small, too_large, pulled_apart,
        inverted_film,
    )
}  # fmt: skip
