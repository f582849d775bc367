"""Otsu's thresholds on probabilities whose two levels are known."""

from __future__ import annotations

import numpy as np
import torch

from hipseg.inference.otsu import OtsuThresholds


def _within(bone: float, marrow: float) -> torch.Tensor:
    """A volume of 8 x 10 x 12 in which 6 x 6 x 6 are bone at one probability and 2 x 2 x 2 of these marrow."""
    said = torch.zeros(1, 3, 8, 10, 12)
    said[0, 1, 1:7, 1:7, 1:7] = bone
    said[0, 1, 3:5, 3:5, 3:5] = bone - marrow
    said[0, 2, 3:5, 3:5, 3:5] = marrow
    said[0, 0] = 1 - said[0, 1:].sum(0)
    return said


def test_what_is_likely_is_found_below_one_half_too() -> None:
    said = _within(bone=0.4, marrow=0.3)
    assert (said.argmax(1) == 0).all()
    labels = OtsuThresholds()(said).argmax(1)[0].numpy()
    truth = np.zeros((8, 10, 12), dtype=int)
    truth[1:7, 1:7, 1:7], truth[3:5, 3:5, 3:5] = 1, 2
    assert (labels == truth).all()


def test_every_pixel_has_one_label_and_every_image_its_own_threshold() -> None:
    faint, clear = _within(0.3, 0.2), _within(0.9, 0.8)
    together = OtsuThresholds()(torch.cat([faint, clear]))
    assert (together.sum(1) == 1).all()
    for one, alone in zip(together, (faint, clear), strict=True):
        assert torch.equal(one, OtsuThresholds()(alone)[0])


def test_nothing_is_enclosed_where_all_is_background() -> None:
    said = torch.zeros(1, 3, 4, 4, 4)
    said[:, 0] = 1
    assert (OtsuThresholds()(said).argmax(1) == 0).all()
