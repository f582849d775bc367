"""Scans predicted by a network that knows the answer: labels back on the scan's voxels, volumes, statuses."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from hipseg.commands import main
from hipseg.data.sources.scans import read_scan
from hipseg.geometry.volume import upright
from hipseg.io.nifti import read_nifti
from hipseg.labels.femur import LABEL_NAMES
from hipseg.prediction.scan_files import FemurScans
from hipseg.transforms.femur_box import find_femurs


class Knows:
    """Says what it was told, whatever it is shown."""

    record: ClassVar[dict[str, Any]] = {"label_names": LABEL_NAMES, "dataset": {"spacing_mm": [3.0, 2.8, 2.8]}}
    postprocess = None
    device = "cpu"

    def __init__(self, answers: list[np.ndarray]) -> None:
        self.answers = list(answers)

    def __call__(self, image: Tensor) -> Tensor:
        labels = torch.from_numpy(self.answers.pop(0)).long()
        assert image.shape == (1, 1, *labels.shape)
        return torch.nn.functional.one_hot(labels, 3).permute(3, 0, 1, 2)[None].float()


def truth_of(scans: Path, subject: str, side: str) -> np.ndarray:
    return read_nifti(scans / "labels" / f"{subject}_{side}.nii.gz").values


def boxed(scans: Path, subject: str) -> list[np.ndarray]:
    """What a network of the right and of the left box should say."""
    whole = upright(read_scan(next(p for p in (scans / "scans").iterdir() if p.name.startswith(subject))))
    answers = []
    for box in find_femurs(whole):
        labels = upright(read_nifti(scans / "labels" / f"{subject}_{box.side}.nii.gz")).values
        answers.append(box.cut(labels, 0))
    return answers


@pytest.mark.parametrize("subject", ["S0001", "S0003"])
def test_labels_come_back_on_the_scan_s_own_voxels_with_their_volumes(
    scans: Path, tmp_path: Path, subject: str
) -> None:
    predictor = FemurScans([Knows(boxed(scans, subject))])
    files = [path for path in (scans / "scans").rglob("*") if path.is_file() and subject in path.as_posix()]
    (scan,) = predictor.group(files)
    rows = predictor.predict(scan, scan.name, tmp_path)
    assert [(row["side"], row["status"]) for row in rows] == [("right", "ok"), ("left", "ok")]
    for row in rows:
        found = read_nifti(tmp_path / "labels" / f"{subject}_{row['side']}.nii.gz")
        truth = truth_of(scans, subject, row["side"])
        assert np.array_equal(found.values, truth)
        np.testing.assert_allclose(found.grid.affine, read_scan(scan).grid.affine, atol=1e-3)
        voxel = found.grid.voxel_mm3 / 1000
        assert row["periosteal_cm3"] == pytest.approx((truth > 0).sum() * voxel, rel=1e-4)
        assert row["cortex_cm3"] == pytest.approx((truth == 1).sum() * voxel, rel=1e-4)
        assert row["endosteal_cm3"] == pytest.approx((truth == 2).sum() * voxel, rel=1e-4)
        assert (tmp_path / "figures" / f"{subject}_{row['side']}.png").stat().st_size > 5000


def test_what_is_no_sound_femur_is_not_ok(scans: Path, tmp_path: Path) -> None:
    right, left = boxed(scans, "S0001")
    cut = right.copy()
    cut[40, 0, 20] = 1
    predictor = FemurScans([Knows([cut, np.zeros_like(left)])])
    rows = predictor.predict(scans / "scans" / "S0001", "S0001", tmp_path)
    assert [row["status"] for row in rows] == ["cut", "no_femur"]


@pytest.mark.parametrize(
    ("name", "statuses"),
    [
        ("planted_gap", ["slices_missing"]),
        ("planted_tilt", ["gantry_tilt"]),
        ("planted_chest", ["not_located", "not_located"]),
    ],
)
def test_other_series_have_their_reason(scans: Path, tmp_path: Path, name: str, statuses: list[str]) -> None:
    rows = FemurScans([Knows([])]).predict(scans / "scans" / name, name, tmp_path)
    assert [row["status"] for row in rows] == statuses


def test_slices_are_one_scan_by_their_folder_and_volumes_for_themselves(scans: Path) -> None:
    files = sorted(path for path in (scans / "scans").rglob("*") if path.is_file())
    found = FemurScans([SimpleNamespace(record={})]).group(files)
    assert sorted(path.name for path in found) == sorted(path.name for path in (scans / "scans").iterdir())


def test_the_commands_in_a_row(scans: Path, femurs: Path, femur_split: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    narrow = [
        "model.features=2", "model.levels=3", "data.dataset.patch=[32,32,32]", "inferer.window=[32,32,32]",
        "data.dataset.spacing_mm=[4,4,4]", "data.dataset.patches_per_epoch=2", "data.dataset.val_patches=2",
        "trainer.max_epochs=1", "data.workers=0",
    ]  # fmt: skip
    data = [f"data.store={femurs}", f"data.split={femur_split}"]
    main(["train", "experiment=femur", *data, f"out={run}", *narrow])
    best = run / "checkpoints" / "best.ckpt"
    main(["evaluate", f"checkpoint={best}", *data, f"out={tmp_path / 'again'}", "evaluation=femur"])
    first, again = (pd.read_csv(folder / "test_cases.csv") for folder in (run, tmp_path / "again"))
    pd.testing.assert_frame_equal(first, again)
    assert len(first) == 2 and {"dice_periosteal", "asd_mm_endosteal", "cortex_error_percent"} <= set(first)
    shutil.copytree(scans / "scans" / "S0001", tmp_path / "new" / "patient")
    main(["predict", f"checkpoint={best}", f"input={tmp_path / 'new'}", f"out={tmp_path / 'predicted'}"])
    table = pd.read_csv(tmp_path / "predicted" / "predictions.csv")
    assert list(table["file"]) == ["patient", "patient"] and list(table["side"]) == ["right", "left"]
    assert (tmp_path / "predicted" / "labels" / "patient_left.nii.gz").exists()
