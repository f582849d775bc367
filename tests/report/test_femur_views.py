"""Surfaces drawn: what geometry says of their distances, and the colours of what is rendered."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from matplotlib import colormaps
from numpy.typing import NDArray
from skimage.io import imread

from hipseg.measure.cortical_thickness import thickness_beneath
from hipseg.report import mesh_views
from hipseg.report.femur_pictures import FemurCase, draw_femurs
from hipseg.report.femur_views import (
    DISTANCE,
    VIEWS,
    closed_surface,
    compared,
    draw_thickness,
    draw_views,
)
from hipseg.report.mesh_views import NoRendering, Painted, render

SPACING = (0.987, 0.8, 0.8)


def femur(outer_mm: float, inner_mm: float, centre_mm: tuple[float, ...] = (0.2, 0.3, 0.1)) -> NDArray[np.uint8]:
    """Two balls, one in the other."""
    axes = [(np.arange(60) - 29.5) * step - at for step, at in zip(SPACING, centre_mm, strict=True)]
    away = np.sqrt(sum(axis**2 for axis in np.meshgrid(*axes, indexing="ij")))
    return ((away < outer_mm).astype(np.uint8) + (away < inner_mm)).astype(np.uint8)


def pictures_of(*painted: Painted) -> list[list[NDArray[np.uint8]]]:
    """In all views, 60 mm wide and high; a machine where nothing renders skips the test."""
    middle = painted[0].surface.vertices.mean(axis=0)
    try:
        return render(painted, DISTANCE, list(VIEWS.values()), middle, np.array([60.0, 60.0]))
    except NoRendering as error:
        pytest.skip(str(error))


def colour_of(value_mm: float) -> NDArray[np.float64]:
    return np.array(colormaps["coolwarm"]((value_mm + 2) / 4)[:3]) * 255


def test_a_ball_in_another_lies_within_and_its_cavity_outside() -> None:
    painted = compared(femur(20.0, 16.0), femur(21.0, 15.0), SPACING)
    for name, expected in (("periosteal", -1.0), ("endosteal", 1.0)):
        away = painted[name].values
        assert away.mean() == pytest.approx(expected, abs=0.05)
        # The stairs of a label map leave up to half a voxel at the balls' poles.
        assert np.abs(away - expected).max() < 0.55 and np.percentile(np.abs(away - expected), 90) < 0.3


def test_flat_faces_lie_exactly_as_far_apart_as_they_do() -> None:
    found, truth = np.zeros((40, 40, 40), dtype=np.uint8), np.zeros((40, 40, 40), dtype=np.uint8)
    found[10:30, 10:30, 10:30], truth[8:32, 9:31, 11:29] = 2, 2
    surface, away = compared(found, truth, (0.5, 1.0, 1.0))["periosteal"]
    middle = np.array([19.5, 19.5, 9.75])  # (column, row, slice) in mm
    for axis, expected in ((0, 1.0), (1, -1.0), (2, -1.0)):
        others = [other for other in range(3) if other != axis]
        face = (np.abs(surface.vertices - middle)[:, others] < 2.5).all(axis=1)
        assert face.sum() > 10
        assert away[face] == pytest.approx(expected, abs=0.05)


def test_surfaces_are_seen_from_outside_in_columns_rows_and_slices() -> None:
    surface = closed_surface(femur(20.0, 16.0) > 0, SPACING)
    assert surface.volume_mm3 == pytest.approx(4 / 3 * np.pi * 20**3, rel=0.01)
    middle = surface.vertices.mean(axis=0)
    expected = np.array([29.5 * 0.8 + 0.1, 29.5 * 0.8 + 0.3, 29.5 * 0.987 + 0.2])
    assert middle == pytest.approx(expected, abs=0.05)


def test_the_cortex_between_two_balls_is_as_thick_as_their_radii_differ() -> None:
    labels = femur(20.0, 16.0)
    thickness = thickness_beneath(closed_surface(labels > 0, SPACING).vertices[:, ::-1], labels, SPACING)
    assert thickness.mean() == pytest.approx(4.0, abs=0.05)
    solid = (labels > 0).astype(np.uint8)
    assert np.isnan(thickness_beneath(closed_surface(solid > 0, SPACING).vertices[:, ::-1], solid, SPACING)).all()


def test_the_middle_of_a_sphere_has_its_value_s_colour() -> None:
    surface = closed_surface(femur(20.0, 16.0) > 0, SPACING)
    values = (-1.4, 0.0, 1.0, 7.0)
    seen = pictures_of(*(Painted(surface, np.full(len(surface.vertices), value)) for value in values))
    for value, pictures in zip(values, seen, strict=True):
        for picture in pictures:
            rows, columns = picture.shape[:2]
            middle = picture[rows // 2 - 5 : rows // 2 + 5, columns // 2 - 5 : columns // 2 + 5].reshape(-1, 3)
            assert middle.mean(axis=0) == pytest.approx(colour_of(min(value, 2.0)), abs=4)
            assert (picture[:5, :5] == 255).all()
            share = (picture < 250).any(axis=2).mean()
            assert share == pytest.approx(np.pi * 20**2 / 60**2, rel=0.03)  # so that the scale bar is right


def test_every_view_shows_what_lies_where_its_name_says() -> None:
    """A ball one half of which is red, the other blue: the half to the left, at the back, at the top."""
    surface = closed_surface(femur(20.0, 16.0) > 0, SPACING)
    halves = np.sign(surface.vertices - surface.vertices.mean(axis=0)).T * 2
    pictures = pictures_of(*(Painted(surface, half) for half in halves))
    left, back, top = (dict(zip(VIEWS, [is_red(picture) for picture in row], strict=True)) for row in pictures)
    assert left["lateral"] == (True,) * 4 and left["medial"] == (False,) * 4
    assert left["front"][:2] == (False, True) and left["back"][:2] == (True, False)
    assert back["back"] == (True,) * 4 and back["front"] == (False,) * 4
    assert back["lateral"][:2] == (False, True) and back["medial"][:2] == (True, False)
    assert all(top[name][2:] == (True, False) for name in VIEWS)
    assert {name: (view.left, view.right) for name, view in VIEWS.items()} == {
        "front": ("medial", "lateral"), "back": ("lateral", "medial"),
        "medial": ("back", "front"), "lateral": ("front", "back"),
    }  # fmt: skip


def is_red(picture: NDArray[np.uint8]) -> tuple[bool, ...]:
    """Left, right, above and below the middle."""
    size = picture.shape[0]
    places = [(3, 2), (3, 4), (2, 3), (4, 3)]
    return tuple(
        bool(picture[size * y // 6, size * x // 6, 0] > picture[size * y // 6, size * x // 6, 2]) for y, x in places
    )


def _dies(*_: object) -> None:
    os.abort()


def test_where_nothing_renders_one_sentence_says_so_and_the_rest_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "figures").mkdir()
    monkeypatch.setattr(mesh_views, "_render", _dies)  # as VTK does without EGL, OSMesa and display
    labels = femur(20.0, 16.0)
    case = FemurCase(labels * 300.0, labels, femur(21.0, 16.0), SPACING)
    figures = draw_femurs({"worst": case, "best": case}, tmp_path)
    assert [path.name for path in figures] == ["femur_worst_planes.png", "femur_best_planes.png"]
    assert (tmp_path / "femur.html").is_file()
    assert capsys.readouterr().err.count("figures: nothing here renders surfaces; install EGL") == 1


def test_nothing_found_and_speckle_have_no_surface(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "figures").mkdir()
    empty, truth = np.zeros((60, 60, 60), dtype=np.uint8), femur(20.0, 16.0)
    assert compared(empty, truth, SPACING) == {}
    figures = draw_femurs({"only": FemurCase(empty * 1.0, empty, truth, SPACING)}, tmp_path)
    assert [path.name for path in figures] == ["femur_only_planes.png"] and not (tmp_path / "femur.html").exists()
    monkeypatch.setattr("hipseg.report.femur_views._MOST_TRIANGLES", 1000)
    assert compared(truth, truth, SPACING) == {}


def test_a_picture_has_a_row_a_surface_and_a_column_a_view(tmp_path: Path) -> None:
    try:
        draw_views(compared(femur(20.0, 16.0), femur(21.0, 15.0), SPACING), tmp_path / "both.png")
        outer = closed_surface(femur(20.0, 16.0) > 0, SPACING)
        draw_thickness(outer, np.full(len(outer.vertices), 4.0), tmp_path / "outer.png")
    except NoRendering as error:
        pytest.skip(str(error))
    both, outer_only = (imread(tmp_path / name)[..., :3].astype(int) for name in ("both.png", "outer.png"))
    assert both.shape[1] == outer_only.shape[1] and both.shape[0] > 1.7 * outer_only.shape[0]
    bluish, reddish = (both[..., 2] - both[..., 0] > 40), (both[..., 0] - both[..., 2] > 40)
    half, bar = both.shape[0] // 2, both.shape[1] - 180  # the colour bar lies to the right
    assert bluish[:half, :bar].sum() > 10_000 > 500 > reddish[:half, :bar].sum()
    assert reddish[half:, :bar].sum() > 10_000 > 500 > bluish[half:, :bar].sum()
