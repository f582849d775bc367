"""Bad films through `preprocess` and `predict`, in folders; where a run ends, it is halved until the file is found."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pandas as pd
from cases import FilmCase
from children import Door, Ending, command, run
from sound_films import SOUND, film_path, points_path

GRID: Final = ("rows=128", "columns=128", "spacing_mm=3.6")
BOUND_MB: Final = 1500


@dataclass(frozen=True)
class Films:
    """Where the corpus lies, each file named by its number.

    Attributes:
        folder: An input folder in the layout of cohort CHECK.
        cases: By subject.
        checkpoint: For `predict`; None until it is made.
    """

    folder: Path
    cases: dict[str, FilmCase]
    checkpoint: Path | None = None


@dataclass
class Found:
    """What became of the films at one door: by subject, an outcome and what was said.

    Attributes:
        of: `stored`, `excluded`, or how the run ended that a film ended.
        peak_mb: The most that a run held, without those of `of` that are `memory`.
    """

    of: dict[str, tuple[str, str]] = field(default_factory=dict)
    peak_mb: float = 0.0


def write_corpus(folder: Path, cases: Sequence[FilmCase]) -> Films:
    """Write every case."""
    named = {f"{number:05d}": case for number, case in enumerate(cases)}
    for path in (film_path(""), points_path("")):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
    for subject, case in named.items():
        (folder / film_path(subject)).write_bytes(case.film())
        (folder / points_path(subject)).write_bytes(case.points())
    return Films(folder, named)


def _link(films: Films, subjects: Sequence[str], sound: Path, to: Path) -> None:
    """An input folder of some of the corpus, and a sound film that must come through."""
    for path in (film_path(""), points_path("")):
        (to / path).parent.mkdir(parents=True)
    for subject in subjects:
        for path in (film_path(subject), points_path(subject)):
            os.link(films.folder / path, to / path)
    for path in (film_path(SOUND), points_path(SOUND)):
        shutil.copy(sound / path, to / path)


def try_films(films: Films, door: str, subjects: Sequence[str], sound: Path, scratch: Path, found: Found) -> None:
    """Put films through a door, and find those that end its run, that are not told of, or that take too much memory.

    Args:
        films: The corpus.
        door: `preprocess` or `predict`.
        subjects: Which of the corpus.
        sound: Folder that holds a sound film.
        scratch: A folder to work in; it is emptied.
        found: Filled.
    """
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    _link(films, subjects, sound, scratch / "in")
    (ending,) = run([Door(door, command(*_arguments(films, door, scratch)))], scratch)
    outcomes = read_outcomes(door, scratch, films, ending)
    lost = [subject for subject in (*subjects, SOUND) if subject not in outcomes]
    lost += [SOUND] if outcomes.get(SOUND, ("stored",))[0] != "stored" else []
    out_of_memory = [s for s, (_, said) in outcomes.items() if "MemoryError" in said]
    if not lost and ending.mb <= BOUND_MB and not out_of_memory:
        found.of |= {subject: outcomes[subject] for subject in subjects}
        found.peak_mb = max(found.peak_mb, ending.mb)
    elif len(subjects) > 1:
        half = len(subjects) // 2
        for part in (subjects[:half], subjects[half:]):
            try_films(films, door, part, sound, scratch, found)
    elif ending.how != "done":
        found.of[subjects[0]] = ending.how, ending.said
    elif lost:
        found.of[subjects[0]] = "lost", f"no word of {', '.join(lost)}"
    else:
        found.of[subjects[0]] = "memory", f"{outcomes[subjects[0]][1]}; {ending.mb:.0f} MB"


def _arguments(films: Films, door: str, scratch: Path) -> tuple[str, ...]:
    if door == "preprocess":
        return door, f"input={scratch}/in", f"store={scratch}/store.h5", "workers=1", *GRID
    return door, f"checkpoint={films.checkpoint}", f"input={scratch}/in/CHECK", f"out={scratch}/out"


def read_outcomes(door: str, scratch: Path, films: Films, ending: Ending) -> dict[str, tuple[str, str]]:
    """What a finished run says of each film; nothing if it did not finish."""
    if ending.how != "done":
        return {}
    if door == "predict":
        table = pd.read_csv(scratch / "out" / "predictions.csv", keep_default_na=False)
        rows = {_subject(file): part for file, part in table.groupby("file")}
        measured = {s: ("excluded" if (part["side"] == "").all() else "stored") for s, part in rows.items()}
        return {s: (how, ", ".join(rows[s]["status"].unique())) for s, how in measured.items()}
    from hipseg.data.store import Store

    stored = Store(scratch / "store.h5").films["subject"]
    table = pd.read_csv(scratch / "store.h5.exclusions.csv", keep_default_na=False)
    whole = table[table["side"] == ""]
    said = {_subject(row.file): ("excluded", f"{row.reason}: {row.detail}") for row in whole.itertuples()}
    return {str(subject): ("stored", "") for subject in stored} | said


def _subject(file: str) -> str:
    return Path(file).name.split("_")[0]
