"""Femurs of which only what a periosteal surface encloses is left, as the second network of a cascade sees them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hipseg.data.identity import already_seen
from hipseg.data.image_store import ImageStore, ImageStoreWriter, StoredImage
from hipseg.prediction.mean_labels import mean_labels
from hipseg.progress import track

BLANK_HU: Final = -1024


def blanked(pixels: NDArray[Any], mask: NDArray[np.bool_]) -> NDArray[Any]:
    """An image (channels, ...) with air wherever a mask (...) is False."""
    return np.where(mask, pixels, np.asarray(BLANK_HU, dtype=pixels.dtype))


def write_enclosed(store: ImageStore, tasks: Sequence[Any], out: Path) -> tuple[int, int]:
    """Write a store of the same femurs and labels, blank beyond their periosteal surfaces.

    Args:
        store: Of femurs.
        tasks: Networks that find these surfaces. Where some have not learnt from a femur's subject, as those of other
            folds, only they are asked. The annotated surfaces if there are none.
        out: The new store's file.

    Returns:
        How many femurs are stored, and how many of these every network had learnt from.
    """
    unseen, known = _networks_by_row(store, tasks), 0
    about = {**store.preprocessing, "enclosed": True, "masks": "predicted" if tasks else "annotated"}
    usable = np.flatnonzero(store.labelled if not tasks else np.ones(len(store.samples), dtype=bool))
    with ImageStoreWriter(out, store.label_names, {k: v for k, v in about.items() if k != "kind"}) as writer:
        for row in track(usable.tolist(), len(usable), "femurs"):
            sample, pixels = store.samples.iloc[row], store.image(row)
            label = store.label(row) if store.labelled[row] else None
            asked = unseen[row] or tasks
            known += bool(tasks) and not unseen[row]
            mask = label if label is not None and not tasks else mean_labels(asked, pixels, store.spacing_mm(row))
            writer.put(
                StoredImage(
                    sample["key"], sample["subject"], sample["subset"], int(sample["fold"]), blanked(pixels, mask > 0),
                    label, store.spacing_mm(row), sample["source"], sample["source_sha256"],
                )
            )  # fmt: skip
    return len(usable), known


def _networks_by_row(store: ImageStore, tasks: Sequence[Any]) -> list[list[Any]]:
    """For every row the networks that have not learnt from its subject."""
    keys = [str(key) for key in store.samples["key"]]
    seen = [already_seen(task.record["training"], store, keys) for task in tasks]
    return [[task for task, known in zip(tasks, seen, strict=True) if key not in known] for key in keys]
