"""CT series written, read, compared with SimpleITK's reading of them, and refused with what is wrong with them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from dicom_edit import edit
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hipseg.errors import Excluded
from hipseg.geometry.volume import Volume, VolumeGrid
from hipseg.io.series import read_series
from hipseg.io.series_writer import SeriesHeader, write_frames, write_slices

Array = NDArray[np.float64]
SITK: Any = sitk  # untyped
HEADER = SeriesHeader(
    subject="8000017", date="20210304", sex="F", age_years=71, number=4, kernel="Br59", kvp=120, tilt_deg=0.0,
    uid_seed="a",
)  # fmt: skip
SHAPE = (7, 6, 9)
NAMES = ["k.dcm", "c.dcm", "h.dcm", "b.dcm", "n.dcm", "e.dcm", "j.dcm"]  # upwards, so that no order of names helps
FIRST = "b.dcm"
AXIAL = VolumeGrid.of_axes(SHAPE, (1.5, 0.7, 0.6), (-121.3, -87.25, 803.5))


def placed(order: tuple[int, int, int], signs: tuple[int, int, int], degrees: tuple[float, float, float]) -> VolumeGrid:
    """Slices, rows and columns of 1.5, 0.7 and 0.6 mm along these of the axial grid's directions, tilted."""
    affine = AXIAL.affine.copy()
    unit = np.array([[0.0, 0, 1], [0, 1, 0], [1, 0, 0]])[:, list(order)] * signs
    affine[:3, :3] = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix() @ unit * AXIAL.spacing_mm
    return VolumeGrid(SHAPE, affine)


# Whether the slices go in the direction of row cross column, in which they are read.
GRIDS = {
    "axial": (AXIAL, True),
    "from above": (placed((0, 1, 2), (-1, 1, 1), (0, 0, 0)), False),
    "feet first": (placed((0, 1, 2), (-1, 1, -1), (0, 0, 0)), True),
    "coronal": (placed((1, 0, 2), (1, -1, 1), (0, 0, 0)), True),
    "sagittal": (placed((2, 0, 1), (1, -1, 1), (0, 0, 0)), False),
    "oblique": (placed((0, 1, 2), (1, 1, 1), (14, -23, 9)), True),
    "oblique from above": (placed((0, 1, 2), (-1, 1, 1), (-31, 12, 40)), False),
}


def noise() -> NDArray[np.int16]:
    """Hounsfield units with both ends of what 12 bits hold."""
    hu = np.random.default_rng(0).integers(-1024, 3072, SHAPE).astype(np.int16)
    hu[0, 0, 0], hu[-1, -1, -1] = -1024, 3071
    return hu


HU = noise()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return written(tmp_path / "series", AXIAL)


def written(folder: Path, grid: VolumeGrid, header: SeriesHeader = HEADER) -> Path:
    folder.mkdir()
    names = list(zip(NAMES, range(len(NAMES)), strict=True))
    write_slices(folder, header, HU, grid, names[3:] + names[:3])
    return folder


def swap(path: Path, before: bytes, after: bytes) -> None:
    """Write other text of the same length into a file."""
    content = path.read_bytes()
    assert content.count(before) == 1
    path.write_bytes(content.replace(before, after.ljust(len(before))))


def refusal(path: Path) -> tuple[str, str]:
    with pytest.raises(Excluded) as caught:
        read_series(path)
    return caught.value.reason, caught.value.detail


def named(detail: str) -> set[str]:
    return {name for name in NAMES if name in detail}


def assert_is(found: Volume, grid: VolumeGrid, along: bool) -> None:
    """What was written; its slices the other way round unless they go along row cross column."""
    affine = grid.affine.copy()
    if not along:
        affine[:3, 3] += (SHAPE[0] - 1) * affine[:3, 0]
        affine[:3, 0] *= -1
    assert found.values.dtype == np.int16
    assert np.array_equal(found.values, HU if along else HU[::-1])
    assert found.grid.shape == SHAPE
    np.testing.assert_allclose(found.grid.affine, affine, atol=1e-7)


