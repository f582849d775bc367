"""Pictures of one hip each whose grade can be seen: a bright spot in those of grade 2 and more."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from skimage.io import imsave

GRADES = (0, 2, 0, 3, 1, 4)


def write_graded(folder: Path, subjects: int, edge: int = 48) -> Path:
    """Write two PNG pictures a subject and `grades.csv` with their grades.

    Returns:
        The table.
    """
    rng, rows = np.random.default_rng(7), []
    folder.mkdir(parents=True, exist_ok=True)
    for subject in range(subjects):
        for number, side in enumerate(("R", "L")):
            grade = GRADES[(2 * subject + number + subject // 3) % len(GRADES)]
            picture = rng.normal(90, 12, (edge, edge))
            if grade >= 2:
                row, column = rng.integers(edge // 4, 3 * edge // 4, 2)
                picture[row - 4 : row + 5, column - 4 : column + 5] += 110
            name = f"{subject:03d}_{side}.png"
            imsave(folder / name, np.clip(picture, 0, 255).astype(np.uint8), check_contrast=False)
            rows.append({"image": name, "grade": grade, "subject": f"{subject:03d}", "side": side})
    pd.DataFrame(rows).to_csv(folder / "grades.csv", index=False)
    return folder / "grades.csv"
