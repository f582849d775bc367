"""Facts of outlines, on label maps whose shapes are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from hipseg.labels.circle import Circle, head_circle
from hipseg.labels.curves import spline_curves
from hipseg.labels.label_map import draw_label_map
from hipseg.labels.template import template
from hipseg.measure.outline import describe_outline, roof_contrast, sureness

SPACING_MM = 0.9
ROWS, COLUMNS = np.mgrid[:200, :180]
HEAD = Circle(100.0, 80.0, 25.0)
ROUND = np.hypot(COLUMNS - HEAD.x, ROWS - HEAD.y)
ANGLE = np.rad2deg(np.arctan2(COLUMNS - HEAD.x, HEAD.y - ROWS))


def hip() -> NDArray[np.uint8]:
    """A disc for a femur, a joint space of 4 pixels and a roof of 6 from -40 to 40 degrees."""
    labels = np.zeros(ROWS.shape, dtype=np.uint8)
    above = np.abs(ANGLE) <= 40
    labels[(ROUND < 36) & above] = 2
    labels[(ROUND < 30) & above] = 3
    labels[ROUND < 25] = 1
    return labels


def test_a_plain_hip_has_its_measures() -> None:
    found = describe_outline(hip(), HEAD, SPACING_MM)
    assert found.hole == found.femur_beyond == found.apart_mm == 0
    assert found.femur_area == pytest.approx(1.0, abs=0.02)
    assert found.roof_thickness_mm == pytest.approx(6 * SPACING_MM, abs=0.5)
    assert found.roof_deg == pytest.approx(81, abs=3)


@pytest.mark.parametrize("label", [1, 2, 3])
def test_a_hole_has_its_area(label: int) -> None:
    labels = hip()
    place = {1: (100, 90), 2: (100, 80 - 33), 3: (100, 80 - 27)}[label]
    hole = np.hypot(COLUMNS - place[0], ROWS - place[1]) < 1.6
    labels[hole] = 0
    assert describe_outline(labels, HEAD, SPACING_MM).hole == pytest.approx(hole.sum() / (np.pi * 25**2), rel=0.01)


def test_joint_space_within_the_femur_is_a_hole_too() -> None:
    labels = hip()
    labels[(np.hypot(COLUMNS - 100, ROWS - 90) < 4)] = 3
    assert describe_outline(labels, HEAD, SPACING_MM).hole == pytest.approx(45 / (np.pi * 625), rel=0.01)


@pytest.mark.parametrize(
    ("rows", "columns"),
    [(slice(20, 40), slice(60, 80)), (slice(45, 60), slice(40, 58)), (slice(90, 110), slice(0, 14)),
     (slice(80, 90), slice(140, 150))],
    ids=["above the head", "above the trochanter", "far lateral", "far medial"],
)  # fmt: skip
def test_femur_where_no_hip_has_any_is_counted(rows: slice, columns: slice) -> None:
    labels = hip()
    labels[rows, columns] = 1
    count = (rows.stop - rows.start) * (columns.stop - columns.start)
    found = describe_outline(labels, HEAD, SPACING_MM)
    assert found.femur_beyond == pytest.approx(count / (np.pi * 25**2), rel=0.1)


def test_a_speck_has_its_distance() -> None:
    labels = hip()
    labels[140:144, 98:102] = 1
    # The disc ends at row 104; from there to row 140 are 36 pixels, less the rim's half.
    assert describe_outline(labels, HEAD, SPACING_MM).apart_mm == pytest.approx(36 * SPACING_MM, abs=1.5)


def test_a_crack_of_a_pixel_makes_no_speck() -> None:
    labels = hip()
    labels[110:140, 90:110] = 1
    labels[105:109, 90:110] = 1
    assert describe_outline(labels, HEAD, SPACING_MM).apart_mm == 0


def test_no_roof_has_no_thickness() -> None:
    labels = np.where(hip() == 2, 0, hip())
    found = describe_outline(labels, HEAD, SPACING_MM)
    assert (found.roof_thickness_mm, found.roof_deg) == (0, 0)


@pytest.mark.parametrize("size", [0.8, 1.0, 1.2])
def test_shapes_do_not_depend_on_size(size: float) -> None:
    points = (template() * size + 230) / SPACING_MM
    found = describe_outline(draw_label_map(points, (512, 512), spline_curves), head_circle(points), SPACING_MM)
    assert found.hole == found.femur_beyond == found.apart_mm == 0
    assert found.femur_area == pytest.approx(2.69, abs=0.05)
    assert found.roof_deg == pytest.approx(65, abs=3)


def test_a_hip_at_the_images_corner_is_described_all_the_same() -> None:
    labels = hip()[60:, 90:]
    found = describe_outline(labels, Circle(10.0, 20.0, 25.0), SPACING_MM)
    assert found.apart_mm == 0
    assert found.femur_area < 0.8


@pytest.mark.parametrize(("left", "right", "ends"), [(0, 0, False), (100, 0, True), (0, 0, True)])
def test_a_femur_that_the_image_cuts_says_so(left: int, right: int, ends: bool) -> None:
    labels, unseen = hip(), np.zeros(ROWS.shape, dtype=bool)
    if ends and not left:
        unseen[110:] = True
        labels[100:130, 90:110] = 1
    assert (
        describe_outline(labels[:, left:], HEAD._replace(x=HEAD.x - left), SPACING_MM, unseen[:, left:]).femur_ends
        == ends
    )


def shares(certain: float, at_edges: float, labels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """So much probability for labels, and so much where they border on others."""
    edge = np.zeros(labels.shape, dtype=bool)
    for axis in (0, 1):
        for step in (-1, 1):
            edge |= np.roll(labels, step, axis) != labels
    top = np.where(edge, at_edges, certain)
    said = np.repeat(((1 - top) / 3)[None], 4, axis=0)
    np.put_along_axis(said, labels[None].astype(int), top[None], axis=0)
    return said.astype(np.float32)


@pytest.mark.parametrize("certain", [0.6, 0.8, 0.99])
@pytest.mark.parametrize("at_edges", [0.4, 0.9])
def test_a_networks_sureness_is_that_off_the_edges(certain: float, at_edges: float) -> None:
    assert sureness(shares(certain, at_edges, hip()), SPACING_MM) == pytest.approx(certain, abs=0.05)


@pytest.mark.parametrize("certain", [0.6, 0.99])
def test_bone_on_bone_is_as_sure_as_what_lies_there(certain: float) -> None:
    labels = hip()
    labels[labels == 3] = 2
    near = np.abs(ROUND - 25) < 8
    said = np.where(near, shares(certain, 0.5, labels), shares(0.9, 0.9, labels))  # what lies far off doesn't count
    assert sureness(said, SPACING_MM) == pytest.approx(certain, abs=0.02)


def test_without_a_joint_space_there_is_no_sureness() -> None:
    nothing = np.zeros((4, 20, 20), dtype=np.float32)
    nothing[0] = 1
    assert np.isnan(sureness(nothing, SPACING_MM))


def test_the_roofs_edge_is_compared_with_the_space_below_it() -> None:
    labels = hip()
    image = np.full(labels.shape, 0.4, dtype=np.float32)
    image[:, 120:] = 0.6  # of the surroundings: 0.2 from dark to bright
    image[(labels == 2) & (ROUND < 34)] = 0.5
    image[labels == 3] = 0.45
    assert roof_contrast(labels, image, HEAD, SPACING_MM) == pytest.approx(0.05 / 0.2, rel=0.15)
    image[labels == 3] = 0.55  # the bright line lies in the space
    assert roof_contrast(labels, image, HEAD, SPACING_MM) == pytest.approx(-0.05 / 0.2, rel=0.15)
    assert np.isnan(roof_contrast(np.where(labels == 2, 0, labels), image, HEAD, SPACING_MM))
