"""A CT seen from in front, as a radiograph sees it: laid on the anterior pelvic plane and summed, or by a cone of rays.

Sums are those of a study of osteoarthritis: Hounsfield units clipped to -150 to 600, the coronal slices of the
realigned scan added up. Every sample is taken once, from the scan's own voxels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform

from hipseg.anatomy.pelvis_fit import PelvisLandmarks
from hipseg.geometry.grid import Grid
from hipseg.geometry.surface import Points3
from hipseg.geometry.volume import Volume
from hipseg.labels.landmarks import Side

Projection = Literal["sum", "drr"]
CLIPPED_HU: Final = (-150.0, 600.0)
_AIR_HU: Final = -1000.0
_BODY_HU: Final = -400.0
_WATER_PER_MM: Final = 0.0195  # attenuation of water at 120 kV
_SOURCE_MM: Final = 1000.0  # from the X-ray source to the heads
_BESIDE_MM: Final = 110.0  # of the heads, that a picture shows to either side
_ABOVE_MM: Final = 170.0  # likewise upwards
_BELOW_MM: Final = 110.0
_JOINT_MM: Final = 45.0  # before and behind the heads, where rays have to lie within the scan


@dataclass(frozen=True)
class AnteriorFrame:
    """The anterior pelvic plane as axes: x to the patient's left, y backwards, z up.

    Attributes:
        axes: (3, 3) unit vectors as rows, in the patient's directions.
        origin_mm: Between both iliac spines, in the patient's millimetres.
    """

    axes: NDArray[np.float64]
    origin_mm: Points3

    @classmethod
    def of(cls, landmarks: PelvisLandmarks) -> AnteriorFrame:
        """The plane through the middle of the tubercles and both spines, upright along these."""
        spines, tubercles = landmarks.spines, landmarks.tubercles
        origin = (spines["left"] + spines["right"]) / 2
        left = spines["left"] - spines["right"]
        left = left / np.linalg.norm(left)
        up = origin - (tubercles["left"] + tubercles["right"]) / 2
        up = up - (up @ left) * left
        up = up / np.linalg.norm(up)
        return cls(np.stack([left, np.cross(up, left), up]), origin)

    def to_frame(self, points_mm: Points3) -> Points3:
        """(..., 3) of the patient in the plane's axes."""
        return np.asarray((points_mm - self.origin_mm) @ self.axes.T)

    def to_patient(self, points_mm: Points3) -> Points3:
        """The inverse of `to_frame`."""
        return np.asarray(points_mm @ self.axes + self.origin_mm)


@dataclass(frozen=True)
class ProjectedScan:
    """A picture of a scan from in front, the patient's right on its left as on a film.

    Attributes:
        pixels: (rows, columns), bone bright; sums in Hounsfield units above -150 times cm, or the natural logarithm
            by which X-rays are weakened.
        grid: Of the pixels; its millimetres are the patient's at the depth of the heads.
        frame: In which it is taken.
        corner_mm: x and z in the frame where the grid's millimetres begin.
        depth_mm: y in the frame where they hold.
        focus_mm: x, y and z in the frame of the X-ray source; None where rays are parallel.
    """

    pixels: NDArray[np.float32]
    grid: Grid
    frame: AnteriorFrame
    corner_mm: tuple[float, float]
    depth_mm: float
    focus_mm: tuple[float, float, float] | None

    def to_film(self, points_mm: Points3) -> NDArray[np.float64]:
        """(..., 3) points of the patient as (..., 2) x and y in the grid's millimetres."""
        x, y, z = np.moveaxis(self.frame.to_frame(points_mm), -1, 0)
        if self.focus_mm is not None:
            nearer = (self.depth_mm - self.focus_mm[1]) / (y - self.focus_mm[1])
            x = self.focus_mm[0] + (x - self.focus_mm[0]) * nearer
            z = self.focus_mm[2] + (z - self.focus_mm[2]) * nearer
        return np.stack([x - self.corner_mm[0], self.corner_mm[1] - z], axis=-1)


