"""What a run says at its end."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from hipseg.report.run_figures import draw_curves

_COLUMNS = {
    "test/hips": ("hips", "{:.0f}"),
    "test/dice/mean": ("Dice mean", "{:.4f}"),
    "test/dice/femoral_head": ("head", "{:.4f}"),
    "test/dice/acetabular_roof": ("roof", "{:.4f}"),
    "test/dice/joint_space": ("joint", "{:.4f}"),
    "mjsw/mae_mm": ("mJSW MAE mm", "{:.3f}"),
    "mjsw/bias_mm": ("bias mm", "{:+.3f}"),
    "mjsw/sd_mm": ("SD mm", "{:.3f}"),
    "mjsw/failed": ("failed", "{:.0f}"),
}


def print_outcome(folder: Path) -> None:
    """Draw the curves and print the table by cohort and where everything lies."""
    draw_curves(folder / "metrics.csv", folder / "figures" / "curves.png")
    cohorts = pd.read_csv(folder / "cohorts.csv", index_col="cohort")
    table = Table(title="test set", title_justify="left")
    table.add_column("cohort")
    for _, (title, _form) in _COLUMNS.items():
        table.add_column(title, justify="right")
    for cohort, row in cohorts.iterrows():
        cells = [form.format(row[n]) if pd.notna(row.get(n)) else "-" for n, (_, form) in _COLUMNS.items()]
        table.add_row(str(cohort), *cells)
    # Wide enough for the table also where standard output is a file.
    console = Console()
    Console(width=max(console.width, 110)).print(table)
    summary = json.loads((folder / "summary.json").read_text())
    if seen := summary.get("test/trained_on"):
        said = f"{seen} of {summary['test/hips']} test hips are of subjects that this network was trained or chosen on"
        print(f"warning: {said}; these numbers flatter it (column trained_on of test_hips.csv)")
    timing = folder / "timing.json"
    if timing.is_file():
        took = json.loads(timing.read_text())
        if "fit_seconds" in took:
            print(f"fit {took['fit_seconds']:.0f} s, {took['training_hips_per_second']:.1f} training hips/s")
    print(f"run folder {folder}")
