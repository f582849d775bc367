"""Tables of agreement from a table of measured hips."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from hipseg.measure.agreement import (
    Statistics,
    agreement_statistics,
    change_statistics,
    repeatability_statistics,
    with_intervals,
)

COLUMNS = ("cohort", "against", "statistic", "value", "low", "high", "hips", "subjects")


def agreement_table(hips: pd.DataFrame, repeats: Mapping[str, str]) -> pd.DataFrame:
    """Agreement of predicted widths with the points files' and the true ones, by cohort and for all hips.

    Args:
        hips: The columns of `test_hips.csv`; only hips whose status is `ok` count.
        repeats: From the key of a hip to that of the one whose exposure it repeats.

    Returns:
        A row a statistic with its 95 % interval; see `hipseg.measure.agreement`. `against` is `points`, `truth` or,
        where exposures are repeated, `repeat`.
    """
    measured = hips[hips["status"] == "ok"].set_index("sample", drop=False)
    if measured.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    parts = measured["sample"].str.split("/", expand=True).reindex(columns=range(4))
    measured = measured.assign(cohort=parts[0], subject=parts[0] + "/" + parts[1], visit=parts[2], side=parts[3])
    groups = {**{str(name): part for name, part in measured.groupby("cohort")}, "all": measured}
    tables = [
        with_intervals(statistics, subjects.tolist()).assign(cohort=cohort, against=against)
        for cohort, part in groups.items()
        for against, statistics, subjects in _comparisons(part, repeats)
    ]
    return pd.concat(tables)[list(COLUMNS)]


def _comparisons(hips: pd.DataFrame, repeats: Mapping[str, str]) -> list[tuple[str, Statistics, pd.Series]]:
    found: list[tuple[str, Statistics, pd.Series]] = []
    first = hips[~hips["sample"].isin([key for key, of in repeats.items() if of])]
    for against, column in (("points", "mjsw_reference_mm"), ("truth", "mjsw_truth_mm")):
        if column not in hips:
            continue
        known = hips[hips[column].notna()]
        predicted, reference = (known[name].to_numpy(dtype=float) for name in ("mjsw_predicted_mm", column))
        if len(known):
            found.append((against, agreement_statistics(predicted, reference), known["subject"]))
        before, after = _visits(first[first[column].notna()])
        if len(before):
            errors = [(part["mjsw_predicted_mm"] - part[column]).to_numpy(dtype=float) for part in (before, after)]
            found.append((against, change_statistics(errors[0], errors[1]), before["subject"]))
    again = hips[hips["sample"].map(lambda key: repeats.get(key, "") in hips.index)]
    if len(again):
        original = hips.loc[[repeats[key] for key in again["sample"]]]
        widths = [part["mjsw_predicted_mm"].to_numpy(dtype=float) for part in (original, again)]
        found.append(("repeat", repeatability_statistics(widths[0], widths[1]), again["subject"]))
    return found


def _visits(hips: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every hip at a visit, and the same hip at the next."""
    ordered = hips.sort_values(["subject", "side", "visit"])
    whose = ordered["subject"] + "/" + ordered["side"]
    same = (whose == whose.shift(-1)).to_numpy()
    return ordered[same], ordered[pd.Series(same).shift(1, fill_value=False).to_numpy()]


def headline(table: pd.DataFrame) -> dict[str, float]:
    """The statistics of all hips as summary.json names them: `mjsw/...`, and `mjsw/truth/...` against the truth."""
    prefixes = {"points": "mjsw/", "truth": "mjsw/truth/", "repeat": "mjsw/"}
    known = table[(table["cohort"] == "all") & table["value"].notna()]
    names = [prefixes[against] + name for against, name in zip(known["against"], known["statistic"], strict=True)]
    return dict(zip(names, known["value"].astype(float).tolist(), strict=True))
