"""Radiographs in picture files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from skimage.io import imsave

from hipseg.errors import Excluded
from hipseg.io.picture_film import is_picture, read_picture


def test_a_picture_is_a_film_of_the_spacing_that_is_given(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 4096, (30, 40)).astype(np.uint16)
    imsave(tmp_path / "a.png", pixels, check_contrast=False)
    film = read_picture(tmp_path / "a.png", (0.25,))
    np.testing.assert_array_equal(film.pixels, pixels)
    assert film.grid.size_mm == (10.0, 7.5) and film.spacing.tag == "given"


@pytest.mark.parametrize(
    ("spacing", "reason"), [(None, "spacing_missing"), ((0.2, 0.3), "spacing_invalid"), ((1, 1, 1), "spacing_invalid")]
)
def test_a_spacing_is_needed_and_square(tmp_path: Path, spacing: tuple[float, ...] | None, reason: str) -> None:
    imsave(tmp_path / "a.png", np.eye(9, dtype=np.uint8), check_contrast=False)
    with pytest.raises(Excluded) as excluded:
        read_picture(tmp_path / "a.png", spacing)
    assert excluded.value.reason == reason


def test_pictures_are_known_by_their_names() -> None:
    assert is_picture(Path("a.PNG")) and is_picture(Path("b.jpeg"))
    assert not is_picture(Path("a.dcm")) and not is_picture(Path("a.nii.gz"))
