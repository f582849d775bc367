"""What is tried: bad films, stores, checkpoints and tables, each with a name and a kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class FilmCase:
    """A film and its points file, of which at least one is bad.

    Attributes:
        kind: What kind of thing is wrong.
        name: What exactly.
        film: Makes the film's bytes.
        points: Makes the points file's bytes.
        large: Whether making it takes seconds, or the files tens of megabytes.
    """

    kind: str
    name: str
    film: Callable[[], bytes]
    points: Callable[[], bytes]
    large: bool = False


@dataclass(frozen=True)
class FileCase:
    """A file that is bad.

    Attributes:
        kind: What kind of thing is wrong.
        name: What exactly.
        write: Writes it where it is told; it may write more beside it.
    """

    kind: str
    name: str
    write: Callable[[Path], None]


Films = Iterator[FilmCase]
Files = Iterator[FileCase]
