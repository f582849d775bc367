"""Radiographs from DICOM files: pixels as a person is viewed, bone as bright as the header states; their spacing."""

from __future__ import annotations

import hashlib
import io
import warnings
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import FileDataset
from pydicom.errors import InvalidDicomError
from pydicom.filereader import _read_file_meta_info, read_preamble
from pydicom.pixels import apply_modality_lut, get_decoder
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000TransferSyntaxes,
    JPEGTransferSyntaxes,
    RLELossless,
)

from hipseg.errors import Excluded
from hipseg.grid import Grid
from hipseg.io.jpeg import check_jpeg
from hipseg.io.limits import UNLIMITED, Limits
from hipseg.io.spacing import Spacing, read_spacing, stated_number

Points = NDArray[np.float64]

_HEADER_BYTES: Final = 4096  # in which a file's own header ends
_NEEDED: Final = ("Rows", "Columns", "BitsAllocated", "BitsStored")
_PIECE: Final = 1 << 20
_WORDS: Final = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless)  # samples lie in words, as HighBit says


@dataclass(frozen=True)
class Film:
    """One radiograph as its file states it.

    Attributes:
        pixels: (rows, columns) float32; modality LUT applied, MONOCHROME1 inverted, turned so that the patient's right
            is on the left and the head above.
        spacing: Millimetres per pixel and where they are stated.
        sha256: Of the file's bytes.
        pixels_sha256: Of every eighth row of its pixels as stored, which is the same where only the header is another.
        padding: (rows, columns), True where there is no image but padding; None if there is none. Pixels there have the
            least value of the others.
        flipped: Whether the file's columns and its rows run the other way.
        magnification: Of the patient on the film as the header states it, NaN if it does not.
    """

    pixels: NDArray[np.float32]
    spacing: Spacing
    sha256: str
    pixels_sha256: str = ""
    padding: NDArray[np.bool_] | None = None
    flipped: tuple[bool, bool] = (False, False)
    magnification: float = float("nan")

    @property
    def grid(self) -> Grid:
        """The film's pixels in its own millimetres."""
        rows, columns = self.pixels.shape
        return Grid.of_film((rows, columns), self.spacing.mm)

    def turned(self, points_mm: Points) -> Points:
        """Points (..., 2) in the file's millimetres as they lie in `pixels`, and back again."""
        return turn_points(points_mm, self.flipped, self.grid.size_mm)


def turn_points(points_mm: Points, flipped: tuple[bool, bool], size_mm: tuple[float, float]) -> Points:
    """Points (..., 2), x then y, on a film whose columns, rows or both run the other way."""
    signs, ends = np.where(flipped, -1.0, 1.0), np.where(flipped, size_mm, 0.0)
    return np.asarray(points_mm * signs + ends)


