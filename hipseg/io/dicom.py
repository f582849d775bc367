"""Radiographs from DICOM files: pixels as a person is viewed, bone as bright as the header states; their spacing."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import FileDataset
from pydicom.pixels import apply_modality_lut, get_decoder

from hipseg.errors import Excluded
from hipseg.geometry.grid import Grid
from hipseg.io.dicom_file import parse
from hipseg.io.limits import UNLIMITED, Limits
from hipseg.io.pixel_data import decode, photometric, samples_per_pixel
from hipseg.io.spacing import Spacing, read_spacing, stated_number

Points = NDArray[np.float64]

_UNFOLDED: Final = 4  # bytes a pixel, at most, that deflated pixel data may take
_HEADER_MB: Final = 16

_NEEDED: Final = ("Rows", "Columns", "BitsAllocated", "BitsStored")


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
            dataset = parse(content, min(limits.file_mb, limits.megapixels * _UNFOLDED + _HEADER_MB) * 1e6)
            _check_kind(dataset, modalities, limits)
            stored = decode(dataset)
            film = _interpret(dataset, stored, hashlib.sha256(content).hexdigest(), limits, calibration)
        except Excluded:
            raise
        except Exception as error:  # pydicom converts a header's values when they are asked for
            raise Excluded("truncated", f"the header is damaged ({type(error).__name__})") from None
    return film


def _check_kind(dataset: FileDataset, modalities: Collection[str], limits: Limits) -> None:
    if "PixelData" not in dataset:
        sized = "Rows" in dataset and "Columns" in dataset
        raise Excluded("truncated" if sized else "no_pixels", "the file holds no pixel data")
    if absent := [name for name in _NEEDED if dataset.get(name) in (None, "")]:
        raise Excluded("truncated", f"the header lacks {', '.join(absent)}")
    stated = photometric(dataset)
    if stated not in ("MONOCHROME1", "MONOCHROME2") or samples_per_pixel(dataset) != 1:
        raise Excluded("colour", f"the photometric interpretation is '{stated}', not MONOCHROME1 or 2")
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
