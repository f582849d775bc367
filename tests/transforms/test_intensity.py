from __future__ import annotations

import numpy as np
import pytest

from hipseg.transforms.intensity import clip_and_scale, to_uint16

INSIDE = (slice(1, 11), slice(2, 13))
PERCENTILES = (5.0, 95.0)


def test_percentiles_of_the_film_alone_become_0_and_1() -> None:
    image = np.full((12, 15), 1e6, dtype=np.float32)  # what lies outside must not count
    image[INSIDE] = np.arange(110, dtype=np.float32).reshape(10, 11)
    scaled = clip_and_scale(image, INSIDE, PERCENTILES)
    # Of 0 to 109, the 5th percentile is 5.45 and the 95th 103.55.
    expected = np.clip((np.arange(110) - 5.45) / (103.55 - 5.45), 0, 1).reshape(10, 11)
    np.testing.assert_allclose(scaled[INSIDE], expected, atol=1e-6)
    scaled[INSIDE] = 0
    assert (scaled == 0).all()


def test_clipping_is_not_undone() -> None:
    image = np.random.default_rng(0).normal(size=(100, 100)).astype(np.float32)
    image[0, 0] = 1e5
    scaled = clip_and_scale(image, (slice(None), slice(None)), PERCENTILES)
    assert (scaled == 0).sum() == 500
    assert (scaled == 1).sum() == 500
    assert np.median(scaled) == pytest.approx(0.5, abs=0.02)


def test_0_to_100_is_plain_scaling() -> None:
    image = np.array([[-3, 1], [5, 2]], dtype=np.float32)
    np.testing.assert_allclose(clip_and_scale(image, (slice(0, 2), slice(0, 2)), (0, 100)), [[0, 0.5], [1, 0.625]])


def test_input_is_left_alone() -> None:
    image = np.arange(180, dtype=np.float32).reshape(12, 15)
    clip_and_scale(image, INSIDE, PERCENTILES)
    assert np.array_equal(image, np.arange(180).reshape(12, 15))


def test_one_grey_value_is_refused() -> None:
    image = np.zeros((40, 40), dtype=np.float32)
    image[3, 4] = 9  # one pixel lies beyond the percentiles
    with pytest.raises(ValueError, match="constant"):
        clip_and_scale(image, (slice(0, 40), slice(0, 40)), PERCENTILES)


@pytest.mark.parametrize("bits", [8, 10, 12, 15, 16])
def test_16_bits_keep_the_stated_precision(bits: int) -> None:
    image = np.linspace(0, 1, 100_001, dtype=np.float32)
    stored = to_uint16(image, bits)
    assert stored.dtype == np.uint16
    assert stored[0] == 0 and stored[-1] == 65535
    assert (np.diff(stored.astype(np.int64)) >= 0).all()
    assert np.abs(stored / 65535.0 - image).max() <= 2.0 ** -(bits + 1) + 1e-7
    assert (stored[stored < 65535] % 2 ** (16 - bits) == 0).all()
    assert len(np.unique(stored)) == 2**bits + (bits < 16)
