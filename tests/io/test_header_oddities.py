"""Headers that archives hold and that were once misread: what is expected here follows from how it was stored."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import gdcm
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence
from pydicom.uid import DeflatedExplicitVRLittleEndian, RLELossless

from hipseg.errors import Excluded
from hipseg.io.dicom import Film, read_film
from hipseg.io.dicom_writer import Header, Syntax, write_radiograph
from hipseg.io.limits import UNLIMITED

RADIOGRAPHS = ("CR", "DX", "DR", "RG")
PIXELS = np.arange(40 * 50, dtype=np.uint16).reshape(40, 50) * 2
JUNK = np.random.default_rng(0).integers(0, 2**16, PIXELS.shape).astype(np.uint16)
Change = Callable[[FileDataset], None]
SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")


def film_file(
    folder: Path,
    change: Change | None = None,
    photometric: str = "MONOCHROME2",
    syntax: Syntax = "plain",
    bits: int = 12,
    scale: int = 1,
) -> Path:
    """A sound CR film of 12 bits, changed."""
    path = folder / "film.dcm"
    header = Header("S1", "20200101", "CR", (0.15, 0.15), "PixelSpacing", "MONOCHROME2", bits, syntax, "x")
    write_radiograph(path, header, PIXELS * np.uint16(scale))
    dataset = pydicom.dcmread(path)
    dataset.PhotometricInterpretation = photometric
    if change is not None:
        change(dataset)
    dataset.save_as(path)
    return path


def read(path: Path) -> Film:
    return read_film(path, RADIOGRAPHS)


def excluded(path: Path) -> Excluded:
    with pytest.raises(Excluded) as caught:
        read(path)
    return caught.value


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


def words(values: NDArray[np.integer], bits: int = 12, high: int = 11, signed: bool = False) -> Change:
    """Pixel words as they stand in the file, and what the header says of them."""

    def change(dataset: FileDataset) -> None:
        dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = bits, high, int(signed)
        dataset.PixelData = (values.astype(np.int64) & 0xFFFF).astype("<u2").tobytes()

    return change


# Where the sample lies in its word --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        words(PIXELS << 4, 12, 15),
        words((PIXELS << 4) | (JUNK & 0xF), 12, 15),
        words((PIXELS << 2) | (JUNK & 0xC003), 12, 13),
        words((PIXELS << 1) | (JUNK & 0xE001), 12, 12),
    ],
    ids=["upper bits", "upper bits over an overlay", "amid overlays", "one bit up"],
)
@pytest.mark.parametrize("photometric", ["MONOCHROME2", "MONOCHROME1"])
def test_a_sample_is_taken_from_below_its_high_bit(tmp_path: Path, change: Change, photometric: str) -> None:
    expected = PIXELS if photometric == "MONOCHROME2" else 4095 - PIXELS.astype(int)
    assert np.array_equal(read(film_file(tmp_path, change, photometric)).pixels, expected)


def test_a_signed_sample_keeps_its_sign_wherever_it_lies(tmp_path: Path) -> None:
    values = PIXELS.astype(int) - 2000
    film = read(film_file(tmp_path, words((values << 4) | (JUNK & 0xF), 12, 15, signed=True)))
    assert np.array_equal(film.pixels, values)


def test_a_sample_in_the_upper_bits_of_a_run_length_coded_film(tmp_path: Path) -> None:
    def change(dataset: FileDataset) -> None:
        words(PIXELS << 4, 12, 15)(dataset)
        dataset.compress(RLELossless, generate_instance_uid=False)

    try:
        pixels = read(film_file(tmp_path, change)).pixels
    except Excluded as refused:
        assert "HighBit" in refused.detail
    else:
        assert np.array_equal(pixels, PIXELS)


@pytest.mark.parametrize("syntax", ["jpeg_lossless", "jpeg2000"])
def test_a_high_bit_that_a_jpeg_contradicts_shifts_nothing(tmp_path: Path, syntax: Syntax) -> None:
    """A JPEG's samples have their own precision, 12 bits here: there is nothing below them to shift away."""
    try:
        pixels = read(film_file(tmp_path, setting(HighBit=15), syntax=syntax)).pixels
    except Excluded as refused:
        assert refused.reason == "truncated" and "HighBit" in refused.detail
    else:
        assert np.array_equal(pixels, PIXELS)


def test_a_high_bit_below_its_sample_is_named(tmp_path: Path) -> None:
    found = excluded(film_file(tmp_path, words(PIXELS, 12, 7)))
    assert found.reason == "truncated" and "HighBit" in found.detail


