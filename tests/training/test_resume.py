"""A run that was killed or is to train on ends with the weights of a run that was never stopped."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import pandas as pd
import pytest
import torch
import yaml
from console import ended, sentence, start
from pytorch_lightning import Trainer
from test_one_run import LIGHT, files, tiny

from hipseg.commands import main
from hipseg.tasks.base import BaseTask

NO_PICTURES = "evaluation.joint_space.pictures=0"
EPOCHS = 3
RECIPE = (*LIGHT, NO_PICTURES, "scheduler=one_cycle", "trainer.gradient_clip_val=1.0", f"trainer.max_epochs={EPOCHS}")


class PowerCut(BaseException):
    """Nothing that anyone handles."""


class Moment(NamedTuple):
    """One call of a method, counted from 0 among those with an argument so named, before or after what it does."""

    owner: type
    method: str
    call: int
    name: str = ""
    after: bool = False


def _train(folder: Path, store: Path, split: Path, *more: str) -> Path:
    main(["train", *tiny(store, split, *RECIPE, "model.norm=BATCH", *more, f'out="{folder}"')])
    return folder


def _cut(patch: pytest.MonkeyPatch, moment: Moment) -> None:
    """The power goes at a moment of the run."""
    does, calls = getattr(moment.owner, moment.method), iter(range(moment.call, -2, -1))

    def cut(*args: object, **options: object) -> object:
        now = moment.name in str(args) and next(calls) == 0
        if now and not moment.after:
            raise PowerCut
        result = does(*args, **options)
        if now:
            raise PowerCut
        return result

    patch.setattr(moment.owner, moment.method, cut)


def _state(folder: Path, name: str) -> dict[str, object]:
    content: dict[str, object] = torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True)
    return content


def _curves(folder: Path) -> pd.DataFrame:
    """What metrics.csv says of every epoch, once."""
    table = pd.read_csv(folder / "metrics.csv")
    names = [name for name in table if name.startswith(("train/", "val/"))]
    epochs = table.dropna(how="all", subset=names).groupby("epoch")  # the test has a row of its own
    assert (epochs[names].count() == 1).all(axis=None), "an epoch is doubled or lost"
    return epochs[names].max()


def assert_same_run(folder: Path, whole: Path) -> None:
    """A run is one that was never stopped, to the last bit: weights, optimiser, schedule, curves and tables."""
    assert files(folder) == files(whole)
    for name in ("best", "last"):
        mine, theirs = _state(folder, name), _state(whole, name)
        assert (mine["epoch"], mine["global_step"]) == (theirs["epoch"], theirs["global_step"])
        weights = mine["state_dict"]
        assert isinstance(weights, dict)
        assert weights.keys() == theirs["state_dict"].keys()  # type: ignore[attr-defined]
        assert [key for key, value in weights.items() if not torch.equal(value, theirs["state_dict"][key])] == []  # type: ignore[index]
    assert str(_state(folder, "last")["optimizer_states"]) == str(_state(whole, "last")["optimizer_states"])
    assert _state(folder, "last")["lr_schedulers"] == _state(whole, "last")["lr_schedulers"]
    pd.testing.assert_frame_equal(_curves(folder), _curves(whole), check_exact=True)
    for name in ("test_hips.csv", "test_profiles.csv", "summary.json", "agreement.csv", "cohorts.csv"):
        assert (folder / name).read_bytes() == (whole / name).read_bytes(), name


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, store: Path, split: Path) -> Path:
    """A run that was never stopped."""
    return _train(tmp_path_factory.mktemp("whole") / "run", store, split)


MOMENTS = {
    "amid the second epoch": Moment(BaseTask, "training_step", 3),
    "before the second epoch's checkpoint": Moment(Trainer, "save_checkpoint", 1, "last.ckpt"),
    "after the second epoch's checkpoint": Moment(Trainer, "save_checkpoint", 1, "last.ckpt", after=True),
    "after the last epoch's checkpoint": Moment(Trainer, "save_checkpoint", EPOCHS - 1, "last.ckpt", after=True),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_run_goes_on_to_the_same_weights(
    moment: str, whole: Path, store: Path, split: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with monkeypatch.context() as patch:
        _cut(patch, MOMENTS[moment])
        with pytest.raises(PowerCut):
            _train(tmp_path / "run", store, split)
    assert (tmp_path / "run" / "checkpoints" / "last.ckpt").exists()
    assert not (tmp_path / "run" / "summary.json").exists()
    main(["train", "resume=run"])
    assert_same_run(tmp_path / "run", whole)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]


def test_a_run_that_is_killed_twice_and_moved_goes_on(
    whole: Path, store: Path, split: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for moment, command in (
        ("amid the second epoch", lambda: _train(tmp_path / "a run, of 2", store, split)),
        ("at a validation", lambda: main(["train", f"resume={tmp_path / 'moved'}"])),
    ):
        with monkeypatch.context() as patch:
            _cut(patch, MOMENTS.get(moment, Moment(BaseTask, "validation_step", 0)))
            with pytest.raises(PowerCut):
                command()
        if not (tmp_path / "moved").exists():
            shutil.move(tmp_path / "a run, of 2", tmp_path / "moved")
    main(["train", f"resume={tmp_path / 'moved'}"])
    assert_same_run(tmp_path / "moved", whole)
    assert not (tmp_path / "a run, of 2").exists()


def test_the_configuration_is_the_one_it_began_with(whole: Path, store: Path, split: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "run")
    for name in ("summary.json", "test_hips.csv"):
        (tmp_path / "run" / name).unlink()
    main(["train", f"resume={tmp_path / 'run'}"])
    began, now = (yaml.safe_load((run / ".hydra" / "config.yaml").read_text()) for run in (whole, tmp_path / "run"))
    for name in ("loss", "optimizer", "scheduler", "data", "model", "seed", "activation"):
        assert now[name] == began[name]
    assert_same_run(tmp_path / "run", whole)  # it had fitted already: only the test is done again


def test_a_finished_run_trains_on_for_more_epochs(store: Path, split: Path, tmp_path: Path) -> None:
    longer, shorter = tmp_path / "longer", tmp_path / "shorter"
    main(["train", *tiny(store, split, *LIGHT, NO_PICTURES, "trainer.max_epochs=3", f"out={longer}")])
    main(["train", *tiny(store, split, *LIGHT, NO_PICTURES, "trainer.max_epochs=1", f"out={shorter}")])
    main(["train", f"resume={shorter}", "trainer.max_epochs=3"])
    assert_same_run(shorter, longer)


def test_the_wandb_run_is_the_same_one(
    store: Path, split: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mock.patch.dict(os.environ):
        with monkeypatch.context() as patch:
            _cut(patch, MOMENTS["amid the second epoch"])
            with pytest.raises(PowerCut):
                _train(tmp_path / "run", store, split, "logger=wandb")
        main(["train", f"resume={tmp_path / 'run'}"])
    runs = [path.stem for path in (tmp_path / "run" / "wandb").glob("offline-run-*/*.wandb")]
    assert len(runs) == 2
    assert len(set(runs)) == 1


def _refused(capsys: pytest.CaptureFixture[str], key: str, *arguments: str) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as stopped:
        main(["train", *arguments])
    assert stopped.value.code == 1
    return sentence(capsys.readouterr().err, key)


def _remove(name: str) -> Callable[[Path], object]:
    return lambda run: (run / name).unlink()


def _write(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda run: (run / name).write_bytes(content)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda run: shutil.rmtree(run),
        lambda run: shutil.rmtree(run / ".hydra"),
        _remove("checkpoints/last.ckpt"),
        _write("checkpoints/last.ckpt", b"PK\x03\x04"),
        _write("checkpoints/last.ckpt", b""),
        _write(".hydra/config.yaml", b"seed: ["),
        _write(".hydra/config.yaml", b""),
        _write(".hydra/config.yaml", b"seed: 3\n"),
        _write(".hydra/config.yaml", b"\xff\xfe\x00"),
    ],
    ids=["folder", "hydra", "no_last", "torn_last", "empty_last", "torn_yaml", "empty_yaml", "short_yaml", "bytes"],
)
def test_what_is_no_run_is_refused_and_left_alone(
    spoil: Callable[[Path], object], whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    spoil(run)
    before = {name: (run / name).read_bytes() for name in files(run)} if run.exists() else {}
    _refused(capsys, "resume", f"resume={run}")
    assert ({name: (run / name).read_bytes() for name in files(run)} if run.exists() else {}) == before


@pytest.mark.parametrize("other", ["loss=dice", "seed=4", "data.batch_size=2", "optimizer.lr=0.1", "pretrained=x.ckpt"])
def test_an_option_that_would_make_it_another_run_is_refused(
    other: str, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    before = {name: (run / name).read_bytes() for name in files(run)}
    _refused(capsys, other.split("=")[0], f"resume={run}", other)
    assert {name: (run / name).read_bytes() for name in files(run)} == before


def test_a_used_folder_says_how_to_go_on(
    whole: Path, store: Path, split: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = _refused(capsys, "out", *tiny(store, split, *RECIPE, f"out={whole}"))
    assert "resume=" in line


def test_a_store_that_is_gone_is_named(
    store: Path, split: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(store, tmp_path / "moved.h5")
    with monkeypatch.context() as patch:
        _cut(patch, MOMENTS["amid the second epoch"])
        with pytest.raises(PowerCut):
            _train(tmp_path / "run", tmp_path / "moved.h5", split)
    (tmp_path / "moved.h5").unlink()
    _refused(capsys, "data.store", f"resume={tmp_path / 'run'}")


def _wait(process: subprocess.Popen[str], reached: Callable[[], bool]) -> None:
    """Wait until something is there, or the process has ended too soon."""
    while not reached() and process.poll() is None:
        time.sleep(0.02)
    assert process.poll() is None, process.communicate()


@pytest.mark.slow
def test_a_process_killed_at_a_random_moment_goes_on(store: Path, split: Path, tmp_path: Path) -> None:
    given = tiny(store, split, *LIGHT, NO_PICTURES, "scheduler=one_cycle", "trainer.max_epochs=25")
    process = start(tmp_path, "train", *given, "out=run")
    _wait(process, lambda: (tmp_path / "run/checkpoints/last.ckpt").exists())
    time.sleep(random.Random().uniform(0, 0.5))
    process.kill()
    assert ended(process).returncode == -signal.SIGKILL
    assert not (tmp_path / "run" / "summary.json").exists()
    main(["train", f"resume={tmp_path / 'run'}"])
    main(["train", *given, f"out={tmp_path / 'whole'}"])
    assert_same_run(tmp_path / "run", tmp_path / "whole")


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT], ids=lambda sent: sent.name)
def test_a_signal_amid_the_fit_ends_it_with_a_line(
    sent: signal.Signals, store: Path, split: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    step, calls = BaseTask.training_step, iter(range(3, -99, -1))

    def training_step(*args: object, **options: object) -> object:
        if next(calls) == 0:
            os.kill(os.getpid(), sent)
        return step(*args, **options)  # type: ignore[arg-type]

    before = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)]
    with monkeypatch.context() as patch:
        patch.setattr(BaseTask, "training_step", training_step)
        with pytest.raises(SystemExit) as stopped:
            _train(tmp_path / "run", store, split)
    assert stopped.value.code == 128 + sent
    said = capsys.readouterr().err
    assert len([line for line in said.splitlines() if line.startswith("hipseg: ")]) == 1
    assert "Traceback" not in said
    assert len(_curves(tmp_path / "run")) == 1
    assert not (tmp_path / "run" / "summary.json").exists()
    assert [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)] == before
