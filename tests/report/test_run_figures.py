"""What is drawn of a run, and which hips."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from skimage.io import imread

from hipseg.evaluation.overlap import choose_cases
from hipseg.measure.border import border_width
from hipseg.report.agreement import agreement_table
from hipseg.report.agreement_figures import draw_agreement
from hipseg.report.curves import draw_curves
from hipseg.report.hip_figures import HipPicture, draw_hips

FILLS = {1: (78, 157, 230), 2: (242, 163, 58), 3: (232, 80, 91)}  # head blue, roof orange, joint space red


def _hips(dice: list[float]) -> pd.DataFrame:
    samples = [f"CHECK/{i}/T00/right" for i in range(len(dice))]
    return pd.DataFrame({"sample": samples, "dice_femoral_head": dice, "dice_joint_space": dice})


@pytest.mark.parametrize(
    ("count", "chosen"), [(1, [3]), (2, [3, 1]), (3, [3, 0, 1]), (5, [3, 2, 0, 4, 1]), (9, [3, 2, 0, 4, 1])]
)
def test_hips_from_the_worst_to_the_best(count: int, chosen: list[int]) -> None:
    hips = _hips([0.5, 0.9, 0.3, 0.1, 0.8])
    assert choose_cases(hips, count) == [f"CHECK/{i}/T00/right" for i in chosen]


def _picture(predicted: np.ndarray) -> HipPicture:
    label = np.zeros((60, 60), dtype=np.uint8)
    label[10:20], label[20:30], label[30:50] = 2, 3, 1
    image = np.full(label.shape, 0.5, dtype=np.float32)
    lines = border_width(label, 0.9), border_width(predicted, 0.9)
    return HipPicture(image, label, predicted, lines[0], lines[0], np.zeros(2), lines[1], 0.9)


def _area(pixels: np.ndarray, colour: np.ndarray) -> int:
    return int((np.abs(pixels[..., :3].astype(int) - colour) < 6).all(-1).sum())


def test_prediction_is_drawn_beside_the_label(tmp_path: Path) -> None:
    draw_hips({"empty": _picture(np.zeros((60, 60), dtype=np.uint8))}, tmp_path / "hips.png")
    pixels = imread(tmp_path / "hips.png")
    panels = np.array_split(pixels, 4, axis=1)
    for fill in FILLS.values():
        shown = 0.55 * np.array(fill) + 0.45 * 128
        assert _area(panels[1], shown) > 1000  # the label's panel shows all three
        assert _area(panels[2], shown) == 0  # an empty prediction shows none


def test_a_row_a_hip(tmp_path: Path) -> None:
    picture = _picture(np.zeros((60, 60), dtype=np.uint8))
    for count in (1, 3):
        draw_hips({str(i): picture for i in range(count)}, tmp_path / f"{count}.png")
    one, three = (imread(tmp_path / f"{count}.png").shape for count in (1, 3))
    assert three[0] == pytest.approx(3 * one[0], abs=2)
    assert three[1] == one[1]


def test_no_curves_without_epochs(tmp_path: Path) -> None:
    metrics, figure = tmp_path / "metrics.csv", tmp_path / "curves.png"
    assert not draw_curves(metrics, figure)
    metrics.write_text("epoch,test/loss\n0,0.5\n")
    assert not draw_curves(metrics, figure)
    assert not figure.exists()


def test_curves_of_epochs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = Figure(figsize=(10, 4), dpi=110)
    monkeypatch.setattr("hipseg.report.curves.Figure", lambda **_: drawn)
    metrics, figure = tmp_path / "metrics.csv", tmp_path / "curves.png"
    metrics.write_text("epoch,train/loss,val/loss,val/dice/mean\n0,,0.9,0.1\n0,0.8,,\n1,,0.7,0.4\n1,0.6,,\n")
    assert draw_curves(metrics, figure)
    assert imread(figure).shape == (440, 1100, 4)
    lines = [line for axes in drawn.axes for line in axes.lines]
    assert len(lines) == 3 and all(np.array_equal(line.get_xdata(), [1, 2]) for line in lines)  # counted from 1


@pytest.mark.parametrize("measured", [0, 1, 3])
def test_agreement_of_few_or_no_hips(measured: int, tmp_path: Path) -> None:
    hips = _hips([0.5, 0.6, 0.7]).assign(
        mjsw_reference_mm=[3.0, 4.0, 5.0], mjsw_predicted_mm=[3.5, 3.0, 5.0], error_mm=[0.5, -1.0, 0.0]
    )
    hips = hips.assign(status=["ok"] * measured + ["no_roof"] * (3 - measured))
    draw_agreement(hips, agreement_table(hips, {}), tmp_path / "mjsw.png")
    dot = 0.7 * np.array([31, 119, 180]) + 0.3 * 255  # Matplotlib's first colour, translucent
    assert (_area(imread(tmp_path / "mjsw.png"), dot) > 0) == (measured > 0)


def test_known_truth_gets_a_row_of_its_own(tmp_path: Path) -> None:
    hips = _hips([0.5, 0.6, 0.7]).assign(
        mjsw_reference_mm=[3.0, 4.0, 5.0], mjsw_truth_mm=[3.1, 4.1, np.nan], mjsw_predicted_mm=[3.5, 3.0, 5.0],
        error_mm=[0.5, -1.0, 0.0], status="ok",
    )  # fmt: skip
    heights = []
    for shown in (hips.drop(columns="mjsw_truth_mm"), hips):
        draw_agreement(shown, agreement_table(shown, {}), tmp_path / "mjsw.png")
        heights.append(imread(tmp_path / "mjsw.png").shape[0])
    assert heights[1] == pytest.approx(2 * heights[0], abs=2)
