"""Radiographs from DICOM files: pixels with bright bone as the header states it, and their spacing."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import FileDataset
from pydicom.errors import InvalidDicomError
from pydicom.pixels import apply_modality_lut, get_decoder
from pydicom.uid import JPEG2000TransferSyntaxes, JPEGTransferSyntaxes

from hipseg.errors import Excluded
from hipseg.grid import Grid
from hipseg.io.jpeg import check_jpeg
from hipseg.io.spacing import Spacing, read_spacing


@dataclass(frozen=True)
class Film:
    """One radiograph as its file states it.

    Attributes:
        pixels: (rows, columns) float32; modality LUT applied, MONOCHROME1 inverted.
        spacing: Millimetres per pixel and where they are stated.
        sha256: Of the file's bytes.
    """

    pixels: NDArray[np.float32]
    spacing: Spacing
    sha256: str

    @property
    def grid(self) -> Grid:
        """The film's pixels in its own millimetres."""
        rows, columns = self.pixels.shape
        return Grid.of_film((rows, columns), self.spacing.mm)


def file_sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_film(path: Path, modalities: Collection[str]) -> Film:
    """Read one radiograph.

    Args:
        path: A DICOM file.
        modalities: The values of Modality that are radiographs; a file that states none is taken for one.

    Raises:
        Excluded: With the reason, in the order DICOM, pixel kind, spacing.
    """
    content = path.read_bytes()
    with warnings.catch_warnings():
        # Films of many vendors break small rules; what matters is checked below.
        warnings.simplefilter("ignore")
        try:
            dataset = _parse(content)
            _check_kind(dataset, modalities)
            film = Film(_decode(dataset), read_spacing(dataset), hashlib.sha256(content).hexdigest())
        except Excluded:
            raise
        except Exception as error:  # pydicom converts a header's values when they are asked for
            raise Excluded("truncated", f"the header is damaged ({type(error).__name__})") from None
    return film


def _parse(content: bytes) -> FileDataset:
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            dataset = pydicom.dcmread(io.BytesIO(content))
        str(dataset.file_meta.TransferSyntaxUID)
    except InvalidDicomError:
        raise Excluded("not_dicom", "the file does not start as a DICOM file") from None
    except AttributeError:
        raise Excluded("not_dicom", "the file states no transfer syntax") from None
    except Exception as error:  # pydicom raises many kinds on damaged files
        raise Excluded("truncated", f"the file breaks off or is damaged ({type(error).__name__})") from None
    if any("End of file" in str(warning.message) for warning in said):
        raise Excluded("truncated", "the file breaks off before its end is marked")
    return dataset


def _check_kind(dataset: FileDataset, modalities: Collection[str]) -> None:
    parts = ["PixelData" in dataset, "Rows" in dataset and "Columns" in dataset]
    if not all(parts):
        raise Excluded("truncated" if any(parts) else "no_pixels", "the file holds no pixel data")
    photometric = str(dataset.get("PhotometricInterpretation", ""))
    if photometric not in ("MONOCHROME1", "MONOCHROME2") or int(dataset.get("SamplesPerPixel", 1)) != 1:
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


def _decode(dataset: FileDataset) -> NDArray[np.float32]:
    try:
        if dataset.file_meta.TransferSyntaxUID in [*JPEGTransferSyntaxes, *JPEG2000TransferSyntaxes]:
            check_jpeg(dataset)
        stored = dataset.pixel_array
    except Excluded:
        raise
    except Exception as error:  # decoders raise many kinds on damaged data
        raise Excluded("truncated", f"the pixel data break off or are damaged ({type(error).__name__})") from None
    if stored.ndim != 2:
        raise Excluded("multiframe", f"the pixel data have {stored.ndim} dimensions, not two")
    pixels = np.asarray(apply_modality_lut(stored, dataset), dtype=np.float32)
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        low, high = _value_range(dataset)
        pixels = np.float32(low + high) - pixels
    return pixels


def _value_range(dataset: FileDataset) -> tuple[float, float]:
    """Darkest and brightest value that the stored bits can express, after the modality LUT."""
    bits = int(dataset.BitsStored)
    signed = int(dataset.get("PixelRepresentation", 0)) == 1
    low = -(2 ** (bits - 1)) if signed else 0
    ends = np.array([low, low + 2**bits - 1], dtype=np.int64)
    low_value, high_value = np.sort(np.asarray(apply_modality_lut(ends, dataset), dtype=np.float64))
    return float(low_value), float(high_value)
