"""The study's tables from a table of cases small enough to work out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from skimage.io import imread

from hipseg.report.femur_figures import draw_volumes, measured, table_1, table_2

NAN = float("nan")


def cases() -> pd.DataFrame:
    """Two subjects, four femurs, one of which was not found."""
    table = pd.DataFrame(
        {
            "sample": ["scans/a/left", "scans/a/right", "scans/b/left", "scans/b/right"],
            "neck_cortex_cm3": [1.0, 2.2, 1.5, NAN],
            "neck_cortex_true_cm3": [1.1, 2.0, 1.5, NAN],
            "head_cm3": [40.0, 44.0, 50.0, NAN],
            "head_true_cm3": [41.0, 42.0, 50.0, NAN],
            "cortex_cm3": [30.0, 31.0, 32.0, NAN],
            "cortex_true_cm3": [30.0, 30.0, 40.0, NAN],
        }
    )
    for name in ("neck_cortex", "head", "cortex"):
        known = table[f"{name}_true_cm3"]
        table[f"{name}_error_percent"] = 100 * (table[f"{name}_cm3"] - known).abs() / known
    for surface in ("periosteal", "endosteal"):
        table[f"dice_{surface}"] = [0.9, 1.0, 0.9, 1.0]
        table[f"asd_mm_{surface}"] = [0.1, 0.3, 0.5, 0.7]
        table[f"specificity_{surface}"] = [1.0, 1.0, 1.0, 0.6]
        table[f"sensitivity_{surface}"] = [0.8, 0.8, 0.8, 0.8]
    return table


def test_means_of_both_surfaces_stand_above_the_study_s() -> None:
    table = table_1(cases())
    assert list(zip(table["surface"], table["of"], strict=True)) == [
        ("periosteal", "this run"), ("periosteal", "study"), ("endosteal", "this run"), ("endosteal", "study"),
    ]  # fmt: skip
    ours, study = table.iloc[0], table.iloc[3]
    assert ours[["dice", "asd_mm", "specificity", "sensitivity"]].tolist() == pytest.approx([0.95, 0.4, 0.9, 0.8])
    assert (ours["femurs"], ours["subjects"]) == (4, 2)
    assert study[["dice", "asd_mm", "specificity", "sensitivity"]].tolist() == [0.9649, 0.3117, 0.9984, 0.9838]
    assert np.isnan(study["dice_low"])


def test_both_femurs_of_a_subject_are_drawn_together() -> None:
    """Every subject's mean Dice is 0.95, so is that of every resample; of femurs drawn alone it would not be."""
    ours = table_1(cases()).iloc[0]
    assert (ours["dice_low"], ours["dice_high"]) == (pytest.approx(0.95), pytest.approx(0.95))
    # Distances are 0.2 of one subject and 0.6 of the other; some resamples hold only one of them.
    assert (ours["asd_mm_low"], ours["asd_mm_high"]) == (pytest.approx(0.2), pytest.approx(0.6))


def test_subjects_of_one_name_in_two_cohorts_are_two() -> None:
    table = cases()
    table["sample"] = ["x/a/left", "x/a/right", "y/a/left", "y/a/right"]
    assert table_1(table)["subjects"].iloc[0] == 2


def test_volumes_by_hand() -> None:
    table = table_2(cases())
    assert list(zip(table["region"], table["of"], strict=True)) == [
        ("head", "this run"), ("head", "study"), ("neck_cortex", "this run"), ("neck_cortex", "study"),
        ("cortex", "this run"),
    ]  # fmt: skip
    head = table.iloc[0]
    assert (head["femurs"], head["subjects"], head["left_out"]) == (3, 2, 1)
    assert head["true_cm3"] == pytest.approx((41 + 42 + 50) / 3)
    assert head["true_sd_cm3"] == pytest.approx(np.sqrt(sum((x - 133 / 3) ** 2 for x in (41, 42, 50)) / 2))
    assert head["mae_cm3"] == pytest.approx((1 + 2 + 0) / 3)
    assert head["rmse_cm3"] == pytest.approx(np.sqrt((1 + 4 + 0) / 3))
    percent = [100 / 41, 200 / 42, 0.0]
    assert head["error_percent"] == pytest.approx(sum(percent) / 3)
    assert (head["error_percent_min"], head["error_percent_max"]) == (0.0, pytest.approx(percent[1]))
    # Resamples hold subject a alone, b alone, or both.
    assert (head["mae_cm3_low"], head["mae_cm3_high"]) == (pytest.approx(0.0), pytest.approx(1.5))
    assert (head["rmse_cm3_low"], head["rmse_cm3_high"]) == (pytest.approx(0.0), pytest.approx(np.sqrt(2.5)))


def test_the_study_s_numbers_stand_in_their_columns() -> None:
    study = table_2(cases()).iloc[3]
    columns = ["true_cm3", "true_sd_cm3", "mae_cm3", "rmse_cm3", "error_percent"]
    assert study[columns].tolist() == [1.62, 0.97, 0.0771, 0.0880, 4.65]
    assert study[["error_percent_min", "error_percent_max"]].tolist() == [1.07, 9.45]


def test_a_region_that_no_femur_has_is_counted_and_named() -> None:
    table = cases()
    table["head_cm3"] = NAN
    head = table_2(table).iloc[0]
    assert (head["femurs"], head["left_out"]) == (0, 4) and np.isnan(head["mae_cm3"])
    assert measured(table, "head").empty


def test_a_panel_a_region_even_without_a_femur(tmp_path: Path) -> None:
    table = cases()
    table["head_cm3"] = NAN
    draw_volumes(table, tmp_path / "volumes.png")
    assert np.ptp(imread(tmp_path / "volumes.png")[..., :3]) > 100
