"""Osteoarthritis of phantoms: the grade's rule, how features grow, what is drawn where, a reader's errors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from phantom_presets import shipped

from hipseg.errors import HipsegError
from hipseg.io.dicom import read_film
from hipseg.labels.curves import spline_curves
from hipseg.labels.landmarks import SIDES
from hipseg.measure.reference import reference_gap
from hipseg.phantom import cohort
from hipseg.phantom.arthritis import Arthritis, Cyst, draw_arthritis, draw_severities
from hipseg.phantom.arthritis_shadows import DiseasedHips
from hipseg.phantom.cohort import film_jobs, make_plain
from hipseg.phantom.preset import Disease
from hipseg.phantom.reader import expected_kappa, grades_of_reader

DISEASE = Disease(0.4, (0.2, 3.8), (0.25, 0.2), 0.4, 0.45)


@pytest.mark.parametrize(
    ("hip", "width_mm", "grade"),
    [
        (Arthritis(), 4.0, 0),
        (Arthritis(narrowing=0.2), 3.2, 1),
        (Arthritis(femoral_mm=1.5), 4.0, 1),
        (Arthritis(acetabular_mm=2.5), 4.0, 1),  # no narrowing, no sclerosis
        (Arthritis(acetabular_mm=2.5, narrowing=0.35), 2.6, 2),
        (Arthritis(femoral_medial_mm=2.0, sclerosis=1.4), 4.0, 2),
        (Arthritis(femoral_mm=3.0, narrowing=0.6, sclerosis=1.5), 1.6, 3),
        (Arthritis(femoral_mm=3.0, narrowing=0.6), 1.6, 2),  # no sclerosis
        (Arthritis(femoral_mm=5.5, narrowing=0.9, sclerosis=1.9), 0.4, 4),
        (Arthritis(femoral_mm=3.0, narrowing=0.9, sclerosis=1.9, flattening_mm=1.5), 0.4, 4),
        (Arthritis(femoral_mm=3.0, narrowing=0.9, sclerosis=1.9), 0.4, 3),  # neither large osteophytes nor deformed
    ],
)
def test_the_grade_follows_its_rule(hip: Arthritis, width_mm: float, grade: int) -> None:
    assert hip.grade(width_mm) == grade


def test_features_only_grow_with_severity() -> None:
    for seed in range(20):
        hips = [draw_arthritis(np.random.default_rng(seed), severity, 0.4) for severity in np.linspace(0, 4, 9)]
        for name in ("narrowing", "femoral_mm", "femoral_medial_mm", "acetabular_mm", "sclerosis", "flattening_mm"):
            values = [getattr(hip, name) for hip in hips]
            assert values == sorted(values), name
        counts = [len(hip.cysts) for hip in hips]
        assert counts == sorted(counts) and len({hip.towards_deg for hip in hips}) == 1


def test_severity_never_falls_between_visits_and_hips_of_a_subject_are_alike() -> None:
    courses = np.array([[draw_severities(np.random.default_rng([1, s]), DISEASE, visit) for visit in range(3)]
                        for s in range(400)])  # fmt: skip
    assert (np.diff(courses, axis=1) >= 0).all()
    first = courses[:, 0]
    assert np.mean(first == 0) == pytest.approx(DISEASE.sound, abs=0.05)
    assert 0.2 < np.corrcoef(first.T)[0, 1] < 0.6


def _kappa(a: np.ndarray, b: np.ndarray) -> float:
    table = np.zeros((5, 5))
    np.add.at(table, (a, b), 1 / len(a))
    chance = table.sum(0) @ table.sum(1)
    return float((np.trace(table) - chance) / (1 - chance))


@pytest.mark.parametrize("kappa", [0.55, 0.8, 1.0])
def test_a_reader_has_the_kappa_that_is_asked_for_and_errs_by_one_grade(kappa: float) -> None:
    true = np.random.default_rng(0).choice(5, 20_000, p=[0.5, 0.15, 0.13, 0.17, 0.05])
    read = grades_of_reader(true, kappa, np.random.default_rng(1))
    assert _kappa(true, read) == pytest.approx(kappa, abs=0.02)
    assert np.abs(true - read).max() <= 1 and read.min() >= 0 and read.max() <= 4


def test_a_reader_worse_than_errors_of_one_grade_is_refused() -> None:
    true = np.repeat(np.arange(5), 10)
    worst = expected_kappa(np.full(5, 0.2), 1.0)
    with pytest.raises(HipsegError, match="reader_kappa"):
        grades_of_reader(true, worst - 0.1, np.random.default_rng(0))


def _drawn(
    tmp_path: Path, name: str, hip: Arthritis, monkeypatch: pytest.MonkeyPatch
) -> tuple[np.ndarray, list[dict], float]:
    """A film whose hips all have one description; its pixels, its truth and its spacing."""
    preset = shipped("arthritis")
    exposure = replace(preset.exposure, noise=(0.0, 0.0), collimated=0.0, marker=0.0)
    preset = replace(preset, exposure=exposure)
    monkeypatch.setattr(cohort, "_disease", lambda job: DiseasedHips(dict.fromkeys(SIDES, hip), 5))
    job = next(iter(film_jobs(tmp_path / name, preset, 1, 4, 1, 0.0)))
    rows = make_plain(job)
    film = read_film(tmp_path / name / rows[0]["file"], ("CR", "DX"))
    return film.pixels, rows, film.spacing.mm


def _about(pixels: np.ndarray, x: float, y: float, spacing: float, reach_mm: float) -> np.ndarray:
    row, column, reach = round(y / spacing), round(x / spacing), round(reach_mm / spacing)
    return pixels[row - reach : row + reach, column - reach : column + reach]


def test_osteophytes_and_cysts_change_the_film_where_they_are_and_the_joint_stays_as_wide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound, truth, spacing = _drawn(tmp_path, "a", Arthritis(), monkeypatch)
    cyst = Cyst(True, 10.0, 0.0, 8.0, 3.5)
    spurs = Arthritis(femoral_mm=5.0, acetabular_mm=5.0, cysts=(cyst,))
    sick, rows, _ = _drawn(tmp_path, "b", spurs, monkeypatch)
    for before, row in zip(truth, rows, strict=True):
        assert row["mjsw_mm"] == pytest.approx(before["mjsw_mm"], abs=0.01)
        for name in ("femoral", "acetabular"):
            x, y = row[f"{name}_x_mm"], row[f"{name}_y_mm"]
            change = _about(sick - sound, x, y, spacing, 5.0)
            assert change.max() > 30, name  # of 4095 grey values
        knee = _about(sick - sound, before["x0"], before["y0"] + 30, spacing, 5.0)
        assert np.abs(knee).max() < 5


def test_narrowing_leaves_the_width_it_says_and_flattening_does_not_change_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, sound, _ = _drawn(tmp_path, "a", Arthritis(towards_deg=15.0), monkeypatch)
    _, rows, _ = _drawn(tmp_path, "b", Arthritis(narrowing=0.5, towards_deg=15.0, flattening_mm=1.5), monkeypatch)
    for before, row in zip(sound, rows, strict=True):
        assert row["mjsw_mm"] == pytest.approx(0.5 * before["mjsw_mm"], abs=0.05)
        landmarks = np.array([[row[f"x{i}"], row[f"y{i}"]] for i in range(80)])
        assert reference_gap(spline_curves(landmarks)).width == pytest.approx(row["mjsw_mm"], abs=0.01)


def test_other_presets_have_no_disease() -> None:
    assert [shipped(name).disease for name in ("standard", "hard", "random", "projected")] == [None] * 4
