"""Femurs of known size and place from DICOM and NIfTI files to the store, its patches, and label maps written back.

What is compared with geometry is read by nibabel and SimpleITK, in the patient's millimetres.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
import torch
from analytic_femurs import AIR_HU, ENCLOSED_HU, FEMURS, STEP_HU, Solid, draw_scan, grid_of, places_of
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

from hipseg.commands import main
from hipseg.data.datasets.patches import PatchDataset
from hipseg.data.image_store import ImageStore, ImageStoreWriter, StoredImage
from hipseg.geometry.volume import VolumeGrid
from hipseg.inference.sliding_window import SlidingWindow
from hipseg.io.series import read_series
from hipseg.io.series_writer import SeriesHeader, write_slices
from hipseg.labels.femur import LABEL_NAMES
from hipseg.labels.landmarks import SIDES, Side
from hipseg.prediction.scan_files import FemurScans

Floats = NDArray[np.float64]
NIBABEL: Any = nib  # untyped
SITK: Any = sitk
X, Y, Z = np.eye(3)  # to the left, backwards, towards the head
EIGHT = Rotation.from_rotvec(8 * np.array([0.6, 0.3, 0.74]) / np.linalg.norm([0.6, 0.3, 0.74]), degrees=True)


def directions(slices: Floats, rows: Floats, columns: Floats, tilt: Rotation | None = None) -> Floats:
    axes = np.stack([slices, rows, columns], axis=1)
    return axes if tilt is None else np.asarray(tilt.as_matrix() @ axes)


DICOM = {
    "head_first": directions(Z, Y, X),
    "feet_first": directions(-Z, Y, -X),
    "rows_and_columns_turned": directions(Z, -Y, -X),
    "oblique": directions(Z, Y, X, EIGHT),
    "coronal": directions(Y, -Z, X),
}
NIFTI = {
    "nifti_ras": directions(Z, -Y, -X),
    "nifti_lps": directions(Z, Y, X),
    "nifti_oblique": directions(X, -Z, Y, EIGHT),
}
SCANS = DICOM | NIFTI
FINE_MM, COARSE_MM = (0.987, 0.8, 0.8), (1.234, 1.0, 1.0)
EXPERIMENT_MM = (1.974, 1.6, 1.6)


def file_spacing(name: str) -> tuple[float, float, float]:
    """Between a file's slices, rows and columns: one scan as they are, the others with fewer voxels."""
    return FINE_MM if name == "head_first" else COARSE_MM


def upright_spacing(name: str) -> tuple[float, float, float]:
    """Towards the head, backwards and to the left."""
    along = np.argmax(np.abs(SCANS[name]), axis=1)[::-1]
    up, back, left = (file_spacing(name)[axis] for axis in along)
    return up, back, left


HEADER = SeriesHeader("S1", "20210304", "F", 71, 3, "Br59", 120, 0.0, "whole path")


