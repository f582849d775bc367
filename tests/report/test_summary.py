"""Headline numbers from a hand-made table of hips."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hipseg.callbacks.evaluation import Evaluation, _Row
from hipseg.evaluation.joint_space import JointSpaceWidth
from hipseg.evaluation.overlap import Overlap, choose_cases, name_drawn
from hipseg.labels.label_map import LABEL_NAMES
from hipseg.measure.quality import Plausible

NAN = float("nan")


@pytest.fixture
def hips() -> pd.DataFrame:
    """Three measured hips and a failed one, whose prediction is missing."""
    return pd.DataFrame(
        {
            "sample": ["CHECK/1/T00/right", "CHECK/1/T00/left", "OAI/2/V00/right", "OAI/3/V00/left"],
            "dice_femoral_head": [1.0, 0.9, 0.8, 0.1],
            "dice_acetabular_roof": [0.8, 0.6, 0.4, 0.2],
            "dice_joint_space": [0.5, 0.5, 0.5, 0.0],
            "mjsw_reference_mm": [4.0, 3.0, 2.0, 1.0],
            "mjsw_label_mm": [3.9, 2.8, 2.5, 0.9],
            "mjsw_predicted_mm": [4.5, 2.0, 2.5, NAN],
            "error_mm": [0.5, -1.0, 0.5, NAN],
            "error_to_label_mm": [0.6, -0.8, 0.0, NAN],
            "status": ["ok", "ok", "ok", "no_roof"],
        }
    )


def _evaluation(folder: Path) -> Evaluation:
    anything = Plausible((1, 100), 100, (-90, 90), (-90, 90), 100, 100, 360)
    overlap, joint = Overlap(1.0, 0), JointSpaceWidth("border", anything, 0, None)
    overlap._names = LABEL_NAMES
    return Evaluation({"overlap": overlap, "joint_space": joint}, folder)


def _write(hips: pd.DataFrame, folder: Path) -> list[Path]:
    """What the callback writes of a table."""
    profiles = {"angle_deg": [0.0], "reference_mm": [1.0], "label_mm": [1.0], "predicted_mm": [1.0]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hipseg.evaluation.joint_space._profile", lambda key, hip: pd.DataFrame(profiles))
        rows = {key: _Row({}, {"overlap": None, "joint_space": key}) for key in hips["sample"]}
        return _evaluation(folder)._write("hips", hips, rows)


def test_headline_numbers(hips: pd.DataFrame) -> None:
    # Dice counts every hip, the failed one too; millimetres only those measured.
    assert _evaluation(Path())._summarise("hips", hips) == pytest.approx(
        {
            "test/hips": 4,
            "test/dice/mean": (0.7 + 0.5 + 0.375) / 3,
            "test/dice/femoral_head": 0.7,
            "test/dice/acetabular_roof": 0.5,
            "test/dice/joint_space": 0.375,
            "mjsw/mae_mm": 2 / 3,
            "mjsw/bias_mm": 0.0,
            "mjsw/sd_mm": np.sqrt((0.25 + 1.0 + 0.25) / 2),
            "mjsw/mean_abs_to_label_mm": 1.4 / 3,
            "mjsw/sd_abs_to_label_mm": np.std([0.6, 0.8, 0.0], ddof=1),
            "mjsw/measured": 3,
            "mjsw/failed": 1,
        }
    )


def test_cohorts_and_all(hips: pd.DataFrame, tmp_path: Path) -> None:
    _write(hips, tmp_path)
    table = pd.read_csv(tmp_path / "cohorts.csv", index_col="cohort")
    assert list(table.index) == ["CHECK", "OAI", "all"]
    assert table["test/hips"].tolist() == [2, 2, 4]
    assert table["mjsw/bias_mm"].tolist() == pytest.approx([-0.25, 0.5, 0.0], abs=1e-9)
    assert table["mjsw/failed"].tolist() == [0, 1, 1]
    assert np.isnan(table.loc["OAI", "mjsw/sd_mm"])  # one hip has no spread


def test_all_failed_leaves_counts_in_strict_json(hips: pd.DataFrame, tmp_path: Path) -> None:
    _write(hips.iloc[3:], tmp_path)
    text = (tmp_path / "summary.json").read_text()
    summary = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert summary == pytest.approx(
        {
            "test/hips": 1,
            "test/dice/mean": 0.1,
            "test/dice/femoral_head": 0.1,
            "test/dice/acetabular_roof": 0.2,
            "test/dice/joint_space": 0.0,
            "mjsw/measured": 0,
            "mjsw/failed": 1,
        }
    )


def test_figures_name_no_subject(hips: pd.DataFrame, tmp_path: Path) -> None:
    chosen = choose_cases(hips, 3)
    assert name_drawn(chosen, "hips", tmp_path) == ["hip 1", "hip 2", "hip 3"]
    names = pd.read_csv(tmp_path / "hips.csv")
    assert names["hip"].tolist() == ["hip 1", "hip 2", "hip 3"]
    assert names["sample"].tolist() == chosen
    assert set(chosen) < set(hips["sample"])


def test_no_pictures_if_none_are_wanted(hips: pd.DataFrame, tmp_path: Path) -> None:
    figures = _write(hips, tmp_path)
    assert json.loads((tmp_path / "summary.json").read_text())["test/hips"] == 4
    assert [path.name for path in figures] == ["mjsw.png"]
