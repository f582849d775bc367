from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray

from hipseg.errors import Excluded
from hipseg.io.dicom import read_film
from hipseg.io.dicom_writer import Header, write_radiograph

RADIOGRAPHS = ("CR", "DX")
HEADER = Header(
    subject="9000099", date="20090728", modality="CR", spacing_mm=(0.16896, 0.16896), spacing_tag="PixelSpacing",
    photometric="MONOCHROME2", bits=12, syntax="plain", uid_seed="a",
)  # fmt: skip
SYNTAX_UIDS = {
    "plain": "1.2.840.10008.1.2.1",
    "rle": "1.2.840.10008.1.2.5",
    "jpeg_lossless": "1.2.840.10008.1.2.4.70",
    "jpeg2000": "1.2.840.10008.1.2.4.90",
}
KINDS = list(product(("CR", "DX"), ("MONOCHROME1", "MONOCHROME2"), SYNTAX_UIDS))


def values(bits: int, shape: tuple[int, int] = (37, 50)) -> NDArray[np.uint16]:
    """Noise with both ends of the stored range; rows and columns odd and even."""
    pixels = np.random.default_rng(bits).integers(0, 2**bits, shape).astype(np.uint16)
    pixels[0, :2] = 0, 2**bits - 1
    return pixels


@pytest.mark.parametrize("bits", [10, 12, 15, 16])
@pytest.mark.parametrize(("modality", "photometric", "syntax"), KINDS)
def test_what_is_written_is_read(tmp_path: Path, modality: str, photometric: str, syntax: str, bits: int) -> None:
    path, pixels = tmp_path / "film.dcm", values(bits)
    header = replace(HEADER, modality=modality, photometric=photometric, syntax=syntax, bits=bits)
    write_radiograph(path, header, pixels)
    stored = pydicom.dcmread(path)
    assert stored.file_meta.TransferSyntaxUID == SYNTAX_UIDS[syntax]
    assert (stored.Modality, stored.PhotometricInterpretation, stored.BitsStored) == (modality, photometric, bits)
    assert np.array_equal(stored.pixel_array, pixels)
    film = read_film(path, RADIOGRAPHS)
    bright = pixels if photometric == "MONOCHROME2" else 2**bits - 1 - pixels.astype(int)
    assert film.pixels.dtype == np.float32 and np.array_equal(film.pixels, bright)
    assert film.spacing.mm == pytest.approx(0.16896)


@pytest.mark.parametrize("modality", ["CR", "DX"])
def test_spacing_is_stated_where_the_header_says(tmp_path: Path, modality: str) -> None:
    path = tmp_path / "film.dcm"
    for tag, stated in (
        ("PixelSpacing", {"PixelSpacing", "ImagerPixelSpacing"}),
        ("ImagerPixelSpacing", {"ImagerPixelSpacing"}),
    ):
        write_radiograph(path, replace(HEADER, modality=modality, spacing_tag=tag), values(12))
        dataset = pydicom.dcmread(path)
        assert {name for name in ("PixelSpacing", "ImagerPixelSpacing") if name in dataset} == stated
        assert list(dataset.ImagerPixelSpacing) == [0.16896, 0.16896]
        spacing = read_film(path, RADIOGRAPHS).spacing
        assert (spacing.tag, spacing.mm) == (tag, pytest.approx(0.16896))
        assert np.isnan(spacing.imager_mm)


@pytest.mark.parametrize(
    ("spacing_mm", "reason"),
    [(None, "spacing_missing"), ((0.2, 0.15), "spacing_anisotropic"), ((0, 0), "spacing_invalid")],
)
def test_films_without_a_usable_spacing_can_be_written(
    tmp_path: Path, spacing_mm: tuple[float, float] | None, reason: str
) -> None:
    write_radiograph(tmp_path / "film.dcm", replace(HEADER, spacing_mm=spacing_mm), values(12))
    with pytest.raises(Excluded) as caught:
        read_film(tmp_path / "film.dcm", RADIOGRAPHS)
    assert caught.value.reason == reason


def test_row_spacing_comes_first(tmp_path: Path) -> None:
    write_radiograph(tmp_path / "film.dcm", replace(HEADER, spacing_mm=(0.2, 0.15)), values(12))
    assert list(pydicom.dcmread(tmp_path / "film.dcm").PixelSpacing) == [0.2, 0.15]


@pytest.mark.parametrize("syntax", SYNTAX_UIDS)
def test_same_header_same_bytes(tmp_path: Path, syntax: str) -> None:
    first, again, other = (tmp_path / name for name in ("first.dcm", "again.dcm", "other.dcm"))
    header = replace(HEADER, syntax=syntax)
    write_radiograph(first, header, values(12))
    write_radiograph(again, header, values(12))
    write_radiograph(other, replace(header, uid_seed="b"), values(12))
    assert first.read_bytes() == again.read_bytes()
    uids = [pydicom.dcmread(path).SOPInstanceUID for path in (first, other)]
    assert uids[0] != uids[1]


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy, of dicom3tools, is not installed")
@pytest.mark.parametrize(("modality", "photometric", "syntax"), KINDS)
@pytest.mark.parametrize("tag", ["PixelSpacing", "ImagerPixelSpacing"])
def test_a_validator_finds_no_error(tmp_path: Path, modality: str, photometric: str, syntax: str, tag: str) -> None:
    path = tmp_path / "film.dcm"
    header = replace(HEADER, modality=modality, photometric=photometric, syntax=syntax, spacing_tag=tag)
    write_radiograph(path, header, values(12))
    done = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
    report = (done.stdout + done.stderr).splitlines()
    assert {"CR": "CRImage", "DX": "DXImageForPresentation"}[modality] in report  # it knew what to check
    assert [line for line in report if "Error" in line] == []
