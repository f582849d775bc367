"""Several stores of images as one, so that a network may learn from all of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hipseg.data.image_store import ImageStore
from hipseg.errors import HipsegError


class JoinedStore:
    """Stores of images, their rows one after the other; read as `ImageStore` is.

    Args:
        stores: Of one set of labels.
        key: The option that names them.

    Raises:
        HipsegError: If their labels differ, or two have a case of one key.
    """

    def __init__(self, stores: Sequence[ImageStore], key: str) -> None:
        self._stores, first = tuple(stores), stores[0]
        for store in stores[1:]:
            if store.label_names != first.label_names:
                raise HipsegError(f"{key}: {store.path} has other labels than {first.path}; name stores of one kind")
        self._ends = np.cumsum([len(store.samples) for store in stores])
        self.samples = pd.concat([store.samples for store in stores], ignore_index=True)
        if (twice := self.samples["key"].duplicated()).any():
            said = f"{self.samples.loc[twice, 'key'].iloc[0]} lies in two of its stores"
            raise HipsegError(f"{key}: {said}; convert one of them with another source.dataset=NAME")
        self.grades = np.concatenate([store.grades for store in stores])
        self.labelled = np.concatenate([store.labelled for store in stores])
        self.path, self.label_names, self.identity_key = first.path, first.label_names, first.identity_key
        self.preprocessing: dict[str, Any] = {**first.preprocessing, "joined": [s.preprocessing for s in stores]}

    @cached_property
    def rows_by_key(self) -> dict[str, int]:
        """Row of every case, by its key."""
        return {key: row for row, key in enumerate(self.samples["key"])}

    def _of(self, row: int) -> tuple[ImageStore, int]:
        """The store that a row lies in, and its row there."""
        index = int(np.searchsorted(self._ends, row, side="right"))
        return self._stores[index], row - (int(self._ends[index - 1]) if index else 0)

    def image(self, row: int, part: tuple[slice, ...] | None = None) -> NDArray[Any]:
        """See `ImageStore.image`."""
        store, own = self._of(row)
        return store.image(own, part)

    def label(self, row: int, part: tuple[slice, ...] | None = None) -> NDArray[np.uint8]:
        """See `ImageStore.label`."""
        store, own = self._of(row)
        return store.label(own, part)

    def size(self, row: int) -> tuple[int, ...]:
        """Pixels of a case, an axis each."""
        store, own = self._of(row)
        return store.size(own)

    def spacing_mm(self, row: int) -> tuple[float, ...]:
        """Millimetres per pixel of a case, an axis each; NaN where it is unknown."""
        store, own = self._of(row)
        return store.spacing_mm(own)

    def channels(self, row: int) -> int:
        """Channels of a case's image."""
        store, own = self._of(row)
        return store.channels(own)

    def source_sha256(self, row: int) -> str:
        """Of the file that a case came from."""
        return str(self.samples["source_sha256"].iat[row])


def join_stores(paths: Sequence[Path], key: str) -> JoinedStore:
    """Open stores of images as one.

    Raises:
        HipsegError: If one is missing or is none of images.
    """
    for path in paths:
        if not Path(path).is_file():
            raise HipsegError(f"{key}: there is no file {path}")
    return JoinedStore([ImageStore(Path(path), key) for path in paths], key)
