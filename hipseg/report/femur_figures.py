"""The tables and the figure of volumes that a study of femurs in CT reports, from a run's test cases, beside its own.

The study: Deng et al., A Deep Learning-Based Approach to Extracting Periosteal and Endosteal Contours of Proximal Femur
in Quantitative CT Images, tables 1 and 2 and figure 8. Intervals are of a bootstrap over subjects, whose femurs are
drawn together.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hipseg.data.split import subjects_of
from hipseg.labels.femur import SURFACES
from hipseg.measure.agreement import Statistics, Values, with_intervals

OURS, STUDY = "this run", "study"
_MEASURES: Final = ("dice", "asd_mm", "specificity", "sensitivity")
_TABLE_1: Final = {
    "periosteal": (0.9787, 0.2011, 0.9887, 0.9939),
    "endosteal": (0.9649, 0.3117, 0.9984, 0.9838),
}
_ERRORS: Final = ("mae_cm3", "rmse_cm3", "error_percent")
_COLUMNS_2: Final = ("true_cm3", "true_sd_cm3", *_ERRORS, "error_percent_min", "error_percent_max")
_TABLE_2: Final = {
    "head": (38.91, 17.09, 1.1326, 1.2790, 3.09, 0.09, 6.85),
    "neck": (6.83, 5.35, 0.2443, 0.2701, 3.69, 0.93, 5.75),
    "combination": (71.17, 20.42, 2.3452, 2.5422, 3.30, 0.13, 5.04),
    "neck_cortex": (1.62, 0.97, 0.0771, 0.0880, 4.65, 1.07, 9.45),
    "combination_cortex": (16.84, 3.85, 0.6146, 0.7868, 4.13, 0.28, 11.19),
}
_REGIONS: Final = (*_TABLE_2, "periosteal", "endosteal", "cortex")


def table_1(cases: pd.DataFrame) -> pd.DataFrame:
    """How well both surfaces are found: the mean over femurs, a row of this run above one of the study's.

    Args:
        cases: `test_cases.csv` of a run, samples named cohort/subject/side.

    Returns:
        `surface`, `of`, `femurs`, `subjects` and Dice, mean surface distance in mm, specificity and sensitivity, each
        with `_low` and `_high`, its 95 % interval.
    """
    rows: list[dict[str, Any]] = []
    for surface in SURFACES:
        values = {name: cases[f"{name}_{surface}"].to_numpy(dtype=float) for name in _MEASURES}
        rows.append({"surface": surface, "of": OURS, **_estimates(_means(values), cases)})
        rows.append({"surface": surface, "of": STUDY, **dict(zip(_MEASURES, _TABLE_1[surface], strict=True))})
    return pd.DataFrame(rows)


def table_2(cases: pd.DataFrame) -> pd.DataFrame:
    """How far volumes are off, by region: a row of this run above one of the study's, where it has the region.

    Args:
        cases: `test_cases.csv` of a run, samples named cohort/subject/side.

    Returns:
        `region`, `of`, `femurs`, `subjects`, `left_out` (femurs without one of the two volumes); mean and standard
        deviation of the true volume in cm3; mean absolute and root mean square error in cm3 and mean absolute error in
        percent of the true volume, each with `_low` and `_high`, its 95 % interval; the least and largest of the last.
    """
    rows: list[dict[str, Any]] = []
    for region in regions_of(cases):
        known = measured(cases, region)
        row: dict[str, Any] = {"region": region, "of": OURS, "femurs": len(known), "left_out": len(cases) - len(known)}
        rows.append(row | (_errors(known) if len(known) else {}))
        if region in _TABLE_2:
            rows.append({"region": region, "of": STUDY, **dict(zip(_COLUMNS_2, _TABLE_2[region], strict=True))})
    ends = [f"{name}{end}" for name in _ERRORS for end in ("", "_low", "_high")]
    order = ["region", "of", "femurs", "subjects", "left_out", *_COLUMNS_2[:2], *ends, *_COLUMNS_2[-2:]]
    return pd.DataFrame(rows).reindex(columns=order)


def regions_of(cases: pd.DataFrame) -> list[str]:
    """Which volumes a run's cases have, the study's five first."""
    return [name for name in _REGIONS if f"{name}_error_percent" in cases]


def measured(cases: pd.DataFrame, region: str) -> pd.DataFrame:
    """`sample`, `found` and `true` in cm3 and `percent` off, of the cases that have both volumes of a region."""
    columns = {f"{region}_cm3": "found", f"{region}_true_cm3": "true", f"{region}_error_percent": "percent"}
    return cases[["sample", *columns]].rename(columns=columns).dropna()


def _errors(known: pd.DataFrame) -> dict[str, Any]:
    error = (known["found"] - known["true"]).to_numpy(dtype=float)
    percent = known["percent"].to_numpy(dtype=float)

    def of(weights: Values) -> dict[str, Values]:
        square = _means({"rmse_cm3": error**2})(weights)["rmse_cm3"]
        means = _means({"mae_cm3": np.abs(error), "error_percent": np.abs(percent)})(weights)
        return means | {"rmse_cm3": np.sqrt(square)}

    return {
        "true_cm3": known["true"].mean(), "true_sd_cm3": known["true"].std(), **_estimates(of, known),
        "error_percent_min": np.abs(percent).min(), "error_percent_max": np.abs(percent).max(),
    }  # fmt: skip


def _means(values: Mapping[str, Values]) -> Statistics:
    def of(weights: Values) -> dict[str, Values]:
        return {name: weights @ given / weights.sum(axis=1) for name, given in values.items()}

    return of


def _estimates(statistics: Statistics, cases: pd.DataFrame) -> dict[str, Any]:
    """Each statistic with its interval, and how many femurs of how many subjects it is of."""
    subjects = subjects_of(cases["sample"])
    table = with_intervals(statistics, subjects.tolist())
    found: dict[str, Any] = {"femurs": len(cases), "subjects": subjects.nunique()}
    for name, value, low, high in table[["statistic", "value", "low", "high"]].itertuples(index=False):
        found |= {str(name): value, f"{name}_low": low, f"{name}_high": high}
    return found


def draw_volumes(cases: pd.DataFrame, path: Path) -> None:
    """Every femur's error in percent against its true volume, a panel a region (the study's figure 8).

    Args:
        cases: `test_cases.csv` of a run.
        path: PNG file.
    """
    regions = regions_of(cases)
    across = min(len(regions), 3)
    down = -(-len(regions) // across)
    figure = Figure(figsize=(4.2 * across, 3.6 * down + 0.5), dpi=110)
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for axes, region in zip(panels, regions, strict=False):
        _draw_region(axes, measured(cases, region), len(cases), region)
    for axes in panels[len(regions) :]:
        axes.set_axis_off()
    figure.legend(*_all_handles(list(panels)), loc="lower center", ncols=4, frameon=False, fontsize=9)
    figure.tight_layout(rect=(0, 0.4 / figure.get_figheight(), 1, 1))
    figure.savefig(path)


def _draw_region(axes: Axes, known: pd.DataFrame, cases: int, region: str) -> None:
    larger = known["found"] >= known["true"]
    for part, marker, said in ((known[larger], "^", "found too large"), (known[~larger], "v", "found too small")):
        axes.plot(part["true"], part["percent"].abs(), marker, markersize=5, alpha=0.7, label=said)
    if len(known):
        axes.axhline(known["percent"].abs().mean(), color="k", linewidth=0.9, label="mean of this run")
    if region in _TABLE_2:
        mean = _TABLE_2[region][_COLUMNS_2.index("error_percent")]
        axes.axhline(mean, color="k", linewidth=0.9, linestyle="--", label="mean of the study")
    count = f"{len(known)} femurs" if len(known) == cases else f"{len(known)} of {cases} femurs"
    axes.set(xlabel="true volume (cm³)", ylabel="error (% of true volume)")
    axes.set_ylim(0, 1.08 * axes.get_ylim()[1])
    axes.locator_params(axis="x", nbins=5)
    axes.set_title(f"{region.replace('_', ' ')}: {count}", fontsize=10)


def _all_handles(panels: list[Axes]) -> tuple[list[Any], list[str]]:
    """What the panels' legends name, each once."""
    found: dict[str, Any] = {}
    for axes in panels:
        for handle, said in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(said, handle)
    return list(found.values()), list(found)
