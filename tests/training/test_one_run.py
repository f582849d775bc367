"""One tiny run and its folder; the other files here train with the same recipe."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from hipseg.commands import main

LABELS = ("femoral_head", "acetabular_roof", "joint_space")
BOUNDARY = ("hd95_mm", "assd_mm", "surface_dice")
BOUNDARY_COLUMNS = [f"{measure}_{label}" for label in LABELS for measure in BOUNDARY]
PLACES = [f"jsw_{place}_{of}_mm" for of in ("reference", "predicted") for place in ("lateral", "apex", "medial")]
TABLE = [
    "sample", "dice_femoral_head", "dice_acetabular_roof", "dice_joint_space", *BOUNDARY_COLUMNS, "mjsw_reference_mm",
    "mjsw_label_mm", "mjsw_predicted_mm", "mjsw_unreliable_mm", "error_mm", "error_to_label_mm", *PLACES,
    "head_x_mm", "head_y_mm", "roof_x_mm", "roof_y_mm", "status",
]  # fmt: skip
ALWAYS = {
    "test/hips", "test/dice/mean", "test/dice/femoral_head", "test/dice/acetabular_roof", "test/dice/joint_space",
    "mjsw/measured", "mjsw/failed", *(f"test/{measure}/{label}" for label in LABELS for measure in BOUNDARY),
}  # fmt: skip
IF_MEASURED = {"mjsw/mae_mm", "mjsw/bias_mm", "mjsw/mean_abs_to_label_mm"}
IF_TWO_MEASURED = {"mjsw/sd_mm", "mjsw/sd_abs_to_label_mm"}
AGREEMENT = {
    "mjsw/rmse_mm", "mjsw/loa_low_mm", "mjsw/loa_high_mm", "mjsw/icc", "mjsw/pearson_r", "mjsw/within_half_mm",
    "mjsw/change_bias_mm", "mjsw/smallest_detectable_change_mm", *IF_TWO_MEASURED,
}  # fmt: skip
FILES = {
    ".hydra/config.yaml", ".hydra/hydra.yaml", ".hydra/overrides.yaml", "checkpoints/best.ckpt",
    "checkpoints/last.ckpt", "agreement.csv", "cohorts.csv", "figures/curves.png", "figures/hips.csv",
    "figures/hips.png",
    "figures/mjsw.png", "metrics.csv", "summary.json", "test_hips.csv", "test_profiles.csv", "timing.json",
}  # fmt: skip


LIGHT = ("loss=dice_ce", "augmentation=light")


def tiny(store: Path, split: Path, *more: str) -> list[str]:
    """Overrides of a run of seconds: 64 x 64 pixels around the joint, four channels, eight hips, one epoch."""
    return [
        f"data.store={store}", f"data.split={split}", "data.train_size=8", "data.val_size=4",
        "data.batch_size=4", "data.workers=0", "data.dataset.crop.row=230", "data.dataset.crop.column=100",
        "data.dataset.crop.rows=64", "data.dataset.crop.columns=64", "model.channels=[4,8]", "model.strides=[2]",
        "trainer.max_epochs=1",
        "trainer.precision=32-true", "evaluation.joint_space.pictures=1", *more,
    ]  # fmt: skip


def trained(factory: pytest.TempPathFactory, store: Path, split: Path) -> Path:
    """The folder of one tiny run with augmentation, made once a process; read it, don't write it."""
    folder = factory.getbasetemp() / "trained"
    if not (folder / "summary.json").exists():
        main(["train", *tiny(store, split, *LIGHT, f"out={folder}")])
    return folder


def files(folder: Path) -> set[str]:
    """Paths below a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def assert_complete(folder: Path, split: Path) -> None:
    """The contract of a run folder."""
    assert files(folder) == FILES
    rows = pd.read_csv(split)
    hips = pd.read_csv(folder / "test_hips.csv")
    assert list(hips.columns) == TABLE
    assert hips["sample"].tolist() == rows.loc[rows["subset"] == "test", "sample"].tolist()
    summary = json.loads((folder / "summary.json").read_text())
    measured = int((hips["status"] == "ok").sum())
    assert summary["mjsw/measured"] == measured
    assert summary["test/hips"] == len(hips) == measured + summary["mjsw/failed"]
    expected = ALWAYS | (IF_MEASURED if measured else set()) | (IF_TWO_MEASURED if measured > 1 else set())
    assert expected <= set(summary) <= expected | (AGREEMENT if measured else set())
    assert summary["test/dice/femoral_head"] == pytest.approx(hips["dice_femoral_head"].mean(), abs=1e-5)
    timing = json.loads((folder / "timing.json").read_text())
    assert (
        min(timing[name] for name in ("fit_seconds", "epoch_seconds", "test_seconds", "training_samples_per_second"))
        > 0
    )
    if timing["processes"] == 1:  # several share the cores
        assert timing["threads"] == torch.get_num_threads()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, store: Path, split: Path) -> Path:
    return trained(tmp_path_factory, store, split)


def test_folder_is_complete(run: Path, split: Path) -> None:
    assert_complete(run, split)


def test_configuration_is_kept(run: Path, store: Path, split: Path) -> None:
    config = yaml.safe_load((run / ".hydra" / "config.yaml").read_text())
    assert config["data"]["dataset"]["augmentation"]["_target_"] == "hipseg.transforms.augment.LightAugmentation"
    assert config["loss"]["_target_"] == "hipseg.losses.overlap.DiceCrossEntropy"
    overrides = yaml.safe_load((run / ".hydra" / "overrides.yaml").read_text())
    assert overrides[: len(tiny(store, split))] == tiny(store, split)


def test_metrics_by_epoch(run: Path) -> None:
    metrics = pd.read_csv(run / "metrics.csv")
    names = [
        f"{stage}/{name}" for stage in ("train", "val", "test") for name in ("loss", "dice/mean", "dice/joint_space")
    ]
    assert metrics[names].notna().sum().eq(1).all()
    assert np.isfinite(metrics[names].max()).all()
    summary = json.loads((run / "summary.json").read_text())
    assert metrics["test/dice/mean"].max() == pytest.approx(summary["test/dice/mean"], abs=1e-6)
