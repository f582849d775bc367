"""Images and masks from PNG, TIFF, JPEG, BMP, NIfTI, MetaImage and NRRD files, with the spacing that they state."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import numpy as np
from numpy.typing import NDArray

from hipseg.errors import Excluded
from hipseg.io.limits import UNLIMITED, Limits

ENDINGS: Final = (
    ".nii.gz", ".nii", ".mha", ".mhd", ".nrrd", ".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp", ".dcm",
)  # fmt: skip
STATES_SPACING: Final = (".nii.gz", ".nii", ".mha", ".mhd", ".nrrd")  # the others state dots an inch at best
PICTURES: Final = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
_MOST_LABELS: Final = 255
_NIFTI_HEADER: Final = 348
_NIFTI_FLOATS: Final = (16, 64)  # codes of floats and doubles
_UNFOLDED: Final = 8  # as much as a compressed file may hold


@dataclass(frozen=True)
class ImageFile:
    """What an image file holds.

    Attributes:
        pixels: (channels, ...) in the axes' order of arrays: rows before columns, slices before rows.
        spacing_mm: Millimetres per pixel, an axis each in that order; None if the file does not state it.
    """

    pixels: NDArray[Any]
    spacing_mm: tuple[float, ...] | None


def image_ending(path: Path) -> str:
    """The ending by which an image's format is known, in lower case; empty if it is none."""
    name = path.name.lower()
    return next((ending for ending in ENDINGS if name.endswith(ending)), "")


def read_image_file(path: Path, limits: Limits = UNLIMITED) -> ImageFile:
    """Read one image.

    A volume of one slice is an image of two axes. DICOM files are read as radiographs are, bone bright.

    Raises:
        Excluded: With the reason.
    """
    ending = image_ending(path)
    if not ending:
        raise Excluded("unknown_format", f"its name ends in none of {', '.join(ENDINGS)}")
    if path.stat().st_size > limits.file_mb * 1e6:
        raise Excluded("too_many_pixels", f"the file is larger than {limits.file_mb:g} MB (limits.file_mb)")
    if ending == ".dcm":
        from hipseg.io.dicom import read_film

        film = read_film(path, ("CR", "DX", "DR", "RG"), limits)
        return ImageFile(film.pixels[None], (film.spacing.mm, film.spacing.mm))
    if ending in (".nii", ".nii.gz"):
        _require_whole_nifti(path, ending, limits)
    return _read_by_itk(path, ending, limits)


def _read_within(stream: BinaryIO, most: float) -> bytes:
    """What a stream holds, unless that is more than so many bytes."""
    pieces, total = list[bytes](), 0
    while piece := stream.read(1 << 20):
        pieces.append(piece)
        total += len(piece)
        if total > most:
            raise Excluded("too_many_pixels", f"it unfolds to more than {most / 1e6:g} MB (limits.file_mb)")
    return b"".join(pieces)


def _require_whole_nifti(path: Path, ending: str, limits: Limits) -> None:
    """Refuse a NIfTI file that breaks off, or holds what is no number: the reader would put 0 in its place."""
    opened = cast(BinaryIO, gzip.open(path, "rb") if ending == ".nii.gz" else path.open("rb"))
    try:
        with opened as stream:
            content = _read_within(stream, limits.file_mb * 1e6 * _UNFOLDED)
    except (OSError, EOFError, zlib.error) as error:
        raise Excluded("truncated", f"the file breaks off ({type(error).__name__})") from None
    if len(content) < _NIFTI_HEADER:
        raise Excluded("truncated", "the file breaks off within its header")
    order = "<" if struct.unpack("<i", content[:4])[0] == _NIFTI_HEADER else ">"
    sizes, (kind, bits) = struct.unpack(f"{order}8h", content[40:56]), struct.unpack(f"{order}2h", content[70:74])
    start = int(struct.unpack(f"{order}f", content[108:112])[0])
    needed = start + math.prod(max(length, 1) for length in sizes[1 : 1 + max(sizes[0], 0)]) * bits // 8
    if len(content) < needed:
        raise Excluded("truncated", f"the file breaks off: {len(content)} of {needed} bytes")
    if kind in _NIFTI_FLOATS:
        values = np.frombuffer(content[start:needed], dtype=f"{order}f{bits // 8}")
        if not np.isfinite(values).all():
            raise Excluded("truncated", "it holds values that are no real numbers")