def save_nifti(path: Path, values: NDArray[Any], affine: Floats) -> None:
    """As nibabel counts: columns, rows, slices; to the right, forwards, up."""
    placed = np.diag([-1.0, -1, 1, 1]) @ affine[:, [2, 1, 0, 3]]
    image = NIBABEL.Nifti1Image(values.T, placed)
    image.set_sform(placed, 1)
    NIBABEL.save(image, path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every scan and its labels, and all converted by the command to `femurs.h5`."""
    made = tmp_path_factory.mktemp("whole_path")
    (made / "labels").mkdir()
    for name, axes in SCANS.items():
        shape, affine = grid_of(axes, file_spacing(name))
        values, labels = draw_scan(shape, affine)
        for side, mask in labels.items():
            save_nifti(made / "labels" / f"{name}_{side}.nii.gz", mask, affine)
        path = made / "scans" / name
        path.mkdir(parents=True) if name in DICOM else path.parent.mkdir(exist_ok=True)
        if name in NIFTI:
            save_nifti(path.with_suffix(".nii"), values, affine)
        else:
            order = np.random.default_rng(0).permutation(shape[0])
            files = [(f"{number:03d}.dcm", int(index)) for number, index in enumerate(order)]
            write_slices(path, HEADER, values, VolumeGrid(values.shape, affine), files)
    main(["convert", "source=scans", f"input={made}", f"store={made / 'femurs.h5'}", "workers=1"])
    return made


def scan_file(folder: Path, name: str) -> Path:
    return folder / "scans" / (name if name in DICOM else f"{name}.nii")


def split_parts(places: Floats, side: Side) -> dict[str, NDArray[np.bool_]]:
    """Which places (n, 3) belong to the head, and which to the shaft."""
    head = FEMURS[side]["head"]
    within = np.linalg.norm(places - head.centre, axis=1) < head.outer_mm + 1.5
    return {"head": within, "shaft": ~within}


def radius_mm(places: Floats, shaft: Solid) -> float:
    """Of a cylinder filled with these places: about the middle of a disc they lie half its radius squared off."""
    along, off = shaft.along_and_off(places)
    return float(np.sqrt(2 * np.mean(off[np.abs(along) < shaft.length_mm / 2 - 8] ** 2)))


def require_geometry(
    enclosed: Floats, cortex: Floats, voxel_mm3: float, side: Side, within: float = 0.01, off_mm: float = 0.2
) -> None:
    """Places (n, 3) in mm of one femur's voxels lie where its solids do, are as many and make walls as thick."""
    whole = np.concatenate([cortex, enclosed])
    sizes = {part: (solid.volume_cm3(False), solid.volume_cm3(True)) for part, solid in FEMURS[side].items()}
    known = {part: (outer, inner, outer - inner) for part, (outer, inner) in sizes.items()}
    for which, places in enumerate((whole, enclosed, cortex)):
        for part, chosen in split_parts(places, side).items():
            assert chosen.sum() * voxel_mm3 / 1000 == pytest.approx(known[part][which], rel=within)
            np.testing.assert_allclose(places[chosen].mean(axis=0), FEMURS[side][part].centre, atol=off_mm)
    shaft = FEMURS[side]["shaft"]
    outer, inner = (radius_mm(places[split_parts(places, side)["shaft"]], shaft) for places in (whole, enclosed))
    assert (outer, inner) == pytest.approx((shaft.outer_mm, shaft.inner_mm), rel=within)
    assert outer - inner == pytest.approx(shaft.outer_mm - shaft.inner_mm, rel=within)


class SharesOfGrey:
    """A network that says of every voxel what its grey value says: the share of each label."""

    postprocess = None
    device = "cpu"

    def __init__(self, planned_mm: Sequence[float], window: Sequence[int]) -> None:
        self.record = {"label_names": LABEL_NAMES, "dataset": {"spacing_mm": list(planned_mm)}}
        self.window = SlidingWindow(list(window), 0.25)

    def __call__(self, image: Tensor) -> Tensor:
        low, high = image.aminmax()  # of air, and of the middle of a head
        hu = (image - low) / (high - low) * (ENCLOSED_HU - AIR_HU) + AIR_HU
        return self.window(_shares, hu)


def _shares(hu: Tensor) -> Tensor:
    outer, inner = (hu / STEP_HU).clamp(0, 1), (hu / STEP_HU - 1).clamp(0, 1)
    return torch.cat([1 - outer, outer - inner, inner], dim=1)


def read_back(path: Path) -> tuple[Floats, Floats, float]:
    """Places of what is enclosed and of the cortex, in mm as DICOM counts, and a voxel's volume."""
    image = NIBABEL.load(path)
    labels = np.asarray(image.dataobj)
    enclosed, cortex = (places_of(np.argwhere(labels == number), image.affine) * [-1, -1, 1] for number in (2, 1))
    return enclosed, cortex, float(abs(np.linalg.det(image.affine[:3, :3])))


@pytest.mark.parametrize("name", DICOM)
def test_simpleitk_reads_the_same_series_and_finds_its_bones_where_they_are(folder: Path, name: str) -> None:
    reader = SITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(scan_file(folder, name))))
    image, found = reader.Execute(), read_series(scan_file(folder, name))
    values = SITK.GetArrayFromImage(image)
    assert np.array_equal(found.values, values)
    for index in ((0, 0, 0), (4, 30, 70), (50, 7, 11)):
        there = image.TransformIndexToPhysicalPoint(index[::-1])
        np.testing.assert_allclose(found.grid.to_mm(np.array(index)), there, atol=1e-4)
    lengths = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    places = np.argwhere(values > STEP_HU / 2)[:, ::-1] @ lengths.T + image.GetOrigin()
    for side in SIDES:
        bones = places[(places[:, 0] > 0) == (side == "left")]
        for part, chosen in split_parts(bones, side).items():
            np.testing.assert_allclose(bones[chosen].mean(axis=0), FEMURS[side][part].centre, atol=0.2)


