"""Agreement by cohort, against points and truth, over visits and repeated exposures, from a hand-made table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hipseg.report.agreement import agreement_table, headline


@pytest.fixture
def hips() -> pd.DataFrame:
    """Two subjects of one cohort with two visits and a repeat of the first, one of another, and a failed hip."""
    rows = [
        ("A/1/T00/right", 3.0, 3.1, 3.2, "ok"),
        ("A/1/T01/right", 3.0, 3.1, 3.4, "ok"),  # T00 again
        ("A/1/T02/right", 2.0, 2.2, 2.1, "ok"),
        ("A/2/T00/left", 4.0, 3.9, 3.7, "ok"),
        ("A/2/T01/left", 4.0, 3.9, 3.8, "ok"),  # T00 again
        ("A/2/T02/left", 3.5, 3.3, 3.9, "ok"),
        ("B/1/V00/left", 1.0, 1.2, 1.5, "ok"),
        ("B/2/V00/left", 1.0, 1.2, np.nan, "no_roof"),
    ]
    names = ["sample", "mjsw_reference_mm", "mjsw_truth_mm", "mjsw_predicted_mm", "status"]
    return pd.DataFrame(rows, columns=names)


REPEATS = {"A/1/T01/right": "A/1/T00/right", "A/2/T01/left": "A/2/T00/left", "B/1/V00/left": ""}


def value(table: pd.DataFrame, cohort: str, against: str, statistic: str) -> float:
    chosen = table[(table["cohort"] == cohort) & (table["against"] == against) & (table["statistic"] == statistic)]
    assert len(chosen) == 1
    return float(chosen["value"].iloc[0])


def test_bias_by_cohort_and_against_both(hips: pd.DataFrame) -> None:
    table = agreement_table(hips, {})
    assert value(table, "A", "points", "bias_mm") == pytest.approx(np.mean([0.2, 0.4, 0.1, -0.3, -0.2, 0.4]))
    assert value(table, "A", "truth", "bias_mm") == pytest.approx(np.mean([0.1, 0.3, -0.1, -0.2, -0.1, 0.6]))
    assert value(table, "B", "points", "mae_mm") == pytest.approx(0.5)
    everyone = table[(table["cohort"] == "all") & (table["statistic"] == "bias_mm")]
    assert everyone["hips"].tolist() == [7, 7]
    assert everyone["subjects"].tolist() == [3, 3]
    assert "repeat" not in set(table["against"])


def test_repeats_and_changes(hips: pd.DataFrame) -> None:
    table = agreement_table(hips, REPEATS)
    within = np.sqrt((0.2**2 + 0.1**2) / 4)
    assert value(table, "all", "repeat", "within_sd_mm") == pytest.approx(within)
    # From the first visit to T02, the repeats left out: errors 0.2 to 0.1, and -0.3 to 0.4.
    assert value(table, "A", "points", "change_bias_mm") == pytest.approx((-0.1 + 0.7) / 2)
    sd = np.std([-0.1, 0.7], ddof=1)
    assert value(table, "A", "points", "smallest_detectable_change_mm") == pytest.approx(1.96 * sd)
    assert "change_bias_mm" not in set(table.loc[table["cohort"] == "B", "statistic"])


def test_headline_names(hips: pd.DataFrame) -> None:
    found = headline(agreement_table(hips, REPEATS))
    assert {"mjsw/icc", "mjsw/truth/icc", "mjsw/repeatability_mm", "mjsw/truth/smallest_detectable_change_mm"} <= set(
        found
    )
    assert all(np.isfinite(number) for number in found.values())


def test_nothing_measured_is_an_empty_table(hips: pd.DataFrame) -> None:
    table = agreement_table(hips.assign(status="no_roof"), REPEATS)
    assert table.empty
    assert headline(table) == {}
