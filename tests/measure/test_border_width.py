from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from hipseg.geometry.grid import Grid
from hipseg.labels.curves import CurveFunction, polygon_curves, spline_curves
from hipseg.labels.label_map import draw_label_map
from hipseg.labels.landmarks import Points
from hipseg.labels.template import template
from hipseg.measure import JointSpace, border_width, joint_space_width
from hipseg.measure.reference import reference_gap

Labels = NDArray[np.uint8]


def picture(text: str) -> Labels:
    """A hand-drawn map: . background, F femoral head, R roof, j joint space."""
    return np.array([[".FRj".index(letter) for letter in line] for line in text.split()], dtype=np.uint8)


FLAT = picture("""
    .RRRRR.
    .jjjjj.
    .jjjjj.
    .FFFFF.
""")


@pytest.mark.parametrize(
    ("labels", "pixels"),
    [
        (FLAT, 2.0),
        (FLAT.T, 2.0),
        (picture("RRRR jjjj FFFF"), 1.0),
        # The step brings the borders to 1 pixel between the facing edges of column 2.
        (picture("RRRR jjRj jjjj FFFF"), 1.0),
        # Nowhere face to face: from the roof's lower edge (1, 0.5) to the side of the head's column (2.5, 2).
        (picture("RR... jj... jjjF. jjjF."), np.hypot(1.5, 1.5)),
        # Only edges shared with joint space count: the head's top right lies nearer to the roof, over background.
        (picture("RRRR.. jjjj.. jjjj.. jjj... FFF..."), 3.0),
    ],
)
@pytest.mark.parametrize("spacing", [0.9, 0.45])
def test_hand_drawn_maps(labels: Labels, pixels: float, spacing: float) -> None:
    measured = border_width(labels, spacing)
    assert measured.status == "ok"
    assert measured.mjsw_mm == pytest.approx(pixels * spacing)
    assert np.hypot(*(measured.on_head_mm - measured.on_roof_mm)) == pytest.approx(measured.mjsw_mm)


def test_ends_are_x_then_y_from_the_first_pixels_centre() -> None:
    measured = border_width(picture("...... .RR... .jj... .jj... ....FF .jjF.. ..F..."), 0.5)
    # Roof above (1 or 2, 1.5); the head's nearest edges: top of the pixel (2, 6), or side of (3, 5).
    assert measured.mjsw_mm == pytest.approx(0.5 * np.hypot(0.5, 3.5))
    np.testing.assert_allclose(measured.on_roof_mm, [0.5 * 2, 0.5 * 1.5])
    np.testing.assert_allclose(measured.on_head_mm, [0.5 * 2.5, 0.5 * 5])


def brute_force(labels: Labels) -> float:
    """The same definition by loops over all pairs of edges."""
    edges: dict[frozenset[int], list[tuple[float, float]]] = {}
    for row, column in np.ndindex(labels.shape):
        for down, right in ((1, 0), (0, 1)):
            if row + down < labels.shape[0] and column + right < labels.shape[1]:
                pair = frozenset({int(labels[row, column]), int(labels[row + down, column + right])})
                edges.setdefault(pair, []).append((column + right / 2, row + down / 2))
    if frozenset({1, 2}) in edges:
        return 0.0
    upper, lower = edges[frozenset({2, 3})], edges[frozenset({1, 3})]
    return min(np.hypot(a - c, b - d) for a, b in upper for c, d in lower)


@pytest.mark.parametrize("seed", range(6))
def test_equals_the_definition_by_loops(seed: int) -> None:
    rng = np.random.default_rng(seed)
    top, bottom = rng.integers(2, 6, 16), rng.integers(8 if seed else 5, 14, 16)
    rows = np.arange(18)[:, None]
    labels = np.full((18, 16), 3, dtype=np.uint8)
    labels[rows < top] = 2
    labels[rows >= bottom] = 1
    labels[:, rng.integers(0, 16, 4)] = 0
    assert border_width(labels, 0.9).mjsw_mm == pytest.approx(0.9 * brute_force(labels))


def test_one_shared_edge_is_bone_on_bone() -> None:
    measured = border_width(picture("RRRR jjRj jjFj FFFF"), 0.9)
    assert (measured.mjsw_mm, measured.status) == (0.0, "ok")
    np.testing.assert_allclose([measured.on_head_mm, measured.on_roof_mm], [[2 * 0.9, 1.5 * 0.9]] * 2)


@pytest.mark.parametrize(("shared", "middle_px"), [("FFFFF.", 2), ("FFF...", 1), (".FFFF.", 3), ("....F.", 4)])
def test_of_many_shared_edges_the_middle_one_is_the_place(shared: str, middle_px: float) -> None:
    measured = border_width(picture(f"RRRRRR {shared} jjjjjj"), 0.5)
    assert measured.mjsw_mm == 0
    np.testing.assert_allclose([measured.on_head_mm, measured.on_roof_mm], [[middle_px * 0.5, 0.25]] * 2)