def box_to_patient(folder: Path, name: str, side: Side) -> tuple[NDArray[Any], NDArray[np.uint8], Any]:
    """A stored femur, and what leads from mm behind its box's first edges to the patient's.

    A box does not say where it was; its turn is the scan's, and the middle of all that is labelled that of the solids.
    """
    store = ImageStore(folder / "femurs.h5")
    row = store.rows_by_key[f"scans/{name}/{side}"]
    assert store.spacing_mm(row) == pytest.approx(upright_spacing(name), abs=1e-6)
    labels = store.label(row)
    axes = directions(Z, Y, X, EIGHT if "oblique" in name else None) * ([1, 1, -1] if side == "right" else [1, 1, 1])
    volumes = [solid.volume_cm3(hollow=False) for solid in FEMURS[side].values()]
    middle = np.average([solid.centre for solid in FEMURS[side].values()], axis=0, weights=volumes)
    first = middle - (np.argwhere(labels > 0).mean(axis=0) + 0.5) * upright_spacing(name) @ axes.T
    return store.image(row)[0], labels, lambda behind: behind @ axes.T + first


@pytest.mark.parametrize("name", SCANS)
def test_stored_femurs_have_their_shape_and_right_ones_are_mirrored(folder: Path, name: str) -> None:
    spacing = upright_spacing(name)
    for side in SIDES:
        image, labels, to_patient = box_to_patient(folder, name, side)
        cortex = (image > STEP_HU / 2) & (image <= 1.5 * STEP_HU)
        for masks in ((labels == 2, labels == 1), (image > 1.5 * STEP_HU, cortex)):
            places = [to_patient((np.argwhere(mask) + 0.5) * spacing) for mask in masks]
            require_geometry(*places, float(np.prod(spacing)), side)


