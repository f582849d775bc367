"""The two kinds of store, opened by what they are, and what they have in common."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hipseg.data.image_store import ImageStore, is_image_store
from hipseg.data.joined_store import JoinedStore, join_stores
from hipseg.data.store import Store

AnyStore = Store | ImageStore | JoinedStore
GradedStore = ImageStore | JoinedStore


def open_store(path: Path | Sequence[Path], key: str = "data.store") -> AnyStore:
    """A store of hips or of images, or several of images as one.

    Raises:
        HipsegError: If a file is missing or is no store.
    """
    if not isinstance(path, (str, Path)):
        return join_stores(path, key) if len(path) > 1 else open_store(path[0], key)
    return ImageStore(path, key) if is_image_store(Path(path)) else Store(path, key)


def image_and_label(store: AnyStore, row: int) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """A sample's image (channels, ...) and label map (...) at the stored size; left hips are mirrored."""
    image, label = store.image(row), store.label(row)
    if isinstance(store, Store):
        image = image[None]
        if bool(store.samples["mirror"].iat[row]):
            image, label = image[..., ::-1], label[..., ::-1]
    return image, label


def stored_size(store: AnyStore, row: int) -> tuple[int, ...]:
    """Pixels of a sample's image, an axis each."""
    return store.grid(row).shape if isinstance(store, Store) else store.size(row)


def stored_channels(store: AnyStore, row: int) -> int:
    """Channels of a sample's image."""
    return 1 if isinstance(store, Store) else store.channels(row)


def has_grades(store: AnyStore) -> bool:
    """Whether a store holds a grade of any image."""
    return not isinstance(store, Store) and not bool(np.isnan(store.grades).all())
