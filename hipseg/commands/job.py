"""What one run of `train` or `evaluate` knows of the command and the sweep that it belongs to."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode

from hipseg.config import PRIVATE_KEYS

_LONGEST_NAME: Final = 120
_PROCESS_GROUP: Final = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "LOCAL_RANK", "WORLD_SIZE")


@dataclass(frozen=True)
class Job:
    """One run.

    Attributes:
        command: `train` or `evaluate`.
        folder: Its run folder.
        overrides: What was given for it, `key=value`.
        varied: Those of the overrides in which the runs of its sweep differ.
        number: Its place in the sweep; None outside one.
    """

    command: str
    folder: Path
    overrides: tuple[str, ...]
    varied: tuple[str, ...]
    number: int | None

    @property
    def name(self) -> str | None:
        """What differs in its sweep, or what was given; without what names a file. None if that is nothing."""
        told = self.varied if self.number is not None else self.overrides
        shown = [text for text in told if text.lstrip("+").split("=")[0] not in PRIVATE_KEYS]
        if not shown:
            return f"job {self.number}" if self.number is not None else None
        return " ".join(shown)[:_LONGEST_NAME]

    @property
    def sweep(self) -> str | None:
        """The name of its sweep's folder."""
        return self.folder.parent.name if self.number is not None else None


def this_job(command: str, given: Sequence[str]) -> Job:
    """The run that Hydra is about to start.

    Args:
        command: `train` or `evaluate`.
        given: What stood on the command line, sweeps and flags included.
    """
    hydra = HydraConfig.get()
    texts = [text for text in given if "=" in text and not text.startswith("-")]
    swept = {o.key_or_group for o in OverridesParser.create().parse_overrides(texts) if o.is_sweep_override()}
    overrides = tuple(hydra.overrides.task)
    varied = tuple(text for text in overrides if text.split("=")[0].lstrip("+").split("@")[0] in swept)
    number = int(hydra.job.num) if hydra.mode is RunMode.MULTIRUN else None
    return Job(command, Path(hydra.runtime.output_dir), overrides, varied, number)


@contextmanager
def startable_again(job: Job) -> Iterator[None]:
    """While it lasts, Lightning starts further processes of this run by calling the command again.

    Lightning repeats `sys.argv`, in which Hydra needs the command left out, and a sweep needs its other runs left out.
    What it leaves in the environment is taken out at the end, so that the next run of a sweep starts its own processes.
    """
    import hipseg.__main__

    ours = {name: os.environ.get(name) for name in _PROCESS_GROUP}
    before = sys.argv
    kept = [text for text in job.overrides if text.split("=")[0] not in ("out", "folder")]
    folder = f"'{job.folder.resolve()}'"
    sys.argv = [str(hipseg.__main__.__file__), job.command, *kept, f"out={folder}", f"folder={folder}"]
    try:
        yield
    finally:
        sys.argv = before
        for name, value in ours.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
