"""Curves along which two shares of an image are equal, to a fraction of a pixel. Points are x, y from pixel centres."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

import numpy as np
from contourpy import FillType, LineType, SerialContourGenerator, ZInterp
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from hipseg.labels.landmarks import Points
from hipseg.measure.weight_bearing import angles

_BLUR_PX: Final = 1.0
_SMALLEST_SHARE: Final = 1e-6
_NO_MASK: Final = np.array(False)
BENT_PX: Final = 2.5  # so much of a curve's end bends with the blurred corner that it runs into
_CRUMB: Final = 0.15  # of the longest piece's length

Image = NDArray[Any]


def blur(shares: Image) -> Image:
    """(n, rows, columns) smoothed by a Gaussian of one pixel, which a straight edge does not notice."""
    for axis in (1, 2):
        shares = gaussian_filter1d(shares, _BLUR_PX, axis=axis, output=np.float32, mode="nearest", truncate=3.0)
    return shares


def log_odds(own: Image, other: Image) -> Image:
    """Logarithm of one share over another: runs straight across a blurred edge, where the shares themselves bend."""
    return np.asarray(np.log((own + _SMALLEST_SHARE) / (other + _SMALLEST_SHARE)))


def contours(image: Image, level: float) -> list[Points]:
    """Polylines (n, 2) on which an image (rows, columns) has a value.

    contourpy's own factory would first look for masked pixels, which takes longer than the contours of one joint.
    """
    at = np.indices(image.shape, dtype=np.float64)
    generator = SerialContourGenerator(
        at[1],
        at[0],
        image.astype(np.float64),
        _NO_MASK,
        corner_mask=False,
        line_type=LineType.Separate,
        fill_type=FillType.OuterOffset,
        quad_as_tri=False,
        z_interp=ZInterp.Linear,
    )
    return [np.asarray(line) for line in generator.lines(level)]


def trace(odds: Image, excess: Image) -> list[Points]:
    """Curves (n, 2) on which `odds` (rows, columns) is zero, as far as `excess` (rows, columns) is not negative."""
    return [piece for line in contours(odds, 0.0) for piece in _cut(line, sample(excess, line))]


def sample(image: Image, points: Points) -> NDArray[np.float64]:
    """Bilinear interpolation of (rows, columns) at (n, 2) points; beyond the edge its value there."""
    rows, columns = image.shape
    x, y = np.clip(points[:, 0], 0, columns - 1), np.clip(points[:, 1], 0, rows - 1)
    column, row = np.minimum(x.astype(np.intp), columns - 2), np.minimum(y.astype(np.intp), rows - 2)
    x, y = x - column, y - row
    pixels, at = image.ravel(), row * columns + column
    left, right = pixels[at], pixels[at + 1]
    upper = left + (right - left) * x
    left, right = pixels[at + columns], pixels[at + columns + 1]
    return np.asarray(upper + (left + (right - left) * x - upper) * y, dtype=np.float64)


def _cut(line: Points, excess: NDArray[np.float64]) -> list[Points]:
    """The pieces of a polyline on which a value at its vertices is not negative, their ends between vertices."""
    keep = excess >= 0
    if keep.all():
        return [line]
    pieces = []
    changes = np.flatnonzero(np.diff(keep.astype(np.int8)))
    bounds = np.concatenate([[-1], changes, [len(line) - 1]])
    for before, last in pairwise(bounds):
        if not keep[before + 1]:
            continue
        piece = [line[before + 1 : last + 1]]
        if before >= 0:
            piece.insert(0, _between(line, excess, before)[None])
        if last < len(line) - 1:
            piece.append(_between(line, excess, last)[None])
        pieces.append(np.concatenate(piece))
    return pieces


def _between(line: Points, excess: NDArray[np.float64], i: int) -> Points:
    fraction = excess[i] / (excess[i] - excess[i + 1])
    return np.asarray(line[i] + fraction * (line[i + 1] - line[i]))


def facing(piece: Points, centre: Points, cosine: float) -> list[Points]:
    """The runs of a polyline whose normal is within an angle of the direction to a centre."""
    step, middle = np.diff(piece, axis=0), (piece[1:] + piece[:-1]) / 2 - centre
    across = np.abs(step[:, 0] * middle[:, 1] - step[:, 1] * middle[:, 0])
    chosen = across >= cosine * np.hypot(*step.T) * np.hypot(*middle.T)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], chosen, [False]]).astype(np.int8)))
    return [piece[start : end + 1] for start, end in edges.reshape(-1, 2)]


def join(pieces: list[Points], centre: Points) -> tuple[Points, float]:
    """Pieces as one curve from the image's left to its right, seen from a centre; crumbs are left out.

    Returns:
        (n, 2), gaps bridged by the arc between their ends, not by its chord, which would come too near to the centre;
        and the widest gap in degrees.
    """
    lengths = [np.hypot(*np.diff(piece, axis=0).T).sum() for piece in pieces]
    ordered = []
    for piece, length in zip(pieces, lengths, strict=True):
        if length >= _CRUMB * max(lengths):
            angle = angles(piece, centre)
            ordered.append((angle.mean(), piece if angle[0] <= angle[-1] else piece[::-1]))
    large = [piece for _, piece in sorted(ordered, key=lambda pair: pair[0])]
    curve, widest = [large[0]], 0.0
    for after in large[1:]:
        before = curve.pop()
        gap = float(np.diff(angles(np.stack([before[-1], after[0]]), centre))[0])
        widest = max(widest, float(np.rad2deg(gap)))
        if gap * np.hypot(*(after[0] - centre)) > BENT_PX:
            before, after = _straight(before[::-1])[::-1], _straight(after)
        curve += [before, _arc(before[-1], after[0], centre), after]
    return np.concatenate(curve), widest


def _straight(piece: Points) -> Points:
    """A piece without its bent beginning, if anything else is left."""
    along = np.cumsum(np.hypot(*np.diff(piece, axis=0).T))
    return piece[1:][along > BENT_PX] if (along > BENT_PX).sum() > 1 else piece


def _arc(start: Points, end: Points, centre: Points) -> Points:
    """Points between two others, about a pixel apart, their distance from the centre changing evenly."""
    ends = np.stack([start, end])
    angle, radius = angles(ends, centre), np.hypot(*(ends - centre).T)
    steps = np.linspace(0, 1, max(2, int(np.ceil((angle[1] - angle[0]) * radius.max()))))[1:-1]
    return centre + polar(angle[0] + steps * np.diff(angle), radius[0] + steps * np.diff(radius))


def polar(angle: NDArray[np.float64], radius: NDArray[np.float64]) -> Points:
    """(n, 2) of angles (n,) as `angles` gives them, and distances (n,), from the centre."""
    return np.asarray(radius[:, None] * np.stack([np.sin(angle), -np.cos(angle)], axis=1))