def project(
    scan: Volume, landmarks: PelvisLandmarks, heads_mm: Mapping[Side, Points3], projection: Projection
) -> ProjectedScan:
    """The pelvis and both hips from in front.

    Args:
        scan: In Hounsfield units, upright (see `hipseg.geometry.volume.upright`).
        landmarks: That lay the anterior pelvic plane.
        heads_mm: Centres of the femoral heads, which say what is shown.
        projection: `sum` of parallel rays, as the study; `drr`: Beer and Lambert's law along rays from a source one
            metre in front of the heads, so that 15 mm nearer to it are magnified by 1.5 %.
    """
    frame = AnteriorFrame.of(landmarks)
    heads = frame.to_frame(np.array(list(heads_mm.values())))
    depth, step = float(heads[:, 1].mean()), float(min(scan.grid.spacing_mm[1:]))
    middle, height = float(heads[:, 0].mean()), float(heads[:, 2].mean())
    low, high = _seen_heights(scan, frame, heads)
    wide = float(np.ptp(heads[:, 0])) / 2 + _BESIDE_MM
    top, bottom = min(high, height + _ABOVE_MM), max(low, height - _BELOW_MM)
    grid = Grid.of_film((max(int((top - bottom) / step), 1), int(2 * wide / step)), step)
    corner = (middle - wide, top)
    focus = None if projection == "sum" else (middle, depth - _SOURCE_MM, height)
    picture = ProjectedScan(np.zeros(grid.shape, np.float32), grid, frame, corner, depth, focus)
    for y in np.arange(*_body_depths(scan, frame), step):
        plane = _plane(scan, picture, float(y))
        picture.pixels[:] += _weighed(plane, projection)
    length = np.float32(step) if focus is None else np.float32(step) * _slant(picture)
    picture.pixels[:] *= length / 10 if focus is None else length
    return picture


def _weighed(hu: NDArray[np.float32], projection: Projection) -> NDArray[np.float32]:
    """What a slice adds: a voxel of water a tenth of the sum's range, or its attenuation a mm."""
    if projection == "sum":
        return np.clip(hu, *CLIPPED_HU) - np.float32(CLIPPED_HU[0])
    return np.maximum(hu / np.float32(1000) + 1, 0) * np.float32(_WATER_PER_MM)


def _plane(scan: Volume, picture: ProjectedScan, y: float) -> NDArray[np.float32]:
    """The scan's values where the picture's rays meet the plane at a depth."""
    grid, frame, (left, top) = picture.grid, picture.frame, picture.corner_mm
    x0, z0, scale = left + grid.origin_mm[0], top - grid.origin_mm[1], 1.0
    if picture.focus_mm is not None:
        fx, fy, fz = picture.focus_mm
        scale = (y - fy) / (picture.depth_mm - fy)
        x0, z0 = fx + (x0 - fx) * scale, fz + (z0 - fz) * scale
    along = frame.axes * (grid.spacing_mm * scale)
    inverse = np.linalg.inv(scan.grid.affine[:3, :3])
    # Rows run down, columns to the patient's left; the first axis has one element and does not matter.
    matrix = np.stack([np.zeros(3), inverse @ -along[2], inverse @ along[0]], axis=1)
    start = scan.grid.to_indices(frame.to_patient(np.array([x0, y, z0])))
    found = affine_transform(
        scan.values,
        matrix,
        start,
        (1, *grid.shape),
        np.float32,
        order=1,
        mode="constant",
        cval=_AIR_HU,
        prefilter=False,
    )
    return np.asarray(found[0])


def _slant(picture: ProjectedScan) -> NDArray[np.float32]:
    """How much longer each pixel's ray is than its depth."""
    assert picture.focus_mm is not None
    x = picture.grid.x_mm() + picture.corner_mm[0] - picture.focus_mm[0]
    z = picture.corner_mm[1] - picture.grid.y_mm() - picture.focus_mm[2]
    depth = picture.depth_mm - picture.focus_mm[1]
    return np.sqrt(1 + (x[None, :] ** 2 + z[:, None] ** 2) / depth**2).astype(np.float32)


def _body_depths(scan: Volume, frame: AnteriorFrame) -> tuple[float, float]:
    """From where to where along y there is a body."""
    steps = [max(1, round(8.0 / mm)) for mm in scan.grid.spacing_mm]
    small = scan.values[tuple(slice(None, None, step) for step in steps)]
    y = frame.to_frame(scan.grid.to_mm(np.argwhere(small > _BODY_HU) * steps))[:, 1]
    return float(y.min()) - 8.0, float(y.max()) + 8.0


def _seen_heights(scan: Volume, frame: AnteriorFrame, heads: Points3) -> tuple[float, float]:
    """Between which z every ray near the joints lies within the scan."""
    low, high = -np.inf, np.inf
    for x, y, _ in heads:
        for depth in (y - _JOINT_MM, y + _JOINT_MM):
            # A line along z crosses the planes of the first and the last slice.
            ends = frame.to_patient(np.array([[x, depth, 0.0], [x, depth, 1.0]]))
            at, above = scan.grid.to_indices(ends)[:, 0]
            crossed = sorted((edge - at) / (above - at) for edge in (0.0, scan.grid.shape[0] - 1.0))
            low, high = max(low, crossed[0]), min(high, crossed[1])
    return float(low), float(high)
