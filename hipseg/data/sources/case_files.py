"""Files of one case, and how they become what a store of images keeps."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from hipseg.data.exclusions import Exclusion
from hipseg.data.image_store import StoredImage
from hipseg.errors import Excluded, HipsegError
from hipseg.io.dicom import file_sha256
from hipseg.io.images import image_ending, read_image_file, read_mask_file
from hipseg.io.limits import UNLIMITED, Limits


@dataclass(frozen=True)
class CaseFiles:
    """One case of an image dataset.

    Attributes:
        name: Of the case, unique within its dataset.
        subject: Whose it is.
        images: A file a channel, or one with all.
        mask: Label map, None if there is none.
        subset: `train` or `test` if the dataset says so, else empty.
        fold: Of cross-validation if the dataset says so, else -1.
        spacing_mm: An axis each in place of what the file states, None to take that.
    """

    name: str
    subject: str
    images: tuple[Path, ...]
    mask: Path | None
    subset: str = ""
    fold: int = -1
    spacing_mm: tuple[float, ...] | None = None

    def load(self, reading: Reading) -> StoredImage:
        """What a store keeps of the case.

        Raises:
            Excluded: With the reason.
        """
        return _read(reading)

    def load_all(self, reading: Reading) -> list[StoredImage | Exclusion]:
        """All that its files hold, where that is more than one case.

        Raises:
            Excluded: With the reason, if they hold none.
        """
        return [self.load(reading)]


@dataclass(frozen=True)
class FoundCases:
    """What a source finds.

    Attributes:
        dataset: Its name.
        label_names: The background first.
        cases: To be read.
        exclusions: Files that are no case's, with the reason.
        about: What a store keeps of how its images are made, plain data.
    """

    dataset: str
    label_names: tuple[str, ...]
    cases: tuple[CaseFiles, ...]
    exclusions: tuple[Exclusion, ...] = field(default=())
    about: dict[str, Any] = field(default_factory=dict)


@runtime_checkable
class ImageSource(Protocol):
    """Finds the cases of a dataset of images and masks."""

    def find(self, input: Path) -> FoundCases:
        """The cases at a place.

        Raises:
            HipsegError: If it is no dataset of this kind.
        """


class Reading(NamedTuple):
    """A case to be read.

    Attributes:
        files: The case's.
        dataset: Its dataset's name.
        labels: How many label names there are.
        spacing_mm: For files that state none; None if all must.
        limits: Beyond which a file is not read.
    """

    files: CaseFiles
    dataset: str
    labels: int
    spacing_mm: tuple[float, ...] | None
    limits: Limits = UNLIMITED


def read_cases(reading: Reading) -> list[StoredImage | Exclusion]:
    """Read and check what belongs to one case's files; what is wrong with it comes back as an exclusion."""
    files = reading.files
    first = files.images[0]
    try:
        return files.load_all(reading)
    except Excluded as excluded:
        return [Exclusion(first.name, "", excluded.reason, excluded.detail)]
    except OSError as error:
        named = Path(error.filename).name if error.filename else first.name
        return [Exclusion(first.name, "", "unreadable", f"{named} can't be opened ({error.strerror})")]
    except MemoryError:
        return [Exclusion(first.name, "", "too_many_pixels", "it takes more memory than there is")]


def crashed_cases(reading: Reading) -> list[StoredImage | Exclusion]:
    """What becomes of files that bring down the process that reads them."""
    return [Exclusion(reading.files.images[0].name, "", "decoder_crashed", "the process that read it broke down")]