def assert_as_simpleitk(found: Volume, image: Any) -> None:
    assert np.array_equal(found.values, SITK.GetArrayFromImage(image))
    assert found.grid.spacing_mm[::-1] == pytest.approx(image.GetSpacing(), abs=1e-6)
    np.testing.assert_allclose(found.grid.affine[:3, 3], image.GetOrigin(), atol=1e-6)
    directions = np.reshape(image.GetDirection(), (3, 3))[:, ::-1]
    np.testing.assert_allclose(found.grid.affine[:3, :3], directions * found.grid.spacing_mm, atol=1e-6)
    for index in ((0, 0, 0), (5, 3, 7), (2, 5, 0)):
        there = image.TransformIndexToPhysicalPoint(index[::-1])
        np.testing.assert_allclose(found.grid.to_mm(np.array(index)), there, atol=1e-5)


def by_simpleitk(folder: Path) -> Any:
    reader = SITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return reader.Execute()


@pytest.mark.parametrize("name", GRIDS)
def test_slices_come_back_in_their_place(tmp_path: Path, name: str) -> None:
    grid, along = GRIDS[name]
    assert_is(read_series(written(tmp_path / "series", grid)), grid, along)


@pytest.mark.parametrize("name", GRIDS)
def test_frames_come_back_in_their_place(tmp_path: Path, name: str) -> None:
    grid, along = GRIDS[name]
    write_frames(tmp_path / "frames.dcm", HEADER, HU, grid)
    assert_is(read_series(tmp_path / "frames.dcm"), grid, along)
    assert_is(read_series(tmp_path), grid, along)


@pytest.mark.parametrize("name", GRIDS)
def test_slices_are_simpleitks(tmp_path: Path, name: str) -> None:
    folder = written(tmp_path / "series", GRIDS[name][0])
    assert_as_simpleitk(read_series(folder), by_simpleitk(folder))


@pytest.mark.parametrize("name", ["axial", "feet first", "oblique"])
def test_frames_are_simpleitks(tmp_path: Path, name: str) -> None:
    path = tmp_path / "frames.dcm"
    write_frames(path, HEADER, HU, GRIDS[name][0])
    assert_as_simpleitk(read_series(path), SITK.ReadImage(path))


def test_a_frame_lies_where_it_says_whatever_its_number(tmp_path: Path) -> None:
    path = tmp_path / "frames.dcm"
    write_frames(path, HEADER, HU, AXIAL)
    dataset = pydicom.dcmread(path)
    frames, order = dataset.PerFrameFunctionalGroupsSequence, [4, 0, 6, 2, 5, 1, 3]
    dataset.PerFrameFunctionalGroupsSequence = [frames[index] for index in order]
    dataset.PixelData = dataset.pixel_array[order].tobytes()
    dataset.save_as(path)
    assert_is(read_series(path), AXIAL, along=True)


def test_a_frame_may_scale_its_values_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "frames.dcm"
    write_frames(path, HEADER, HU, AXIAL)
    dataset = pydicom.dcmread(path)
    scaling = pydicom.Dataset()
    scaling.RescaleSlope, scaling.RescaleIntercept = "2", "-500"
    dataset.PerFrameFunctionalGroupsSequence[2].PixelValueTransformationSequence = [scaling]
    dataset.save_as(path)
    expected = HU.copy()
    expected[2] = (HU[2].astype(int) + 1024) * 2 - 500
    assert np.array_equal(read_series(path).values, expected)


