"""Widths that a network of whole films measures in square pictures of single hips, against the phantom's true ones.

usage: crops.py STORE.h5 COHORT.truth.csv CHECKPOINT FOLDER; of every grade of a store of 'convert source=film_hips' 12
pictures are written, left hips turned back.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from skimage.io import imsave

from hipseg.commands import main as hipseg
from hipseg.data.image_store import ImageStore

EACH = 12


def main(path: Path, truth: Path, checkpoint: Path, folder: Path) -> None:
    """Write pictures, have them measured, and print how far widths are off and what they are by grade."""
    store, rng, rows = ImageStore(path), np.random.default_rng(0), []
    (folder / "pictures").mkdir(parents=True)
    for grade in range(5):
        for row in rng.choice(np.flatnonzero(store.grades == grade), EACH, replace=False):
            key = str(store.samples["key"].iat[row])
            side = key.rsplit("_", 1)[1]
            picture = (store.image(int(row))[0] >> 8).astype(np.uint8)
            name = f"{row:05d}.png"
            turned = picture[:, ::-1] if side == "left" else picture
            imsave(folder / "pictures" / name, turned, check_contrast=False)
            rows.append((name, grade, side, key, store.spacing_mm(int(row))[0]))
    spacing = f"spacing_mm=[{rows[0][-1]},{rows[0][-1]}]"
    hipseg(
        ["predict", f"checkpoint={checkpoint}", f"input={folder / 'pictures'}", spacing, f"out={folder / 'predicted'}"]
    )
    true = pd.read_csv(truth)
    parts = true["key"].str.split("/", expand=True)
    widths = true.assign(key="xray/" + parts[1] + "/" + parts[2] + "_" + parts[3]).set_index("key")["mjsw_mm"]
    given = pd.DataFrame(rows, columns=["file", "grade", "true_side", "key", "spacing"])
    found = pd.read_csv(folder / "predicted" / "predictions.csv").merge(given, on="file")
    found = found[found["status"] != "not_located"].assign(true_mm=found["key"].map(widths))
    ok = found[found["status"] == "ok"]
    off = ok["mjsw_mm"] - ok["true_mm"]
    print(
        found["status"].value_counts().to_string(),
        f"\non the wrong side: {(found['side'] != found['true_side']).sum()}",
    )
    print(f"mean absolute error {off.abs().mean():.2f} mm, bias {off.mean():+.2f} mm")
    print(ok.groupby("grade")[["mjsw_mm", "true_mm"]].mean().round(2).to_string())


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
