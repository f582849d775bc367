"""Training that goes on from a checkpoint's weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from test_one_run import tiny, trained

from hipseg.checkpoint import read_checkpoint
from hipseg.commands import main
from hipseg.io.dicom import file_sha256


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, store: Path, split: Path) -> Path:
    return trained(tmp_path_factory, store, split) / "checkpoints" / "best.ckpt"


def test_weights_are_the_checkpoints_where_nothing_is_learnt(
    first: Path, store: Path, split: Path, tmp_path: Path
) -> None:
    still = ["optimizer.lr=1e-30", "loss=dice_ce", f"out={tmp_path / 'run'}"]
    main(["train", *tiny(store, split, *still, f"pretrained={first}")])
    begun, ended = (read_checkpoint(path) for path in (first, tmp_path / "run" / "checkpoints" / "best.ckpt"))
    for name, weights in begun["state_dict"].items():
        if name.startswith("network."):
            assert torch.equal(ended["state_dict"][name], weights)
    assert ended["hipseg"]["training"]["pretrained"] == file_sha256(first)
    assert str(tmp_path) not in str(ended["hipseg"])


@pytest.mark.parametrize("change", ["model.channels=[4,16]", "activation=sigmoid"])
def test_another_network_is_refused(
    change: str, first: Path, store: Path, split: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["train", *tiny(store, split, change, f"out={tmp_path / 'run'}", f"pretrained={first}")])
    assert "pretrained: the checkpoint holds another network" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_missing_checkpoint_is_named(
    store: Path, split: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["train", *tiny(store, split, f"out={tmp_path / 'run'}", f"pretrained={tmp_path / 'no.ckpt'}")])
    assert "pretrained: there is no file" in capsys.readouterr().err