def test_what_the_slices_files_say(folder: Path) -> None:
    datasets = [pydicom.dcmread(folder / name) for name in NAMES]
    for index, dataset in enumerate(datasets):
        stored = dataset.pixel_array * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)
        assert np.array_equal(stored, HU[index])
        assert dataset.ImagePositionPatient == pytest.approx([-121.3, -87.25, 803.5 + 1.5 * index])
        assert dataset.ImageOrientationPatient == [1, 0, 0, 0, 1, 0]
        assert dataset.PixelSpacing == pytest.approx([0.7, 0.6])
        assert dataset.SliceLocation == pytest.approx(803.5 + 1.5 * index)
        assert (dataset.Rows, dataset.Columns, dataset.SliceThickness) == (6, 9, 1.5)
        assert (dataset.SOPClassUID, dataset.Modality) == ("1.2.840.10008.5.1.4.1.1.2", "CT")
        assert dataset.SOPInstanceUID == dataset.file_meta.MediaStorageSOPInstanceUID
        assert (dataset.PatientID, dataset.PatientSex, dataset.PatientAge) == ("8000017", "F", "071Y")
        assert (dataset.StudyDate, dataset.SeriesNumber) == ("20210304", 4)
        assert (dataset.ConvolutionKernel, dataset.KVP, dataset.GantryDetectorTilt) == ("Br59", 120, 0)
    assert len({dataset.SOPInstanceUID for dataset in datasets}) == len(NAMES)
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
        assert len({dataset[keyword].value for dataset in datasets}) == 1
    assert [dataset.InstanceNumber for dataset in datasets] == [5, 6, 7, 1, 2, 3, 4]


def test_one_seed_gives_the_same_bytes_and_another_or_another_number_another_series(tmp_path: Path) -> None:
    again = [written(tmp_path / "one", AXIAL), written(tmp_path / "two", AXIAL)]
    assert all((again[0] / name).read_bytes() == (again[1] / name).read_bytes() for name in NAMES)
    others = [
        written(tmp_path / "seed", AXIAL, replace(HEADER, uid_seed="b")),
        written(tmp_path / "number", AXIAL, replace(HEADER, number=5)),
    ]
    read = [pydicom.dcmread(path / "b.dcm") for path in (again[0], *others)]
    assert len({dataset.SeriesInstanceUID for dataset in read}) == 3
    assert read[0].StudyInstanceUID == read[2].StudyInstanceUID != read[1].StudyInstanceUID


def test_a_slice_may_scale_its_values_by_itself(folder: Path) -> None:
    """Also to halves, which go to the even neighbour, and beyond what 16 bits hold, where the end of them stands."""
    scales = [(1.0, -1024.0), (2.0, -1000.0), (0.5, -100.0), (-1.0, 50.0), (0.01, 3.25), (20.0, -1024.0), (1.0, 0.0)]
    for name, (slope, intercept) in zip(NAMES, scales, strict=True):
        edit(folder / name, RescaleSlope=str(slope), RescaleIntercept=str(intercept))
    found = read_series(folder).values
    for index, (slope, intercept) in enumerate(scales):
        exact = (HU[index].astype(float) + 1024) * slope + intercept
        off = found[index] - np.clip(exact, -32768, 32767)
        assert np.abs(off).max() <= 0.5 + 1e-9
        assert (found[index][np.abs(off) == 0.5] % 2 == 0).all()
    assert found[5].max() == 32767


def test_signed_pixels(folder: Path) -> None:
    for name, hu in zip(NAMES, HU, strict=True):
        edit(
            folder / name, PixelData=hu.tobytes(), PixelRepresentation=1, BitsStored=16, HighBit=15,
            RescaleIntercept="0",
        )  # fmt: skip
    assert_is(read_series(folder), AXIAL, along=True)


def test_other_files_beside_slices_and_slices_in_folders_within(folder: Path) -> None:
    (folder / "notes.txt").write_text("the patient moved")
    (folder / "empty.txt").touch()
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200))
    shutil.copy(folder / "c.dcm", folder / "report.dcm")
    edit(folder / "report.dcm", PixelData=None, Modality="SR")
    for inner, name in (("1", "k.dcm"), ("1/deeper", "h.dcm"), ("2", "n.dcm")):
        (folder / inner).mkdir(exist_ok=True)
        (folder / name).rename(folder / inner / f"{name}.IMA")
    assert_is(read_series(folder), AXIAL, along=True)


