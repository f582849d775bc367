"""Runs compared case by case: Dice of every run on the same cases, as tables and box plots."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hipseg.errors import HipsegError
from hipseg.io.tables import read_table

STATISTICS: Final = ("mean", "std", "median", "max", "min")
_BOX: Final[dict[str, Any]] = {
    "showmeans": True,
    "meanprops": {"marker": "+", "markeredgecolor": "#2255cc"},
    "medianprops": {"color": "#2a8f3c"},
    "flierprops": {"marker": "x", "markeredgecolor": "#c33", "markersize": 4},
}


def gather_cases(runs: Mapping[str, Path]) -> pd.DataFrame:
    """The tables of some runs as one.

    Args:
        runs: Run folders by name.

    Returns:
        `run`, `sample`, `dice` (the mean over labels) and what the runs' tables hold, a row a run and case.

    Raises:
        HipsegError: If a run has no table of cases with Dice.
    """
    tables = []
    for name, folder in runs.items():
        table = read_cases(folder)
        dice = table.filter(regex="^dice_")
        if dice.empty:
            raise HipsegError(f"runs: the test cases of {folder} have no Dice; compare runs of one task")
        table.insert(0, "run", name)
        table.insert(2, "dice", dice.mean(axis=1))
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def read_cases(folder: Path) -> pd.DataFrame:
    """The test cases of a run.

    Raises:
        HipsegError: If it has no table of them.
    """
    found = sorted(path for path in folder.glob("test_*.csv") if path.name != "test_profiles.csv")
    try:
        table = read_table(found[0])
        if "sample" not in table:
            raise ValueError("it names no samples")
    except (IndexError, OSError, ValueError) as error:
        said = " ".join(str(error).split())[:120]
        raise HipsegError(f"runs: {folder} has no table of test cases that can be read ({said})") from None
    return table


def by_run(cases: pd.DataFrame) -> pd.DataFrame:
    """Mean, standard deviation, median, largest and least of the cases' Dice, a row a run."""
    return cases.groupby("run", sort=False)["dice"].agg(list(STATISTICS)).reset_index()


def by_label(cases: pd.DataFrame) -> pd.DataFrame:
    """The same of every label, a row a run and label."""
    names = [str(name) for name in cases if str(name).startswith("dice_")]
    long = cases[["run", *names]].melt(id_vars=["run"], var_name="label", value_name="dice")
    long["label"] = long["label"].str.removeprefix("dice_")
    return long.groupby(["run", "label"], sort=False)["dice"].agg(list(STATISTICS)).reset_index()


def read_published(path: Path) -> pd.DataFrame:
    """Numbers of a study to stand beside: `run`, `label` (empty for the mean over labels) and the statistics.

    Raises:
        HipsegError: If it is no such table.
    """
    try:
        table = read_table(path, dtype={"run": str, "label": str}, keep_default_na=False, na_values={"mean": [""]})
        if not {"run", "label", *STATISTICS} <= set(table):
            raise ValueError(f"it needs the columns run, label, {', '.join(STATISTICS)}")
        table[list(STATISTICS)] = table[list(STATISTICS)].astype(float)
    except (OSError, ValueError) as error:
        raise HipsegError(f"published: {path} can't be read ({' '.join(str(error).split())[:160]})") from None
    return table


def write_comparison(runs: Mapping[str, Path], folder: Path, published: pd.DataFrame | None = None) -> list[Path]:
    """Write `cases.csv`, `dice_by_run.csv`, `dice_by_label.csv` and a box plot of each.

    Args:
        runs: Run folders by name.
        folder: Where to.
        published: A study's numbers, as `read_published` gives them.

    Returns:
        The figures.
    """
    cases = gather_cases(runs)
    folder.mkdir(parents=True, exist_ok=True)
    cases.to_csv(folder / "cases.csv", index=False, float_format="%.6g")
    by_run(cases).to_csv(folder / "dice_by_run.csv", index=False, float_format="%.4f")
    by_label(cases).to_csv(folder / "dice_by_label.csv", index=False, float_format="%.4f")
    figures = [folder / "dice_by_run.png", folder / "dice_by_label.png"]
    _draw_by_run(cases, published, figures[0])
    _draw_by_label(cases, published, figures[1])
    return figures


def _draw_by_run(cases: pd.DataFrame, published: pd.DataFrame | None, path: Path) -> None:
    runs = list(dict.fromkeys(cases["run"]))
    figure = Figure(figsize=(1.6 + 1.1 * len(runs), 4.6), dpi=110)
    axes = figure.subplots()
    axes.boxplot([cases.loc[cases["run"] == run, "dice"] for run in runs], tick_labels=runs, **_BOX)
    if published is not None:
        mean = published[published["label"] == ""].set_index("run")
        _beside(axes, {number: mean.loc[run] for number, run in enumerate(runs, start=1) if run in mean.index})
    axes.set(ylabel="Dice, mean over labels", title="By model")
    axes.tick_params(axis="x", rotation=30)
    figure.tight_layout()
    figure.savefig(path)


def _draw_by_label(cases: pd.DataFrame, published: pd.DataFrame | None, path: Path) -> None:
    runs, names = list(dict.fromkeys(cases["run"])), [str(n) for n in cases if str(n).startswith("dice_")]
    figure = Figure(figsize=(1.4 + 0.45 * len(runs) * len(names), 4.8), dpi=110)
    for axes, name in zip(figure.subplots(1, len(names), sharey=True, squeeze=False)[0], names, strict=True):
        label = name.removeprefix("dice_")
        axes.boxplot([cases.loc[cases["run"] == run, name] for run in runs], tick_labels=runs, **_BOX)
        if published is not None:
            of = published[published["label"] == label].set_index("run")
            _beside(axes, {number: of.loc[run] for number, run in enumerate(runs, start=1) if run in of.index})
        axes.set_title(label.replace("_", " "), fontsize=8)
        axes.tick_params(axis="x", rotation=90, labelsize=7)
    figure.axes[0].set_ylabel("Dice")
    figure.tight_layout()
    figure.savefig(path)


def _beside(axes: Axes, numbers: Mapping[int, pd.Series]) -> None:
    """A study's mean as a diamond and its extremes as a line, beside the box of the same name."""
    for place, row in numbers.items():
        axes.plot([place + 0.36] * 2, [row["min"], row["max"]], color="0.5", linewidth=1)
        axes.plot([place + 0.36], [row["mean"]], "D", color="0.3", markersize=4)
