"""DICOM segmentations read back voxel by voxel in the patient: a bean drawn in mm is the answer, whatever the scan."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
import pytest
from dicom_edit import edit as edit_file
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hipseg import __version__
from hipseg.errors import HipsegError
from hipseg.geometry.volume import VolumeGrid
from hipseg.io.segmentation_object import read_images, write_segmentation
from hipseg.io.series import read_series
from hipseg.io.series_writer import SeriesHeader, write_frames, write_slices
from hipseg.labels.landmarks import Side

HEADER = SeriesHeader(
    subject="8000017", date="20210304", sex="F", age_years=71, number=4, kernel="Br59", kvp=120, tilt_deg=0.0,
    uid_seed="a",
)  # fmt: skip
SHAPE = (12, 19, 23)  # so that a frame fills no whole number of bytes
SPACING_MM = (2.5, 0.9, 0.7)
CENTRE_MM = np.array([88.0, -41.0, 803.0])
NAMES = ["k", "c", "h", "b", "n", "e", "j", "a", "m", "d", "l", "g"]  # upwards, so that no order of names helps


def placed(order: tuple[int, int, int], signs: tuple[int, int, int], degrees: tuple[float, float, float]) -> VolumeGrid:
    """Slices, rows and columns along these of up, backwards and left, tilted, with the bean in the middle."""
    affine = np.eye(4)
    unit = np.array([[0.0, 0, 1], [0, 1, 0], [1, 0, 0]])[:, list(order)] * signs
    affine[:3, :3] = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix() @ unit * SPACING_MM
    affine[:3, 3] = CENTRE_MM - affine[:3, :3] @ (np.array([5.3, 9.1, 11.7]))
    return VolumeGrid(SHAPE, affine)


GRIDS = {
    "axial": placed((0, 1, 2), (1, 1, 1), (0, 0, 0)),
    "feet first": placed((0, 1, 2), (-1, 1, -1), (0, 0, 0)),
    "sagittal": placed((2, 0, 1), (1, -1, 1), (0, 0, 0)),
    "oblique": placed((0, 1, 2), (1, 1, 1), (14, -23, 9)),
    "oblique from above": placed((0, 1, 2), (-1, 1, 1), (-31, 12, 40)),
}


def bean(points_mm: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Labels at (..., 3) x, y, z: no two slices and no mirror image of it are alike."""
    x, y, z = np.moveaxis(points_mm - CENTRE_MM, -1, 0)
    outer = ((x + 0.05 * z**2 - 1) / 5.0) ** 2 + ((y - 0.2 * z) / 6.0) ** 2 + (z / 10.0) ** 2 < 1
    inner = ((x - 1.5) / 2.5) ** 2 + ((y + 1) / 2.5) ** 2 + ((z + 2.5) / 5.0) ** 2 < 1
    return np.where(outer & inner, 2, outer).astype(np.uint8)


def voxels_mm(grid: VolumeGrid) -> NDArray[np.float64]:
    return grid.to_mm(np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1))


def written(path: Path, grid: VolumeGrid, *, frames: bool = False, header: SeriesHeader = HEADER) -> Path:
    """A scan; what its images show does not matter."""
    hu = np.random.default_rng(0).integers(-1024, 3072, SHAPE).astype(np.int16)
    if frames:
        write_frames(path, header, hu, grid)
        shuffle_frames(path)
    else:
        path.mkdir()
        names = list(zip(NAMES, range(len(NAMES)), strict=True))
        write_slices(path, header, hu, grid, names[5:] + names[:5])
    return path


def shuffle_frames(path: Path) -> None:
    dataset = pydicom.dcmread(path)
    order = np.random.default_rng(1).permutation(SHAPE[0])
    groups = dataset.PerFrameFunctionalGroupsSequence
    dataset.PerFrameFunctionalGroupsSequence = [groups[int(index)] for index in order]
    dataset.PixelData = dataset.pixel_array[order].tobytes()
    dataset.save_as(path)


def segmented(scan: Path, side: Side = "left") -> Path:
    """The bean on the scan's voxels, written as a segmentation."""
    grid = read_series(scan).grid
    path = scan.parent / f"{scan.name}_{side}.dcm"
    write_segmentation(path, bean(voxels_mm(grid)), read_images(scan, grid), side)
    return path


