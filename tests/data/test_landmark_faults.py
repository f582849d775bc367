"""Landmarks that are no hip's, or not this hip's: each fault that real points files hold ends with its reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf
from small_films import CHECK, FILM_MM, film_pixels, film_settings, landmarks, write_film

from hipseg.config import conf_folder
from hipseg.data.cohorts import find_films
from hipseg.data.preprocess import Account, preprocess_folder
from hipseg.data.process import Hip, Processed, Task, process
from hipseg.data.settings import Settings
from hipseg.data.store import Store
from hipseg.io.dicom_writer import Header, write_radiograph
from hipseg.labels.circle import head_circle
from hipseg.labels.landmarks import SIDES, Points, Side
from hipseg.labels.points_file import write_points
from hipseg.phantom.annotator import misplace
from hipseg.phantom.preset import Preset
from hipseg.phantom.skeleton import pose_skeleton
from hipseg.phantom.subject import draw_stance, draw_subject

FAULT = "landmarks_implausible"
RIGHT, LEFT = slice(0, 80), slice(80, 160)
HEAD, ROOF, SOURCIL = slice(18, 28), slice(67, 75), slice(70, 75)
Spoil = Callable[[Points], None]


def judged(folder: Path, points: Points, settings: Settings | None = None) -> dict[Side, Hip]:
    """The hips of one film with these landmarks."""
    if not (folder / CHECK.film.format(subject="1", visit="T00")).exists():
        write_film(folder, "1")
    write_points(folder / CHECK.points.format(subject="1", visit="T00"), points)
    (film,) = find_films(folder, {"CHECK": CHECK}).films
    done = process(Task(film, settings or film_settings(), "", ""))
    assert isinstance(done, Processed), done
    return {hip.side: hip for hip in done.hips}


def spoilt(spoil: Spoil) -> Points:
    points = landmarks()
    spoil(points)
    return points


def place(index: int | slice, *at: float) -> Spoil:
    def spoil(points: Points) -> None:
        points[index] = at

    return spoil


def move(index: int | slice, *by: float) -> Spoil:
    def spoil(points: Points) -> None:
        points[index] += by

    return spoil


def scale(factor: float) -> Spoil:
    """The right hip about its head's centre."""

    def spoil(points: Points) -> None:
        centre = head_circle(points[RIGHT]).centre
        points[RIGHT] = centre + factor * (points[RIGHT] - centre)

    return spoil


def turn_over(axis: int) -> Spoil:
    """The right hip where it is, its left and right, or its above and below, exchanged."""

    def spoil(points: Points) -> None:
        centre = head_circle(points[RIGHT]).centre[axis]
        points[RIGHT, axis] = 2 * centre - points[RIGHT, axis]

    return spoil


def reverse(index: slice) -> Spoil:
    def spoil(points: Points) -> None:
        points[index] = points[index][::-1].copy()

    return spoil


def below_head(points: Points) -> None:
    """The right roof on the other side of its head."""
    points[ROOF, 1] = 2 * head_circle(points[RIGHT]).y - points[ROOF, 1]


# Fault -> a word that its detail must hold.
RIGHT_HIP: dict[str, tuple[Spoil, str]] = {
    "small head": (scale(0.6), "radius"),
    "large head": (scale(1.5), "radius"),
    "a tenth of the size": (scale(0.1), "radius"),
    "dented head": (move(slice(20, 23), 0.0, 7.0), "circle|residual|head"),
    "whole hip reversed": (reverse(RIGHT), "order|revers|side"),
    "head reversed": (reverse(HEAD), "order|revers"),
    "sourcil reversed": (reverse(SOURCIL), "order|revers"),
    "a left hip's shape": (turn_over(0), "side|order|revers|mirror"),
    "upside down": (turn_over(1), "roof|order|revers|upside"),
    "roof below the head": (below_head, "roof"),
    "roof beside the head": (move(ROOF, -70.0, 30.0), "roof"),
    "roof far above the head": (move(ROOF, 0.0, -14.0), "roof|width|joint space"),
    "roof deep in the head": (move(ROOF, 0.0, 26.0), "roof"),
}


