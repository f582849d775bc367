from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from small_films import CHECK, film_settings, landmarks, write_film

from hipseg.data.preprocess import Account, preprocess_folder
from hipseg.data.store import Store
from hipseg.errors import HipsegError
from hipseg.labels.points_file import write_points

Content = dict[str, list[bytes]]
FILMS = [("1", "T00"), ("2", "T00"), ("2", "T05"), ("3", "T00")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four small films of three subjects, and a text file."""
    for seed, (subject, visit) in enumerate(FILMS):
        write_film(tmp_path / "in", subject, visit, seed)
    (tmp_path / "in/notes.txt").touch()
    return tmp_path / "in"


def update(folder: Path) -> Account:
    """Bring the folder's store up to date; whatever happened, the account must add up."""
    store = folder.parent / "store.h5"
    account = preprocess_folder(folder, store, {"CHECK": CHECK}, film_settings(), workers=1)
    table = pd.read_csv(f"{store}.exclusions.csv", keep_default_na=False)
    whole, hips = table[table["side"] == ""], table[table["side"] != ""]
    assert account.found == account.stored + len(whole)
    assert account.film_reasons == whole["reason"].value_counts().to_dict()
    assert account.hip_reasons == hips["reason"].value_counts().to_dict()
    assert account.usable_hips == 2 * account.stored - len(hips) == Store(store).samples["usable"].sum()
    return account


def content(folder: Path) -> Content:
    with h5py.File(folder.parent / "store.h5", "r") as file:
        return {name: [row.tobytes() for row in dataset[:]] for name, dataset in file.items()}


def changed_rows(before: Content, after: Content) -> dict[str, list[int]]:
    """Rows that differ, by dataset, leaving out datasets without any."""
    rows = {n: [i for i, row in enumerate(after[n]) if i >= len(before[n]) or row != before[n][i]] for n in after}
    return {name: found for name, found in rows.items() if found}


def film_path(folder: Path, subject: str, visit: str = "T00") -> Path:
    return folder / CHECK.film.format(subject=subject, visit=visit)


def points_path(folder: Path, subject: str, visit: str = "T00") -> Path:
    return folder / CHECK.points.format(subject=subject, visit=visit)


def reasons(folder: Path) -> dict[str, str]:
    """Reason of every hip that is not usable."""
    samples = Store(folder.parent / "store.h5").samples
    return {row.key: row.reason for row in samples.itertuples() if not row.usable}


def test_the_first_run_stores_every_film_in_the_order_of_names(folder: Path) -> None:
    account = update(folder)
    assert (account.found, account.stored, account.new, account.elsewhere) == (5, 4, 4, 0)
    assert account.film_reasons == {"name": 1}
    assert account.lines()[:3] == [
        "5 files found = 4 stored + 1 excluded",
        "       1  name: the file's name fits no cohort's pattern",
        "8 hips = 8 usable + 0 excluded",
    ]
    assert Store(folder.parent / "store.h5").samples["key"].tolist() == [
        f"CHECK/{film}/{side}" for film in ("1/T00", "2/T00", "3/T00", "2/T05") for side in ("right", "left")
    ]


def test_running_again_changes_nothing(folder: Path) -> None:
    update(folder)
    before = content(folder)
    assert update(folder).new == 0
    assert content(folder) == before


def test_a_film_whose_pixels_changed_is_replaced_in_its_row(folder: Path) -> None:
    update(folder)
    before = content(folder)
    write_film(folder, "2", "T00", seed=99)
    assert update(folder).new == 1
    assert changed_rows(before, content(folder)) == {"images": [1], "films": [1]}


def test_a_film_whose_bytes_changed_is_read_again(folder: Path) -> None:
    update(folder)
    before = content(folder)
    path = film_path(folder, "3")
    path.write_bytes(b"touched!" + path.read_bytes()[8:])  # in the preamble, which nobody reads
    assert update(folder).new == 1
    assert changed_rows(before, content(folder)) == {"films": [2]}


def test_a_new_film_is_added_at_the_end(folder: Path) -> None:
    update(folder)
    before = content(folder)
    write_film(folder, "0", "T00", seed=7)
    account = update(folder)
    assert (account.new, account.stored) == (1, 5)
    assert changed_rows(before, content(folder)) == {
        "images": [4], "labels": [8, 9], "landmarks": [8, 9], "films": [4], "samples": [8, 9]
    }  # fmt: skip


def test_a_stored_film_that_loses_its_points_file_is_excluded(folder: Path) -> None:
    update(folder)
    points_path(folder, "1").unlink()
    account = update(folder)
    assert (account.stored, account.film_reasons["points_missing"], account.elsewhere) == (3, 1, 0)
    assert reasons(folder) == {"CHECK/1/T00/right": "points_missing", "CHECK/1/T00/left": "points_missing"}


def test_a_stored_film_whose_points_file_changed_is_drawn_again(folder: Path) -> None:
    update(folder)
    before = content(folder)
    write_points(points_path(folder, "1"), landmarks() + np.array([5.0, 0.0]))
    assert update(folder).new == 1
    changed = changed_rows(before, content(folder))
    assert (changed["labels"], changed["landmarks"]) == ([0, 1], [0, 1])
    assert "images" not in changed


def test_a_stored_film_that_is_damaged_is_excluded_and_comes_back_when_it_is_whole_again(folder: Path) -> None:
    update(folder)
    before, path = content(folder), film_path(folder, "2", "T05")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    account = update(folder)
    assert (account.stored, account.film_reasons["truncated"]) == (3, 1)
    assert reasons(folder) == {"CHECK/2/T05/right": "truncated", "CHECK/2/T05/left": "truncated"}
    damaged = content(folder)
    assert update(folder).new == 0
    assert content(folder) == damaged
    path.write_bytes(whole)
    assert update(folder).new == 1
    assert content(folder) == before


def test_a_duplicate_of_a_stored_visit_excludes_both_until_it_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    write_film(folder, "1")
    write_film(folder, "2", seed=1)
    update(folder)
    before = content(folder)
    # A second pattern in which the same subject and visit can occur twice.
    twin = film_path(folder, "1").with_name("1_T00_APO_repeat.dcm")
    shutil.copy(film_path(folder, "1"), twin)
    cohorts = {
        "CHECK": CHECK,
        "AGAIN": type(CHECK)("CHECK", "CHECK/{visit}/{subject}_{v}_APO_repeat.dcm", CHECK.points),
    }
    account = preprocess_folder(folder, tmp_path / "store.h5", cohorts, film_settings(), workers=1)
    assert (account.found, account.stored, dict(account.film_reasons)) == (3, 1, {"duplicate_visit": 2})
    assert reasons(folder) == {"CHECK/1/T00/right": "duplicate_visit", "CHECK/1/T00/left": "duplicate_visit"}
    twin.unlink()
    assert update(folder).stored == 2
    assert content(folder) == before


def test_an_excluded_film_of_this_input_is_not_said_to_be_elsewhere(folder: Path) -> None:
    update(folder)
    film_path(folder, "1").write_bytes(b"broken")
    account = update(folder)
    assert account.film_reasons["not_dicom"] == 1
    assert account.elsewhere == 0


def test_films_that_left_the_input_stay_in_the_store(folder: Path) -> None:
    update(folder)
    before = content(folder)
    film_path(folder, "1").unlink()
    store = folder.parent / "store.h5"
    account = preprocess_folder(folder, store, {"CHECK": CHECK}, film_settings(), workers=1)
    assert (account.found, account.stored, account.elsewhere) == (4, 3, 1)
    assert "1 more films in the store are not in this input and stay" in account.lines()
    assert content(folder) == before


def test_hips_are_counted_apart_from_films(folder: Path) -> None:
    points = landmarks()
    points[80:] += [400.0, 0.0]
    write_points(points_path(folder, "1"), points)
    account = update(folder)
    assert (account.stored, account.usable_hips, dict(account.hip_reasons)) == (4, 7, {"points_outside": 1})
    assert "8 hips = 7 usable + 1 excluded" in account.lines()
    assert reasons(folder) == {"CHECK/1/T00/left": "points_outside"}


def test_two_inputs_share_one_store(folder: Path, tmp_path: Path) -> None:
    update(folder)
    write_film(tmp_path / "more", "8", seed=8)
    account = preprocess_folder(tmp_path / "more", tmp_path / "store.h5", {"CHECK": CHECK}, film_settings(), workers=1)
    assert (account.found, account.stored, account.elsewhere) == (1, 1, 4)
    assert len(Store(tmp_path / "store.h5").films) == 5


def test_workers_change_nothing(folder: Path, tmp_path: Path) -> None:
    update(folder)
    preprocess_folder(folder, tmp_path / "two.h5", {"CHECK": CHECK}, film_settings(), workers=2)
    one, two = Store(tmp_path / "store.h5"), Store(tmp_path / "two.h5")
    assert one.films.equals(two.films)
    assert one.samples.equals(two.samples)
    assert all(np.array_equal(one.image(row), two.image(row)) for row in range(8))


@pytest.mark.parametrize("name", ["nowhere", "in"])
def test_a_folder_without_films_makes_no_store(tmp_path: Path, name: str) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(HipsegError, match=r"^input: "):
        preprocess_folder(tmp_path / name, tmp_path / "store.h5", {"CHECK": CHECK}, film_settings(), workers=1)
    assert not (tmp_path / "store.h5").exists()