def edit(scan: Path, **elements: Any) -> None:
    """Set elements of every image; None deletes one."""
    for file in scan.iterdir() if scan.is_dir() else [scan]:
        edit_file(file, **elements)


def planes(path: Path) -> Iterator[tuple[int, NDArray[np.float64], NDArray[np.uint8], Any]]:
    """Segment number, (rows, columns, 3) places in mm, pixels and header of every frame, by pydicom alone."""
    dataset = pydicom.dcmread(path)
    shared = dataset.SharedFunctionalGroupsSequence[0]
    down, across = map(float, shared.PixelMeasuresSequence[0].PixelSpacing)
    cosines = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, dtype=float).reshape(2, 3)
    row, column = np.mgrid[: dataset.Rows, : dataset.Columns]
    pixels = dataset.pixel_array.reshape(-1, dataset.Rows, dataset.Columns)
    for frame, group in zip(pixels, dataset.PerFrameFunctionalGroupsSequence, strict=True):
        start = np.array(group.PlanePositionSequence[0].ImagePositionPatient, dtype=float)
        places = start + column[..., None] * across * cosines[0] + row[..., None] * down * cosines[1]
        yield group.SegmentIdentificationSequence[0].ReferencedSegmentNumber, places, frame, group


def assert_is_the_bean(path: Path, grid: VolumeGrid) -> None:
    """Every voxel of every frame, and none left out."""
    counts = {1: 0, 2: 0}
    for number, places, pixels, _ in planes(path):
        assert np.array_equal(pixels, bean(places) == number)
        assert pixels.any()
        counts[number] += int(pixels.sum())
        indices = grid.to_indices(places)
        np.testing.assert_allclose(indices, np.rint(indices), atol=1e-6)
    truth = bean(voxels_mm(grid))
    assert counts == {1: int((truth == 1).sum()), 2: int((truth == 2).sum())}
    assert min(counts.values()) > 50


@pytest.mark.parametrize("frames", [False, True], ids=["slices", "frames"])
@pytest.mark.parametrize("name", GRIDS)
def test_every_voxel_lies_in_its_place(tmp_path: Path, name: str, frames: bool) -> None:
    scan = written(tmp_path / "scan", GRIDS[name], frames=frames)
    assert_is_the_bean(segmented(scan), GRIDS[name])


def test_the_answer_is_another_for_any_other_order_of_slices() -> None:
    """Or the test above could not tell one."""
    truth = bean(voxels_mm(GRIDS["oblique"]))
    filled = [plane for plane in truth if plane.any()]
    assert len(filled) >= 6 and len({plane.tobytes() for plane in filled}) == len(filled)


@pytest.mark.parametrize("seed", range(3))
def test_names_and_numbers_of_slices_don_t_matter(tmp_path: Path, seed: int) -> None:
    scan = written(tmp_path / "scan", GRIDS["oblique from above"])
    order = np.random.default_rng(seed).permutation(len(NAMES))
    for name, index in zip(NAMES, order, strict=True):
        dataset = pydicom.dcmread(scan / name)
        dataset.InstanceNumber = str(index)
        dataset.save_as(scan / f"{index:02d}.dcm")
        (scan / name).unlink()
    assert_is_the_bean(segmented(scan), GRIDS["oblique from above"])


def test_highdicom_reads_the_same_volume(tmp_path: Path) -> None:
    path = segmented(written(tmp_path / "scan", GRIDS["oblique"]))
    volume = highdicom.seg.segread(path).get_volume(combine_segments=True)
    found = VolumeGrid(volume.spatial_shape, volume.affine)  # its axes too are slices, rows and columns, in LPS
    assert np.array_equal(volume.array, bean(voxels_mm(found)))
    assert np.count_nonzero(volume.array) == np.count_nonzero(bean(voxels_mm(GRIDS["oblique"])))
    assert sorted(found.spacing_mm) == pytest.approx(sorted(SPACING_MM), abs=1e-5)


