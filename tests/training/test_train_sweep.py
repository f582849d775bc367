"""The thesis' comparison of losses and activations as one sweep."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
import torch
import yaml
from test_one_run import assert_complete, tiny

import hipseg
from hipseg.commands import main

GRID = list(product(("dice", "ce", "dice_ce"), ("softmax", "sigmoid")))
CLASSES = {"dice": "Dice", "ce": "CrossEntropy", "dice_ce": "DiceCrossEntropy"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, store: Path, split: Path) -> Path:
    """The working directory of a sweep that was told no folder."""
    folder = tmp_path_factory.mktemp("sweep")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        sweep = ["-m", "activation=softmax,sigmoid"]  # the flag amid the options, as people write it
        main(["train", *tiny(store, split), "loss=dice,ce,dice_ce", *sweep])
    return folder


@pytest.fixture(scope="module")
def sweep(place: Path) -> Path:
    (folder,) = (place / "runs").iterdir()
    return folder


def test_sweep_leaves_one_folder_of_six_runs(place: Path, sweep: Path) -> None:
    assert [path.name for path in place.iterdir()] == ["runs"]  # no outputs/, no multirun/
    assert sorted(path.name for path in sweep.iterdir() if path.is_dir()) == [str(i) for i in range(6)]


@pytest.mark.parametrize("index", range(6))
def test_every_run_is_complete_and_what_it_says(index: int, sweep: Path, split: Path) -> None:
    folder, (loss, activation) = sweep / str(index), GRID[index]
    assert_complete(folder, split)
    overrides = yaml.safe_load((folder / ".hydra" / "overrides.yaml").read_text())
    assert overrides[-2:] == [f"loss={loss}", f"activation={activation}"]
    task = hipseg.load(folder / "checkpoints" / "best.ckpt")
    assert task.record["training"]["loss"]["_target_"] == f"hipseg.losses.overlap.{CLASSES[loss]}"
    image = torch.rand(2, 1, 64, 64)
    assert task.network(image).shape == (2, 4 if activation == "softmax" else 3, 64, 64)
    assert task(image).shape == (2, 4, 64, 64)


def test_runs_differ(sweep: Path) -> None:
    assert len({(sweep / str(i) / "test_hips.csv").read_text() for i in range(6)}) == 6
