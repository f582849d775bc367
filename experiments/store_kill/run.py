"""Kill a store's writer again and again; see README.md."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

# The test suite does the same with fewer kills.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "data"))

from kill_writer import kill_at_random, kill_before_every_step


def main() -> None:
    """Print the outcome of every kind of kill."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--films", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    kinds: dict[str, Callable[[Path], Counter[str]]] = {
        f"at random while {given.films} films are added": lambda folder: kill_at_random(
            folder, given.films, given.kills, given.seed
        ),
        "before every step while 5 films are added": lambda folder: kill_before_every_step(folder, 5, version=0),
        "before every step while 2 films are replaced": lambda folder: kill_before_every_step(folder, 2, version=1),
    }
    for kind, kill in kinds.items():
        with TemporaryDirectory() as folder:
            found = kill(Path(folder))
        print(
            f"{kind}: killed {found['kills']} times; {found['unreadable']} times the store was not readable or not "
            f"right; {found['different']} stores could not be finished or differ from an undisturbed run's"
        )


if __name__ == "__main__":
    main()
