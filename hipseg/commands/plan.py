"""`hipseg plan`: spacing, patch and network for a store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from omegaconf import DictConfig
from pydantic import Field

from hipseg.data.split import read_split
from hipseg.data.stores import AnyStore, open_store, stored_channels, stored_size
from hipseg.errors import HipsegError
from hipseg.instantiation import call
from hipseg.planning import Fingerprint, plan_network, write_plan


def plan(
    store: Path,
    split: Path | None,
    out: Path,
    memory_gb: Annotated[float, Field(gt=0)],
    features: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]],
) -> None:
    """Write the plan for a store's training images, and print it.

    Args:
        store: HDF5 file of `hipseg convert` or `hipseg preprocess`.
        split: Of which only the samples that do not test count.
        out: YAML file to read, edit and keep.
        memory_gb: Of the graphics card that the network is meant for.
        features: Of the network's first stage, and at most.
    """
    opened = open_store(store, "store")
    rows = _training_rows(opened, split)
    if not rows:
        raise HipsegError(f"store: {store} has no training sample to plan for")
    made = Fingerprint(
        tuple(stored_size(opened, row) for row in rows),
        tuple(tuple(opened.spacing_mm(row)) for row in rows),
        stored_channels(opened, rows[0]),
        len(opened.label_names),
    )
    planned = plan_network(made, memory_gb, features)
    about = f"Made by hipseg plan of {len(rows)} training images for {memory_gb:g} GB; edit what you like."
    write_plan(planned, out, about)
    print(out.read_text(encoding="utf-8"), end="")


def _training_rows(store: AnyStore, split: Path | None) -> list[int]:
    samples = store.samples
    if split is not None:
        table = read_split(split, samples, "split")
        return [store.rows_by_key[key] for key in table.loc[table["subset"] != "test", "sample"]]
    learns = samples["usable"] & (samples["subset"] != "test" if "subset" in samples else True)
    return [store.rows_by_key[key] for key in samples.loc[learns, "key"]]


def run(config: DictConfig) -> None:
    """Run the command on its configuration."""
    call(plan, config)
