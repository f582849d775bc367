from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401
import numpy as np
import pytest
from small_films import processed, store_settings

from hipseg.data.store import FILM_TYPE, SAMPLE_TYPE, Store
from hipseg.data.store_writer import StoreWriter
from hipseg.errors import HipsegError
from hipseg.labels.points_file import read_points

BLOSC2 = 32026


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A store of three films, the second with an unusable left hip."""
    path = tmp_path / "small.h5"
    with StoreWriter(path, store_settings()) as writer:
        for number, reasons in enumerate([("", ""), ("", "implant"), ("", "")]):
            writer.put(processed(number, reasons=reasons))
    return path


def test_layout_is_the_contract(store: Path) -> None:
    with h5py.File(store, "r") as file:
        films, hips = len(file["films"]), len(file["samples"])
        assert set(file) == {"images", "labels", "landmarks", "films", "samples"}
        assert hips == 2 * films == 44
        assert {name: (file[name].shape, file[name].dtype) for name in ("images", "labels", "landmarks")} == {
            "images": ((films, 512, 512), np.uint16),
            "labels": ((hips, 512, 512), np.uint8),
            "landmarks": ((hips, 80, 2), np.float64),
        }
        wanted = "cohort subject visit spacing_mm origin_x_mm origin_y_mm source_spacing_mm source_rows source_columns"
        assert {*wanted.split(), "source_sha256", "polarity", "quantiles"} <= set(file["films"].dtype.names)
        assert file["samples"].dtype.names == ("key", "image", "mirror", "side", "usable", "reason", "detail")
        assert file["films"].dtype == FILM_TYPE
        assert file["films"]["quantiles"].shape == (films, 201)
        assert file["samples"].dtype == SAMPLE_TYPE


def test_one_chunk_is_one_image_or_one_label_packed_by_blosc2(store: Path) -> None:
    with h5py.File(store, "r") as file:
        for name in ("images", "labels"):
            assert file[name].chunks == (1, 512, 512)
            assert file[name].id.get_create_plist().get_filter(0)[0] == BLOSC2


def test_root_attributes(store: Path) -> None:
    with h5py.File(store, "r") as file:
        made = json.loads(file.attrs["preprocessing"])
        assert file.attrs["format"] == 3
        assert list(file.attrs["label_names"]) == ["background", "femoral_head", "acetabular_roof", "joint_space"]
        assert len(bytes.fromhex(file.attrs["identity_key"])) == 16
    assert made == {
        "rows": 512, "columns": 512, "spacing_mm": 0.9, "intensity_bits": 12,
        "modalities": ["CR", "DR", "DX", "RG"], "curves": "spline_curves", "region": "film", "located_by": "",
    }  # fmt: skip


def test_samples_are_a_right_and_a_left_hip_per_film(store: Path) -> None:
    opened = Store(store)
    samples, films = opened.samples, opened.films
    keys = films["cohort"] + "/" + films["subject"] + "/" + films["visit"]
    assert samples["key"].tolist() == [f"{key}/{side}" for key in keys for side in ("right", "left")]
    assert samples["side"].tolist() == ["right", "left"] * len(films)
    assert samples["mirror"].tolist() == [False, True] * len(films)
    assert samples["image"].tolist() == [row for film in range(len(films)) for row in (film, film)]
    assert (samples["usable"] == (samples["reason"] == "")).all()
    assert opened.rows_by_key[samples["key"][7]] == 7


def test_a_film_takes_at_most_300_kb(store: Path) -> None:
    assert store.stat().st_size / len(Store(store).films) <= 0.3e6


def test_plain_h5py_reads_what_store_reads(store: Path) -> None:
    opened = Store(store)
    with h5py.File(store, "r") as file:
        for row in range(len(opened.samples)):
            assert np.array_equal(opened.label(row), file["labels"][row])
            assert np.array_equal(opened.landmarks(row), file["landmarks"][row], equal_nan=True)
            assert np.array_equal(opened.image(row), file["images"][file["samples"]["image"][row]])


def test_grey_values_are_the_whole_range_of_the_film(store: Path) -> None:
    opened = Store(store)
    centres_mm = (np.arange(512) + 0.5 - 256) * 0.9
    for row in range(0, len(opened.samples), 2):
        film = opened.films.iloc[row // 2]
        half_mm = [film[f"source_{axis}"] * film["source_spacing_mm"] / 2 for axis in ("rows", "columns")]
        inside = np.logical_and.outer(*(np.abs(centres_mm) <= half for half in half_mm))
        image = opened.image(row)
        # 12 bits: 16 is the least step, and 0 is no image.
        assert (image[inside].min(), image[inside].max()) == (16, 65535)
        assert len(np.unique(image[inside])) > 1000
        assert not image[~inside].any()


def test_landmarks_lead_back_to_the_points_file(store: Path, cohort: Path) -> None:
    opened = Store(store)
    checked = 0
    for row, sample in enumerate(opened.samples.itertuples()):
        name, subject, visit, side = sample.key.split("/")
        if sample.usable:
            path = next((cohort / f"{name}-pointfiles" / visit).glob(f"*{subject}*.pts"))
            start = 80 * (side == "left")
            points = opened.grid(row).to_mm(opened.landmarks(row))
            np.testing.assert_allclose(points, read_points(path)[start : start + 80], atol=1e-9)
            checked += 1
    assert checked == opened.samples["usable"].sum() > 30


def test_values_round_trip(small: Path) -> None:
    opened = Store(small)
    for row in range(6):
        film = processed(row // 2)
        assert np.array_equal(opened.image(row), film.views[0].image)
        assert np.array_equal(opened.label(row), film.hips[row % 2].label)
        assert np.array_equal(opened.landmarks(row), film.hips[row % 2].landmarks)
        assert np.array_equal(opened.quantiles(row), film.views[0].quantiles)
    assert opened.grid(3) == processed(1).views[0].grid
    assert opened.samples["reason"].tolist() == ["", "", "", "implant", "", ""]
    film = opened.films.iloc[2].to_dict()
    assert np.isnan(film["imager_spacing_mm"])
    wanted = {
        "cohort": "TINY", "subject": "00002", "visit": "T00", "spacing_mm": 1.0, "origin_x_mm": -2.5,
        "origin_y_mm": 4.25, "source_spacing_mm": 0.2, "source_spacing_tag": "PixelSpacing", "source_rows": 20,
        "source_columns": 30, "source_sha256": processed(2).sha256, "polarity": "stated",
    }  # fmt: skip
    assert {name: film[name] for name in wanted} == wanted


def test_an_open_store_can_be_sent_to_another_process(small: Path) -> None:
    opened = Store(small)
    opened.image(0)
    assert np.array_equal(pickle.loads(pickle.dumps(opened)).image(4), processed(2).views[0].image)


def _films_not_written(file: h5py.File) -> None:
    file["films"].resize(2, axis=0)


def _samples_reserved_but_not_written(file: h5py.File) -> None:
    """As a kill amid a flush leaves it: the new length is on disk, the new rows are not and read as zeros."""
    _films_not_written(file)
    file["samples"][4:] = np.zeros(2, SAMPLE_TYPE)


def _films_reserved_but_not_written(file: h5py.File) -> None:
    file["films"][2:] = np.zeros(1, FILM_TYPE)


@pytest.mark.parametrize(
    "torn", [_films_not_written, _samples_reserved_but_not_written, _films_reserved_but_not_written]
)
def test_what_a_kill_left_half_written_is_not_there(small: Path, torn: Callable[[h5py.File], None]) -> None:
    with h5py.File(small, "a") as file:
        torn(file)
    opened = Store(small)
    assert opened.samples["key"].tolist() == [
        f"TINY/{number}/T00/{side}" for number in ("00000", "00001") for side in ("right", "left")
    ]
    assert opened.films["subject"].tolist() == ["00000", "00001"]
    with StoreWriter(small, store_settings()) as writer:
        writer.put(processed(2))
    assert Store(small).films["subject"].tolist() == ["00000", "00001", "00002"]
    assert np.array_equal(Store(small).image(5), processed(2).views[0].image)


def _first_format(path: Path) -> None:
    with h5py.File(path, "a") as file:
        file.attrs["format"] = 1


def _second_format(path: Path) -> None:
    with h5py.File(path, "a") as file:
        file.attrs["format"] = 2


def _no_store(path: Path) -> None:
    path.unlink()
    with h5py.File(path, "w") as file:
        file["precious"] = np.arange(5)


def _text(path: Path) -> None:
    path.write_text("cohort,subject\n")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_first_format, "format 1, this hipseg reads 3"),
        (_second_format, "format 2, this hipseg reads 3; preprocess it again"),
        (_no_store, "not a hipseg store"),
        (_text, "not a store that can be read"),
        (Path.unlink, "there is no file"),
    ],
)
def test_what_is_no_store_is_refused_in_one_sentence(small: Path, spoil: Callable[[Path], None], said: str) -> None:
    spoil(small)
    with pytest.raises(HipsegError) as caught:
        Store(small)
    message = str(caught.value)
    assert message.startswith(f"data.store: {'' if 'no file' in said else small}")
    assert said in message
    assert str(small) in message
    assert "\n" not in message
