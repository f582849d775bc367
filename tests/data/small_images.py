"""Small images and masks written to files of every kind, for the tests of what reads them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray


def write(
    path: Path, pixels: NDArray[Any], spacing_mm: Sequence[float] | None = None, colours: bool = False
) -> Path:  # fmt: skip
    """An image by SimpleITK; the spacing in the order of the array's axes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(pixels, isVector=colours)
    if spacing_mm is not None:
        image.SetSpacing([float(mm) for mm in reversed(spacing_mm)])
    sitk.WriteImage(image, str(path))
    return path


def grey(rows: int = 12, columns: int = 9, seed: int = 0, kind: str = "u1") -> NDArray[Any]:
    """An image whose pixels differ from those of any other seed."""
    return np.random.default_rng(seed).integers(1, 200, (rows, columns)).astype(kind)


def mask(rows: int = 12, columns: int = 9, labels: int = 3) -> NDArray[np.uint8]:
    """Every label in some rows."""
    return (np.arange(rows)[:, None] % labels + np.zeros(columns, int)).astype(np.uint8)


def dataset_json(folder: Path, ending: str, channels: int = 1, **changed: Any) -> None:
    """An nnU-Net `dataset.json` of a background, a head and a neck."""
    about = {
        "channel_names": {str(number): f"channel{number}" for number in range(channels)},
        "labels": {"background": 0, "head": 1, "neck": 2},
        "numTraining": 1,
        "file_ending": ending,
        **changed,
    }
    folder.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in about.items() if value is not None}
    (folder / "dataset.json").write_text(json.dumps(kept))
