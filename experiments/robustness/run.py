"""Bad films, stores, checkpoints and tables through every command that reads them; see README.md."""

from __future__ import annotations

import argparse
import importlib
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

# The test suite makes its small films with the same function.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "data"))

import file_doors
import numpy as np
import pandas as pd
from bad_films import bad_films
from bad_tables import bad_runs, bad_splits, bad_truths
from cases import FileCase, FilmCase
from children import Door, command
from children import run as run_child
from film_doors import GRID, Films, Found, read_outcomes, try_films, write_corpus
from sound import Sound, make_sound

ENDINGS = ("traceback", "signal", "timeout", "payload", "memory", "lost", "unnamed")
GROUP = 16  # films a run: halved where it ends, to find the one that ended it


class Row(NamedTuple):
    """One case at one door.

    Attributes:
        part: films, stores, checkpoints or tables.
        kind: What kind of thing is wrong.
        name: What exactly.
        door: The command, or function.
        how: What became of it.
        said: In whose words.
        mb: The most memory held; of a folder of films, the folder's.
    """

    part: str
    kind: str
    name: str
    door: str
    how: str
    said: str
    mb: float


def _tells_of_predict(subject: str, case: FilmCase) -> bool:
    """Whether a film is put through `predict`, which reads no points file and draws what it measures, too."""
    return case.kind != "points" and (case.kind in ("bits", "bomb", "size", "spacing") or int(subject) % 4 == 0)


