"""What lies on films beside the body, drawn on even grey where every change is seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from phantom_presets import shipped, subject

from hipseg.geometry.grid import Grid
from hipseg.labels.circle import head_circle
from hipseg.phantom.film import expose_film
from hipseg.phantom.glyphs import digit_strokes
from hipseg.phantom.preset import Surroundings
from hipseg.phantom.skeleton import Skeleton, pose_skeleton
from hipseg.phantom.subject import draw_beam, draw_stance
from hipseg.phantom.surroundings import add_surroundings

NOTHING = Surroundings(
    belly=0, ruler=0, letter=0, text=0, boxes=0, zipper=0, clips=(0, 0), ball=0, hardware=0
)  # fmt: skip
GRID = Grid.of_film((900, 1000), 0.4)
SEEDS = range(6)


def skeleton(seed: int = 0) -> Skeleton:
    rng = np.random.default_rng(seed)
    who, pose = subject(seed, 0), shipped("standard").pose
    return pose_skeleton(who, draw_stance(rng, pose), who.widths_mm, GRID.centre_mm)


def drawn(wanted: Surroundings, seed: int) -> NDArray[np.float32]:
    values = np.full(GRID.shape, 0.5, dtype=np.float32)
    add_surroundings(values, GRID, skeleton(seed), wanted, np.random.default_rng(seed))
    return values


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_wanted_changes_nothing(seed: int) -> None:
    assert (drawn(NOTHING, seed) == 0.5).all()


@pytest.mark.parametrize("name", ["letter", "text", "zipper", "ball", "hardware"])
@pytest.mark.parametrize("seed", SEEDS)
def test_things_of_lead_and_metal_are_bright_and_leave_the_rest(name: str, seed: int) -> None:
    values = drawn(replace(NOTHING, **{name: 1.0}), seed)
    assert values.min() == 0.5 and values.max() > 0.75
    assert 20 < (values > 0.6).sum() < 0.12 * values.size


@pytest.mark.parametrize("seed", SEEDS)
def test_a_ball_has_its_25_mm(seed: int) -> None:
    values = drawn(replace(NOTHING, ball=1.0), seed)
    area_mm2 = ((values - 0.5) / (values.max() - 0.5)).sum() * 0.4**2
    assert area_mm2 == pytest.approx(np.pi * (12.5 * skeleton(seed).scale) ** 2, rel=0.03)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_ruler_runs_along_an_edge_over_the_whole_film(seed: int) -> None:
    changed = drawn(replace(NOTHING, ruler=1.0), seed) != 0.5
    columns = np.flatnonzero(changed.any(axis=0)) * 0.4
    assert columns.max() < 85 or columns.min() > 400 - 85
    rows = np.flatnonzero(changed.any(axis=1)) * 0.4
    assert rows.min() < 15 and rows.max() > 360 - 15


@pytest.mark.parametrize("seed", SEEDS)
def test_boxes_are_black_at_the_films_edge(seed: int) -> None:
    values = drawn(replace(NOTHING, boxes=1.0), seed)
    black = values == 0
    assert set(np.unique(values)) == {0.0, 0.5}
    assert black[[0, -1]].any() and not black[300:600, 400:600].any()


@pytest.mark.parametrize("seed", SEEDS)
def test_hardware_lies_in_both_heads_and_ends_before_the_joint(seed: int) -> None:
    values = drawn(replace(NOTHING, hardware=1.0), seed)
    rows, columns = np.indices(values.shape)
    for hip in skeleton(seed).hips.values():
        circle = head_circle(hip.landmarks)
        x, y = GRID.to_pixels(circle.centre)
        away = np.hypot(columns - x, rows - y) * 0.4 / circle.radius
        assert ((away < 0.75) & (values > 0.9)).any()
        above = (away < 1.5) & (away > 0.9) & (rows < y) & (np.abs(columns - x) * 0.4 < 0.5 * circle.radius)
        assert not (above & (values > 0.5)).any()


def test_a_belly_is_brighter_above_its_fold_and_the_truth_stays() -> None:
    preset, who, rng = shipped("standard"), subject(1, 0), np.random.default_rng(1)
    beam = replace(draw_beam(rng, preset.exposure), collimated=False, marker=False, noise=0.0)
    body = skeleton(1)
    plain, belly = (
        expose_film(who, body, beam, GRID, np.random.default_rng(4), surroundings=replace(NOTHING, belly=share))
        for share in (0.0, 1.0)
    )
    assert belly.skeleton is plain.skeleton is body
    gain = belly.values - plain.values
    middle = gain[:, 300:700].mean(axis=1)
    assert middle[:300].mean() > 0.01 > np.abs(middle[-100:]).mean()


@pytest.mark.parametrize("name", ["random", "hard"])
def test_presets_that_want_surroundings_say_all_shares(name: str) -> None:
    wanted = shipped(name).surroundings
    assert wanted is not None
    assert all(0 < share <= 1 for key, share in vars(wanted).items() if key != "clips")
    assert 0 <= wanted.clips[0] <= wanted.clips[1]


def test_standard_is_as_it_was() -> None:
    preset = shipped("standard")
    assert (preset.version, preset.surroundings, preset.views) == (1, None, None)


@pytest.mark.parametrize("digit", range(10))
def test_figures_are_their_own(digit: int) -> None:
    strokes = [{(*line[0], *line[1]) for line in digit_strokes(other)} for other in range(10)]
    assert all(strokes[digit] != other for number, other in enumerate(strokes) if number != digit)
    assert all(np.abs(line).max() <= 0.5 for line in digit_strokes(digit))
