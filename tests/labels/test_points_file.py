from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hipseg.errors import Excluded
from hipseg.labels.points_file import read_points, write_points

POINTS = np.random.default_rng(0).uniform(-20, 400, (160, 2)).round(3)
LINES = [f"{x} {y}" for x, y in POINTS]


def text(lines: list[str] | None = None, version: str = "1", count: str = "160", end: str = "\n") -> str:
    return end.join([f"version: {version}", f"n_points: {count}", "{", *(LINES if lines is None else lines), "}", ""])


def test_written_points_come_back_to_a_thousandth(tmp_path: Path) -> None:
    points = np.random.default_rng(1).uniform(-20, 400, (160, 2))
    points[3] = np.nan
    write_points(tmp_path / "a.pts", points)
    np.testing.assert_allclose(read_points(tmp_path / "a.pts"), points, atol=5.0001e-4)


@pytest.mark.parametrize(
    "content",
    [
        text(),
        text(end="\r\n"),
        text().rstrip(),
        "\n" + text().replace("n_points: ", "n_points:  ").replace("\n{", "  \n\n{ "),
        text().replace(" ", "\t"),
        text().upper(),
        text([f"  {line}  " for line in LINES]),
        text([f"{x:e} {y:e}" for x, y in POINTS]),
    ],
)
def test_what_deliveries_differ_in_is_read(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.pts").write_bytes(content.encode())
    np.testing.assert_allclose(read_points(tmp_path / "a.pts"), POINTS, rtol=1e-6)


@pytest.mark.parametrize(
    "content",
    [
        "",
        text(LINES[:-1]),
        text([*LINES, "1 2"]),
        text(LINES[:65], count="65"),
        text(count="159"),
        text(version="2"),
        text([*LINES[:-1], "1"]),
        text([*LINES[:-1], "1 2 3"]),
        text([f"{line} 0" for line in LINES]),
        text([*LINES[:-1], "1 two"]),
        text([*LINES[:-1], "1,5 2,5"]),
        text([]),
        text().replace("}", ""),
        text() + "{\n1 2\n}\n",
        text().replace("version: 1\n", ""),
        "\ufeff" + text(),
        text([*LINES[:-1], "1 2\u00b5"]),
    ],
)
def test_anything_else_is_malformed(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.pts").write_bytes(content.encode())
    with pytest.raises(Excluded) as caught:
        read_points(tmp_path / "a.pts")
    assert caught.value.reason == "points_malformed"
    assert "a.pts" in caught.value.detail


def test_pictures_and_folders_are_malformed_and_nothing_is_missing(tmp_path: Path) -> None:
    (tmp_path / "a.pts").write_bytes(bytes(range(256)) * 4)
    (tmp_path / "b.pts").mkdir()
    for name, reason in (("a.pts", "points_malformed"), ("b.pts", "points_malformed"), ("c.pts", "points_missing")):
        with pytest.raises(Excluded) as caught:
            read_points(tmp_path / name)
        assert caught.value.reason == reason


@pytest.mark.parametrize(("stated", "held"), [(159, 160), (160, 161), (65, 65)])
def test_another_number_of_points_is_named(tmp_path: Path, stated: int, held: int) -> None:
    (tmp_path / "a.pts").write_text(text([*LINES, "1 2"][:held], count=str(stated)))
    with pytest.raises(Excluded) as caught:
        read_points(tmp_path / "a.pts")
    assert f"states {stated} points, holds {held}, needs 160" in caught.value.detail
