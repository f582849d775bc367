"""Femurs out of scans: the boxes against the truth, mirrored and put back, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from hipseg.commands import main
from hipseg.data.image_store import ImageStore
from hipseg.data.sources.case_files import Reading, read_cases
from hipseg.data.sources.scans import FemurFiles, Scans, hounsfield, read_scan
from hipseg.geometry.volume import Volume, VolumeGrid, upright
from hipseg.io.nifti import read_nifti, write_nifti
from hipseg.labels.femur import LABEL_NAMES
from hipseg.prediction.scan_files import FemurScans
from hipseg.transforms.femur_box import FemurBox, find_femurs

NIBABEL: Any = nib  # untyped
SUBJECTS = ("S0001", "S0002", "S0003", "S0004")


def scan_of(scans: Path, subject: str) -> Path:
    return next(path for path in (scans / "scans").iterdir() if path.name.startswith(subject))


def test_every_sound_femur_is_stored_and_everything_else_has_its_reason(scans: Path, femurs: Path) -> None:
    store = ImageStore(femurs)
    assert store.label_names == LABEL_NAMES
    assert sorted(store.samples["key"]) == [f"scans/{s}/{side}" for s in SUBJECTS for side in ("left", "right")]
    assert store.samples["usable"].all()
    left_out = pd.read_csv(f"{femurs}.exclusions.csv").groupby("file")["reason"].unique()
    assert {file: list(reasons) for file, reasons in left_out.items()} == {
        "planted_chest": ["not_located"], "planted_duplicate": ["slices_duplicated"], "planted_gap": ["slices_missing"],
        "planted_mixed_orientation": ["mixed_orientation"], "planted_tilt": ["gantry_tilt"],
        "planted_two_series": ["several_series"],
    }  # fmt: skip


def test_nothing_of_a_femur_is_lost_and_right_ones_look_like_left_ones(scans: Path, femurs: Path) -> None:
    store = ImageStore(femurs)
    for key, row in store.rows_by_key.items():
        _, subject, side = key.split("/")
        labels = store.label(row)
        whole = read_nifti(scans / "labels" / f"{subject}_{side}.nii.gz").values
        assert (
            np.bincount(labels.ravel(), minlength=3)[1:].tolist()
            == np.bincount(whole.ravel(), minlength=3)[1:].tolist()
        )
        assert store.image(row).dtype == np.int16 and store.image(row).shape == (1, *labels.shape)
        bone = store.image(row)[0]
        assert bone[labels == 1].mean() > bone[labels == 2].mean() + 200
        # The head lies above the shaft and, as in a left femur seen from below, at smaller columns.
        slices = np.nonzero((labels > 0).any(axis=(1, 2)))[0]
        shaft, top = (np.argwhere(labels[part] > 0)[:, -1].mean() for part in (slices[:3], slices[-4:]))
        assert top < shaft - 5


def test_grey_values_are_those_of_the_scan(scans: Path, femurs: Path) -> None:
    store = ImageStore(femurs)
    scan = upright(read_scan(scan_of(scans, "S0001")))
    for side in ("left", "right"):
        box = next(box for box in find_femurs(scan) if box.side == side)
        stored = store.image(store.rows_by_key[f"scans/S0001/{side}"])[0]
        assert np.array_equal(stored, box.cut(scan.values))
        back = box.put_back(stored, scan.values.shape)
        rows, columns = (slice(max(a, 0), b) for a, b in (box.rows, box.columns))
        assert np.array_equal(back[:, rows, columns], scan.values[:, rows, columns])


def test_grey_values_that_are_no_whole_numbers_go_to_the_nearest() -> None:
    """A NIfTI file may scale them, so that 100 HU come as 99.9999."""
    given = np.array([99.9999, 100.4, 100.6, -0.6, -99.9999, -1024.7, 3071.6, -3000, 9000], dtype=np.float32)
    assert hounsfield(given).tolist() == [100, 100, 101, -1, -100, -1024, 3071, -1024, 3071]
    assert hounsfield(np.array([-2000, -7, 5, 4000], np.int16)).tolist() == [-1024, -7, 5, 3071]


@pytest.mark.parametrize("factor", [0.01, 0.25])
def test_a_scaled_nifti_file_is_stored_and_predicted_from_as_its_series_is(
    scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, factor: float
) -> None:
    scan = read_scan(scan_of(scans, "S0001"))
    image = NIBABEL.Nifti1Image((scan.values.T / factor).round().astype(np.int32), np.eye(4))
    write_nifti(tmp_path / "a.nii", scan.values, scan.grid)
    image.set_sform(NIBABEL.load(tmp_path / "a.nii").affine, 1)
    image.header.set_slope_inter(factor, 0)
    NIBABEL.save(image, tmp_path / "b.nii")
    cases = [
        read_cases(Reading(FemurFiles(n, n, (tmp_path / f"{n}.nii",), None, side="left"), "d", 3, None))[0]
        for n in "ab"
    ]
    assert np.array_equal(cases[0].pixels, cases[1].pixels)  # type: ignore[union-attr]
    seen = list[np.ndarray]()
    monkeypatch.setattr("hipseg.prediction.scan_files.mean_labels", lambda tasks, pixels, mm: _note(seen, pixels))
    FemurScans([None]).predict(tmp_path / "b.nii", "b", tmp_path)
    assert np.array_equal(seen[1], cases[0].pixels)  # type: ignore[union-attr]


def _note(seen: list[np.ndarray], pixels: np.ndarray) -> np.ndarray:
    seen.append(pixels)
    return np.zeros(pixels.shape[1:], np.uint8)


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_box_beyond_the_scan_is_filled_with_air_and_put_back(side: str) -> None:
    values = np.arange(2 * 6 * 8, dtype=np.int16).reshape(2, 6, 8)
    box = FemurBox(side, (-2, 4), (5, 11))  # type: ignore[arg-type]
    part = box.cut(values)
    assert part.shape == (2, 6, 6) and (part[:, :2] == -1024).all()
    seen = part[:, :, ::-1] if side == "right" else part
    assert np.array_equal(seen[:, 2:, :3], values[:, :4, 5:]) and (seen[:, :, 3:] == -1024).all()
    back = box.put_back(part, values.shape)
    assert np.array_equal(back[:, :4, 5:], values[:, :4, 5:])
    back[:, :4, 5:] = 0
    assert (back == 0).all()


@pytest.mark.parametrize("how", ["flipped", "permuted"])
def test_a_scan_in_another_order_gives_the_same_femurs(scans: Path, how: str, tmp_path: Path) -> None:
    scan = read_scan(scan_of(scans, "S0001"))
    labels = read_nifti(scans / "labels" / "S0001_left.nii.gz")

    def other(values: np.ndarray, grid: VolumeGrid) -> Volume:
        affine = grid.affine.copy()
        if how == "permuted":
            affine[:, :3] = affine[:, [2, 0, 1]]
            return Volume(values.transpose(2, 0, 1), VolumeGrid(tuple(np.array(values.shape)[[2, 0, 1]]), affine))
        affine[:3, 3] += affine[:3, 0] * (values.shape[0] - 1) + affine[:3, 2] * (values.shape[2] - 1)
        affine[:, [0, 2]] *= -1
        affine[3, 3] = 1
        return Volume(values[::-1, :, ::-1], VolumeGrid(values.shape, affine))

    moved, moved_labels = other(scan.values, scan.grid), other(labels.values, labels.grid)
    write_nifti(tmp_path / "a.nii.gz", moved.values, moved.grid)
    write_nifti(tmp_path / "a_left.nii.gz", moved_labels.values, moved_labels.grid)
    cases = [
        read_cases(Reading(FemurFiles("a", "a", (image,), mask, side="left"), "d", 3, None))[0]
        for image, mask in (
            (scan_of(scans, "S0001"), scans / "labels" / "S0001_left.nii.gz"),
            (tmp_path / "a.nii.gz", tmp_path / "a_left.nii.gz"),
        )
    ]
    one, two = cases
    assert np.array_equal(one.pixels, two.pixels) and np.array_equal(one.labels, two.labels)  # type: ignore[union-attr]
    assert one.spacing_mm == pytest.approx(two.spacing_mm)  # type: ignore[union-attr]


def spoilt(scans: Path, folder: Path, what: str) -> Path:
    (folder / "scans").mkdir(parents=True)
    (folder / "labels").mkdir()
    shutil.copytree(scan_of(scans, "S0001"), folder / "scans" / "S0001")
    labels = read_nifti(scans / "labels" / "S0001_left.nii.gz")
    values, grid = labels.values.copy(), labels.grid
    if what == "values":
        values[0, 0, 0] = 7
    elif what == "size":
        values = values[:-1]
        grid = VolumeGrid(values.shape, grid.affine)
    elif what == "place":
        affine = grid.affine.copy()
        affine[0, 3] += 5
        grid = VolumeGrid(grid.shape, affine)
    write_nifti(folder / "labels" / "S0001_left.nii.gz", values, grid)
    return folder


@pytest.mark.parametrize(
    ("what", "reason", "said"),
    [
        ("values", "mask_values", "the mask S0001_left.nii.gz holds 7; expected are 0 to 2"),
        ("size", "size_differs", "the mask S0001_left.nii.gz has"),
        ("place", "size_differs", "the mask S0001_left.nii.gz lies elsewhere in the patient than its scan"),
    ],
)
def test_labels_that_are_not_the_scan_s_are_refused(
    scans: Path, tmp_path: Path, what: str, reason: str, said: str
) -> None:
    found = Scans(("left",)).find(spoilt(scans, tmp_path / "spoilt", what))
    outcome = read_cases(Reading(found.cases[0], found.dataset, 3, None))[0]
    assert (outcome.reason, said in outcome.detail) == (reason, True)  # type: ignore[union-attr]


def test_a_folder_without_scans_ends_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["convert", "source=scans", f"input={tmp_path}", f"store={tmp_path / 's.h5'}"])
    assert "there is no folder" in capsys.readouterr().err
