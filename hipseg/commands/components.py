"""`hipseg components`: of which labels only the largest part should be kept, by cross-validation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from omegaconf import DictConfig
from torch import Tensor

from hipseg.checkpoint import load, require_alike, require_same_data
from hipseg.data.split import choose_fold, read_split, subset_samples
from hipseg.data.stores import AnyStore, open_store
from hipseg.errors import HipsegError
from hipseg.inference.choose_components import compare_components
from hipseg.inference.device import best_device
from hipseg.inference.own_grid import on_own_grid
from hipseg.instantiation import call
from hipseg.progress import track
from hipseg.rebuild import dataset_of
from hipseg.tasks.segmentation import SegmentationTask


def components(checkpoint: list[Path], data: Mapping[str, Path], out: Path, trusted: tuple[str, ...]) -> None:
    """Judge every fold's held-out cases by its checkpoint, with and without smaller parts of each label.

    Args:
        checkpoint: Of every fold of a split, as [A,B].
        data: `store` and `split` that they were trained on.
        out: CSV with `label`, `number`, `dice`, `dice_largest` and whether it is `chosen`.
        trusted: Beginnings of names of your own that the checkpoints may import.

    Raises:
        HipsegError: If a fold lacks its checkpoint, or they are of different kinds.
    """
    tasks = [load(path, trusted=trusted) for path in checkpoint]
    require_alike(tasks, checkpoint)
    store = open_store(data["store"])
    require_same_data(tasks[0].record, store, checkpoint[0])
    held_out = _held_out(tasks, checkpoint, read_split(data["split"], store.samples))
    cases = sum(map(len, held_out))
    table = compare_components(
        track(_probabilities(tasks, held_out, store, trusted), cases, "cases"), tasks[0].record["label_names"]
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(out, index=False, float_format="%.6f")
    print(table.to_string(index=False, float_format="{:.4f}".format))
    chosen = table.loc[table["chosen"], "number"].tolist()
    if chosen:
        given = ",".join(map(str, chosen))
        print(f"on {cases} held-out cases; for evaluate and predict: postprocess=largest_components")
        print(f"'postprocess.labels=[{given}]'")
    else:
        print(f"on {cases} held-out cases no label gains by it")


def _held_out(tasks: Sequence[SegmentationTask], paths: Sequence[Path], split: pd.DataFrame) -> list[list[str]]:
    """The samples of the fold that each checkpoint was not trained on."""
    folds = [task.record["training"].get("fold") for task in tasks]
    for fold, path in zip(folds, paths, strict=True):
        if type(fold) is not int:
            raise HipsegError(f"checkpoint: {path} was trained without a fold; train it with data.fold=0 and so on")
        if folds.count(fold) > 1:
            raise HipsegError(f"checkpoint: {path} is not the only one of fold {fold}; give one a fold")
    known = {int(fold) for fold in split.loc[split["subset"] != "test", "fold"]} if "fold" in split else set()
    if missing := sorted(known - set(folds)):
        raise HipsegError(f"checkpoint: the split's fold {missing[0]} has none; give one of every fold")
    return [subset_samples(choose_fold(split, fold), "val", None) for fold in folds]


def _probabilities(
    tasks: Sequence[SegmentationTask], held_out: Sequence[list[str]], store: AnyStore, trusted: tuple[str, ...]
) -> Iterator[tuple[Tensor, Tensor]]:
    """What each network says of its held-out cases, on their own grids, and their label maps."""
    for task, samples in zip(tasks, held_out, strict=True):
        task.to(best_device())
        cases: Any = dataset_of(task.record, trusted)(store, samples, "test", 0)
        for index in range(len(cases)):
            with torch.inference_mode():
                sample = cases[index]
                said = task(sample.image[None].to(task.device))
                yield on_own_grid(said, sample.label.shape)[0].cpu(), sample.label


def run(config: DictConfig) -> None:
    """Run the command on its configuration."""
    call(components, config)
