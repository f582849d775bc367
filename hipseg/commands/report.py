"""`hipseg report`: runs compared on one page, and case by case."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from hipseg.errors import HipsegError
from hipseg.instantiation import call
from hipseg.report.class_comparison import is_graded, write_class_comparison
from hipseg.report.comparison import read_cases, read_published, write_comparison
from hipseg.report.page import write_page


def run(config: DictConfig) -> None:
    """Run the command on its configuration."""
    call(report, config)


def report(runs: list[Path], out: Path, tables: Path | None, names: list[str] | None, published: Path | None) -> None:
    """Write one self-contained HTML page with a table and the figures of every run.

    Args:
        runs: Run folders; a sweep's folder stands for all its runs.
        out: HTML file.
        tables: Folder for one table of all runs' cases, Dice by run and by label, and box plots of both; of runs that
            grade hips, for their measures by cohort, each pair by DeLong's test, and ROC curves.
        names: Of the runs, in their order; their folders' names if not given.
        published: CSV of a study's numbers to draw beside the boxes of the same names.
    """
    folders = [folder for given in runs for folder in _runs(given)]
    if not folders:
        raise HipsegError("runs: name at least one run folder, runs=[DIR,...]")
    if names is not None and len(names) != len(folders):
        raise HipsegError(f"names: give one for each of {len(folders)} runs, not {len(names)}")
    figures: list[Path] = []
    if tables is not None:
        called = names or [folder.name for folder in folders]
        if len(set(called)) < len(called):
            raise HipsegError("names: two runs have one name; give names=[A,B,...]")
        figures, said = _compare(dict(zip(called, folders, strict=True)), tables, published)
        print(f"{said} in {tables}")
    write_page(folders, out, names, figures)
    print(f"{len(folders)} runs on {out}")


def _compare(runs: dict[str, Path], tables: Path, published: Path | None) -> tuple[list[Path], str]:
    """The figures that compare the runs, and what the folder of tables holds."""
    cases = {name: read_cases(folder) for name, folder in runs.items()}
    if all(map(is_graded, cases.values())):
        return write_class_comparison(cases, tables), "models by cohort, and pairs of them on the same hips,"
    beside = read_published(published) if published is not None else None
    return write_comparison(runs, tables, beside), "cases, Dice by run and by label"


def _runs(folder: Path) -> list[Path]:
    if (folder / "summary.json").is_file() or not folder.is_dir():
        return [folder]
    inner = [path.parent for path in folder.glob("*/summary.json")]
    return sorted(inner, key=lambda path: (len(path.name), path.name)) or [folder]