def file_sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def is_compressed(path: Path) -> bool:
    """Whether a file says that its pixels are compressed, so that a decoder of another's making will read them."""
    try:
        with path.open("rb") as stream:
            stream.seek(128)
            if stream.read(4) != b"DICM":
                return False
            start = stream.read(_HEADER_BYTES)
    except OSError:
        return False
    plain = (b"1.2.840.10008.1.2\0", b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.2\0")
    return not any(uid in start for uid in plain)


def read_film(path: Path, modalities: Collection[str], limits: Limits = UNLIMITED, calibration: float = 1.0) -> Film:
    """Read one radiograph.

    Args:
        path: A DICOM file, or a bare dataset without a file's preamble.
        modalities: The values of Modality that are radiographs; a file that states none is taken for one.
        limits: Beyond which it is not decoded.
        calibration: By which the stated spacing is multiplied.

    Raises:
        Excluded: With the reason, in the order DICOM, pixel kind, spacing.
    """
    if path.stat().st_size > limits.file_mb * 1e6:
        raise Excluded("too_many_pixels", f"the file is larger than {limits.file_mb:g} MB (limits.file_mb)")
    content = path.read_bytes()
    with warnings.catch_warnings():
        # Films of many vendors break small rules; what matters is checked below.
        warnings.simplefilter("ignore")
        try:
            dataset = _parse(content, limits.file_mb * 1e6)
            _check_kind(dataset, modalities, limits)
            stored = _decode(dataset)
            film = _interpret(dataset, stored, hashlib.sha256(content).hexdigest(), limits, calibration)
        except Excluded:
            raise
        except Exception as error:  # pydicom converts a header's values when they are asked for
            raise Excluded("truncated", f"the header is damaged ({type(error).__name__})") from None
    return film


def _parse(content: bytes, most_bytes: float) -> FileDataset:
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            _refuse_bomb(content, most_bytes)
            try:
                dataset = pydicom.dcmread(io.BytesIO(content))
            except InvalidDicomError:
                dataset = _parse_bare(content)
        str(dataset.file_meta.TransferSyntaxUID)
    except Excluded:
        raise
    except AttributeError:
        raise Excluded("not_dicom", "the file states no transfer syntax") from None
    except Exception as error:  # pydicom raises many kinds on damaged files
        raise Excluded("truncated", f"the file breaks off or is damaged ({type(error).__name__})") from None
    if any("End of file" in str(warning.message) for warning in said):
        raise Excluded("truncated", "the file breaks off before its end is marked")
    return dataset


def _refuse_bomb(content: bytes, most_bytes: float) -> None:
    """Refuse a deflated dataset that would unfold to more than a file may hold, without unfolding it whole."""
    stream = io.BytesIO(content)
    try:
        if not read_preamble(stream, force=False):
            return
        meta = _read_file_meta_info(stream)
    except Exception:  # whatever is wrong is found again, and said, when the file is read
        return
    if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        return
    unfolding, total, rest = zlib.decompressobj(-zlib.MAX_WBITS), 0, stream.read()
    while rest and not unfolding.eof:
        total += len(unfolding.decompress(rest, _PIECE))
        rest = unfolding.unconsumed_tail
        if total > most_bytes:
            said = f"it unfolds to more than {most_bytes / 1e6:g} MB (limits.file_mb)"
            raise Excluded("too_many_pixels", said)


def _parse_bare(content: bytes) -> FileDataset:
    """A dataset without preamble and header, which says of itself what it is by its first elements."""
    nothing = Excluded("not_dicom", "the file does not start as a DICOM file")
    # The identifying group comes first, its tag's two halves in little-endian order.
    if len(content) < 8 or content[:2] != b"\x08\x00":
        raise nothing
    try:
        dataset = pydicom.dcmread(io.BytesIO(content), force=True)
        known = "SOPClassUID" in dataset and str(dataset.SOPClassUID).startswith("1.2.840.10008.")
    except Exception:  # chance bytes raise many kinds
        raise nothing from None
    if not known:
        raise nothing
    implicit, _ = dataset.original_encoding
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    return dataset


def _check_kind(dataset: FileDataset, modalities: Collection[str], limits: Limits) -> None:
    if "PixelData" not in dataset:
        sized = "Rows" in dataset and "Columns" in dataset
        raise Excluded("truncated" if sized else "no_pixels", "the file holds no pixel data")
    if absent := [name for name in _NEEDED if dataset.get(name) in (None, "")]:
        raise Excluded("truncated", f"the header lacks {', '.join(absent)}")
    photometric = _photometric(dataset)
    if photometric not in ("MONOCHROME1", "MONOCHROME2") or _samples(dataset) != 1:
        raise Excluded("colour", f"the photometric interpretation is '{photometric}', not MONOCHROME1 or 2")
    if int(dataset.get("NumberOfFrames", 1) or 1) != 1:
        raise Excluded("multiframe", f"the file holds {dataset.NumberOfFrames} frames, not one film")
    modality = str(dataset.get("Modality", "") or "")
    if modality and modality not in modalities:
        raise Excluded("not_radiograph", f"the modality is {modality}, none of {', '.join(sorted(modalities))}")
    syntax = dataset.file_meta.TransferSyntaxUID
    try:
        supported = get_decoder(syntax).is_available
    except NotImplementedError:  # how pydicom says that it knows no decoder of this kind
        supported = False
    if not supported:
        raise Excluded("unsupported_syntax", f"no decoder for the transfer syntax '{syntax.name}'")
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    if rows * columns > limits.megapixels * 1e6:
        said = f"{rows} x {columns} pixels are more than {limits.megapixels:g} million (limits.megapixels)"
        raise Excluded("too_many_pixels", said)


def _samples(dataset: FileDataset) -> int:
    return int(dataset.get("SamplesPerPixel", 1) or 1)


def _photometric(dataset: FileDataset) -> str:
    """What the header states, in its usual spelling; one sample that is called nothing is grey, and bright bone."""
    stated = str(dataset.get("PhotometricInterpretation", "") or "").strip(" \0").upper()
    return stated or ("MONOCHROME2" if _samples(dataset) == 1 else "")


def _decode(dataset: FileDataset) -> NDArray[np.integer]:
    """The samples (rows, columns) as integers that the header's bits can express."""
    dataset.PhotometricInterpretation, dataset.SamplesPerPixel = _photometric(dataset), 1
    if dataset.get("PixelRepresentation") in (None, ""):
        dataset.PixelRepresentation = 0
    bits, high = _bits(dataset)
    try:
        samples = _samples_of(dataset, bits)
    except Excluded:
        raise
    except Exception as error:  # decoders raise many kinds on damaged data
        raise Excluded("truncated", f"the pixel data break off or are damaged ({type(error).__name__})") from None
    finally:
        dataset.BitsStored, dataset.HighBit = bits, high
    if samples.ndim != 2:
        raise Excluded("multiframe", f"the pixel data have {samples.ndim} dimensions, not two")
    signed = int(dataset.PixelRepresentation) == 1
    stored = samples if high == bits - 1 else _shifted(samples, bits, high, signed)
    low = -(2 ** (bits - 1)) if signed else 0
    if stored.min() < low or stored.max() >= low + 2**bits:
        said = f"pixels from {stored.min()} to {stored.max()} do not fit into BitsStored {bits}"
        raise Excluded("truncated", said)
    return stored


def _bits(dataset: FileDataset) -> tuple[int, int]:
    """Bits of a sample, and the number of the highest of them in its word."""
    bits, allocated = int(dataset.BitsStored), int(dataset.BitsAllocated)
    in_words = dataset.file_meta.TransferSyntaxUID in _WORDS
    high = dataset.get("HighBit")
    high = bits - 1 if high in (None, "") or not in_words else int(high)
    words = (8, 16, 32) if in_words else (8, 16)
    if allocated not in words:
        raise Excluded("truncated", f"BitsAllocated is {allocated}, none of {', '.join(map(str, words))}")
    if not (bits >= 1 and bits - 1 <= high < allocated):
        said = f"BitsStored {bits} and HighBit {high} do not fit into {allocated} bits (BitsAllocated)"
        raise Excluded("truncated", said)
    return bits, high


def _samples_of(dataset: FileDataset, bits: int) -> NDArray[np.integer]:
    """What the pixel data hold: samples, or the words that samples lie in."""
    syntax, allocated = dataset.file_meta.TransferSyntaxUID, int(dataset.BitsAllocated)
    if syntax in [*JPEGTransferSyntaxes, *JPEG2000TransferSyntaxes]:
        # A frame may be coded with more bits than its samples fill.
        dataset.BitsStored = max(bits, check_jpeg(dataset))
    elif not syntax.is_encapsulated:
        _check_length(dataset, allocated)
    if syntax in _WORDS:
        dataset.BitsStored, dataset.HighBit = allocated, allocated - 1
    if syntax in JPEG2000TransferSyntaxes:
        # The other decoder that pydicom knows starts threads of its own beside the processes that share the work.
        dataset.pixel_array_options(decoding_plugin="pylibjpeg")
    return np.asarray(dataset.pixel_array)


def _check_length(dataset: FileDataset, allocated: int) -> None:
    """Refuse pixel data that are shorter than stated, before room is made for them."""
    needed = int(dataset.Rows) * int(dataset.Columns) * allocated // 8
    if len(dataset.PixelData) < needed:
        raise Excluded("truncated", f"the pixel data break off: {len(dataset.PixelData)} of {needed} bytes")


def _shifted(words: NDArray[np.integer], bits: int, high: int, signed: bool) -> NDArray[np.integer]:
    """Samples that end at their high bit, without what lies below and above them in their words."""
    samples = (words.astype(np.int64) >> (high + 1 - bits)) & (2**bits - 1)
    return np.where(samples >= 2 ** (bits - 1), samples - 2**bits, samples) if signed else samples


def _interpret(
    dataset: FileDataset, stored: NDArray[np.integer], sha256: str, limits: Limits, calibration: float
) -> Film:
    spacing = read_spacing(dataset, limits.spacing_mm, calibration)
    padding = _padding(dataset, stored)
    pixels = np.asarray(_rescaled(stored, dataset), dtype=np.float32)
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        low, high = _value_range(dataset)
        pixels = np.float32(low + high) - pixels
    if padding is not None:
        pixels[padding] = pixels[~padding].min() if not padding.all() else pixels.min()
    flipped = _flips(dataset)
    turn = slice(None, None, -1 if flipped[1] else 1), slice(None, None, -1 if flipped[0] else 1)
    pixels = np.ascontiguousarray(pixels[turn])
    padding = None if padding is None else np.ascontiguousarray(padding[turn])
    # Every eighth row tells films apart as surely as all of them, in an eighth of the time.
    pixels_sha256 = hashlib.sha256(stored[::8].astype("<i4").tobytes()).hexdigest()
    return Film(pixels, spacing, sha256, pixels_sha256, padding, flipped, _magnification(dataset))


def _padding(dataset: FileDataset, stored: NDArray[np.integer]) -> NDArray[np.bool_] | None:
    """Where the stored values are those that the header calls padding."""
    value, limit = (_stored_value(dataset, name) for name in ("PixelPaddingValue", "PixelPaddingRangeLimit"))
    if value is None:
        return None
    low, high = sorted((value, value if limit is None else limit))
    padding = (stored >= low) & (stored <= high)
    return padding if padding.any() else None


def _stored_value(dataset: FileDataset, name: str) -> int | None:
    """A stored pixel's value that the header states, its sign as the pixels'."""
    if (stated := stated_number(dataset, name)) is None:
        return None
    value, word = int(stated), 2 ** int(dataset.BitsAllocated)
    signed = int(dataset.PixelRepresentation) == 1
    return value - word if signed and value >= word // 2 else value


def _rescaled(stored: NDArray[Any], dataset: FileDataset) -> NDArray[Any]:
    """Stored values through the modality LUT, a sequence or slope and intercept; an empty value is as none."""
    if dataset.get("ModalityLUTSequence"):
        return _looked_up(stored, dataset)
    slope, intercept = stated_number(dataset, "RescaleSlope"), stated_number(dataset, "RescaleIntercept")
    if slope is None and intercept is None:
        return stored
    return np.asarray(stored, dtype=np.float64) * (1.0 if slope is None else slope) + (intercept or 0.0)


def _looked_up(stored: NDArray[Any], dataset: FileDataset) -> NDArray[Any]:
    """Through a lookup table of any number of bits, which pydicom takes at 8 and 16 only."""
    item = dataset.ModalityLUTSequence[0]
    descriptor = [int(value) for value in item.LUTDescriptor]
    if descriptor[2] in (8, 16):
        return np.asarray(apply_modality_lut(stored, dataset))
    data = item.LUTData
    entries = np.frombuffer(data, dtype="<u2") if isinstance(data, bytes) else np.asarray(data, dtype=np.int64)
    entries = entries[: descriptor[0] or 2**16]
    first = descriptor[1]
    return np.asarray(entries[np.clip(np.asarray(stored, dtype=np.int64) - first, 0, len(entries) - 1)])


def _value_range(dataset: FileDataset) -> tuple[float, float]:
    """Darkest and brightest value that the stored bits can express, after the modality LUT."""
    bits = int(dataset.BitsStored)
    signed = int(dataset.get("PixelRepresentation", 0)) == 1
    low = -(2 ** (bits - 1)) if signed else 0
    ends = np.array([low, low + 2**bits - 1], dtype=np.int64)
    low_value, high_value = np.sort(np.asarray(_rescaled(ends, dataset), dtype=np.float64))
    return float(low_value), float(high_value)


def _flips(dataset: FileDataset) -> tuple[bool, bool]:
    """Whether columns run to the patient's right, and rows to the head, as PatientOrientation says."""
    stated = dataset.get("PatientOrientation")
    if stated is None or isinstance(stated, str) or len(stated) != 2:
        return False, False
    columns, rows = (str(value).upper() for value in stated)
    return columns[:1] == "R", rows[:1] == "H"


def _magnification(dataset: FileDataset) -> float:
    """What lies in the patient is so much larger on the film; NaN if the header does not say."""
    factor = stated_number(dataset, "EstimatedRadiographicMagnificationFactor")
    if factor is None:
        detector, patient = (
            stated_number(dataset, name) for name in ("DistanceSourceToDetector", "DistanceSourceToPatient")
        )
        factor = detector / patient if detector and patient else None
    return float(factor) if factor is not None and np.isfinite(factor) and factor > 0 else float("nan")
