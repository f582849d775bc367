from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pydicom
import pytest
from phantom_presets import read_truth
from pydicom.dataset import FileDataset

VALIDATOR = shutil.which("dciodvfy")
KINDS = {"CR": "CRImage", "DX": "DXImageForPresentation"}


@pytest.fixture(scope="module")
def headers(cohort: Path) -> dict[Path, FileDataset]:
    """The headers of all sound films."""
    files = [cohort / name for name in read_truth(cohort)["file"].unique()]
    return {file: pydicom.dcmread(file, stop_before_pixels=True) for file in files}


@pytest.mark.skipif(VALIDATOR is None, reason="dciodvfy (dicom3tools) is not installed")
def test_a_validator_finds_no_error_in_any_sound_film(headers: dict[Path, FileDataset]) -> None:
    for file, header in headers.items():
        done = subprocess.run([str(VALIDATOR), str(file)], capture_output=True, text=True, timeout=60)
        lines = (done.stdout + done.stderr).splitlines()
        assert KINDS[header.Modality] in lines
        assert [line for line in lines if "Error" in line] == []


def test_headers_vary_as_real_ones_do(headers: dict[Path, FileDataset]) -> None:
    films = list(headers.values())
    assert {film.Modality for film in films} == {"CR", "DX"}
    assert {film.PhotometricInterpretation for film in films} == {"MONOCHROME1", "MONOCHROME2"}
    assert {"PixelSpacing" in film for film in films} == {True, False}
    syntaxes = {film.file_meta.TransferSyntaxUID.name for film in films}
    assert any(name.startswith("Explicit VR") for name in syntaxes)
    assert {name.split()[0] for name in syntaxes} >= {"Explicit", "RLE", "JPEG"}
    spacings = {float((film.get("PixelSpacing") or film.ImagerPixelSpacing)[0]) for film in films}
    assert 0.16896 in spacings
    assert len(spacings) >= 4
    assert all(0.1 <= spacing <= 0.2 for spacing in spacings)


def test_headers_belong_to_their_files(headers: dict[Path, FileDataset]) -> None:
    for file, header in headers.items():
        assert str(header.PatientID) in file.name
        assert (header.BitsStored, header.BitsAllocated, header.SamplesPerPixel) == (12, 16, 1)
        if header.Modality == "DX":
            assert file.name.endswith(f"-{header.StudyDate}.dcm")
            assert (header.Columns, header.Rows) in {(2316, 1860), (2317, 1859)}
    uids = {str(header.SOPInstanceUID) for header in headers.values()}
    assert len(uids) == len(headers)
