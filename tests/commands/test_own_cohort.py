"""A third cohort, added by configuration alone."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hipseg.commands import main
from hipseg.data.store import Store

DOCS = Path(__file__).parents[2] / "docs" / "data.md"
FILM = "OAI/V00/OAI-9000001-V00-20060202.dcm"
PATTERNS = {"film": "MINE/scans {year}/{subject}.x-ray.dcm", "points": "MINE/points/{subject}-{year}.pts"}


@pytest.fixture
def mine(cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One film of the session's cohort under another hospital's names, and one of OAI as it is."""
    folder = tmp_path / "in"
    copies = {
        FILM: "MINE/scans 2006/Doe, J. (7).x-ray.dcm",
        FILM.replace("OAI/", "OAI-pointfiles/", 1) + ".pts": "MINE/points/Doe, J. (7)-2006.pts",
    }
    for source, target in copies.items():
        for name in (source, target):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(cohort / source, folder / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["pytest"])
    return folder


def stored(path: Path) -> tuple[list[str], Store]:
    opened = Store(path)
    return opened.samples["key"].tolist(), opened


def test_patterns_on_the_command_line(mine: Path, store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (mine / FILM).unlink()  # the same film under another subject, which would exclude both
    (mine / FILM.replace("OAI/", "OAI-pointfiles/", 1)).with_name(f"{Path(FILM).name}.pts").unlink()
    patterns = ",".join(f"{name}:'{pattern}'" for name, pattern in PATTERNS.items())
    main([
        "preprocess", "input=in", "store=mine.h5", "workers=1",
        f"+cohorts.MINE={{_target_:hipseg.data.cohorts.Cohort,name:MINE,{patterns}}}",
    ])  # fmt: skip
    assert capsys.readouterr().out.startswith("1 files found = 1 stored + 0 excluded\n")
    keys, opened = stored(Path("mine.h5"))
    assert keys == [f"{key}/{side}" for key in ("MINE/Doe, J. (7)/",) for side in ("right", "left")]
    assert opened.samples["usable"].all()
    original = Store(store)
    row = original.rows_by_key["OAI/9000001/V00/left"]
    assert np.array_equal(opened.image(1), original.image(row))
    assert np.array_equal(opened.label(1), original.label(row))
    assert np.array_equal(opened.landmarks(1), original.landmarks(row))
    assert sorted(path.name for path in mine.parent.iterdir()) == ["in", "mine.h5", "mine.h5.exclusions.csv"]


def test_patterns_in_a_folder_of_ones_own(mine: Path, tmp_path: Path) -> None:
    (tmp_path / "conf/cohort").mkdir(parents=True)
    documented = re.search(r"```yaml\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert documented
    text = re.sub(r"(?m)^(film|points): .*", lambda line: f"{line[1]}: '{PATTERNS[line[1]]}'", documented[1])
    (tmp_path / "conf/cohort/mine.yaml").write_text(text)
    main(["preprocess", f"--config-dir={tmp_path / 'conf'}", "cohort=[mine]", "input=in", "store=mine.h5", "workers=1"])
    assert stored(Path("mine.h5"))[0] == ["MINE/Doe, J. (7)//right", "MINE/Doe, J. (7)//left"]
    excluded = pd.read_csv("mine.h5.exclusions.csv")
    points = FILM.replace("OAI/", "OAI-pointfiles/", 1) + ".pts"
    assert excluded[["file", "reason"]].to_numpy().tolist() == [[points, "name"], [FILM, "name"]]
