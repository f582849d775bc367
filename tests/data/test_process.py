from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_edit import edit
from small_films import CHECK, FILM_MM, film_settings, landmarks, write_film

from hipseg.data.cohorts import FilmFile, find_films
from hipseg.data.exclusions import REASONS, Exclusion, exclusions_table
from hipseg.data.process import Outcome, Processed, Task, process
from hipseg.data.settings import Settings
from hipseg.labels.points_file import write_points


def listed(folder: Path, film: Path) -> FilmFile:
    (file,) = (found for found in find_films(folder, {"CHECK": CHECK}).films if found.path == film)
    return file


def run(folder: Path, film: Path, settings: Settings | None = None) -> Outcome:
    return process(Task(listed(folder, film), settings or film_settings(), "", ""))


def test_a_film_on_the_centred_grid(tmp_path: Path) -> None:
    film = write_film(tmp_path, "0000001")
    done = run(tmp_path, film)
    assert isinstance(done, Processed)
    assert done.sha256 == hashlib.sha256(film.read_bytes()).hexdigest()
    assert (done.views[0].image.shape, done.views[0].image.dtype) == ((128, 128), np.uint16)
    assert (done.views[0].image.min(), done.views[0].image.max()) == (0, 65535)
    # 128 pixels of 3.6 mm hang over 440 mm by 10.4 mm on every side.
    assert done.views[0].grid.origin_mm == pytest.approx((-10.4 + 1.8, -10.4 + 1.8))
    assert done.views[0].grid.spacing_mm == 3.6
    assert [hip.reason for hip in done.hips] == ["", ""]
    points = np.concatenate([done.views[0].grid.to_mm(hip.landmarks) for hip in done.hips])
    np.testing.assert_allclose(points, np.round(landmarks(), 3), atol=1e-9)


def test_mirrored_landmarks_give_exactly_the_mirrored_label_map(tmp_path: Path) -> None:
    film = write_film(tmp_path, "0000001")
    settings = replace(film_settings(), rows=500, columns=500, spacing_mm=0.9)
    done = run(tmp_path, film, settings)
    assert isinstance(done, Processed)
    right, left = (hip.label for hip in done.hips)
    assert set(np.unique(right)) == {0, 1, 2, 3}
    assert right[:, 250:].max() == 0
    assert np.array_equal(left, right[:, ::-1])


@pytest.mark.parametrize(
    ("first", "attributes", "points"),
    [
        ("no_pixels", {"PixelData": None, "Rows": None, "Columns": None, "Modality": "CT", "PixelSpacing": None}, ""),
        ("colour", {"PhotometricInterpretation": "RGB", "Modality": "CT", "PixelSpacing": ["0", "0"]}, ""),
        ("not_radiograph", {"Modality": "CT", "PixelSpacing": None, "ImagerPixelSpacing": None}, ""),
        ("spacing_missing", {"PixelSpacing": None, "ImagerPixelSpacing": None}, ""),
        ("spacing_invalid", {"PixelSpacing": ["-1", "1"]}, "broken"),
        ("spacing_anisotropic", {"PixelSpacing": ["9", "8"]}, ""),
        ("points_missing", {"PixelSpacing": ["9", "9"]}, ""),
        ("points_malformed", {"PixelSpacing": ["9", "9"]}, "broken"),
        ("too_large", {"PixelSpacing": ["9", "9"]}, "sound"),
    ],
)
def test_the_first_of_several_reasons_wins(tmp_path: Path, first: str, attributes: dict[str, Any], points: str) -> None:
    film = write_film(tmp_path, "0000001")
    edit(film, **attributes)
    path = tmp_path / CHECK.points.format(subject="0000001", visit="T00")
    if points == "broken":
        path.write_text("version: 1\n")
    elif not points:
        path.unlink()
    done = run(tmp_path, film)
    assert isinstance(done, Exclusion)
    assert (done.file, done.side, done.reason) == ("CHECK/T00/0000001_T00_APO.dcm", "", first)
    assert done.detail


@pytest.mark.parametrize(("spacing_mm", "fits"), [(3.438, True), (3.437, False)])
def test_a_film_as_large_as_the_grid_fits(tmp_path: Path, spacing_mm: float, fits: bool) -> None:
    assert (128 * spacing_mm > FILM_MM) is fits
    done = run(tmp_path, write_film(tmp_path, "1"), replace(film_settings(), spacing_mm=spacing_mm))
    assert isinstance(done, Processed) is fits


def test_a_missing_file_is_unreadable(tmp_path: Path) -> None:
    film = write_film(tmp_path, "1")
    file = listed(tmp_path, film)
    film.unlink()
    done = process(Task(file, film_settings(), "", ""))
    assert isinstance(done, Exclusion)
    assert done.reason == "unreadable"


def _outside(points: np.ndarray[Any, Any]) -> None:
    points[0] = [FILM_MM + 0.01, 100.0]


def _on_the_edge(points: np.ndarray[Any, Any]) -> None:
    points[:80] -= points[:80].min(axis=0)


def _not_a_number(points: np.ndarray[Any, Any]) -> None:
    points[79, 1] = np.nan


def _zero(points: np.ndarray[Any, Any]) -> None:
    points[:80] = 0.0


def _one_spot(points: np.ndarray[Any, Any]) -> None:
    points[:80] = 100.0


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_outside, "points_outside"),
        (_on_the_edge, ""),
        (_not_a_number, "side_missing"),
        (_zero, "side_missing"),
        (_one_spot, "side_missing"),
    ],
)
def test_one_side_can_be_excluded_alone(tmp_path: Path, spoil: Any, reason: str) -> None:
    film = write_film(tmp_path, "1")
    points = landmarks()
    spoil(points)
    write_points(tmp_path / CHECK.points.format(subject="1", visit="T00"), points)
    done = run(tmp_path, film)
    assert isinstance(done, Processed)
    right, left = done.hips
    assert (right.side, right.reason) == ("right", reason)
    assert (left.side, left.reason) == ("left", "")
    assert bool(right.detail) is bool(reason)
    assert set(np.unique(right.label)) == ({0} if reason else {0, 1, 2, 3})
    assert np.isnan(right.landmarks).all() == bool(reason)


def test_the_polarity_stated_in_the_header_is_used(tmp_path: Path) -> None:
    bright = run(tmp_path, write_film(tmp_path, "1"))
    dark = run(tmp_path, write_film(tmp_path, "2", photometric="MONOCHROME1"))
    assert isinstance(bright, Processed)
    assert isinstance(dark, Processed)
    # The same stored values are a negative under MONOCHROME1; the body in the middle tells.
    assert bright.views[0].image[60:68, 60:68].mean() > 50_000
    assert (bright.polarity, dark.polarity) == ("stated", "corrected")
    assert dark.views[0].image[60:68, 60:68].mean() > 50_000


def test_the_exclusions_table_is_sorted_and_complete() -> None:
    rows = [Exclusion("b", "left", "implant", "x"), Exclusion("b", "", "name", "y"), Exclusion("a", "", "colour", "z")]
    table = exclusions_table(rows)
    assert table.columns.tolist() == ["file", "side", "reason", "detail"]
    assert table["file"].tolist() == ["a", "b", "b"]
    assert table["side"].tolist() == ["", "", "left"]
    assert set(table["reason"]) <= set(REASONS)
    assert exclusions_table([]).columns.tolist() == table.columns.tolist()
