"""What images and masks become: read as they were written, or left out with a sentence that names the file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from small_images import dataset_json, grey, mask, write

from hipseg.data.exclusions import Exclusion
from hipseg.data.image_store import StoredImage
from hipseg.data.sources.case_files import CaseFiles, FoundCases, Reading, read_cases
from hipseg.data.sources.name_pattern import NamePattern
from hipseg.data.sources.nnunet_folder import NnunetFolder
from hipseg.data.sources.table import Table
from hipseg.errors import HipsegError
from hipseg.io.limits import UNLIMITED

ASKED = (0.5, 0.25)


def _read(found: FoundCases, spacing_mm: tuple[float, ...] | None = ASKED) -> dict[str, StoredImage | Exclusion]:
    labels = len(found.label_names)
    return {files.name: read_cases(Reading(files, found.dataset, labels, spacing_mm))[0] for files in found.cases}


def _stored(found: FoundCases, spacing_mm: tuple[float, ...] | None = ASKED) -> dict[str, StoredImage]:
    outcomes = _read(found, spacing_mm)
    assert [outcome for outcome in outcomes.values() if isinstance(outcome, Exclusion)] == []
    return {name: outcome for name, outcome in outcomes.items() if isinstance(outcome, StoredImage)}


def _nnunet(folder: Path, ending: str = ".png", channels: int = 1, labels_of_tests: bool = True) -> Path:
    """Two cases to train and one to test, of values that say which file they are from."""
    dataset_json(folder, ending, channels)
    for number, (part, name) in enumerate((("Tr", "a"), ("Tr", "b"), ("Ts", "c"))):
        for channel in range(channels):
            image = grey(10 + number, 9, seed=10 * number + channel)
            write(folder / f"images{part}" / f"{name}_{channel:04d}{ending}", image, (0.3, 0.7))
        if part == "Tr" or labels_of_tests:
            write(folder / f"labels{part}" / f"{name}{ending}", mask(10 + number, 9), (0.3, 0.7))
    return folder


@pytest.mark.parametrize("ending", [".png", ".nii.gz", ".tif", ".mha", ".nrrd"])
@pytest.mark.parametrize("channels", [1, 2])
def test_an_nnunet_folder_is_read_as_it_was_written(ending: str, channels: int, tmp_path: Path) -> None:
    found = NnunetFolder().find(_nnunet(tmp_path / "Dataset007_hips", ending, channels))
    assert (found.dataset, found.label_names) == ("Dataset007_hips", ("background", "head", "neck"))
    assert found.exclusions == ()
    stored = _stored(found)
    assert {name: case.subset for name, case in stored.items()} == {"a": "train", "b": "train", "c": "test"}
    for number, case in enumerate(stored.values()):
        expected = [grey(10 + number, 9, seed=10 * number + channel) for channel in range(channels)]
        assert case.pixels.dtype == np.uint8
        assert np.array_equal(case.pixels, expected)
        assert case.labels is not None
        assert np.array_equal(case.labels, mask(10 + number, 9))
        assert case.spacing_mm == pytest.approx(ASKED if ending in (".png", ".tif") else (0.3, 0.7))
    assert stored["b"].key == "Dataset007_hips/b/b"


def test_test_images_may_come_without_masks(tmp_path: Path) -> None:
    stored = _stored(NnunetFolder().find(_nnunet(tmp_path, labels_of_tests=False)))
    assert {name: case.labels is None for name, case in stored.items()} == {"a": False, "b": False, "c": True}


def test_subjects_are_found_in_names(tmp_path: Path) -> None:
    dataset_json(tmp_path, ".png")
    for name in ("017_left", "017_right", "other"):
        write(tmp_path / "imagesTr" / f"{name}_0000.png", grey())
        write(tmp_path / "labelsTr" / f"{name}.png", mask())
    found = NnunetFolder(r"(?P<subject>\d+)_").find(tmp_path)
    assert {case.name: case.subject for case in found.cases} == {
        "017_left": "017", "017_right": "017", "other": "other",
    }  # fmt: skip


@pytest.mark.parametrize("pattern", [r"(\d+)_", r"(?P<patient>\d+)_", "(a_"])
def test_a_pattern_without_a_subject_is_refused(pattern: str, tmp_path: Path) -> None:
    dataset_json(tmp_path, ".png")
    write(tmp_path / "imagesTr" / "017_a_0000.png", grey())
    with pytest.raises(HipsegError, match=r"^source\.subject: "):
        NnunetFolder(pattern).find(tmp_path)


def test_a_case_without_all_its_channels_is_left_out(tmp_path: Path) -> None:
    folder = _nnunet(tmp_path, channels=2)
    (folder / "imagesTr" / "a_0001.png").unlink()
    found = NnunetFolder().find(folder)
    assert [case.name for case in found.cases] == ["b", "c"]
    assert found.exclusions == (Exclusion("a_0000.png", "", "channel_missing", "its channel 0001 is missing"),)


def test_files_that_are_no_channel_are_left_out(tmp_path: Path) -> None:
    folder = _nnunet(tmp_path)
    for name in ("a_0001.png", "notes.txt", "b.png"):
        (folder / "imagesTr" / name).write_bytes(b"?")
    found = NnunetFolder().find(folder)
    assert [(row.file, row.reason) for row in found.exclusions] == [
        ("a_0001.png", "name"), ("b.png", "name"), ("notes.txt", "name"),
    ]  # fmt: skip
    assert [case.name for case in found.cases] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"labels": {"background": 0, "whole": [1, 2], "core": 2}}, "labels that are regions"),
        ({"labels": {"background": 0, "head": 1, "neck": 3}}, "numbered 0 .background., 1, 2 and so on"),
        ({"labels": {"head": 1, "neck": 2}}, "numbered 0"),
        ({"labels": {"background": 0}}, "numbered 0"),
        ({"labels": {"background": 0, "head": 1, "neck": 1}}, "numbered 0"),
        ({"labels": ["background", "head"]}, "numbered 0"),
        ({"labels": None}, "lacks labels"),
        ({"channel_names": None}, "lacks channel_names"),
        ({"file_ending": None}, "lacks file_ending"),
        ({"file_ending": 3}, "file_ending that is no text"),
        ({"channel_names": ["xray"]}, "channel_names that are no mapping"),
    ],
)
def test_a_description_that_cannot_be_followed_is_refused(
    changed: dict[str, Any], said: str, tmp_path: Path
) -> None:  # fmt: skip
    dataset_json(_nnunet(tmp_path), ".png", **changed)
    with pytest.raises(HipsegError, match=rf"^input: .*dataset\.json .*{said}"):
        NnunetFolder().find(tmp_path)


def test_a_folder_without_a_description_is_refused(tmp_path: Path) -> None:
    (_nnunet(tmp_path) / "dataset.json").unlink()
    with pytest.raises(HipsegError, match=r"there is no .*dataset\.json"):
        NnunetFolder().find(tmp_path)


@pytest.mark.parametrize("content", ["{", "[]", '"text"', "\x00"])
def test_a_description_that_is_no_mapping_is_refused(content: str, tmp_path: Path) -> None:
    (_nnunet(tmp_path) / "dataset.json").write_text(content)
    with pytest.raises(HipsegError, match=r"^input: .*dataset\.json"):
        NnunetFolder().find(tmp_path)


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    dataset_json(tmp_path, ".png")
    with pytest.raises(HipsegError, match=r"holds no image named as CASE_0000\.png"):
        NnunetFolder().find(tmp_path)


def test_names_of_labels_become_plain(tmp_path: Path) -> None:
    dataset_json(_nnunet(tmp_path), ".png", labels={"background": 0, "femoral head": 1, " neck/shaft ": 2})
    assert NnunetFolder().find(tmp_path).label_names == ("background", "femoral_head", "neck_shaft")


def test_names_of_labels_stay_different(tmp_path: Path) -> None:
    dataset_json(_nnunet(tmp_path), ".png", labels={"background": 0, "head (left)": 1, "head [left]": 2})
    try:
        names = NnunetFolder().find(tmp_path).label_names
    except HipsegError:
        return  # refused is as good
    assert len(set(names)) == 3


# A table


def _table(folder: Path, text: str) -> FoundCases:
    (folder / "cases.csv").write_text(text)
    return Table(("head", "neck")).find(folder / "cases.csv")


def test_a_table_says_everything(tmp_path: Path) -> None:
    for number, name in enumerate(("x/a.png", "x/b.png", "y/a.png", "y/b.png")):
        write(tmp_path / name, grey(seed=number))
    write(tmp_path / "m.png", mask())
    found = _table(
        tmp_path,
        "image,mask,case,subject,subset,fold,spacing_mm\n"
        "x/a.png; x/b.png,m.png,one,anna,train,3,0.15\n"
        "y/a.png;y/b.png,,two,bert,test,,0.15 0.2\n",
    )
    assert (found.dataset, found.label_names) == ("dataset", ("background", "head", "neck"))
    one, two = _stored(found, None).values()
    assert (one.key, one.subject, one.subset, one.fold) == ("dataset/anna/one", "anna", "train", 3)
    assert (two.key, two.subject, two.subset, two.fold) == ("dataset/bert/two", "bert", "test", -1)
    assert np.array_equal(one.pixels, [grey(seed=0), grey(seed=1)])
    assert np.array_equal(two.pixels, [grey(seed=2), grey(seed=3)])
    assert (one.spacing_mm, two.spacing_mm) == ((0.15, 0.15), (0.15, 0.2))
    assert one.labels is not None
    assert two.labels is None


def test_a_table_of_two_columns_is_enough(tmp_path: Path) -> None:
    write(tmp_path / "a.nii.gz", grey(), (0.4, 0.4))
    write(tmp_path / "m.png", mask())
    (case,) = _stored(_table(tmp_path, "image,mask\na.nii.gz,m.png\n"), None).values()
    assert (case.key, case.subject, case.subset, case.fold) == ("dataset/a/a", "a", "", -1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("picture,mask\na.png,m.png\n", "needs the columns image and mask; it has picture, mask"),
        ("image,mask\n", "has no row"),
        ("image,mask\n,m.png\n", "line 2 names no image"),
        ("image,mask,subset\na.png,m.png,val\n", "line 2 has the subset 'val'"),
        ("image,mask,fold\na.png,m.png,x\n", "line 2 has a fold or spacing_mm that is no number"),
        ("image,mask,spacing_mm\na.png,m.png,wide\n", "line 2 has a fold or spacing_mm that is no number"),
        ("image,mask\na.png,m.png\nb/a.png,m.png\n", "the case 'a' is there twice"),
        ("", "is not a CSV table"),
    ],
)
def test_a_table_that_cannot_be_followed_is_refused(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(HipsegError, match=f"^input: .*{said}"):
        _table(tmp_path, text)


def test_a_table_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HipsegError, match="there is no file"):
        Table(("head",)).find(tmp_path / "none.csv")


# A pattern


def test_a_pattern_finds_images_masks_and_subjects(tmp_path: Path) -> None:
    for number, case in enumerate(("01_L", "01_R", "02_L")):
        write(tmp_path / "xray" / f"{case}.png", grey(seed=number))
        write(tmp_path / "masks" / f"{case}_mask.png", mask())
    (tmp_path / "notes.txt").write_text("no image")
    write(tmp_path / "odd.png", grey())
    image = r"xray/(?P<case>(?P<subject>\d+)_[LR])\.png"
    found = NamePattern(image, "masks/{case}_mask.png", ("head", "neck"), "mine").find(tmp_path)
    assert [(row.file, row.reason) for row in found.exclusions] == [("odd.png", "name")]
    stored = _stored(found)
    assert [case.key for case in stored.values()] == ["mine/01/01_L", "mine/01/01_R", "mine/02/02_L"]
    assert np.array_equal(stored["01_R"].pixels[0], grey(seed=1))
    assert stored["02_L"].labels is not None
    assert np.array_equal(stored["02_L"].labels, mask())


@pytest.mark.parametrize(
    ("image", "template"), [(r"(.+)\.png", "m/{case}.png"), (r"(?P<case>.+)\.png", "m/{name}.png"), ("(?P<case>", "m")]
)
def test_a_pattern_and_a_template_that_do_not_fit_are_refused(image: str, template: str, tmp_path: Path) -> None:
    with pytest.raises(HipsegError, match=r"^source\.image or source\.mask: "):
        NamePattern(image, template, ("head",)).find(tmp_path)


def test_a_pattern_that_fits_nothing_or_one_name_twice_is_refused(tmp_path: Path) -> None:
    for name in ("x/a.png", "y/a.png"):
        write(tmp_path / name, grey())
    with pytest.raises(HipsegError, match="none of the files"):
        NamePattern(r"(?P<case>\d+)\.png", "m/{case}.png", ("head",)).find(tmp_path)
    with pytest.raises(HipsegError, match="the case 'a' is there twice"):
        NamePattern(r"./(?P<case>\w)\.png", "m/{case}.png", ("head",)).find(tmp_path)
    with pytest.raises(HipsegError, match="there is no folder"):
        NamePattern("(?P<case>a)", "m/{case}.png", ("head",)).find(tmp_path / "none")


# One case, and what can be wrong with it


def _case(image: Path, labels: Path | None) -> CaseFiles:
    return CaseFiles("a", "anna", (image,), labels)


def _outcome(files: CaseFiles, spacing_mm: tuple[float, ...] | None = ASKED) -> StoredImage | Exclusion:
    return read_cases(Reading(files, "set", 3, spacing_mm))[0]


def _excluded(files: CaseFiles, spacing_mm: tuple[float, ...] | None = ASKED) -> Exclusion:
    outcome = _outcome(files, spacing_mm)
    assert isinstance(outcome, Exclusion)
    return outcome


@pytest.fixture
def good(tmp_path: Path) -> CaseFiles:
    return _case(write(tmp_path / "a.png", grey()), write(tmp_path / "m.png", mask()))


def test_a_good_case_is_stored(good: CaseFiles) -> None:
    assert isinstance(_outcome(good), StoredImage)


def test_a_missing_mask_is_named(good: CaseFiles, tmp_path: Path) -> None:
    row = _excluded(replace(good, mask=tmp_path / "none.png"))
    assert row == Exclusion("a.png", "", "mask_missing", "there is no mask none.png")


def test_a_missing_image_is_named(good: CaseFiles, tmp_path: Path) -> None:
    row = _excluded(replace(good, images=(tmp_path / "none.png",)))
    assert (row.file, row.reason) == ("none.png", "unreadable")
    assert "none.png" in row.detail


def test_a_mask_of_another_size_is_named_with_both_sizes(good: CaseFiles, tmp_path: Path) -> None:
    row = _excluded(replace(good, mask=write(tmp_path / "small.png", mask(9, 12))))
    assert row == Exclusion("a.png", "", "size_differs", "the mask small.png has 9 x 12 pixels, its image 12 x 9")


def test_a_mask_with_values_too_high_says_what_was_found_and_expected(good: CaseFiles, tmp_path: Path) -> None:
    labels = mask()
    labels[0, 0], labels[3, 3] = 255, 7
    row = _excluded(replace(good, mask=write(tmp_path / "high.png", labels)))
    assert row == Exclusion("a.png", "", "mask_values", "the mask high.png holds 7, 255; expected are 0 to 2")


@pytest.mark.parametrize("value", [-1.0, 1.5, 256.0])
def test_a_mask_of_what_is_no_label_is_named(value: float, good: CaseFiles, tmp_path: Path) -> None:
    labels = mask().astype(np.float32)
    labels[2, 2] = value
    row = _excluded(replace(good, mask=write(tmp_path / "odd.nii.gz", labels)))
    assert (row.file, row.reason) == ("a.png", "mask_values")
    assert "odd.nii.gz" in row.detail


def test_a_mask_of_whole_floating_point_numbers_is_taken(good: CaseFiles, tmp_path: Path) -> None:
    outcome = _outcome(replace(good, mask=write(tmp_path / "float.nii.gz", mask().astype(np.float64))))
    assert isinstance(outcome, StoredImage)
    assert outcome.labels is not None
    assert outcome.labels.dtype == np.uint8
    assert np.array_equal(outcome.labels, mask())


def test_a_mask_in_colours_is_named_but_grey_written_as_colours_is_taken(good: CaseFiles, tmp_path: Path) -> None:
    flat = np.stack([mask()] * 3, axis=-1)
    outcome = _outcome(replace(good, mask=write(tmp_path / "grey.png", flat, colours=True)))
    assert isinstance(outcome, StoredImage)
    assert np.array_equal(outcome.labels, mask())  # type: ignore[arg-type]
    flat[0, 0] = (1, 0, 2)
    row = _excluded(replace(good, mask=write(tmp_path / "red.png", flat, colours=True)))
    assert (row.file, row.reason) == ("a.png", "mask_values")
    assert row.detail.startswith("the mask red.png has colours")


def test_one_grey_value_is_named(good: CaseFiles, tmp_path: Path) -> None:
    row = _excluded(replace(good, images=(write(tmp_path / "flat.png", np.full((12, 9), 7, np.uint8)),)))
    assert row == Exclusion("flat.png", "", "constant", "the image has one grey value")


@pytest.mark.parametrize("name", ["broken.png", "broken.nii.gz", "broken.tif", "broken.mha", "broken.dcm"])
@pytest.mark.parametrize("content", [b"", b"no image at all"])
def test_a_broken_image_is_named(name: str, content: bytes, good: CaseFiles, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    row = _excluded(replace(good, images=(tmp_path / name,)))
    assert row.file == name
    assert row.reason in ("truncated", "unreadable", "not_dicom")
    assert len(row.detail) > 10


@pytest.mark.parametrize(
    "ending",
    [
        ".png", ".tif", ".mha", ".nrrd", ".nii", ".nii.gz",
    ],
)  # fmt: skip
def test_half_an_image_is_named(ending: str, tmp_path: Path) -> None:
    whole = write(tmp_path / f"whole{ending}", grey(64, 64)).read_bytes()
    path = tmp_path / f"half{ending}"
    path.write_bytes(whole[: len(whole) // 2])
    row = _excluded(_case(path, None))
    assert (row.file, row.reason) == (f"half{ending}", "truncated")


def test_a_broken_mask_is_named(good: CaseFiles, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"no mask")
    row = _excluded(replace(good, mask=tmp_path / "bad.png"))
    assert row.file == "a.png"
    assert "bad.png" in row.detail


def test_a_file_of_another_kind_is_named(good: CaseFiles, tmp_path: Path) -> None:
    (tmp_path / "image.gif").write_bytes(b"GIF89a")
    row = _excluded(replace(good, images=(tmp_path / "image.gif",)))
    assert (row.file, row.reason) == ("image.gif", "unknown_format")


def test_channels_of_different_sizes_are_named(good: CaseFiles, tmp_path: Path) -> None:
    row = _excluded(replace(good, images=(*good.images, write(tmp_path / "b.png", grey(5, 6)))))
    assert row == Exclusion("a.png", "", "size_differs", "its channels have 5 x 6 and 12 x 9 pixels")


@pytest.mark.parametrize(
    "ending",
    [
        ".mha", ".nrrd", ".tif",
        ".nii",
    ],
)  # fmt: skip
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_no_numbers_are_named(value: float, ending: str, tmp_path: Path) -> None:
    image = grey().astype(np.float32)
    image[0, 0] = value
    row = _excluded(_case(write(tmp_path / f"odd{ending}", image), None))
    assert (row.file, row.reason) == (f"odd{ending}", "truncated")


def test_images_beyond_the_limits_are_named(good: CaseFiles) -> None:
    for limits, said in (
        (replace(UNLIMITED, megapixels=1e-4), "limits.megapixels"),
        (replace(UNLIMITED, file_mb=1e-5), "limits.file_mb"),
    ):
        row = read_cases(Reading(good, "set", 3, ASKED, limits))[0]
        assert isinstance(row, Exclusion)
        assert (row.file, row.reason) == ("a.png", "too_many_pixels")
        assert said in row.detail


@pytest.mark.parametrize(
    ("kind", "kept"), [("u1", "u1"), ("u2", "u2"), ("i2", "i2"), ("i4", "i4"), ("f4", "f4"), ("i8", "i4"), ("f8", "f4")]
)
def test_grey_values_keep_their_kind_as_far_as_a_store_can(kind: str, kept: str, tmp_path: Path) -> None:
    files = _case(write(tmp_path / "a.mha", grey(kind=kind)), None)
    outcome = _outcome(files)
    assert isinstance(outcome, StoredImage)
    assert outcome.pixels.dtype == np.dtype(kept)
    assert np.array_equal(outcome.pixels[0], grey())


def test_large_whole_numbers_are_not_wrapped_around(tmp_path: Path) -> None:
    image = grey(kind="i8")
    image[0, 0] = 5_000_000_000
    outcome = _outcome(_case(write(tmp_path / "a.mha", image), None))
    if isinstance(outcome, StoredImage):
        assert float(outcome.pixels.max()) == pytest.approx(5e9)


def test_a_volume_of_one_slice_is_an_image_of_two_axes(tmp_path: Path) -> None:
    image, labels = grey()[None], mask()[None]
    files = _case(
        write(tmp_path / "a.nii.gz", image, (5.0, 0.3, 0.7)), write(tmp_path / "m.nii.gz", labels, (5.0, 0.3, 0.7))
    )
    outcome = _outcome(files, None)
    assert isinstance(outcome, StoredImage)
    assert outcome.pixels.shape == (1, 12, 9)
    assert np.array_equal(outcome.pixels[0], grey())
    assert outcome.spacing_mm == pytest.approx((0.3, 0.7))
    assert outcome.labels is not None
    assert np.array_equal(outcome.labels, mask())


def test_a_volume_keeps_three_axes_and_their_order(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 99, (4, 5, 6)).astype(np.int16)
    outcome = _outcome(_case(write(tmp_path / "a.nii.gz", image, (3.0, 0.3, 0.7)), None), None)
    assert isinstance(outcome, StoredImage)
    assert np.array_equal(outcome.pixels, image[None])
    assert outcome.spacing_mm == pytest.approx((3.0, 0.3, 0.7))


def test_colours_are_three_channels(tmp_path: Path) -> None:
    colours = np.stack([grey(seed=number) for number in range(3)], axis=-1)
    outcome = _outcome(_case(write(tmp_path / "a.png", colours, colours=True), None))
    assert isinstance(outcome, StoredImage)
    assert np.array_equal(outcome.pixels, [grey(seed=number) for number in range(3)])


# Spacings: the dataset's, else a sidecar's, else the file's, else what was asked for


def _spacing_of(files: CaseFiles, spacing_mm: tuple[float, ...] | None = ASKED) -> tuple[float, ...]:
    outcome = _outcome(files, spacing_mm)
    assert isinstance(outcome, StoredImage)
    return outcome.spacing_mm


def test_spacings_are_taken_in_the_documented_order(tmp_path: Path) -> None:
    files = _case(write(tmp_path / "a.nii.gz", grey(), (0.3, 0.7)), None)
    assert _spacing_of(files) == pytest.approx((0.3, 0.7))
    (tmp_path / "a.json").write_text('{"spacing": [0.2, 0.1]}')
    assert _spacing_of(files) == (0.2, 0.1)
    assert _spacing_of(replace(files, spacing_mm=(0.9, 0.8))) == (0.9, 0.8)
    # A PNG has none of its own.
    flat = _case(write(tmp_path / "b.png", grey(), (0.3, 0.7)), None)
    assert _spacing_of(flat) == ASKED
    assert _spacing_of(flat, (0.4,)) == (0.4, 0.4)


def test_a_sidecar_may_be_named_as_the_case_or_as_the_channel(tmp_path: Path) -> None:
    files = _case(write(tmp_path / "a_0000.png", grey()), None)
    (tmp_path / "a.json").write_text('{"spacing": [0.2, 0.1]}')
    assert _spacing_of(files) == (0.2, 0.1)
    (tmp_path / "a_0000.json").write_text('{"spacing": [0.6, 0.5]}')
    assert _spacing_of(files) == (0.6, 0.5)


def test_a_sidecar_about_other_things_is_passed_over(tmp_path: Path) -> None:
    files = _case(write(tmp_path / "a.png", grey()), None)
    (tmp_path / "a.json").write_text('{"patient": "x"}')
    assert _spacing_of(files) == ASKED


def test_without_any_spacing_a_case_is_left_out(good: CaseFiles) -> None:
    row = _excluded(good, None)
    assert (row.file, row.reason) == ("a.png", "spacing_missing")
    assert "spacing_mm=[DOWN,ACROSS]" in row.detail


@pytest.mark.parametrize(
    "spacing", [[0.1, 0.1, 0.1], [0.0, 0.1], [-0.1, 0.1], [1e9, 0.1], "wide", {"mm": 1}, ["a", "b"], None, 0.2]
)
def test_a_sidecar_whose_spacing_is_none_is_named(spacing: object, good: CaseFiles) -> None:
    sidecar = good.images[0].with_suffix(".json")
    sidecar.write_text(json.dumps({"spacing": spacing}))
    row = _excluded(good)
    assert (row.file, row.reason) == ("a.png", "spacing_invalid")


@pytest.mark.parametrize("content", ["{", "\x00", '{"spacing": [NaN, 1]}', '{"spacing": [Infinity, 1]}'])
def test_a_broken_sidecar_is_named(content: str, good: CaseFiles) -> None:
    good.images[0].with_suffix(".json").write_text(content)
    assert _excluded(good).reason == "spacing_invalid"


@pytest.mark.parametrize("content", ["3", "null", "[]", '"spacing"', '[["spacing"]]'])
def test_a_sidecar_that_is_no_mapping_ends_in_a_sentence_or_is_passed_over(content: str, good: CaseFiles) -> None:
    good.images[0].with_suffix(".json").write_text(content)
    outcome = _outcome(good)
    assert outcome.reason == "spacing_invalid" if isinstance(outcome, Exclusion) else outcome.spacing_mm == ASKED


def test_a_spacing_of_too_many_axes_is_named(good: CaseFiles) -> None:
    row = _excluded(good, (0.1, 0.1, 0.1))
    assert (row.file, row.reason) == ("a.png", "spacing_invalid")
    assert "0.1 x 0.1 x 0.1 mm is none of an image with 2 axes" in row.detail


def test_itk_reads_what_hipseg_writes(tmp_path: Path) -> None:
    from hipseg.io.images import write_image_file

    write_image_file(tmp_path / "new" / "a.nii.gz", grey(), (0.3, 0.7))
    image = sitk.ReadImage(str(tmp_path / "new" / "a.nii.gz"))
    assert np.array_equal(sitk.GetArrayFromImage(image), grey())
    assert image.GetSpacing() == pytest.approx((0.7, 0.3))
