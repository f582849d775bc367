"""Square pictures of films' hips: where they lie, how they are turned, which grade they get, what is left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from scipy.ndimage import gaussian_filter, map_coordinates

from hipseg.commands import main
from hipseg.config import conf_folder
from hipseg.data.image_store import ImageStore, StoredImage
from hipseg.data.sources.case_files import Reading, read_cases
from hipseg.data.sources.film_hips import FilmHips
from hipseg.instantiation import make
from hipseg.io.dicom import read_film
from hipseg.io.limits import UNLIMITED


@pytest.fixture(scope="module")
def source() -> FilmHips:
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        config = compose("convert", ["source=film_hips", "source.pixels=96", "input=x", "store=x"])
    found: FilmHips = make(OmegaConf.to_container(config.source), _convert_="all")
    return found


def _truth(cohort: Path) -> pd.DataFrame:
    return pd.read_csv(cohort.parent / f"{cohort.name}.truth.csv").set_index("key")


def _head(row: pd.Series) -> tuple[float, float]:
    """Middle of the circle nearest to the head's landmarks, by least squares (Kasa)."""
    x, y = (row[[f"{axis}{i}" for i in range(18, 28)]].to_numpy(dtype=float) for axis in "xy")
    solution = np.linalg.lstsq(np.stack([2 * x, 2 * y, np.ones(10)], axis=1), x**2 + y**2, rcond=None)[0]
    return float(solution[0]), float(solution[1])


def test_pictures_show_96_mm_about_the_head_and_left_hips_are_mirrored(source: FilmHips, cohort: Path) -> None:
    truth, seen = _truth(cohort), set[str]()
    for case in source.find(cohort).cases[:16]:
        outcome = read_cases(Reading(case, "xray", 2, None, UNLIMITED))[0]
        if not isinstance(outcome, StoredImage):
            continue
        film, side = read_film(case.images[0], ("CR", "DX")), case.name.split("_")[1]
        x, y = _head(truth.loc[f"{case.film.key}/{side}"])  # type: ignore[attr-defined]
        steps = ((np.arange(96) + 0.5) / 96 - 0.5) * 96
        rows, columns = np.meshgrid(
            (y + steps) / film.spacing.mm - 0.5, (x + steps) / film.spacing.mm - 0.5, indexing="ij"
        )
        wanted = map_coordinates(gaussian_filter(film.pixels, 2), [rows, columns], order=1, mode="nearest")
        wanted = wanted[:, ::-1] if side == "left" else wanted
        alike = np.corrcoef(wanted.ravel(), outcome.pixels[0].ravel())[0, 1]
        assert abs(alike) > 0.97, case.name  # below 0 where the header lies about what is bright
        seen.add(side)
    assert seen == {"right", "left"}


def test_grades_of_the_cohorts_own_table_are_found(cohort: Path, tmp_path: Path) -> None:
    truth = _truth(cohort)
    places = truth.index.to_series().str.split("/", expand=True)
    places.columns = pd.Index(["cohort", "subject", "visit", "side"])
    grades = places.assign(grade=(np.arange(len(places)) * 7) % 5)
    grades.to_csv(tmp_path / "grades.csv", index=False)
    main(["convert", "source=film_hips", "source.pixels=32", f"input={cohort}", f"grades={tmp_path / 'grades.csv'}",
          f"store={tmp_path / 's.h5'}"])  # fmt: skip
    store = ImageStore(tmp_path / "s.h5")
    wanted = {f"xray/{row.subject}/{row.visit}_{row.side}": row.grade for row in grades.itertuples()}
    known = ~np.isnan(store.grades)  # the phantom's planted films have no row of truth
    assert [wanted[key] for key in store.samples["key"][known]] == store.grades[known].tolist()
    assert (store.samples["usable"] == known).all() and known.sum() > 20
    assert store.preprocessing["source"] == "film_hips"
    lost = pd.read_csv(tmp_path / "s.h5.exclusions.csv")
    assert {"implant", "side_missing", "points_missing", "name"} <= set(lost["reason"])
