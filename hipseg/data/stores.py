"""The two kinds of store, opened by what they are, and what they have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hipseg.data.image_store import ImageStore, is_image_store
from hipseg.data.store import Store

AnyStore = Store | ImageStore


def open_store(path: Path, key: str = "data.store") -> AnyStore:
    """A store of hips or of images.

    Raises:
        HipsegError: If the file is missing or is no store.
    """
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
