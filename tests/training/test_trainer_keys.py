"""Keys for trying things out: none ends in a traceback, nor without saying what became of the run."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from console import sentence
from hydra import compose, initialize_config_dir
from test_one_run import files, tiny

from hipseg.checkpoint import read_checkpoint
from hipseg.commands import main
from hipseg.config import conf_folder

NO_PICTURES = "evaluation.joint_space.pictures=0"
PLAIN = (
    "fast_dev_run", "overfit_batches", "limit_train_batches", "limit_val_batches", "limit_test_batches",
    "accumulate_grad_batches", "profiler", "strategy", "devices", "accelerator", "precision",
)  # fmt: skip


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_the_keys_are_plain(command: str) -> None:
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        trainer = compose(command, ["data.store=x", "data.split=x", "folder=x", "out=x"]).trainer
    assert [key for key in PLAIN if key not in trainer] == []


def test_the_debug_group_has_its_options() -> None:
    assert sorted(path.stem for path in (conf_folder() / "debug").glob("*.yaml")) == [
        "none", "overfit", "profile", "smoke",
    ]  # fmt: skip


def _train(store: Path, split: Path, folder: Path, *more: str) -> Path:
    main(["train", *tiny(store, split, NO_PICTURES, "trainer.max_epochs=2", *more, f"out={folder}")])
    return folder


def _steps(folder: Path) -> int:
    return int(read_checkpoint(folder / "checkpoints" / "last.ckpt")["global_step"])


def test_no_debugging_is_the_run_as_it_is(store: Path, split: Path, tmp_path: Path) -> None:
    assert _steps(_train(store, split, tmp_path / "run", "debug=none")) == 4
    assert (tmp_path / "run" / "summary.json").exists()


def test_smoke_goes_through_everything(store: Path, split: Path, tmp_path: Path) -> None:
    folder = _train(store, split, tmp_path / "run", "debug=smoke", "data.batch_size=1")
    assert _steps(folder) < 16
    expected = {"checkpoints/best.ckpt", "checkpoints/last.ckpt", "test_hips.csv", "summary.json", "metrics.csv"}
    assert expected <= files(folder)


def test_overfitting_learns_the_same_hips_by_heart(store: Path, split: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    options = ["debug=overfit", "augmentation=light", "loss=dice_ce", "optimizer.lr=1e-2", "trainer.max_epochs=12"]
    main(["train", *tiny(store, split, NO_PICTURES, "data.batch_size=1", *options, f"out={folder}")])
    loss = pd.read_csv(folder / "metrics.csv")["train/loss"].dropna()
    assert loss.iloc[-1] < 0.9 * loss.iloc[0]
    assert _steps(folder) < 8 * 12


def test_profiling_says_where_the_time_goes(
    store: Path, split: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = _train(store, split, tmp_path / "run", "debug=profile")
    written = [folder / name for name in files(folder) if "profil" in name and name != "test_profiles.csv"]
    text = "\n".join(path.read_text() for path in written) + capsys.readouterr().out
    assert "training_step" in text


# Overrides, and the key by which a refusal must name them.
UNUSUAL = {
    "trainer.fast_dev_run=true": "fast_dev_run",
    "trainer.overfit_batches=0.5": "limit_val_batches",
    "trainer.limit_train_batches=0": "limit_train_batches",
    "trainer.limit_val_batches=0": "limit_val_batches",
    "trainer.limit_test_batches=0": "limit_test_batches",
    "trainer.limit_test_batches=1": "limit_test_batches",
    "trainer.accumulate_grad_batches=2": "accumulate_grad_batches",
    "trainer.profiler=simple": "profiler",
    "+trainer.val_check_interval=0.5": "val_check_interval",
    "+trainer.max_steps=1": "max_steps",
    "trainer.max_epochs=null +trainer.max_steps=2": "max_epochs",
}


@pytest.mark.parametrize("override", UNUSUAL)
def test_an_unusual_run_ends_in_a_result_or_in_a_sentence(
    override: str, store: Path, split: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    given = tiny(
        store, split, "trainer.max_epochs=2", "scheduler=one_cycle", NO_PICTURES, *override.split(), f"out={folder}"
    )
    try:
        main(["train", *given])
    except SystemExit as stopped:
        assert stopped.code == 1
        sentence(capsys.readouterr().err, UNUSUAL[override])
        return
    printed = capsys.readouterr()
    said = printed.out + printed.err
    assert "Traceback" not in said
    if "fast_dev_run" in override:  # by its nature it leaves nothing, and must say so
        assert "fast_dev_run" in said
        return
    if (folder / "summary.json").exists():
        hips = json.loads((folder / "summary.json").read_text())["test/hips"]
        assert hips == (4 if override.endswith("test_batches=1") else 5)
    else:
        assert "trainer.limit_test_batches" in said
    if not (folder / "checkpoints" / "last.ckpt").exists():
        assert "limit_train_batches" in said


REFUSED = {
    "trainer.accumulate_grad_batches=0": "accumulate_grad_batches",
    "trainer.gradient_clip_val=-1": "gradient_clip_val",
    "trainer.accumulate_grad_batches=-1": "accumulate_grad_batches",
    "trainer.limit_train_batches=-1": "limit_train_batches",
    "trainer.limit_val_batches=1.5": "limit_val_batches",
    "trainer.overfit_batches=-2": "overfit_batches",
    "trainer.profiler=fast": "profiler",
    "trainer.fast_dev_run=-1": "fast_dev_run",
    "trainer.strategy=ddp_spawn trainer.devices=2 trainer.accelerator=cpu": "strategy",
    "trainer.strategy=ddp_fork trainer.devices=2 trainer.accelerator=cpu": "strategy",
    "trainer.strategy=warp": "strategy",
    "trainer.devices=0 trainer.accelerator=cpu": "devices",
    "debug=smokey": "debug",
    "+trainer.devices=2": "devices",
    "+ckpt_path=x.ckpt": "ckpt_path",
    "+trainr.max_epochs=2": "trainr",
    "++trainr.max_epochs=2": "trainr",
    "callbacks.best.monitor=val/dice": "callbacks.best.monitor",
    "callbacks.best.monitor=": "callbacks.best.monitor",
    "callbacks.best.mode=up": "mode",
}


@pytest.mark.parametrize("override", REFUSED)
def test_what_can_not_be_is_refused_with_a_sentence(
    override: str, store: Path, split: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["train", *tiny(store, split, *override.split(), f"out={tmp_path / 'run'}")])
    assert stopped.value.code == 1
    said = sentence(capsys.readouterr().err, REFUSED[override])
    if override == "+trainer.devices=2":
        assert "no such key" not in said
    assert not (tmp_path / "run" / "test_hips.csv").exists()


@pytest.mark.parametrize(("command", "added"), [
    ("phantom", "+subject=3"), ("preprocess", "+row=3"), ("split", "+ratio=[1,2,3]"), ("evaluate", "+ckpt_path=x"),
    ("predict", "+device=cpu"), ("report", "+run=x"),
])  # fmt: skip
def test_an_added_top_level_key_is_refused_by_every_command(
    command: str, added: str, store: Path, split: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {
        "phantom": ["out=o"], "preprocess": [f"input={tmp_path}", "store=a.h5"], "split": [f"store={store}", "out=o"],
        "evaluate": [f"data.store={store}", f"data.split={split}", f"checkpoint={split}", f"out={tmp_path / 'o'}"],
        "predict": [f"checkpoint={split}", f"input={tmp_path}", "out=o"], "report": ["runs=[x]", "out=o"],
    }  # fmt: skip
    with pytest.raises(SystemExit) as stopped:
        main([command, *given[command], added])
    assert stopped.value.code == 1
    sentence(capsys.readouterr().err, added[1:].split("=")[0])
