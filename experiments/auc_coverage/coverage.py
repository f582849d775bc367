"""How often 95 % intervals of an area under the ROC curve hold the true one: simulated subjects with two hips each."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
from scipy.stats import norm

from hipseg.measure.agreement import with_intervals
from hipseg.metrics.classification import class_statistics
from hipseg.metrics.roc_area import auc_interval, newcombe_interval

REPEATS, RESAMPLED, RESAMPLES = 4000, 400, 500
ALIKE = {"somewhat": (0.49, 0.36), "very": (0.9, 0.8)}  # correlation of both hips' disease, and of their scores


def simulate(
    hips: int, auc: float, alike: tuple[float, float], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, score and subject of hips."""
    subjects = np.arange(hips) // 2
    disease, noise = (
        np.sqrt(share) * rng.standard_normal(hips // 2)[subjects] + np.sqrt(1 - share) * rng.standard_normal(hips)
        for share in alike
    )
    truth = disease > 0.2
    return truth, noise + truth * np.sqrt(2) * norm.ppf(auc), subjects


def main(out: str) -> None:
    """Write the table."""
    rows = []
    for name, alike in ALIKE.items():
        for auc in (0.75, 0.9, 0.97):
            for hips in (24, 50, 150, 400):
                rng = np.random.default_rng([hips, int(100 * auc)])
                held: dict[str, list[bool]] = {"bootstrap": [], "newcombe": [], "obuchowski": []}
                for number in range(REPEATS):
                    truth, score, subjects = simulate(hips, auc, alike, rng)
                    if min(truth.sum(), (~truth).sum()) < 2:
                        continue
                    area = float(np.mean(score[truth][:, None] > score[~truth]))
                    ends = {
                        "newcombe": newcombe_interval(area, truth.sum(), (~truth).sum()),
                        "obuchowski": auc_interval(truth, score, subjects),
                    }
                    if number < RESAMPLED:
                        chance = norm.cdf(score)
                        table = with_intervals(class_statistics(truth, chance, chance > 0.5), subjects, 0, RESAMPLES)
                        found = table.set_index("statistic").loc["roc_auc"]
                        ends["bootstrap"] = found["low"], found["high"]
                    for method, (low, high) in ends.items():
                        held[method].append(low <= auc <= high)
                shares = {method: np.mean(each) for method, each in held.items()}
                rows.append({"hips of a subject alike": name, "auc": auc, "hips": hips, **shares})
                print(rows[-1], flush=True)
    pd.DataFrame(rows).to_csv(out, index=False, float_format="%.3f")


if __name__ == "__main__":
    main(sys.argv[1])