def test_a_shared_corner_is_not() -> None:
    measured = border_width(picture("RRjj RRjj jjFF jjFF"), 1.0)
    assert measured.mjsw_mm == pytest.approx(np.hypot(0.5, 0.5))


@pytest.mark.parametrize(
    ("labels", "status"),
    [
        (picture(".... ...."), "no_femoral_head"),
        (picture("RRRR jjjj"), "no_femoral_head"),
        (picture("jjjj FFFF"), "no_roof"),
        (picture("RRRR .... FFFF"), "no_joint_space"),
        (picture("RRRR jjjj .... FFFF"), "no_joint_space"),
        (picture("RRRR .... jjjj FFFF"), "no_joint_space"),
    ],
)
def test_what_is_missing_is_said(labels: Labels, status: str) -> None:
    measured = border_width(labels, 0.9)
    assert measured.status == status
    assert np.isnan([measured.mjsw_mm, *measured.on_head_mm, *measured.on_roof_mm]).all()


def test_probabilities_are_measured_by_their_largest() -> None:
    probabilities = np.full((4, *FLAT.shape), 0.2)
    np.put_along_axis(probabilities, FLAT[None].astype(int), 0.4, axis=0)
    measured = joint_space_width(probabilities, 0.9, method="border")
    assert measured.mjsw_mm == pytest.approx(1.8)
    assert joint_space_width(probabilities, 0.9).status == "no_femoral_head"  # contour: none of it above one half


@pytest.mark.parametrize("shape", [(3, 8, 8), (8, 8), (1, 4, 8, 8)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="4, rows, columns"):
        joint_space_width(np.zeros(shape), 0.9)


def test_ends_go_to_the_films_millimetres_by_the_given_map() -> None:
    measured = JointSpace(1.0, np.array([1.0, 2.0]), np.array([3.0, 4.0]), "ok")
    assert measured.ends_on_film(lambda point: 100 - 2 * point) == {
        "head_x_mm": 98.0,
        "head_y_mm": 96.0,
        "roof_x_mm": 94.0,
        "roof_y_mm": 92.0,
    }


def anatomy(seed: int) -> Points:
    """A right hip in mm about the film's middle."""
    rng = np.random.default_rng(seed)
    return template() * rng.uniform(0.85, 1.1) + rng.normal(0, 0.2, (80, 2)) + rng.uniform(-8, 8, 2)


def label_width(points_mm: Points, film: Grid, curves: CurveFunction) -> float:
    grid = Grid.centred((512, 512), 0.9, film.centre_mm)
    labels = draw_label_map(grid.to_pixels(points_mm + film.centre_mm), grid.shape, curves)
    return border_width(labels, grid.spacing_mm).mjsw_mm


@pytest.mark.parametrize("curves", [spline_curves, polygon_curves])
def test_same_anatomy_has_the_same_width_at_every_source_spacing(curves: CurveFunction) -> None:
    """Films of 318.6 x 360.6 mm: even columns and rows at 0.10 and 0.15 mm, odd at 0.20."""
    films = [Grid.of_film((round(360.6 / mm), round(318.6 / mm)), mm) for mm in (0.10, 0.15, 0.20)]
    assert [film.shape for film in films] == [(3606, 3186), (2404, 2124), (1803, 1593)]
    for seed in range(15):
        widths = [label_width(anatomy(seed), film, curves) for film in films]
        assert 1 < min(widths) < 6
        assert np.ptp(widths) <= 0.05, f"seed {seed}: {widths}"


def test_concentric_arcs_measure_half_a_millimetre_too_little() -> None:
    """The minimum over jagged borders falls short of the true width of analytic arcs by 0.50 mm."""
    film = Grid.of_film((2404, 2124), 0.15)
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(40):
        gap = rng.uniform(2, 5)
        points = template().copy()
        for rows, radius, first, last in ((slice(18, 28), 26, 190, 350), (slice(70, 75), 26 + gap, 235, 300)):
            angle = np.deg2rad(np.linspace(first, last, rows.stop - rows.start))
            points[rows] = radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        points[:18] = np.linspace([-10, 60], points[18], 18, endpoint=False)
        points[28:35] = np.linspace([15, 60], points[27], 7, endpoint=False)[::-1]
        points[67:70] = np.linspace(points[70] - [0, 20], points[70], 3, endpoint=False)
        assert reference_gap(spline_curves(points)).width == pytest.approx(gap, abs=0.02)
        errors.append(label_width(points + rng.uniform(-5, 5, 2), film, spline_curves) - gap)
    assert np.mean(errors) == pytest.approx(-0.5, abs=0.1)
    assert np.std(errors) < 0.2
