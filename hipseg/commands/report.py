"""`hipseg report`: runs compared on one page."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from hipseg.errors import HipsegError
from hipseg.instantiation import call
from hipseg.report.page import write_page


def run(config: DictConfig) -> None:
    """Run the command on its configuration."""
    call(report, config)


def report(runs: list[Path], out: Path) -> None:
    """Write one self-contained HTML page with a table and the figures of every run.

    Args:
        runs: Run folders; a sweep's folder stands for all its runs.
        out: HTML file.
    """
    folders = [folder for given in runs for folder in _runs(given)]
    if not folders:
        raise HipsegError("runs: name at least one run folder, runs=[DIR,...]")
    write_page(folders, out)
    print(f"{len(folders)} runs on {out}")


def _runs(folder: Path) -> list[Path]:
    if (folder / "summary.json").is_file() or not folder.is_dir():
        return [folder]
    inner = [path.parent for path in folder.glob("*/summary.json")]
    return sorted(inner, key=lambda path: (len(path.name), path.name)) or [folder]
