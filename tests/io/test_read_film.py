from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import JPEG2000MC

from hipseg.errors import Excluded
from hipseg.io.dicom import file_sha256, read_film
from hipseg.io.dicom_writer import Header, write_radiograph

RADIOGRAPHS = ("CR", "DX", "DR", "RG")
PIXELS = np.arange(40 * 50, dtype=np.uint16).reshape(40, 50) * 2
Change = Callable[[FileDataset], None]


def header(photometric: str = "MONOCHROME2", syntax: str = "plain") -> Header:
    stated = Header("S1", "20200101", "CR", (0.15, 0.15), "PixelSpacing", "MONOCHROME2", 12, "plain", "x")
    return replace(stated, photometric=photometric, syntax=syntax)


def film_file(folder: Path, change: Change | None = None, photometric: str = "MONOCHROME2") -> Path:
    """A sound CR film of 12 bits, changed."""
    path = folder / "film.dcm"
    write_radiograph(path, header(photometric), PIXELS)
    if change is not None:
        dataset = pydicom.dcmread(path)
        change(dataset)
        dataset.save_as(path)
    return path


def setting(**values: object) -> Change:
    def change(dataset: FileDataset) -> None:
        for name, value in values.items():
            setattr(dataset, name, value)

    return change


def without(*names: str) -> Change:
    def change(dataset: FileDataset) -> None:
        for name in names:
            delattr(dataset, name)

    return change


def stating(keyword: str, text: bytes) -> Change:
    """A value as it stands in the file, valid or not."""

    def change(dataset: FileDataset) -> None:
        tag = Tag(tag_for_keyword(keyword) or 0)
        dataset[tag] = RawDataElement(tag, dictionary_VR(tag), len(text), text, 0, False, True, True)

    return change


def reason_of(path: Path) -> str:
    with pytest.raises(Excluded) as caught:
        read_film(path, RADIOGRAPHS)
    assert caught.value.detail
    return caught.value.reason


