"""`hipseg split`: which subjects train, validate and test."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from omegaconf import DictConfig
from pydantic import Field

from hipseg.data.split import SUBSETS, By, make_split, subjects_of, with_folds
from hipseg.data.store import Store
from hipseg.data.stores import has_grades, open_store
from hipseg.errors import HipsegError
from hipseg.instantiation import call


def split(
    store: Path | list[Path],
    out: Path,
    by: By,
    folds: int | None,
    ratios: tuple[float, float, float],
    seed: Annotated[int, Field(ge=0)],
    stratify: bool,
) -> None:
    """Write the split and print its sizes.

    Args:
        store: HDF5 file, or several of images, [A,B].
        out: CSV file.
        by: `subject`; `sample` as the thesis did (the same film then trains and tests); `given` as a dataset of images
            says.
        folds: So many folds of what does not test, for cross-validation.
        ratios: Shares of train, val and test.
        seed: The same seed draws the same split.
        stratify: Whether each subset gets its share of every cohort and, of stores with grades, of every highest grade
            that a subject has.
    """
    opened = open_store(store, "store")
    if stratify and not has_grades(opened):
        raise HipsegError("stratify: the store holds no grades; leave it out")
    grades = opened.grades if stratify and not isinstance(opened, Store) else None
    table = make_split(opened.samples, by, ratios, seed, grades)
    if folds is not None:
        table = with_folds(table, folds, seed)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(out, index=False)
    except OSError as error:
        raise HipsegError(f"out: {out} can't be written ({error.strerror})") from None
    subjects = subjects_of(table["sample"]).groupby(table["subset"]).nunique()
    samples = table["subset"].value_counts()
    sizes = ", ".join(f"{s} {samples.get(s, 0)} samples of {subjects.get(s, 0)} subjects" for s in SUBSETS)
    print(f"{out}, by {by}: {sizes}")


def run(config: DictConfig) -> None:
    """Run the command on its configuration."""
    call(split, config)
