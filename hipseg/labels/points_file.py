"""BoneFinder points files: text in, (160, 2) millimetres out, and back."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from hipseg.errors import Excluded
from hipseg.labels.landmarks import LANDMARKS_PER_HIP, Points

_FILE = re.compile(r"\s*version:\s*1\s+n_points:\s*(\d+)\s*\{([^{}]*)\}\s*", re.IGNORECASE)
_COUNT = 2 * LANDMARKS_PER_HIP


def read_points(path: Path) -> Points:
    """Read a points file.

    Args:
        path: A file of `version: 1`, `n_points: 160` and 160 lines `x y` between braces.

    Returns:
        (160, 2) float64, mm from the film's top-left outer corner, x then y; a landmark that was not placed is NaN.

    Raises:
        Excluded: `points_missing` if there is no such file, `points_malformed` if it is not as above.
    """
    try:
        text = path.read_text(encoding="ascii")
    except FileNotFoundError:
        raise Excluded("points_missing", f"there is no points file {path.name}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise Excluded("points_malformed", f"{path.name} can't be read as text ({type(error).__name__})") from None
    match = _FILE.fullmatch(text)
    if match is None:
        raise Excluded("points_malformed", f"{path.name} is not 'version: 1', 'n_points: {_COUNT}' and one {{ }} block")
    try:
        points = np.array([line.split() for line in match[2].split("\n") if line.strip()], dtype=np.float64)
    except ValueError:
        raise Excluded("points_malformed", f"{path.name} has a line that is not two numbers") from None
    if int(match[1]) != _COUNT or points.shape != (_COUNT, 2):
        raise Excluded("points_malformed", f"{path.name} states {match[1]} points, holds {len(points)}, needs {_COUNT}")
    return points


def write_points(path: Path, points: Points) -> None:
    """Write (160, 2) millimetres as a points file, to a thousandth of a millimetre."""
    lines = "\n".join(f"{x:.3f} {y:.3f}" for x, y in points)
    path.write_text(f"version: 1\nn_points: {len(points)}\n{{\n{lines}\n}}\n", encoding="ascii")
