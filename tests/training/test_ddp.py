"""Two processes give what one gives: the same table of the same weights, every hip once, every file once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from console import console, sentence
from test_one_run import FILES, LIGHT, assert_complete, files, tiny, trained

from hipseg.checkpoint import read_checkpoint
from hipseg.commands import main

TWO = ("trainer.devices=2", "trainer.accelerator=cpu", "trainer.strategy=ddp")


def _same_table(one: Path, other: Path) -> None:
    a, b = (pd.read_csv(folder / "test_hips.csv") for folder in (one, other))
    assert a["sample"].tolist() == b["sample"].tolist()
    assert a["status"].tolist() == b["status"].tolist()
    assert list(a.columns) == list(b.columns)
    numbers = a.select_dtypes("number").columns
    # A batch of another size may round the last bit of a probability otherwise.
    np.testing.assert_allclose(a[numbers], b[numbers], rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_a_test_by_two_processes_is_that_by_one(
    tmp_path_factory: pytest.TempPathFactory, store: Path, split: Path, tmp_path: Path
) -> None:
    """Five test hips: the last batch of one process has none of its own."""
    run = trained(tmp_path_factory, store, split)
    given = [
        f"checkpoint={run / 'checkpoints/best.ckpt'}", f"data.store={store}", f"data.split={split}",
        "data.workers=0", "data.batch_size=2", "callbacks.joint_space_width.pictures=1",
    ]  # fmt: skip
    main(["evaluate", *given, f"out={tmp_path / 'one'}"])
    done = console(tmp_path, "evaluate", *given, *TWO, "out=two")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    _same_table(tmp_path / "one", tmp_path / "two")
    assert files(tmp_path / "two") == files(tmp_path / "one")
    profiles = [pd.read_csv(tmp_path / folder / "test_profiles.csv") for folder in ("one", "two")]
    pd.testing.assert_frame_equal(profiles[0], profiles[1], atol=1e-3)
    assert done.stdout.count("run folder") == 1
    metrics = pd.read_csv(tmp_path / "two" / "metrics.csv")
    assert len(metrics) == 1
    logged = pd.read_csv(tmp_path / "one" / "metrics.csv")
    for name in ("test/dice/mean", "test/dice/femoral_head", "test/loss"):
        assert metrics[name][0] == pytest.approx(logged[name][0], abs=1e-4), name
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "one", "two"]


@pytest.mark.slow
def test_two_processes_train_and_write_once(store: Path, split: Path, tmp_path: Path) -> None:
    given = tiny(store, split, *LIGHT, "trainer.max_epochs=2")
    done = console(tmp_path, "train", *given, *TWO, "out=two")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    folder = tmp_path / "two"
    assert_complete(folder, split)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "two"]
    metrics = pd.read_csv(folder / "metrics.csv")
    names = [name for name in metrics if name.startswith(("train/", "val/"))]
    assert metrics[names].notna().sum().eq(2).all()
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.lower().startswith("epoch")]
    assert len(lines) == 2
    last = read_checkpoint(folder / "checkpoints" / "last.ckpt")
    assert last["global_step"] == 2  # eight hips, four by each of two processes, twice
    main([
        "evaluate", f"checkpoint={folder / 'checkpoints/best.ckpt'}", f"data.store={store}", f"data.split={split}",
        "data.workers=0", f"out={tmp_path / 'one'}",
    ])  # fmt: skip
    _same_table(tmp_path / "one", folder)


@pytest.mark.slow
def test_the_gradient_of_two_processes_is_that_of_one(store: Path, split: Path, tmp_path: Path) -> None:
    """Batches of two by two processes are the batches of four of one, in the same order."""
    recipe = ("loss=ce", "model.norm=BATCH", "optimizer.lr=1e-3", "trainer.max_epochs=1", "model.norm=INSTANCE")
    done = console(tmp_path, "train", *tiny(store, split, *recipe, "data.batch_size=2", *TWO), "out=two")
    assert done.returncode == 0, done.stderr
    main(["train", *tiny(store, split, *recipe, "data.batch_size=4", f"out={tmp_path / 'one'}")])
    one, two = (read_checkpoint(tmp_path / run / "checkpoints/last.ckpt") for run in ("one", "two"))
    assert one["global_step"] == two["global_step"] == 2
    for name, weights in one["state_dict"].items():
        torch.testing.assert_close(two["state_dict"][name], weights, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wrong", "key"), [("data.train_size=10000", "data.train_size"), ("optimizer.lr=1e30 trainer.max_epochs=3", "loss")]
)
def test_two_processes_refuse_with_one_sentence(wrong: str, key: str, store: Path, split: Path, tmp_path: Path) -> None:
    done = console(tmp_path, "train", *tiny(store, split, *TWO, *wrong.split()), "out=two")
    assert done.returncode == 1
    sentence(done.stderr, key)


@pytest.mark.slow
def test_a_sweep_of_runs_by_two_processes(store: Path, split: Path, tmp_path: Path) -> None:
    given = tiny(store, split, *TWO, "loss=dice,ce", "-m")
    done = console(tmp_path, "train", *given, "out=sweep, of 2")
    assert done.returncode == 0, done.stderr
    for job in ("0", "1"):
        assert_complete(tmp_path / "sweep, of 2" / job, split)
        assert FILES == files(tmp_path / "sweep, of 2" / job)
