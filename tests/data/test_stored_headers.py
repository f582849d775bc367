"""What headers say of a film beside its pixels, as it ends in a store: orientation, padding, magnification, spacing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset
from small_films import CHECK, FILM_MM, film_settings, landmarks, write_film

from hipseg.data.cohorts import Cohort
from hipseg.data.preprocess import Account, preprocess_folder
from hipseg.data.settings import Settings
from hipseg.data.store import Store
from hipseg.io.dicom_writer import Header, write_radiograph
from hipseg.labels.landmarks import Points
from hipseg.labels.points_file import read_points, write_points

Change = Callable[[Dataset], None]


def change_film(path: Path, change: Change) -> None:
    dataset = pydicom.dcmread(path)
    change(dataset)
    dataset.save_as(path)


def setting(**values: Any) -> Change:
    """Sets attributes, or removes those that are None."""

    def change(dataset: Dataset) -> None:
        for name, value in values.items():
            if value is None:
                delattr(dataset, name)
            else:
                setattr(dataset, name, value)

    return change


def preprocess(folder: Path, settings: Settings | None = None, cohort: Cohort = CHECK) -> tuple[Account, Store]:
    path = folder.with_name(f"{folder.name}.h5")
    account = preprocess_folder(folder, path, {cohort.name: cohort}, settings or film_settings(), workers=1)
    return account, Store(path)


# PatientOrientation -----------------------------------------------------------------------------------------------


def uneven_landmarks() -> Points:
    """Right and left hip that can't be taken for one another's mirror image: the left one lies lower, and nearer."""
    points = landmarks()
    points[80:] += [-6.0, 9.0]
    return points


def uneven_film(
    folder: Path, orientation: list[str] | None, flips: tuple[bool, bool], settings: Settings | None = None
) -> tuple[Account, Store]:
    """A film with a bright spot in its upper left, as a machine writes it that turns it over (columns, rows)."""
    path = write_film(folder, "1")
    points = uneven_landmarks()

    def turn(dataset: FileDataset) -> None:
        pixels = dataset.pixel_array.copy()
        pixels[40:60, 20:50] = 4000
        pixels = pixels[:, ::-1] if flips[0] else pixels
        pixels = pixels[::-1] if flips[1] else pixels
        dataset.PixelData = np.ascontiguousarray(pixels).tobytes()
        dataset.PatientOrientation = orientation

    change_film(path, turn)
    for axis, flipped in enumerate(flips):
        if flipped:  # millimetres from the file's own first pixel
            points[:, axis] = FILM_MM - points[:, axis]
    write_points(folder / CHECK.points.format(subject="1", visit="T00"), points)
    return preprocess(folder, settings)


TURNED = {
    "R/F": (["R", "F"], (True, False)),
    "L/H": (["L", "H"], (False, True)),
    "R/H": (["R", "H"], (True, True)),
    "RP/F": (["RP", "F"], (True, False)),
}
AS_IT_IS = {
    "L/F": ["L", "F"],
    "LA/F": ["LA", "F"],
    "none": None,
    "A/F": ["A", "F"],
    "P/?": ["P", "?"],
    "one value": ["L"],
    "words": ["LEFT-RIGHT", ""],
}


@pytest.mark.parametrize("region", ["film", "joint"])
@pytest.mark.parametrize("name", TURNED)
def test_a_film_that_says_how_it_is_turned_over_is_turned_back(tmp_path: Path, name: str, region: str) -> None:
    settings = film_settings()
    if region == "joint":
        settings = replace(settings, rows=64, columns=64, spacing_mm=1.0, region="joint")
    _, plain = uneven_film(tmp_path / "plain", ["L", "F"], (False, False), settings)
    account, turned = uneven_film(tmp_path / "turned", *TURNED[name], settings)
    assert account.usable_hips == 2
    assert turned.samples["side"].tolist() == plain.samples["side"].tolist() == ["right", "left"]
    for row in (0, 1):
        np.testing.assert_allclose(turned.image(row) / 65535, plain.image(row) / 65535, atol=2 / 2**12)
        assert (turned.label(row) != plain.label(row)).sum() <= 2  # landmarks are rounded to a micrometre
        np.testing.assert_allclose(turned.landmarks(row), plain.landmarks(row), atol=2e-3)


@pytest.mark.parametrize("name", TURNED)
def test_the_films_table_says_which_are_mirrored(tmp_path: Path, name: str) -> None:
    mirrored = uneven_film(tmp_path / "in", *TURNED[name])[1].films["mirrored"]
    assert mirrored.dtype == bool
    assert mirrored.tolist() == [TURNED[name][1][0]]


@pytest.mark.parametrize("name", AS_IT_IS)
def test_other_orientations_turn_nothing(tmp_path: Path, name: str) -> None:
    _, plain = uneven_film(tmp_path / "plain", ["L", "F"], (False, False))
    account, found = uneven_film(tmp_path / "in", AS_IT_IS[name], (False, False))
    assert account.usable_hips == 2
    assert found.films["mirrored"].tolist() == [False]
    for row in (0, 1):
        assert np.array_equal(found.image(row), plain.image(row))
        assert np.array_equal(found.label(row), plain.label(row))


# PixelPaddingValue ------------------------------------------------------------------------------------------------


def padded(value: int, limit: int | None = None) -> Change:
    """States which stored values are padding."""

    def change(dataset: Dataset) -> None:
        dataset.add_new("PixelPaddingValue", "US", value)
        if limit is not None:
            dataset.add_new("PixelPaddingRangeLimit", "US", limit)

    return change


SIZE = 128  # of both film and store, whose pixels are then the same


def padded_film(folder: Path, subject: str, change: Change, border: int = 0, value: int = 0) -> NDArray[np.int64]:
    """A film of the store's own pixels with a border of one value; gives its pixels."""
    path = write_film(folder, subject)
    y, x = (np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2) / SIZE
    body = 400 + 2400 * np.clip(1 - 5 * x**2 - 2 * y**2, 0, 1)
    pixels = np.rint(body + np.random.default_rng(1).uniform(0, 500, (SIZE, SIZE))).astype(np.uint16)
    inner = slice(border, SIZE - border)
    framed = np.full_like(pixels, value)
    framed[inner, inner] = pixels[inner, inner]
    header = Header(subject, "20060101", "CR", (3.6, 3.6), "PixelSpacing", "MONOCHROME2", 12, "plain", subject)
    write_radiograph(path, header, framed)
    change_film(path, change)
    write_points(folder / CHECK.points.format(subject=subject, visit="T00"), landmarks() + (SIZE * 3.6 - FILM_MM) / 2)
    return framed.astype(np.int64)


