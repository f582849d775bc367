from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from small_films import processed, store_settings

from hipseg.data.store import Store
from hipseg.data.store_writer import StoreWriter
from hipseg.errors import HipsegError
from hipseg.labels.curves import polygon_curves


def write(path: Path, *numbers: int, version: int = 0) -> None:
    with StoreWriter(path, store_settings()) as writer:
        for number in numbers:
            writer.put(processed(number, version))


def content(path: Path) -> dict[str, list[bytes]]:
    with h5py.File(path, "r") as file:
        return {name: [row.tobytes() for row in dataset[:]] for name, dataset in file.items()}


def test_many_small_runs_write_what_one_run_writes(tmp_path: Path) -> None:
    write(tmp_path / "one.h5", *range(40))
    for part in (range(1), range(1, 18), range(18, 39), range(39, 40)):
        write(tmp_path / "many.h5", *part)
    assert content(tmp_path / "many.h5") == content(tmp_path / "one.h5")


def test_opening_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "store.h5"
    write(path, 0, 1)
    before, key = content(path), Store(path).identity_key
    write(path)
    assert (content(path), Store(path).identity_key) == (before, key)


def test_stores_have_different_identity_keys(tmp_path: Path) -> None:
    write(tmp_path / "a.h5", 0)
    write(tmp_path / "b.h5", 0)
    assert Store(tmp_path / "a.h5").identity_key != Store(tmp_path / "b.h5").identity_key


def test_knows_what_it_holds(tmp_path: Path) -> None:
    write(tmp_path / "store.h5", 0, 1)
    with StoreWriter(tmp_path / "store.h5", store_settings()) as writer:
        film = processed(1)
        assert len(writer) == 2
        assert film.file.key in writer
        assert writer.known_sha256(film.file.key) == film.sha256
        assert "TINY/00007/T00" not in writer
        assert writer.known_sha256("TINY/00007/T00") == ""


def test_the_same_key_again_replaces_its_row_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "store.h5"
    write(path, 0, 1, 2)
    before = content(path)
    write(path, 1, version=1)
    after = content(path)
    changed = {name: [i for i, row in enumerate(rows) if row != before[name][i]] for name, rows in after.items()}
    assert changed == {"images": [1], "labels": [2, 3], "landmarks": [2, 3], "films": [1], "samples": []}
    assert np.array_equal(Store(path).image(3), processed(1, version=1).views[0].image)
    assert Store(path).films["source_sha256"][1] == processed(1, version=1).sha256


def test_an_excluded_film_stays_but_is_not_usable_and_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "store.h5"
    write(path, 0, 1)
    key = processed(0).file.key
    with StoreWriter(path, store_settings()) as writer:
        writer.exclude(key, "points_missing")
    samples = Store(path).samples
    assert samples["usable"].tolist() == [False, False, True, True]
    assert samples["reason"].tolist() == ["points_missing", "points_missing", "", ""]
    with StoreWriter(path, store_settings()) as writer:
        assert writer.known_sha256(key) == ""
        writer.put(processed(0))
    assert Store(path).samples["usable"].all()


def test_what_an_interrupted_run_had_finished_is_kept_and_what_a_failed_one_had_not_is_dropped(tmp_path: Path) -> None:
    for error, kept in ((KeyboardInterrupt, 1), (RuntimeError, 0)):
        path = tmp_path / f"{error.__name__}.h5"
        with pytest.raises(error), StoreWriter(path, store_settings()) as writer:
            writer.put(processed(0))
            raise error
        assert len(Store(path).films) == kept


@pytest.mark.parametrize("rows", [{"images": 5, "labels": 9, "landmarks": 8, "samples": 12}, {"samples": 9}])
def test_half_written_rows_are_cut_off(tmp_path: Path, rows: dict[str, int]) -> None:
    write(tmp_path / "whole.h5", *range(4))
    write(tmp_path / "store.h5", *range(3))
    with h5py.File(tmp_path / "store.h5", "a") as file:
        for name, count in rows.items():
            file[name].resize(max(count, len(file[name])), axis=0)
    write(tmp_path / "store.h5", 3)
    assert content(tmp_path / "store.h5") == content(tmp_path / "whole.h5")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"spacing_mm": 0.5}, "spacing_mm = 1.0, not 0.5"),
        ({"intensity_bits": 10}, "intensity_bits = 12, not 10"),
        ({"curves": polygon_curves}, "spline_curves, not polygon_curves"),
        ({"modalities": ("CR", "DX")}, "modalities = ['CR'], not ['CR', 'DX']"),
        ({"rows": 64}, "rows = 32, not 64"),
    ],
)
def test_a_store_is_not_continued_with_other_settings(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    path = tmp_path / "store.h5"
    write(path, 0)
    before = content(path)
    with pytest.raises(HipsegError) as caught:
        StoreWriter(path, store_settings(**changes))
    assert str(caught.value).startswith("store: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    del caught
    assert content(path) == before


def test_a_refused_store_is_closed_even_while_the_error_is_kept(tmp_path: Path) -> None:
    """As a notebook keeps the last error: until the file is closed, no other process can open it."""
    path = tmp_path / "store.h5"
    write(path, 0)
    before = path.read_bytes()
    with pytest.raises(HipsegError) as kept:
        StoreWriter(path, store_settings(spacing_mm=0.5))
    assert path.read_bytes() == before  # an open file is marked as such
    assert "spacing_mm" in str(kept.value)


@pytest.mark.parametrize("found", [1, 2])
def test_a_store_of_another_format_is_refused_under_the_commands_own_key(tmp_path: Path, found: int) -> None:
    write(tmp_path / "store.h5", 0)
    with h5py.File(tmp_path / "store.h5", "a") as file:
        file.attrs["format"] = found
    with pytest.raises(HipsegError, match=rf"^store: .*format {found}, this hipseg reads 3"):
        StoreWriter(tmp_path / "store.h5", store_settings())


def test_a_text_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.h5"
    path.write_text("not a store")
    with pytest.raises(HipsegError, match=r"^store: .*name a new one"):
        StoreWriter(path, store_settings())
    assert path.read_text() == "not a store"


def test_an_hdf5_file_that_is_no_store_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "mine.h5"
    with h5py.File(path, "w") as file:
        file["precious"] = np.arange(5)
    with pytest.raises(HipsegError, match=r"^store: .*not a hipseg store"):
        StoreWriter(path, store_settings())
    with h5py.File(path, "r") as file:
        assert file["precious"][:].tolist() == [0, 1, 2, 3, 4]


def test_a_visit_longer_than_its_field_is_kept_whole_or_refused(tmp_path: Path) -> None:
    film = processed(0, visit="2009-07-28_12h00m00s")
    try:
        with StoreWriter(tmp_path / "store.h5", store_settings()) as writer:
            writer.put(film)
    except HipsegError as error:
        assert "2009-07-28_12h00m00s" in str(error)
        return
    with StoreWriter(tmp_path / "store.h5", store_settings()) as writer:
        assert film.file.key in writer
