"""What is drawn is what is measured: reference mJSW of the true landmarks, by an independent geometry."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from phantom_presets import FIXTURE_SEED, PRESETS, fixture_jobs, read_truth, shipped, subject, true_landmarks
from scipy.interpolate import make_interp_spline
from shapely import LineString, Polygon

from hipseg.labels.landmarks import SIDES, Points, Side
from hipseg.phantom.skeleton import pose_skeleton
from hipseg.phantom.subject import draw_stance

HEAD, SOURCIL, FEMUR = slice(18, 28), slice(70, 75), slice(0, 40)


def smooth(points: Points) -> Points:
    """A fine cubic spline over the square root of the chords, by another library function."""
    knots = np.concatenate([[0.0], np.sqrt(np.linalg.norm(np.diff(points, axis=0), axis=1)).cumsum()])
    return np.asarray(make_interp_spline(knots, points, k=3)(np.linspace(0, knots[-1], 4001)))


def width_mm(landmarks: Points) -> float:
    """Distance of the two curves; 0 where the sourcil reaches into the head."""
    head, sourcil = smooth(landmarks[HEAD]), LineString(smooth(landmarks[SOURCIL]))
    return 0.0 if Polygon(head).intersects(sourcil) else LineString(head).distance(sourcil)


def test_the_truth_holds_the_drawn_widths_and_landmarks_that_show_them(cohort: Path) -> None:
    truth, checked = read_truth(cohort), 0
    for job in fixture_jobs(cohort):
        drawn = subject(FIXTURE_SEED, job.subject)
        for side in SIDES:
            row = truth.loc[f"{job.delivery.key(job.number, job.visit_number)}/{side}"]
            if np.isnan(row["mjsw_mm"]):
                continue
            wanted = max(0.0, drawn.widths_mm[side] - job.visit * drawn.narrowing_mm[side])
            assert row["mjsw_mm"] == pytest.approx(wanted, abs=3e-3)
            assert width_mm(true_landmarks(row)) == pytest.approx(wanted, abs=3e-3)
            checked += 1
    assert checked >= 30
    assert (truth["mjsw_mm"] == 0).any()


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("wanted", [0.0, 0.05, 6.0])
def test_any_subject_in_any_pose_shows_the_wanted_width(preset: str, wanted: float) -> None:
    for index in range(2):
        rng = np.random.default_rng(index)
        stance = draw_stance(rng, shipped(preset).pose)
        widths: dict[Side, float] = {"right": wanted, "left": 2.5}
        hips = pose_skeleton(subject(0, index, preset), stance, widths, (200.0, 175.0)).hips
        assert width_mm(hips["right"].landmarks) == pytest.approx(wanted, abs=3e-3)
        assert width_mm(hips["left"].landmarks) == pytest.approx(2.5, abs=3e-3)


@pytest.mark.parametrize("index", range(4))
def test_bone_on_bone_overlaps_by_less_than_half_a_millimetre(index: int) -> None:
    stance = draw_stance(np.random.default_rng(index), shipped("standard").pose)
    hip = pose_skeleton(subject(0, index), stance, {"right": 0.0, "left": 0.0}, (200.0, 175.0)).hips["right"]
    head, sourcil = Polygon(smooth(hip.landmarks[HEAD])), LineString(smooth(hip.landmarks[SOURCIL]))
    assert head.intersects(sourcil)
    assert not head.buffer(-0.5).intersects(sourcil)


@pytest.mark.parametrize("index", range(4))
def test_a_narrower_joint_moves_the_femur_as_a_whole_and_nothing_else(index: int) -> None:
    stance = draw_stance(np.random.default_rng(index), shipped("standard").pose)
    wide, narrow = (
        pose_skeleton(subject(0, index), stance, {side: width for side in SIDES}, (200.0, 175.0))
        for width in (4.0, 2.5)
    )
    for side in SIDES:
        moved = narrow.hips[side].landmarks - wide.hips[side].landmarks
        np.testing.assert_allclose(moved[40:], 0, atol=1e-9)
        # The warp bends a moved femur by a few hundredths of a millimetre.
        np.testing.assert_allclose(moved[FEMUR] - moved[FEMUR].mean(axis=0), 0, atol=0.15)
        assert 1.4 < np.linalg.norm(moved[FEMUR].mean(axis=0)) < 3.0
        assert moved[FEMUR][:, 1].max() < 0


def test_visits_of_a_hip_narrow_and_never_widen(cohort: Path) -> None:
    truth = read_truth(cohort)
    pairs = 0
    hips = truth.dropna(subset="mjsw_mm").groupby(lambda key: key.rsplit("/", 2)[0] + key.rsplit("/", 1)[1])["mjsw_mm"]
    for _, widths in hips:
        in_order = widths.sort_index().tolist()
        assert all(later <= earlier for earlier, later in pairwise(in_order))
        pairs += len(in_order) - 1
    assert pairs >= 12


def test_right_hips_lie_on_the_images_left(cohort: Path) -> None:
    truth = read_truth(cohort)
    heads = truth[[f"x{i}" for i in range(18, 28)]].mean(axis=1)
    films = heads.groupby([truth["file"], truth["side"]]).first().unstack()
    assert (films["left"] - films["right"] > 120).all()