def scaled(pixels: NDArray[np.int64], padding: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The whole range of what is no padding, as 1/4096 to 1; 0 where there is padding."""
    low, high = pixels[~padding].min(), pixels[~padding].max()
    return np.where(padding, 0.0, 1 / 4096 + (pixels - low) / (high - low) * 4095 / 4096)


@pytest.mark.parametrize("photometric", ["MONOCHROME2", "MONOCHROME1"])
@pytest.mark.parametrize(
    ("value", "stated"),
    [
        (4095, padded(4095)),
        (0, padded(0)),
        (4000, padded(3990, 4095)),
        (4000, padded(4095, 3990)),
        (4000, padded(4000, 4000)),
        (3990, padded(3990, 4095)),
    ],
    ids=["white", "black", "range", "range backwards", "range of one", "range's first"],
)
def test_padding_takes_no_part_in_the_greys(tmp_path: Path, photometric: str, value: int, stated: Change) -> None:
    padding = np.ones((SIZE, SIZE), dtype=bool)
    padding[20:-20, 20:-20] = False

    def change(dataset: Dataset) -> None:
        stated(dataset)
        dataset.PhotometricInterpretation = photometric
        if photometric == "MONOCHROME1":  # the same film, stored as its negative around the same padding
            found = dataset.pixel_array.astype(int)
            dataset.PixelData = np.where(padding, found, 4095 - found).astype("<u2").tobytes()

    pixels = padded_film(tmp_path / "in", "1", change, border=20, value=value)
    _, store = preprocess(tmp_path / "in")
    found, expected = store.image(0) / 65535, scaled(pixels, padding)
    assert store.films["polarity"].tolist() == ["stated"]
    assert found[padding].max() == 0
    assert found[~padding].min() > 0
    np.testing.assert_allclose(found, expected, atol=1.5 / 2**12)
    levels = np.arange(201) / 2
    np.testing.assert_allclose(store.quantiles(0), np.percentile(expected[~padding], levels), atol=1e-6)


def test_padding_that_is_signed_and_rescaled(tmp_path: Path) -> None:
    def change(dataset: Dataset) -> None:
        values = dataset.pixel_array.astype(int) - 2000
        dataset.PixelRepresentation = 1
        dataset.RescaleSlope, dataset.RescaleIntercept = "2", "100"
        dataset.add_new("PixelPaddingValue", "SS", -2000)  # as stored, before rescaling
        dataset.PixelData = values.astype("<i2").tobytes()

    pixels = padded_film(tmp_path / "in", "1", change, border=30, value=0)
    padding = pixels == 0
    found = preprocess(tmp_path / "in")[1].image(0) / 65535
    np.testing.assert_allclose(found, scaled(pixels, padding), atol=1.5 / 2**12)


def test_without_the_statement_a_border_is_part_of_the_film(tmp_path: Path) -> None:
    pixels = padded_film(tmp_path / "in", "1", setting(), border=20, value=4095)
    found = preprocess(tmp_path / "in")[1].image(0) / 65535
    np.testing.assert_allclose(found, scaled(pixels, np.zeros_like(pixels, dtype=bool)), atol=1.5 / 2**12)


def test_an_empty_padding_value_pads_nothing(tmp_path: Path) -> None:
    def empty(dataset: Dataset) -> None:
        dataset.add_new("PixelPaddingValue", "US", None)

    pixels = padded_film(tmp_path / "in", "1", empty)
    found = preprocess(tmp_path / "in")[1].image(0) / 65535
    np.testing.assert_allclose(found, scaled(pixels, np.zeros_like(pixels, dtype=bool)), atol=1.5 / 2**12)


def test_a_film_of_padding_alone_has_one_grey_value(tmp_path: Path) -> None:
    padded_film(tmp_path / "in", "1", padded(7), border=64, value=7)
    assert dict(preprocess(tmp_path / "in")[0].film_reasons) == {"constant": 1}


def test_padding_beside_a_coarser_grid_leaves_no_bright_rim(tmp_path: Path) -> None:
    """Resampling mixes neighbours: a white border must not shine into the film along it, nor a black one darken it."""
    for subject, value in (("1", 4095), ("2", 0)):

        def frame(dataset: FileDataset, value: int = value) -> None:
            pixels = np.maximum(dataset.pixel_array, 1)
            pixels[:31], pixels[-31:], pixels[:, :31], pixels[:, -31:] = (value,) * 4
            dataset.PixelData = pixels.tobytes()
            padded(value)(dataset)

        change_film(write_film(tmp_path / "in", subject), frame)
    store = preprocess(tmp_path / "in")[1]
    white, black = (store.image(store.rows_by_key[f"CHECK/{subject}/T00/right"]) / 65535 for subject in "12")
    np.testing.assert_allclose(white, black, atol=1.5 / 2**12)
    assert white[:20].max() == white[:, -20:].max() == 0


def test_padding_is_left_out_of_regions_too(tmp_path: Path) -> None:
    """The region of a hip that lies at the padding: the same as if the padding were dark."""
    settings = replace(film_settings(), rows=64, columns=64, spacing_mm=2.0, region="joint")
    for subject, value in (("1", 4095), ("2", 0)):
        padded_film(tmp_path / "in", subject, padded(value), border=30, value=value)
    store = preprocess(tmp_path / "in", settings)[1]
    white, black = (store.image(store.rows_by_key[f"CHECK/{subject}/T00/right"]) for subject in "12")
    np.testing.assert_allclose(white / 65535, black / 65535, atol=1.5 / 2**12)


# Magnification ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({}, np.nan),
        ({"EstimatedRadiographicMagnificationFactor": "1.15"}, 1.15),
        ({"DistanceSourceToDetector": "1150", "DistanceSourceToPatient": "1000"}, 1.15),
        (
            {"EstimatedRadiographicMagnificationFactor": "1.2", "DistanceSourceToDetector": "1150",
             "DistanceSourceToPatient": "1000"},
            1.2,
        ),
        (
            {"EstimatedRadiographicMagnificationFactor": "", "DistanceSourceToDetector": "1100",
             "DistanceSourceToPatient": "1000"},
            1.1,
        ),
        ({"DistanceSourceToDetector": "1150"}, np.nan),
        ({"DistanceSourceToPatient": "1150"}, np.nan),
        ({"DistanceSourceToDetector": "1150", "DistanceSourceToPatient": "0"}, np.nan),
        ({"DistanceSourceToDetector": "0", "DistanceSourceToPatient": "1000"}, np.nan),
        ({"EstimatedRadiographicMagnificationFactor": "0"}, np.nan),
    ],
)  # fmt: skip
def test_the_magnification_is_kept(tmp_path: Path, stated: dict[str, str], expected: float) -> None:
    change_film(write_film(tmp_path / "in", "1"), setting(**stated))
    account, store = preprocess(tmp_path / "in")
    assert account.usable_hips == 2
    np.testing.assert_allclose(store.films["magnification"], [expected])
    # It is kept, and nothing is divided by it: widths stay as they lie on the film.
    assert store.films["source_spacing_mm"].tolist() == [2.2]


# Spacing ----------------------------------------------------------------------------------------------------------


def scanned(folder: Path, subject: str) -> Path:
    path = write_film(folder, subject, seed=3)
    change_film(path, setting(PixelSpacing=None, ImagerPixelSpacing=None, NominalScannedPixelSpacing=["2.2", "2.2"]))
    return path


def test_the_source_of_the_spacing_is_whole_in_the_table(tmp_path: Path) -> None:
    write_film(tmp_path / "in", "1")
    change_film(write_film(tmp_path / "in", "2", seed=2), setting(PixelSpacing=None))
    scanned(tmp_path / "in", "3")
    films = preprocess(tmp_path / "in")[1].films
    assert films["source_spacing_tag"].tolist() == ["PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"]
    assert films["source_spacing_mm"].tolist() == [2.2, 2.2, 2.2]


@pytest.mark.parametrize(("tag", "imager_mm"), [("PixelSpacing", np.nan), ("NominalScannedPixelSpacing", np.nan)])
def test_a_calibration_factor_stretches_the_film(tmp_path: Path, tag: str, imager_mm: float) -> None:
    """The points file's millimetres are the calibrated ones: the film is larger, and landmarks lie where they say."""
    path = write_film(tmp_path / "in", "1")
    change_film(path, setting(PixelSpacing=None, ImagerPixelSpacing=None))
    change_film(path, setting(**{tag: ["2.2", "2.2"]}))
    points = tmp_path / "in" / CHECK.points.format(subject="1", visit="T00")
    write_points(points, read_points(points) + 0.02 * FILM_MM)
    _, store = preprocess(tmp_path / "in", cohort=replace(CHECK, calibration=1.04))
    film = store.films.iloc[0]
    assert film["source_spacing_mm"] == pytest.approx(2.288)
    assert film["source_spacing_tag"] == f"{tag} x 1.04"
    np.testing.assert_allclose(film["imager_spacing_mm"], imager_mm)
    # Both grids have the film's middle; the film is 457.6 mm wide now.
    assert film["origin_x_mm"] == pytest.approx(228.8 - 63.5 * 3.6)
    on_film = store.grid(0).to_mm(np.concatenate([store.landmarks(0), store.landmarks(1)]))
    np.testing.assert_allclose(on_film, read_points(points), atol=1e-6)


def test_a_calibration_decides_what_fits(tmp_path: Path) -> None:
    write_film(tmp_path / "in", "1")
    account, _ = preprocess(tmp_path / "in", cohort=replace(CHECK, calibration=1.2))
    assert dict(account.film_reasons) == {"too_large": 1}


def test_another_calibration_makes_films_anew(tmp_path: Path) -> None:
    """Or refuses to go on with the store; it must not leave films of the old one, unsaid."""
    write_film(tmp_path / "in", "1")
    preprocess(tmp_path / "in")
    try:
        store = preprocess(tmp_path / "in", cohort=replace(CHECK, calibration=1.02))[1]
    except Exception as refused:  # of any kind, as long as it says what is the matter
        assert "calibration" in str(refused) or "spacing" in str(refused)
    else:
        assert store.films["source_spacing_mm"].tolist() == [pytest.approx(2.2 * 1.02)]


# One points file a hip --------------------------------------------------------------------------------------------


def write_half(path: Path, points: Points) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = "\n".join(f"{x:.3f} {y:.3f}" for x, y in points)
    path.write_text(f"version: 1\nn_points: {len(points)}\n{{\n{lines}\n}}\n")


@pytest.mark.parametrize(("pattern", "sides"), [("{side}", ("right", "left")), ("{side}", ("R", "L"))])
def test_each_hip_may_have_a_points_file_of_its_own(tmp_path: Path, pattern: str, sides: tuple[str, str]) -> None:
    one = tmp_path / "one"
    write_film(one, "1")
    shutil.copytree(one, tmp_path / "two")
    whole = tmp_path / "two" / CHECK.points.format(subject="1", visit="T00")
    points = read_points(whole)
    whole.unlink()
    cohort = replace(CHECK, points=f"CHECK-pointfiles/{{visit}}/{{subject}}_{pattern}.pts")
    for side, half in zip(sides, (points[:80], points[80:]), strict=True):
        write_half(tmp_path / "two" / f"CHECK-pointfiles/T00/1_{side}.pts", half)
    (_, expected), (account, found) = preprocess(one), preprocess(tmp_path / "two", cohort=cohort)
    assert (account.found, account.usable_hips) == (1, 2)
    for row in (0, 1):
        assert np.array_equal(found.label(row), expected.label(row))
        assert np.array_equal(found.landmarks(row), expected.landmarks(row))
        assert np.array_equal(found.image(row), expected.image(row))


def test_a_hip_without_its_points_file_is_left_out_alone(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    write_film(folder, "1")
    whole = folder / CHECK.points.format(subject="1", visit="T00")
    points = read_points(whole)
    whole.unlink()
    cohort = replace(CHECK, points="CHECK-pointfiles/{visit}/{subject}_{side}.pts")
    write_half(folder / "CHECK-pointfiles/T00/1_left.pts", points[80:])
    account, store = preprocess(folder, cohort=cohort)
    assert (account.stored, account.usable_hips) == (1, 1)
    assert dict(zip(store.samples["side"], store.samples["usable"], strict=True)) == {"right": False, "left": True}
    # And it comes when its file does.
    write_half(folder / "CHECK-pointfiles/T00/1_right.pts", points[:80])
    account, store = preprocess(folder, cohort=cohort)
    assert (account.new, account.usable_hips) == (1, 2)
    write_half(folder / "CHECK-pointfiles/T00/1_right.pts", points[:80] + 2.0)
    account, changed = preprocess(folder, cohort=cohort)
    assert account.new == 1
    np.testing.assert_allclose(changed.landmarks(0), changed.grid(0).to_pixels(points[:80] + 2.0), atol=1e-3)


def test_without_either_points_file_a_film_is_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    write_film(folder, "1")
    (folder / CHECK.points.format(subject="1", visit="T00")).unlink()
    cohort = replace(CHECK, points="CHECK-pointfiles/{visit}/{subject}_{side}.pts")
    assert dict(preprocess(folder, cohort=cohort)[0].film_reasons) == {"points_missing": 1}


@pytest.mark.parametrize("count", [79, 160])
def test_a_hips_points_file_of_another_length_says_what_it_needs(tmp_path: Path, count: int) -> None:
    folder = tmp_path / "in"
    write_film(folder, "1")
    whole = folder / CHECK.points.format(subject="1", visit="T00")
    points = read_points(whole)
    whole.unlink()
    cohort = replace(CHECK, points="CHECK-pointfiles/{visit}/{subject}_{side}.pts")
    for side in ("right", "left"):
        write_half(folder / f"CHECK-pointfiles/T00/1_{side}.pts", points[:count])
    account, _ = preprocess(folder, cohort=cohort)
    assert dict(account.film_reasons) == {"points_malformed": 1}
    said = (tmp_path / "in.h5.exclusions.csv").read_text()
    assert str(count) in said and "80" in said
