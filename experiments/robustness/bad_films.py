"""The whole corpus of bad films, from sound ones of every syntax."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from bad_frames import bad_frames
from bad_headers import bad_headers
from bad_points import bad_points
from cases import FilmCase
from sound_films import sound_films


def bad_films(folder: Path, seed: int) -> list[FilmCase]:
    """Every case; the same seed makes the same.

    Args:
        folder: For the sound films they are made of.
        seed: Of flipped bytes.
    """
    bases, points = sound_films(folder)
    rng = np.random.default_rng(seed)
    return [
        *bad_headers(bases, points),
        *bad_frames(bases, points, rng),
        *bad_points(bases[0][1], points),
    ]
