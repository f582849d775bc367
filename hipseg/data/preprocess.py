"""From an input folder to a store and its exclusions table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hipseg.data.cohorts import Cohort, Found, find_films
from hipseg.data.exclusions import REASONS, Exclusion, exclusions_table
from hipseg.data.process import Processed, Task, Unchanged, crashed, process
from hipseg.data.settings import Settings
from hipseg.data.store import Store
from hipseg.data.store_writer import StoreWriter
from hipseg.errors import HipsegError
from hipseg.parallel import ordered_map
from hipseg.progress import track


@dataclass(frozen=True)
class Account:
    """Where every file and hip ended.

    Attributes:
        found: Files, without points and system files.
        stored: Films of this input that are in the store and usable, at least as images.
        new: Of these, how many were added or changed in this run.
        film_reasons: Excluded files by reason.
        hip_reasons: Excluded hips of stored films by reason.
        polarity: Stored films by polarity.
        elsewhere: Films of the store that are not in this input.
    """

    found: int
    stored: int
    new: int
    film_reasons: Counter[str]
    hip_reasons: Counter[str]
    polarity: Counter[str]
    elsewhere: int

    @property
    def usable_hips(self) -> int:
        """Hips that can enter a split."""
        return 2 * self.stored - self.hip_reasons.total()

    def lines(self) -> list[str]:
        """For people; the numbers add up."""
        reasons = [f"  {n:6d}  {reason}: {REASONS[reason]}" for reason, n in sorted(self.film_reasons.items())]
        hips = [f"  {n:6d}  {reason}: {REASONS[reason]}" for reason, n in sorted(self.hip_reasons.items())]
        lines = [
            f"{self.found} files found = {self.stored} stored + {self.film_reasons.total()} excluded",
            *reasons,
            f"{2 * self.stored} hips = {self.usable_hips} usable + {self.hip_reasons.total()} excluded",
            *hips,
            f"{self.new} films were new or changed, {self.stored - self.new} were stored before",
        ]
        if strange := {k: n for k, n in self.polarity.items() if k != "stated"}:
            said = ", ".join(f"{n} {kind}" for kind, n in sorted(strange.items()))
            lines.append(f"polarity against the header: {said}")
        if self.elsewhere:
            lines.append(f"{self.elsewhere} more films in the store are not in this input and stay")
        return lines


def preprocess_folder(
    folder: Path, store: Path, cohorts: Mapping[str, Cohort], settings: Settings, workers: int
) -> Account:
    """Bring a store up to date with an input folder, and write `<store>.exclusions.csv` beside it.

    Args:
        folder: The input.
        store: The HDF5 file; what it holds already is kept if unchanged.
        cohorts: By name.
        settings: How films are processed.
        workers: Processes.

    Raises:
        HipsegError: If the folder is missing or empty, or the store was made otherwise.
    """
    found = find_films(folder, cohorts)
    exclusions = list(found.exclusions)
    added: set[str] = set()
    new_store = not store.exists()
    with StoreWriter(store, settings) as writer:
        try:
            _require_films(found, cohorts)
        except HipsegError:
            if new_store:
                store.unlink()
            raise
        tasks = [Task(film, settings, *writer.known(film.key)) for film in found.films]
        outcomes = track(ordered_map(process, tasks, workers, crashed), len(tasks), "films")
        for film, outcome in zip(found.films, outcomes, strict=True):
            if isinstance(outcome, Processed):
                writer.put(outcome)
                added.add(film.name)
            elif not isinstance(outcome, Unchanged):
                exclusions.append(outcome)
                if film.key in writer:
                    writer.exclude(film.key, outcome.reason)
        by_name = _now_excluded(found.exclusions, cohorts)
        for key, reason in by_name:
            if key in writer:
                writer.exclude(key, reason)
        writer.flush()
        exclusions += _one_film_of_several(writer, {film.key: film.name for film in found.films})
    in_input = {film.key for film in found.films} | {key for key, _ in by_name}
    new = len(added - {row.file for row in exclusions})
    return _account(found, in_input, new, exclusions, store)


def _require_films(found: Found, cohorts: Mapping[str, Cohort]) -> None:
    """Refuse an input of which no name fits a cohort: the patterns are wrong then, or the folder is.

    Raises:
        HipsegError: Showing a name.
    """
    if not found.films and all(row.reason == "name" for row in found.exclusions):
        first = found.exclusions[0].file
        said = f"none of its {found.count} files fits the pattern of a cohort ({', '.join(cohorts)}), as '{first}'"
        raise HipsegError(f"input: {said}; name your own cohort, see docs/data.md")


def _now_excluded(exclusions: list[Exclusion], cohorts: Mapping[str, Cohort]) -> set[tuple[str, str]]:
    """Film keys of files that their names exclude (duplicates), with the reason."""
    keys = set()
    for row in exclusions:
        for cohort in cohorts.values():
            if match := cohort.film_regex.fullmatch(row.file):
                fields = match.groupdict()
                keys.add((f"{cohort.name}/{fields['subject']}/{fields.get('visit', '')}", row.reason))
    return keys


def _one_film_of_several(writer: StoreWriter, names: Mapping[str, str]) -> list[Exclusion]:
    """Exclude films that are stored under several subjects, which a split would put into training and test alike.

    Args:
        writer: Of the store; what is there from other inputs counts too.
        names: File of every film of this input, by key.
    """
    exclusions = []
    for keys in list(writer.same_pixels()):
        for key in keys:
            writer.exclude(key, "duplicate_film")
            others = ", ".join(names.get(other, other) for other in keys if other != key)
            if key in names:
                exclusions.append(Exclusion(names[key], "", "duplicate_film", f"its pixels are those of {others}"))
    return exclusions


def _account(found: Found, in_input: set[str], new: int, exclusions: list[Exclusion], path: Path) -> Account:
    """Count where everything ended, and write the exclusions."""
    store = Store(path)
    excluded = {row.file for row in exclusions}
    names = {film.key: film.name for film in found.films if film.name not in excluded}
    table = store.films.assign(key=store.films["cohort"] + "/" + store.films["subject"] + "/" + store.films["visit"])
    images = table.index[table["key"].isin(names)]
    samples = store.samples[store.samples["image"].isin(images) & ~store.samples["usable"]]
    films = table.drop_duplicates("key")  # where every hip has an image of its own, a film has two rows
    here = films["key"].isin(names)
    hips = [
        Exclusion(names[key.rsplit("/", 1)[0]], side, reason, detail or REASONS.get(reason, ""))
        for key, side, reason, detail in samples[["key", "side", "reason", "detail"]].itertuples(index=False)
    ]
    exclusions_table(exclusions + hips).to_csv(f"{path}.exclusions.csv", index=False)
    return Account(
        found=found.count,
        stored=int(here.sum()),
        new=new,
        film_reasons=Counter(row.reason for row in exclusions),
        hip_reasons=Counter(row.reason for row in hips),
        polarity=Counter(films.loc[here, "polarity"]),
        elsewhere=int((~films["key"].isin(in_input)).sum()),
    )
