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
        text([*LINES[:-1], "1 2\u00b5"]),
        text(["/ 1 2", *LINES[1:]]),
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


# Byte-order marks and comments, and faults by their names ---------------------------------------------------------


def detail(path: Path, content: str, encoding: str = "utf-8") -> str:
    path.write_bytes(content.encode(encoding))
    with pytest.raises(Excluded) as caught:
        read_points(path)
    assert caught.value.reason == "points_malformed"
    assert path.name in caught.value.detail
    return caught.value.detail


@pytest.mark.parametrize(
    "content",
    [
        "\ufeff" + text(),
        "\ufeff" + text(end="\r\n"),
        "// made by hand\n" + text(),
        "\ufeff// made by hand\n" + text(),
        text().replace("n_points", "// 80 a hip\nn_points"),
        text().replace("{\n", "{\n// right hip\n"),
        text([*LINES[:80], "// left hip", *LINES[80:]]),
        text([*LINES[:80], "  //1 2", *LINES[80:]]),
        text([*LINES[:80], "// {left} 1 2", *LINES[80:]]),
        text([f"{line} // {number}" for number, line in enumerate(LINES)]),
        text() + "// end\n",
        text(["//", *LINES], end="\r\n"),
        "// J\u00fcrgen\n" + text(),
    ],
    ids=[
        "mark", "mark, Windows", "first line", "mark and first line", "header", "first of the block", "in the block",
        "indented, without a blank", "with braces", "at every line's end", "last line", "empty, Windows", "not English",
    ],
)  # fmt: skip
def test_marks_and_comments_are_no_points(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.pts").write_bytes(content.encode())
    np.testing.assert_allclose(read_points(tmp_path / "a.pts"), POINTS)


@pytest.mark.parametrize(
    ("lines", "number", "count"),
    [
        ([*LINES[:8], "1 2 3", *LINES[9:]], 12, 3),  # three lines come before the first point
        ([*LINES[:-1], "1"], 163, 1),
        (["1 2 3 4", *LINES[1:]], 4, 4),
        ([f"{line} 0" for line in LINES], 4, 3),
        (["// right", *LINES[:8], "1 2 3", *LINES[9:]], 13, 3),  # lines are counted as an editor counts them
        (["", *LINES[:8], "1 2 3", *LINES[9:]], 13, 3),
    ],
)
def test_a_line_of_more_or_fewer_numbers_is_named(tmp_path: Path, lines: list[str], number: int, count: int) -> None:
    said = detail(tmp_path / "a.pts", text(lines))
    assert f"line {number} " in said and f"{count} number" in said and "not 2" in said


@pytest.mark.parametrize("line", ["1 two", "1,5 2,5", "1.0mm 2.0mm", "x y"])
def test_a_line_that_is_no_numbers_is_named(tmp_path: Path, line: str) -> None:
    assert "line 12 " in detail(tmp_path / "a.pts", text([*LINES[:8], line, *LINES[9:]]))


@pytest.mark.parametrize(("stated", "held"), [(160, 159), (160, 161), (159, 159), (80, 80), (65, 65), (159, 160)])
def test_a_wrong_count_is_named(tmp_path: Path, stated: int, held: int) -> None:
    said = detail(tmp_path / "a.pts", text([*LINES, "1 2"][:held], count=str(stated)))
    assert str(held if held != 160 else stated) in said and "160" in said
    assert "line" not in said.replace("lines", "")


def test_another_encoding_is_named_and_no_crash(tmp_path: Path) -> None:
    for encoding in ("utf-16", "utf-16-le", "utf-32"):
        assert detail(tmp_path / "a.pts", text(), encoding)


@pytest.mark.parametrize(("stated", "held"), [(159, 160), (160, 161), (65, 65)])
def test_another_number_of_points_is_named(tmp_path: Path, stated: int, held: int) -> None:
    (tmp_path / "a.pts").write_text(text([*LINES, "1 2"][:held], count=str(stated)))
    with pytest.raises(Excluded) as caught:
        read_points(tmp_path / "a.pts")
    assert f"states {stated} points, holds {held}, needs 160" in caught.value.detail


@pytest.mark.parametrize("line", ["x" * 200, "1 " + "two " * 60, "0.5 " * 30 + "?"])
def test_of_a_long_line_its_first_forty_characters_are_shown(tmp_path: Path, line: str) -> None:
    assert f"line 6 holds '{line[:40]}', not" in detail(tmp_path / "a.pts", text([*LINES[:2], line, *LINES[3:]]))


@pytest.mark.parametrize("before", [0, 1, 2, 7])
def test_lines_are_counted_from_the_files_first_one_whether_it_is_empty_or_not(tmp_path: Path, before: int) -> None:
    said = detail(tmp_path / "a.pts", "\n" * before + text([*LINES[:2], "1 two", *LINES[3:]]))
    assert f"line {before + 6} " in said


def test_a_file_is_read_up_to_its_largest_size_and_beyond_it_named_in_kilobytes(tmp_path: Path) -> None:
    path = tmp_path / "a.pts"
    path.write_text(text() + " " * (20_000 - len(text())))
    assert path.stat().st_size == 20_000
    np.testing.assert_allclose(read_points(path, most_bytes=20_000), POINTS)
    for most, said in ((19_999, "19.999"), (2_500, "2.5"), (0, "0")):
        with pytest.raises(Excluded) as caught:
            read_points(path, most_bytes=most)
        assert caught.value.reason == "points_malformed"
        assert caught.value.detail == f"a.pts is larger than {said} kB (limits.points_kb)"


@pytest.mark.parametrize("count", [1, 80, 160])
def test_another_number_of_points_may_be_asked_for(tmp_path: Path, count: int) -> None:
    (tmp_path / "a.pts").write_text(text(LINES[:count], count=str(count)))
    np.testing.assert_allclose(read_points(tmp_path / "a.pts", count), POINTS[:count])


def test_points_are_written_as_bonefinder_writes_them(tmp_path: Path) -> None:
    write_points(tmp_path / "a.pts", np.array([[1.0, -2.5], [0.12345, 99.9996]]))
    assert (tmp_path / "a.pts").read_bytes() == b"version: 1\nn_points: 2\n{\n1.000 -2.500\n0.123 100.000\n}\n"
