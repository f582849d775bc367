"""`hipseg evaluate` says of a checkpoint what its training run said."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import torch
from small_films import lose_hip
from test_one_run import files, tiny

from hipseg.commands import main


def _ruinous(optimizer: torch.optim.Optimizer, total_steps: int) -> torch.optim.lr_scheduler.LRScheduler:
    """A schedule that learns in the first half and wrecks the network, which then finds nothing, in the second."""
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0 if step < total_steps // 2 else 1e8)


def _train(folder: Path, store: Path, split: Path, *more: str) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hipseg.tasks.schedules.constant", _ruinous)
        options = ("trainer.max_epochs=2", *more, f"out={folder}")
        main(["train", *tiny(store, split, *options)])
    return folder


def _evaluate(checkpoint: Path, folder: Path, store: Path, split: Path, *more: str) -> Path:
    given = (f"data.store={store}", f"data.split={split}", "data.workers=0", "evaluation.joint_space.pictures=1")
    main(["evaluate", f"checkpoint={checkpoint}", *given, *more, f"out={folder}"])
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, store: Path, split: Path) -> Path:
    """A run whose second epoch is worse than its first."""
    return _train(tmp_path_factory.mktemp("ruined") / "run", store, split)


def test_best_checkpoint_is_not_the_last(run: Path) -> None:
    best, last = (torch.load(run / f"checkpoints/{n}.ckpt", weights_only=True) for n in ("best", "last"))
    assert (best["epoch"], last["epoch"]) == (0, 1)


def test_evaluation_repeats_the_run(run: Path, store: Path, split: Path, tmp_path: Path) -> None:
    again = _evaluate(run / "checkpoints" / "best.ckpt", tmp_path / "again", store, split)
    for name in ("summary.json", "test_hips.csv", "cohorts.csv", "agreement.csv", "test_profiles.csv"):
        assert (again / name).read_bytes() == (run / name).read_bytes()
    assert files(again) == {
        ".hydra/config.yaml", ".hydra/hydra.yaml", ".hydra/overrides.yaml", "cohorts.csv", "figures/hips.csv",
        "figures/hips.png",
        "figures/mjsw.png", "metrics.csv", "summary.json", "test_hips.csv", "timing.json", "agreement.csv",
        "test_profiles.csv",
    }  # fmt: skip


def test_a_lost_hip_lowers_the_dice_of_both_tables_alike(run: Path, store: Path, split: Path, tmp_path: Path) -> None:
    lost = pd.read_csv(run / "test_hips.csv")["sample"][1]
    without = lose_hip(store, tmp_path / "store.h5", lost)
    again = _evaluate(run / "checkpoints" / "best.ckpt", tmp_path / "again", without, split)
    logged = pd.read_csv(again / "metrics.csv").iloc[-1]
    hips = pd.read_csv(again / "test_hips.csv", index_col="sample")
    assert hips.loc[lost, "dice_femoral_head"] == 0
    for name in ("femoral_head", "acetabular_roof", "joint_space"):
        assert logged[f"test/dice/{name}"] == pytest.approx(hips[f"dice_{name}"].mean(), abs=1e-5)
    summary = json.loads((again / "summary.json").read_text())
    assert logged["test/dice/mean"] == pytest.approx(summary["test/dice/mean"], abs=1e-5)
    whole = json.loads((run / "summary.json").read_text())
    assert summary["test/dice/femoral_head"] < whole["test/dice/femoral_head"]


def test_evaluation_of_the_last_checkpoint_is_of_its_weights(
    run: Path, store: Path, split: Path, tmp_path: Path
) -> None:
    last = _evaluate(run / "checkpoints" / "last.ckpt", tmp_path / "last", store, split)
    summary, best = (json.loads((folder / "summary.json").read_text()) for folder in (last, run))
    assert summary["mjsw/failed"] == summary["test/hips"]  # wrecked
    assert summary["test/dice/mean"] < 0.5 * best["test/dice/mean"]


def test_evaluation_repeats_a_run_of_mixed_precision(store: Path, split: Path, tmp_path: Path) -> None:
    run = _train(tmp_path / "run", store, split, "trainer.precision=bf16-mixed")
    again = _evaluate(run / "checkpoints" / "best.ckpt", tmp_path / "again", store, split)
    assert (again / "summary.json").read_bytes() == (run / "summary.json").read_bytes()


def test_passes_are_those_of_the_run_unless_given(store: Path, split: Path, tmp_path: Path) -> None:
    run = _train(tmp_path / "run", store, split, "inferer.passes=2")
    best = run / "checkpoints" / "best.ckpt"
    again = _evaluate(best, tmp_path / "again", store, split)
    assert (again / "test_hips.csv").read_bytes() == (run / "test_hips.csv").read_bytes()
    once = _evaluate(best, tmp_path / "once", store, split, "inferer=shift_average")
    assert (once / "test_hips.csv").read_bytes() != (run / "test_hips.csv").read_bytes()
