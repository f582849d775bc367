from __future__ import annotations

import numpy as np
import pytest

from hipseg.geometry.grid import Grid
from hipseg.labels.landmarks import Points
from hipseg.phantom.canvas import Canvas, dense, ramp
from hipseg.phantom.glyphs import marker_strokes
from hipseg.phantom.textures import spectral_noise, trabeculae

GRID = Grid((150, 200), 0.4, (-3.2, -3.2))
CENTRE = np.array([40.3, 27.9])


def circle(radius_mm: float) -> Points:
    angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    return CENTRE + radius_mm * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def from_centre(grid: Grid) -> np.ndarray:
    return np.hypot(grid.x_mm()[None, :] - CENTRE[0], grid.y_mm()[:, None] - CENTRE[1])


def test_the_distance_to_a_circle() -> None:
    shadow = Canvas.blank(GRID).shadow(circle(15.0), reach_mm=5.0, pitch_mm=0.9)
    exact = (from_centre(GRID) - 15.0)[shadow.window]
    near = np.abs(exact) < 5
    np.testing.assert_allclose(shadow.distance_mm[near], exact[near], atol=0.03)
    assert shadow.distance_mm[exact < -0.1].max() < 0 < shadow.distance_mm[exact > 0.1].min()


@pytest.mark.parametrize("edge_mm", [0.5, 1.5, 3.0])
def test_a_filled_circle_has_its_area_and_its_half_value_on_the_outline(edge_mm: float) -> None:
    canvas = Canvas.blank(GRID)
    shadow = canvas.shadow(circle(15.0), reach_mm=5.0, pitch_mm=0.9)
    canvas.add(shadow, shadow.fill(edge_mm))
    assert canvas.image.sum() * 0.4**2 == pytest.approx(np.pi * 15**2, rel=0.004)
    on_outline = canvas.image[np.abs(from_centre(GRID) - 15.0) < 0.05]
    assert on_outline.mean() == pytest.approx(0.5, abs=0.05)
    assert (canvas.image.min(), canvas.image.max()) == (0.0, 1.0)


def test_what_lies_beyond_the_canvas_is_cut_off() -> None:
    canvas = Canvas.blank(GRID)
    away = canvas.shadow(circle(15.0) + np.array([500.0, 0.0]), reach_mm=5.0)
    canvas.add(away, away.fill(1.0))
    half = canvas.shadow(circle(15.0) - np.array([CENTRE[0] + 3.4, 0.0]), reach_mm=5.0, pitch_mm=0.9)
    canvas.add(half, half.fill(0.5))
    assert canvas.image.sum() * 0.4**2 == pytest.approx(np.pi * 15**2 / 2, rel=0.01)


@pytest.mark.parametrize(("closed", "count"), [(False, 11), (True, 20)])
def test_dense_polylines(closed: bool, count: int) -> None:
    line = dense(np.array([[0.0, 0.0], [10.0, 0.0]]), 1.0, closed)
    assert len(line) == count
    assert line[3].tolist() == [3.0, 0.0]


def test_ramp() -> None:
    assert ramp(np.array([-1.0, 0.0, 0.25, 0.5, 1.0, 2.0])).tolist() == [0.0, 0.0, 0.15625, 0.5, 1.0, 1.0]


def test_markers_read_from_left_to_right() -> None:
    stem, foot = marker_strokes("left")
    assert (stem[:, 0] == -0.3).all()
    assert foot[1, 0] > 0 and foot[1, 1] == stem[:, 1].max()  # at the lower right, y running down
    stem, bowl, leg = marker_strokes("right")
    assert (stem[:, 0] == -0.3).all()
    assert bowl[:, 0].max() > 0.25 and bowl[:, 1].max() < 0.1
    assert leg[-1].tolist() == [0.32, 0.5]


def test_textures_have_unit_variance_and_the_seed_decides() -> None:
    for field in (
        spectral_noise(np.random.default_rng(1), GRID, 3.3, (0.9, 60.0)),
        trabeculae(np.random.default_rng(1), GRID, 62.0),
    ):
        assert field.shape == GRID.shape
        assert field.std() == pytest.approx(1.0, abs=1e-3)
    one, two, other = (spectral_noise(np.random.default_rng(s), GRID, 2.0, (5.0, 60.0)) for s in (1, 1, 2))
    assert np.array_equal(one, two)
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.5


def test_spectral_noise_keeps_to_its_band() -> None:
    field = spectral_noise(np.random.default_rng(0), GRID, 2.0, (5.0, 20.0))
    power = np.abs(np.fft.fft2(field)) ** 2
    frequency = np.hypot(np.fft.fftfreq(150, 0.4)[:, None], np.fft.fftfreq(200, 0.4)[None, :])
    inside = (frequency >= 1 / 20) & (frequency <= 1 / 5)
    assert power[inside].sum() / power.sum() > 0.999