@pytest.mark.parametrize("name", RIGHT_HIP)
def test_landmarks_that_are_no_hips_exclude_it_alone(tmp_path: Path, name: str) -> None:
    spoil, said = RIGHT_HIP[name]
    hips = judged(tmp_path, spoilt(spoil))
    assert (hips["right"].reason, hips["left"].reason) == (FAULT, "")
    assert any(word in hips["right"].detail for word in said.split("|")), hips["right"].detail
    assert hips["right"].label.max() == 0 and np.isnan(hips["right"].landmarks).all()


@pytest.mark.parametrize("index", [*range(18, 28), *range(67, 75)])
def test_one_landmark_of_the_joint_at_0_0(tmp_path: Path, index: int) -> None:
    assert judged(tmp_path, spoilt(place(index, 0.0, 0.0)))["right"].reason == FAULT


@pytest.mark.parametrize("index", [0, 7, 17, 28, 34, 37, 42, 50, 63, 75, 79])
def test_one_landmark_of_any_other_curve_at_0_0(tmp_path: Path, index: int) -> None:
    assert judged(tmp_path, spoilt(place(index, 0.0, 0.0)))["right"].reason == FAULT


@pytest.mark.parametrize("index", [3, 18, 22, 27, 67, 70, 74])
@pytest.mark.parametrize("by", [(60.0, -50.0), (-38.0, 70.0)])
def test_one_landmark_far_off(tmp_path: Path, index: int, by: tuple[float, float]) -> None:
    # Far enough down the lowest one leaves the film, which has a reason of its own.
    assert judged(tmp_path, spoilt(move(index, *by)))["right"].reason in (FAULT, *["points_outside"] * (index == 3))


@pytest.mark.parametrize("index", [70, 71, 72, 73, 74])
@pytest.mark.parametrize("by", [(0.0, -20.0), (0.0, 16.0)])
def test_one_landmark_of_the_sourcil_that_changes_the_width(
    tmp_path: Path, index: int, by: tuple[float, float]
) -> None:
    """The roof of an adult does not dent by 16 mm, up or down: the reference would change by millimetres."""
    assert judged(tmp_path, spoilt(move(index, *by)))["right"].reason == FAULT


@pytest.mark.parametrize("first", [70, 71, 72, 73])
def test_neighbours_on_the_sourcil_in_the_wrong_order(tmp_path: Path, first: int) -> None:
    """The curve through them would run back and forth."""
    points = landmarks()
    points[[first, first + 1]] = points[[first + 1, first]]
    assert judged(tmp_path, points)["right"].reason == FAULT


@pytest.mark.parametrize("index", [80 + 22, 80 + 72])
def test_a_left_hip_is_judged_as_a_right_one(tmp_path: Path, index: int) -> None:
    hips = judged(tmp_path, spoilt(place(index, 0.0, 0.0)))
    assert (hips["right"].reason, hips["left"].reason) == ("", FAULT)


def test_halves_in_the_wrong_order(tmp_path: Path) -> None:
    points = landmarks()
    hips = judged(tmp_path, np.concatenate([points[LEFT], points[RIGHT]]))
    for side in SIDES:
        assert hips[side].reason == FAULT
        assert any(word in hips[side].detail for word in ("side", "half", "halves", "other", "mirror"))


@pytest.mark.parametrize(("source", "target", "wrong"), [(RIGHT, LEFT, "left"), (LEFT, RIGHT, "right")])
@pytest.mark.parametrize("off_mm", [0.0, 0.3])
def test_one_side_copied_to_the_other(tmp_path: Path, source: slice, target: slice, wrong: Side, off_mm: float) -> None:
    points = landmarks()
    points[target] = points[source] + off_mm
    hips = judged(tmp_path, points)
    assert {side for side in SIDES if hips[side].reason == FAULT} == {wrong}
    assert hips["left" if wrong == "right" else "right"].reason == ""


