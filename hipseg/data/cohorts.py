"""Finding films and their points files by a cohort's two patterns."""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Final

from hipseg.data.exclusions import Exclusion
from hipseg.errors import HipsegError

_FIELD: Final = re.compile(r"\{(\w+)\}")
_SYSTEM_FILES: Final = frozenset({"thumbs.db", "desktop.ini"})


def pattern_regex(pattern: str) -> re.Pattern[str]:
    """A pattern such as `A/{visit}/{subject}_{visit}.dcm` as a regular expression.

    A field matches any characters but a slash; a field that comes twice must match the same text.
    """
    seen: set[str] = set()
    pieces = []
    for index, piece in enumerate(_FIELD.split(pattern)):
        if index % 2 == 0:
            pieces.append(re.escape(piece))
        else:
            pieces.append(f"(?P={piece})" if piece in seen else f"(?P<{piece}>[^/]+?)")
            seen.add(piece)
    return re.compile("".join(pieces))


@dataclass(frozen=True)
class Cohort:
    """How one cohort names its files, as paths below the input folder with fields in braces.

    Attributes:
        name: As it stands in sample keys.
        film: A film's path; it must have a field `subject`, may have `visit`, and others at will.
        points: The points file's path, from the film's fields; with `{side}` in it (right and left, or R and L) each
            hip has a file of its own.
        calibration: By which the spacing that headers state is multiplied, where a cohort is known to need it.
    """

    name: str
    film: str
    points: str
    calibration: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.calibration) and self.calibration > 0):
            raise HipsegError(f"cohorts.{self.name}.calibration: it must be above 0, not {self.calibration}")
        for key in ("film", "points"):
            pattern = getattr(self, key)
            names = _FIELD.findall(pattern)
            if set("{}") & set(_FIELD.sub("", pattern)) or not all(name.isidentifier() for name in names):
                raise HipsegError(f"cohorts.{self.name}.{key}: '{pattern}' has a brace that is no field like {{visit}}")
        fields = set(_FIELD.findall(self.film))
        if "subject" not in fields:
            raise HipsegError(f"cohorts.{self.name}.film: '{self.film}' has no {{subject}}")
        if "side" in fields:
            raise HipsegError(f"cohorts.{self.name}.film: '{self.film}' has {{side}}, but a film holds both hips")
        if strange := set(_FIELD.findall(self.points)) - fields - {"side"}:
            raise HipsegError(f"cohorts.{self.name}.points: the film's pattern has no {{{min(strange)}}}")

    @cached_property
    def film_regex(self) -> re.Pattern[str]:
        """Of films' paths."""
        return pattern_regex(self.film)

    @cached_property
    def points_regex(self) -> re.Pattern[str]:
        """Of points files' paths."""
        return pattern_regex(self.points)

    def points_paths(self, folder: Path, fields: Mapping[str, str]) -> tuple[Path, Path | None]:
        """The points file of a film with these fields, or those of its right and its left hip."""
        if "{side}" not in self.points:
            return folder / self.points.format(**fields), None
        right, left = (
            next((path for path in paths if path.is_file()), paths[0])
            for names in (("right", "R"), ("left", "L"))
            if (paths := [folder / self.points.format(**fields, side=name) for name in names])
        )
        return right, left


@dataclass(frozen=True, order=True)
class FilmFile:
    """A film that a pattern found.

    Attributes:
        name: Its path below the input folder.
        path: Its path.
        points: Where its points file should be, or its right hip's.
        cohort: Name of its cohort.
        subject: The subject as the file's name states it.
        visit: The visit, empty if the pattern has none.
        left_points: Where its left hip's should be, if each hip has one.
        calibration: By which the spacing of its header is multiplied.
    """

    name: str
    path: Path
    points: Path
    cohort: str
    subject: str
    visit: str
    left_points: Path | None = None
    calibration: float = 1.0

    @property
    def key(self) -> str:
        """Cohort, subject and visit."""
        return f"{self.cohort}/{self.subject}/{self.visit}"


@dataclass(frozen=True)
class Found:
    """Every file of an input folder but points and system files.

    Attributes:
        films: To be read, in the order of their names.
        exclusions: Files whose names alone exclude them.
    """

    films: list[FilmFile]
    exclusions: list[Exclusion]

    @property
    def count(self) -> int:
        """Files found."""
        return len(self.films) + len(self.exclusions)


def visible_files(folder: Path) -> Iterator[str]:
    """Paths below a folder, without hidden and system files.

    Linked folders are followed once all others are read, and each folder is read once, by whatever name.
    """
    seen: set[str] = set()
    waiting = [str(folder)]
    while waiting:
        for root, folders, names in os.walk(waiting.pop(0)):
            if (real := os.path.realpath(root)) in seen:
                folders.clear()
                continue
            seen.add(real)
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            waiting += [path for name in folders if os.path.islink(path := os.path.join(root, name))]
            for name in sorted(names):
                if not name.startswith(".") and name.lower() not in _SYSTEM_FILES:
                    yield PurePosixPath(Path(root, name).relative_to(folder)).as_posix()


def find_films(folder: Path, cohorts: Mapping[str, Cohort]) -> Found:
    """Look through an input folder.

    Raises:
        HipsegError: If there is no such folder, or no file in it but points and system files.
    """
    if not folder.is_dir():
        raise HipsegError(f"input: there is no folder {folder}")
    films, exclusions = [], []
    for name in sorted(visible_files(folder)):
        match = next(((c, m) for c in cohorts.values() if (m := c.film_regex.fullmatch(name))), None)
        if match is not None:
            cohort, fields = match[0], match[1].groupdict()
            points, left = cohort.points_paths(folder, fields)
            of = cohort.name, fields["subject"], fields.get("visit", "")
            films.append(FilmFile(name, folder / name, points, *of, left, cohort.calibration))
        elif not any(c.points_regex.fullmatch(name) for c in cohorts.values()):
            detail = f"the name fits none of the cohorts {', '.join(cohorts)}"
            exclusions.append(Exclusion(name, "", "name", detail))
    if not films and not exclusions:
        raise HipsegError(f"input: {folder} holds no film; the cohorts' patterns say what is looked for")
    counts = Counter(film.key for film in films)
    for film in films:
        if counts[film.key] > 1:
            detail = f"{counts[film.key]} films of subject {film.subject}, visit {film.visit}; keep one"
            exclusions.append(Exclusion(film.name, "", "duplicate_visit", detail))
    return Found([film for film in films if counts[film.key] == 1], exclusions)
