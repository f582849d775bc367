from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from hipseg.labels.circle import Circle
from hipseg.transforms.implant import grey_levels, shows_metal

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
