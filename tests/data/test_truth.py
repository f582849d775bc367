"""The table of what is known beside the points files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hipseg.data.annotations import read_annotations
from hipseg.errors import HipsegError


def table(folder: Path, text: str) -> Path:
    path = folder / "truth.csv"
    path.write_text(text)
    return path


def test_widths_and_repeats_are_read(tmp_path: Path) -> None:
    found = read_annotations(table(tmp_path, "key,mjsw_mm,repeat_of\nA/1/0/left,3.5,\nA/1/1/left,,A/1/0/left\n"))
    assert found.index.tolist() == ["A/1/0/left", "A/1/1/left"]
    np.testing.assert_array_equal(found["mjsw_mm"], [3.5, np.nan])
    assert found["repeat_of"].tolist() == ["", "A/1/0/left"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('key,mjsw_mm\na,"3,4"\n', "no number"),
        ("key,mjsw_mm\na,3\na,4\n", "lists a hip twice"),
        ("key,width\na,3\n", "needs the column key, and mjsw_mm or repeat_of"),
        ("mjsw_mm\n3\n", "needs the column key"),
    ],
)
def test_a_table_that_is_no_truth_is_refused(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(HipsegError, match=f"annotations: .*{said}"):
        read_annotations(table(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(HipsegError, match="annotations: there is no file"):
        read_annotations(tmp_path / "none.csv")