# What does not fit what the header says of it ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        words(PIXELS * 4),  # 14 bits where 12 are stated
        words(PIXELS + 4096 * (PIXELS == 500)),  # in a single pixel
        words(PIXELS, bits=8, high=7),
        words(PIXELS.astype(int) - 1500),  # negative where none are stated
        words(PIXELS, signed=True),  # to 3998 where 12 bits with a sign reach 2047
        words(PIXELS.astype(int) - 3000, signed=True),
    ],
    ids=["14 bits", "one pixel", "8 stated", "negative", "unsigned as signed", "below the least"],
)
@pytest.mark.parametrize("photometric", ["MONOCHROME2", "MONOCHROME1"])
def test_pixels_beyond_what_is_stated_of_them_are_not_wrapped(tmp_path: Path, change: Change, photometric: str) -> None:
    found = excluded(film_file(tmp_path, change, photometric))
    assert found.reason == "truncated"
    assert "BitsStored" in found.detail


@pytest.mark.parametrize("syntax", ["rle", "jpeg_lossless", "jpeg2000"])
def test_compressed_pixels_beyond_what_is_stated_of_them_are_not_wrapped(tmp_path: Path, syntax: Syntax) -> None:
    found = excluded(film_file(tmp_path, setting(BitsStored=10, HighBit=9), syntax=syntax))
    assert found.reason == "truncated"
    assert "BitsStored" in found.detail


@pytest.mark.parametrize("syntax", ["jpeg_lossless", "jpeg2000"])
@pytest.mark.parametrize("photometric", ["MONOCHROME2", "MONOCHROME1"])
def test_a_picture_coded_with_more_bits_than_it_fills_is_read(tmp_path: Path, syntax: Syntax, photometric: str) -> None:
    """Encoders often state 16 bits in the picture's own header; what counts is whether the values fit the file's."""
    stated = setting(BitsStored=12, HighBit=11)
    film = read(film_file(tmp_path, stated, photometric, syntax, bits=16))
    assert np.array_equal(film.pixels, PIXELS if photometric == "MONOCHROME2" else 4095 - PIXELS.astype(int))
    found = excluded(film_file(tmp_path, stated, photometric, syntax, bits=16, scale=4))
    assert found.reason == "truncated" and "BitsStored" in found.detail


def test_values_at_both_ends_of_what_is_stated_fit(tmp_path: Path) -> None:
    values = PIXELS.copy()
    values[0, :2] = 0, 4095
    assert np.array_equal(read(film_file(tmp_path, words(values))).pixels, values)
    about_0 = values.astype(int) - 2048
    assert np.array_equal(read(film_file(tmp_path, words(about_0, signed=True))).pixels, about_0)


def test_an_overlay_in_unused_bits_is_no_part_of_the_pixels(tmp_path: Path) -> None:
    """As older archives kept them: group 6000 names the bit, above the 12 of the pixels."""

    def change(dataset: FileDataset) -> None:
        words(PIXELS | (JUNK & 0x1000))(dataset)
        dataset.add_new(0x60000100, "US", 16)
        dataset.add_new(0x60000102, "US", 12)

    try:
        pixels = read(film_file(tmp_path, change)).pixels
    except Excluded as refused:
        assert refused.reason == "truncated" and "BitsStored" in refused.detail
    else:
        assert np.array_equal(pixels, PIXELS)


def recode(path: Path, syntax: int) -> None:
    reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
    reader.SetFileName(str(path))
    assert reader.Read()
    change.SetTransferSyntax(gdcm.TransferSyntax(syntax))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer.SetFileName(str(path))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()


@pytest.mark.parametrize("photometric", ["MONOCHROME2", "MONOCHROME1"])
def test_a_jpeg_ls_is_shorter_than_its_pixels_and_whole(tmp_path: Path, photometric: str) -> None:
    path = film_file(tmp_path, photometric=photometric)
    recode(path, gdcm.TransferSyntax.JPEGLSLossless)
    assert np.array_equal(read(path).pixels, PIXELS if photometric == "MONOCHROME2" else 4095 - PIXELS.astype(int))


def test_a_deflated_film_is_read(tmp_path: Path) -> None:
    path = film_file(tmp_path)
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.save_as(path)
    assert np.array_equal(read(path).pixels, PIXELS)


def test_a_deflated_film_unfolds_to_no_more_than_its_pixels_may_take(tmp_path: Path) -> None:
    """17 MB of zeros in a file of some kB: a film of a hundredth of a megapixel at most has no use for them."""
    path = film_file(tmp_path)
    dataset = pydicom.dcmread(path)
    dataset.add_new(0x7FE10010, "OB", bytes(17_000_000))
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.save_as(path)
    assert path.stat().st_size < 200_000
    with pytest.raises(Excluded, match="unfolds") as caught:
        read_film(path, ("CR", "DX"), replace(UNLIMITED, megapixels=0.01, file_mb=512.0))
    assert caught.value.reason == "too_many_pixels"


