"""Kill a store's writer again and again; see README.md."""

from __future__ import annotations

import argparse
import sys
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
    with TemporaryDirectory() as name:
        folder = Path(name)
        kinds = {
            f"at random while {given.films} films are added": kill_at_random(
                folder, given.films, given.kills, given.seed
            ),
            "before every step while 5 films are added": kill_before_every_step(folder, 5, version=0),
            "before every step while 2 films are replaced": kill_before_every_step(folder, 2, version=1),
        }
    for kind, found in kinds.items():
        print(
            f"{kind}: killed {found['kills']} times; afterwards {found['unreadable']} unreadable; "
            f"{found['different']} that, finished, were not those of an undisturbed run"
        )


if __name__ == "__main__":
    main()
