"""`hipseg preprocess`: films and points files into one store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from omegaconf import DictConfig
from pydantic import Field

from hipseg.data.cohorts import Cohort
from hipseg.data.preprocess import preprocess_folder
from hipseg.data.settings import Region, Settings
from hipseg.errors import HipsegError
from hipseg.inference.heads import HeadLocator
from hipseg.instantiation import call
from hipseg.io.limits import Limits
from hipseg.labels.curves import CurveFunction
from hipseg.measure.quality import Plausible
from hipseg.parallel import available_cores


def preprocess(
    input: Path,
    store: Path,
    cohorts: dict[str, Cohort],
    outline: CurveFunction,
    region: Region,
    locator: Path | None,
    rows: Annotated[int, Field(ge=16)],
    columns: Annotated[int, Field(ge=16)],
    spacing_mm: Annotated[float, Field(gt=0)],
    intensity_bits: Annotated[int, Field(ge=8, le=16)],
    modalities: tuple[str, ...],
    plausibility: Plausible,
    limits: Limits,
    trusted: tuple[str, ...],
    workers: Annotated[int, Field(ge=0)] | None,
) -> None:
    """Bring the store up to date with the input folder and print where every file and hip ended.

    Args:
        input: Folder with the cohorts' films and points files.
        store: HDF5 file; `STORE.exclusions.csv` beside it names what was left out and why.
        cohorts: How each cohort names its files.
        outline: How head and sourcil run between their landmarks.
        region: One image a film, or one a hip around its femoral head.
        locator: Checkpoint trained on whole films; with `roi=joint` it finds the heads, as at test time, in place of
            the landmarks.
        rows: Of the stored grid.
        columns: Of the stored grid.
        spacing_mm: Of the stored grid.
        intensity_bits: Precision of the stored grey values.
        modalities: DICOM modalities that are radiographs.
        plausibility: What landmarks are judged by.
        limits: Beyond which a file is excluded unread.
        trusted: Beginnings of names of your own that the locator may import.
        workers: Processes; all cores if not given.
    """
    settings = Settings(
        rows, columns, spacing_mm, intensity_bits, modalities, outline, region,
        _locator(locator, region, trusted), plausibility, limits,
    )  # fmt: skip
    # At least two, so that no film is decoded in the process that writes the store.
    workers = max(2, available_cores()) if workers is None else workers
    account = preprocess_folder(input, store, cohorts, settings, workers)
    print("\n".join(account.lines()))
    print(f"store {store}, exclusions {store}.exclusions.csv")


def _locator(path: Path | None, region: Region, trusted: tuple[str, ...]) -> HeadLocator | None:
    if path is None:
        return None
    if region != "joint":
        raise HipsegError("locator: only roi=joint is found by a locator; leave it out")
    # Here, so that preprocessing without one needs no torch.
    from hipseg.checkpoint import load_locator
    from hipseg.inference.locator import network_locator

    return network_locator(load_locator, path, trusted)


def run(config: DictConfig) -> None:
    """Run the command on its configuration."""
    call(preprocess, config)
