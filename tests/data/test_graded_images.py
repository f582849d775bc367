"""Pictures with grades: from a folder and a table, and from a cohort's own table of grades, into a store."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from graded_pictures import write_graded
from skimage.io import imread, imsave

from hipseg.data.convert import convert_images
from hipseg.data.datasets.patches import PatchDataset
from hipseg.data.grades import read_grades
from hipseg.data.image_store import ImageStore
from hipseg.data.sources.graded import GradedTable
from hipseg.errors import HipsegError
from hipseg.io.limits import UNLIMITED


def _store(table: Path, source: GradedTable, store: Path) -> ImageStore:
    convert_images(source.find(table), store, None, UNLIMITED, 0)
    return ImageStore(store)


def test_every_picture_has_its_grade_and_subject(tmp_path: Path) -> None:
    table = write_graded(tmp_path / "crops", 3)
    store = _store(table, GradedTable(subject="subject"), tmp_path / "s.h5")
    wanted = pd.read_csv(table, dtype=str).set_index("image")
    for row, sample in store.samples.iterrows():
        assert store.grades[row] == float(wanted.loc[sample["source"], "grade"])
        assert sample["subject"] == wanted.loc[sample["source"], "subject"]
    assert store.samples["usable"].all() and len(store.samples) == 6


def test_left_hips_are_mirrored_where_a_column_says_the_side(tmp_path: Path) -> None:
    table = write_graded(tmp_path / "crops", 1)
    plain = _store(table, GradedTable(), tmp_path / "a.h5")
    turned = _store(table, GradedTable(side="side"), tmp_path / "b.h5")
    for row, name in enumerate(plain.samples["source"]):
        picture = imread(table.parent / name)
        np.testing.assert_array_equal(plain.image(row)[0], picture)
        np.testing.assert_array_equal(turned.image(row)[0], picture[:, ::-1] if "_L" in name else picture)


def test_a_picture_needs_no_spacing_to_be_graded_but_to_be_segmented(tmp_path: Path) -> None:
    store = _store(write_graded(tmp_path / "crops", 1), GradedTable(), tmp_path / "s.h5")
    assert all(math.isnan(mm) for mm in store.spacing_mm(0))
    with pytest.raises(HipsegError, match="2 of its 2 images have a grade and no mask"):
        PatchDataset(store, list(store.samples["key"]), "train", 0, spacing_mm=(1.0, 1.0), patch=(16, 16))


def test_a_stated_spacing_is_kept(tmp_path: Path) -> None:
    table = write_graded(tmp_path / "crops", 1)
    pd.read_csv(table, dtype=str).assign(spacing_mm="0.4").to_csv(table, index=False)
    assert _store(table, GradedTable(), tmp_path / "s.h5").spacing_mm(1) == (0.4, 0.4)


def test_files_may_be_named_without_ending_in_another_folder_and_columns_otherwise(tmp_path: Path) -> None:
    table = write_graded(tmp_path / "crops", 2)
    other = pd.read_csv(table, dtype=str).rename(columns={"image": "id", "grade": "KL"})
    other["id"] = other["id"].str.removesuffix(".png")
    other.to_csv(tmp_path / "labels.csv", index=False)
    source = GradedTable(folder="crops", image="id", grade="KL", subject_pattern="(?P<subject>[0-9]+)_")
    store = _store(tmp_path / "labels.csv", source, tmp_path / "s.h5")
    assert sorted(store.samples["subject"]) == ["000", "000", "001", "001"]


def test_colours_become_grey_and_what_is_no_picture_is_left_out_with_its_reason(tmp_path: Path) -> None:
    table = write_graded(tmp_path / "crops", 2)
    folder = table.parent
    grey = imread(folder / "000_R.png")
    imsave(folder / "000_R.png", np.stack([grey, grey // 2, grey], axis=-1), check_contrast=False)
    (folder / "000_L.png").write_bytes(b"no picture")
    (folder / "001_L.png").unlink()
    store = _store(table, GradedTable(), tmp_path / "s.h5")
    assert sorted(store.samples["source"]) == ["000_R.png", "001_R.png"]
    row = store.rows_by_key["hips/000_R/000_R"]
    np.testing.assert_allclose(store.image(row)[0], (2.0 * grey + grey // 2) / 3, atol=1e-3)
    lost = pd.read_csv(tmp_path / "s.h5.exclusions.csv").set_index("file")
    assert lost.loc["000_L.png", "reason"] == "truncated" and lost.loc["001_L.png", "reason"] == "unreadable"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"grade": ["II", "0"]}, "line 2 has the grade 'II'; give numbers"),
        ({"grade": ["-1", "0"]}, "line 2 has the grade '-1'"),
        ({"side": ["R", "middle"]}, "line 3 has the side 'middle'; it must be right or left"),
    ],
)
def test_a_wrong_field_is_named_with_its_line(tmp_path: Path, change: dict[str, list[str]], said: str) -> None:
    table = write_graded(tmp_path / "crops", 1)
    pd.read_csv(table, dtype=str).assign(**change).to_csv(table, index=False)
    with pytest.raises(HipsegError, match=said):
        GradedTable(side="side").find(table)


def test_a_missing_column_is_named_with_those_that_are_there(tmp_path: Path) -> None:
    table = write_graded(tmp_path / "crops", 1)
    with pytest.raises(HipsegError, match=r"no column 'KL'; it has image, grade, subject, side: give source\.grade="):
        GradedTable(grade="KL").find(table)


def test_an_image_without_grade_is_stored_and_not_usable(tmp_path: Path) -> None:
    table = write_graded(tmp_path / "crops", 1)
    pd.read_csv(table, dtype=str).assign(grade=["", "2"]).to_csv(table, index=False)
    assert _store(table, GradedTable(), tmp_path / "s.h5").samples["usable"].tolist() == [False, True]


def test_grades_are_found_by_subject_visit_and_side(tmp_path: Path) -> None:
    path = tmp_path / "kl.csv"
    path.write_text("Subject,Visit,Side,Grade\n0017,T00,R,2\n0017,T05,left,\n9,,L,1\n")
    grades = read_grades(path)
    assert grades.of("CHECK/0017/T00_right") == 2 and grades.of("any/9/left") == 1
    assert math.isnan(grades.of("CHECK/0017/T05_left")) and math.isnan(grades.of("CHECK/17/T00_right"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("subject,kl\n1,2\n", "needs the columns subject and grade; it has subject, kl"),
        ("subject,side,grade\n1,R,2\n1,right,3\n", "line 3 grades 1/right again"),
    ],
)
def test_a_table_of_grades_that_says_too_little_or_two_things_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "kl.csv"
    path.write_text(text)
    with pytest.raises(HipsegError, match=said):
        read_grades(path)
