"""Surfaces of triangles, their distances and insides against solids that are known in closed form."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.path import Path as Outline
from numpy.typing import NDArray
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation

from hipseg.geometry.signed_distance import NearSurface, SignedDistance
from hipseg.geometry.surface import Surface, fit_sphere
from hipseg.geometry.voxels import crossings, voxels_within

Array = NDArray[np.float64]
TURN = np.asarray(Rotation.from_euler("xyz", [20, -35, 50], degrees=True).as_matrix())
SHIFT = np.array([130.0, -80.0, 1200.0])


def hull(points: Array) -> tuple[Surface, ConvexHull]:
    """The convex hull of points, and Qhull's own account of it."""
    found = ConvexHull(points)
    corners = points[found.simplices]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    inward = (across * found.equations[:, :3]).sum(axis=1) < 0
    faces = np.where(inward[:, None], found.simplices[:, ::-1], found.simplices)
    return Surface(points, faces.astype(np.int64)), found


def on_sphere(count: int) -> Array:
    """Points on the unit sphere, evenly along a spiral."""
    z = 1 - (2 * np.arange(count) + 1) / count
    angle = np.pi * (1 + np.sqrt(5)) * np.arange(count)
    return np.stack([np.sqrt(1 - z**2) * np.cos(angle), np.sqrt(1 - z**2) * np.sin(angle), z], axis=1)


def sphere(count: int, radius: float, centre: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Surface:
    return hull(on_sphere(count) * radius + np.array(centre))[0]


def patch(points: Array) -> Array:
    """Triangles (k, 3, 3) of a sheet (u, v, 3), anticlockwise seen from where u cross v points."""
    a, b, c, d = points[:-1, :-1], points[1:, :-1], points[1:, 1:], points[:-1, 1:]
    return np.stack([np.stack([a, b, c], axis=2), np.stack([a, c, d], axis=2)]).reshape(-1, 3, 3)


def joined(*patches: Array) -> Surface:
    """Triangles with their common vertices, without those that shrink to a line."""
    corners = np.concatenate(patches).round(9) + 0.0
    vertices, faces = np.unique(corners.reshape(-1, 3), axis=0, return_inverse=True)
    faces = faces.reshape(-1, 3)
    whole = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    return Surface(vertices, faces[whole].astype(np.int64))


def box(half: tuple[int, int, int], square_mm: float = 1.0) -> Surface:
    """A box about the origin, its sides in such squares."""
    sides = list[Array]()
    for axis in range(3):
        u, v = (axis + 1) % 3, (axis + 2) % 3
        ends = [np.linspace(-half[i], half[i], round(2 * half[i] / square_mm) + 1) for i in (u, v)]
        sheet = np.zeros((len(ends[0]), len(ends[1]), 3))
        sheet[:, :, u], sheet[:, :, v] = np.meshgrid(*ends, indexing="ij")
        sheet[:, :, axis] = half[axis]
        sides += [patch(sheet), patch(sheet * np.where(np.arange(3) == axis, -1, 1))[:, ::-1]]
    return joined(*sides)


def prism(sides: int, radius: float, heights: Array) -> Surface:
    angle = np.linspace(0, 2 * np.pi, sides + 1)
    ring = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1) * radius
    up = np.array([0.0, 0.0, 1.0])
    caps = np.linspace(0, 1, 13)[:, None, None] * ring
    return joined(
        patch(ring[:, None] + heights[:, None] * up), patch(caps + heights[-1] * up),
        patch(caps + heights[0] * up)[:, ::-1],
    )  # fmt: skip


