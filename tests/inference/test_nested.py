"""Labels within each other, of layers thinner than a pixel and of parts that lie apart."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hipseg.inference.nested import NestedLabels
from hipseg.inference.own_grid import on_own_grid
from hipseg.transforms.prepare_image import label_shares, planned_size, prepare_label, resize

SIZE = (64, 72, 72)
FINE_MM, COARSE_MM = (1.0, 0.8, 0.8), (2.0, 1.6, 1.6)


def _shell(outer_mm: float, inner_mm: float) -> NDArray[np.uint8]:
    """A ball of marrow in a shell of cortex, on a fine grid."""
    axes = [
        (np.arange(length) - (length - 1) / 2 + 0.3) * mm for length, mm in zip(SIZE, FINE_MM, strict=True)
    ]  # off the grid's symmetry
    radius = np.sqrt(sum(axis**2 for axis in np.meshgrid(*axes, indexing="ij", sparse=True)))
    return (radius < outer_mm).astype(np.uint8) + (radius < inner_mm).astype(np.uint8)


def _ball_mm3(radius: float) -> float:
    return 4 / 3 * np.pi * radius**3


@pytest.mark.parametrize("thickness_mm", [0.9, 2.0, 5.0])
def test_surfaces_of_a_thin_shell_stay_where_they_are_though_pixels_are_coarse(thickness_mm: float) -> None:
    outer = 24.0
    label = _shell(outer, outer - thickness_mm)
    coarse = planned_size(SIZE, FINE_MM, COARSE_MM)
    shares = resize(label_shares(label, 3), coarse)
    perfect = torch.from_numpy(np.concatenate([1 - shares.sum(0, keepdims=True), shares]))[None]
    found = NestedLabels()(on_own_grid(perfect, SIZE)).argmax(1)[0].numpy()
    voxel = float(np.prod(FINE_MM))
    assert (found > 0).sum() * voxel == pytest.approx(_ball_mm3(outer), rel=0.01)
    assert (found > 1).sum() * voxel == pytest.approx(_ball_mm3(outer - thickness_mm), rel=0.012)


def test_the_most_probable_label_would_lose_a_thin_shell() -> None:
    most = prepare_label(_shell(24.0, 23.1), 3, FINE_MM, COARSE_MM)
    volume = (most > 0).sum() * float(np.prod(COARSE_MM))
    assert volume < 0.98 * _ball_mm3(24.0)


def test_what_two_labels_share_is_not_background() -> None:
    said = torch.tensor([0.4, 0.3, 0.3]).reshape(1, 3, 1, 1).expand(1, 3, 4, 4)
    found = NestedLabels()(said)
    assert (found.argmax(1) == 1).all()
    assert (found.sum(1) == 1).all()


def test_of_each_surface_the_largest_part_is_kept() -> None:
    truth = torch.zeros(12, 20, dtype=torch.int64)
    truth[1:9, 1:9] = 1
    truth[2:6, 2:6], truth[7, 7] = 2, 2  # the second is a speck of marrow
    truth[10, 14:18] = 2  # and this lies apart
    said = torch.nn.functional.one_hot(truth, 3).movedim(-1, 0)[None].float()
    found = NestedLabels()(said).argmax(1)[0]
    wanted = truth.clone()
    wanted[7, 7], wanted[10, 14:18] = 1, 0
    assert torch.equal(found, wanted)


def test_images_of_a_batch_are_decided_each_for_itself_and_may_hold_nothing() -> None:
    nothing = torch.zeros(1, 3, 6, 6)
    nothing[:, 0] = 1
    bone = torch.zeros(1, 3, 6, 6)
    bone[:, 1] = 1
    found = NestedLabels()(torch.cat([nothing, bone])).argmax(1)
    assert (found[0] == 0).all() and (found[1] == 1).all()
