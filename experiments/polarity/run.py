"""Polarity on phantoms of every kind of header: `python experiments/polarity/run.py [films=400] [preset=standard]`."""

from __future__ import annotations

import csv
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from itertools import product
from pathlib import Path

from hydra.utils import instantiate
from omegaconf import OmegaConf

from hipseg.config import conf_folder
from hipseg.io.dicom import read_film
from hipseg.parallel import available_cores, ordered_map
from hipseg.phantom.cohort import FilmJob, make_film
from hipseg.transforms.film import prepare_film

HERE = Path(__file__).parent
KINDS = list(product(("MONOCHROME1", "MONOCHROME2"), ("truthful", "lying"), ("collimated", "open")))


def judge(task: tuple[str, int]) -> tuple[int, str]:
    """Write one film of its kind, read it as preprocessing does, and return what was decided."""
    preset, index = task
    photometric, header, shutters = KINDS[index % len(KINDS)]
    config = instantiate(OmegaConf.load(conf_folder() / "preset" / f"{preset}.yaml"))
    faults = replace(
        config.faults,
        monochrome1=float(photometric == "MONOCHROME1"),
        lying_header=float(header == "lying"),
        compressed=0.0,
    )
    exposure = replace(config.exposure, collimated=float(shutters == "collimated"))
    with tempfile.TemporaryDirectory() as folder:
        job = FilmJob(Path(folder), replace(config, faults=faults, exposure=exposure), 77, index, 0, 0, 0.0)
        row = make_film(job)[0]
        film = read_film(Path(folder) / row["file"], ["CR", "DX"])
        return index, prepare_film(film.pixels, film.grid, (512, 512), 0.9).polarity


def main(films: int, preset: str) -> None:
    """Count decisions by kind."""
    counts: Counter[tuple[str, ...]] = Counter()
    for index, polarity in ordered_map(judge, [(preset, i) for i in range(films)], available_cores()):
        counts[(*KINDS[index % len(KINDS)], polarity)] += 1
    rows = [
        (*kind, counts[(*kind, "stated")], counts[(*kind, "corrected")], counts[(*kind, "unsure")]) for kind in KINDS
    ]
    with (HERE / f"results_{preset}.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("photometric", "header", "shutters", "stated", "corrected", "unsure"))
        writer.writerows(rows)
    right = sum(row[3] if row[1] == "truthful" else row[4] for row in rows)
    flipped = sum(row[4] for row in rows if row[1] == "truthful")
    for row in rows:
        print(*(f"{cell:>12}" for cell in row))
    print(
        f"preset {preset}: {right} of {films} end right ({100 * right / films:.2f} %), {flipped} truthful ones flipped"
    )


if __name__ == "__main__":
    options = dict(argument.split("=", 1) for argument in sys.argv[1:])
    main(int(options.get("films", 400)), options.get("preset", "standard"))