@pytest.mark.parametrize("name", SCANS)
def test_predicted_labels_lie_where_the_femurs_do_and_are_as_large(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("hipseg.prediction.scan_files.draw_planes", lambda *given: None)
    path = scan_file(folder, name)
    rows = FemurScans([SharesOfGrey(upright_spacing(name), (64, 128, 128))]).predict(path, path.name, tmp_path)
    # They have too little of a shaft to be judged by, which takes nothing from their volumes.
    assert [(row["side"], row["status"]) for row in rows] == [("right", "shaft_short"), ("left", "shaft_short")]
    for row, side in zip(rows, SIDES, strict=True):
        enclosed, cortex, voxel_mm3 = read_back(tmp_path / "labels" / f"{name}_{side}.nii.gz")
        require_geometry(enclosed, cortex, voxel_mm3, side)
        for column, hollow in (("periosteal_cm3", False), ("endosteal_cm3", True)):
            known = sum(solid.volume_cm3(hollow) for solid in FEMURS[side].values())
            assert row[column] == pytest.approx(known, rel=0.01)
        assert row["cortex_cm3"] == pytest.approx(row["periosteal_cm3"] - row["endosteal_cm3"], rel=1e-6)


def test_a_network_of_coarser_voxels_finds_the_same_femurs(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for the tubes' rims, which a filter of 1.6 mm rounds."""
    monkeypatch.setattr("hipseg.prediction.scan_files.draw_planes", lambda *given: None)
    path = scan_file(folder, "oblique")
    FemurScans([SharesOfGrey(EXPERIMENT_MM, (32, 64, 64))]).predict(path, "oblique", tmp_path)
    for side in SIDES:
        require_geometry(*read_back(tmp_path / "labels" / f"oblique_{side}.nii.gz"), side, within=0.03)


def write_ruler(
    path: Path, key: str, row: int, labels: NDArray[np.uint8], spacing_mm: tuple[float, float, float]
) -> None:  # fmt: skip
    """A store with an image in this row, after empty ones, that says of every voxel its three indices."""
    ruler, small = np.stack(np.indices(labels.shape)).astype(np.float32), np.zeros((2, 2, 2), np.uint8)
    with ImageStoreWriter(path, LABEL_NAMES, {}) as writer:
        for number in range(row):
            writer.put(StoredImage(f"a/b/{number}", "b", "", -1, small[None], small, spacing_mm, "x", "0" * 64))
        writer.put(StoredImage(key, "b", "", -1, ruler, labels, spacing_mm, "x", "0" * 64))


def patches_of(store: ImageStore, key: str, planned_mm: tuple[float, ...], patch: tuple[int, ...]) -> PatchDataset:
    options: dict[str, Any] = {"patches_per_epoch": 60, "foreground": 0.7, "cache": 1}
    return PatchDataset(store, [key], "train", 5, spacing_mm=planned_mm, patch=patch, **options)


@pytest.mark.parametrize(
    ("name", "side", "planned_mm", "patch", "within", "off_mm"),
    [
        ("nifti_oblique", "right", None, (64, 96, 96), 0.01, 0.2),
        ("oblique", "left", EXPERIMENT_MM, (32, 64, 64), 0.02, 0.3),
    ],
)  # fmt: skip
def test_patches_put_together_again_are_the_femur(
    folder: Path, tmp_path: Path, name: str, side: Side, planned_mm: tuple[float, ...] | None, patch: tuple[int, ...],
    within: float, off_mm: float,
) -> None:  # fmt: skip
    """Where each is from, a second image says that is drawn from alike."""
    stored, labels, to_patient = box_to_patient(folder, name, side)
    key, planned = f"scans/{name}/{side}", planned_mm or upright_spacing(name)
    length_mm = np.array(labels.shape) * upright_spacing(name)
    size = np.rint(length_mm / planned).astype(int)
    store = ImageStore(folder / "femurs.h5")
    write_ruler(tmp_path / "ruler.h5", key, store.rows_by_key[key], labels, upright_spacing(name))
    drawn, told = (patches_of(made, key, planned, patch) for made in (store, ImageStore(tmp_path / "ruler.h5")))
    image, found = np.full(size, np.nan), np.zeros(size, np.uint8)
    for index in range(len(drawn)):
        sample, places = drawn[0, index], told[0, index].image.numpy()
        # A ramp of n even steps has a standard deviation of sqrt((n^2 - 1) / 12) of them.
        first = np.rint(places[:, 0, 0, 0] * np.sqrt((size**2 - 1) / 12) + (size - 1) / 2).astype(int)
        part = tuple(slice(start, start + edge) for start, edge in zip(first, patch, strict=True))
        image[part], found[part] = sample.image[0].numpy(), sample.label.numpy()
    voxel_mm = length_mm / size
    hu = (image - np.nanmin(image)) / (np.nanmax(image) - np.nanmin(image)) * (ENCLOSED_HU - AIR_HU) + AIR_HU
    if planned_mm is None:
        np.testing.assert_allclose(hu[~np.isnan(hu)], stored[~np.isnan(hu)], atol=0.5)
    for masks in ((found == 2, found == 1), (hu > 1.5 * STEP_HU, (hu > STEP_HU / 2) & (hu <= 1.5 * STEP_HU))):
        enclosed, cortex = (to_patient((np.argwhere(mask) + 0.5) * voxel_mm) for mask in masks)
        require_geometry(enclosed, cortex, float(np.prod(voxel_mm)), side, within, off_mm)
