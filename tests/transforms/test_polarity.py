from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from hipseg.transforms.polarity import bone_brightness, check_polarity

Image = NDArray[np.float32]
SPACING = 0.9


def body(spacing: float = SPACING, seed: int = 0) -> Image:
    """An oval thickest in its middle, with two bright tubes for thigh bones, on air."""
    rows, columns = int(400 / spacing), int(380 / spacing)
    y, x = np.meshgrid(
        (np.arange(rows) + 0.5) * spacing - 200, (np.arange(columns) + 0.5) * spacing - 190, indexing="ij"
    )
    image = 0.8 * np.sqrt(np.clip(1 - (x / 175) ** 2 - (y / 260) ** 2, 0, None))
    for middle in (-80, 80):
        # The wall of a tube is seen longest where the ray grazes it: bright on both sides, darker within.
        for radius, sign in ((13, 1), (9, -1)):
            image += sign * 0.02 * np.sqrt(np.clip(radius**2 - (x - middle) ** 2, 0, None)) * (y > -40)
    noise = np.random.default_rng(seed).normal(0, 0.002, image.shape)
    return (gaussian_filter(image, 0.8 / spacing) + noise).astype(np.float32)


@pytest.mark.parametrize("spacing", [0.45, 0.9, 1.2])
@pytest.mark.parametrize(("scale", "offset"), [(1.0, 0.0), (4095.0, 0.0), (300.0, -1000.0)])
def test_bright_bone_is_as_stated_and_dark_bone_is_corrected(spacing: float, scale: float, offset: float) -> None:
    image = np.float32(scale) * body(spacing) + np.float32(offset)
    assert check_polarity(image, spacing) == "stated"
    assert check_polarity(image.max() + image.min() - image, spacing) == "corrected"


def pictures() -> list[Image]:
    smooth = [gaussian_filter(np.random.default_rng(seed).normal(size=(220, 180)), 6) for seed in range(4)]
    return [body(), *(part.astype(np.float32) for part in smooth)]


@pytest.mark.parametrize("image", pictures())
def test_inverting_negates(image: Image) -> None:
    brightness = bone_brightness(image, SPACING)
    assert abs(brightness) > 1e-3
    assert bone_brightness(-image, SPACING) == pytest.approx(-brightness, abs=1e-3)
    assert bone_brightness(image.max() + image.min() - image, SPACING) == pytest.approx(-brightness, abs=1e-3)


def test_scale_and_offset_do_not_matter() -> None:
    image = body()
    brightness = bone_brightness(image, SPACING)
    assert bone_brightness(image * 1000 - 300, SPACING) == pytest.approx(brightness, abs=2e-3)


@pytest.mark.parametrize("value", [0.0, 0.5, 4095.0])
def test_an_empty_film_says_nothing(value: float) -> None:
    image = np.full((300, 300), value, dtype=np.float32)
    assert bone_brightness(image, SPACING) == 0.0
    assert check_polarity(image, SPACING) == "unsure"


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("mask", ["dark", "bright"])
def test_collimator_carries_no_vote(sign: int, mask: str) -> None:
    image = sign * body()
    frame = np.ones(image.shape, dtype=bool)
    frame[30:-30, 25:-25] = False
    image[frame] = image.min() if mask == "dark" else image.max()
    assert check_polarity(image, SPACING) == ("stated" if sign > 0 else "corrected")
