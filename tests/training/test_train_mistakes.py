"""Mistakes in `hipseg train` end in one line that names the key, and leave what was there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from test_one_run import files, tiny, trained

from hipseg.commands import main

# Override and the beginning of the complaint; what a constructor refuses is said in its own words.
MISTAKES = {
    "trainer.max_epoch=3": "trainer.max_epoch: ",
    "loss=dicce": "loss: there is no option 'dicce'; choose ce, class_ce, dice, dice_ce",
    "data.batch_size=0": "data.batch_size: ",
    "data.batch_size=many": "data.batch_size: ",
    "data.train_size=10000": "data.train_size: 10000 samples are asked for, the split has ",
    "data.dataset.crop.column=500": "data.dataset.crop: ",
    "data.store=none.h5": "data.store: there is no file none.h5",
    "data.split=none.csv": "data.split: there is no file none.csv",
    "seed=-1": "data.seed: ",
    "activation=sigmoid activation.threshold=high": "activation.threshold: ",
    "activation=sigmoid activation.threshold=1.5": "activation.threshold: ",
    "model.channels=[4]": ".*channels",
    "model.norm=NONE_SUCH": ".*NONE_SUCH",
    "optimizer.lr=-1": ".*(lr|learning rate)",
    "optimizer.lr=fast": "optimizer.lr: ",
    "trainer.precision=3-true": "trainer.precision: ",
    "trainer.accelerator=abacus": ".*accelerator",
    "trainer.max_epochs=0": "trainer.max_epochs: ",
    "evaluation.joint_space.pictures=-1": "evaluation.joint_space.pictures: ",
}


def _complaint(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line that a command ends with."""
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    (line,) = capsys.readouterr().err.splitlines()
    assert stopped.value.code == 1
    assert line.startswith("hipseg: ")
    return line.removeprefix("hipseg: ")


@pytest.mark.parametrize("override", MISTAKES)
def test_mistake_names_its_key(
    override: str, store: Path, split: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = _complaint(capsys, "train", *tiny(store, split, *override.split(), f"out={tmp_path}/run"))
    assert re.match(MISTAKES[override], line)
    assert not (tmp_path / "run" / "test_hips.csv").exists()


def test_missing_value_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert _complaint(capsys, "train", "data.store=x", f"out={tmp_path}").startswith("data.split: no value is given")


def test_split_without_test_hips_is_refused_before_training(
    store: Path, split: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [line for line in split.read_text().splitlines() if not line.endswith(",test")]
    (tmp_path / "split.csv").write_text("\n".join(lines) + "\n")
    line = _complaint(capsys, "train", *tiny(store, tmp_path / "split.csv", f"out={tmp_path}/run"))
    assert line.startswith("data.split: it has no test samples")


def test_finished_run_is_left_as_it_is(
    tmp_path_factory: pytest.TempPathFactory, store: Path, split: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained(tmp_path_factory, store, split)
    before = {name: (run / name).read_bytes() for name in files(run)}
    capsys.readouterr()
    line = _complaint(capsys, "train", *tiny(store, split, f"out={run}", "seed=7"))
    assert line.startswith(f"out: {run} holds a run already")
    after = {name: (run / name).read_bytes() for name in files(run)}
    changed = [name for name in before | after if before.get(name) != after.get(name)]
    assert changed == []
