"""BoneFinder points files: text in, (160, 2) millimetres out, and back."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from hipseg.errors import Excluded
from hipseg.labels.landmarks import LANDMARKS_PER_HIP, Points

_HEAD: Final = re.compile(r"\s*version:\s*1\s+n_points:\s*(\d{1,9})\s*\{", re.IGNORECASE)
_COMMENT: Final = re.compile(r"//[^\n]*")
_COUNT: Final = 2 * LANDMARKS_PER_HIP
_SHOWN: Final = 40


def read_points(path: Path, count: int = _COUNT, most_bytes: float = math.inf) -> Points:
    """Read a points file.

    Args:
        path: A file of `version: 1`, `n_points: 160` and 160 lines `x y` between braces; what follows `//` on a line is
            a comment.
        count: How many points it must hold.
        most_bytes: A larger file is not read.

    Returns:
        (count, 2) float64, mm from the film's top-left outer corner, x then y; a landmark that was not placed is NaN.

    Raises:
        Excluded: `points_missing` if there is no such file, `points_malformed` if it is not as above.
    """
    try:
        if path.stat().st_size > most_bytes:
            said = f"{path.name} is larger than {most_bytes / 1000:g} kB (limits.points_kb)"
            raise Excluded("points_malformed", said)
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise Excluded("points_missing", f"there is no points file {path.name}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise Excluded("points_malformed", f"{path.name} can't be read as text ({type(error).__name__})") from None
    text = _COMMENT.sub("", text)
    head = _HEAD.match(text)
    body, brace, rest = text[head.end() :].partition("}") if head else ("", "", "")
    if head is None or not brace or rest.strip() or "{" in body:
        raise Excluded("points_malformed", f"{path.name} is not 'version: 1', 'n_points: {count}' and one {{ }} block")
    points = np.array(list(_pairs(body, path.name, 1 + text.count("\n", 0, head.end()))), dtype=np.float64)
    if int(head[1]) != count or len(points) != count:
        raise Excluded("points_malformed", f"{path.name} states {head[1]} points, holds {len(points)}, needs {count}")
    return points.reshape(-1, 2)


def _pairs(body: str, name: str, first: int) -> Iterator[tuple[float, float]]:
    """The points of a block whose first line has a number in its file."""
    for number, line in enumerate(body.split("\n"), first):
        words = line.split()
        if not words:
            continue
        try:
            values = [float(word) for word in words]
        except ValueError:
            said = f"line {number} holds '{line.strip()[:_SHOWN]}', not two numbers"
            raise Excluded("points_malformed", f"{name}: {said}") from None
        if len(values) != 2:
            raise Excluded("points_malformed", f"{name}: line {number} has {len(values)} numbers, not 2")
        yield values[0], values[1]


def write_points(path: Path, points: Points) -> None:
    """Write (160, 2) millimetres as a points file, to a thousandth of a millimetre."""
    lines = "\n".join(f"{x:.3f} {y:.3f}" for x, y in points)
    path.write_text(f"version: 1\nn_points: {len(points)}\n{{\n{lines}\n}}\n", encoding="ascii")
