"""Two processes on one store, cohort files with mistakes, and patterns that match nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from console import sentence

from hipseg.commands import main

HOLD = (
    "import sys, h5py, hdf5plugin\nfile = h5py.File(sys.argv[1], 'r+')\nprint('held', flush=True)\nsys.stdin.read()\n"
)
FILM = "OAI/{visit}/OAI-{subject}-{visit}-{date}.dcm"
POINTS = "OAI-pointfiles/{visit}/OAI-{subject}-{visit}-{date}.dcm.pts"
MINE = f"_target_: hipseg.data.cohorts.Cohort\nname: MINE\nfilm: '{FILM}'\npoints: '{POINTS}'\n"


@pytest.fixture(autouse=True)
def here(cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with one film of cohort OAI."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["pytest"])
    named = {"visit": "V00", "subject": "9000001", "date": "20060202"}
    for pattern in (FILM, POINTS):
        copy = tmp_path / "films" / pattern.format(**named)
        copy.parent.mkdir(parents=True)
        shutil.copy(cohort / pattern.format(**named), copy)
    return tmp_path


def _refused(capsys: pytest.CaptureFixture[str], key: str, *arguments: str) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    assert stopped.value.code == 1
    return sentence(capsys.readouterr().err, key)


@pytest.fixture
def held(store: Path, here: Path) -> Iterator[Path]:
    """A store that another process is writing."""
    path = here / "held.h5"
    shutil.copy(store, path)
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        yield path
        other.communicate()


def test_a_store_that_another_process_writes_is_said_to_be(
    held: Path, cohort: Path, split: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for key, given in {
        "store": ["preprocess", f"input={cohort}", f"store={held}", "workers=1"],
        "data.store": ["train", f"data.store={held}", f"data.split={split}", "out=r"],
    }.items():
        line = _refused(capsys, key, *given)
        assert "process" in line
        assert "remove" not in line
        assert "not a" not in line


def test_when_the_other_process_is_done_it_goes_on(held: Path, here: Path) -> None:
    shutil.copy(held, here / "done.h5")
    main(["split", "store=done.h5", "out=s.csv", "ratios=[0.5,0.25,0.25]"])
    assert len(pd.read_csv("s.csv")) == 39


PATTERN = "cohorts.OAI.film='NOWHERE/{visit}/OAI-{subject}-{visit}-{date}.dcm'"


def test_a_pattern_that_matches_nothing_makes_no_store(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = _refused(capsys, "input", "preprocess", "input=films", "store=a.h5", "workers=1", PATTERN)
    assert "pattern" in line or "cohort" in line
    assert not (here / "a.h5").exists()


def test_a_pattern_that_matches_nothing_leaves_a_store_as_it_was(
    here: Path, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(store, here / "a.h5")
    before = (here / "a.h5").read_bytes()
    _refused(capsys, "input", "preprocess", "input=films", "store=a.h5", "workers=1", PATTERN)
    assert (here / "a.h5").read_bytes() == before


def _own(here: Path, text: str) -> list[str]:
    (here / "conf/cohort").mkdir(parents=True)
    (here / "conf/cohort/mine.yaml").write_text(text)
    return ["preprocess", "--config-dir=conf", "cohort=[mine]", "input=films", "store=a.h5", "workers=1"]


def test_a_cohort_file_with_its_first_line_is_right(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(_own(here, f"# @package cohorts.MINE\n{MINE}"))
    assert "= 1 stored + 0 excluded" in capsys.readouterr().out


@pytest.mark.parametrize("start", ["", "# my hospital\n", "# @package cohort.MINE\n"])
def test_a_cohort_file_without_its_first_line_is_told_which_is_missing(
    start: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    with pytest.raises(SystemExit) as stopped:
        main(_own(here, start + MINE))
    assert stopped.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("hipseg: ")
    assert "# @package cohorts." in line
    assert not (here / "a.h5").exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- 1\n",
        "film: [\n",
        "# @package cohorts.MINE\n",
        "just text\n",
        "\tname: x\n",
        f"# @package _global_\n{MINE}",
    ],
)
def test_a_cohort_file_that_is_none_is_refused_in_a_line(
    text: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    with pytest.raises(SystemExit) as stopped:
        main(_own(here, text))
    assert stopped.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("hipseg: ")
    assert not (here / "a.h5").exists()


def test_a_config_folder_that_is_not_there_is_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["preprocess", "--config-dir=nowhere", "cohort=[mine]", "input=films", "store=a.h5"]
    assert "nowhere" in _refused(capsys, "nowhere", *given)
