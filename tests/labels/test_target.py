from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from hipseg.labels.curves import spline_curves
from hipseg.labels.label_map import HipOutlines, draw_label_map, hip_outlines, soften_label_map
from hipseg.labels.target import SoftTarget, hard_target
from hipseg.labels.template import template

SHAPE = (260, 250)
LANDMARKS = template() / 0.9 + 200.3
LABEL = draw_label_map(LANDMARKS, SHAPE, spline_curves)
OUTLINES = hip_outlines(LANDMARKS, spline_curves)


def seen(first_column: int) -> np.ndarray:
    mask = np.ones(SHAPE, dtype=bool)
    mask[:, first_column:] = False
    return mask


def undrawn() -> HipOutlines:
    raise AssertionError("a hard target draws nothing")


def test_a_hard_target_is_the_label_map_and_needs_no_outlines() -> None:
    assert hard_target(LABEL, seen(40), undrawn) is LABEL


@pytest.mark.parametrize("fineness", [2, 5])
def test_a_soft_target_is_the_softened_map_and_background_where_nothing_was_seen(fineness: int) -> None:
    joint = np.flatnonzero((LABEL == 3).any(axis=0))
    middle = int(joint.mean())
    target = SoftTarget(fineness)(LABEL, seen(middle), lambda: OUTLINES)
    whole = soften_label_map(LABEL, OUTLINES, fineness)
    assert np.array_equal(target[:, :, :middle], whole[:, :, :middle])
    assert (whole[1:, :, middle:] > 0).any(axis=(1, 2)).all()
    assert (target[0, :, middle:] == 1).all() and (target[1:, :, middle:] == 0).all()
    np.testing.assert_allclose(target.sum(axis=0), 1, atol=1e-6)


def test_all_seen_changes_nothing_and_a_target_stays_as_it_was_made() -> None:
    target = SoftTarget(3)
    found = target(LABEL, seen(SHAPE[1]), lambda: OUTLINES)
    assert np.array_equal(found, soften_label_map(LABEL, OUTLINES, 3))
    with pytest.raises(FrozenInstanceError):
        target.fineness = 4  # type: ignore[misc]
