"""What a hip's status says of the film under it, on soft maps of the template hip."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hydra.utils import instantiate
from numpy.typing import NDArray
from omegaconf import OmegaConf

from hipseg.config import conf_folder
from hipseg.inference.judgement import Surface, measure_hip
from hipseg.labels.circle import head_circle
from hipseg.labels.curves import spline_curves
from hipseg.labels.label_map import draw_label_shares
from hipseg.labels.template import template
from hipseg.measure.quality import Plausible
from hipseg.transforms.intensity import DARKEST, quantiles_of

SPACING_MM = 0.9
POINTS = np.add(template(), (190.0, 100.0)) / SPACING_MM
SHAPE = (240, 240)
SHARES = draw_label_shares(POINTS, SHAPE, spline_curves)
HEAD = head_circle(POINTS)
ROWS, COLUMNS = np.mgrid[: SHAPE[0], : SHAPE[1]]
ADULT: Plausible = instantiate(OmegaConf.load(conf_folder() / "plausibility" / "adult.yaml"))
Image = NDArray[np.float32]


def body() -> Image:
    """Soft tissue and bone, with grain."""
    image = np.random.default_rng(0).uniform(0.3, 0.36, SHAPE).astype(np.float32)
    image += 0.25 * (SHARES[1] + SHARES[2]) - 0.02 * SHARES[3]
    image[150:, 130:] += 0.27  # other bone
    image[0, 0], image[-1, -1] = DARKEST, 1.0
    return image


def status(image: Image, shares: Image = SHARES, middle_px: float | None = None, method: str = "contour") -> str:
    surface = Surface(image, quantiles_of(image, SPACING_MM), "stated")
    return measure_hip(shares, surface, SPACING_MM, method, ADULT, middle_px).status  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["contour", "border"])
def test_a_sound_hip_is_ok(method: str) -> None:
    assert status(body(), method=method) == "ok"


@pytest.mark.parametrize(
    ("grey", "low"), [(0.0, 92), (float(DARKEST), 92), (0.0, 80), (float(DARKEST), 80)],
    ids=["no image over the head", "a box over the head", "no image at the roof", "a box at the roof"],
)  # fmt: skip
def test_a_hip_that_the_image_does_not_show_whole_is_cut(grey: float, low: int) -> None:
    image = body()
    roof = np.flatnonzero((SHARES[2] > 0.5).any(axis=1))
    image[: {92: int(HEAD.y), 80: int(roof[0]) + 1}[low]] = grey
    assert status(image) == "cut"


def test_a_box_beside_a_hip_cuts_nothing() -> None:
    image = body()
    image[:20] = DARKEST
    image[:, 200:] = 0.0
    assert status(image) == "ok"


def test_a_roof_at_the_windows_edge_is_cut() -> None:
    roof = np.flatnonzero((SHARES[2] > 0.5).any(axis=1))
    assert status(body()[int(roof[0]) :], SHARES[:, int(roof[0]) :]) == "cut"


def prosthesis(image: Image) -> None:
    image[np.hypot(COLUMNS - HEAD.x, ROWS - HEAD.y) < 0.95 * HEAD.radius] = 0.98


def screws(image: Image) -> None:
    for offset in (-8, 8):  # five pixels wide, from the trochanter into the head
        along = (ROWS - HEAD.y) + 0.8 * (COLUMNS - HEAD.x)
        line = np.abs(along - offset) < 3.2
        image[line & (COLUMNS > HEAD.x - 80) & (COLUMNS < HEAD.x + 8)] = 0.95


def nail(image: Image) -> None:
    image[(np.abs(ROWS - HEAD.y + 0.8 * (COLUMNS - HEAD.x)) < 6) & (np.abs(COLUMNS - HEAD.x + 30) < 45)] = 1.0


@pytest.mark.parametrize("place", [prosthesis, screws, nail])
def test_metal_in_head_and_neck_is_an_implant(place: Callable[[Image], None]) -> None:
    image = body()
    place(image)
    assert status(image) == "implant"


def test_metal_beside_the_hip_and_dense_bone_are_no_implant() -> None:
    image = body()
    image[200:220, 150:170] = 1.0
    image[np.abs(np.hypot(COLUMNS - HEAD.x, ROWS - HEAD.y) - HEAD.radius) < 2] += 0.08  # a rim
    image[np.abs(COLUMNS - HEAD.x) < 2] += 0.06  # a wall's edge across the head
    assert status(image) == "ok"


def test_a_joint_beyond_the_middle_is_the_other_hips() -> None:
    assert status(body(), middle_px=HEAD.x - 40) == "other_side"
    assert status(body(), middle_px=HEAD.x + 60) == "ok"


def moved(where: NDArray[np.bool_], from_labels: tuple[int, ...], to: int) -> Image:
    shares = SHARES.copy()
    for label in from_labels:
        shares[to] += np.where(where, shares[label], 0)
        shares[label] = np.where(where, 0, shares[label])
    return shares


@pytest.mark.parametrize("method", ["contour", "border"])
def test_implausible_outlines_say_which(method: str) -> None:
    head = np.hypot(COLUMNS - HEAD.x, ROWS - HEAD.y)
    hole = moved(np.hypot(COLUMNS - HEAD.x, ROWS - HEAD.y - 8) < 5, (1,), 0)
    assert status(body(), hole, method=method) == "hole"
    blob = moved((np.abs(COLUMNS - HEAD.x + 62) < 14) & (np.abs(ROWS - HEAD.y + 10) < 44), (0,), 1)
    assert status(body(), blob, method=method) == "implausible_femur"
    speck = moved((np.abs(COLUMNS - HEAD.x) < 4) & (np.abs(ROWS - HEAD.y - 90) < 4), (0,), 1)
    assert status(body(), speck, method=method) == "specks"
    roof = SHARES[2] > 0.5
    bottom = SHAPE[0] - 1 - roof[::-1].argmax(axis=0)
    thin = moved((ROWS < bottom - 0) & roof & (head > 0), (2,), 0)
    assert status(body(), thin, method=method) == "implausible_roof"


def test_without_a_head_nothing_is_judged() -> None:
    assert status(body(), moved(np.ones(SHAPE, dtype=bool), (1,), 0)) == "no_femoral_head"


def test_a_joint_below_which_the_sourcil_shines_is_another() -> None:
    image = body()
    image += 0.25 * SHARES[3] + 0.06 * (SHARES[3] > 0.5)
    nearly = (0.95 * SHARES + 0.05 * np.roll(SHARES, 1, axis=0)).astype(np.float32)
    assert status(image, nearly) == "implausible_greys"
    assert status(body(), nearly) == "ok"
    assert status(image) == "ok"  # a network that is certain sees more than that


def test_a_network_that_hesitates_is_unsure() -> None:
    doubtful = (0.75 * SHARES + 0.25 * np.roll(SHARES, 1, axis=0)).astype(np.float32)
    assert status(body(), doubtful) == "unsure"


@pytest.mark.parametrize(("top", "expected"), [(0.97, "ok"), (0.75, "unsure")])
def test_bone_on_bone_is_believed_where_the_network_is_sure_of_it(top: float, expected: str) -> None:
    shares = SHARES.copy()
    shares[2] += shares[3]
    shares[3] = 0
    shares = top * shares + (1 - top) / 4
    assert status(body(), shares.astype(np.float32)) == expected


def test_borders_of_a_head_of_which_the_network_believes_half_are_not_believed() -> None:
    shares = 0.45 * SHARES + 0.55 / 3 * (1 - SHARES)
    assert shares.argmax(axis=0)[int(HEAD.y), int(HEAD.x)] == 1
    assert status(body(), shares.astype(np.float32), method="border") == "no_femoral_head"