@pytest.mark.parametrize("frames", [False, True], ids=["slices", "frames"])
def test_each_frame_refers_to_the_image_that_lies_where_it_lies(tmp_path: Path, frames: bool) -> None:
    scan = written(tmp_path / "scan", GRIDS["oblique"], frames=frames)
    there = {}
    for image in map(pydicom.dcmread, [scan] if frames else scan.iterdir()):
        groups = image.PerFrameFunctionalGroupsSequence if frames else [image]
        for number, group in enumerate(groups, start=1):
            position = (group.PlanePositionSequence[0] if frames else group).ImagePositionPatient
            there[image.SOPInstanceUID, number if frames else None] = np.array(position, dtype=float)
    path = segmented(scan)
    for _, places, _, group in planes(path):
        (source,) = group.DerivationImageSequence[0].SourceImageSequence
        key = source.ReferencedSOPInstanceUID, source.get("ReferencedFrameNumber")
        np.testing.assert_array_equal(places[0, 0], there[key])
        assert source.SpatialLocationsPreserved == "YES"
    made = pydicom.dcmread(path)
    (series,) = made.ReferencedSeriesSequence
    referred = {item.ReferencedSOPInstanceUID for item in series.ReferencedInstanceSequence}
    assert referred == {uid for uid, _ in there}
    assert series.SeriesInstanceUID == image.SeriesInstanceUID


@pytest.mark.parametrize(("side", "code"), [("left", "7771000"), ("right", "24028007")])
def test_what_the_segments_say(tmp_path: Path, side: Side, code: str) -> None:
    made = pydicom.dcmread(segmented(written(tmp_path / "scan", GRIDS["axial"]), side))
    assert (made.SOPClassUID, made.Modality) == ("1.2.840.10008.5.1.4.1.1.66.4", "SEG")
    assert (made.SegmentationType, made.BitsAllocated, made.SegmentsOverlap) == ("BINARY", 1, "NO")
    assert (made.Manufacturer, made.SoftwareVersions) == ("hipseg", __version__)
    assert [segment.SegmentLabel for segment in made.SegmentSequence] == ["cortex", "enclosed"]
    kinds = [segment.SegmentedPropertyTypeCodeSequence[0].CodeValue for segment in made.SegmentSequence]
    assert kinds == ["3138006", "14016003"]
    for number, segment in enumerate(made.SegmentSequence, start=1):
        assert segment.SegmentNumber == number and f"{side} femur" in segment.SegmentDescription
        (region,) = segment.AnatomicRegionSequence
        (modifier,) = region.AnatomicRegionModifierSequence
        assert (region.CodeValue, modifier.CodeValue) == ("71341001", code)
        assert {region.CodingSchemeDesignator, modifier.CodingSchemeDesignator} == {"SCT"}
        (algorithm,) = segment.SegmentationAlgorithmIdentificationSequence
        assert (segment.SegmentAlgorithmType, segment.SegmentAlgorithmName) == ("AUTOMATIC", "hipseg")
        assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == ("hipseg", __version__)


@pytest.mark.parametrize(
    ("charset", "name"), [("ISO_IR 100", "Müller^Åsa"), ("ISO_IR 192", "Yamada^Tarou=山田^太郎"), (None, "Doe^Jane")]
)
def test_an_archive_files_it_with_the_scan(tmp_path: Path, charset: str | None, name: str) -> None:
    scan = written(tmp_path / "scan", GRIDS["axial"])
    edit(scan, SpecificCharacterSet=charset, PatientName=name, AccessionNumber="A77")
    source = pydicom.dcmread(scan / NAMES[0])
    made = pydicom.dcmread(segmented(scan))
    for keyword in (
        "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "PatientAge", "StudyInstanceUID", "StudyID",
        "StudyDate", "StudyTime", "AccessionNumber", "FrameOfReferenceUID",
    ):  # fmt: skip
        assert made[keyword].value == source[keyword].value, keyword
    assert str(made.PatientName) == name
    assert made.SeriesInstanceUID != source.SeriesInstanceUID and made.SOPInstanceUID != source.SOPInstanceUID
    assert made.SeriesNumber == 1004
    again = pydicom.dcmread(segmented(scan, "right"))
    assert again.SeriesInstanceUID != made.SeriesInstanceUID and again.SOPInstanceUID != made.SOPInstanceUID


@pytest.mark.parametrize("frames", [False, True], ids=["slices", "frames"])
def test_what_a_scan_may_lack(tmp_path: Path, frames: bool) -> None:
    scan = written(tmp_path / "scan", GRIDS["oblique"], frames=frames)
    gone = ["PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID",
            "AccessionNumber", "ReferringPhysicianName", "SeriesNumber"]  # fmt: skip
    edit(scan, **dict.fromkeys(gone))
    if not frames:
        edit(scan, SliceThickness=None)
    path = segmented(scan)
    assert_is_the_bean(path, GRIDS["oblique"])
    made = pydicom.dcmread(path)
    assert all(keyword in made and not made[keyword].value for keyword in gone[:-1])


