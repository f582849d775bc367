"""Two processes give what one gives: the same table of the same weights, every hip once, every file once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from console import console
from test_one_run import assert_complete, tiny

from hipseg.checkpoint import read_checkpoint
from hipseg.commands import main

NO_PICTURES = "evaluation.joint_space.pictures=0"
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
def test_two_processes_train_and_write_once(store: Path, split: Path, tmp_path: Path) -> None:
    """Batches of two by two processes are the batches of four of one, in the same order."""
    # Plain descent: Adam makes steps of a full size out of rounding where a gradient is naught, as before a norm.
    recipe = ("loss=ce", "augmentation=light", "optimizer=sgd", "trainer.max_epochs=2")
    given = tiny(store, split, *recipe, "data.batch_size=2", *TWO)
    done = console(tmp_path, "train", *given, "out='two, by ddp'")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    folder = tmp_path / "two, by ddp"
    assert_complete(folder, split)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", folder.name]
    metrics = pd.read_csv(folder / "metrics.csv")
    names = [name for name in metrics if name.startswith(("train/", "val/"))]
    assert metrics[names].notna().sum().eq(2).all()
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.lower().startswith("epoch")]
    assert len(lines) == 2

    # Five test hips: the last batch of one of the processes has none of its own.
    given = [f"data.store={store}", f"data.split={split}", "data.workers=0", NO_PICTURES, f"out={tmp_path / 'again'}"]
    main(["evaluate", f"checkpoint='{folder / 'checkpoints/best.ckpt'}'", *given])
    _same_table(tmp_path / "again", folder)

    main(["train", *tiny(store, split, *recipe, "data.batch_size=4", f"out={tmp_path / 'one'}")])
    one, two = (read_checkpoint(run / "checkpoints/last.ckpt") for run in (tmp_path / "one", folder))
    assert one["global_step"] == two["global_step"] == 4
    for name, weights in one["state_dict"].items():
        torch.testing.assert_close(two["state_dict"][name], weights, rtol=1e-3, atol=1e-4)
    alone = pd.read_csv(tmp_path / "one" / "metrics.csv")
    for name in ("train/loss", "val/loss", "val/dice/mean", "test/dice/mean"):
        assert metrics[name].dropna().tolist() == pytest.approx(alone[name].dropna().tolist(), abs=1e-3), name
