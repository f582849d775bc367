"""What a run says at its end."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from pytorch_lightning import Callback
from rich.console import Console
from rich.table import Table

from hipseg.callbacks.evaluation import Evaluation
from hipseg.report.curves import draw_curves


def print_outcome(folder: Path, unit: str, callbacks: Mapping[str, Callback]) -> None:
    """Draw the curves and print the table by cohort and where everything lies.

    Args:
        folder: The run folder.
        unit: What the test cases are, as in `test_UNIT.csv`.
        callbacks: Of the run; its evaluation says which numbers matter.
    """
    columns = {f"test/{unit}": (unit, "{:.0f}")}
    for callback in callbacks.values():
        if isinstance(callback, Evaluation):
            columns |= callback.headlines
    draw_curves(folder / "metrics.csv", folder / "figures" / "curves.png")
    cohorts = pd.read_csv(folder / "cohorts.csv", index_col="cohort")
    table = Table(title="test set", title_justify="left")
    table.add_column("cohort")
    for _, (title, _form) in columns.items():
        table.add_column(title, justify="right")
    for cohort, row in cohorts.iterrows():
        cells = [form.format(row[n]) if pd.notna(row.get(n)) else "-" for n, (_, form) in columns.items()]
        table.add_row(str(cohort), *cells)
    # Wide enough for the table also where standard output is a file.
    console = Console()
    Console(width=max(console.width, 110)).print(table)
    summary = json.loads((folder / "summary.json").read_text())
    if seen := summary.get("test/trained_on"):
        count = summary[f"test/{unit}"]
        said = f"{seen} of {count} test {unit} are of subjects that this network was trained or chosen on"
        print(f"warning: {said}; these numbers flatter it (column trained_on of test_{unit}.csv)")
    timing = folder / "timing.json"
    if timing.is_file():
        took = json.loads(timing.read_text())
        if "fit_seconds" in took:
            print(f"fit {took['fit_seconds']:.0f} s, {took['training_samples_per_second']:.1f} training {unit}/s")
    print(f"run folder {folder}")
