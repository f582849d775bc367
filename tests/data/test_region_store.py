"""Stores of one image a hip: 128 mm around each femoral head, from the film's own pixels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from small_films import CHECK, film_settings, landmarks, processed, store_settings, write_film

from hipseg.data.cohorts import find_films
from hipseg.data.preprocess import preprocess_folder
from hipseg.data.process import Processed, Task, process
from hipseg.data.settings import Settings
from hipseg.data.store import Store
from hipseg.data.store_writer import StoreWriter
from hipseg.errors import HipsegError
from hipseg.labels.circle import head_circle
from hipseg.labels.landmarks import hip_landmarks


def joint_settings(**changes: Any) -> Settings:
    """Regions of 128 mm, 160 x 160 pixels of 0.8 mm."""
    return replace(film_settings(), region="joint", rows=160, columns=160, spacing_mm=0.8, **changes)


def regions(folder: Path, **header: Any) -> Processed:
    write_film(folder, "0000001", **header)
    (film,) = find_films(folder, {"CHECK": CHECK}).films
    done = process(Task(film, joint_settings(), "", ""))
    assert isinstance(done, Processed)
    return done


def test_each_head_is_the_middle_of_its_region(tmp_path: Path) -> None:
    done = regions(tmp_path)
    assert len(done.views) == 2
    for view, hip in zip(done.views, done.hips, strict=True):
        points = hip_landmarks(landmarks(), hip.side)
        assert view.image.shape == hip.label.shape == (160, 160)
        assert view.grid.spacing_mm == 0.8
        assert view.grid.centre_mm == pytest.approx(head_circle(points).centre, abs=1e-3)
        np.testing.assert_allclose(view.grid.to_mm(hip.landmarks), points, atol=1e-3)
        assert head_circle(hip.landmarks).centre == pytest.approx((79.5, 79.5), abs=1e-3)
        assert set(np.unique(hip.label)) == {0, 1, 2, 3}


def test_grey_values_are_those_of_the_films_own_pixels(tmp_path: Path) -> None:
    """The body is brightest in the film's middle: to the right of the right hip, to the left of the left one."""
    right, left = (view.image.astype(float) for view in regions(tmp_path).views)
    assert right[:, 120:].mean() > right[:, :40].mean()
    assert left[:, :40].mean() > left[:, 120:].mean()
    for image in (right, left):
        assert (image.min(), image.max()) == (16, 65535)  # 12 bits, and 0 is no image


def test_a_film_with_inverted_header_gives_the_same_regions(tmp_path: Path) -> None:
    plain, dark = regions(tmp_path / "a"), regions(tmp_path / "b", photometric="MONOCHROME1")
    assert (plain.polarity, dark.polarity) == ("stated", "corrected")
    for one, other in zip(plain.views, dark.views, strict=True):
        assert np.abs(one.image.astype(int) - other.image).max() <= 65535 / 2**11


def test_store_keeps_an_image_and_a_grid_a_hip(tmp_path: Path) -> None:
    path, settings = tmp_path / "store.h5", replace(store_settings(), region="joint")
    films = [processed(number, views=2) for number in range(3)]
    with StoreWriter(path, settings) as writer:
        for film in films:
            writer.put(film)
    store = Store(path)
    assert store.samples["image"].tolist() == list(range(6))
    for row in range(6):
        view = films[row // 2].views[row % 2]
        assert np.array_equal(store.image(row), view.image)
        assert np.array_equal(store.quantiles(row), view.quantiles)
        assert store.grid(row) == view.grid
        assert np.array_equal(store.label(row), films[row // 2].hips[row % 2].label)


def test_replacing_and_excluding_touch_one_films_rows(tmp_path: Path) -> None:
    path, settings = tmp_path / "store.h5", replace(store_settings(), region="joint")
    with StoreWriter(path, settings) as writer:
        for number in range(3):
            writer.put(processed(number, views=2))
    with StoreWriter(path, settings) as writer:
        assert writer.known_sha256(processed(1).file.key) == processed(1).sha256
        writer.put(processed(1, version=1, views=2))
        writer.exclude(processed(2).file.key, "unreadable")
    store = Store(path)
    assert np.array_equal(store.image(3), processed(1, version=1, views=2).views[1].image)
    assert np.array_equal(store.image(1), processed(0, views=2).views[1].image)
    assert store.samples["usable"].tolist() == [True] * 4 + [False] * 2
    assert store.films["source_sha256"].tolist()[4:] == ["", ""]


def test_half_a_film_is_cut_off_on_opening(tmp_path: Path) -> None:
    path, settings = tmp_path / "store.h5", replace(store_settings(), region="joint")
    with StoreWriter(path, settings) as writer:
        for number in range(2):
            writer.put(processed(number, views=2))
    with h5py.File(path, "a") as file:
        file["films"].resize(3, axis=0)  # the second film's second row was not written any more
    with StoreWriter(path, settings) as writer:
        assert len(writer) == 1
        writer.put(processed(1, views=2))
    assert np.array_equal(Store(path).image(3), processed(1, views=2).views[1].image)


def test_folder_accounts_by_film_and_continues(tmp_path: Path) -> None:
    for subject in ("0000001", "0000002"):
        write_film(tmp_path / "in", subject, seed=int(subject))
    accounts = [
        preprocess_folder(tmp_path / "in", tmp_path / "s.h5", {"CHECK": CHECK}, joint_settings(), 1) for _ in range(2)
    ]
    assert [(a.found, a.stored, a.new, a.usable_hips) for a in accounts] == [(2, 2, 2, 4), (2, 2, 0, 4)]
    assert accounts[1].polarity.total() == 2
    assert len(Store(tmp_path / "s.h5").films) == 4


def test_a_store_of_whole_films_is_not_continued_with_regions(tmp_path: Path) -> None:
    with StoreWriter(tmp_path / "s.h5", store_settings()):
        pass
    with pytest.raises(HipsegError, match="was made with region = film, not joint"):
        StoreWriter(tmp_path / "s.h5", replace(store_settings(), region="joint"))
