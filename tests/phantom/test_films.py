"""Rendered films, a second each, so few of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from phantom_presets import fixture_jobs, read_truth, shipped, true_landmarks

from hipseg.commands import main
from hipseg.labels.points_file import read_points
from hipseg.phantom.cohort import film_jobs, make_film

FIRST, REPEAT = "CHECK/T00/0000001_T00_APO.dcm", "CHECK/T01/0000001_T01_APO.dcm"


def points_of(folder: Path, film: str) -> np.ndarray:
    return read_points(folder / (film.replace("CHECK/", "CHECK-pointfiles/", 1) + ".pts"))


@pytest.fixture(scope="module")
def repeated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One subject's one visit, exposed twice, points without error; made by the command in a folder of its own."""
    folder = tmp_path_factory.mktemp("repeated")
    options = "subjects=1 seed=0 exposures=2 plants=false landmark_error_mm=0 workers=1"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        main(["phantom", "out=films", *options.split()])
    return folder / "films"


def test_the_command_writes_films_points_and_truth_and_nothing_else(repeated: Path) -> None:
    written = {path.relative_to(repeated.parent).as_posix() for path in repeated.parent.rglob("*") if path.is_file()}
    points = {f"films/{film.replace('CHECK/', 'CHECK-pointfiles/', 1)}.pts" for film in (FIRST, REPEAT)}
    assert written == {f"films/{FIRST}", f"films/{REPEAT}", "films.truth.csv"} | points


def test_a_repeat_is_the_same_joint_in_another_pose(repeated: Path) -> None:
    truth = read_truth(repeated)
    keys = ["CHECK/0000001/T00/right", "CHECK/0000001/T00/left", "CHECK/0000001/T01/right", "CHECK/0000001/T01/left"]
    assert truth.index.tolist() == keys
    assert truth["repeat_of"].tolist() == ["", "", *keys[:2]]
    assert truth["file"].tolist() == [FIRST, FIRST, REPEAT, REPEAT]
    np.testing.assert_allclose(truth["mjsw_mm"][:2], truth["mjsw_mm"][2:], atol=1e-3)
    first, repeat = (true_landmarks(truth.loc[key]) for key in (keys[0], keys[2]))
    assert np.linalg.norm(first - repeat, axis=1).min() > 0.5
    one, two = (pydicom.dcmread(repeated / film).pixel_array for film in (FIRST, REPEAT))
    assert one.shape != two.shape or (one != two).mean() > 0.5


def test_without_error_the_points_file_is_the_truth(repeated: Path) -> None:
    truth = read_truth(repeated)
    for film in (FIRST, REPEAT):
        rows = truth[truth["file"] == film]
        expected = np.concatenate([true_landmarks(row) for _, row in rows.iterrows()])
        np.testing.assert_allclose(points_of(repeated, film), expected, atol=5.1e-4)


def test_landmark_error_moves_the_points_and_leaves_the_image_alone(repeated: Path, tmp_path: Path) -> None:
    rows = make_film(next(film_jobs(tmp_path, shipped("standard"), 1, 0, 2, 0.8)))
    assert (tmp_path / FIRST).read_bytes() == (repeated / FIRST).read_bytes()
    truth = read_truth(repeated)
    assert [row["mjsw_mm"] for row in rows] == pytest.approx(truth["mjsw_mm"][:2].tolist(), abs=1e-5)
    moved = points_of(tmp_path, FIRST) - points_of(repeated, FIRST)
    assert np.sqrt((moved**2).sum(axis=1).mean()) == pytest.approx(0.8, rel=0.25)
    assert (np.abs(moved) > 0.01).mean() > 0.95


def test_the_same_seed_makes_the_same_bytes_also_compressed(cohort: Path, tmp_path: Path) -> None:
    """One packed film of the session's cohort, which two workers made, again."""
    for job in fixture_jobs(tmp_path):
        name = next(
            iter(read_truth(cohort).filter(like=job.delivery.key(job.number, job.visit_number), axis=0)["file"])
        )
        if pydicom.dcmread(cohort / name, stop_before_pixels=True).file_meta.TransferSyntaxUID.is_compressed:
            break
    else:
        pytest.fail("the cohort has no compressed film")
    make_film(replace(job, out=tmp_path))
    points = job.delivery.points_path(name)
    assert (tmp_path / name).read_bytes() == (cohort / name).read_bytes()
    assert (tmp_path / points).read_bytes() == (cohort / points).read_bytes()
