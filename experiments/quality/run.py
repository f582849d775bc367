"""How many planted failures the quality status flags, and how many good hips, all through what `hipseg predict` does.

Run from anywhere: `python experiments/quality/run.py checkpoint=FILE.ckpt out=FOLDER [good=300] [each=30] [seed=77]
[preset=standard]`; writes `results.csv` beside itself.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from films import KINDS, draw
from hydra.utils import instantiate
from omegaconf import OmegaConf
from plants import PLANTS, Plant

import hipseg
from hipseg.config import conf_folder
from hipseg.io.limits import UNLIMITED
from hipseg.labels.landmarks import Side
from hipseg.measure.joint_curves import NotTraced
from hipseg.prediction.hip_films import HipFilms
from hipseg.progress import track


class Planted:
    """A task whose answers have a failure planted in them, after all else is done to them."""

    def __init__(self, task: Any, plant: Plant, seed: int) -> None:
        self.record, self.locator, self.segment = task.record, task.locator, task.segment
        self._postprocess, self._plant, self._rng = task.postprocess, plant, np.random.default_rng(seed)

    def postprocess(self, said: torch.Tensor) -> torch.Tensor:
        """(B, 4, rows, columns): each with the failure, but those that have no joint to spoil."""
        after = said if self._postprocess is None else self._postprocess(said)
        return torch.from_numpy(np.stack([self._spoilt(shares) for shares in after.numpy()]))

    def _spoilt(self, shares: Any) -> Any:
        try:
            return self._plant(shares, self._rng, self.record["preprocessing"]["spacing_mm"]).astype(np.float32)
        except NotTraced:
            return shares


def main() -> None:
    """Print and write the table."""
    options = dict(argument.split("=") for argument in sys.argv[1:])
    out, seed = Path(options["out"]), int(options.get("seed", 77))
    good, each = int(options.get("good", 300)), int(options.get("each", 30))
    conf = conf_folder()
    preset = instantiate(OmegaConf.load(conf / "preset" / f"{options.get('preset', 'standard')}.yaml"))
    task = hipseg.load(options["checkpoint"])
    plausible = instantiate(OmegaConf.load(conf / "plausibility" / "adult.yaml"))

    def statuses(network: Any, folder: Path, names: Mapping[str, tuple[Side, ...]]) -> list[str]:
        predictor = HipFilms(network, None, "contour", plausible, UNLIMITED, ("CR",))
        found = []
        for name, sides in track(names.items(), len(names), "films"):
            rows = predictor.predict(folder / name, name, out / "predicted" / folder.name)
            found += [str(row["status"]) for row in rows if row["side"] in (*sides, "")]
        predictor.close()
        return found

    sound = draw(out / "sound", preset, None, good // 2, seed)
    found = {"none": statuses(task, out / "sound", sound)}
    few = dict(list(sound.items())[: each // 2])
    for number, (name, plant) in enumerate(PLANTS.items()):
        found[name] = statuses(Planted(task, plant, number), out / "sound", few)
    for kind, (_, _, prosthesis) in KINDS.items():
        films = each // 2 if prosthesis is None else each
        folder = out / kind.replace(" ", "_").replace(",", "")
        found[kind] = statuses(task, folder, draw(folder, preset, kind, films, seed + 1))
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
