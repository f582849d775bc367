"""`hipseg convert`: images and masks into one store."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

from omegaconf import DictConfig
from pydantic import Field

from hipseg.data.convert import convert_images
from hipseg.data.grades import read_grades
from hipseg.data.sources.case_files import ImageSource
from hipseg.data.sources.film_hips import FilmHips
from hipseg.instantiation import call
from hipseg.io.limits import Limits
from hipseg.parallel import available_cores


def convert(
    input: Path,
    store: Path,
    source: ImageSource,
    spacing_mm: tuple[Annotated[float, Field(gt=0)], ...] | None,
    grades: Path | None,
    limits: Limits,
    workers: Annotated[int, Field(ge=0)] | None,
) -> None:
    """Write a store of a dataset's images and masks at their own size, and print where every case ended.

    Args:
        input: The dataset: a folder, or a table.
        store: HDF5 file; `STORE.exclusions.csv` beside it names what was left out and why.
        source: How the dataset says what belongs together.
        spacing_mm: Down and across, of files that state none.
        grades: CSV with `subject`, `grade` and as the cases need it `visit` and `side`; none if not given.
        limits: Beyond which a file is excluded unread.
        workers: Processes; all cores if not given.
    """
    workers = max(2, available_cores()) if workers is None else workers
    if isinstance(source, FilmHips) and source.locator is not None:
        # Here, so that reading other sources needs no torch.
        from hipseg.checkpoint import load_locator
        from hipseg.inference.locator import network_locator

        source = replace(source, finder=network_locator(load_locator, source.locator))
    known = read_grades(grades) if grades is not None else None
    print("\n".join(convert_images(source.find(input), store, spacing_mm, limits, workers, known).lines()))
    print(f"store {store}, exclusions {store}.exclusions.csv")


def run(config: DictConfig) -> None:
    """Run the command on its configuration."""
    call(convert, config)
