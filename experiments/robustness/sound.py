"""What bad files are made of: sound films, a store, its split, a run with its checkpoint, by hipseg's own commands."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from children import Door, command, run
from film_doors import GRID
from sound_films import write_sound_film

FIELD = tuple(f"data.dataset.crop.{at}" for at in ("row=32", "column=0", "rows=64", "columns=64"))
NETWORK = ("model.channels=[4,8]", "model.strides=[2]")


@dataclass(frozen=True)
class Sound:
    """Files that every command takes.

    Attributes:
        folder: Of all of them.
    """

    folder: Path

    @property
    def films(self) -> Path:
        """Input folder of six films."""
        return self.folder / "films"

    @property
    def store(self) -> Path:
        """Of these films."""
        return self.folder / "store.h5"

    @property
    def split(self) -> Path:
        """Of this store."""
        return self.folder / "split.csv"

    @property
    def run(self) -> Path:
        """Trained on this split."""
        return self.folder / "run"

    @property
    def checkpoint(self) -> Path:
        """Of this run."""
        return self.run / "checkpoints" / "best.ckpt"

    def data(self, store: Path | None = None, split: Path | None = None) -> tuple[str, ...]:
        """Keys of `train` and `evaluate` that name the data, and that make them fast."""
        files = f"data.store={store or self.store}", f"data.split={split or self.split}"
        return *files, "data.workers=0", "data.batch_size=4", "evaluation.joint_space.pictures=0"

    def preprocess(self, store: Path, *more: str) -> Callable[[], None]:
        """A call of `hipseg preprocess`."""
        return command("preprocess", f"input={self.films}", f"store={store}", "workers=1", *GRID, *more)

    def train(self, out: Path, *more: str, store: Path | None = None, split: Path | None = None) -> Callable[[], None]:
        """A call of `hipseg train`, for one epoch."""
        fast = "trainer.max_epochs=1", "trainer.accelerator=cpu"
        return command("train", *self.data(store, split), *FIELD, *NETWORK, *fast, f"out={out}", *more)

    def evaluate(
        self,
        out: Path,
        *more: str,
        checkpoint: Path | None = None,
        store: Path | None = None,
        split: Path | None = None,
    ) -> Callable[[], None]:
        """A call of `hipseg evaluate`."""
        given = f"checkpoint={checkpoint or self.checkpoint}", "trainer.accelerator=cpu", f"out={out}"
        return command("evaluate", *given, *self.data(store, split), *more)


def steps(sound: Sound, scratch: Path) -> list[Door]:
    """The commands that make everything but the films, and two that must take it."""
    return [
        Door("preprocess", sound.preprocess(sound.store)),
        Door("split", command("split", f"store={sound.store}", f"out={sound.split}", "ratios=[0.34,0.33,0.33]")),
        Door("train", sound.train(sound.run)),
        Door("evaluate", sound.evaluate(scratch / "evaluation")),
        Door("report", command("report", f"runs=[{sound.run}]", f"out={scratch}/report.html")),
    ]


def write_films(sound: Sound) -> None:
    """Six films."""
    for number in range(6):
        write_sound_film(sound.films, f"{number:07d}", seed=number)


def make_sound(folder: Path, scratch: Path) -> Sound:
    """Make everything, in children of this process.

    Raises:
        RuntimeError: If a command fails on sound files, so that nothing would be learnt from bad ones.
    """
    sound = Sound(folder)
    write_films(sound)
    doors = steps(sound, scratch)
    for door, ending in zip(doors, run(doors, scratch), strict=True):
        if ending.how != "done":
            raise RuntimeError(f"{door.name} ends on sound files: {ending.how} {ending.said}")
    shutil.rmtree(scratch)
    scratch.mkdir()
    return sound
