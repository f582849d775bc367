"""How well the true outlines themselves agree with points files that err: no model can be much better.

Run from anywhere: `python experiments/transfer/ceiling.py store=FILE.h5 annotations=FILE.truth.csv [split=FILE.csv]`;
prints the Dice of every label on the store's hips, or on the split's test set. Annotations are what `hipseg phantom`
writes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from hipseg.data.store import Store
from hipseg.labels.curves import spline_curves
from hipseg.labels.label_map import LABEL_NAMES, draw_label_map
from hipseg.metrics.dice import dice_scores


def main() -> None:
    """Print the table."""
    options = dict(argument.split("=") for argument in sys.argv[1:])
    store = Store(Path(options["store"]))
    truth = pd.read_csv(options["annotations"], dtype={"key": str}, low_memory=False).set_index("key")
    keys = store.samples.loc[store.samples["usable"], "key"]
    if "split" in options:
        split = pd.read_csv(options["split"], dtype=str)
        keys = keys[keys.isin(split.loc[split["subset"] == "test", "sample"])]
    columns = [f"{axis}{i}" for i in range(80) for axis in "xy"]
    scores = []
    for key in keys:
        row = store.rows_by_key[key]
        grid = store.grid(row)
        points = truth.loc[key, columns].to_numpy(dtype=float).reshape(80, 2)
        true = draw_label_map(grid.to_pixels(points), grid.shape, spline_curves).astype(np.int64)
        said = store.label(row).astype(np.int64)
        scores.append(dice_scores(torch.from_numpy(true)[None], torch.from_numpy(said)[None], len(LABEL_NAMES))[0])
    mean = torch.stack(scores)[:, 1:].mean(dim=0).tolist()
    print(f"{len(keys)} hips: mean Dice {np.mean(mean):.4f}")
    print("\n".join(f"{name:16} {value:.4f}" for name, value in zip(LABEL_NAMES[1:], mean, strict=True)))


if __name__ == "__main__":
    main()
