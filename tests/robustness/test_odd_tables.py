"""Tables and run folders that are not what they should be end in one sentence that names them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from bad_tables import bad_runs, bad_splits, bad_truths
from cases import FileCase
from children import command
from sound import Sound

from hipseg.data.annotations import read_annotations
from hipseg.data.split import read_split
from hipseg.data.store import Store
from hipseg.errors import HipsegError

Complaint = Callable[[Callable[[], object]], str]
# Tables that say nothing wrong, or that no reader can tell from right ones.
HARMLESS = {"a byte-order mark", "widths of nan", "repeats itself", "repeats nothing", "first line only", "no train"}


def escapes(cases: list[FileCase], folder: Path, use: Callable[[Path], object]) -> list[str]:
    """Cases that are not refused in one line with the file's path."""
    found = []
    for number, case in enumerate(case for case in cases if case.name != "100,000 columns"):  # takes a minute
        path = folder / f"table{number}.csv"
        case.write(path)
        try:
            use(path)
        except HipsegError as error:
            if str(path) not in str(error) or "\n" in str(error) or len(str(error)) > 1000:
                found.append(f"{case.name}: says '{str(error)[:200]}'")
        except OSError as error:  # a command puts it into a sentence
            if str(error.filename) != str(path):
                found.append(f"{case.name}: {error}")
        except Exception as error:
            found.append(f"{case.name}: {type(error).__name__}: {error}")
        else:
            if case.name not in HARMLESS:
                found.append(f"{case.name}: is taken")
    return found


def test_odd_split_is_refused(sound: Sound, tmp_path: Path) -> None:
    samples = Store(sound.store).samples
    found = escapes(list(bad_splits(sound.split.read_text())), tmp_path, lambda path: read_split(path, samples))
    assert not found, "\n".join(found)


def test_odd_truth_is_refused(tmp_path: Path) -> None:
    taken = {
        "a column too few in one row", "a column too many in one row", "columns twice", "blank fields",
        "missing values", "a number of 4,301 digits", "a field of 10 MB", "no first line", "widths of inf",
        "widths of -1", "widths of 1e308", "widths of 1e400", "widths of 0x1p3", "widths of True",
        "widths of 999999999999",
    }  # fmt: skip
    of = [case for case in bad_truths(["CHECK/1/T00/right", "CHECK/1/T00/left"]) if case.name not in taken]
    found = escapes(of, tmp_path, read_annotations)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("width", ["inf", "-1", "1e308", "True", "-0.1"])
def test_width_that_no_joint_has_is_refused(width: str, tmp_path: Path) -> None:
    path = tmp_path / "truth.csv"
    path.write_text(f"key,mjsw_mm\nCHECK/1/T00/right,{width}\n")
    with pytest.raises(HipsegError, match="mjsw_mm"):
        read_annotations(path)


@pytest.mark.parametrize("name", ["NUL bytes", "not UTF-8"])
def test_commands_name_the_split(name: str, sound: Sound, tmp_path: Path, complaint: Complaint) -> None:
    path = tmp_path / "odd.csv"
    next(case for case in bad_splits(sound.split.read_text()) if case.name == name).write(path)
    assert str(path) in complaint(sound.evaluate(tmp_path / "run", split=path))


def test_missing_row_of_split_is_a_sample(sound: Sound, tmp_path: Path) -> None:
    table = pd.read_csv(sound.split)
    table.loc[0, "sample"] = None
    table.to_csv(tmp_path / "split.csv", index=False)
    with pytest.raises(HipsegError, match="split"):
        read_split(tmp_path / "split.csv", Store(sound.store).samples)


REPORTED = {
    "summary.json": ["a list", "a number", "deep", "a long number", "not UTF-8", "values of text", "values of lists"],
    "overrides.yaml": ["a number", "numbers", "an object", "broken", "not UTF-8"],
}  # fmt: skip


@pytest.mark.parametrize(("file", "name"), [(file, name) for file, names in REPORTED.items() for name in names])
def test_report_names_the_run(file: str, name: str, sound: Sound, tmp_path: Path, complaint: Complaint) -> None:
    run = tmp_path / "run"
    shutil.copytree(sound.run, run, ignore=shutil.ignore_patterns("*.ckpt"))
    path = run / (file if file == "summary.json" else f".hydra/{file}")
    next(case for case in bad_runs(sound.run) if (case.kind, case.name) == (file, name)).write(path)
    assert str(run) in complaint(command("report", f"runs=[{run}]", f"out={tmp_path}/report.html"))
    assert not (tmp_path / "report.html").exists()


def test_report_shows_text_of_a_run_as_text(sound: Sound, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(sound.run, run, ignore=shutil.ignore_patterns("*.ckpt"))
    (run / ".hydra/overrides.yaml").write_text("- '<script>alert(1)</script>'\n")
    command("report", f"runs=[{run}]", f"out={tmp_path}/report.html")()
    assert "<script>" not in (tmp_path / "report.html").read_text()
