"""From a DICOM dataset's pixel data to integers that its header's bits can express."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import FileDataset
from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000TransferSyntaxes,
    JPEGTransferSyntaxes,
    RLELossless,
)

from hipseg.errors import Excluded
from hipseg.io.jpeg import check_jpeg

_WORDS: Final = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless)  # samples lie in words, as HighBit says


def samples_per_pixel(dataset: FileDataset) -> int:
    """As the header states, 1 if it does not."""
    return int(dataset.get("SamplesPerPixel", 1) or 1)


def photometric(dataset: FileDataset) -> str:
    """What the header states, in its usual spelling; one sample that is called nothing is grey, and bright bone."""
    stated = str(dataset.get("PhotometricInterpretation", "") or "").strip(" \0").upper()
    return stated or ("MONOCHROME2" if samples_per_pixel(dataset) == 1 else "")


def decode(dataset: FileDataset) -> NDArray[np.integer]:
    """The samples (rows, columns) as integers that the header's bits can express.

    Raises:
        Excluded: `truncated` if they break off, don't fit what the header says of them, or can't be decoded.
    """
    dataset.PhotometricInterpretation, dataset.SamplesPerPixel = photometric(dataset), 1
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