def test_two_slices_are_a_volume(folder: Path) -> None:
    for name in NAMES[2:]:
        (folder / name).unlink()
    found = read_series(folder)
    assert np.array_equal(found.values, HU[:2])
    np.testing.assert_allclose(found.grid.affine, AXIAL.affine, atol=1e-7)


CROP = HU[3, :, :5].astype("<i2") + np.int16(1024)
REFUSED: list[tuple[dict[str, dict[str, Any]], str, set[str], str]] = [
    ({"h.dcm": {"Modality": "MR"}}, "not_ct", {"h.dcm"}, "MR"),
    ({"h.dcm": {"Modality": None}}, "not_ct", {"h.dcm"}, "none"),
    ({"h.dcm": {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}}, "localizer", {"h.dcm"}, "localizer"),
    ({"e.dcm": {"ImagePositionPatient": None}}, "geometry_missing", {"e.dcm"}, "ImagePositionPatient"),
    ({"e.dcm": {"ImagePositionPatient": ["1", "2"]}}, "geometry_missing", {"e.dcm"}, "ImagePositionPatient"),
    ({"e.dcm": {"ImagePositionPatient": ""}}, "geometry_missing", {"e.dcm"}, "ImagePositionPatient"),
    ({"e.dcm": {"PixelSpacing": ["0", "0"]}}, "geometry_missing", {"e.dcm"}, "PixelSpacing"),
    ({"e.dcm": {"PixelSpacing": ["0.7", "-0.6"]}}, "geometry_missing", {"e.dcm"}, "PixelSpacing"),
    ({"e.dcm": {"PixelSpacing": "0.7"}}, "geometry_missing", {"e.dcm"}, "PixelSpacing"),
    ({"e.dcm": {"PixelSpacing": None}}, "geometry_missing", {"e.dcm"}, "PixelSpacing"),
    ({"e.dcm": {"ImageOrientationPatient": None}}, "geometry_missing", {"e.dcm"}, "ImageOrientationPatient"),
    ({"e.dcm": {"ImageOrientationPatient": ["1", "0", "0", "0", "1"]}}, "geometry_missing", {"e.dcm"},
     "ImageOrientationPatient"),
    ({"e.dcm": {"ImageOrientationPatient": ["1", "0", "0", "0", "2", "0"]}}, "geometry_missing", {"e.dcm"},
     "ImageOrientationPatient"),
    ({"e.dcm": {"ImageOrientationPatient": ["1", "0", "0", "0.1", "0.995", "0"]}}, "geometry_missing", {"e.dcm"},
     "ImageOrientationPatient"),
    ({"e.dcm": {"RescaleSlope": None}}, "geometry_missing", {"e.dcm"}, "RescaleSlope"),
    ({"e.dcm": {"RescaleIntercept": ""}}, "geometry_missing", {"e.dcm"}, "RescaleIntercept"),
    ({"e.dcm": {"ImageOrientationPatient": ["1", "0", "0", "0", "0.9998", "0.02"]}}, "mixed_orientation",
     {"e.dcm", FIRST}, "parallel"),
    ({"e.dcm": {"ImageOrientationPatient": ["0", "1", "0", "-1", "0", "0"]}}, "mixed_orientation", {"e.dcm", FIRST},
     "parallel"),
    ({"n.dcm": {"ImagePositionPatient": ["-117.3", "-87.25", "809.5"]}}, "mixed_orientation", {"n.dcm"}, "shifted"),
    ({"c.dcm": {"PixelSpacing": ["0.7", "0.61"]}}, "mixed_sizes", {"c.dcm", FIRST}, "spacing"),
    ({"c.dcm": {"PixelSpacing": ["0.71", "0.6"]}}, "mixed_sizes", {"c.dcm", FIRST}, "spacing"),
    ({"c.dcm": {"Columns": 5, "PixelData": CROP.tobytes()}}, "mixed_sizes", {"c.dcm", FIRST}, "columns"),
    ({"c.dcm": {"Rows": 5, "PixelData": bytes(90)}}, "mixed_sizes", {"c.dcm", FIRST}, "rows"),
    ({"j.dcm": {"PixelData": bytes(60)}}, "truncated", {"j.dcm"}, "decoded"),
    ({"j.dcm": {"NumberOfFrames": 2, "PixelData": bytes(216)}}, "truncated", {"j.dcm"}, "rows and columns"),
    ({"k.dcm": {"ImagePositionPatient": ["-121.3", "-87.25", "806.5"]}}, "slices_duplicated", {"k.dcm", "h.dcm"},
     "1 place held"),
    ({"k.dcm": {"ImagePositionPatient": ["-121.3", "-87.25", "801"]}}, "slices_missing", {"k.dcm", "c.dcm"},
     "1 gap between slices; 4.000 mm"),
]  # fmt: skip


