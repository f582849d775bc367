"""How often 95 % intervals of an area under the ROC curve hold the true one: simulated subjects with two hips each."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
from scipy.stats import norm

from hipseg.measure.agreement import with_intervals
from hipseg.metrics.classification import auc_interval, class_statistics

REPEATS, RESAMPLES = 400, 500


def simulate(hips: int, auc: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, score and subject of hips; both hips of a subject are alike in disease and in score."""
    subjects = np.arange(hips) // 2
    shared = rng.standard_normal(hips // 2)[subjects]
    truth = 0.7 * shared + np.sqrt(1 - 0.49) * rng.standard_normal(hips) > 0.2
    noise = 0.6 * rng.standard_normal(hips // 2)[subjects] + 0.8 * rng.standard_normal(hips)
    return truth, norm.cdf(noise + truth * np.sqrt(2) * norm.ppf(auc)), subjects


def main(out: str) -> None:
    """Write the table."""
    rows = []
    for auc in (0.75, 0.9, 0.97):
        for hips in (24, 50, 150, 400):
            rng, held = np.random.default_rng([hips, int(100 * auc)]), {"bootstrap": [], "newcombe": [], "wider": []}
            for _ in range(REPEATS):
                truth, score, subjects = simulate(hips, auc, rng)
                if min(truth.sum(), (~truth).sum()) < 2:
                    continue
                table = with_intervals(class_statistics(truth, score, score > 0.5), subjects, 0, RESAMPLES)
                found = table.set_index("statistic").loc["roc_auc"]
                ends = auc_interval(found["value"], truth.sum(), (~truth).sum())
                wide = min(found["low"], ends[0]), max(found["high"], ends[1])
                for name, (low, high) in {
                    "bootstrap": (found["low"], found["high"]),
                    "newcombe": ends,
                    "wider": wide,
                }.items():
                    held[name].append(low <= auc <= high)
            rows.append({"auc": auc, "hips": hips, **{name: np.mean(each) for name, each in held.items()}})
            print(rows[-1], flush=True)
    pd.DataFrame(rows).to_csv(out, index=False, float_format="%.3f")


if __name__ == "__main__":
    main(sys.argv[1])
