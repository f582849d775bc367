from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from phantom_presets import fixture_jobs, read_truth, true_landmarks

from hipseg.labels.points_file import read_points
from hipseg.labels.template import template
from hipseg.phantom.annotator import misplace

CURVES = (0, 35, 40, 44, 60, 67, 75, 80)


@pytest.fixture(scope="module")
def errors() -> np.ndarray:
    """3,000 draws of a 0.5 mm error, (3000, 80, 2)."""
    rng = np.random.default_rng(0)
    return np.array([misplace(template(), 0.5, rng) for _ in range(3000)]) - template()


def test_every_landmark_lies_the_stated_root_mean_square_distance_away(errors: np.ndarray) -> None:
    distance = np.sqrt((errors**2).sum(axis=2).mean(axis=0))
    np.testing.assert_allclose(distance, 0.5, rtol=0.06)
    assert np.sqrt((errors**2).sum(axis=2).mean()) == pytest.approx(0.5, rel=0.01)
    np.testing.assert_allclose(errors[..., 0].std(), errors[..., 1].std(), rtol=0.03)
    assert np.abs(errors.mean(axis=0)).max() < 0.04


def test_neighbours_on_a_curve_err_alike_and_curves_apart(errors: np.ndarray) -> None:
    correlation = np.corrcoef(errors[:, :, 0].T)
    for start, end in pairwise(CURVES):
        assert all(correlation[i, i + 1] > 0.85 for i in range(start, end - 1))
    assert all(abs(correlation[end - 1, end]) < 0.1 for end in CURVES[1:-1])
    assert abs(np.corrcoef(errors[:, 5, 0], errors[:, 5, 1])[0, 1]) < 0.1


def test_no_error_moves_nothing() -> None:
    assert np.array_equal(misplace(template(), 0.0, np.random.default_rng(0)), template())


def test_a_cohorts_points_files_are_off_the_truth_by_the_stated_error(cohort: Path) -> None:
    truth, off = read_truth(cohort), []
    for job in fixture_jobs(cohort):
        key = job.delivery.key(job.number, job.visit_number)
        for side, rows in (("right", slice(0, 80)), ("left", slice(80, 160))):
            row = truth.loc[f"{key}/{side}"]
            points = read_points(cohort / job.delivery.points_path(row["file"]))[rows]
            if points.any():  # a missing side is all zero
                off.append(points - true_landmarks(row))
    assert len(off) >= 30
    assert np.sqrt((np.array(off) ** 2).sum(axis=-1).mean()) == pytest.approx(0.5, rel=0.1)
    assert abs(np.mean(off)) < 0.1
