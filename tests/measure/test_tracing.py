"""Each step of tracing on images whose contours, pieces and gaps are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from scipy.special import erf

from hipseg.labels.landmarks import Points
from hipseg.measure.tracing import blur, contours, facing, join, log_odds, polar, sample, trace
from hipseg.measure.weight_bearing import angles

Y, X = np.mgrid[:30, :40].astype(float)


def length(line: Points) -> float:
    return float(np.hypot(*np.diff(line, axis=0).T).sum())


def arc(
    radius: float, first_deg: float, last_deg: float, centre: Points | float = 0.0, step_deg: float = 1.0
) -> Points:
    """Points about a centre, angles from straight up, positive to the right."""
    angle = np.deg2rad(np.linspace(first_deg, last_deg, round(abs(last_deg - first_deg) / step_deg) + 1))
    return centre + radius * np.stack([np.sin(angle), -np.cos(angle)], axis=1)


def test_log_odds_are_the_logarithm_of_the_ratio() -> None:
    own, other = np.array([0.8, 0.2, 0.5, 0.05, 1e-3]), np.array([0.2, 0.8, 0.5, 0.2, 1e-3])
    np.testing.assert_allclose(log_odds(own, other), np.log([4, 0.25, 1, 0.25, 1]), atol=1e-4)
    assert log_odds(np.array(0.4), np.array(0.1)) == pytest.approx(log_odds(np.array(0.8), np.array(0.2)), abs=1e-4)
    assert log_odds(np.array(1.0), np.array(0.0)) == pytest.approx(6 * np.log(10), abs=1e-5)


@pytest.mark.parametrize("turn_deg", [0.0, 17.0, 45.0, 71.0, 90.0])
def test_a_straight_blurred_edge_is_traced_to_a_hundredth_of_a_pixel(turn_deg: float) -> None:
    """Interpolating the shares themselves is off by one to three hundredths between pixels, where they bend."""
    normal = np.array([np.cos(np.deg2rad(turn_deg)), np.sin(np.deg2rad(turn_deg))])
    worst = 0.0
    for place in np.arange(20, 21, 0.1):
        share = 0.5 * (1 + erf((X * normal[0] + Y * normal[1] - place) / (np.sqrt(2) * 0.7)))
        (line,) = trace(log_odds(share, 1 - share), np.ones_like(share))
        worst = max(worst, float(np.abs(line @ normal - place).max()))
    assert worst < 0.01


def test_blur_spreads_a_point_by_a_gaussian_of_one_pixel_within_its_own_image() -> None:
    image = np.zeros((2, 15, 17), dtype=np.float32)
    image[1, 7, 8] = 1
    kernel = np.exp(-(np.arange(-3, 4) ** 2) / 2)
    kernel /= kernel.sum()
    found = blur(image)
    assert found.shape == image.shape and (found[0] == 0).all()
    np.testing.assert_allclose(found[1, 4:11, 5:12], np.outer(kernel, kernel), atol=1e-6)
    assert found[1].sum() == pytest.approx(1.0, abs=1e-5)


def test_blur_goes_on_beyond_the_edge_with_the_edges_value() -> None:
    image = np.zeros((1, 9, 12), dtype=np.float32)
    image[0, 0], image[0, :, -1] = 2.0, 5.0
    padded = np.pad(image[0], 3, mode="edge")
    kernel = np.exp(-(np.arange(-3, 4) ** 2) / 2)
    kernel /= kernel.sum()
    along = sum(kernel[i] * padded[i : i + 9] for i in range(7))
    expected = sum(kernel[i] * along[:, i : i + 12] for i in range(7))
    np.testing.assert_allclose(blur(image)[0], expected, atol=1e-5)


def test_contours_are_x_then_y_from_the_first_pixels_centre() -> None:
    (upright,) = contours(X, 7.25)
    np.testing.assert_allclose(upright[:, 0], 7.25)
    assert (upright[:, 1].min(), upright[:, 1].max()) == (0, 29)
    (level,) = contours(2 * Y, 7.25)
    np.testing.assert_allclose(level[:, 1], 3.625)
    assert contours(X, 50.0) == []


def test_every_contour_is_a_line_of_its_own() -> None:
    two = np.minimum(np.hypot(X - 10, Y - 12), np.hypot(X - 28, Y - 14))
    found = sorted(contours(two, 5.0), key=lambda line: line[:, 0].mean())
    assert len(found) == 2
    for line, centre in zip(found, ([10, 12], [28, 14]), strict=True):
        np.testing.assert_allclose(np.hypot(*(line - centre).T), 5.0, atol=0.1)
        np.testing.assert_allclose(line[0], line[-1])


@pytest.mark.parametrize("seed", range(3))
def test_sampling_is_scipys_linear_interpolation_also_beyond_the_edge(seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = rng.normal(size=(7, 11))
    points = rng.uniform([-3, -3], [14, 10], (300, 2))
    points[:4] = [[0, 0], [10, 6], [10, 0], [0, 6]]
    expected = map_coordinates(image, [points[:, 1], points[:, 0]], order=1, mode="nearest")
    np.testing.assert_allclose(sample(image, points), expected, atol=1e-12)


def pieces(excess: NDArray[np.float64]) -> list[tuple[float, float]]:
    """From where to where the level line y = 5.25 is kept; `excess` along it, by column."""
    found = trace(Y - 5.25, np.broadcast_to(excess, Y.shape))
    for line in found:
        np.testing.assert_allclose(line[:, 1], 5.25)
    return sorted((float(line[:, 0].min()), float(line[:, 0].max())) for line in found)


def test_a_curve_is_kept_as_far_as_the_excess_is_not_negative() -> None:
    x = np.arange(40.0)
    assert pieces(np.ones(40)) == [(0, 39)]
    assert pieces(-np.ones(40)) == []
    assert pieces(np.zeros(40)) == [(0, 39)]
    assert pieces(10.25 - x) == [(0, pytest.approx(10.25))]
    assert pieces(x - 10.25) == [(pytest.approx(10.25), 39)]
    assert pieces(3.5 - np.abs(x - 20.25)) == [(pytest.approx(16.75), pytest.approx(23.75))]
    assert pieces(np.abs(x - 20.25) - 3.5) == [(0, pytest.approx(16.75)), (pytest.approx(23.75), 39)]
    assert pieces(x - 0.5) == [(pytest.approx(0.5), 39)]
    assert pieces(38.5 - x) == [(0, pytest.approx(38.5))]
    assert pieces(0.75 - x) == [(0, pytest.approx(0.75))]
    assert pieces(x - 38.25) == [(pytest.approx(38.25), 39)]
    between = np.abs(np.abs(x - 20.0) - 9.0) - 3.4
    assert pieces(between) == [
        (0, pytest.approx(7.6)), (pytest.approx(14.4), pytest.approx(25.6)), (pytest.approx(32.4), 39)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("turn_deg", "kept"), [(0, True), (59, True), (61, False), (90, False), (121, True), (180, True)]
)
def test_a_line_faces_a_centre_within_an_angle(turn_deg: float, kept: bool) -> None:
    """Short lines above the centre, turned out of the level: at 60 degrees the cosine is one half."""
    centre = np.array([50.0, 80.0])
    turn = np.deg2rad(turn_deg)
    line = np.array([50.0, 40.0]) + np.outer([-1e-3, 1e-3], [np.cos(turn), np.sin(turn)])
    found = facing(line, centre, 0.5)
    assert len(found) == kept
    if kept:
        assert np.array_equal(found[0], line)


def test_the_runs_of_a_line_that_face_the_centre_are_taken_out_of_it() -> None:
    """Up radially, along an arc, up radially, along a further arc, down radially."""
    down = np.stack([np.zeros(9), np.linspace(-10, -19, 9)], axis=1)
    near, far = arc(20, 0, 30), arc(30, 30, 50)
    radial, back = arc(1, 30, 31)[:1] * np.linspace(21, 29, 9)[:, None], far[-1] * np.linspace(0.95, 0.5, 9)[:, None]
    centre = np.array([7.0, 9.0])
    found = facing(centre + np.concatenate([down, near, radial, far, back]), centre, 0.5)
    assert len(found) == 2
    np.testing.assert_allclose(found[0], centre + near)
    np.testing.assert_allclose(found[1], centre + far)


def test_all_of_a_circle_faces_its_centre_and_nothing_of_a_star() -> None:
    circle = arc(20, 0, 350, CENTRE)
    (found,) = facing(circle, CENTRE, 0.99)
    assert np.array_equal(found, circle)
    assert facing(np.outer(np.linspace(5, 9, 6), [0.6, 0.8]), np.zeros(2), 0.1) == []


def test_polar_undoes_angles() -> None:
    centre, points = np.array([3.0, -2.0]), np.random.default_rng(0).uniform(-50, 50, (200, 2))
    np.testing.assert_allclose(centre + polar(angles(points, centre), np.hypot(*(points - centre).T)), points)
    up_right_down_left = centre + np.array([[0, -2], [2, 0], [0, 2], [-2, 0]])
    np.testing.assert_allclose(np.rad2deg(angles(up_right_down_left, centre)), [0, 90, 180, -90])


CENTRE = np.array([100.0, 120.0])


def test_pieces_are_joined_from_left_to_right_however_they_came() -> None:
    left, middle, right = arc(30, -40, -20, CENTRE), arc(30, -19, 5, CENTRE), arc(30, 6, 30, CENTRE)
    whole, gap = join([right[::-1], left, middle[::-1]], CENTRE)
    turned, _ = join([left[::-1], middle, right], CENTRE)
    for curve in (whole, turned):
        assert (np.diff(angles(curve, CENTRE)) >= -1e-12).all()
        np.testing.assert_allclose(curve[[0, -1]], [left[0], right[-1]])
        np.testing.assert_allclose(np.hypot(*(curve - CENTRE).T), 30, atol=1e-9)
    assert gap == pytest.approx(1.0)


def test_a_single_piece_has_no_gap() -> None:
    curve, gap = join([arc(30, 30, -20, CENTRE)], CENTRE)
    assert gap == 0
    np.testing.assert_allclose(curve, arc(30, -20, 30, CENTRE))


def test_a_pieces_ends_say_which_way_it_runs_not_its_first_step() -> None:
    piece = np.concatenate([arc(30, -19.2, -19.2, CENTRE), arc(30, -20, 30, CENTRE)])
    for given in (piece, piece[::-1]):
        curve, _ = join([given], CENTRE)
        np.testing.assert_allclose(curve, piece)


@pytest.mark.parametrize(("share", "kept"), [(0.14, False), (0.16, True)])
def test_a_piece_shorter_than_15_percent_of_the_longest_is_a_crumb(share: float, kept: bool) -> None:
    crumb = arc(30, 20, 20 + 40 * share, CENTRE, step_deg=0.2)
    curve, gap = join([arc(30, -30, 10, CENTRE, step_deg=0.2), crumb], CENTRE)
    assert np.rad2deg(angles(curve[-1:], CENTRE))[0] == pytest.approx(20 + 40 * share if kept else 10)
    assert gap == pytest.approx(10 if kept else 0)


def test_a_wide_gap_is_bridged_by_an_arc_whose_distance_changes_evenly() -> None:
    """From 30 to 34 pixels over 40 degrees: 2.5 pixels of each bent end go, an arc a pixel a step takes their place."""
    left, right = arc(30, -50, -20, CENTRE, step_deg=0.5), arc(34, 20, 50, CENTRE, step_deg=0.5)
    bent = np.stack([np.zeros(8), np.linspace(0.02, 0.3, 8)], axis=1)
    left[-8:] -= bent
    right[:8] -= bent[::-1]
    curve, gap = join([left, right], CENTRE)
    before, after = (np.rad2deg(angles(end[None], CENTRE))[0] for end in (left[-1], right[0]))
    assert gap == pytest.approx(after - before)
    angle, radius = np.rad2deg(angles(curve, CENTRE)), np.hypot(*(curve - CENTRE).T)
    first, last = -20 - np.rad2deg(2.5 / 30), 20 + np.rad2deg(2.5 / 34)
    bridge = (angle > first + 1) & (angle < last - 1)
    expected = 30 + 4 * (angle[bridge] - first) / (last - first)
    np.testing.assert_allclose(radius[bridge], expected, atol=0.12)
    assert (np.diff(angle) > 0).all()
    np.testing.assert_allclose(curve[:50], left[:50])
    np.testing.assert_allclose(curve[-50:], right[-50:])
    steps = np.hypot(*np.diff(curve[bridge], axis=0).T)
    assert 0.8 < steps.min() and steps.max() < 1.1
    assert radius[angle < first - 3] == pytest.approx(30) and radius[angle > last + 3] == pytest.approx(34)


def test_a_narrow_gap_leaves_its_ends_as_they_are() -> None:
    """2.4 pixels apart nothing is cut off; 2.6 pixels apart the ends are."""
    for apart_px, cut in ((2.4, False), (2.6, True)):
        half = np.rad2deg(apart_px / 30) / 2
        left, right = arc(30, -30, -half, CENTRE), arc(30, half, 30, CENTRE)
        left[-1] += [0, -0.5]
        curve, _ = join([left, right], CENTRE)
        assert (np.abs(curve - left[-1]).sum(axis=1).min() > 1e-9) == cut


@pytest.mark.parametrize(("pixels", "cut"), [(2.0, False), (3.0, False), (4.0, True), (6.0, True)])
def test_a_piece_too_short_to_lose_its_end_keeps_it(pixels: float, cut: bool) -> None:
    """Of 3 pixels a single point would be left, which is no line."""
    long, step = arc(30, -60, -20, CENTRE), np.rad2deg(1 / 30)
    short = arc(30, 20, 20 + pixels * step, CENTRE, step_deg=step)
    tall = [piece for piece in (long[:8], short)]  # so that the short one is no crumb
    curve, _ = join(tall, CENTRE)
    assert (np.abs(curve - short[0]).sum(axis=1).min() > 1e-9) == cut