@pytest.mark.parametrize(("edits", "reason", "names", "said"), REFUSED)
@pytest.mark.filterwarnings("ignore")
def test_what_is_wrong_with_a_slice_is_said_with_its_name(
    folder: Path, edits: dict[str, dict[str, Any]], reason: str, names: set[str], said: str
) -> None:
    for name, elements in edits.items():
        edit(folder / name, **elements)
    found, detail = refusal(folder)
    assert found == reason
    assert named(detail) == names
    assert said in detail


@pytest.mark.parametrize(
    ("before", "after", "keyword"),
    [
        (b"0.700000000", b"nan", "PixelSpacing"),
        (b"0.700000000", b"inf", "PixelSpacing"),
        (b"0.700000000", b"abc", "PixelSpacing"),
        (b"0.600000000", b"", "PixelSpacing"),
        (b"-87.250000000", b"nan", "ImagePositionPatient"),
        (b"-87.250000000", b"1e999", "ImagePositionPatient"),
        (b"1.000000000\\0.000000000\\0.000000000\\0.0", b"nan\\0\\0\\0.0", "ImageOrientationPatient"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_numbers_that_are_none_are_no_geometry(folder: Path, before: bytes, after: bytes, keyword: str) -> None:
    swap(folder / "n.dcm", before, after)
    reason, detail = refusal(folder)
    assert reason == "geometry_missing"
    assert named(detail) == {"n.dcm"} and keyword in detail


def test_missing_slices_are_said_with_their_neighbours(folder: Path) -> None:
    (folder / "b.dcm").unlink()
    reason, detail = refusal(folder)
    assert reason == "slices_missing"
    assert named(detail) == {"h.dcm", "n.dcm"}
    assert "1 gap " in detail and "3.000 mm" in detail and "1.500 mm elsewhere" in detail


def test_of_several_gaps_the_first_is_named(tmp_path: Path) -> None:
    names = [f"{index:02d}.dcm" for index in range(20)]
    hu = np.zeros((20, 4, 4), np.int16)
    write_slices(tmp_path, HEADER, hu, AXIAL, [(names[i], i) for i in range(20) if i not in (4, 11, 12)])
    reason, detail = refusal(tmp_path)
    assert reason == "slices_missing"
    assert {name for name in names if name in detail} == {"03.dcm", "05.dcm"}
    assert "2 gaps " in detail


def test_duplicates_are_named_in_pairs_of_which_three_are_enough(folder: Path) -> None:
    for name in NAMES[:3]:
        shutil.copy(folder / name, folder / f"copy-{name}")
    reason, detail = refusal(folder)
    assert reason == "slices_duplicated"
    assert named(detail) == set(NAMES[:3])
    assert all(f"copy-{name}" in detail for name in NAMES[:3])
    assert "3 places held" in detail
    for name in NAMES[3:]:
        shutil.copy(folder / name, folder / f"copy-{name}")
    reason, detail = refusal(folder)
    assert reason == "slices_duplicated"
    assert "7 places held" in detail and len(named(detail)) == 3


@pytest.mark.parametrize(("share", "even"), [(0.04, True), (-0.04, True), (0.06, False), (-0.06, False)])
def test_distances_may_differ_by_a_twentieth(folder: Path, share: float, even: bool) -> None:
    edit(folder / "n.dcm", ImagePositionPatient=["-121.3", "-87.25", f"{803.5 + 1.5 * (4 + share):.4f}"])
    if even:
        assert read_series(folder).grid.spacing_mm == pytest.approx(AXIAL.spacing_mm)
    else:
        reason, detail = refusal(folder)
        assert reason == "slices_missing"
        assert named(detail) == {"b.dcm", "n.dcm"} and "2 gaps" in detail


def sheared(degrees: float, axis: int) -> VolumeGrid:
    """Every slice further forwards or to the right, as a tilted gantry takes them."""
    affine = AXIAL.affine.copy()
    affine[axis, 0] = -1.5 * np.tan(np.radians(degrees))
    return VolumeGrid(SHAPE, affine)


@pytest.mark.parametrize(("degrees", "axis"), [(12.0, 1), (-20.0, 1), (5.0, 0), (0.6, 1), (0.6, 0)])
def test_a_tilted_gantry_is_refused_with_its_angle(tmp_path: Path, degrees: float, axis: int) -> None:
    reason, detail = refusal(written(tmp_path / "series", sheared(degrees, axis)))
    assert reason == "gantry_tilt"
    assert f" {abs(degrees):.1f} degrees" in detail


def test_a_gantry_tilted_by_less_than_half_a_degree_is_none_and_slices_keep_their_places(tmp_path: Path) -> None:
    """However high the volume is."""
    grid = replace(sheared(0.4, 1), shape=(100, 2, 2))
    write_slices(tmp_path, HEADER, np.zeros(grid.shape, np.int16), grid, [(f"{i:02d}.dcm", i) for i in range(100)])
    np.testing.assert_allclose(read_series(tmp_path).grid.affine, grid.affine, atol=1e-7)


def test_several_series_are_told_by_their_numbers(folder: Path) -> None:
    other = replace(HEADER, number=9)
    write_slices(folder, other, HU, AXIAL, [("x.dcm", 0), ("y.dcm", 1)])
    reason, detail = refusal(folder)
    assert reason == "several_series"
    assert "number 4 (7 slices)" in detail and "number 9 (2 slices)" in detail


def test_a_slice_whose_file_breaks_off(folder: Path) -> None:
    content = (folder / "n.dcm").read_bytes()
    for length in (len(content) - 20, len(content) - 100):
        (folder / "n.dcm").write_bytes(content[:length])
        reason, detail = refusal(folder)
        assert reason == "truncated"
        assert named(detail) == {"n.dcm"}


def test_a_folder_without_slices(folder: Path, tmp_path: Path) -> None:
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    assert refusal(nothing)[0] == "no_slices"
    (nothing / "notes.txt").write_text("no slices here")
    (nothing / "more.csv").write_text("subject,side\n")
    assert refusal(nothing)[0] == "no_slices"
    shutil.copy(folder / "h.dcm", nothing / "h.dcm")
    reason, detail = refusal(nothing)
    assert reason == "no_slices" and "one slice" in detail


def test_one_file_that_is_no_series(folder: Path, tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("no slices here")
    reason, detail = refusal(text)
    assert reason == "not_dicom" and "notes.txt" in detail
    assert refusal(folder / "h.dcm")[0] == "no_slices"
    edit(folder / "h.dcm", PixelData=None)
    reason, detail = refusal(folder / "h.dcm")
    assert reason == "no_pixels" and "h.dcm" in detail
    edit(folder / "h.dcm", Modality="MR")
    assert refusal(folder / "h.dcm")[0] == "not_ct"


FRAMES: list[tuple[int, dict[str, Any], str, str]] = [
    (3, {"PlanePositionSequence": None}, "geometry_missing", "ImagePositionPatient"),
    (3, {"ImagePositionPatient": ["1", "2"]}, "geometry_missing", "ImagePositionPatient"),
    (5, {"ImagePositionPatient": ["-121.3", "-87.25", "809.0"]}, "slices_missing", "frame 5"),
    (5, {"ImagePositionPatient": ["-121.3", "-87.25", "808.0"]}, "slices_duplicated", "frame 4"),
]


@pytest.mark.parametrize(("number", "elements", "reason", "said"), FRAMES)
def test_what_is_wrong_with_a_frame_is_said_with_its_number(
    tmp_path: Path, number: int, elements: dict[str, Any], reason: str, said: str
) -> None:
    path = tmp_path / "frames.dcm"
    write_frames(path, HEADER, HU, AXIAL)
    dataset = pydicom.dcmread(path)
    frame = dataset.PerFrameFunctionalGroupsSequence[number - 1]
    for keyword, value in elements.items():
        if value is None:
            del frame[keyword]
        else:
            setattr(frame.PlanePositionSequence[0], keyword, value)
    dataset.save_as(path)
    found, detail = refusal(path)
    assert found == reason
    assert f"frames.dcm, frame {number}" in detail and said in detail


def test_frames_without_a_common_orientation_or_scale(tmp_path: Path) -> None:
    for number, sequence in enumerate(
        ("PlaneOrientationSequence", "PixelMeasuresSequence", "PixelValueTransformationSequence")
    ):
        path = tmp_path / f"{number}.dcm"
        write_frames(path, HEADER, HU, AXIAL)
        dataset = pydicom.dcmread(path)
        del dataset.SharedFunctionalGroupsSequence[0][sequence]
        dataset.save_as(path)
        reason, detail = refusal(path)
        assert reason == "geometry_missing" and "frame 1" in detail


@pytest.mark.parametrize("harm", ["emptied", "cut", "without pixels"])
@pytest.mark.parametrize("name", [FIRST, NAMES[3], NAMES[-1]])
def test_what_is_left_of_a_slice_is_not_passed_over_wherever_it_lay(folder: Path, name: str, harm: str) -> None:
    if harm == "without pixels":
        edit(folder / name, PixelData=None)
    else:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(b"" if harm == "emptied" else content[:200])
    reason, detail = refusal(folder)
    assert reason == ("no_pixels" if harm == "without pixels" else "truncated") and named(detail) == {name}


def test_frames_one_a_file_are_slices_too(tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    for index in range(len(HU)):
        affine = AXIAL.affine.copy()
        affine[:3, 3] += index * affine[:3, 0]
        grid = VolumeGrid((1, *SHAPE[1:]), affine)
        header = replace(HEADER, uid_seed="a")
        write_frames(tmp_path / "frames" / f"{index}.dcm", header, HU[index : index + 1], grid)
    assert_is(read_series(tmp_path / "frames"), AXIAL, True)


@pytest.mark.parametrize("stated", [3, 40])
def test_frames_without_a_place_and_places_without_a_frame_are_refused(tmp_path: Path, stated: int) -> None:
    path = tmp_path / "frames.dcm"
    write_frames(path, HEADER, HU, AXIAL)
    edit(path, NumberOfFrames=stated)
    assert refusal(path) == ("geometry_missing", f"frames.dcm: it states {stated} frames and where 7 lie")


@pytest.mark.parametrize("name", [FIRST, NAMES[3], NAMES[-1]])
def test_one_slice_that_is_shifted_sideways_is_named_and_no_tilt(folder: Path, name: str) -> None:
    dataset = pydicom.dcmread(folder / name)
    x, y, z = dataset.ImagePositionPatient
    edit(folder / name, ImagePositionPatient=[f"{x + 5:.4f}", y, z])
    reason, detail = refusal(folder)
    assert reason == "mixed_orientation" and named(detail) == {name}


def test_empty_rows_and_a_path_that_is_not_there(folder: Path) -> None:
    edit(folder / NAMES[2], Rows=None)
    assert refusal(folder)[0] in ("mixed_sizes", "truncated")
    assert refusal(folder / "nowhere") == ("unreadable", "there is no nowhere")