# PhotometricInterpretation ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "inverted"),
    [
        ("monochrome2", False),
        ("Monochrome2", False),
        (" MONOCHROME2", False),
        ("MONOCHROME2  ", False),
        ("monochrome1", True),
        (" Monochrome1 ", True),
        ("MONOCHROME1\0", True),
    ],
)
def test_case_and_blanks_of_the_photometric_interpretation_do_not_matter(
    tmp_path: Path, text: str, inverted: bool
) -> None:
    film = read(film_file(tmp_path, setting(PhotometricInterpretation=text)))
    assert np.array_equal(film.pixels, 4095 - PIXELS.astype(int) if inverted else PIXELS)


@pytest.mark.parametrize(
    "change", [without("PhotometricInterpretation"), setting(PhotometricInterpretation="")], ids=["no", "empty"]
)
def test_without_a_photometric_interpretation_one_sample_is_grey(tmp_path: Path, change: Change) -> None:
    assert np.array_equal(read(film_file(tmp_path, change)).pixels, PIXELS)


def test_without_a_photometric_interpretation_three_samples_are_colour(tmp_path: Path) -> None:
    def change(dataset: FileDataset) -> None:
        del dataset.PhotometricInterpretation
        dataset.SamplesPerPixel, dataset.PlanarConfiguration = 3, 0
        dataset.PixelData = dataset.PixelData * 3

    assert excluded(film_file(tmp_path, change)).reason == "colour"


# A dataset without the preamble and header of a file --------------------------------------------------------------


def bare(folder: Path, implicit: bool, change: Change | None = None) -> Path:
    path = film_file(folder, change)
    film = pydicom.dcmread(path)
    dataset = Dataset({tag: element for tag, element in film.items() if tag.group != 2})
    pydicom.dcmwrite(path, dataset, implicit_vr=implicit, little_endian=True, enforce_file_format=False)
    assert path.read_bytes()[128:132] != b"DICM"
    return path


@pytest.mark.parametrize("implicit", [True, False])
@pytest.mark.parametrize("photometric", ["MONOCHROME2", "MONOCHROME1"])
def test_a_bare_dataset_is_a_film(tmp_path: Path, implicit: bool, photometric: str) -> None:
    film = read(bare(tmp_path, implicit, setting(PhotometricInterpretation=photometric)))
    assert np.array_equal(film.pixels, PIXELS if photometric == "MONOCHROME2" else 4095 - PIXELS.astype(int))
    assert (film.spacing.mm, film.spacing.tag) == (pytest.approx(0.15), "PixelSpacing")


def test_a_bare_dataset_has_the_reasons_of_a_whole_file(tmp_path: Path) -> None:
    assert excluded(bare(tmp_path, True, setting(Modality="CT"))).reason == "not_radiograph"
    assert excluded(bare(tmp_path, False, without("PixelSpacing", "ImagerPixelSpacing"))).reason == "spacing_missing"


@pytest.mark.parametrize("implicit", [True, False])
@pytest.mark.filterwarnings("ignore")
def test_a_bare_dataset_cut_anywhere_is_excluded(tmp_path: Path, implicit: bool) -> None:
    path = bare(tmp_path, implicit)
    content = path.read_bytes()
    for length in [*range(1, len(content) - PIXELS.nbytes, 17), *range(1200, len(content) - 1, 397), len(content) - 2]:
        path.write_bytes(content[:length])
        assert excluded(path).reason in ("not_dicom", "no_pixels", "truncated", "colour")


@pytest.mark.filterwarnings("ignore")
def test_other_files_are_still_no_dicom(tmp_path: Path) -> None:
    """Chance bytes that look like the start of a data element must not become an image, or an error of another kind."""
    path, rng = tmp_path / "film.dcm", np.random.default_rng(0)
    others = [rng.bytes(int(size)) for size in rng.integers(1, 3000, 60)]
    others += [struct.pack("<HH", 8, tag) + rng.bytes(200) for tag in range(0, 32)]
    others += [b"PK\3\4" + rng.bytes(400), b"version: 1\nn_points: 160\n{\n1 2\n}\n", b'{"a": 1}', b"%PDF-1.7\n" * 40]
    for content in others:
        path.write_bytes(content)
        assert excluded(path).reason in ("not_dicom", "truncated", "no_pixels")


