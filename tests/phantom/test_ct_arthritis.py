"""Bones and scans of CT phantoms with osteoarthritis against what their description says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from drawn_pelvis import ct_preset
from scipy.spatial import cKDTree

from hipseg.anatomy.shapes import real_shapes
from hipseg.commands import main
from hipseg.labels.landmarks import SIDES, Side
from hipseg.phantom.arthritis import Arthritis, Cyst
from hipseg.phantom.ct.arthritis import DiseasedBones
from hipseg.phantom.ct.bones import Bones, draw_bones
from hipseg.phantom.ct.cohort import _axes
from hipseg.phantom.ct.cortex import Quality
from hipseg.phantom.ct.lumbar import add_lumbar

PRESET = ct_preset("pelvis")
WORN = Arthritis(
    3.5, narrowing=0.7, towards_deg=12.0, femoral_mm=5.0, femoral_medial_mm=3.0, acetabular_mm=4.0, sclerosis=1.9,
    flattening_mm=1.2, cysts=(Cyst(True, 5.0, 0.0, 8.0, 3.0), Cyst(False, 15.0, 4.0, 6.0, 3.0)),
)  # fmt: skip


def drawn(hips: dict[Side, Arthritis], widths: dict[Side, float], seed: int = 3) -> tuple[Bones, Bones, DiseasedBones]:
    diseased = DiseasedBones(hips, widths)
    bones = draw_bones(np.random.default_rng(seed), PRESET.bodies, real_shapes(), None, diseased.narrowed)
    return bones, diseased.reshape(bones), diseased


def test_sound_hips_keep_their_shape_and_osteophytes_are_as_high_as_they_should_be() -> None:
    sound, shaped, _ = drawn({"right": WORN, "left": Arthritis()}, {"right": 1.0, "left": 3.8})
    assert np.array_equal(sound.femurs["left"].surface.vertices, shaped.femurs["left"].surface.vertices)
    before, after = (bones.femurs["right"].surface.vertices for bones in (sound, shaped))
    moved = np.linalg.norm(after - before, axis=1)
    assert moved.max() == pytest.approx(5.0, abs=0.7)
    head = sound.femurs["right"].head_mm
    assert (moved[np.linalg.norm(before - head, axis=1) > 60] < 0.05).all()
    roof = np.linalg.norm(shaped.pelvis.vertices - sound.pelvis.vertices, axis=1)
    assert roof.max() == pytest.approx(4.0, abs=0.7)
    assert (shaped.pelvis.vertices[roof > 1, 0] < 0).all()  # the right side's


def test_a_head_is_flat_where_its_joint_is_narrowest() -> None:
    only_flat = replace(WORN, femoral_mm=0.0, femoral_medial_mm=0.0)
    sound, shaped, _ = drawn({"right": only_flat, "left": Arthritis()}, {"right": 1.0, "left": 3.8})
    femur = sound.femurs["right"]
    before, after = (
        np.linalg.norm(b.femurs["right"].surface.vertices - femur.head_mm, axis=1) for b in (sound, shaped)
    )
    lost = before - after
    lowest = sound.femurs["right"].surface.vertices[lost.argmax()] - femur.head_mm
    assert lost.max() == pytest.approx(1.2, abs=0.05)
    angle = np.degrees(np.arctan2(-lowest[0], lowest[2]))
    assert angle == pytest.approx(12.0, abs=8.0)
    assert lost.min() > -1e-9


@pytest.mark.parametrize("seed", range(4))
def test_the_true_width_is_the_gap_between_the_surfaces_and_near_what_was_asked_for(seed: int) -> None:
    widths: dict[Side, float] = {"right": 1.0, "left": 3.6}
    _, shaped, diseased = drawn({"right": WORN, "left": Arthritis()}, widths, seed)
    for side in SIDES:
        about, places = diseased.truth(shaped, side)
        femur = shaped.femurs[side]
        head = femur.surface.refined()[0].vertices
        away = head - femur.head_mm
        level = away[np.linalg.norm(away, axis=1) < 1.2 * femur.head_radius_mm]
        gaps = cKDTree(shaped.pelvis.refined()[0].vertices).query(level + femur.head_mm)[0]
        above = level[:, 2] > 0.6 * np.linalg.norm(level, axis=1)
        assert about["mjsw_true_mm"] == pytest.approx(float(gaps[above].min()), abs=0.5)
        assert about["mjsw_true_mm"] == pytest.approx(widths[side], abs=1.1)
        assert about["grade_true"] == (WORN if side == "right" else Arthritis()).grade(about["mjsw_true_mm"])
        reach = np.linalg.norm(places["femoral"] - femur.head_mm)
        assert reach == pytest.approx(femur.head_radius_mm, abs=0.1)


def test_the_same_numbers_draw_the_same_course_and_both_hips_are_alike() -> None:
    assert PRESET.disease is not None
    pairs = [DiseasedBones.draw(1, subject, PRESET.disease, PRESET.bodies) for subject in range(200)]
    again = DiseasedBones.draw(1, 7, PRESET.disease, PRESET.bodies)
    assert again == pairs[7]
    severities = np.array([[pair.hips[side].severity for side in SIDES] for pair in pairs])
    assert 0.3 < (severities == 0).mean() < 0.5
    assert np.corrcoef(severities.T)[0, 1] > 0.2


def test_cysts_are_holes_with_dense_rims() -> None:
    _, shaped, diseased = drawn({"right": WORN, "left": Arthritis()}, {"right": 1.0, "left": 3.8})
    head, radius = shaped.femurs["right"].head_mm, shaped.femurs["right"].head_radius_mm
    axes = tuple(np.arange(at - 45, at + 45, 0.8) for at in head)
    hu = np.full(tuple(map(len, axes)), 300.0, dtype=np.float32)
    diseased.add_cysts(hu, axes, shaped)  # type: ignore[arg-type]
    angle = np.radians(5.0)
    for along, value in ((radius - 8.0, 22.0), (radius - 8.0 + 3.6, 560.0), (radius - 20.0, 300.0)):
        point = head + along * np.array([-np.sin(angle), 0.0, np.cos(angle)])
        index = tuple(round(float((p - axis[0]) / 0.8)) for p, axis in zip(point, axes, strict=True))
        assert hu[index] == pytest.approx(value, abs=130.0 if value == 560.0 else 1.0)
    assert (hu == 300.0).mean() > 0.99


def test_vertebrae_stand_on_the_sacrum() -> None:
    bones = draw_bones(np.random.default_rng(0), PRESET.bodies, real_shapes())
    axes = _axes(np.random.default_rng(0), PRESET, np.random.default_rng(5))
    x, y, z = (axis[::4] for axis in axes)
    hu = np.zeros((len(x), len(y), len(z)), dtype=np.float32)
    add_lumbar(hu, (x, y, z), bones.pelvis, Quality(1.0, 1.0, 1500.0))
    filled = np.argwhere(hu > 60)
    places = np.stack([axis[at] for axis, at in zip((x, y, z), filled.T, strict=True)], axis=1)
    top = bones.pelvis.vertices[:, 2].max()
    assert 20 < places[:, 2].max() and places[:, 2].min() > top - 90
    assert np.abs(places[:, 0] - bones.pelvis.vertices[:, 0].mean()).max() < 40


def test_spacings_differ_and_some_scans_begin_below_the_iliac_spines() -> None:
    found = [_axes(np.random.default_rng(n), PRESET, np.random.default_rng([n, 9])) for n in range(150)]
    steps = np.array([[axis[1] - axis[0] for axis in axes] for axes in found])
    assert steps[:, 0].std() > 0.02 and 0.4 < steps[:, 2].min() < 0.6 and steps[:, 2].max() < 1.2
    tops = np.array([axes[2][-1] for axes in found])
    assert 0.01 < (tops < 62).mean() < 0.1 and (tops[tops > 62] > 150).all()


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("ct") / "cohort"
    size = ["ct_preset.scanners.columns=180", "ct_preset.scanners.spacing_mm=[2.2,3.0]"]
    main(["phantom", "kind=ct", "ct_preset=pelvis", *size, f"out={out}", "subjects=2", "plants=false", "workers=2"])
    return out


def test_grades_lie_beside_the_cohort_and_the_truth_names_places(cohort: Path) -> None:
    truth = pd.read_csv(cohort.parent / "cohort.truth.csv")
    grades = pd.read_csv(cohort.parent / "cohort.grades.csv")
    assert list(grades) == ["subject", "side", "grade"] and len(grades) == len(truth) == 4
    assert (grades["grade"] - truth["grade_true"]).abs().max() <= 1
    for name in ("asis", "tubercle", "narrowest", "femoral", "acetabular"):
        assert truth[[f"{name}_{axis}_mm" for axis in "xyz"]].notna().all(axis=None)
    wide = truth.pivot(index="subject", columns="side", values="asis_x_mm")
    assert (wide["left"] - wide["right"]).between(190, 290).all()
    assert (truth["asis_z_mm"] > truth["head_z_mm"] + 30).all()
