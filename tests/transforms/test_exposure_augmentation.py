"""Other exposures of a window: the geometry is the light augmentation's, greys change, what is no image stays black."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hydra.utils import instantiate
from numpy.typing import NDArray
from omegaconf import OmegaConf

from hipseg.config import conf_folder
from hipseg.transforms.augment import ExposureAugmentation

STILL = ExposureAugmentation(
    rotation_deg=0, shift_px=0, scale=0, contrast=0, smaller=0, slow=0, sharpen=0, blur_px=0, noise=0, cover=0
)
SEEDS = range(5)


def window() -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Grey with a brighter disc, which is labelled; a black strip, where there is no image."""
    rows, columns = np.mgrid[:120, :100]
    disc = np.hypot(rows - 60, columns - 50) < 20
    image = np.where(disc, 0.6, 0.4).astype(np.float32)
    image[:10] = 0
    return image, disc.astype(np.uint8)


def changed(augmentation: ExposureAugmentation, seed: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    image, label, _ = augmentation(*window(), np.random.default_rng(seed))
    return image, label


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_wanted_changes_nothing(seed: int) -> None:
    image, label = changed(STILL, seed)
    np.testing.assert_allclose(image, window()[0], atol=1e-6)
    assert np.array_equal(label, window()[1])


@pytest.mark.parametrize(
    "wanted", [{"slow": 0.2}, {"noise": 0.1}, {"sharpen": 3.0}, {"blur_px": 4.0}, {"contrast": 0.4}]
)
def test_greys_change_labels_do_not_and_no_image_stays_black(wanted: dict[str, float]) -> None:
    found = [changed(replace(STILL, **wanted), seed) for seed in range(12)]
    assert any(np.abs(image - window()[0]).max() > 0.01 for image, _ in found)
    for image, label in found:
        assert np.array_equal(label, window()[1])
        assert (image[:10] == 0).all()
        assert image.dtype == np.float32 and image.min() >= 0 and image.max() <= 1


def test_a_slow_field_is_slow_and_within_its_amplitude() -> None:
    for seed in SEEDS:
        change = (changed(replace(STILL, slow=0.2), seed)[0] - window()[0])[10:]
        assert np.abs(change).max() < 0.25
        assert max(np.abs(np.diff(change, axis=axis)).max() for axis in (0, 1)) < 0.03


def test_sharpening_raises_edges_and_blurring_lowers_them() -> None:
    def edge(image: NDArray[np.float32]) -> float:
        return float(np.abs(np.diff(image[40:80], axis=1)).max())

    before = edge(window()[0])
    sharp = [edge(changed(replace(STILL, sharpen=1.5), seed)[0]) for seed in range(12)]
    blurred = [edge(changed(replace(STILL, blur_px=3.0), seed)[0]) for seed in range(12)]
    assert min(sharp) >= before - 1e-6 and max(sharp) > 1.2 * before
    assert max(blurred) <= before + 1e-6 and min(blurred) < 0.5 * before


def test_patches_cover_with_one_grey_each() -> None:
    image, label = changed(replace(STILL, cover=1.0), 0)
    covered = image != window()[0]
    assert 9 <= covered.sum() <= 3 * 46 * 46
    assert len(np.unique(image[covered])) <= 3
    assert np.array_equal(label, window()[1])


def test_the_shipped_option_moves_image_and_label_alike() -> None:
    shipped = instantiate(OmegaConf.load(conf_folder() / "augmentation" / "exposure.yaml"))
    for seed in SEEDS:
        image, label, _ = replace(shipped, noise=0.0, cover=0.0, slow=0.0, sharpen=0.0)(
            *window(), np.random.default_rng(seed)
        )
        inner = image[label > 0]
        # But for a rim of a pixel: the disc's grey.
        assert np.percentile(inner, 90) - np.percentile(inner, 15) < 0.03


def test_the_draw_alone_decides() -> None:
    shipped = instantiate(OmegaConf.load(conf_folder() / "augmentation" / "exposure.yaml"))
    first, again, other = (shipped(*window(), np.random.default_rng(seed))[0] for seed in (3, 3, 4))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