def test_a_sound_film_with_its_grid_and_hash(tmp_path: Path) -> None:
    path = film_file(tmp_path)
    film = read_film(path, RADIOGRAPHS)
    assert np.array_equal(film.pixels, PIXELS)
    assert film.grid.size_mm == pytest.approx((7.5, 6.0))
    assert film.grid.origin_mm == pytest.approx((0.075, 0.075))
    assert film.sha256 == file_sha256(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def rescale(slope: str, intercept: str) -> Change:
    return setting(RescaleSlope=slope, RescaleIntercept=intercept, RescaleType="US")


def signed(bits: int) -> Change:
    """The same counts about 0."""

    def change(dataset: FileDataset) -> None:
        values = PIXELS.astype(np.int16) - 1500
        dataset.PixelRepresentation, dataset.BitsStored, dataset.HighBit = 1, bits, bits - 1
        dataset.PixelData = values.tobytes()

    return change


def lookup(dataset: FileDataset) -> None:
    """A modality LUT of 4096 entries from 60000 down to 60000 - 4095 x 5."""
    item = Dataset()
    item.LUTDescriptor, item.ModalityLUTType = [4096, 0, 16], "US"
    item.add_new("LUTData", "OW", (60000 - 5 * np.arange(4096)).astype("<u2").tobytes())
    dataset.ModalityLUTSequence = Sequence([item])


def both(*changes: Change) -> Change:
    def change(dataset: FileDataset) -> None:
        for each in changes:
            each(dataset)

    return change


@pytest.mark.parametrize(
    ("change", "bright", "inverted"),
    [
        (None, lambda v: v, lambda v: 4095 - v),
        (rescale("2", "-1000"), lambda v: 2 * v - 1000, lambda v: 2 * 4095 - 1000 - 1000 - (2 * v - 1000)),
        (rescale("0.25", "3"), lambda v: v / 4 + 3, lambda v: 4095 / 4 + 3 + 3 - (v / 4 + 3)),
        # A negative slope inverts by itself: the range's ends change places, and their sum does not.
        (rescale("-1", "4095"), lambda v: 4095 - v, lambda v: v),
        (signed(13), lambda v: v - 1500, lambda v: -1 - (v - 1500)),
        (signed(16), lambda v: v - 1500, lambda v: -1 - (v - 1500)),
        (
            both(signed(13), rescale("2", "100")),
            lambda v: 2 * (v - 1500) + 100,
            lambda v: (2 * -4096 + 100) + (2 * 4095 + 100) - (2 * (v - 1500) + 100),
        ),
        (lookup, lambda v: 60000 - 5 * v, lambda v: 60000 + 60000 - 5 * 4095 - (60000 - 5 * v)),
    ],
    ids=["plain", "slope", "fraction", "negative slope", "signed 13", "signed 16", "signed slope", "lookup table"],
)
def test_modality_lut_then_inversion_by_the_stored_range(
    tmp_path: Path,
    change: Change | None,
    bright: Callable[[NDArray[np.int64]], NDArray[np.float64]],
    inverted: Callable[[NDArray[np.int64]], NDArray[np.float64]],
) -> None:
    values = PIXELS.astype(np.int64)
    for photometric, expected in (("MONOCHROME2", bright), ("MONOCHROME1", inverted)):
        film = read_film(film_file(tmp_path, change, photometric), RADIOGRAPHS)
        np.testing.assert_allclose(film.pixels, expected(values), rtol=1e-6)


def voi_lookup(dataset: FileDataset) -> None:
    item = Dataset()
    item.LUTDescriptor = [4096, 0, 8]
    item.add_new("LUTData", "OW", (255 - np.arange(4096) // 16).astype("<u2").tobytes())
    dataset.VOILUTSequence = Sequence([item])


@pytest.mark.parametrize(
    "change",
    [
        setting(WindowCenter="100", WindowWidth="10"),
        without("WindowCenter", "WindowWidth"),
        setting(VOILUTFunction="SIGMOID"),
        voi_lookup,
        setting(PresentationLUTShape="INVERSE"),
    ],
)
def test_windows_are_not_applied(tmp_path: Path, change: Change) -> None:
    assert np.array_equal(read_film(film_file(tmp_path, change), RADIOGRAPHS).pixels, PIXELS)


@pytest.mark.parametrize(
    "change",
    [
        setting(Modality="DX"),
        setting(Modality="DR"),
        setting(Modality="RG"),
        setting(Modality=""),
        without("Modality"),
        setting(NumberOfFrames=1),
        stating("NumberOfFrames", b""),
        without("HighBit"),
        without("SOPClassUID", "PatientID", "StudyDate"),
        stating("PixelSpacing", b""),
        stating("StudyDate", b"yesterday "),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_harmless_oddities_are_read(tmp_path: Path, change: Change) -> None:
    film = read_film(film_file(tmp_path, change), RADIOGRAPHS)
    assert np.array_equal(film.pixels, PIXELS)
    assert film.spacing.mm == pytest.approx(0.15)


def unsupported(dataset: FileDataset) -> None:
    dataset.file_meta.TransferSyntaxUID = JPEG2000MC
    dataset.PixelData = encapsulate([bytes(64)])
    dataset["PixelData"].is_undefined_length = True


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (without("PixelData", "Rows", "Columns"), "no_pixels"),
        (without("PixelData"), "truncated"),
        (setting(PixelData=PIXELS.tobytes()[:1000]), "truncated"),
        (setting(SamplesPerPixel=3, PhotometricInterpretation="RGB"), "colour"),
        (setting(SamplesPerPixel=3), "colour"),
        (setting(PhotometricInterpretation="PALETTE COLOR"), "colour"),
        (setting(NumberOfFrames=2), "multiframe"),
        (setting(Modality="CT"), "not_radiograph"),
        (setting(Modality="MG"), "not_radiograph"),
        (unsupported, "unsupported_syntax"),
        (without("PixelSpacing", "ImagerPixelSpacing"), "spacing_missing"),
        (stating("PixelSpacing", b"0,15\\0,15 "), "spacing_invalid"),
        (stating("PixelSpacing", b"unknown "), "spacing_invalid"),
        (stating("PixelSpacing", b"0.15\\0.17 "), "spacing_anisotropic"),
        # The first reason wins: DICOM, then pixel kind, then spacing.
        (both(setting(Modality="CT"), without("PixelSpacing", "ImagerPixelSpacing")), "not_radiograph"),
        (setting(SamplesPerPixel=3, NumberOfFrames=4, Modality="US", PhotometricInterpretation="RGB"), "colour"),
        (both(setting(NumberOfFrames=4, Modality="XA"), without("PixelSpacing")), "multiframe"),
        (both(setting(PixelData=b"\0\0"), without("PixelSpacing", "ImagerPixelSpacing")), "truncated"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_reason_of_exclusion(tmp_path: Path, change: Change, reason: str) -> None:
    assert reason_of(film_file(tmp_path, change)) == reason


@pytest.mark.parametrize(
    "content", [b"", b"no radiograph\n", b"\x89PNG\r\n" + bytes(200), bytes(132) + b"DICM" + bytes(9)]
)
def test_other_files_are_not_dicom(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "film.dcm").write_bytes(content)
    assert reason_of(tmp_path / "film.dcm") == "not_dicom"


@pytest.mark.parametrize("syntax", ["plain", "rle", "jpeg_lossless", "jpeg2000"])
@pytest.mark.filterwarnings("ignore")
def test_a_file_cut_anywhere_is_excluded(tmp_path: Path, syntax: str) -> None:
    path = tmp_path / "film.dcm"
    write_radiograph(
        path, header(syntax=syntax), np.random.default_rng(0).integers(0, 4096, (40, 50)).astype(np.uint16)
    )
    content = path.read_bytes()
    reasons = []
    for length in [*range(0, 1400, 23), *range(1400, len(content) - 40, 97)]:
        path.write_bytes(content[:length])
        reasons.append(reason_of(path))
    assert set(reasons) <= {"not_dicom", "no_pixels", "truncated", "colour"}
    assert reasons[0] == "not_dicom"


@pytest.mark.parametrize("syntax", ["plain", "rle", "jpeg_lossless", "jpeg2000"])
def test_a_film_cut_within_its_pixels_is_truncated(tmp_path: Path, syntax: str) -> None:
    path = tmp_path / "film.dcm"
    write_radiograph(
        path, header(syntax=syntax), np.random.default_rng(0).integers(0, 4096, (40, 50)).astype(np.uint16)
    )
    content = path.read_bytes()
    for part in (0.6, 0.8, 0.95):
        path.write_bytes(content[: int(part * len(content))])
        assert reason_of(path) == "truncated"


@pytest.mark.parametrize(
    "change",
    [
        stating("NumberOfFrames", b"1A"),
        stating("BitsStored", b""),
        stating("Rows", b""),
        both(stating("RescaleSlope", b"one "), stating("RescaleIntercept", b"0 ")),
        setting(ModalityLUTSequence=Sequence([Dataset()])),
    ],
    ids=["frames 1A", "no bits", "no rows", "slope in words", "empty lookup table"],
)
@pytest.mark.filterwarnings("ignore")
def test_a_damaged_header_value_is_a_reason_and_no_crash(tmp_path: Path, change: Change) -> None:
    assert reason_of(film_file(tmp_path, change)) == "truncated"


@pytest.mark.filterwarnings("ignore")
def test_a_damaged_header_byte_is_a_reason_and_no_crash(tmp_path: Path) -> None:
    """Whichever byte of the header is damaged, the film is read or excluded; no other error stops the run."""
    path = film_file(tmp_path, rescale("1", "0"))
    content = path.read_bytes()
    crashes = []
    for place in range(132, len(content) - PIXELS.nbytes):
        damaged = bytearray(content)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        try:
            read_film(path, RADIOGRAPHS)
        except Excluded:
            pass
        except Exception as error:  # collected, to show them all
            crashes.append(f"byte {place}: {type(error).__name__}: {error}")
    assert crashes == []


@pytest.mark.parametrize(
    ("syntax", "start", "place", "value"),
    [
        ("jpeg_lossless", b"\xff\xc3", 4, 239),  # start of frame: bits per sample
        ("jpeg_lossless", b"\xff\xc3", 13, 19),  # the marker of the segment after it
        ("jpeg2000", b"\xff\x4f\xff\x51", 42, 125),  # size: bits per sample
    ],
    ids=["jpeg precision", "jpeg marker", "jpeg 2000 precision"],
)
def test_a_damaged_jpeg_header_does_not_kill_the_process(
    tmp_path: Path, syntax: str, start: bytes, place: int, value: int
) -> None:
    """The decoders trust the picture's own header and end the process, not with an exception."""
    path = tmp_path / "film.dcm"
    write_radiograph(path, header(syntax=syntax), PIXELS)
    content = bytearray(path.read_bytes())
    content[content.index(start) + place] = value
    path.write_bytes(content)
    code = (
        "import sys; from pathlib import Path\n"
        "from hipseg.errors import Excluded; from hipseg.io.dicom import read_film\n"
        "try: read_film(Path(sys.argv[1]), ('CR',))\n"
        "except Excluded as excluded: print(excluded.reason)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "truncated"), done.stderr[-300:]
