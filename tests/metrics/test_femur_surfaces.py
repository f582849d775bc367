"""Volumes and distances of two concentric balls, which geometry knows."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from hipseg.errors import HipsegError
from hipseg.evaluation.evaluator import Case
from hipseg.evaluation.femur import FemurSurfaces, average_surface_distance, overlap
from hipseg.labels.femur import VOLUMES
from hipseg.measure.femur_regions import REGION_VOLUMES

SPACING = (0.8, 0.8, 0.8)


def ball(radius_mm: float, size: int = 84, spacing: tuple[float, ...] = SPACING) -> NDArray[np.bool_]:
    axes = [(np.arange(size) - (size - 1) / 2 + 0.21) * step for step in spacing]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    return np.asarray(z**2 + y**2 + x**2 < radius_mm**2)


def femur(outer_mm: float, inner_mm: float) -> NDArray[np.uint8]:
    return (ball(outer_mm).astype(np.uint8) + ball(inner_mm)).astype(np.uint8)


def case(predicted: NDArray[np.uint8], truth: NDArray[np.uint8]) -> Case:
    probabilities = np.zeros((3, 1, 1, 1), dtype=np.float32)
    return Case("scans/a/left", 0, probabilities, predicted, truth, np.zeros(3, dtype=np.int64), SPACING)


@pytest.mark.parametrize("difference_mm", [0.8, 1.5, 3.1])
def test_balls_lie_their_difference_apart(difference_mm: float) -> None:
    found, truth = ball(28.0), ball(28.0 - difference_mm)
    measured = FemurSurfaces(1.0).compare(case(found.astype(np.uint8) * 2, truth.astype(np.uint8) * 2)).columns
    assert measured["assd_mm_periosteal"] == pytest.approx(difference_mm, abs=0.02)
    # By voxels, it is known to a fraction of one.
    assert average_surface_distance(found, truth, SPACING) == pytest.approx(difference_mm, abs=0.15)


def test_voxels_of_other_lengths_count_by_millimetres() -> None:
    found, truth = np.zeros((9, 9, 9), dtype=bool), np.zeros((9, 9, 9), dtype=bool)
    found[4, 4, 4], truth[6, 4, 4] = True, True
    assert average_surface_distance(found, truth, (0.5, 2.0, 3.0)) == 1.0
    truth[:], truth[4, 4, 5] = False, True
    assert average_surface_distance(found, truth, (0.5, 2.0, 3.0)) == 3.0


def test_distances_count_every_surface_voxel_of_both_masks_alike() -> None:
    found, truth = np.zeros((1, 1, 12), dtype=bool), np.zeros((1, 1, 12), dtype=bool)
    found[0, 0, 2:6], truth[0, 0, 4:10] = True, True
    # In a single row every voxel is surface: 2 1 0 0 from one, 0 0 1 2 3 4 from the other.
    padded = [np.pad(mask, ((1, 1), (1, 1), (0, 0))) for mask in (found, truth)]
    assert average_surface_distance(padded[0], padded[1], (1.0, 1.0, 1.0)) == pytest.approx(
        (2 + 1 + 1 + 2 + 3 + 4) / 10
    )


def test_nothing_against_nothing_is_perfect_and_against_something_the_worst() -> None:
    empty, full = np.zeros((6, 8, 10), dtype=bool), np.ones((6, 8, 10), dtype=bool)
    assert average_surface_distance(empty, empty, SPACING) == 0
    assert average_surface_distance(empty, full, SPACING) == pytest.approx(0.8 * np.sqrt(36 + 64 + 100))
    assert overlap(empty, empty) == {"dice": 1.0, "sensitivity": 1.0, "specificity": 1.0}
    assert overlap(full, full) == {"dice": 1.0, "sensitivity": 1.0, "specificity": 1.0}


def test_overlap_by_hand() -> None:
    found, truth = np.zeros(10, dtype=bool), np.zeros(10, dtype=bool)
    found[:4], truth[1:7] = True, True
    measured = overlap(found, truth)
    assert measured == pytest.approx({"dice": 2 * 3 / 10, "sensitivity": 3 / 6, "specificity": 3 / 4})


def test_volumes_of_a_cortex_between_two_balls() -> None:
    columns = FemurSurfaces(1.0).compare(case(femur(26.0, 22.0), femur(27.0, 22.5))).columns
    volume = {radius: 4 / 3 * np.pi * radius**3 / 1000 for radius in (22.0, 22.5, 26.0, 27.0)}
    assert columns["periosteal_cm3"] == pytest.approx(volume[26.0], rel=0.005)
    assert columns["endosteal_true_cm3"] == pytest.approx(volume[22.5], rel=0.005)
    assert columns["cortex_cm3"] == pytest.approx(volume[26.0] - volume[22.0], rel=0.01)
    expected = 100 * (1 - (volume[26.0] - volume[22.0]) / (volume[27.0] - volume[22.5]))
    assert columns["cortex_error_percent"] == pytest.approx(expected, abs=1.0)
    assert columns["dice_periosteal"] == pytest.approx(2 * volume[26.0] / (volume[26.0] + volume[27.0]), abs=0.003)
    assert columns["sensitivity_endosteal"] == pytest.approx(volume[22.0] / volume[22.5], abs=0.005)
    assert columns["specificity_endosteal"] == 1.0 and columns["surface_dice_endosteal"] == 1.0


def evaluator(labels: tuple[str, ...] = ("background", "cortex", "enclosed"), shown: Any = None) -> FemurSurfaces:
    made = FemurSurfaces(1.0)
    seen = SimpleNamespace(seen_of=lambda key: ((10, 10, 10), SPACING), shown=shown)
    made.begin(SimpleNamespace(store=SimpleNamespace(label_names=labels), test_dataset=seen))
    return made


def test_a_summary_has_the_study_s_errors_of_volumes() -> None:
    made = evaluator()
    rows = [
        made.compare(case(femur(outer, 20.0), femur(25.0, 20.0))).columns | {"sample": str(outer)}
        for outer in (24.0, 26.0)
    ]
    table = pd.DataFrame(rows)
    summary = made.summarise(table)
    errors = table["periosteal_cm3"] - table["periosteal_true_cm3"]
    assert errors[0] < 0 < errors[1]
    assert summary["test/volume_mae_cm3/periosteal"] == pytest.approx((errors[1] - errors[0]) / 2)
    assert summary["test/volume_rmse_cm3/periosteal"] == pytest.approx(np.sqrt((errors[0] ** 2 + errors[1] ** 2) / 2))
    assert summary["test/volume_error_percent/endosteal"] == 0
    assert set(made.headlines) <= set(summary)


def test_a_case_that_was_not_found_is_the_worst_and_has_every_column() -> None:
    made = evaluator()
    missing: dict[str, Any] = made.missing("scans/a/left")
    compared = made.compare(case(femur(24.0, 20.0), femur(24.0, 20.0))).columns
    assert set(missing) == set(compared)
    assert missing["dice_periosteal"] == 0 and missing["asd_mm_endosteal"] == pytest.approx(0.8 * np.sqrt(300))
    assert np.isnan(missing["cortex_cm3"])


def test_the_end_writes_tables_and_draws_the_worst_the_median_and_the_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hipseg.report.femur_pictures.draw_views", lambda painted, path: path.touch())
    truth = femur(25.0, 20.0)
    made = evaluator(shown=lambda key: (truth * 1.0, truth))
    (tmp_path / "figures").mkdir()
    judged = {f"scans/{outer:g}/left": made.compare(case(femur(outer, 20.0), truth)) for outer in (22, 24, 26, 25)}
    rows = [{"sample": key, **each.columns} for key, each in judged.items()]
    rows.append({"sample": "scans/0/left", **made.missing("scans/0/left")})
    found = made.finish(pd.DataFrame(rows), {key: each.kept for key, each in judged.items()}, tmp_path)
    drawn = pd.read_csv(tmp_path / "figures" / "femurs.csv")
    assert list(drawn["femur"]) == ["worst", "median", "best"]
    assert list(drawn["sample"]) == ["scans/22/left", "scans/26/left", "scans/25/left"]
    names = ["volumes", *(f"femur_{name}{end}" for name in drawn["femur"] for end in ("_planes", ""))]
    assert [path.stem for path in found.figures] == names and all(path.is_file() for path in found.figures)
    assert not any("scans" in path.name for path in found.figures)
    assert "scans/" not in (tmp_path / "femur.html").read_text()
    first, second = (pd.read_csv(tmp_path / f"table_{number}.csv") for number in (1, 2))
    assert first["femurs"].dropna().tolist() == [5, 5]
    ours = second[second["of"] == "this run"].set_index("region")["left_out"]
    # Balls have no neck and no shaft.
    assert ours.to_dict() == dict.fromkeys(REGION_VOLUMES, 5) | dict.fromkeys(VOLUMES, 1)


def test_a_store_of_other_labels_is_refused() -> None:
    with pytest.raises(HipsegError, match="the store's labels are background, bone; a femur's are background, cortex"):
        evaluator(("background", "bone"))
