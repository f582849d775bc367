"""Scans predicted by a network that knows the answer: labels back on the scan's voxels, volumes, statuses."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pydicom
import pytest
import torch
from torch import Tensor

from hipseg.commands import main
from hipseg.data.sources.scans import read_scan
from hipseg.geometry.volume import upright
from hipseg.io.nifti import read_nifti
from hipseg.labels.femur import LABEL_NAMES
from hipseg.measure.density import Calibration
from hipseg.measure.femur_regions import measure_femur
from hipseg.prediction.scan_files import FemurScans
from hipseg.transforms.femur_box import find_femurs


class Knows:
    """Says what it was told, whatever it is shown."""

    record: ClassVar[dict[str, Any]] = {
        "label_names": LABEL_NAMES, "dataset": {"spacing_mm": [3.0, 2.8, 2.8], "normalisation": "zscore"},
        "preprocessing": {},
    }  # fmt: skip
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


def test_densities_are_those_of_the_hounsfield_units_that_a_setting_calibrates(scans: Path, tmp_path: Path) -> None:
    right, left = boxed(scans, "S0001")
    predictor = FemurScans([Knows([right, left])], calibration=Calibration(0.5, 40.0))
    row = predictor.predict(scans / "scans" / "S0001", "S0001", tmp_path)[0]
    assert row["calibration"] == "0.5 mg/cm3 per HU +40"
    assert set(row) <= {*predictor.columns}
    whole = upright(read_scan(scans / "scans" / "S0001"))
    box = find_femurs(whole)[0]
    regions = measure_femur(right, whole.grid.spacing_mm).regions
    assert row["regions"] == "ok"
    seen = box.cut(whole.values)
    assert row["head_mg_cm3"] == pytest.approx(0.5 * seen[regions == 1].mean() + 40, abs=0.01)
    assert row["neck_cortex_mg_cm3"] == pytest.approx(0.5 * seen[(regions == 2) & (right == 1)].mean() + 40, abs=0.01)
    assert row["neck_cortex_mg_cm3"] > row["neck_mg_cm3"]


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


def predicted(scans: Path, subject: str, dicom_seg: bool, out: Path, file: Path | None = None) -> list[dict[str, Any]]:
    """Rows for a subject's scan, or another file of it, by a network that knows its labels."""
    name = f"{subject}.nii.gz" if (scans / "scans" / f"{subject}.nii.gz").exists() else subject
    return FemurScans([Knows(boxed(scans, subject))], dicom_seg=dicom_seg).predict(
        file or scans / "scans" / name, name, out
    )


@pytest.mark.parametrize("side", ["right", "left"])
def test_a_dicom_segmentation_holds_the_labels_where_they_lie(scans: Path, tmp_path: Path, side: str) -> None:
    assert [row["status"] for row in predicted(scans, "S0001", True, tmp_path)] == ["ok", "ok"]
    truth = read_nifti(scans / "labels" / f"S0001_{side}.nii.gz")
    made = pydicom.dcmread(tmp_path / "labels" / f"S0001_{side}.dcm")
    found = np.zeros_like(truth.values)
    for pixels, group in zip(made.pixel_array, made.PerFrameFunctionalGroupsSequence, strict=True):
        start = np.array(group.PlanePositionSequence[0].ImagePositionPatient, dtype=float)
        index, row, column = np.rint(truth.grid.to_indices(start)).astype(int)
        assert (row, column) == (0, 0)
        found[index][pixels > 0] = group.SegmentIdentificationSequence[0].ReferencedSegmentNumber
    assert np.array_equal(found, truth.values)


def test_no_dicom_segmentation_is_written_unless_asked_for_and_none_of_nifti(scans: Path, tmp_path: Path) -> None:
    predicted(scans, "S0001", False, tmp_path / "not asked for")
    rows = predicted(scans, "S0003", True, tmp_path / "nifti")
    assert [row["status"] for row in rows] == ["ok", "ok"]
    assert len(list(tmp_path.glob("*/labels/*.nii.gz"))) == 4 and not list(tmp_path.rglob("*.dcm"))


def test_a_scan_that_can_t_be_referred_to_keeps_its_results(
    scans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan = shutil.copytree(scans / "scans" / "S0001", tmp_path / "S0001")
    for file in scan.iterdir():
        dataset = pydicom.dcmread(file)
        dataset.PatientName, dataset.PatientID = "SECRET^", "SECRET"
        del dataset.FrameOfReferenceUID
        dataset.save_as(file)
    rows = predicted(scans, "S0001", True, tmp_path / "out", scan)
    assert rows == predicted(scans, "S0001", False, tmp_path / "not asked for")
    assert sorted(path.name for path in (tmp_path / "out" / "labels").iterdir()) == [
        "S0001_left.nii.gz", "S0001_right.nii.gz",
    ]  # fmt: skip
    printed = capsys.readouterr()
    said = "warning: S0001: no DICOM segmentation is written, because its images state no FrameOfReferenceUID"
    assert (printed.out.splitlines(), printed.err) == ([said], "")


def test_a_femur_that_is_not_found_has_no_dicom_segmentation(scans: Path, tmp_path: Path) -> None:
    right, left = boxed(scans, "S0001")
    FemurScans([Knows([right, np.zeros_like(left)])], dicom_seg=True).predict(
        scans / "scans" / "S0001", "S0001", tmp_path
    )
    assert [path.name for path in (tmp_path / "labels").glob("*.dcm")] == ["S0001_right.dcm"]


@pytest.mark.parametrize("below", ["patient", "."])
def test_the_command_writes_dicom_segmentations_and_takes_none_for_a_scan(
    scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, below: str
) -> None:
    """Also where it wrote them among the slices."""
    monkeypatch.setattr("hipseg.commands.predict.load", lambda *_, **__: Knows(boxed(scans, "S0001")))
    shutil.copytree(scans / "scans" / "S0001", tmp_path / "new" / below)
    (tmp_path / "any.ckpt").touch()
    given = [f"checkpoint={tmp_path / 'any.ckpt'}", f"input={tmp_path / 'new'}", "dicom_seg=true"]
    name = "new" if below == "." else below
    for out in (tmp_path / "new" / "first", tmp_path / "second"):
        main(["predict", *given, f"out={out}"])
        table = pd.read_csv(out / "predictions.csv")
        assert list(table["file"]) == [name, name] and list(table["status"]) == ["ok", "ok"]
        written = {path.name for path in (out / "labels").iterdir()}
        assert written == {f"{name}_{side}.{kind}" for side in ("left", "right") for kind in ("dcm", "nii.gz")}


def test_networks_of_something_else_write_no_dicom_segmentation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    network = SimpleNamespace(record={"label_names": ["background", "lung"], "dataset": {}})
    monkeypatch.setattr("hipseg.commands.predict.load", lambda *_, **__: network)
    (tmp_path / "any.ckpt").touch()
    with pytest.raises(SystemExit):
        main([
            "predict", f"checkpoint={tmp_path / 'any.ckpt'}", f"input={tmp_path}", f"out={tmp_path / 'out'}",
            "dicom_seg=true",
        ])  # fmt: skip
    assert "dicom_seg: only label maps of femurs" in capsys.readouterr().err
