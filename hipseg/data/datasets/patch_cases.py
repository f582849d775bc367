"""Images of which patches are cut: prepared whole in memory, or read from the store as far as a patch needs them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform

from hipseg.transforms.prepare_image import label_shares, with_background

Floats = NDArray[np.float64]
Part = tuple[slice, ...]

_SPOTS: Final = 10_000  # of every label that are kept to draw patches about


class PatchCase(Protocol):
    """One image and its label map, as patches are cut out of them."""

    @property
    def size(self) -> tuple[int, ...]:
        """Pixels, an axis each."""

    @property
    def spots(self) -> list[NDArray[np.int64]]:
        """Of every label some of its pixels, counted through the image."""

    def read(self, part: Part) -> tuple[NDArray[np.float32], NDArray[Any]]:
        """A part of the image (channels, ...), prepared, and of the label map (...) or its shares (labels - 1, ...)."""


class CaseInMemory:
    """A prepared case that is kept whole.

    Args:
        image: (channels, ...), prepared.
        label: (...).
        row: Of the store; seeds the choice of spots.
        shares: (labels - 1, ...) of every pixel, of all labels but the background; patches then are of these.
    """

    def __init__(
        self,
        image: NDArray[np.float32],
        label: NDArray[np.uint8],
        row: int,
        shares: NDArray[np.float32] | None = None,
    ) -> None:
        self._image, self._told = image, label if shares is None else shares
        self.size: tuple[int, ...] = label.shape
        self.spots = choose_spots(label, row)

    def read(self, part: Part) -> tuple[NDArray[np.float32], NDArray[Any]]:
        """See `PatchCase`."""
        everywhere = slice(None)
        told = part if self._told.ndim == len(part) else (everywhere, *part)
        return self._image[(everywhere, *part)], self._told[told]


class CaseInStore:
    """A case of which only parts are read, where nothing but its values is prepared.

    Args:
        size: Pixels, an axis each.
        row: Of the store.
        read_image: A part of the image, prepared.
        read_label: A part of the label map.
    """

    def __init__(
        self,
        size: tuple[int, ...],
        row: int,
        read_image: Callable[[Part], NDArray[np.float32]],
        read_label: Callable[[Part], NDArray[np.uint8]],
    ) -> None:
        self.size, self._row, self._read_image, self._read_label = size, row, read_image, read_label

    @cached_property
    def spots(self) -> list[NDArray[np.int64]]:
        """See `PatchCase`; the label map is read whole for it, once."""
        return choose_spots(self._read_label((slice(None),) * len(self.size)), self._row)

    def read(self, part: Part) -> tuple[NDArray[np.float32], NDArray[Any]]:
        """See `PatchCase`."""
        return self._read_image(part), self._read_label(part)


def choose_spots(label: NDArray[np.uint8], seed: int) -> list[NDArray[np.int64]]:
    """Of every label but the background some pixels, counted through the image."""
    rng, flat = np.random.default_rng(seed), label.ravel()
    spots = []
    for number in np.unique(flat):
        if number:
            where = np.flatnonzero(flat == number)
            spots.append(rng.choice(where, min(len(where), _SPOTS), replace=False))
    return spots


def draw_centre(case: PatchCase, patch: Sequence[int], rng: np.random.Generator, about_label: bool) -> Floats:
    """Where a patch's middle comes to lie, within the image as far as it is large enough."""
    size, edge = np.array(case.size, dtype=float), np.array(patch, dtype=float)
    if about_label and case.spots:
        spots = case.spots[int(rng.integers(len(case.spots)))]
        centre = np.array(np.unravel_index(int(rng.choice(spots)), case.size), dtype=float)
    else:
        centre = rng.uniform(0, 1, len(patch)) * (size - 1)
    low, high = (edge - 1) / 2, size - 1 - (edge - 1) / 2
    # Where the patch is larger than the image, on whole pixels, as the sliding window pads.
    padded = (edge - 1) / 2 - (edge - size) // 2
    return np.where(low < high, np.clip(np.rint(centre) + (edge % 2 - 1) / 2, low, high), padded)


def cut_patch(
    case: PatchCase, centre: Floats, matrix: Floats, patch: Sequence[int], labels: int | None = None
) -> tuple[NDArray[np.float32], NDArray[Any]]:
    """A patch of image and label map about a centre, turned and scaled by a matrix; 0 beyond the image.

    Args:
        case: Of which it is cut.
        centre: Of the patch, in the case's pixels.
        matrix: From the patch's pixels to the case's.
        patch: Pixels, an axis each.
        labels: How many there are, the background among them, if their shares (labels, ...) float32 are wanted in
            place of the label map (...) uint8: interpolated, all background beyond the image.
    """
    offset = centre - matrix @ ((np.array(patch) - 1) / 2)
    part = _needed(offset, matrix, patch, case.size)
    image, told = case.read(part)
    at = offset - [axis.start for axis in part]

    def cut_all(channels: NDArray[Any]) -> NDArray[Any]:
        return np.stack([_cut(channel, at, matrix, patch, order=1) for channel in channels])

    if labels is None:
        return cut_all(image), _cut(told, at, matrix, patch, order=0)
    shares = cut_all(label_shares(told, labels) if told.ndim == len(patch) else told)
    return cut_all(image), with_background(shares)


def _needed(offset: Floats, matrix: Floats, patch: Sequence[int], size: tuple[int, ...]) -> Part:
    """The part of an image that a patch is interpolated from."""
    ends = np.array(np.meshgrid(*([0, edge - 1] for edge in patch), indexing="ij")).reshape(len(patch), -1)
    places = matrix @ ends + offset[:, None]
    low, high = np.floor(places.min(axis=1)).astype(int) - 1, np.ceil(places.max(axis=1)).astype(int) + 2
    # At least one pixel, though it be beyond the patch.
    first = np.clip(low, 0, np.array(size) - 1)
    return tuple(slice(int(a), int(max(b, a + 1))) for a, b in zip(first, np.minimum(high, size), strict=True))


def _cut(pixels: NDArray[Any], offset: Floats, matrix: Floats, patch: Sequence[int], order: int) -> NDArray[Any]:
    whole = np.array_equal(matrix, np.eye(len(patch))) and np.array_equal(offset, np.rint(offset))
    if not whole:
        cut: NDArray[Any] = affine_transform(pixels, matrix, offset, tuple(patch), order=order, cval=0)
        return cut
    first = offset.astype(int)
    made = np.zeros(tuple(patch), dtype=pixels.dtype)
    low, high = np.maximum(first, 0), np.minimum(first + patch, pixels.shape)
    if (high > low).all():
        source = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        made[tuple(slice(a - f, b - f) for a, b, f in zip(low, high, first, strict=True))] = pixels[source]
    return made
