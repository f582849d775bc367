"""What a checkpoint does with a file it has never seen: the seam between `hipseg predict` and the studies."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol


class Predictor(Protocol):
    """Applies checkpoints to files of their kind."""

    @property
    def unit(self) -> str:
        """What a row of its table is."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Of its table, `file` and `status` among them."""

    @property
    def passed_over(self) -> tuple[str, ...]:
        """Endings of files that lie among its own and are none of them."""

    def group(self, files: list[Path]) -> list[Path]:
        """What is predicted at once: each of these files, or the folder of some."""

    def predict(self, file: Path, name: str, out: Path) -> list[dict[str, Any]]:
        """Rows of the table for one file; label maps and pictures go into `labels` and `figures` in `out`.

        Args:
            file: The file.
            name: Its path within the input.
            out: The folder of results.
        """

    def close(self) -> None:
        """After the last file."""


def below(folder: Path, name: str) -> Path:
    """A file in a folder that exists then."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
