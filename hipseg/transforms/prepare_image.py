"""An image of any size and spacing as a planned network sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from hipseg.transforms.resample import axis_weights

Image = NDArray[np.float32]
Normalisation = Literal["zscore", "hounsfield"]

_SEEN_HU: Final = (-200.0, 1800.0)  # fat to compact bone; air and metal say no more than that
_BONE_HU: Final = (400.0, 500.0)  # mean and spread of a proximal femur, roughly: what becomes 0 and 1


def planned_size(size: Sequence[int], spacing_mm: Sequence[float], planned_mm: Sequence[float]) -> tuple[int, ...]:
    """Pixels of an image once it is resampled, an axis each."""
    exact = np.array(size) * np.array(spacing_mm) / np.array(planned_mm)
    return tuple(max(1, int(length)) for length in np.round(exact))


def resize(image: NDArray[Any], size: Sequence[int]) -> Image:
    """(channels, ...) at another size, outer edges on outer edges.

    A separable triangle filter as wide as the coarser of both pixels: linear interpolation where the result is finer,
    and no aliasing where it is coarser.
    """
    resized = np.asarray(image, dtype=np.float32)
    for axis, (old, new) in enumerate(zip(image.shape[1:], size, strict=True), start=1):
        if old == new:
            continue
        step = old / new
        weights = axis_weights(np.arange(old) + 0.5, 1.0, (np.arange(new) + 0.5) * step, step)
        moved = np.moveaxis(resized, axis, 0)
        flat = weights @ np.ascontiguousarray(moved).reshape(old, -1)
        resized = np.moveaxis(flat.reshape(new, *moved.shape[1:]), 0, axis)
    return np.ascontiguousarray(resized, dtype=np.float32)


def standardise(image: Image) -> Image:
    """Every channel of (channels, ...) to mean 0 and standard deviation 1."""
    axes = tuple(range(1, image.ndim))
    mean = image.mean(axis=axes, keepdims=True, dtype=np.float64)
    spread = image.std(axis=axes, keepdims=True, dtype=np.float64)
    return ((image - mean) / np.maximum(spread, 1e-8)).astype(np.float32)


def scale_hounsfield(image: Image) -> Image:
    """Hounsfield units, clipped to -200 to 1800, such that 400 becomes 0 and 900 becomes 1: alike in every scan."""
    middle, spread = _BONE_HU
    return (np.clip(image, *_SEEN_HU) - np.float32(middle)) / np.float32(spread)


NORMALISATIONS: Final[Mapping[Normalisation, Callable[[Image], Image]]] = {
    "zscore": standardise,
    "hounsfield": scale_hounsfield,
}
POINTWISE: Final = ("hounsfield",)
"""Of these, a part of an image is scaled as the whole is."""


def prepare_image(
    pixels: NDArray[Any],
    spacing_mm: Sequence[float],
    planned_mm: Sequence[float],
    normalisation: Normalisation = "zscore",
) -> Image:
    """Resample an image (channels, ...) to the planned spacing, and bring its values to a common scale.

    Args:
        pixels: In the image's own grey values.
        spacing_mm: Of its axes.
        planned_mm: Of the result's.
        normalisation: Which of `NORMALISATIONS`.
    """
    image = np.asarray(pixels, dtype=np.float32)
    return NORMALISATIONS[normalisation](resize(image, planned_size(image.shape[1:], spacing_mm, planned_mm)))


def prepare_label(
    label: NDArray[np.uint8], labels: int, spacing_mm: Sequence[float], planned_mm: Sequence[float]
) -> NDArray[np.uint8]:
    """Resample a label map (...): every pixel has the label that covers most of it."""
    size = planned_size(label.shape, spacing_mm, planned_mm)
    if size == label.shape:
        return label
    best, found = np.zeros(size, dtype=np.float32), np.zeros(size, dtype=np.uint8)
    for number in range(labels):
        share = resize((label == number)[None], size)[0]
        more = share > best
        best[more], found[more] = share[more], number
    return found


def label_shares(label: NDArray[np.uint8], labels: int) -> Image:
    """The share of every pixel of a label map (...) that each label but the background covers: (labels - 1, ...)."""
    numbers = np.arange(1, labels, dtype=np.uint8).reshape(-1, *[1] * label.ndim)
    return (label[None] == numbers).astype(np.float32)


def with_background(shares: Image) -> Image:
    """Shares (labels - 1, ...) of all labels but the background, and before them what they leave to it."""
    return np.concatenate([1 - shares.sum(axis=0, keepdims=True), shares])