def test_the_distance_between_slices_is_that_of_their_places(tmp_path: Path) -> None:
    scan = written(tmp_path / "scan", GRIDS["oblique"])
    edit(scan, SpacingBetweenSlices="1.1", SliceThickness="4")
    measures = pydicom.dcmread(segmented(scan)).SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert (measures.SpacingBetweenSlices, measures.SliceThickness) == (2.5, 4)
    assert measures.PixelSpacing == pytest.approx([0.9, 0.7], abs=1e-9)


def test_directions_may_differ_by_rounding(tmp_path: Path) -> None:
    scan = written(tmp_path / "scan", GRIDS["axial"])
    dataset = pydicom.dcmread(scan / NAMES[6])
    dataset.ImageOrientationPatient = ["1", "0.00000001", "0", "0", "1", "0"]
    dataset.save_as(scan / NAMES[6])
    assert_is_the_bean(segmented(scan), GRIDS["axial"])


def test_frames_may_state_their_directions_and_spacing_each(tmp_path: Path) -> None:
    scan = written(tmp_path / "scan", GRIDS["oblique"], frames=True)
    dataset = pydicom.dcmread(scan)
    shared = dataset.SharedFunctionalGroupsSequence[0]
    for frame in dataset.PerFrameFunctionalGroupsSequence:
        frame.PlaneOrientationSequence = shared.PlaneOrientationSequence
        frame.PixelMeasuresSequence = shared.PixelMeasuresSequence
    del shared.PlaneOrientationSequence, shared.PixelMeasuresSequence
    dataset.save_as(scan)
    assert_is_the_bean(segmented(scan), GRIDS["oblique"])


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no frame of reference": ({"FrameOfReferenceUID": None}, "state no FrameOfReferenceUID"),
    "an empty study": ({"StudyInstanceUID": ""}, "state no StudyInstanceUID"),
    "no class": ({"SOPClassUID": None}, "state no SOPClassUID"),
    "a class that DICOM does not know": ({"SOPClassUID": "1.2.3.4"}, "highdicom refuses it (KeyError)"),
    "a sex that DICOM does not know": ({"PatientSex": "SECRET"}, "highdicom refuses it (ValueError)"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_says_why_and_nothing_of_the_patient(tmp_path: Path, name: str) -> None:
    elements, said = REFUSED[name]
    scan = written(tmp_path / "scan", GRIDS["axial"], header=replace(HEADER, subject="SECRET"))
    edit(scan, **elements)
    with pytest.raises(HipsegError) as caught:
        segmented(scan)
    assert said in str(caught.value) and "SECRET" not in str(caught.value)
    assert os.listdir(tmp_path) == ["scan"]


def test_frames_in_several_files_are_refused(tmp_path: Path) -> None:
    scan = tmp_path / "scan"
    scan.mkdir()
    for index in range(3):
        affine = GRIDS["axial"].affine.copy()
        affine[:3, 3] += index * affine[:3, 0]
        write_frames(scan / str(index), HEADER, np.zeros((1, 4, 5), np.int16), VolumeGrid((1, 4, 5), affine))
    with pytest.raises(HipsegError, match="several files"):
        read_images(scan, read_series(scan).grid)


def test_a_name_that_is_none_is_not_printed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    scan = written(tmp_path / "scan", GRIDS["axial"])
    edit(scan, PatientName="SECRET SECRET")  # without ^, of which highdicom warns
    with warnings.catch_warnings(record=True) as said, caplog.at_level(logging.INFO):
        warnings.simplefilter("always")
        path = segmented(scan)
    assert str(pydicom.dcmread(path).PatientName) == "SECRET SECRET"
    assert [str(warning.message) for warning in said] == []
    assert "SECRET" not in caplog.text


def test_a_segmentation_among_slices_is_none_of_them_and_alone_no_scan(tmp_path: Path) -> None:
    scan = written(tmp_path / "scan", GRIDS["axial"])
    before = read_series(scan)
    path = segmented(scan)
    path.rename(scan / "there.dcm")
    after = read_series(scan)
    assert np.array_equal(after.values, before.values) and np.array_equal(after.grid.affine, before.grid.affine)
    with pytest.raises(HipsegError, match="not_ct"):
        read_series(scan / "there.dcm")
