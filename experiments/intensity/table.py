"""Choices of grey values beside each other, with 95 % intervals of a bootstrap over subjects.

Run as `python experiments/intensity/table.py FOLDER`, which is that of `run.sh`; writes `results.csv` beside itself.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

CHOICES, PRESETS = ("thesis", "wide", "local"), ("standard", "hard", "random")
DRAWS = 2000


def _interval(values: pd.Series, subjects: pd.Series) -> str:
    """A mean and its interval, hips of one subject drawn together."""
    sums = values.groupby(subjects).agg(["sum", "count"]).to_numpy()
    drawn = sums[np.random.default_rng(0).integers(len(sums), size=(DRAWS, len(sums)))].sum(axis=1)
    low, high = np.percentile(drawn[:, 0] / drawn[:, 1], (2.5, 97.5))
    return f"{values.mean():.3f} ({low:.3f} to {high:.3f})"


def main() -> None:
    """Print and write the table."""
    folder, rows = Path(sys.argv[1]), []
    for preset in PRESETS:
        for choice in (name for name in CHOICES if (folder / f"{name}_{preset}").is_dir()):
            hips = pd.read_csv(folder / f"{choice}_{preset}" / "test_hips.csv")
            subjects = hips["sample"].str.split("/").str[:2].str.join("/")
            dice = hips[[name for name in hips if name.startswith("dice_")]].mean(axis=1)
            ok = hips["status"] == "ok"
            rows.append({
                "preset": preset, "intensity": choice, "hips": len(hips), "ok": int(ok.sum()),
                "dice": _interval(dice, subjects), "mae_mm": _interval(hips["error_mm"][ok].abs(), subjects[ok]),
                "bias_mm": _interval(hips["error_mm"][ok], subjects[ok]),
            })  # fmt: skip
    table = pd.DataFrame(rows)
    table.to_csv(Path(__file__).parent / "results.csv", index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
