from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from phantom_presets import PRESETS, shipped

from hipseg.phantom.cohort import film_jobs, planted_jobs
from hipseg.phantom.layout import CHECK, OAI
from hipseg.phantom.preset import draw
from hipseg.phantom.subject import STRUCTURES, draw_subject

OUT = Path("out")


def test_subjects_alternate_between_the_cohorts_and_have_one_to_three_visits() -> None:
    jobs = list(film_jobs(OUT, shipped("standard"), 90, 0, 1, 0.5))
    visits = Counter(job.subject for job in jobs)
    assert set(visits) == set(range(90))
    assert set(visits.values()) == {1, 2, 3}
    assert [job.delivery.key(job.number, job.visit_number) for job in jobs if job.visit == 0][:4] == [
        "CHECK/0000001/T00", "OAI/9000001/V00", "CHECK/0000002/T00", "OAI/9000002/V00"
    ]  # fmt: skip
    assert {job.visit_number for job in jobs if job.delivery == CHECK} == {0, 2, 5}
    assert {job.visit_number for job in jobs if job.delivery == OAI} == {0, 3, 6}


def test_a_second_exposure_repeats_every_visit_under_its_own_number() -> None:
    once = list(film_jobs(OUT, shipped("standard"), 20, 0, 1, 0.5))
    twice = list(film_jobs(OUT, shipped("standard"), 20, 0, 2, 0.5))
    assert [job for job in twice if job.exposure == 0] == once
    assert [job.visit_number for job in twice if job.exposure == 1] == [job.visit_number + 1 for job in once]
    keys = [job.delivery.key(job.number, job.visit_number) for job in twice]
    assert len(set(keys)) == 2 * len(once)


@pytest.mark.parametrize("subjects", [1, 2, 7, 8, 900])
def test_planted_subjects_are_two_more_of_check(subjects: int) -> None:
    planted = planted_jobs(OUT, shipped("standard"), subjects, 0)
    last = {job.number for job in film_jobs(OUT, shipped("standard"), subjects, 0, 1, 0.5) if job.delivery == CHECK}
    for job in planted:
        assert job.delivery == CHECK
        assert max(last) < job.number < 9001
    assert planted[0].number != planted[1].number


def test_delivery_paths_are_the_cohorts_own() -> None:
    assert CHECK.path(3088, 5, "20060101") == "CHECK/T05/0003088_T05_APO.dcm"
    assert OAI.path(9000099, 6, "20090728") == "OAI/V06/OAI-9000099-V06-20090728.dcm"
    assert CHECK.points_path(CHECK.path(3088, 5, "")) == "CHECK-pointfiles/T05/0003088_T05_APO.dcm.pts"
    assert OAI.key(9000099, 6) == "OAI/9000099/V06"
    assert {OAI.grid(np.random.default_rng(i)).spacing_mm for i in range(20)} == {0.16896}
    spacings = {CHECK.grid(np.random.default_rng(i)).spacing_mm for i in range(40)}
    assert len(spacings) >= 3
    assert 0.1 <= min(spacings) < max(spacings) <= 0.2


def test_draws_stay_within_two_and_a_half_standard_deviations() -> None:
    rng = np.random.default_rng(0)
    values = np.array([draw(rng, (10.0, 2.0)) for _ in range(5000)])
    assert (values.min(), values.max()) == (5.0, 15.0)
    assert values.mean() == pytest.approx(10, abs=0.1)
    assert values.std() == pytest.approx(1.97, abs=0.06)


@pytest.mark.parametrize("name", PRESETS)
def test_subjects_keep_to_their_preset(name: str) -> None:
    preset = shipped(name)
    assert preset.name == name
    rng = np.random.default_rng(0)
    subjects = [draw_subject(rng, preset) for _ in range(300)]
    widths = [width for subject in subjects for width in subject.widths_mm.values()]
    low, high = preset.joint.range_mm
    assert low <= min(widths) < max(widths) <= high
    assert min(loss for subject in subjects for loss in subject.narrowing_mm.values()) == 0.0
    assert all(set(subject.contrast) == set(STRUCTURES) for subject in subjects)
    dropped = np.mean([factor == 0 for subject in subjects for factor in subject.contrast.values()])
    assert dropped == pytest.approx(preset.contrast.drop, abs=0.02)
    for subject in subjects:
        right, left = subject.shapes["right"], subject.shapes["left"]
        assert (right.head_radius_mm, right.pelvis_width) == (left.head_radius_mm, left.pelvis_width)
        assert preset.contrast.edge_mm[0] <= subject.edge_mm <= preset.contrast.edge_mm[1]
