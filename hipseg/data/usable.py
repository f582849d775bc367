"""Whether one side of a film can be used: its landmarks, and what the film shows there."""

from __future__ import annotations

from typing import Final

import numpy as np

from hipseg.geometry.grid import Grid
from hipseg.labels.circle import head_circle
from hipseg.labels.landmarks import LANDMARKS_PER_HIP, Points, Side
from hipseg.measure.landmark_faults import landmark_fault
from hipseg.measure.quality import Plausible
from hipseg.transforms.film import PreparedFilm
from hipseg.transforms.implant import shows_metal

_NOT_PLACED: Final = 1e-6


def find_fault(
    landmarks_mm: Points, side: Side, film: Grid, prepared: PreparedFilm, plausible: Plausible | None
) -> tuple[str, str]:
    """Why a hip can't be used, as reason and detail, both empty if it can.

    Args:
        landmarks_mm: (80, 2) film millimetres.
        side: Which.
        film: The film's own pixels.
        prepared: The whole film.
        plausible: What the landmarks are judged by, if they are.
    """
    if np.isnan(landmarks_mm).any() or (np.abs(landmarks_mm) < _NOT_PLACED).all():
        return "side_missing", f"the points file places no landmarks on the {side}"
    if (outside := ((landmarks_mm < 0) | (landmarks_mm > film.size_mm)).any(axis=1)).any():
        pixels = plausible is not None and _look_like_pixels(landmarks_mm, film, plausible)
        more = "; they look like pixels, multiply them by the spacing" if pixels else ""
        return "points_outside", f"{outside.sum()} of {LANDMARKS_PER_HIP} landmarks lie outside the film{more}"
    try:
        circle = head_circle(prepared.grid.to_pixels(landmarks_mm))
    except (ValueError, np.linalg.LinAlgError):
        return "side_missing", f"the {side} femoral head's landmarks lie on one spot or line"
    if plausible is not None:
        right = landmarks_mm if side == "right" else landmarks_mm * [-1.0, 1.0]
        if fault := landmark_fault(right, plausible):
            pixels = _look_like_pixels(landmarks_mm, film, plausible)
            more = "; they look like pixels, multiply them by the spacing" if pixels else ""
            return "landmarks_implausible", f"{fault}{more}"
    if shows_metal(prepared.image, prepared.levels, circle):
        return "implant", "the femoral head is as bright as metal"
    return "", ""


def _look_like_pixels(landmarks: Points, film: Grid, plausible: Plausible) -> bool:
    """Whether landmarks (80, 2) make a head of a plausible size if they count pixels, and none if millimetres."""
    try:
        radius = head_circle(landmarks).radius
    except (ValueError, np.linalg.LinAlgError):
        return False
    low, high = plausible.head_radius_mm
    on_film = bool(((landmarks >= 0) & (landmarks <= np.array(film.shape[::-1]))).all())
    return on_film and low <= radius * film.spacing_mm <= high < radius
