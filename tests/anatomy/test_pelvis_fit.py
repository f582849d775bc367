"""A pelvis found in a scan against the surfaces that the scan was drawn from."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_pelvis import BONE, SOFT, Drawn, draw_scan

from hipseg.anatomy.pelvis_fit import PelvisLandmarks, find_pelvis
from hipseg.anatomy.shapes import real_shapes
from hipseg.errors import Excluded
from hipseg.geometry.volume import Volume, VolumeGrid
from hipseg.labels.landmarks import SIDES


def test_the_marked_vertices_touch_a_plane_in_front_of_the_whole_pelvis() -> None:
    shapes = real_shapes()
    vertices, marks = shapes.means["pelvis"], shapes.pelvis
    touching = [vertices[at] for each in (marks.spines, marks.tubercles) for at in each.values()]
    middle = np.mean(touching, axis=0)
    normal = np.linalg.svd(np.array(touching) - middle)[2][-1]
    normal = normal * -np.sign(normal[1])  # forwards
    assert ((vertices - middle) @ normal).max() < 2.5
    assert marks.spines["left"] != marks.spines["right"]
    assert vertices[marks.spines["left"], 0] - vertices[marks.spines["right"], 0] > 200
    assert 15 < vertices[marks.tubercles["left"], 0] - vertices[marks.tubercles["right"], 0] < 70


def _errors(drawn: Drawn) -> dict[str, float]:
    found = find_pelvis(drawn.scan)
    errors = {name: found.landmarks.each()[name] - point for name, point in drawn.marks.items()}
    errors |= {f"head_{side}": found.heads_mm[side] - drawn.heads[side] for side in SIDES}
    return {name: float(np.linalg.norm(error)) for name, error in errors.items()}


@pytest.mark.parametrize(("seed", "turned"), [(1, (0, 0, 0)), (2, (14, 0, 0)), (3, (-12, 5, 6)), (4, (8, -5, -8))])
def test_landmarks_and_heads_are_found_however_the_subject_lies(seed: int, turned: tuple[float, float, float]) -> None:
    errors = _errors(draw_scan(seed, turned))
    assert max(errors.values()) < 4.0, errors
    assert max(errors[f"head_{side}"] for side in SIDES) < 1.5, errors
    assert np.mean(list(errors.values())) < 2.0, errors


def test_a_head_that_has_worn_its_cartilage_is_found_off_its_socket_s_middle() -> None:
    drawn = draw_scan(6, worn=True)
    found = find_pelvis(drawn.scan)
    for side in SIDES:
        assert np.linalg.norm(found.heads_mm[side] - drawn.heads[side]) < 2.0


def test_a_scan_that_ends_below_the_iliac_spines_is_cut() -> None:
    with pytest.raises(Excluded, match="asis_") as told:
        find_pelvis(draw_scan(1, above_mm=50.0).scan)
    assert told.value.reason == "pelvis_cut"


def _block(values: np.ndarray) -> Volume:
    return Volume(values.astype(np.int16), VolumeGrid.of_axes(values.shape, (2.0, 2.0, 2.0), (0.0, 0.0, 0.0)))


def test_a_rod_or_nothing_at_all_is_no_pelvis() -> None:
    hu = np.full((120, 100, 120), SOFT)
    with pytest.raises(Excluded) as told:
        find_pelvis(_block(hu))
    assert told.value.reason == "not_located"
    hu[:, 40:60, 50:75] = BONE
    with pytest.raises(Excluded) as told:
        find_pelvis(_block(hu))
    assert told.value.reason == "not_located"


def test_names_of_landmarks_lead_there_and_back() -> None:
    points = {name: np.arange(3.0) + n for n, name in enumerate(
        ("asis_right", "asis_left", "tubercle_right", "tubercle_left"))}  # fmt: skip
    again = PelvisLandmarks.of(points).each()
    assert {name: point.tolist() for name, point in again.items()} == {n: p.tolist() for n, p in points.items()}
