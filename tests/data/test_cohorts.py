from __future__ import annotations

from pathlib import Path

import pytest

from hipseg.data.cohorts import Cohort, find_films, pattern_regex
from hipseg.errors import HipsegError

CHECK = Cohort(
    "CHECK", "CHECK/{visit}/{subject}_{visit}_APO.dcm", "CHECK-pointfiles/{visit}/{subject}_{visit}_APO.dcm.pts"
)
OAI = Cohort(
    "OAI", "OAI/{visit}/OAI-{subject}-{visit}-{date}.dcm", "OAI-pointfiles/{visit}/OAI-{subject}-{visit}-{date}.dcm.pts"
)
BOTH = {"CHECK": CHECK, "OAI": OAI}


def fill(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


@pytest.mark.parametrize(
    ("pattern", "path", "fields"),
    [
        (CHECK.film, "CHECK/T05/0003088_T05_APO.dcm", {"visit": "T05", "subject": "0003088"}),
        (CHECK.film, "CHECK/T05/0003088_T06_APO.dcm", None),  # a repeated field matches one text only
        (CHECK.film, "CHECK/T05/sub/0003088_T05_APO.dcm", None),  # a field holds no slash
        (CHECK.film, "XCHECK/T05/0003088_T05_APO.dcm", None),
        (CHECK.film, "CHECK/T05/0003088_T05_APO.dcm.bak", None),
        (CHECK.film, "CHECK/T05/_T05_APO.dcm", None),  # a field is never empty
        (CHECK.film, "CHECK/T05/a_T05_b_T05_APO.dcm", {"visit": "T05", "subject": "a_T05_b"}),
        (OAI.film, "OAI/V06/OAI-9000099-V06-20090728.dcm",
         {"visit": "V06", "subject": "9000099", "date": "20090728"}),
        (OAI.film, "OAI/V06/OAI-90-00-V06-2009-07-28.dcm", {"visit": "V06", "subject": "90-00", "date": "2009-07-28"}),
        ("A.B/{subject}(1)+[x]*.dcm", "A.B/é ü(1)+[x]*.dcm", {"subject": "é ü"}),
        ("A.B/{subject}(1)+[x]*.dcm", "AxB/s(1)+[x]*.dcm", None),  # a dot is a dot
        ("{a}{subject}", "12", {"a": "1", "subject": "2"}),
        ("x/{subject}/{subject}/{subject}.dcm", "x/7/7/7.dcm", {"subject": "7"}),
        ("x/{subject}/{subject}/{subject}.dcm", "x/7/7/8.dcm", None),
    ],
)  # fmt: skip
def test_patterns(pattern: str, path: str, fields: dict[str, str] | None) -> None:
    match = pattern_regex(pattern).fullmatch(path)
    assert (match.groupdict() if match else None) == fields


@pytest.mark.parametrize(
    ("film", "points", "said"),
    [
        ("M/{visit}.dcm", "M/{visit}.pts", r"^cohorts\.M\.film: .*no \{subject\}"),
        ("M/{subject}.dcm", "M/{sbject}.pts", r"^cohorts\.M\.points: .*no \{sbject\}"),
        ("M/{subject}.dcm", "M/{sub-ject}.pts", r"^cohorts\.M\.points: "),
        ("M/{subject}.dcm", "M/{subject", r"^cohorts\.M\.points: "),
        ("M/{subject}.dcm", "M/{}.pts", r"^cohorts\.M\.points: "),
        ("M/{subject}{1}.dcm", "M/{subject}.pts", r"^cohorts\.M\.film: "),
    ],
)
def test_a_bad_pattern_is_refused_by_its_key(tmp_path: Path, film: str, points: str, said: str) -> None:
    fill(tmp_path, "M/a1.dcm")
    with pytest.raises(HipsegError, match=said):
        find_films(tmp_path, {"M": Cohort("M", film, points)})


def test_films_are_found_with_their_points_and_keys(tmp_path: Path) -> None:
    fill(tmp_path, "OAI/V06/OAI-9000099-V06-20090728.dcm", "CHECK/T05/0003088_T05_APO.dcm", "CHECK/T00/1_T00_APO.dcm")
    found = find_films(tmp_path, BOTH)
    assert [film.key for film in found.films] == ["CHECK/1/T00", "CHECK/0003088/T05", "OAI/9000099/V06"]
    oai = found.films[2]
    assert (oai.cohort, oai.subject, oai.visit) == ("OAI", "9000099", "V06")
    assert oai.path == tmp_path / "OAI/V06/OAI-9000099-V06-20090728.dcm"
    assert oai.points == tmp_path / "OAI-pointfiles/V06/OAI-9000099-V06-20090728.dcm.pts"
    assert found.exclusions == []


def test_every_file_counts_but_points_and_system_files(tmp_path: Path) -> None:
    fill(
        tmp_path, "CHECK/T00/1_T00_APO.dcm", "CHECK-pointfiles/T00/1_T00_APO.dcm.pts", "CHECK/T00/scan (1).dcm",
        "notes.txt", ".DS_Store", "CHECK/Thumbs.db", "OAI/desktop.ini", ".git/config", "CHECK/T00/._1_T00_APO.dcm",
        "CHECK-pointfiles/T00/lost.pts",
    )  # fmt: skip
    found = find_films(tmp_path, BOTH)
    assert [film.name for film in found.films] == ["CHECK/T00/1_T00_APO.dcm"]
    strange = ["CHECK-pointfiles/T00/lost.pts", "CHECK/T00/scan (1).dcm", "notes.txt"]
    assert [(row.file, row.side, row.reason) for row in found.exclusions] == [(name, "", "name") for name in strange]
    assert found.count == 4


def test_all_films_of_one_subject_and_visit_are_excluded(tmp_path: Path) -> None:
    twins = [f"OAI/V06/OAI-1-V06-{date}.dcm" for date in ("20090101", "20090102", "20090103")]
    fill(tmp_path, *twins, "OAI/V08/OAI-1-V08-20110101.dcm", "CHECK/V06/1_V06_APO.dcm")
    found = find_films(tmp_path, BOTH)
    assert [film.key for film in found.films] == ["CHECK/1/V06", "OAI/1/V08"]
    assert [(row.file, row.reason) for row in found.exclusions] == [(name, "duplicate_visit") for name in twins]
    assert found.count == 5


def test_a_cohort_without_visits_has_one_film_a_subject(tmp_path: Path) -> None:
    mine = {"MINE": Cohort("MINE", "{subject}/{scan}.dcm", "{subject}/{scan}.pts")}
    fill(tmp_path, "a/1.dcm", "b/1.dcm", "b/2.dcm", "a/1.pts")
    found = find_films(tmp_path, mine)
    assert [film.key for film in found.films] == ["MINE/a/"]
    assert {row.reason for row in found.exclusions} == {"duplicate_visit"}
    assert found.count == 3


def test_the_first_cohort_that_fits_takes_the_file(tmp_path: Path) -> None:
    fill(tmp_path, "CHECK/T00/1_T00_APO.dcm")
    wide = Cohort("WIDE", "CHECK/{visit}/{subject}.dcm", "p/{subject}.pts")
    assert [film.cohort for film in find_films(tmp_path, {"A": CHECK, "B": wide}).films] == ["CHECK"]
    assert [film.subject for film in find_films(tmp_path, {"B": wide, "A": CHECK}).films] == ["1_T00_APO"]


@pytest.mark.parametrize(("names", "said"), [([], "there is no folder"), ([".DS_Store"], "holds no film")])
def test_nothing_to_find(tmp_path: Path, names: list[str], said: str) -> None:
    fill(tmp_path, *(f"in/{name}" for name in names))
    with pytest.raises(HipsegError, match=f"^input: .*{said}"):
        find_films(tmp_path / "in", BOTH)


def test_linked_folders_are_followed(tmp_path: Path) -> None:
    """As on a cluster: the input folder links to where a visit's films and points lie."""
    fill(tmp_path / "disk", "T05/1_T05_APO.dcm", "points/1_T05_APO.dcm.pts", "cohort/V06/OAI-9-V06-20090728.dcm")
    (tmp_path / "in/CHECK").mkdir(parents=True)
    (tmp_path / "in/CHECK-pointfiles").mkdir()
    (tmp_path / "in/CHECK/T05").symlink_to(tmp_path / "disk/T05")
    (tmp_path / "in/CHECK-pointfiles/T05").symlink_to("../../disk/points")
    (tmp_path / "in/OAI").symlink_to(tmp_path / "disk/cohort", target_is_directory=True)
    found = find_films(tmp_path / "in", BOTH)
    assert [film.name for film in found.films] == ["CHECK/T05/1_T05_APO.dcm", "OAI/V06/OAI-9-V06-20090728.dcm"]
    assert all(film.path.is_file() for film in found.films)
    assert found.films[0].points.is_file()
    assert found.exclusions == []


def test_an_input_folder_that_is_a_link_itself(tmp_path: Path) -> None:
    fill(tmp_path / "disk", "CHECK/T05/1_T05_APO.dcm")
    (tmp_path / "in").symlink_to(tmp_path / "disk")
    assert [film.name for film in find_films(tmp_path / "in", BOTH).films] == ["CHECK/T05/1_T05_APO.dcm"]


@pytest.mark.parametrize("target", [".", "..", "../..", "CHECK"])
def test_links_that_lead_back_end(tmp_path: Path, target: str) -> None:
    fill(tmp_path / "in", "CHECK/T05/1_T05_APO.dcm", "CHECK/T06/1_T06_APO.dcm")
    (tmp_path / "in/CHECK/T05/again").symlink_to(target)
    (tmp_path / "in/CHECK/round").symlink_to("square")
    (tmp_path / "in/CHECK/square").symlink_to("round")
    (tmp_path / "in/CHECK/nowhere").symlink_to("gone")
    names = [film.name for film in find_films(tmp_path / "in", BOTH).films]
    assert names == ["CHECK/T05/1_T05_APO.dcm", "CHECK/T06/1_T06_APO.dcm"]


def test_a_folder_and_a_link_to_it_are_not_read_twice(tmp_path: Path) -> None:
    """One of them counts, whichever; its subject is not excluded as a duplicate of itself, nor seen under two names."""
    fill(tmp_path / "in", "CHECK/T05/1_T05_APO.dcm")
    (tmp_path / "in/A-copy").symlink_to("CHECK")
    found = find_films(tmp_path / "in", BOTH)
    assert [film.name for film in found.films] == ["CHECK/T05/1_T05_APO.dcm"]
    assert {row.reason for row in found.exclusions} <= {"name"}
    assert all(row.file.startswith("A-copy/") for row in found.exclusions)


def test_hidden_links_are_passed_over(tmp_path: Path) -> None:
    fill(tmp_path / "disk", "T05/1_T05_APO.dcm", "CHECK/T06/1_T06_APO.dcm")
    fill(tmp_path / "in", "CHECK/T00/1_T00_APO.dcm")
    (tmp_path / "in/CHECK/.T05").symlink_to(tmp_path / "disk/T05")
    (tmp_path / "in/.snapshot").symlink_to(tmp_path / "disk")
    found = find_films(tmp_path / "in", BOTH)
    assert ([film.name for film in found.films], found.count) == (["CHECK/T00/1_T00_APO.dcm"], 1)


@pytest.mark.parametrize("sides", [("right", "left"), ("R", "L")])
def test_points_files_of_single_hips_are_points_files(tmp_path: Path, sides: tuple[str, str]) -> None:
    cohort = {"M": Cohort("M", "films/{subject}.dcm", "points/{subject}_{side}.pts")}
    fill(tmp_path, "films/1.dcm", *(f"points/1_{side}.pts" for side in sides), "points/1_middle.pts")
    found = find_films(tmp_path, cohort)
    assert [film.name for film in found.films] == ["films/1.dcm"]
    assert {row.file for row in found.exclusions} <= {"points/1_middle.pts"}


def test_a_side_in_the_films_pattern_is_refused(tmp_path: Path) -> None:
    """A film holds both hips; films of one hip each are another thing, and it is said."""
    fill(tmp_path, "films/1_right.dcm")
    try:
        found = find_films(tmp_path, {"M": Cohort("M", "films/{subject}_{side}.dcm", "points/{subject}_{side}.pts")})
    except HipsegError as refused:
        assert str(refused).startswith("cohorts.M.film: ") and "{side}" in str(refused)
    else:
        assert [film.name for film in found.films] == ["films/1_right.dcm"]


def test_a_factor_that_is_no_factor_is_refused_by_its_key(tmp_path: Path) -> None:
    fill(tmp_path, "M/a1.dcm")
    for factor in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(HipsegError, match=r"^cohorts\.M\.calibration: "):
            Cohort("M", "M/{subject}.dcm", "M/{subject}.pts", calibration=factor)
