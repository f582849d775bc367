from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import h5py
import pandas as pd
import pytest
from small_films import write_film

from hipseg.commands import main
from hipseg.data.exclusions import FILM_REASONS, HIP_REASONS, NOT_LOCATED, REASONS
from hipseg.data.store import Store
from hipseg.phantom.plants import plant_exclusions

Row = tuple[str, str, str]

# The first takes a network; the others' files would change which subjects the demo trains on, or are too costly.
NOT_PLANTED = {NOT_LOCATED, "duplicate_film", "decoder_crashed", "too_many_pixels", "landmarks_implausible"}
PLANTED = [reason for reason in REASONS if reason not in NOT_PLANTED]


def exclusions(store: Path) -> set[Row]:
    """Rows of a store's exclusions table: file, side, reason."""
    table = pd.read_csv(f"{store}.exclusions.csv", keep_default_na=False)
    return set(zip(table["file"], table["side"], table["reason"], strict=True))


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Names of the planted files by reason; of the film that is spoilt they depend on the subject alone."""
    folder = tmp_path_factory.mktemp("planted")
    film = write_film(folder, "0001005")
    points = folder / "CHECK-pointfiles/T00/0001005_T00_APO.dcm.pts"
    return plant_exclusions(folder / "out", film, points) | {"implant": ["CHECK/T00/0001006_T00_APO.dcm"]}


def test_every_reason_is_planted(planted: dict[str, list[str]]) -> None:
    assert set(planted) == set(PLANTED)
    assert {reason: len(names) for reason, names in planted.items() if len(names) != 1} == {"duplicate_visit": 2}


@pytest.mark.parametrize("reason", PLANTED)
def test_a_planted_file_ends_with_its_reason(
    reason: str, cohort: Path, store: Path, planted: dict[str, list[str]]
) -> None:
    side = {"implant": "right", "points_outside": "left", "side_missing": "left"}.get(reason, "")
    for name in planted[reason]:
        assert (cohort / name).exists() or (cohort / name).is_symlink()
        assert {row for row in exclusions(store) if row[0] == name} == {(name, side, reason)}


def test_no_image_is_of_two_subjects(store: Path) -> None:
    """A split by subject would else put one image into training and test."""
    opened = Store(store)
    subjects: dict[bytes, set[str]] = {}
    for row in opened.samples.index[opened.samples["usable"]]:
        key = str(opened.samples["key"].iat[row])
        subjects.setdefault(opened.image(row).tobytes(), set()).add(key.split("/")[1])
    assert max(map(len, subjects.values())) == 1


def test_nothing_sound_is_excluded(store: Path, cohort: Path, planted: dict[str, list[str]]) -> None:
    """Beyond the planted files, what is left out is what the truth knows to have no joint."""
    truth = pd.read_csv(f"{cohort}.truth.csv")
    without = truth[truth["mjsw_mm"].isna()]
    names = {name for of_reason in planted.values() for name in of_reason}
    rest = {row for row in exclusions(store) if row[0] not in names or row[2] == "implant"}
    assert {(name, side) for name, side, _ in rest} == set(zip(without["file"], without["side"], strict=True))
    assert {reason for _, _, reason in rest} <= set(HIP_REASONS)


def test_counts_add_up(store: Path, cohort: Path) -> None:
    files = [path for path in cohort.rglob("*") if not path.is_dir() and "-pointfiles" not in path.as_posix()]
    rows, opened = exclusions(store), Store(store)
    films, hips = [row for row in rows if not row[1]], [row for row in rows if row[1]]
    assert len(files) == len(opened.films) + len(films)
    assert 2 * len(opened.films) == len(opened.samples) == opened.samples["usable"].sum() + len(hips)
    assert {reason for _, _, reason in films} == set(FILM_REASONS) & set(PLANTED)
    assert {reason for _, _, reason in hips} == set(HIP_REASONS) & set(PLANTED)
    in_store = Counter(opened.samples.loc[~opened.samples["usable"], "reason"])
    assert in_store == Counter(reason for _, _, reason in hips)


def test_running_the_command_again_says_so_and_changes_nothing(
    store: Path, cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = tmp_path / "again.h5"
    shutil.copy(store, again)
    main(["preprocess", f"input={cohort}", f"store={again}", "workers=1"])
    lines = capsys.readouterr().out.splitlines()
    rows = exclusions(store)
    films = Counter(reason for _, side, reason in rows if not side)
    hips = Counter(reason for _, side, reason in rows if side)
    stored = len(Store(store).films)
    assert lines[0] == f"{stored + films.total()} files found = {stored} stored + {films.total()} excluded"
    for reason, count in (films + hips).items():
        assert f"  {count:6d}  {reason}: {REASONS[reason]}" in lines
    assert f"{2 * stored} hips = {2 * stored - hips.total()} usable + {hips.total()} excluded" in lines
    assert f"0 films were new or changed, {stored} were stored before" in lines
    assert exclusions(again) == rows
    with h5py.File(store, "r") as one, h5py.File(again, "r") as two:
        for name in one:
            assert one[name][:].tobytes() == two[name][:].tobytes()
