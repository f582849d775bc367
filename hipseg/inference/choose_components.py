"""Of which labels only the largest part should be kept, decided on cases that no network has learnt from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import pandas as pd
import torch
from torch import Tensor

from hipseg.inference.postprocess import LargestComponents
from hipseg.metrics.dice import dice_scores

_WORSE: Final = 1e-6


def compare_components(cases: Iterable[tuple[Tensor, Tensor]], label_names: Sequence[str]) -> pd.DataFrame:
    """The mean Dice of every label as it is, and where only the largest part of a label is kept.

    nnU-Net's rule (Isensee et al., Nature Methods 2021), a label at a time: it is chosen if its own Dice rises and no
    other label's falls.

    Args:
        cases: (labels, ...) probabilities and (...) label map of each case.
        label_names: The background first.

    Returns:
        `label`, `number`, `dice`, `dice_largest` (the label's own), `chosen`; a row a label but the background.
    """
    count, scores = len(label_names), list[Tensor]()
    for said, truth in cases:
        maps = [said, *(LargestComponents([number])(said[None].clone())[0] for number in range(1, count))]
        found = torch.stack([probabilities.argmax(dim=0) for probabilities in maps])
        scores.append(dice_scores(found, truth.long().expand_as(found), count)[:, 1:])
    mean = torch.stack(scores).double().mean(dim=0)
    rows = []
    for number in range(1, count):
        gain = mean[number] - mean[0]
        own = float(gain[number - 1])
        rows.append({
            "label": label_names[number], "number": number, "dice": float(mean[0, number - 1]),
            "dice_largest": float(mean[number, number - 1]), "chosen": own > _WORSE and float(gain.min()) > -_WORSE,
        })  # fmt: skip
    return pd.DataFrame(rows)
