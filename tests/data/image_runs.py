"""Eight small images of bright discs, and the options of a run of seconds on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from small_images import dataset_json, write

from hipseg.commands import main

SIZES = ((40, 36), (33, 47), (52, 40), (36, 36), (45, 33), (38, 41), (34, 50), (41, 39))
SPACING = "spacing_mm=[0.5,0.5]"


def disc(number: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """An image, and its label map: a disc (1) with a core (2)."""
    rows, columns = SIZES[number]
    y, x = np.mgrid[:rows, :columns]
    away = np.hypot(y - rows / 2 + number % 3, x - columns / 2)
    labels = np.where(away < 5, 2, np.where(away < 11, 1, 0)).astype(np.uint8)
    noise = np.random.default_rng(number).integers(0, 30, (rows, columns))
    return (labels * 80 + noise).astype(np.uint8), labels


def dataset(folder: Path) -> Path:
    """An nnU-Net folder of them: six train, two test."""
    dataset_json(folder, ".png", labels={"background": 0, "disc": 1, "core": 2})
    for number in range(8):
        image, labels = disc(number)
        part = "Tr" if number < 6 else "Ts"
        write(folder / f"images{part}" / f"case{number}_0000.png", image)
        write(folder / f"labels{part}" / f"case{number}.png", labels)
    return folder


def small_run(folder: Path, *more: str) -> list[str]:
    """Options of a run on a folder's `s.h5`, `split.csv` and `plan.yaml`."""
    return [
        "experiment=nnunet", f"plan={folder / 'plan.yaml'}", f"data.store={folder / 's.h5'}",
        f"data.split={folder / 'split.csv'}", "data.batch_size=2", "data.workers=0", "model.features=[4,8]",
        "model.strides=[[1,1],[2,2]]", "model.kernel_sizes=[[3,3],[3,3]]", "data.dataset.patch=[32,32]",
        "inferer.window=[32,32]", "data.dataset.patches_per_epoch=4", "data.dataset.val_patches=2",
        "trainer.max_epochs=1", "trainer.precision=32-true", "evaluation.overlap.pictures=2", *more,
    ]  # fmt: skip


def planned(folder: Path) -> Path:
    """A folder with a store, its split with two folds and its plan."""
    store = f"store={folder / 's.h5'}"
    main(["convert", f"input={dataset(folder / 'Dataset001_discs')}", store, SPACING, "workers=1"])
    main(["split", store, f"out={folder / 'split.csv'}", "by=given", "folds=2"])
    main(["plan", store, f"split={folder / 'split.csv'}", f"out={folder / 'plan.yaml'}"])
    return folder
