"""Of a label only its largest part is kept, on maps drawn by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from hipseg.inference.choose_components import compare_components
from hipseg.inference.hips import OneHip
from hipseg.inference.postprocess import LargestComponents


def _drawn(rows: list[str], second: dict[tuple[int, int], int] | None = None) -> Tensor:
    """Probabilities (1, 3, rows, columns): 0.6 for the drawn label, 0.3 for the second (the background or 1)."""
    said = torch.full((1, 3, len(rows), len(rows[0])), 0.1)
    for r, row in enumerate(rows):
        for c, mark in enumerate(row):
            first = int(mark)
            said[0, (second or {}).get((r, c), 0 if first else 1), r, c] = 0.3
            said[0, first, r, c] = 0.6
    return said


def _map(probabilities: Tensor) -> list[str]:
    return ["".join(str(int(label)) for label in row) for row in probabilities.argmax(dim=1)[0]]


def test_smaller_parts_become_what_is_next_most_probable() -> None:
    said = _drawn(["110001", "110000", "000022", "100022"], second={(3, 0): 2})
    assert _map(LargestComponents([1])(said)) == ["110000", "110000", "000022", "200022"]


def test_labels_that_are_not_named_keep_their_parts() -> None:
    rows = ["110001", "110000", "000000", "202022"]
    assert _map(LargestComponents([1])(_drawn(rows))) == ["110000", "110000", "000000", "202022"]
    assert _map(LargestComponents([1, 2])(_drawn(rows))) == ["110000", "110000", "000000", "000022"]
    assert _map(LargestComponents([])(_drawn(rows))) == rows


def test_pixels_that_touch_at_a_corner_are_two_parts() -> None:
    assert _map(LargestComponents([1])(_drawn(["1100", "1100", "0010"]))) == ["1100", "1100", "0000"]


def test_maps_without_or_with_one_part_stay_as_they_are() -> None:
    for rows in (["000", "000"], ["011", "000"]):
        said = _drawn(rows)
        assert torch.equal(LargestComponents([1, 2])(said.clone()), said)


def test_every_image_of_a_batch_is_looked_at_alone() -> None:
    said = torch.cat([_drawn(["1101", "1100"]), _drawn(["1011", "0011"])])
    found = LargestComponents([1])(said)
    assert _map(found[:1]) == ["1100", "1100"]
    assert _map(found[1:]) == ["0011", "0011"]


def test_what_another_label_leaves_makes_no_new_part() -> None:
    said = _drawn(["110002", "110000", "000022", "000022"], second={(0, 5): 1})
    assert _map(LargestComponents([1, 2])(said)) == ["110000", "110000", "000022", "000022"]


def test_a_label_is_chosen_that_gains_and_takes_nothing_from_another() -> None:
    """Of label 1 a false part goes; of label 2 a true one, drawn in two, would."""
    truth = torch.tensor([[int(mark) for mark in row] for row in ["110000", "110000", "000000", "220022"]])
    said = _drawn(["110001", "110000", "000000", "220022"])[0]
    table = compare_components([(said, truth), (said, truth)], ["background", "one", "two"]).set_index("label")
    assert table["number"].tolist() == [1, 2]
    assert table["chosen"].tolist() == [True, False]
    assert table.loc["one", ["dice", "dice_largest"]].tolist() == pytest.approx([8 / 9, 1])
    assert table.loc["two", ["dice", "dice_largest"]].tolist() == pytest.approx([1, 4 / 6])


def test_a_gain_at_another_labels_cost_is_none() -> None:
    """A false part of label 1 becomes label 2 where it is no more true than before: that label loses."""
    truth = torch.tensor([[int(mark) for mark in row] for row in ["110000", "000000", "222000"]])
    said = _drawn(["110001", "000000", "222000"], second={(0, 5): 2})[0]
    table = compare_components([(said, truth)], ["background", "one", "two"]).set_index("label")
    assert table.loc["one", "dice_largest"] > table.loc["one", "dice"]
    assert not table["chosen"].any()


def test_components_leave_what_they_are_shown_as_it_is() -> None:
    said = _drawn(["110001", "110000", "000000", "220022"])[0]
    before = said.clone()
    compare_components([(said, said.argmax(dim=0))], ["background", "one", "two"])
    assert torch.equal(said, before)


def test_a_window_holds_one_femur_and_no_specks() -> None:
    """Of two pieces of femur (1) as large as half the other the smaller goes; the roof (2) keeps both of its parts."""
    said = torch.full((1, 4, 40, 60), 0.1)
    said[0, 0] = 0.7
    for label, rows, columns in (
        (1, slice(10, 30), slice(5, 25)), (1, slice(10, 30), slice(45, 55)), (2, slice(4, 8), slice(5, 14)),
        (2, slice(4, 8), slice(17, 25)), (3, slice(36, 38), slice(56, 58)),
    ):  # fmt: skip
        said[0, 0, rows, columns], said[0, label, rows, columns] = 0.1, 0.7
    found = OneHip()(said).argmax(dim=1)[0]
    assert (found[10:30, 5:25] == 1).all()
    assert (found[:, 45:] == 0).all()
    assert int((found == 2).sum()) == 4 * 9 + 4 * 8