class Corpus:
    """The places of one run of this command.

    Args:
        folder: An empty folder.
        seed: Of what is drawn.
        every: Try one case of so many.
        named: Try cases with this in their names.
    """

    def __init__(self, folder: Path, seed: int, every: int, named: str) -> None:
        self.scratch, self._seed, self._every, self._named = folder / "scratch", seed, every, named
        self.scratch.mkdir()
        self.sound: Sound = make_sound(folder / "sound", self.scratch)
        self._folder = folder

    def films(self) -> Iterator[Row]:
        """Folders of films, then the whole corpus as one input."""
        for name in ("preprocess", "predict"):
            importlib.import_module(f"hipseg.commands.{name}")
            whole = self._films()
            yield from self._film_door(whole, name)
            if name == "preprocess":
                yield self._at_once(whole)
            shutil.rmtree(whole.folder)

    def _films(self) -> Films:
        cases = [case for case in bad_films(self._folder / "bases", self._seed) if self._named in case.name]
        cases = cases[:: self._every]
        made = write_corpus(self._folder / "films", cases)
        return Films(made.folder, made.cases, self.sound.checkpoint)

    def _film_door(self, films: Films, door: str) -> Iterator[Row]:
        found = Found()
        subjects = [s for s, case in films.cases.items() if door == "preprocess" or _tells_of_predict(s, case)]
        small = [s for s in subjects if not films.cases[s].large]
        groups = [small[at : at + GROUP] for at in range(0, len(small), GROUP)]
        for group in groups + [[s] for s in subjects if films.cases[s].large]:
            try_films(films, door, group, self._folder / "bases", self.scratch, found)
        for subject, (how, said) in found.of.items():
            case = films.cases[subject]
            yield Row("films", case.kind, case.name, door, how, said, found.peak_mb)

    def _at_once(self, films: Films) -> Row:
        """The whole corpus as one input of two workers."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir()
        given = f"input={films.folder}", f"store={self.scratch}/store.h5", "workers=2", *GRID
        (ending,) = run_child([Door("", command("preprocess", *given))], self.scratch, seconds=540)
        told = read_outcomes("preprocess", self.scratch, films, ending)
        how = "lost" if ending.how == "done" and set(told) < set(films.cases) else ending.how
        said = ending.said or f"{len(told)} of {len(films.cases)} films accounted for"
        return Row("films", "all", "the whole corpus in one folder", "preprocess workers=2", how, said, ending.mb)

    def stores(self) -> Iterator[Row]:
        """Damaged stores."""
        from bad_stores import bad_stores

        cases = list(bad_stores(self.sound.store, np.random.default_rng(self._seed)))
        yield from self._try("stores", cases, file_doors.store_doors, ".h5")

    def checkpoints(self) -> Iterator[Row]:
        """Damaged checkpoints, and those with code planted in them."""
        import torch
        from bad_checkpoints import damages, payloads

        content = torch.load(self.sound.checkpoint, weights_only=True)
        rng = np.random.default_rng(self._seed)
        cases = [*payloads(content), *damages(self.sound.checkpoint, content, rng)]
        yield from self._try("checkpoints", cases, file_doors.checkpoint_doors, ".ckpt")

    def tables(self) -> Iterator[Row]:
        """Splits, truths and what `report` reads."""
        hips = pd.read_csv(self.sound.run / "test_hips.csv")["sample"].tolist()
        cases = [*bad_splits(self.sound.split.read_text()), *bad_truths(hips), *bad_runs(self.sound.run)]
        yield from self._try("tables", cases, file_doors.table_doors, ".csv")

    def _try(self, part: str, cases: list[FileCase], doors: file_doors.Doors, suffix: str) -> Iterator[Row]:
        for name in ("preprocess", "split", "train", "evaluate", "predict", "report"):
            importlib.import_module(f"hipseg.commands.{name}")  # once, in front of every child
        cases = [case for case in cases if self._named in case.name][:: self._every]
        for case, door, ending in file_doors.try_files(cases, doors, suffix, self.sound, self.scratch):
            yield Row(part, case.kind, case.name, door, ending.how, ending.said, ending.mb)


def summarise(rows: pd.DataFrame) -> pd.DataFrame:
    """Counts by part, kind and door."""
    by = rows.groupby(["part", "kind", "door"], sort=False)
    table = by["how"].value_counts().unstack(fill_value=0)
    table = table.reindex(columns=["stored", "done", "excluded", "refused", *ENDINGS], fill_value=0)
    table.insert(0, "cases", by.size())
    table["peak_mb"] = by["mb"].max().round().astype(int)
    return table.reset_index()


def print_escapes(rows: pd.DataFrame) -> None:
    """Every kind of escape once, with how often it came and an example."""
    escapes = rows[rows["how"].isin(ENDINGS)]
    escapes = escapes.assign(where=escapes["said"].str.split(": ").str[0].str.slice(0, 90))
    for (part, door, how, where), these in escapes.groupby(["part", "door", "how", "where"], sort=False):
        print(f"{part:12s} {door:20s} {how:9s} {len(these):4d}  {where}  e.g. {these['name'].iat[0]}")


def main() -> None:
    """Print and write the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=["films", "stores", "tables", "checkpoints"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", type=int, default=1, help="try one case of so many")
    parser.add_argument("--named", default="", help="try cases with this in their names")
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results.csv")
    parser.add_argument("--details", type=Path, default=None, help="CSV for a row a case and door")
    given = parser.parse_args()
    if given.details:
        given.details.unlink(missing_ok=True)
    start = time.monotonic()
    with TemporaryDirectory() as folder:
        corpus = Corpus(Path(folder).resolve(), given.seed, given.every, given.named)
        found: list[Row] = []
        for part in given.parts:
            for row in getattr(corpus, part)():
                found.append(row)
                if given.details:  # at once, so that a run that is ended tells what it found
                    pd.DataFrame([row]).to_csv(given.details, mode="a", index=False, header=len(found) == 1)
            print(f"{part}: {time.monotonic() - start:.0f} s", flush=True)
    rows = pd.DataFrame(found, columns=list(Row._fields))
    table = summarise(rows)
    table.to_csv(given.results, index=False)
    print(table.to_string(index=False))
    print_escapes(rows)
    total = rows["how"].value_counts()
    said = ", ".join(f"{total.get(how, 0)} {how}" for how in ENDINGS)
    print(f"{len(rows)} cases at doors: {said}; peak {rows['mb'].max():.0f} MB a process")


if __name__ == "__main__":
    main()