def _itk() -> Any:
    """SimpleITK, which is loaded by nothing that needs no image files."""
    import SimpleITK

    return SimpleITK


def _read_by_itk(path: Path, ending: str, limits: Limits) -> ImageFile:
    sitk = _itk()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        reader = sitk.ImageFileReader()
        reader.SetFileName(str(path))
        reader.ReadImageInformation()
        count = math.prod(reader.GetSize())
        if count > limits.megapixels * 1e6 * _depth(reader.GetSize()):
            said = (
                f"{' x '.join(map(str, reader.GetSize()))} pixels are more than {limits.megapixels:g} million a slice"
            )
            raise Excluded("too_many_pixels", f"{said} (limits.megapixels)")
        image = reader.Execute()
        pixels = sitk.GetArrayFromImage(image)
    except RuntimeError as error:
        said = " ".join(str(error).split())[-160:]
        raise Excluded("truncated", f"the file can't be read as {ending[1:]} ({said})") from None
    spacing = tuple(float(mm) for mm in reversed(image.GetSpacing()))
    pixels = np.moveaxis(pixels, -1, 0) if image.GetNumberOfComponentsPerPixel() > 1 else pixels[None]
    if ending in PICTURES and all(np.array_equal(pixels[0], channel) for channel in pixels[1:3]):
        pixels = pixels[:1]  # grey, written as colours
    if pixels.ndim == 4 and pixels.shape[1] == 1:
        pixels, spacing = pixels[:, 0], spacing[1:]
    if np.iscomplexobj(pixels) or not np.isfinite(pixels).all():
        raise Excluded("truncated", "it holds values that are no real numbers")
    return ImageFile(np.ascontiguousarray(pixels), spacing if ending in STATES_SPACING else None)


def _depth(size: tuple[int, ...]) -> int:
    return size[2] if len(size) > 2 else 1


def read_mask_file(path: Path, limits: Limits = UNLIMITED) -> NDArray[np.uint8]:
    """Read one label map, (...) uint8.

    Raises:
        Excluded: With the reason; `mask_values` if it holds what is no label's number.
    """
    pixels = read_image_file(path, limits).pixels
    if pixels.shape[0] > 1:
        raise Excluded("mask_values", f"the mask {path.name} has colours; give every pixel its label's number")
    labels = pixels[0]
    whole = labels if np.issubdtype(labels.dtype, np.integer) else np.rint(labels)
    if not np.array_equal(whole, labels) or whole.min(initial=0) < 0 or whole.max(initial=0) > _MOST_LABELS:
        raise Excluded("mask_values", f"the mask {path.name} holds values that are no whole numbers from 0 to 255")
    return whole.astype(np.uint8)


def write_image_file(
    path: Path, pixels: NDArray[Any], spacing_mm: tuple[float, ...] | None, like: Path | None = None
) -> None:
    """Write an image or label map.

    Args:
        path: Its ending says the format.
        pixels: (...) one channel.
        spacing_mm: An axis each; where the format has no place for it, it is not kept.
        like: A file of the same grid, whose axes, origin and directions it gets too.
    """
    sitk = _itk()
    known = sitk.ImageFileReader()
    if like is not None:
        known.SetFileName(str(like))
        known.ReadImageInformation()
        pixels = pixels.reshape(known.GetSize()[::-1])  # one of a single slice keeps that axis
    image = sitk.GetImageFromArray(np.ascontiguousarray(pixels))
    if like is not None:
        image.SetSpacing(known.GetSpacing())
        image.SetOrigin(known.GetOrigin())
        image.SetDirection(known.GetDirection())
    elif spacing_mm is not None:
        image.SetSpacing([float(mm) for mm in reversed(spacing_mm)])
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(image, str(path), useCompression=True)
