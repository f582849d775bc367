"""No film ends a run: every one is stored or excluded, and the sound one beside it is stored."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bad_frames import bad_frames
from bad_headers import LONG_NUMBER, bad_headers
from bad_points import bad_points
from cases import FilmCase
from children import bound_memory, command
from film_doors import GRID, write_corpus
from sound import Sound
from sound_films import SOUND, film_path, points_path, sound_films

from hipseg.data.exclusions import FILM_REASONS
from hipseg.data.store import Store

MEMORY_MB = 3000  # 9 GB and more are what such a film takes without limits
# What must come out, whatever else does, by a pattern of the case's name; empty for any exclusion.
REASONS = {
    "^states 20000 x 20000": "too_many_pixels",
    "^states 65535 x 65535": "too_many_pixels",
    "20000 x 20000, the file too": "too_many_pixels",
    "65500 x 65500, the file too": "too_many_pixels",
    r"20000 x 20000, the file not \(CR jpeg2000\)": "",
    "65,500 x 65,500 in 200 bytes": "too_many_pixels",
    "spacings zero": "spacing_invalid",
    "spacings denormal": "spacing_invalid",
    "spacings 1e-300": "spacing_invalid",
    "spacings 3e-6": "spacing_invalid",
    "spacings 0.001": "spacing_invalid",
    "spacings 50": "spacing_invalid",
    "spacings 1e300": "spacing_invalid",
    "spacings infinite": "spacing_invalid",
    "spacings nan": "spacing_invalid",
    "spacings long number": "spacing_invalid",
    "three numbers a line": "points_malformed",
    "a count of 4,301 digits": "points_malformed",
    "binary": "points_malformed",
}


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bases")


def corpus(bases: Path) -> list[FilmCase]:
    """Every small case, the same each time."""
    elements, points = sound_films(bases)
    frames = bad_frames(elements, points, np.random.default_rng(0))
    made = [*bad_headers(elements, points), *frames, *bad_points(elements[0][1], points)]
    return [case for case in made if not case.large]


def chosen(cases: Sequence[FilmCase], *kinds: str, every: int = 1) -> list[FilmCase]:
    """One of so many cases of some kinds, and those of known outcome."""
    of = [case for case in cases if case.kind in kinds]
    known = [case for case in of if any(re.search(pattern, case.name) for pattern in REASONS)]
    return list({case.name: case for case in [*of[::every], *known]}.values())


def write(folder: Path, bases: Path, cases: Sequence[FilmCase]) -> dict[str, FilmCase]:
    """An input folder of these cases and of a sound film; the cases by subject."""
    films = write_corpus(folder, cases)
    for path in (film_path(SOUND), points_path(SOUND)):
        shutil.copy(bases / path, folder / path)
    return films.cases


def check(cases: dict[str, FilmCase], stored: Sequence[str], reasons: dict[str, str]) -> None:
    """Every film is accounted for once, for a known reason where there is one."""
    kept = set(stored) - set(reasons)  # a film that turns out to be in the folder twice stays in the store, not usable
    assert SOUND in kept
    assert sorted([*kept, *reasons]) == sorted([*cases, SOUND])
    assert set(reasons.values()) <= {*FILM_REASONS}
    wrong = []
    for subject, case in cases.items():
        for pattern, reason in REASONS.items():
            if re.search(pattern, case.name) and reasons.get(subject) != reason and (reason or subject not in reasons):
                wrong.append((case.name, reasons.get(subject, "stored")))
    assert not wrong, "\n".join(map(str, wrong))


def excluded(table: Path) -> dict[str, str]:
    """Reasons of films by subject."""
    rows = pd.read_csv(table, keep_default_na=False)
    rows = rows[rows["side"] == ""]
    assert not rows["detail"].str.contains("MemoryError").any(), "memory ran out before a limit was met"
    assert not rows["detail"].str.contains("\n").any()
    return {Path(row.file).name.split("_")[0]: row.reason for row in rows.itertuples()}


@pytest.mark.parametrize(
    ("kinds", "every"),
    [(("header",), 10), (("broken off",), 3), (("flipped",), 8), (("points",), 1)],
    ids=lambda part: part[0] if isinstance(part, tuple) else "",
)
def test_every_film_is_stored_or_excluded(kinds: tuple[str, ...], every: int, bases: Path, tmp_path: Path) -> None:
    cases = write(tmp_path / "in", bases, chosen(corpus(bases), *kinds, every=every))
    store = tmp_path / "store.h5"
    command("preprocess", f"input={tmp_path}/in", f"store={store}", "workers=1", *GRID)()
    check(cases, Store(store).films["subject"].tolist(), excluded(tmp_path / "store.h5.exclusions.csv"))


def hipseg(*arguments: str) -> None:
    """A command in a process of its own, of bounded memory, which a decoder may bring down."""
    code = "from hipseg.commands import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True,
        preexec_fn=lambda: bound_memory(MEMORY_MB), timeout=300,
    )  # fmt: skip
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr[-500:]


FORGED = "size", "bits", "frame", "bomb", "spacing"  # what takes gigabytes or brings down a decoder


def test_forged_frames_end_no_preprocessing(bases: Path, tmp_path: Path) -> None:
    cases = write(tmp_path / "in", bases, chosen(corpus(bases), *FORGED, every=5))
    hipseg("preprocess", f"input={tmp_path}/in", f"store={tmp_path}/store.h5", "workers=1", *GRID)
    check(cases, Store(tmp_path / "store.h5").films["subject"].tolist(), excluded(tmp_path / "store.h5.exclusions.csv"))


@pytest.mark.slow
def test_bad_films_end_no_prediction(bases: Path, sound: Sound, tmp_path: Path) -> None:
    cases = write(tmp_path / "in", bases, chosen(corpus(bases), *FORGED, "header", every=40))
    hipseg("predict", f"checkpoint={sound.checkpoint}", f"input={tmp_path}/in/CHECK", f"out={tmp_path}/out")
    table = pd.read_csv(tmp_path / "out/predictions.csv", keep_default_na=False)
    subjects = table["file"].map(lambda file: Path(file).name.split("_")[0])
    whole = table["side"] == ""
    check(cases, sorted(set(subjects[~whole])), dict(zip(subjects[whole], table.loc[whole, "status"], strict=True)))


LIMITS = {
    "limits.megapixels=0.01": {"too_many_pixels"},
    "limits.file_mb=0.01": {"unreadable", "too_many_pixels"},
    "limits.points_kb=0.1": {"points_malformed"},
    "limits.spacing_mm=[0.1,0.2]": {"spacing_invalid"},
}


@pytest.mark.parametrize("limit", LIMITS)
def test_limits_can_be_set(limit: str, sound: Sound, tmp_path: Path) -> None:
    store = tmp_path / "store.h5"
    sound.preprocess(store, limit)()
    assert set(excluded(tmp_path / "store.h5.exclusions.csv").values()) <= LIMITS[limit]
    assert len(Store(store).films) == 0


@pytest.mark.parametrize("limit", ["megapixels=0", "file_mb=-1", "points_kb=much", "spacing_mm=[2,1]"])
def test_limit_that_is_none_is_named(
    limit: str, sound: Sound, tmp_path: Path, complaint: Callable[[Callable[[], object]], str]
) -> None:
    assert complaint(sound.preprocess(tmp_path / "store.h5", f"limits.{limit}")).startswith(
        f"limits.{limit.partition('=')[0]}"
    )


def test_a_points_file_of_megabytes_is_not_read(sound: Sound, tmp_path: Path) -> None:
    shutil.copytree(sound.films, tmp_path / "in")
    first = sorted((tmp_path / "in/CHECK-pointfiles").rglob("*.pts"))[0]
    text = first.read_text()
    first.write_text(text.replace("{", "{" + " " * (1 << 20)))
    command("preprocess", f"input={tmp_path}/in", f"store={tmp_path}/store.h5", "workers=1", *GRID)()
    assert list(excluded(tmp_path / "store.h5.exclusions.csv").values()) == ["points_malformed"]
    assert len(Store(tmp_path / "store.h5").films) == 5


def test_the_number_that_python_does_not_read_is_longer_than_its_limit() -> None:
    with pytest.raises(ValueError, match="4300"):
        int(LONG_NUMBER)


def test_corpus_is_large_and_the_same_each_time(bases: Path) -> None:
    cases, again = corpus(bases), corpus(bases)
    assert len(cases) >= 500
    assert len({(case.kind, case.name) for case in cases}) == len(cases)
    same = (a.film() == b.film() and a.points() == b.points() for a, b in zip(cases[::7], again[::7], strict=True))
    assert all(same)