def _read(reading: Reading) -> StoredImage:
    files = reading.files
    parts = [read_image_file(path, reading.limits) for path in files.images]
    sizes = {part.pixels.shape[1:] for part in parts}
    if len(sizes) > 1:
        said = " and ".join(" x ".join(map(str, size)) for size in sorted(sizes))
        raise Excluded("size_differs", f"its channels have {said} pixels")
    pixels = np.concatenate([part.pixels for part in parts]) if len(parts) > 1 else parts[0].pixels
    if float(pixels.min()) == float(pixels.max()):
        raise Excluded("constant", "the image has one grey value")
    size = pixels.shape[1:]
    spacing = image_spacing(files.images[0], files.spacing_mm, parts[0].spacing_mm, reading.spacing_mm, len(size))
    labels = None if files.mask is None else _mask(files.mask, size, reading)
    key = f"{reading.dataset}/{files.subject}/{files.name}"
    return StoredImage(
        key, files.subject, files.subset, files.fold, _compact(pixels), labels, spacing, files.images[0].name,
        file_sha256(files.images[0]),
    )  # fmt: skip


def _compact(pixels: NDArray[np.generic]) -> NDArray[np.generic]:
    """In a type that a store keeps."""
    if pixels.dtype.str[1:] in ("u1", "u2", "i2", "u4", "i4", "f4"):
        return pixels
    whole = np.issubdtype(pixels.dtype, np.integer)
    if whole and np.abs(pixels.astype(np.float64)).max() < 2**31:
        return pixels.astype(np.int32)
    return pixels.astype(np.float32)


def image_spacing(
    image: Path,
    known: tuple[float, ...] | None,
    stated: tuple[float, ...] | None,
    asked: tuple[float, ...] | None,
    axes: int,
) -> tuple[float, ...]:
    """Millimetres per pixel, an axis each: what its dataset says, a sidecar, the file, or what was asked for.

    Raises:
        Excluded: `spacing_missing` or `spacing_invalid`.
    """
    found = known or _sidecar(image) or stated or asked
    if found is None:
        raise Excluded("spacing_missing", "neither file nor sidecar states a spacing; give spacing_mm=[DOWN,ACROSS]")
    if len(found) == 1:
        found = found * axes
    if len(found) != axes or not all(np.isfinite(mm) and 1e-3 <= mm <= 1e2 for mm in found):
        said = " x ".join(f"{mm:g}" for mm in found)
        raise Excluded("spacing_invalid", f"the spacing {said} mm is none of an image with {axes} axes")
    return found


def _sidecar(image: Path) -> tuple[float, ...] | None:
    """`spacing`, an axis each in the array's order, of a JSON file beside an image."""
    stem = image.name[: -len(image_ending(image))]
    for name in (f"{stem}.json", f"{stem.removesuffix('_0000')}.json"):
        path = image.with_name(name)
        if path.is_file():
            try:
                content = json.loads(path.read_text(encoding="utf-8"))
                return tuple(float(mm) for mm in content["spacing"]) if "spacing" in content else None
            except (OSError, ValueError, TypeError, RecursionError):
                raise Excluded("spacing_invalid", f"the sidecar {name} holds no spacing that can be read") from None
    return None


def _mask(path: Path, size: tuple[int, ...], reading: Reading) -> NDArray[np.uint8]:
    if not path.is_file():
        raise Excluded("mask_missing", f"there is no mask {path.name}")
    labels = read_mask_file(path, reading.limits)
    if labels.shape != size:
        found, needed = (" x ".join(map(str, shape)) for shape in (labels.shape, size))
        raise Excluded("size_differs", f"the mask {path.name} has {found} pixels, its image {needed}")
    strange = sorted(set(np.unique(labels).tolist()) - set(range(reading.labels)))
    if strange:
        said = ", ".join(map(str, strange[:6]))
        raise Excluded("mask_values", f"the mask {path.name} holds {said}; expected are 0 to {reading.labels - 1}")
    return labels


def require_names(cases: list[CaseFiles], said: str) -> None:
    """Refuse a dataset without a case, or with two of one name.

    Raises:
        HipsegError: Naming it.
    """
    if not cases:
        raise HipsegError(f"input: {said}")
    for case in cases:
        if "/" in case.name + case.subject or not case.subject:
            raise HipsegError(f"input: the case '{case.name}' of subject '{case.subject}' needs names without a slash")
    names = [case.name for case in cases]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise HipsegError(f"input: the case '{twice[0]}' is there twice; give every image a name of its own")