def torus(ring: float, tube: float, around: int) -> Surface:
    b, a = np.meshgrid(np.linspace(0, 2 * np.pi, around + 1), np.linspace(0, 2 * np.pi, around // 2 + 1), indexing="ij")
    far = ring + tube * np.cos(a)
    return joined(patch(np.stack([far * np.cos(b), far * np.sin(b), tube * np.sin(a)], axis=2)))


def both(first: Surface, second: Surface) -> Surface:
    faces = np.concatenate([first.faces, second.faces + len(first.vertices)])
    return Surface(np.concatenate([first.vertices, second.vertices]), faces)


def inside_out(surface: Surface) -> Surface:
    return Surface(surface.vertices, surface.faces[:, ::-1])


def edges(surface: Surface) -> list[tuple[int, int]]:
    """Every face's three edges, in its direction."""
    return [(int(face[i]), int(face[(i + 1) % 3])) for face in surface.faces for i in range(3)]


def points_of(axes: list[Array]) -> Array:
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


@pytest.mark.parametrize("square_mm", [1.0, 0.5])
def test_volume_and_area_of_a_box(square_mm: float) -> None:
    surface = box((2, 3, 5), square_mm)
    for placed in (surface, surface.moved(TURN, SHIFT)):
        assert placed.volume_mm3 == pytest.approx(4 * 6 * 10)
        assert placed.area_mm2 == pytest.approx(2 * (4 * 6 + 6 * 10 + 10 * 4))


@pytest.mark.parametrize("sides", [3, 7, 60])
def test_volume_and_area_of_a_prism(sides: int) -> None:
    surface = prism(sides, 11.0, np.linspace(-4.0, 9.0, 5)).moved(TURN, SHIFT)
    base = sides / 2 * 11.0**2 * np.sin(2 * np.pi / sides)
    assert surface.volume_mm3 == pytest.approx(base * 13.0)
    assert surface.area_mm2 == pytest.approx(2 * base + 2 * sides * 11.0 * np.sin(np.pi / sides) * 13.0)


def test_volume_and_area_of_a_torus() -> None:
    """Of the limit, which an error that falls with the square of the mesh leaves to be reckoned from two meshes."""
    coarse, fine = torus(30.0, 8.0, 48), torus(30.0, 8.0, 96)
    assert fine.volume_mm3 == pytest.approx(2 * np.pi**2 * 30 * 8**2, rel=6e-3)
    assert fine.area_mm2 == pytest.approx(4 * np.pi**2 * 30 * 8, rel=3e-3)
    assert (4 * fine.volume_mm3 - coarse.volume_mm3) / 3 == pytest.approx(2 * np.pi**2 * 30 * 8**2, rel=2e-5)
    assert (4 * fine.area_mm2 - coarse.area_mm2) / 3 == pytest.approx(4 * np.pi**2 * 30 * 8, rel=2e-5)


def test_volume_and_area_of_a_hull_are_qhulls() -> None:
    surface, qhull = hull(np.random.default_rng(0).normal(0, 20, (200, 3)))
    assert surface.volume_mm3 == pytest.approx(qhull.volume)
    assert surface.area_mm2 == pytest.approx(qhull.area)
    assert inside_out(surface).volume_mm3 == pytest.approx(-qhull.volume)


def test_moved_turns_first_and_shifts_then() -> None:
    quarter = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    surface = Surface(np.array([[1.0, 0, 0], [0, 2, 0], [0, 0, 3]]), np.array([[0, 1, 2]]))
    moved = surface.moved(quarter, np.array([10.0, 20.0, 30.0]))
    assert moved.vertices.tolist() == [[10, 21, 30], [8, 20, 30], [10, 20, 33]]
    assert moved.faces.tolist() == [[0, 1, 2]]


def test_a_mirror_image_lies_on_the_other_side_and_faces_outwards() -> None:
    surface = prism(5, 7.0, np.array([0.0, 4.0])).moved(TURN, SHIFT)
    image = surface.mirrored()
    assert np.array_equal(image.vertices, surface.vertices * [-1, 1, 1])
    assert image.volume_mm3 == pytest.approx(surface.volume_mm3)
    np.testing.assert_allclose(image.normals(), surface.normals() * [-1, 1, 1], atol=1e-12)


def test_normals_of_a_sphere_point_away_from_its_centre() -> None:
    points = on_sphere(2000)
    normals = hull(points * 25.0)[0].normals()
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1)
    assert (normals * points).sum(axis=1).min() > 0.999


def test_a_larger_face_weighs_more_in_a_normal() -> None:
    vertices = np.array([[0.0, 0, 0], [0, 1, 0], [-1, 0, 0], [0, 0, -3]])
    surface = Surface(vertices, np.array([[0, 1, 2], [0, 3, 1]]))  # one of area 1/2 looks up, one of 3/2 to the right
    np.testing.assert_allclose(surface.normals()[:2], np.array([[3, 0, 1], [3, 0, 1]]) / np.sqrt(10), atol=1e-12)
    np.testing.assert_allclose(surface.normals()[2:], [[0, 0, 1], [1, 0, 0]], atol=1e-12)


def icosahedron() -> Surface:
    golden = (1 + np.sqrt(5)) / 2
    corners = [(0.0, x, y * golden) for x in (-1, 1) for y in (-1, 1)]
    points = np.array([np.roll(corner, turn) for corner in corners for turn in range(3)])
    return hull(points / np.hypot(1, golden))[0]


def test_a_refined_icosahedron_is_the_one_worked_out_by_hand() -> None:
    """An edge is seen under an angle whose cosine is 1/sqrt 5; its tangent planes lift its middle by 3/4 of sin cos."""
    surface = icosahedron()
    refined, halved = surface.refined()
    half = np.arccos(1 / np.sqrt(5)) / 2
    radius = np.cos(half) * (1 + 0.5 * np.sin(half) ** 2)
    np.testing.assert_allclose(np.linalg.norm(refined.vertices[12:], axis=1), radius)
    middle = surface.vertices[halved].sum(axis=1)
    middle *= radius / np.linalg.norm(middle, axis=1, keepdims=True)
    np.testing.assert_allclose(refined.vertices[12:], middle, atol=1e-12)


@pytest.mark.parametrize("surface", [icosahedron(), torus(30.0, 8.0, 12), box((1, 2, 1))], ids=["ball", "ring", "box"])
def test_refined_halves_every_edge_once_and_stays_closed(surface: Surface) -> None:
    refined, halved = surface.refined()
    before, after = edges(surface), edges(refined)
    assert sorted(map(tuple, halved.tolist())) == sorted({(min(edge), max(edge)) for edge in before})
    assert np.array_equal(refined.vertices[: len(surface.vertices)], surface.vertices)
    assert len(refined.vertices) == len(surface.vertices) + len(halved)
    assert len(refined.faces) == 4 * len(surface.faces)
    assert len(set(after)) == len(after)
    assert {(b, a) for a, b in after} == set(after)  # each edge once in either direction
    # Every new edge is half of an old one or joins the middles of two.
    ends = {index + len(surface.vertices): set(pair) for index, pair in enumerate(halved.tolist())}
    for a, b in after:
        known = [ends.get(a), ends.get(b)]
        assert known[0] is None or known[1] is None or len(known[0] & known[1]) == 1
        assert known != [None, None]
        assert known[1] is None or known[0] is not None or a in known[1]
    assert surface.volume_mm3 < refined.volume_mm3 < 2.5 * surface.volume_mm3


def test_refined_leaves_a_plane_plane() -> None:
    x, y = np.meshgrid(np.array([0.0, 1, 3, 4]), np.array([0.0, 2, 3]), indexing="ij")
    surface = joined(patch(np.stack([x, y, 0 * x], axis=2))).moved(TURN, SHIFT)
    refined, halved = surface.refined()
    np.testing.assert_allclose(refined.vertices[12:], surface.vertices[halved].mean(axis=1), atol=1e-9)
    assert refined.area_mm2 == pytest.approx(12)


def test_a_refined_ball_is_nearer_to_the_sphere_and_the_nearer_the_finer_it_was() -> None:
    whole = 4 / 3 * np.pi * 24.0**3
    surfaces = [sphere(count, 24.0) for count in (400, 1600, 6400)]
    flat = np.array([surface.volume_mm3 / whole - 1 for surface in surfaces])
    round_ = np.array([surface.refined()[0].volume_mm3 / whole - 1 for surface in surfaces])
    assert (np.abs(round_) < np.abs(flat) / 3.5).all()
    assert np.abs(round_[1:] / round_[:-1]).max() < 1 / 3.2
    assert abs(round_[-1]) < 3e-4


def test_which_voxels_lie_within_an_ellipsoid() -> None:
    """Between the ellipsoid and the planes of its triangles lies next to nothing; all other points are told exactly."""
    unit = on_sphere(4000)
    planes = hull(unit)[1].equations[:, 3]
    stretch, centre = TURN @ np.diag([9.0, 14.0, 21.0]), np.array([3.3, -7.1, 12.4])
    surface = hull(unit @ stretch.T + centre)[0]
    axes = [np.arange(-25.0, 30, 0.9), np.arange(-33.0, 20, 1.1), np.arange(-14.0, 40, 0.7)]
    out = np.linalg.norm((points_of(axes) - centre) @ np.linalg.inv(stretch).T, axis=-1)
    within = voxels_within(surface, axes)
    assert within.shape == out.shape and within.dtype == bool
    assert within[out < -planes.max()].all()
    assert not within[out > 1].any()
    assert (out < -planes.max()).sum() > 0.99 * (out < 1).sum() > 10000


@pytest.mark.parametrize(
    "centre", [(-9, 1, 2), (10, 1, 2), (1, -9, 2), (1, 10, 2), (1, 2, -9), (1, 2, 10), (9, -9, 10)]
)
def test_a_shape_may_go_on_beyond_the_grid_on_every_side(centre: tuple[float, float, float]) -> None:
    surface = sphere(6000, 7.5, centre)
    axes = [np.arange(-8.0, 9.1), np.arange(-8.0, 9.1, 1.5), np.arange(-8.0, 9.1, 0.5)]
    far = np.linalg.norm(points_of(axes) - centre, axis=-1)
    within = voxels_within(surface, axes)
    assert within[far < 7.49].all() and not within[far > 7.5].any()
    assert within.any() and not within.all()


@pytest.mark.parametrize(("radius", "inside"), [(30.0, True), (3.0, False)])
def test_a_shape_may_hold_the_whole_grid_or_miss_it(radius: float, inside: bool) -> None:
    axes = [np.arange(5.0, 10), np.arange(-4.0, 3), np.arange(0.0, 6)]
    assert (voxels_within(sphere(500, radius), axes) == inside).all()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_grid_may_be_one_plane(axis: int) -> None:
    axes = [np.arange(-12.0, 12.1, 0.8) for _ in range(3)]
    axes[axis] = np.array([4.0])
    far = np.linalg.norm(points_of(axes), axis=-1)
    within = voxels_within(sphere(6000, 10.0), axes)
    assert within[far < 9.98].all() and not within[far > 10].any()


@pytest.mark.parametrize(
    "tips",
    [
        5.5 * np.concatenate([np.eye(3), -np.eye(3)]),
        np.array([[-5.5, -5.5, -2.5], [5.5, -5.5, -2.5], [5.5, 5.5, -2.5], [-5.5, 5.5, -2.5], [2.2, 0.7, 5.3]]),
        np.array([[-5.5, -5.5, 2.5], [5.5, -5.5, 2.5], [5.5, 5.5, 2.5], [-5.5, 5.5, 2.5], [2.2, 0.7, -5.3]]),
    ],
    ids=["octahedron", "pyramid", "pyramid on its tip"],
)
def test_lines_of_the_grid_may_meet_edges_and_vertices(tips: Array) -> None:
    """Edges run along lines of the grid or across a square base from corner to corner."""
    surface, qhull = hull(tips)
    axes = [np.arange(-7.0, 8)] * 3
    inside = (points_of(axes) @ qhull.equations[:, :3].T + qhull.equations[:, 3] < 0).all(axis=-1)
    assert 100 < inside.sum() < 400
    assert np.array_equal(voxels_within(surface, axes), inside)


def test_holes_and_cavities_are_outside_and_where_two_shapes_overlap_is_inside() -> None:
    axes = [np.arange(-40.0, 41, 1.7), np.arange(-40.0, 41, 1.3), np.arange(-40.0, 41, 1.1)]
    points = points_of(axes)
    far = np.linalg.norm(points, axis=-1)
    hollow = voxels_within(both(sphere(4000, 20.0), inside_out(sphere(4000, 9.0))), axes)
    assert hollow[(far > 9.01) & (far < 19.95)].all() and not hollow[(far < 8.97) | (far > 20)].any()
    assert not voxels_within(inside_out(sphere(500, 20.0)), axes).any()
    to_tube = np.hypot(np.hypot(points[..., 0], points[..., 1]) - 30.0, points[..., 2])
    ring = voxels_within(torus(30.0, 8.0, 240), axes)
    assert ring[to_tube < 7.95].all() and not ring[to_tube > 8.05].any()
    assert not ring[far < 20].any()
    two = voxels_within(both(sphere(4000, 9.0, (-4, 0, 0)), sphere(4000, 9.0, (4, 0, 0))), axes)
    nearer = np.linalg.norm(points - np.copysign([4.0, 0.0, 0.0], points), axis=-1)
    assert two[nearer < 8.97].all() and not two[nearer > 9].any()


def test_which_points_of_a_plane_lie_in_which_triangle() -> None:
    """As matplotlib has it; the shares are of the corners that together make the point."""
    flat = np.random.default_rng(4).normal([8, 5], [7, 5], (60, 3, 2))
    face, point, shares, facing = crossings(flat, (17, 11))
    grid = np.argwhere(np.ones((17, 11)))
    expected = [
        (i, int(x), int(y))
        for i, corners in enumerate(flat)
        for x, y in grid[Outline(corners).contains_points(grid)]
    ]  # fmt: skip
    assert sorted((int(i), int(x), int(y)) for i, (x, y) in zip(face, point, strict=True)) == expected
    assert len(expected) > 500
    np.testing.assert_allclose((shares[:, :, None] * flat[face]).sum(axis=1), point, atol=1e-9)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    (ax, ay), (bx, by), (cx, cy) = flat[face].transpose(1, 2, 0)
    assert np.array_equal(facing, np.sign(ax * by - bx * ay + bx * cy - cx * by + cx * ay - ax * cy))


def test_distance_from_a_sphere() -> None:
    surface = sphere(10000, 24.0, (5, -3, 8))
    points = surface.vertices.mean(axis=0) + np.random.default_rng(1).normal(0, 15, (20000, 3))
    points = points[np.linalg.norm(points - [5, -3, 8], axis=1) > 3]
    exact = np.linalg.norm(points - [5, -3, 8], axis=1) - 24
    distance, nearest = SignedDistance(surface)(points)
    assert exact.min() < -18 and exact.max() > 18
    np.testing.assert_allclose(distance, exact, atol=0.02)
    away = np.linalg.norm(points[:200, None] - surface.vertices, axis=2)
    assert np.array_equal(nearest[:200], away.argmin(axis=1))


HALF = np.array([9.0, 7.0, 11.0])  # no coarser squares than of 2 mm


def to_box(points: Array) -> Array:
    """The signed distance of a box about the origin."""
    off = np.abs(points) - HALF
    return np.linalg.norm(np.maximum(off, 0), axis=-1) + np.minimum(off.max(axis=-1), 0)


def on_a_side(vertices: Array) -> NDArray[np.bool_]:
    """Which vertices of that box lie on a side and on none of its edges."""
    return (np.abs(np.abs(vertices) - HALF) < 1e-9).sum(axis=-1) == 1


def test_distance_from_a_box() -> None:
    """Exact above its sides; a vertex on an edge tells it by a plane that is no side's, up to a millimetre beside."""
    surface = box((9, 7, 11), 0.5)
    points = np.random.default_rng(2).uniform(-HALF - 4, HALF + 4, (30000, 3))
    distance, nearest = SignedDistance(surface)(points)
    exact, above = to_box(points), on_a_side(surface.vertices[nearest])
    assert 0.6 < above.mean() < 0.9
    np.testing.assert_allclose(distance[above], exact[above], atol=1e-9)
    np.testing.assert_allclose(distance, exact, atol=1)
    clear = np.abs(exact) > 0.75
    assert np.array_equal(distance[clear] > 0, exact[clear] > 0)


@pytest.mark.parametrize("side", [1, -1])
def test_beside_a_vertex_its_plane_tells_the_side_and_its_place_the_distance(side: int) -> None:
    x, y = np.meshgrid(np.arange(0.0, 4), np.arange(0.0, 4), indexing="ij")
    distance, nearest = SignedDistance(joined(patch(np.stack([x, y, 0 * x], axis=2))))(
        np.array([[8.0, 3.0, 2.0 * side], [2.9, 2.9, 2.0 * side]])
    )
    assert distance.tolist() == pytest.approx([side * np.hypot(5, 2), side * 2])
    assert nearest[0] == nearest[1] == 15


@pytest.mark.parametrize(("distance_mm", "clear"), [(1.5, True), (1.99, True), (2.01, False), (50.0, False)])
def test_clears_if_no_vertex_is_so_near_to_any_point(distance_mm: float, clear: bool) -> None:
    surface = sphere(3000, 20.0)
    few = surface.vertices[:40]
    points = np.concatenate([few * 1.15, few * 0.85, few[:1] * 0.9])
    assert SignedDistance(surface).clears(points, distance_mm) is clear


BALL = sphere(9000, 20.0, (1.3, -2.1, 3.7))
AXES = [np.arange(-30.0, 31, 1.2), np.arange(-35.0, 31, 0.9), np.arange(-30.0, 36, 1.5)]
SPARE = float(np.linalg.norm([1.2, 0.9, 1.5]))


def whole(near: NearSurface, axes: list[Array]) -> Array:
    """The distance on the whole grid."""
    full = np.full([len(axis) for axis in axes], np.inf)
    full[near.window] = near.distance
    return full


@pytest.mark.parametrize(("reach_mm", "depth_mm"), [(4.0, 2.0), (2.0, 7.0), (1.0, 1.0)])
def test_near_a_ball(reach_mm: float, depth_mm: float) -> None:
    exact = np.linalg.norm(points_of(AXES) - [1.3, -2.1, 3.7], axis=-1) - 20
    near = SignedDistance(BALL).near(AXES, reach_mm, depth_mm)
    found = whole(near, AXES)
    asked = (exact < reach_mm) & (exact > -depth_mm)
    assert near.distance.dtype == np.float32 and near.nearest.shape == near.distance.shape
    np.testing.assert_allclose(found[asked], exact[asked], atol=0.02)
    known = np.isfinite(found)
    np.testing.assert_allclose(found[known], exact[known], atol=0.02)
    assert (found[exact > reach_mm + 2 * SPARE] == np.inf).all()
    assert (found[exact < -depth_mm - 2 * SPARE] == -np.inf).all()
    assert (np.sign(found) == np.sign(exact))[np.abs(exact) > 0.02].all()


def test_near_looks_at_no_more_of_the_grid_than_the_surface_and_its_reach() -> None:
    near = SignedDistance(BALL).near(AXES, 3.0, 3.0)
    for part, axis, middle in zip(near.window, AXES, (1.3, -2.1, 3.7), strict=True):
        kept = axis[part]
        assert np.array_equal(kept, axis[np.abs(axis - middle) < 23.0])


def test_near_names_the_nearest_vertex_where_it_knows_the_distance() -> None:
    near = SignedDistance(BALL).near(AXES, 1.0, 1.0)
    known = np.isfinite(near.distance)
    assert np.array_equal(near.nearest >= 0, known)
    points = points_of([axis[part] for axis, part in zip(AXES, near.window, strict=True)])[known][::40]
    away = np.linalg.norm(points[:, None] - BALL.vertices, axis=2)
    np.testing.assert_allclose(away[np.arange(len(away)), near.nearest[known][::40]], away.min(axis=1))


ABOUT_BOX = [np.arange(-14.0, 14.1, 0.65), np.arange(-12.0, 12.1, 0.7), np.arange(-16.0, 16.1, 0.55)]


@pytest.mark.parametrize("square_mm", [1.0, 0.5])
def test_near_a_box(square_mm: float) -> None:
    surface = box((9, 7, 11), square_mm)
    near = SignedDistance(surface).near(ABOUT_BOX, 2.0, 2.0)
    exact = to_box(points_of(ABOUT_BOX))
    assert np.isfinite(whole(near, ABOUT_BOX)[np.abs(exact) < 2]).all()
    exact, known = exact[near.window], np.isfinite(near.distance)
    above = known & on_a_side(surface.vertices[near.nearest])
    assert 0.5 < above.sum() / known.sum() < 0.9
    np.testing.assert_allclose(near.distance[above], exact[above], atol=1e-5)
    np.testing.assert_allclose(near.distance[known], exact[known], atol=1)


def test_near_tells_the_side_where_the_plane_of_a_vertex_on_an_edge_errs() -> None:
    signed = SignedDistance(box((9, 7, 11), 2.0))
    near = signed.near(ABOUT_BOX, 2.0, 2.0)
    points = points_of([axis[part] for axis, part in zip(ABOUT_BOX, near.window, strict=True)])
    clear = np.abs(near.distance) > 0.2
    outside = to_box(points)[clear] > 0
    assert np.array_equal(near.distance[clear] > 0, outside)
    assert not np.array_equal(signed(points[clear])[0] > 0, outside)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_near_a_shaft_that_goes_on_beyond_both_ends_of_the_grid(axis: int) -> None:
    """No end is seen where the grid ends: there is no surface."""
    turn = np.roll(np.eye(3), axis + 1, axis=0)
    shaft = prism(80, 10.0, np.arange(-30.0, 30.1)).moved(turn, np.zeros(3))
    axes = [np.arange(-16.0, 16.1, 1.1)] * 3
    axes[axis] = np.arange(-20.0, 20.1, 1.3)
    across = np.delete(points_of(axes), axis, axis=-1)
    exact = np.linalg.norm(across, axis=-1) - 10
    near = SignedDistance(shaft).near(axes, 3.0, 3.0)
    found = whole(near, axes)
    assert near.window[axis] == slice(0, len(axes[axis]))
    asked = np.abs(exact) < 3
    np.testing.assert_allclose(found[asked], exact[asked], atol=0.02)
    assert (found[exact < -8] == -np.inf).all()


@pytest.mark.parametrize("cut", [(0, 1), (0, -1), (1, 1), (1, -1), (2, 1), (2, -1)])
def test_near_a_ball_that_the_grid_cuts_in_halves(cut: tuple[int, int]) -> None:
    axis, side = cut
    middle = np.array([1.3, -2.1, 3.7])[axis]
    axes = list(AXES)
    axes[axis] = AXES[axis][(AXES[axis] - middle) * side > 0]
    exact = np.linalg.norm(points_of(axes) - [1.3, -2.1, 3.7], axis=-1) - 20
    found = whole(SignedDistance(BALL).near(axes, 3.0, 3.0), axes)
    asked = np.abs(exact) < 3
    np.testing.assert_allclose(found[asked], exact[asked], atol=0.02)
    assert (found[exact > 3 + 2 * SPARE] == np.inf).all()
    assert (found[exact < -3 - 2 * SPARE] == -np.inf).all()


def test_nothing_is_near_a_grid_far_away() -> None:
    for axis in range(3):
        axes = list(AXES)
        axes[axis] = np.arange(100.0, 120)
        near = SignedDistance(BALL).near(axes, 3.0, 3.0)
        assert near.distance.size == near.nearest.size == 0
        assert near.distance.shape[axis] == 0


@pytest.mark.parametrize("part", [lambda p: p, lambda p: p[p[:, 2] > 0.8], lambda p: p[[0, 50, 170, 299]]])
def test_the_sphere_through_points(part: Callable[[Array], Array]) -> None:
    points = part(on_sphere(300)) @ TURN.T * 23.7 + SHIFT
    centre, radius = fit_sphere(points)
    np.testing.assert_allclose(centre, SHIFT, atol=1e-6)
    assert radius == pytest.approx(23.7, abs=1e-6)


def test_the_sphere_among_points_that_scatter() -> None:
    points = on_sphere(3000) * (23.7 + np.random.default_rng(3).normal(0, 0.3, (3000, 1))) + SHIFT
    centre, radius = fit_sphere(points)
    np.testing.assert_allclose(centre, SHIFT, atol=0.03)
    assert radius == pytest.approx(23.7, abs=0.03)


@pytest.mark.parametrize("ends", [(-10.0, 23.0), (25.0, 40.0), (-30.0, 20.0), (-5.0, 5.0)])
def test_near_a_surface_that_lies_beyond_the_grid_s_end(ends: tuple[float, float]) -> None:
    axes = [np.arange(-10.0, 11), np.arange(-10.0, 11), np.arange(ends[0], ends[1] + 1)]
    found = SignedDistance(sphere(10000, 24.0)).near(axes, 3.0, 3.0)
    whole = np.full([len(axis) for axis in axes], np.inf)
    whole[found.window] = found.distance
    exact = np.linalg.norm(points_of(axes), axis=-1) - 24
    close = (exact > -2.9) & (exact < 2.9)
    np.testing.assert_allclose(whole[close], exact[close], atol=0.03)
    assert (whole[exact > 5] == np.inf).all() and (whole[exact < -5] == -np.inf).all()
