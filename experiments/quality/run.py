"""How many planted failures the quality status flags, and how many good hips.

Run from anywhere: `python experiments/quality/run.py checkpoint=FILE.ckpt store=FILE.h5 [each=30]`; writes
`results.csv` beside itself. Every usable hip of the store is measured as it is, and some once with each failure.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from plants import PLANTS, Plant

import hipseg
from hipseg.config import conf_folder
from hipseg.data.store import Store
from hipseg.geometry.crop import crop_of
from hipseg.measure import joint_space_width
from hipseg.transforms.polarity import check_polarity


class Judge:
    """A checkpoint and a store: hips in, status out."""

    def __init__(self, checkpoint: Path, store: Store) -> None:
        self.task, self.store = hipseg.load(checkpoint), store
        self.field = crop_of(self.task.record)
        self.plausible = instantiate(OmegaConf.load(conf_folder() / "plausibility" / "adult.yaml"))

    def __call__(self, row: int, plant: Plant | None = None) -> str:
        """The status of one hip, with a failure planted."""
        mirror, grid = bool(self.store.samples["mirror"].iat[row]), self.store.grid(row)
        whole = self.store.image(row).astype(np.float32) / np.float32(65535)
        if plant is PLANTS["inverted film"]:
            whole = 1 - whole
        seen = np.ascontiguousarray(self.field.cut(whole, mirror)).astype(np.float32)
        with torch.inference_mode():
            shares = self.task(torch.from_numpy(seen)[None, None])[0].numpy()
        if plant is not None:
            landmarks = self.field.from_stored(self.store.landmarks(row), mirror, grid.shape[1])
            shares = plant(shares, landmarks, np.random.default_rng(row))
        joint = joint_space_width(shares, grid.spacing_mm)
        return str(self.plausible.judge(joint, check_polarity(whole, grid.spacing_mm)).status)


def main() -> None:
    """Print and write the table."""
    options = dict(argument.split("=") for argument in sys.argv[1:])
    store = Store(Path(options["store"]))
    judge = Judge(Path(options["checkpoint"]), store)
    rows = np.flatnonzero(store.samples["usable"])
    found = {"none": [judge(int(row)) for row in rows]}
    # Far apart, so that they are of many subjects.
    chosen = rows[np.linspace(0, len(rows) - 1, int(options.get("each", 30))).round().astype(int)]
    for name, plant in PLANTS.items():
        found[name] = [judge(int(row), plant) for row in chosen]
    table = pd.DataFrame(
        [(name, len(said), sum(status != "ok" for status in said), "; ".join(
            f"{status} {said.count(status)}" for status in sorted(set(said))
        )) for name, said in found.items()],
        columns=["planted", "hips", "flagged", "statuses"],
    )  # fmt: skip
    table.to_csv(Path(__file__).parent / "results.csv", index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
