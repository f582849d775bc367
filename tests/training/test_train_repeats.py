"""The same configuration and seed give the same weights and numbers, whatever the number of workers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from test_one_run import LIGHT, tiny, trained

from hipseg.commands import main


def _weights(folder: Path, name: str) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True)[
        "state_dict"
    ]
    return state


def _equal(a: Path, b: Path) -> bool:
    return all(
        torch.equal(value, _weights(b, name)[key])
        for name in ("best", "last")
        for key, value in _weights(a, name).items()
    )


def _again(folder: Path, store: Path, split: Path, *more: str) -> Path:
    main(["train", *tiny(store, split, *LIGHT, f"out={folder}", *more)])
    return folder


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, store: Path, split: Path) -> Path:
    return trained(tmp_path_factory, store, split)


@pytest.mark.parametrize("workers", [0, 2])
def test_same_seed_gives_the_same_run(workers: int, first: Path, store: Path, split: Path, tmp_path: Path) -> None:
    second = _again(tmp_path / "run", store, split, f"data.workers={workers}")
    assert (second / "summary.json").read_bytes() == (first / "summary.json").read_bytes()
    assert (second / "test_hips.csv").read_bytes() == (first / "test_hips.csv").read_bytes()
    assert _equal(first, second)


def test_another_seed_gives_another_run(first: Path, store: Path, split: Path, tmp_path: Path) -> None:
    second = _again(tmp_path / "run", store, split, "seed=1")
    assert (second / "summary.json").read_bytes() != (first / "summary.json").read_bytes()
    assert not _equal(first, second)
