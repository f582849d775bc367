from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from hipseg.labels.circle import Circle
from hipseg.transforms.implant import grey_levels, shows_hardware, shows_metal

HEAD = Circle(60.0, 70.0, 26.0)


def film(head: float, texture: float = 0.0) -> NDArray[np.float32]:
    """Air beside a body of soft tissue (0.3 to 0.5) and bone (0.6), with a head of the given value and texture."""
    rng = np.random.default_rng(0)
    image = np.zeros((160, 140), dtype=np.float32)
    image[10:, 10:] = rng.uniform(0.3, 0.5, (150, 130))
    image[100:, 40:80] = 0.6
    rows, columns = np.indices(image.shape)
    disc = np.hypot(columns - HEAD.x, rows - HEAD.y) < HEAD.radius
    image[disc] = head + texture * rng.uniform(-1, 1, disc.sum())
    return image


def test_saturated_head_is_metal() -> None:
    image = film(1.0)
    assert shows_metal(image, grey_levels(image), HEAD)


@pytest.mark.parametrize("scale", [4095.0, 1e-3])
def test_units_do_not_matter(scale: float) -> None:
    metal, bone = film(1.0) * np.float32(scale), film(0.62) * np.float32(scale)
    assert shows_metal(metal, grey_levels(metal), HEAD)
    assert not shows_metal(bone, grey_levels(bone), HEAD)


@pytest.mark.parametrize("value", [0.4, 0.6, 0.7])
def test_head_as_bright_as_bone_is_bone(value: float) -> None:
    image = film(value)
    assert not shows_metal(image, grey_levels(image), HEAD)


def test_bright_but_textured_head_is_bone() -> None:
    image = film(0.95, texture=0.05)
    assert not shows_metal(image, grey_levels(image), HEAD)


def test_metal_elsewhere_is_no_implant() -> None:
    image = film(0.6)
    image[20:40, 100:130] = 1.0
    assert not shows_metal(image, grey_levels(image), HEAD)


def test_head_beyond_the_image_is_no_implant() -> None:
    image = film(1.0)
    assert not shows_metal(image, image, Circle(-300.0, -300.0, 26.0))


def joint(grain: float = 0.02) -> NDArray[np.float32]:
    """As `film`, in [0, 1]: the whole range is used by something white at the edge."""
    image = film(0.6) + np.float32(grain) * np.random.default_rng(1).uniform(-1, 1, (160, 140)).astype(np.float32)
    image[:6] = 1.0
    return np.clip(image, 0, 1)


FEMUR = np.hypot(*(np.indices((160, 140)) - np.array([HEAD.y, HEAD.x])[:, None, None])) < 1.7 * HEAD.radius


def line(image: NDArray[np.float32], half_width: float, grey: float) -> NDArray[np.float32]:
    """A bar across the head."""
    rows, columns = np.indices(image.shape)
    bar = (np.abs(rows - HEAD.y + 0.5 * (columns - HEAD.x)) < half_width) & (np.abs(columns - HEAD.x) < 30)
    image[bar] = grey
    return image


@pytest.mark.parametrize("half_width", [2.5, 4.0, 6.0])
def test_screws_and_nails_in_the_head_are_hardware(half_width: float) -> None:
    image = line(joint(), half_width, 0.95)
    assert shows_hardware(image, grey_levels(image), FEMUR, HEAD, 0.9)


@pytest.mark.parametrize(
    "image",
    [joint(), line(joint(), 3.0, 0.68), film(0.9)],
    ids=["bone", "a dense line", "an evenly bright head"],
)
def test_bone_is_no_hardware(image: NDArray[np.float32]) -> None:
    assert not shows_hardware(image, grey_levels(image), FEMUR, HEAD, 0.9)


def test_metal_outside_head_and_neck_is_no_hardware_of_theirs() -> None:
    image = joint()
    image[145:150] = 1.0
    assert not shows_hardware(image, grey_levels(image), FEMUR, HEAD, 0.9)


@pytest.mark.parametrize("place", [(-300.0, -300.0), (139.0, 158.0), (500.0, 70.0)])
def test_a_head_at_or_beyond_the_edge_is_no_crash(place: tuple[float, float]) -> None:
    image = joint()
    assert not shows_hardware(image, grey_levels(image), FEMUR, Circle(*place, 26.0), 0.9)
