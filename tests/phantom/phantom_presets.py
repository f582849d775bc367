"""The shipped presets as objects, and a cohort's truth with its landmarks."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from hydra.utils import instantiate
from omegaconf import OmegaConf

from hipseg.config import conf_folder
from hipseg.labels.landmarks import Points
from hipseg.phantom.cohort import FilmJob, film_jobs
from hipseg.phantom.preset import Preset
from hipseg.phantom.subject import Subject, draw_subject

PRESETS = ("standard", "hard", "random", "projected")
FIXTURE_SUBJECTS, FIXTURE_SEED = 8, 3  # of the session's `cohort`


@cache
def shipped(name: str) -> Preset:
    """A preset of `conf/preset/`."""
    made = instantiate(OmegaConf.load(conf_folder() / "preset" / f"{name}.yaml"))
    assert isinstance(made, Preset)
    return made


def subject(seed: int, index: int, preset: str = "standard") -> Subject:
    """One subject of a cohort."""
    return draw_subject(np.random.default_rng([seed, index, 20_000]), shipped(preset))


def fixture_jobs(out: Path) -> list[FilmJob]:
    """The session's cohort as it is made, without what is planted."""
    return list(film_jobs(out, shipped("standard"), FIXTURE_SUBJECTS, FIXTURE_SEED, 1, 0.5))


def read_truth(cohort: Path) -> pd.DataFrame:
    """`OUT.truth.csv` of a cohort, by hip."""
    return pd.read_csv(f"{cohort}.truth.csv", index_col="key", keep_default_na=False, na_values={"mjsw_mm": [""]})


def true_landmarks(row: pd.Series) -> Points:
    """(80, 2) film millimetres out of a row of the truth."""
    return np.array([[row[f"x{i}"], row[f"y{i}"]] for i in range(80)], dtype=np.float64)
