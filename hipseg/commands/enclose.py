"""`hipseg enclose`: a store of what periosteal surfaces enclose, for the second network of a cascade."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from hipseg.checkpoint import load, require_alike, require_same_data
from hipseg.data.image_store import ImageStore
from hipseg.data.stores import open_store
from hipseg.errors import HipsegError
from hipseg.inference.device import best_device
from hipseg.instantiation import call
from hipseg.labels.femur import LABEL_NAMES
from hipseg.prediction.enclosed import write_enclosed


def enclose(store: Path, checkpoint: Path | list[Path] | None, out: Path, trusted: tuple[str, ...]) -> None:
    """Write a store of the same femurs that is blank beyond their periosteal surfaces.

    Args:
        store: HDF5 file of `hipseg convert source=scans`.
        checkpoint: Whose surfaces they are; of several, as [A,B], those decide that have not learnt from a femur's
            subject. The annotated surfaces if not given.
        out: The new HDF5 file.
        trusted: Beginnings of names of your own that the checkpoints may import.

    Raises:
        HipsegError: If the store or a checkpoint is not of femurs.
    """
    opened = open_store(store, "store")
    whole = opened.label_names == LABEL_NAMES and not opened.preprocessing.get("enclosed")
    if not (isinstance(opened, ImageStore) and whole):
        raise HipsegError(f"store: {store} holds no whole femurs; give one of 'hipseg convert source=scans'")
    if out.exists() and out.samefile(store):
        raise HipsegError(f"out: {out} is the store that is read; name another file")
    paths = checkpoint if isinstance(checkpoint, list) else [checkpoint] if checkpoint else []
    tasks = [load(path, trusted=trusted).to(best_device()) for path in paths]
    for task, path in zip(tasks, paths, strict=True):
        require_same_data(task.record, opened, path)
    if tasks:
        require_alike(tasks, paths)
    count, known = write_enclosed(opened, tasks, out)
    whose = "predicted" if tasks else "annotated"
    print(f"store {out}: {count} femurs within their {whose} periosteal surfaces")
    if known:
        print(
            f"{known} of them by networks that had learnt from them, whose surfaces are better than those of new "
            "scans; give the checkpoints of all folds"
        )


def run(config: DictConfig) -> None:
    """Run the command on its configuration."""
    call(enclose, config)
