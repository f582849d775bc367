"""A sweep goes on after a refused run, says which failed, and started again does only what is not done."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest
from console import sentence
from test_one_run import files, tiny

from hipseg.commands import main

NO_PICTURES = "evaluation.joint_space.pictures=0"


class Swept(NamedTuple):
    """How a sweep ended and what it said."""

    code: object
    out: str
    err: str


def _sweep(capsys: pytest.CaptureFixture[str], folder: Path, store: Path, split: Path, *more: str) -> Swept:
    capsys.readouterr()
    code: object = 0
    try:
        main(["train", *tiny(store, split, NO_PICTURES, *more, "-m", f"out={folder}")])
    except SystemExit as ended:
        code = ended.code or 0
    return Swept(code, *capsys.readouterr())


def _written(folder: Path) -> dict[str, int]:
    """When each of a run's results was written."""
    return {name: (folder / name).stat().st_mtime_ns for name in files(folder) if name.endswith((".csv", ".ckpt"))}


def test_a_refused_run_does_not_end_the_sweep(
    store: Path, split: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "sweep"
    first = _sweep(capsys, folder, store, split, "data.train_size=4,10000,8")
    assert first.code == 1
    assert "Traceback" not in first.err
    for job in ("0", "2"):
        assert (folder / job / "summary.json").exists()
    assert not (folder / "1" / "test_hips.csv").exists()
    last = first.err.splitlines()[-1]
    assert last.startswith("hipseg: ")
    assert "data.train_size=10000" in last
    assert "data.train_size=4" not in last.replace("data.train_size=10000", "")
    reason = [line for line in first.err.splitlines() if "10000 samples are asked for" in line]
    assert len(reason) >= 1

    before = {job: _written(folder / job) for job in ("0", "2")}
    again = _sweep(capsys, folder, store, split, "data.train_size=4,10000,8")
    assert again.code == 1
    assert {job: _written(folder / job) for job in ("0", "2")} == before
    assert "data.train_size=10000" in again.err.splitlines()[-1]
    assert len(re.findall("skip", again.out + again.err)) >= 1


def test_a_run_that_breaks_off_does_not_end_the_sweep(
    store: Path, split: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    swept = _sweep(capsys, tmp_path / "sweep", store, split, "optimizer.lr=1e-3,1e30,1e-4", "trainer.max_epochs=3")
    assert swept.code == 1
    for job in ("0", "2"):
        assert (tmp_path / "sweep" / job / "summary.json").exists()
    assert "optimizer.lr=1e30" in swept.err.splitlines()[-1].replace("+30", "30")


def test_a_sweep_that_is_right_says_nothing_of_failures(
    store: Path, split: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "sweep"
    first = _sweep(capsys, folder, store, split, "seed=0,1")
    assert first.code == 0
    assert "hipseg: " not in first.err
    before = {job: _written(folder / job) for job in ("0", "1")}
    again = _sweep(capsys, folder, store, split, "seed=0,1")
    assert again.code == 0
    assert {job: _written(folder / job) for job in ("0", "1")} == before
    # A longer list does the new ones.
    more = _sweep(capsys, folder, store, split, "seed=0,1,2")
    assert more.code == 0
    assert {job: _written(folder / job) for job in ("0", "1")} == before
    assert (folder / "2" / "summary.json").exists()


def test_finished_runs_with_other_options_are_not_taken_for_done(
    store: Path, split: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "sweep"
    assert _sweep(capsys, folder, store, split, "seed=0").code == 0
    before = _written(folder / "0")
    other = _sweep(capsys, folder, store, split, "seed=7")
    assert other.code == 1
    assert "hipseg: " in other.err
    assert "Traceback" not in other.err
    assert _written(folder / "0") == before


def test_a_run_stopped_amid_the_sweep_goes_on(
    store: Path, split: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from hipseg.tasks.base import BaseTask

    class PowerCut(BaseException):
        pass

    folder, step, calls = tmp_path / "sweep", BaseTask.training_step, iter(range(9))

    def cut(*args: object, **options: object) -> object:
        if next(calls) == 7:  # the fourth step of the second run
            raise PowerCut
        return step(*args, **options)  # type: ignore[arg-type]

    sweep = ("seed=0,1,2", "trainer.max_epochs=2")
    with monkeypatch.context() as patch:
        patch.setattr(BaseTask, "training_step", cut)
        with pytest.raises(PowerCut):
            _sweep(capsys, folder, store, split, *sweep)
    before = _written(folder / "0")
    assert not (folder / "1" / "summary.json").exists()
    assert _sweep(capsys, folder, store, split, *sweep).code == 0
    assert _written(folder / "0") == before
    for job in ("1", "2"):
        assert (folder / job / "summary.json").exists()
    epochs = pd.read_csv(folder / "1" / "metrics.csv").dropna(subset=["val/loss"])["epoch"]
    assert epochs.tolist() == [0, 1]


def test_a_mistake_in_every_run_is_one_sentence(
    store: Path, split: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    swept = _sweep(capsys, tmp_path / "sweep", store, split, "trainer.max_epoch=1,2")
    assert swept.code == 1
    sentence(swept.err, "trainer.max_epoch")
