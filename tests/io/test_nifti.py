"""Volumes in NIfTI files against nibabel, SimpleITK and the bytes of the header."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hipseg.errors import Excluded
from hipseg.geometry.volume import VolumeGrid
from hipseg.io.nifti import read_nifti, write_nifti

NIBABEL: Any = nib  # untyped
SITK: Any = sitk
SHAPE = (5, 6, 7)
AXIAL = VolumeGrid.of_axes(SHAPE, (2.5, 0.8, 0.6), (-31.5, -52.25, 640.0))
ROOMS = {"int16": np.int16, "uint8": np.uint8, "float32": np.float32}


def placed(order: tuple[int, int, int], signs: tuple[int, int, int], degrees: tuple[float, float, float]) -> VolumeGrid:
    affine = AXIAL.affine.copy()
    turn = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    affine[:3, :3] = turn @ affine[:3, list(order)] * signs
    return VolumeGrid(SHAPE, affine)


GRIDS = {
    "axial": AXIAL,
    "flipped": placed((0, 1, 2), (1, -1, -1), (0, 0, 0)),
    "mirrored": placed((0, 1, 2), (-1, 1, 1), (0, 0, 0)),
    "coronal": placed((1, 0, 2), (1, -1, 1), (0, 0, 0)),
    "oblique": placed((2, 0, 1), (1, 1, -1), (14, -23, 9)),
}


def values(dtype: Any = np.int16) -> NDArray[Any]:
    drawn = np.random.default_rng(0).uniform(0, 250, SHAPE) * (-4 if dtype == np.int16 else 1)
    return drawn.astype(dtype)


def image(data: NDArray[Any], affine: NDArray[np.float64] | None = None) -> Any:
    return NIBABEL.Nifti1Image(data, np.diag([2.0, 3.0, 4.0, 1.0]) if affine is None else affine)


def patch(path: Path, offset: int, form: str, *numbers: float) -> None:
    """Write numbers into the header of an uncompressed file."""
    content = bytearray(path.read_bytes())
    struct.pack_into(form, content, offset, *numbers)
    path.write_bytes(content)


def refusal(path: Path) -> tuple[str, str]:
    with pytest.raises(Excluded) as caught:
        read_nifti(path)
    return caught.value.reason, caught.value.detail


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize("dtype", ROOMS)
@pytest.mark.parametrize("name", GRIDS)
def test_what_is_written_is_read(tmp_path: Path, name: str, dtype: str, ending: str) -> None:
    path, written = tmp_path / f"volume{ending}", values(ROOMS[dtype])
    write_nifti(path, written, GRIDS[name])
    found = read_nifti(path)
    assert found.values.dtype == written.dtype
    assert np.array_equal(found.values, written)
    assert found.grid.shape == SHAPE
    np.testing.assert_allclose(found.grid.affine, GRIDS[name].affine, atol=1e-4)


@pytest.mark.parametrize("name", GRIDS)
def test_nibabel_finds_every_voxel_where_it_was_to_the_right_and_forwards(tmp_path: Path, name: str) -> None:
    path = tmp_path / "volume.nii.gz"
    write_nifti(path, values(), GRIDS[name])
    stored = NIBABEL.load(path)
    data = np.asarray(stored.dataobj)
    assert data.shape == SHAPE[::-1]
    for affine in (stored.affine, stored.get_sform(), stored.get_qform()):
        for index in ((0, 0, 0), (4, 0, 0), (0, 5, 0), (0, 0, 6), (2, 4, 1)):
            x, y, z = GRIDS[name].to_mm(np.array(index))
            found = affine @ [*index[::-1], 1]
            assert found[:3] == pytest.approx([-x, -y, z], abs=1e-4)
            assert data[index[::-1]] == values()[index]
    assert stored.header.get_zooms() == pytest.approx(GRIDS[name].spacing_mm[::-1])
    assert stored.header.get_xyzt_units()[0] == "mm"
    assert int(stored.header["sform_code"]) and int(stored.header["qform_code"])


@pytest.mark.parametrize("name", GRIDS)
def test_simpleitk_finds_the_same_voxels_spacing_origin_and_direction(tmp_path: Path, name: str) -> None:
    """It counts as DICOM does."""
    path, grid = tmp_path / "volume.nii.gz", GRIDS[name]
    write_nifti(path, values(), grid)
    stored = SITK.ReadImage(path)
    assert np.array_equal(SITK.GetArrayFromImage(stored), values())
    assert stored.GetSpacing() == pytest.approx(grid.spacing_mm[::-1], abs=1e-5)
    assert stored.GetOrigin() == pytest.approx(grid.affine[:3, 3].tolist(), abs=1e-4)
    directions = np.reshape(stored.GetDirection(), (3, 3))[:, ::-1]
    np.testing.assert_allclose(directions * grid.spacing_mm, grid.affine[:3, :3], atol=1e-5)


@pytest.mark.parametrize("name", GRIDS)
def test_a_volume_of_simpleitks_is_read(tmp_path: Path, name: str) -> None:
    grid = GRIDS[name]
    made = SITK.GetImageFromArray(values())
    made.SetSpacing(grid.spacing_mm[::-1])
    made.SetOrigin(grid.affine[:3, 3].tolist())
    made.SetDirection((grid.affine[:3, :3] / grid.spacing_mm)[:, ::-1].ravel().tolist())
    SITK.WriteImage(made, tmp_path / "volume.nii")
    found = read_nifti(tmp_path / "volume.nii")
    assert np.array_equal(found.values, values())
    np.testing.assert_allclose(found.grid.affine, grid.affine, atol=1e-4)


def test_a_volume_of_nibabels_is_read_in_dicoms_axes(tmp_path: Path) -> None:
    affine = np.array([[2.0, 0, 0, 10], [0, 3, 0, 20], [0, 0, 4, 30], [0, 0, 0, 1]])
    data = np.arange(120, dtype=np.int16).reshape(4, 5, 6)
    NIBABEL.save(image(data, affine), tmp_path / "volume.nii")
    found = read_nifti(tmp_path / "volume.nii")
    assert found.grid.shape == found.values.shape == (6, 5, 4)
    assert found.values[5, 0, 1] == data[1, 0, 5]
    assert found.grid.to_mm(np.array([0, 0, 0])).tolist() == [-10, -20, 30]
    assert found.grid.to_mm(np.array([5, 2, 1])).tolist() == [-12, -26, 50]
    assert found.grid.spacing_mm == pytest.approx((4, 3, 2))


def test_values_are_scaled_as_the_header_says(tmp_path: Path) -> None:
    path, data = tmp_path / "volume.nii", np.arange(120, dtype=np.int16).reshape(4, 5, 6)
    NIBABEL.save(image(data), path)
    patch(path, 112, "<2f", 0.5, -1024.0)  # scl_slope and scl_inter
    np.testing.assert_allclose(read_nifti(path).values, data.T * 0.5 - 1024)
    patch(path, 112, "<2f", 0.0, -1024.0)  # a slope of nothing scales nothing
    assert np.array_equal(read_nifti(path).values, data.T)


@pytest.mark.parametrize("axes", [(4, 5, 6, 1), (4, 5, 6, 1, 1)])
def test_one_volume_of_a_file_for_several_is_read(tmp_path: Path, axes: tuple[int, ...]) -> None:
    data = np.arange(120, dtype=np.int16).reshape(axes)
    NIBABEL.save(image(data), tmp_path / "volume.nii")
    assert NIBABEL.load(tmp_path / "volume.nii").shape == axes
    assert np.array_equal(read_nifti(tmp_path / "volume.nii").values, data.reshape(4, 5, 6).T)


@pytest.mark.parametrize("axes", [(4, 5), (4, 5, 1), (1, 5, 6), (4, 5, 6, 2), (4, 5, 6, 1, 3)])
def test_what_is_no_volume_is_told_by_its_size(tmp_path: Path, axes: tuple[int, ...]) -> None:
    NIBABEL.save(image(np.zeros(axes, np.int16)), tmp_path / "volume.nii")
    reason, detail = refusal(tmp_path / "volume.nii")
    assert reason == "not_volume"
    assert " x ".join(str(count) for count in axes) in detail


def coded(path: Path, qform: int, sform: int) -> Path:
    """A file whose qform lies 7 mm above where its sform does."""
    stored = image(np.zeros((4, 5, 6), np.int16))
    stored.set_sform(np.diag([2.0, 3.0, 4.0, 1.0]))
    raised = np.diag([2.0, 3.0, 4.0, 1.0])
    raised[2, 3] = 7
    stored.set_qform(raised)
    NIBABEL.save(stored, path)
    patch(path, 252, "<2h", qform, sform)
    return path


@pytest.mark.parametrize(("qform", "sform", "height"), [(1, 0, 7), (0, 1, 0), (2, 0, 7), (0, 4, 0), (1, 1, 0)])
def test_the_sform_counts_and_else_the_qform(tmp_path: Path, qform: int, sform: int, height: float) -> None:
    found = read_nifti(coded(tmp_path / "volume.nii", qform, sform))
    np.testing.assert_allclose(found.grid.to_mm(np.array([1, 1, 1])), [-2, -3, height + 4], atol=1e-5)


def test_a_file_that_says_nothing_of_its_place_is_refused(tmp_path: Path) -> None:
    assert refusal(coded(tmp_path / "volume.nii", 0, 0))[0] == "orientation_missing"


@pytest.mark.parametrize(
    ("degrees", "straight"), [(0.02, True), (0.5, True), (0.7, False), (15.0, False), (-15.0, False)]
)
@pytest.mark.parametrize("pair", [(0, 1), (1, 2), (2, 0)])
def test_axes_that_are_not_at_right_angles_are_refused(
    tmp_path: Path, pair: tuple[int, int], degrees: float, straight: bool
) -> None:
    affine = np.diag([2.0, 3.0, 4.0, 1.0])
    affine[pair] = np.tan(np.radians(degrees)) * affine[pair[1], pair[1]]
    stored = image(np.zeros((4, 5, 6), np.int16), affine)
    NIBABEL.save(stored, tmp_path / "volume.nii")
    if straight:
        assert read_nifti(tmp_path / "volume.nii").grid.spacing_mm == pytest.approx((4, 3, 2), abs=4e-4)
    else:
        assert refusal(tmp_path / "volume.nii")[0] == "sheared"


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_a_file_that_is_no_nifti_or_breaks_off_is_refused(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"volume{ending}"
    write_nifti(path, values(), AXIAL)
    whole = path.read_bytes()
    noise = np.random.default_rng(1).bytes(3000)
    for content in (b"", b"no volume", noise, whole[:200], whole[: len(whole) - 60], noise[:348] + whole[348:]):
        path.write_bytes(content)
        assert refusal(path)[0] == "unreadable"
    text = tmp_path / "notes.txt"
    text.write_text("no volume")
    assert refusal(text)[0] == "unreadable"
    assert refusal(tmp_path / f"none{ending}")[0] == "unreadable"


def test_the_header_holds_a_place_and_nothing_else_and_a_second_file_the_same_bytes(tmp_path: Path) -> None:
    for ending in (".nii", ".nii.gz"):
        first, second = tmp_path / f"first{ending}", tmp_path / f"second{ending}"
        write_nifti(first, values(), AXIAL)
        write_nifti(second, values(), AXIAL)
        header = NIBABEL.load(first).header
        for field in ("descrip", "aux_file", "intent_name", "db_name"):
            assert header[field].item() == b""
        assert len(header.extensions) == 0
        assert NIBABEL.load(second).header == header
    plain = [tmp_path / f"{name}.nii" for name in ("first", "second")]
    assert plain[0].read_bytes() == plain[1].read_bytes()


def test_writing_changes_nothing_of_its_arguments(tmp_path: Path) -> None:
    written, affine = values(), AXIAL.affine.copy()
    write_nifti(tmp_path / "volume.nii", written, AXIAL)
    assert np.array_equal(written, values()) and np.array_equal(AXIAL.affine, affine)


def test_a_file_of_another_format_that_nibabel_opens_is_refused(tmp_path: Path) -> None:
    NIBABEL.save(NIBABEL.MGHImage(np.zeros(SHAPE, np.float32), np.eye(4)), tmp_path / "a.mgz")
    assert refusal(tmp_path / "a.mgz")[0] == "unreadable"


def test_colours_are_no_numbers(tmp_path: Path) -> None:
    rgb = np.zeros(SHAPE, dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    NIBABEL.save(image(rgb), tmp_path / "a.nii")
    assert refusal(tmp_path / "a.nii")[0] == "unreadable"


def test_an_affine_that_is_no_number_is_refused(tmp_path: Path) -> None:
    write_nifti(tmp_path / "a.nii", values(), AXIAL)
    patch(tmp_path / "a.nii", 280, "<f", float("nan"))
    assert refusal(tmp_path / "a.nii")[0] == "orientation_missing"


@pytest.mark.parametrize(("unit", "factor"), [("mm", 1.0), ("meter", 1000.0), ("micron", 0.001)])
def test_lengths_are_in_the_file_s_unit(tmp_path: Path, unit: str, factor: float) -> None:
    made = image(values().T, np.diag([2.0 / factor, 3.0 / factor, 4.0 / factor, 1.0]))
    made.header.set_xyzt_units(unit)
    NIBABEL.save(made, tmp_path / "a.nii")
    assert read_nifti(tmp_path / "a.nii").grid.spacing_mm == pytest.approx((4.0, 3.0, 2.0))


def test_a_mask_of_truths_comes_back_as_0_and_1(tmp_path: Path) -> None:
    mask = values() < -500
    write_nifti(tmp_path / "a.nii.gz", mask, AXIAL)
    assert np.array_equal(read_nifti(tmp_path / "a.nii.gz").values, mask.astype(np.uint8))


def test_a_tilt_that_a_series_may_have_survives(tmp_path: Path) -> None:
    affine = AXIAL.affine.copy()
    affine[1, 0] = np.tan(np.radians(0.45)) * affine[2, 0]
    write_nifti(tmp_path / "a.nii.gz", values(), VolumeGrid(SHAPE, affine))
    np.testing.assert_allclose(read_nifti(tmp_path / "a.nii.gz").grid.affine, affine, atol=1e-4)
