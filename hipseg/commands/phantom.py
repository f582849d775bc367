"""`hipseg phantom`: a cohort of synthetic films in the cohorts' own layout, or of CT scans."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import pandas as pd
from omegaconf import DictConfig, OmegaConf
from pydantic import Field

from hipseg.errors import HipsegError
from hipseg.instantiation import call
from hipseg.parallel import available_cores, ordered_map
from hipseg.phantom.cohort import film_jobs, make_film, make_plain, make_prosthesis, planted_jobs
from hipseg.phantom.ct.cohort import CtJob, make_subject
from hipseg.phantom.ct.plants import plant_series
from hipseg.phantom.ct.preset import CtPreset
from hipseg.phantom.plants import plant_exclusions
from hipseg.phantom.preset import Preset
from hipseg.phantom.reader import grades_of_reader
from hipseg.progress import track


def phantom(
    out: Path,
    subjects: Annotated[int, Field(ge=1, le=900)],
    seed: Annotated[int, Field(ge=0)],
    preset: Preset,
    exposures: Annotated[int, Field(ge=1, le=2)],
    landmark_error_mm: Annotated[float, Field(ge=0)],
    reader_kappa: Annotated[float, Field(gt=0, le=1)],
    plants: bool,
    workers: Annotated[int, Field(ge=0)] | None,
) -> None:
    """Write the films, their points files, and the truth beside them.

    Args:
        out: Folder of the cohort; `OUT.truth.csv` beside it holds what only evaluation may read.
        subjects: How many, one to three visits each.
        seed: The same seed makes the same files.
        preset: What varies, and how far.
        exposures: 2 repeats every visit with another pose and other noise.
        landmark_error_mm: Root mean square distance of the points files' landmarks from the true ones.
        reader_kappa: Of presets with a disease, Cohen's kappa of `OUT.grades.csv`, a reader's, with true grades.
        plants: Whether to add files that preprocessing excludes, for most of its reasons.
        workers: Processes; all cores if not given.
    """
    _make_empty(out)
    workers = available_cores() if workers is None else workers
    jobs = list(film_jobs(out, preset, subjects, seed, exposures, landmark_error_mm))
    rows = list(chain.from_iterable(track(ordered_map(make_film, jobs, workers), len(jobs), "films")))
    films = len(jobs)
    if plants:
        rows += _plant(out, preset, subjects, seed)
        films += 2
    truth = out.parent / f"{out.name}.truth.csv"
    table = pd.DataFrame(rows)
    table.to_csv(truth, index=False, float_format="%.5f")
    if preset.disease is not None:
        known = table[table["grade_true"].notna()]
        places = known["key"].str.split("/", expand=True).set_axis(["cohort", "subject", "visit", "side"], axis=1)
        _write_grades(places, known["grade_true"], out, reader_kappa, seed)
    print(f"{films} films of preset {preset.name} (version {preset.version}) in {out}, their truth in {truth}")


def _write_grades(places: pd.DataFrame, true: pd.Series, out: Path, kappa: float, seed: int) -> None:
    """A reader's grades of hips, beside the cohort's folder."""
    path = out.parent / f"{out.name}.grades.csv"
    grades = grades_of_reader(true.to_numpy(dtype=np.int64), kappa, np.random.default_rng([seed, 70_000]))
    places.assign(grade=grades).to_csv(path, index=False)
    print(f"grades of {len(places)} hips by a reader of kappa {kappa:g} in {path}")


def _plant(out: Path, preset: Preset, subjects: int, seed: int) -> list[dict[str, object]]:
    sound, implanted = planted_jobs(out, preset, subjects, seed)
    rows = make_plain(sound) + make_prosthesis(implanted)
    name = rows[0]["file"]
    planted = plant_exclusions(out, out / name, out / sound.delivery.points_path(name))
    count = sum(map(len, planted.values()))
    print(f"{count} more files that must be excluded, and 1 film with a prosthesis, planted")
    return rows


def phantom_ct(
    out: Path,
    subjects: Annotated[int, Field(ge=1, le=9999)],
    seed: Annotated[int, Field(ge=0)],
    ct_preset: CtPreset,
    reader_kappa: Annotated[float, Field(gt=0, le=1)],
    plants: bool,
    workers: Annotated[int, Field(ge=0)] | None,
) -> None:
    """Write CT scans of both hips with labels of the femurs, and the truth beside them.

    Args:
        out: Folder of the cohort, with `scans` and `labels`; `OUT.truth.csv` and the surfaces in `OUT.truth` beside it
            hold what only evaluation may read.
        subjects: How many.
        seed: The same seed makes the same files.
        ct_preset: What varies, and how far.
        reader_kappa: Of presets with a disease, Cohen's kappa of `OUT.grades.csv`, a reader's, with true grades.
        plants: Whether to add series that must be refused.
        workers: Processes; all cores if not given.
    """
    _make_empty(out)
    workers = available_cores() if workers is None else workers
    jobs = [CtJob(out, ct_preset, seed, subject) for subject in range(subjects)]
    rows = list(chain.from_iterable(track(ordered_map(make_subject, jobs, workers), len(jobs), "scans")))
    if plants:
        planted = plant_series(replace(jobs[0], subject=subjects))
        print(f"{len(planted)} more series that must be refused: {', '.join(planted)}")
    truth = out.parent / f"{out.name}.truth.csv"
    table = pd.DataFrame(rows)
    table.to_csv(truth, index=False, float_format="%.5f")
    if ct_preset.disease is not None:
        _write_grades(table[["subject", "side"]], table["grade_true"], out, reader_kappa, seed)
    about = f"preset {ct_preset.name} (version {ct_preset.version})"
    print(f"{subjects} scans of {about} in {out}, their truth in {truth}")


def _make_empty(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HipsegError(f"out: {out} can't be made ({error.strerror})") from None
    if any(out.iterdir()):
        raise HipsegError(f"out: {out} is not empty; name a new folder or remove it")


_KINDS: Final[dict[str, tuple[Callable[..., None], tuple[str, ...]]]] = {
    "film": (phantom, ("preset", "exposures", "landmark_error_mm", "reader_kappa")),
    "ct": (phantom_ct, ("ct_preset", "reader_kappa")),
}


def run(config: DictConfig) -> None:
    """Run the command on its configuration: films, or with `kind=ct` scans."""
    kind = str(config.kind)
    if kind not in _KINDS:
        raise HipsegError(f"kind: there is no kind '{kind}'; choose {' or '.join(_KINDS)}")
    function, own = _KINDS[kind]
    shared = ("out", "subjects", "seed", "plants", "workers")
    call(function, OmegaConf.masked_copy(config, [*shared, *own]))