def test_regions_are_judged_likewise(tmp_path: Path) -> None:
    settings = replace(film_settings(), rows=64, columns=64, spacing_mm=2.0, region="joint")
    assert judged(tmp_path, spoilt(place(22, 0.0, 0.0)), settings)["right"].reason == FAULT
    assert judged(tmp_path, landmarks(), settings)["right"].reason == ""


def test_what_is_not_placed_or_not_on_the_film_keeps_its_own_reason(tmp_path: Path) -> None:
    assert judged(tmp_path, spoilt(place(RIGHT, 0.0, 0.0)))["right"].reason == "side_missing"
    assert judged(tmp_path, spoilt(place(22, -5.0, 100.0)))["right"].reason == "points_outside"


# What a user sees -------------------------------------------------------------------------------------------------


def preprocess(folder: Path) -> tuple[Account, Store, pd.DataFrame]:
    store = folder.with_name("store.h5")
    account = preprocess_folder(folder, store, {"CHECK": CHECK}, film_settings(), workers=1)
    return account, Store(store), pd.read_csv(f"{store}.exclusions.csv", keep_default_na=False)


def test_the_tables_say_which_hip_and_which_check(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    for subject, factor in (("1", 1.0), ("2", 0.5), ("3", 1.45)):
        write_film(folder, subject, seed=int(subject))
        write_points(folder / CHECK.points.format(subject=subject, visit="T00"), spoilt(scale(factor)))
    account, store, table = preprocess(folder)
    assert (account.stored, account.usable_hips, dict(account.hip_reasons)) == (3, 4, {FAULT: 2})
    assert table[["side", "reason"]].to_numpy().tolist() == [["right", FAULT]] * 2
    assert table["detail"].str.contains("radius").all() and table["detail"].is_unique
    lost = store.samples[~store.samples["usable"]]
    assert lost["key"].tolist() == ["CHECK/2/T00/right", "CHECK/3/T00/right"]
    assert lost["reason"].tolist() == [FAULT] * 2
    assert any(FAULT in line for line in account.lines())


def test_a_corrected_points_file_brings_its_hip_back(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    write_film(folder, "1")
    points = folder / CHECK.points.format(subject="1", visit="T00")
    write_points(points, spoilt(place(22, 0.0, 0.0)))
    assert preprocess(folder)[0].usable_hips == 1
    write_points(points, landmarks())
    account, store, table = preprocess(folder)
    assert (account.usable_hips, len(table)) == (2, 0)
    assert store.samples["usable"].all()


# What is a hip ----------------------------------------------------------------------------------------------------


def shipped(name: str) -> Preset:
    preset = instantiate(OmegaConf.load(conf_folder() / "preset" / f"{name}.yaml"))
    assert isinstance(preset, Preset)
    return preset


@pytest.mark.parametrize("preset", ["standard", "hard", "random"])
def test_phantom_hips_are_hips(tmp_path: Path, preset: str) -> None:
    """As they lie on films, and as an annotator places them; bone on bone and turned legs among them."""
    faults = []
    for index in range(6):
        rng = np.random.default_rng([7, index])
        subject, stance = draw_subject(rng, shipped(preset)), draw_stance(rng, shipped(preset).pose)
        skeleton = pose_skeleton(subject, stance, subject.widths_mm, (FILM_MM / 2, FILM_MM / 2))
        for error_mm in (0.0, 0.5):
            points = np.concatenate([misplace(skeleton.hips[side].landmarks, error_mm, rng) for side in SIDES])
            for side, hip in judged(tmp_path, points).items():
                if hip.reason not in ("", "points_outside"):
                    faults.append(f"{index} {side}, {error_mm} mm: {hip.reason}, {hip.detail}")
    assert faults == []


@pytest.mark.parametrize("size", [0.75, 1.0, 1.15])
@pytest.mark.parametrize("turn_deg", [-12.0, 0.0, 12.0])
def test_a_small_a_large_and_a_turned_hip_are_hips(tmp_path: Path, size: float, turn_deg: float) -> None:
    turn = np.deg2rad(turn_deg)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    points = FILM_MM / 2 + size * (landmarks() - FILM_MM / 2) @ rotation
    hips = judged(tmp_path, points)
    assert {side: hip.reason for side, hip in hips.items()} == {"right": "", "left": ""}


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("shift_mm", [95.0, -95.0])
def test_a_single_hip_may_lie_anywhere_on_its_film(tmp_path: Path, side: Side, shift_mm: float) -> None:
    """On a small plate the one hip lies in the middle, or beyond it."""
    points = landmarks()
    points[:, 0] += shift_mm if side == "right" else -shift_mm
    points[LEFT if side == "right" else RIGHT] = 0.0
    points = np.clip(points, 0.0, FILM_MM) if shift_mm > 0 else points
    hips = judged(tmp_path, points)
    assert hips[side].reason in ("", "points_outside")
    assert hips["left" if side == "right" else "right"].reason == "side_missing"


def test_bone_on_bone_is_a_hip(tmp_path: Path) -> None:
    points: Any = landmarks()
    points[ROOF] += [0.0, 4.5]  # the template's joint space is 3.5 mm: the sourcil reaches into the head
    assert judged(tmp_path, points)["right"].reason == ""


def test_a_flattened_head_is_a_hip(tmp_path: Path) -> None:
    """Advanced arthritis flattens a head by a millimetre or two; such hips are what is studied."""
    points = landmarks()
    points[21:24, 1] += [0.7, 1.5, 0.7]
    assert judged(tmp_path, points)["right"].reason == ""


# Pixels for millimetres -------------------------------------------------------------------------------------------


def fine_film(folder: Path, points: Points) -> Any:
    """A film of 0.5 mm, on which pixels and millimetres differ as they do on real ones."""
    path = folder / CHECK.film.format(subject="1", visit="T00")
    if not path.exists():
        write_film(folder, "1")
        header = Header("1", "20060101", "CR", (0.5, 0.5), "PixelSpacing", "MONOCHROME2", 12, "plain", "1")
        write_radiograph(path, header, film_pixels(0, 880))
    write_points(folder / CHECK.points.format(subject="1", visit="T00"), points)
    return preprocess(folder)


def test_points_in_pixels_are_recognised(tmp_path: Path) -> None:
    account, _, table = fine_film(tmp_path / "in", landmarks() / 0.5)
    assert account.usable_hips == 0
    assert set(table["reason"]) == {"points_outside"}
    assert table["detail"].str.contains("pixel").all()


def test_pixels_of_a_right_hip_that_would_fit_as_millimetres_are_no_hip(tmp_path: Path) -> None:
    """The right hip's pixels lie on the film as millimetres, the left one's do not."""
    points = landmarks() - [0.0, 130.0]
    points[RIGHT] -= [60.0, 0.0]
    assert (points[RIGHT] / 0.5 < FILM_MM).all() and (points[LEFT] / 0.5 > FILM_MM).any()
    account, _, table = fine_film(tmp_path / "in", points / 0.5)
    assert account.usable_hips == 0
    assert table["detail"].str.contains("pixel").any()


@pytest.mark.parametrize("spoil", [move(LEFT, 200.0, 0.0), move(LEFT, 600.0, 0.0), place(85, -1.0, 5.0)])
def test_points_outside_are_not_said_to_be_pixels_where_they_are_not(tmp_path: Path, spoil: Spoil) -> None:
    account, _, table = fine_film(tmp_path / "in", spoilt(spoil))
    assert account.usable_hips == 1
    assert table[["side", "reason"]].to_numpy().tolist() == [["left", "points_outside"]]
    assert not table["detail"].str.contains("pixel").any()


def test_points_in_millimetres_of_a_fine_film_are_used(tmp_path: Path) -> None:
    account, _, _ = fine_film(tmp_path / "in", landmarks())
    assert account.usable_hips == 2
