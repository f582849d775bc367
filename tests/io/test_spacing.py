from __future__ import annotations

import math

import pytest
from pydicom.dataset import Dataset

from hipseg.errors import Excluded
from hipseg.io.spacing import read_spacing


def header(pixel: object = None, imager: object = None) -> Dataset:
    dataset = Dataset()
    if pixel is not None:
        dataset.PixelSpacing = pixel
    if imager is not None:
        dataset.ImagerPixelSpacing = imager
    return dataset


@pytest.mark.parametrize(
    ("pixel", "imager", "mm", "tag", "imager_mm"),
    [
        (["0.16896", "0.16896"], None, 0.16896, "PixelSpacing", math.nan),
        (None, ["0.2", "0.2"], 0.2, "ImagerPixelSpacing", math.nan),
        (["0.15", "0.15"], ["0.15", "0.15"], 0.15, "PixelSpacing", math.nan),
        (["0.143", "0.143"], ["0.2", "0.2"], 0.143, "PixelSpacing", 0.2),
        (["0.2", "0.2"], ["0.2001", "0.2001"], 0.2, "PixelSpacing", math.nan),
        (["0.2", "0.2"], ["0.2003", "0.2003"], 0.2, "PixelSpacing", 0.2003),
        ("", ["0.2", "0.2"], 0.2, "ImagerPixelSpacing", math.nan),
        (["0.15", "0.15"], "", 0.15, "PixelSpacing", math.nan),
        (["0.15", "0.15"], ["0", "0"], 0.15, "PixelSpacing", math.nan),
        (["1.5e-1", "0.15"], None, 0.15, "PixelSpacing", math.nan),
    ],
)
def test_pixel_spacing_else_imager_pixel_spacing(
    pixel: object, imager: object, mm: float, tag: str, imager_mm: float
) -> None:
    spacing = read_spacing(header(pixel, imager))
    assert (spacing.mm, spacing.tag) == (pytest.approx(mm), tag)
    assert spacing.imager_mm == pytest.approx(imager_mm, nan_ok=True)


@pytest.mark.parametrize(
    ("row", "column", "isotropic"),
    [("0.2", "0.2001", True), ("0.2001", "0.2", True), ("0.2", "0.20019", True), ("0.2", "0.2003", False),
     ("0.2003", "0.2", False), ("0.2", "0.1", False)],
)  # fmt: skip
def test_rows_and_columns_may_differ_by_a_thousandth(row: str, column: str, isotropic: bool) -> None:
    if isotropic:
        assert read_spacing(header([row, column])).mm == pytest.approx((float(row) + float(column)) / 2)
    else:
        with pytest.raises(Excluded) as caught:
            read_spacing(header([row, column]))
        assert caught.value.reason == "spacing_anisotropic"


@pytest.mark.parametrize(
    ("pixel", "imager", "reason"),
    [
        (None, None, "spacing_missing"),
        ("", "", "spacing_missing"),
        (["0", "0"], None, "spacing_invalid"),
        (["-0.2", "-0.2"], None, "spacing_invalid"),
        (["0.2", "0"], None, "spacing_invalid"),
        (["0.2"], None, "spacing_invalid"),
        (["0.2", "0.2", "0.2"], None, "spacing_invalid"),
        (["nan", "nan"], None, "spacing_invalid"),
        (["inf", "inf"], None, "spacing_invalid"),
        (None, ["0", "0"], "spacing_invalid"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_anything_else_is_excluded_with_its_reason(pixel: object, imager: object, reason: str) -> None:
    with pytest.raises(Excluded) as caught:
        read_spacing(header(pixel, imager))
    assert caught.value.reason == reason