# Rescaling --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("slope", "intercept", "expected"),
    [
        ("", "", lambda v: v),
        ("2", "", lambda v: 2 * v),
        ("", "-1000", lambda v: v - 1000),
        ("2", None, lambda v: 2 * v),
        (None, "-1000", lambda v: v - 1000),
        ("", None, lambda v: v),
    ],
    ids=["both empty", "no intercept", "no slope", "absent intercept", "absent slope", "empty and absent"],
)
def test_an_empty_rescale_value_is_as_none(
    tmp_path: Path, slope: str | None, intercept: str | None, expected: Callable[[NDArray[np.int64]], object]
) -> None:
    def change(dataset: FileDataset) -> None:
        for name, value in (("RescaleSlope", slope), ("RescaleIntercept", intercept)):
            if value is not None:
                dataset.add_new(name, "DS", value)

    film = read(film_file(tmp_path, change))
    np.testing.assert_allclose(film.pixels, expected(PIXELS.astype(np.int64)))


def lookup(bits: int, entries: NDArray[np.integer], first: int = 0) -> Change:
    def change(dataset: FileDataset) -> None:
        item = Dataset()
        item.add_new("LUTDescriptor", "US", [len(entries), first, bits])
        item.ModalityLUTType = "US"
        item.add_new("LUTData", "OW", entries.astype("<u2").tobytes())
        dataset.ModalityLUTSequence = Sequence([item])

    return change


@pytest.mark.parametrize("bits", [9, 10, 12, 14, 15, 16])
def test_a_lookup_table_of_any_number_of_bits_is_applied(tmp_path: Path, bits: int) -> None:
    table = np.linspace(0, 2**bits - 1, 4096).round().astype(np.int64)
    bright = read(film_file(tmp_path, lookup(bits, table)))
    assert np.array_equal(bright.pixels, table[PIXELS])
    dark = read(film_file(tmp_path, lookup(bits, table), "MONOCHROME1"))
    assert np.array_equal(dark.pixels, table[0] + table[-1] - table[PIXELS])


def test_values_beyond_a_lookup_table_take_its_ends(tmp_path: Path) -> None:
    table = 4000 - np.arange(1000)
    film = read(film_file(tmp_path, lookup(12, table, first=500)))
    assert np.array_equal(film.pixels, table[np.clip(PIXELS.astype(int) - 500, 0, 999)])


# What is absent is named ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["BitsStored", "BitsAllocated", "Rows", "Columns"])
def test_an_absent_tag_is_named_and_no_damage(tmp_path: Path, name: str) -> None:
    found = excluded(film_file(tmp_path, without(name)))
    assert name in found.detail
    assert "damage" not in found.detail and "break" not in found.detail


@pytest.mark.parametrize("name", ["SamplesPerPixel", "PixelRepresentation"])
def test_a_tag_with_one_usual_value_is_taken_for_it_or_named(tmp_path: Path, name: str) -> None:
    try:
        pixels = read(film_file(tmp_path, without(name))).pixels
    except Excluded as refused:
        assert name in refused.detail and "damage" not in refused.detail
    else:
        assert np.array_equal(pixels, PIXELS)


# Spacing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stated", "mm", "tag"),
    [
        ({"NominalScannedPixelSpacing": 0.1}, 0.1, "NominalScannedPixelSpacing"),
        ({"ImagerPixelSpacing": 0.2, "NominalScannedPixelSpacing": 0.1}, 0.2, "ImagerPixelSpacing"),
        ({"PixelSpacing": 0.3, "NominalScannedPixelSpacing": 0.1}, 0.3, "PixelSpacing"),
        ({"PixelSpacing": 0.3, "ImagerPixelSpacing": 0.2, "NominalScannedPixelSpacing": 0.1}, 0.3, "PixelSpacing"),
        ({"PixelSpacing": "", "ImagerPixelSpacing": "", "NominalScannedPixelSpacing": 0.1}, 0.1,
         "NominalScannedPixelSpacing"),
    ],
)  # fmt: skip
def test_the_spacing_of_a_scanned_film_comes_third(
    tmp_path: Path, stated: dict[str, float | str], mm: float, tag: str
) -> None:
    def change(dataset: FileDataset) -> None:
        without("PixelSpacing", "ImagerPixelSpacing")(dataset)
        for name, value in stated.items():
            setattr(dataset, name, [str(value)] * 2 if value else None)

    film = read(film_file(tmp_path, change))
    assert (film.spacing.mm, film.spacing.tag) == (pytest.approx(mm), tag)


def test_a_film_without_any_of_the_three_says_which(tmp_path: Path) -> None:
    found = excluded(film_file(tmp_path, without("PixelSpacing", "ImagerPixelSpacing")))
    assert found.reason == "spacing_missing"
    assert all(name in found.detail for name in SPACINGS)
