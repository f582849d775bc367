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
