"""Where a pelvis lies in a CT, by fitting the shape model to the surface of the bones that the scan shows.

Iterated closest points with point-to-plane distances, first rigid from several heights, then with the model's modes
(after Besl and McKay, IEEE PAMI 1992, and Chen and Medioni, Image Vis Comput 1992); at each landmark what the modes
leave over is taken up by a local shift.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from hipseg.anatomy.bone_surface import bone_surface
from hipseg.anatomy.shapes import MODES, Shapes, real_shapes
from hipseg.errors import Excluded
from hipseg.geometry.surface import Points3, Surface, fit_sphere
from hipseg.geometry.volume import Volume, VolumeGrid
from hipseg.labels.landmarks import SIDES, Side

_SAMPLES: Final = 3000
_SPARSE: Final = 5  # every so many of them while it is placed roughly
_STARTS_MM: Final = 25.0
_COARSE: Final = ((60.0, 4), (35.0, 4), (20.0, 4))  # how far matches may lie apart, and how often
_FINE: Final = ((15.0, 6), (10.0, 6), (7.0, 8), (5.0, 8))
_KEPT: Final = 3  # starts
_FAR_MM: Final = 12.0  # a vertex farther than that from any bone counts as so far
_UNSEEN_MM: Final = 8.0  # and one beyond the scan as so far
_PRIOR: Final = 12.0  # how many matches at one millimetre a mode of one standard deviation weighs
_AROUND_MM: Final = 14.0  # of a landmark, whose matches move it
_HELD: Final = 4.0  # matches that hold a landmark where the modes have it
_MISSED_MM: Final = 2.5  # on average, above which nothing of the scan is a pelvis
_WITHIN_MM: Final = 0.5  # beyond a socket's sphere, that a head may reach
_CARTILAGE_MM: Final = 3.5
_BANDS: Final = ((6.0, 4), (3.5, 4), (2.2, 4))  # how far points may lie off a head's sphere, and how often it is fitted
_FACING_OUT: Final = 0.8
_HEAD_POINTS: Final = 80
_OFF_MM: Final = 10.0  # from the socket's middle, and a radius, beyond which it is no head
_LEAST_HEAD_MM: Final = 15.0
_MARGIN_MM: Final = 4.0  # that a landmark lies within the scan


@dataclass(frozen=True)
class PelvisLandmarks:
    """The points that lay the anterior pelvic plane, in the patient's millimetres.

    Attributes:
        spines: The anterior superior iliac spine of each side.
        tubercles: The pubic tubercle of each side.
    """

    spines: Mapping[Side, Points3]
    tubercles: Mapping[Side, Points3]

    def each(self) -> dict[str, Points3]:
        """By names such as `asis_right`."""
        return {f"{name}_{side}": points[side] for name, points in
                (("asis", self.spines), ("tubercle", self.tubercles)) for side in SIDES}  # fmt: skip

    @classmethod
    def of(cls, points: Mapping[str, Points3]) -> PelvisLandmarks:
        """The inverse of `each`."""
        spines, tubercles = ({side: points[f"{name}_{side}"] for side in SIDES} for name in ("asis", "tubercle"))
        return cls(spines, tubercles)


@dataclass(frozen=True)
class FoundPelvis:
    """A pelvis as it lies in a scan.

    Attributes:
        landmarks: That lay its anterior plane.
        heads_mm: Centres of the femoral heads.
        residual_mm: Mean distance of its surface from the scan's bones, as far as the scan reaches.
    """

    landmarks: PelvisLandmarks
    heads_mm: Mapping[Side, Points3]
    residual_mm: float


def find_pelvis(scan: Volume) -> FoundPelvis:
    """The pelvis of a CT.

    Args:
        scan: In Hounsfield units, upright (see `hipseg.geometry.volume.upright`).

    Raises:
        Excluded: `not_located` if there is none, `pelvis_cut` if the scan ends before its landmarks.
    """
    bones = bone_surface(scan)
    fit = _Fit(bones, scan.grid)
    best = fit.best()
    if not best.residual_mm < _MISSED_MM:
        raise Excluded("not_located", "no pelvis is found in it; give a scan of the hips and the pelvis above them")
    landmarks = best.landmarks
    for name, point in landmarks.each().items():
        if not _inside(scan.grid, point[None], _MARGIN_MM)[0]:
            raise Excluded("pelvis_cut", f"the landmark {name} lies beyond the scan; give one of the whole pelvis")
    return best


@dataclass(frozen=True)
class _State:
    rotation: NDArray[np.float64]
    shift: Points3
    weights: NDArray[np.float64]


@lru_cache(maxsize=1)
def _model() -> tuple[Shapes, NDArray[np.int64], Points3]:
    """The shapes, the pelvis' vertices that are matched, and their normals."""
    shapes = real_shapes()
    mean = Surface(shapes.means["pelvis"], shapes.faces["pelvis"])
    sampled = np.random.default_rng(0).permutation(len(mean.vertices))[:_SAMPLES]
    return shapes, sampled, mean.normals()[sampled]


