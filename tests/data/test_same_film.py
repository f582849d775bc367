"""One film under two subjects, which a split by subject would put into training and test alike."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pydicom
import pytest
from small_films import CHECK, film_settings, landmarks, write_film

from hipseg.data.cohorts import Cohort
from hipseg.data.preprocess import Account, preprocess_folder
from hipseg.data.store import Store
from hipseg.labels.points_file import write_points

OTHER = Cohort("OTHER", "OTHER/{subject}.dcm", "OTHER/{subject}.pts")


def path(folder: Path, subject: str, visit: str = "T00") -> Path:
    return folder / CHECK.film.format(subject=subject, visit=visit)


def points(folder: Path, subject: str, visit: str = "T00") -> Path:
    return folder / CHECK.points.format(subject=subject, visit=visit)


def copy(folder: Path, source: str, subject: str, visit: str = "T00", changed_header: bool = False) -> None:
    """The same film, with its points, under another name; perhaps with another person's header."""
    for of in (path, points):
        of(folder, subject, visit).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(of(folder, source), of(folder, subject, visit))
    if changed_header:
        dataset = pydicom.dcmread(path(folder, subject, visit))
        dataset.PatientID, dataset.PatientName, dataset.StudyDate = subject, "Somebody^Else", "20110101"
        dataset.save_as(path(folder, subject, visit))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Films of three subjects."""
    for subject in ("1", "2", "3"):
        write_film(tmp_path / "in", subject, seed=int(subject))
    return tmp_path / "in"


def update(folder: Path, store: str = "store.h5") -> tuple[Account, set[str], dict[str, str]]:
    """The account, the keys of usable hips, and the reason of every excluded film."""
    file = folder.parent / store
    cohorts = {"CHECK": CHECK, "OTHER": OTHER}
    account = preprocess_folder(folder, file, cohorts, film_settings(), workers=1)
    samples = Store(file).samples
    table = pd.read_csv(f"{file}.exclusions.csv", keep_default_na=False)
    films = table[table["side"] == ""]
    assert films["file"].is_unique
    assert account.found == account.stored + len(films)
    assert account.usable_hips == samples["usable"].sum()
    assert 0 <= account.new <= account.stored, account.lines()[-1]
    return account, set(samples["key"][samples["usable"]]), dict(zip(films["file"], films["reason"], strict=True))


def hips(*films: str) -> set[str]:
    return {f"CHECK/{film}/{side}" for film in films for side in ("right", "left")}


def name(subject: str, visit: str = "T00") -> str:
    return CHECK.film.format(subject=subject, visit=visit)


@pytest.mark.parametrize("changed_header", [False, True])
def test_both_are_excluded_and_nothing_else(folder: Path, changed_header: bool) -> None:
    copy(folder, "1", "9", changed_header=changed_header)
    account, usable, reasons = update(folder)
    assert usable == hips("2/T00", "3/T00")
    assert reasons == {name("1"): "duplicate_film", name("9"): "duplicate_film"}
    assert dict(account.film_reasons) == {"duplicate_film": 2}
    detail = pd.read_csv(f"{folder.parent / 'store.h5'}.exclusions.csv").set_index("file")["detail"]
    assert name("9") in detail[name("1")] or "9" in detail[name("1")]  # which other film it is


def test_three_are_excluded_too(folder: Path) -> None:
    copy(folder, "1", "8")
    copy(folder, "1", "9", visit="T05", changed_header=True)
    _, usable, reasons = update(folder)
    assert usable == hips("2/T00", "3/T00")
    assert set(reasons) == {name("1"), name("8"), name("9", "T05")}


def test_across_cohorts(folder: Path) -> None:
    (folder / "OTHER").mkdir()
    shutil.copy(path(folder, "1"), folder / "OTHER/x.dcm")
    shutil.copy(points(folder, "1"), folder / "OTHER/x.pts")
    _, usable, reasons = update(folder)
    assert usable == hips("2/T00", "3/T00")
    assert reasons == {name("1"): "duplicate_film", "OTHER/x.dcm": "duplicate_film"}


def test_two_visits_of_one_subject_may_share_a_film(folder: Path) -> None:
    """They stay together in any split by subject."""
    copy(folder, "1", "1", visit="T05")
    assert update(folder)[1] == hips("1/T00", "1/T05", "2/T00", "3/T00")


@pytest.mark.parametrize("other_reason", ["points_missing", "points_malformed"])
def test_a_copy_that_is_left_out_anyway_takes_nothing_with_it(folder: Path, other_reason: str) -> None:
    copy(folder, "1", "9")
    if other_reason == "points_missing":
        points(folder, "9").unlink()
    else:
        points(folder, "9").write_text("version: 1\n")
    _, usable, reasons = update(folder)
    assert usable == hips("1/T00", "2/T00", "3/T00")
    assert reasons == {name("9"): other_reason}


def test_a_copy_that_comes_later_excludes_what_is_stored(folder: Path) -> None:
    assert update(folder)[1] == hips("1/T00", "2/T00", "3/T00")
    copy(folder, "1", "9")
    for _ in range(3):
        _, usable, reasons = update(folder)
        assert usable == hips("2/T00", "3/T00")
        assert reasons == {name("1"): "duplicate_film", name("9"): "duplicate_film"}


@pytest.mark.parametrize("leaves", ["1", "9"])
def test_when_one_is_gone_the_other_comes_back(folder: Path, leaves: str) -> None:
    copy(folder, "1", "9")
    update(folder)
    path(folder, leaves).unlink()
    points(folder, leaves).unlink()
    _, usable, reasons = update(folder)
    stays = "9" if leaves == "1" else "1"
    assert usable == hips(f"{stays}/T00", "2/T00", "3/T00")
    assert reasons == {}


def test_a_copy_in_another_input_of_the_same_store(folder: Path, tmp_path: Path) -> None:
    """A store that is filled in parts trains on all of them."""
    update(folder)
    more = tmp_path / "more"
    write_film(more, "9", seed=1)
    shutil.copy(path(folder, "1"), path(more, "9"))
    preprocess_folder(more, tmp_path / "store.h5", {"CHECK": CHECK}, film_settings(), workers=1)
    samples = Store(tmp_path / "store.h5").samples
    usable = set(samples["key"][samples["usable"]])
    assert not {"CHECK/1/T00/right", "CHECK/9/T00/right"} <= usable
    assert usable >= hips("2/T00", "3/T00")


def test_a_corrected_copy_comes_back(folder: Path) -> None:
    copy(folder, "1", "9")
    update(folder)
    write_film(folder, "9", seed=9)
    _, usable, reasons = update(folder)
    assert usable == hips("1/T00", "9/T00", "2/T00", "3/T00")
    assert reasons == {}


def test_the_same_landmarks_on_another_film_are_no_copy(folder: Path) -> None:
    shutil.copy(points(folder, "1"), points(folder, "2"))
    assert update(folder)[1] == hips("1/T00", "2/T00", "3/T00")


def test_workers_and_the_order_of_names_change_nothing(folder: Path) -> None:
    copy(folder, "3", "0")
    one = update(folder, "one.h5")[1:]
    file = folder.parent / "two.h5"
    preprocess_folder(folder, file, {"CHECK": CHECK}, film_settings(), workers=2)
    samples = Store(file).samples
    assert set(samples["key"][samples["usable"]]) == one[0] == hips("1/T00", "2/T00")


def test_points_of_the_copy_do_not_matter(folder: Path) -> None:
    """Another reader's landmarks on the same film: the image is still in training and test."""
    copy(folder, "1", "9")
    write_points(points(folder, "9"), landmarks() + 0.4)
    assert update(folder)[1] == hips("2/T00", "3/T00")
