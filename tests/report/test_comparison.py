"""Runs compared case by case, from tables made by hand."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from hipseg.commands import main
from hipseg.errors import HipsegError
from hipseg.report.comparison import by_label, by_run, gather_cases, read_published, write_comparison

PUBLISHED = "run,label,mean,std,median,max,min\none,,0.9,0.1,0.9,1.0,0.7\none,head,0.8,0.1,0.8,0.9,0.6\n"


def run_folder(folder: Path, head: list[float], neck: list[float]) -> Path:
    folder.mkdir(parents=True)
    samples = [f"d/s{i}/c{i}" for i in range(len(head))]
    pd.DataFrame({"sample": samples, "dice_head": head, "dice_neck": neck}).to_csv(
        folder / "test_cases.csv", index=False
    )
    (folder / "summary.json").write_text('{"test/cases": 3}\n')
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> dict[str, Path]:
    return {
        "one": run_folder(tmp_path / "a", [1.0, 0.8, 0.6], [0.5, 0.5, 0.5]),
        "two": run_folder(tmp_path / "b", [0.9, 0.9, 0.9], [0.1, 0.2, 0.3]),
    }


def test_every_case_of_every_run_has_its_mean(runs: dict[str, Path]) -> None:
    cases = gather_cases(runs)
    assert cases["run"].tolist() == ["one"] * 3 + ["two"] * 3
    assert cases["dice"].tolist() == pytest.approx([0.75, 0.65, 0.55, 0.5, 0.55, 0.6])


def test_tables_hold_mean_spread_median_and_extremes(runs: dict[str, Path]) -> None:
    cases = gather_cases(runs)
    one = by_run(cases).set_index("run").loc["one"]
    assert one.tolist() == pytest.approx([0.65, 0.1, 0.65, 0.75, 0.55])
    neck = by_label(cases).set_index(["run", "label"]).loc[("two", "neck")]
    assert neck.tolist() == pytest.approx([0.2, 0.1, 0.2, 0.3, 0.1])


def test_files_and_figures_are_written_with_a_studys_numbers_beside(runs: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(PUBLISHED)
    with_them = write_comparison(runs, tmp_path / "with", read_published(tmp_path / "p.csv"))
    without = write_comparison(runs, tmp_path / "without")
    for figure, plain in zip(with_them, without, strict=True):
        assert figure.read_bytes() != plain.read_bytes()
    assert len(pd.read_csv(tmp_path / "with" / "cases.csv")) == 6


def test_a_run_without_cases_and_a_table_of_another_kind_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(HipsegError, match=r"runs: .*empty"):
        gather_cases({"x": tmp_path / "empty"})
    (tmp_path / "p.csv").write_text("run,dice\none,0.9\n")
    with pytest.raises(HipsegError, match=r"published: .*p\.csv.*needs the columns"):
        read_published(tmp_path / "p.csv")


def test_the_command_names_runs_as_it_is_told(runs: dict[str, Path], tmp_path: Path) -> None:
    given = f"runs=[{runs['one']},{runs['two']}]"
    main(["report", given, f"out={tmp_path / 'r.html'}", f"tables={tmp_path / 't'}", "names=[fold 0,fold 1]"])
    assert pd.read_csv(tmp_path / "t" / "dice_by_run.csv")["run"].tolist() == ["fold 0", "fold 1"]
    with pytest.raises(SystemExit):
        main(["report", given, f"out={tmp_path / 'r.html'}", f"tables={tmp_path / 'u'}", "names=[a]"])