class _Fit:
    """The model fitted to one scan's bones."""

    def __init__(self, bones: Surface, grid: VolumeGrid) -> None:
        self._points, self._normals, self._grid = bones.vertices, bones.normals(), grid
        self._tree = cKDTree(self._points, leafsize=32, balanced_tree=False)
        self._shapes, sampled, self._facing = _model()
        mean = self._shapes.means["pelvis"]
        self._middle = np.mean([fit_sphere(mean[self._shapes.sockets[side]])[0] for side in SIDES], axis=0)
        self._mean, self._modes = mean[sampled] - self._middle, self._shapes.modes["pelvis"][:, sampled]

    def best(self) -> FoundPelvis:
        """The fit that misses least."""
        rigid = [self._improve(start, _COARSE, False) for start in self._starts()]
        rigid = sorted(rigid, key=self._missed)[:_KEPT]
        best = min((self._improve(state, _FINE, True) for state in rigid), key=self._missed)
        return self._found(best)

    def _starts(self) -> list[_State]:
        """Upright pelvises at several heights, in the middle of the bones there."""
        low, high = self._points[:, 2].min(), self._points[:, 2].max()
        starts = []
        for height in np.arange(low - 20, high + 20, _STARTS_MM):
            near = self._points[np.abs(self._points[:, 2] - height) < 60]
            if len(near) > 100:
                ends = np.percentile(near[:, :2], [2, 98], axis=0).mean(axis=0)
                starts.append(_State(np.eye(3), np.array([*ends, height]), np.zeros(MODES)))
        return starts

    def _placed(self, state: _State) -> Points3:
        shape = self._mean + np.tensordot(state.weights, self._modes, axes=1)
        return np.asarray(shape @ state.rotation.T + state.shift)

    def _improve(self, state: _State, rounds: tuple[tuple[float, int], ...], bends: bool) -> _State:
        for apart, times in rounds:
            for _ in range(times):
                state = self._step(state, apart, bends)
        return state

    def _matches(
        self, placed: Points3, facing: Points3, apart: float
    ) -> tuple[NDArray[np.int64], Points3, NDArray[np.float64]]:
        """Which of the points have a match, the matches' normals, and how far along these they are off."""
        away, nearest = self._tree.query(placed, distance_upper_bound=apart)
        known = np.nonzero(np.isfinite(away) & _inside(self._grid, placed, 0.0))[0]
        normals = self._normals[nearest[known]]
        known = known[(normals * facing[known]).sum(axis=1) > 0.3]
        normals = self._normals[nearest[known]]
        off = ((self._points[nearest[known]] - placed[known]) * normals).sum(axis=1)
        return known, normals, off

    def _step(self, state: _State, apart: float, bends: bool) -> _State:
        every = slice(None, None, 1 if bends else _SPARSE)
        placed, facing = self._placed(state)[every], self._facing[every] @ state.rotation.T
        known, normals, off = self._matches(placed, facing, apart)
        if len(known) < 50:
            return state
        weight = 1 / np.maximum(np.abs(off) / max(0.15 * apart, 1.0), 1)
        columns = [np.cross(placed[known] - state.shift, normals), normals]
        if bends:
            columns.append(np.einsum("mki,ki->km", self._modes[:, known], normals @ state.rotation))
        design = np.concatenate(columns, axis=1)
        normal = design.T @ (weight[:, None] * design)
        target = design.T @ (weight * off)
        if bends:
            held = np.arange(6, 6 + MODES)
            normal[held, held] += _PRIOR
            target[held] -= _PRIOR * state.weights
        normal[np.diag_indices(6)] += 1e-6
        solved = np.linalg.solve(normal, target)
        turn = Rotation.from_rotvec(np.clip(solved[:3], -0.3, 0.3)).as_matrix()
        weights = np.clip(state.weights + solved[6:], -3, 3) if bends else state.weights
        return _State(turn @ state.rotation, state.shift + solved[3:6], weights)

    def _away(self, state: _State) -> NDArray[np.float64]:
        """How far each matched vertex lies from any bone, in mm; NaN beyond the scan."""
        placed = self._placed(state)
        away, _ = self._tree.query(placed, distance_upper_bound=_FAR_MM)
        return np.where(_inside(self._grid, placed, 0.0), np.minimum(away, _FAR_MM), np.nan)

    def _missed(self, state: _State) -> float:
        """Mean distance of the pelvis' surface from bones, in mm."""
        return float(np.nan_to_num(self._away(state), nan=_UNSEEN_MM).mean())

    def _found(self, state: _State) -> FoundPelvis:
        shape = self._shapes.means["pelvis"] - self._middle
        shape = shape + np.tensordot(state.weights, self._shapes.modes["pelvis"], axes=1)
        placed = shape @ state.rotation.T + state.shift
        facing = Surface(placed, self._shapes.faces["pelvis"]).normals()
        marks = self._shapes.pelvis
        spines, tubercles = (
            {side: placed[vertex] + self._left_over(placed, facing, placed[vertex]) for side, vertex in each.items()}
            for each in (marks.spines, marks.tubercles)
        )
        heads = {}
        for side in SIDES:
            vertices = self._shapes.sockets[side]
            centre, radius = fit_sphere(placed[vertices])
            heads[side] = self._head(centre + self._left_over(placed, facing, centre, vertices), radius)
        away = self._away(state)
        seen = away[np.isfinite(away)]
        return FoundPelvis(PelvisLandmarks(spines, tubercles), heads, float(seen.mean()) if len(seen) else np.inf)

    def _head(self, socket: Points3, radius: float) -> Points3:
        """The centre of the sphere through the bone that bulges into a socket; the socket's where there is none.

        A head that has worn its cartilage does not lie in the middle of its socket.
        """
        near = self._tree.query_ball_point(socket, radius + _WITHIN_MM)
        points, normals = self._points[near], self._normals[near]
        centre, size = socket, radius - _CARTILAGE_MM
        for band, times in _BANDS:
            for _ in range(times):
                away = points - centre
                distance = np.linalg.norm(away, axis=1)
                bulges = (normals * away).sum(axis=1) > _FACING_OUT * distance
                on_sphere = bulges & (np.abs(distance - size) < band)
                if on_sphere.sum() < _HEAD_POINTS:
                    return socket
                centre, size = fit_sphere(points[on_sphere])
                if np.linalg.norm(centre - socket) > _OFF_MM or not _LEAST_HEAD_MM < size < radius + 1:
                    return socket
        return centre

    def _left_over(
        self, placed: Points3, facing: Points3, at: Points3, vertices: NDArray[np.int64] | None = None
    ) -> Points3:
        """The shift that takes up what the modes leave over about a place."""
        if vertices is None:
            vertices = np.nonzero(np.linalg.norm(placed - at, axis=1) < _AROUND_MM)[0]
        _, normals, off = self._matches(placed[vertices], facing[vertices], 6.0)
        return np.asarray(np.linalg.solve(normals.T @ normals + _HELD * np.eye(3), normals.T @ off))


def _inside(grid: VolumeGrid, points: Points3, margin_mm: float) -> NDArray[np.bool_]:
    """Which points lie within a grid, so far from its ends."""
    indices, margin = grid.to_indices(points), margin_mm / np.array(grid.spacing_mm)
    return np.asarray(((indices >= margin) & (indices <= np.array(grid.shape) - 1 - margin)).all(axis=1))
