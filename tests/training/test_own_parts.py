"""Networks and losses of the user's own: they work, and where they do not fit a sentence says what is asked of them."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import own_parts
import pandas as pd
import pytest
from console import sentence
from test_one_run import assert_complete, tiny

import hipseg
from hipseg.commands import main
from hipseg.errors import HipsegError

FILM = "OAI/V00/OAI-9000001-V00-20060202.dcm"
NO_PICTURES = "evaluation.joint_space.pictures=0"


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """A folder of configuration of the user's own."""
    for group in ("model", "loss"):
        (tmp_path / "conf" / group).mkdir(parents=True)
    return tmp_path / "conf"


def _given(conf: Path, group: str, text: str, store: Path, split: Path, *more: str) -> list[str]:
    """Arguments of a tiny run with a part of the user's own."""
    (conf / group / "mine.yaml").write_text(text)
    usual = [part for part in tiny(store, split, *more) if group != "model" or not part.startswith("model.")]
    return ["train", f"--config-dir={conf}", f"{group}=mine", *usual]


NET = "_target_: own_parts.Net\n_partial_: true\nin_channels: 1\nwidth: 5\n"
TRUSTED = "trusted=[own_parts.]"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, store: Path, split: Path) -> Path:
    """A run of a network of the user's own, on whole half films, so that it can predict."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "conf/model").mkdir(parents=True)
    more = ("data.train_size=1", "data.val_size=1", "data.batch_size=1", f"out={folder / 'run'}")
    main(_given(folder / "conf", "model", NET, store, split, *more))
    return folder / "run"


def test_an_own_network_trains_and_is_tested(run: Path, split: Path) -> None:
    assert_complete(run, split)


def test_loading_it_asks_for_the_flag_by_name(run: Path) -> None:
    checkpoint = run / "checkpoints" / "best.ckpt"
    with pytest.raises(HipsegError, match=r"own_parts\.Net.*trusted"):
        hipseg.load(checkpoint)
    assert isinstance(hipseg.load(checkpoint, trusted=("own_parts.",)).network, own_parts.Net)


def test_evaluate_takes_the_flag(
    run: Path, store: Path, split: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [
        "evaluate", f"checkpoint={run / 'checkpoints/best.ckpt'}", f"data.store={store}", f"data.split={split}",
        "data.workers=0", NO_PICTURES, f"out={tmp_path / 'again'}",
    ]  # fmt: skip
    with pytest.raises(SystemExit) as stopped:
        main(given)
    assert stopped.value.code == 1
    assert TRUSTED in sentence(capsys.readouterr().err, "checkpoint")
    main([*given, TRUSTED])
    summaries = [json.loads((folder / "summary.json").read_text()) for folder in (run, tmp_path / "again")]
    assert summaries[0] == summaries[1]


def test_predict_takes_the_flag(
    run: Path, cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["pytest"])
    shutil.copy(cohort / FILM, tmp_path / "film.dcm")
    given = ["predict", f"checkpoint={run / 'checkpoints/best.ckpt'}", "input=film.dcm", "out=p"]
    with pytest.raises(SystemExit) as stopped:
        main(given)
    assert stopped.value.code == 1
    assert TRUSTED in sentence(capsys.readouterr().err, "checkpoint")
    assert not (tmp_path / "p").exists()
    main([*given, TRUSTED])
    assert set(pd.read_csv("p/predictions.csv")["file"]) == {"film.dcm"}


def test_an_own_loss_trains(conf: Path, store: Path, split: Path, tmp_path: Path) -> None:
    loss = "_target_: own_parts.Loss\n_partial_: true\npower: 2.0\n"
    main(_given(conf, "loss", loss, store, split, "trainer.max_epochs=4", "optimizer.lr=1e-2", NO_PICTURES,
                f"out={tmp_path / 'run'}"))  # fmt: skip
    losses = pd.read_csv(tmp_path / "run" / "metrics.csv")["train/loss"].dropna().tolist()
    assert losses[-1] < losses[0]


WRONG = {
    "loss: torch's": ("loss", "_target_: torch.nn.CrossEntropyLoss\n_partial_: true\n"),
    "loss: monai's": ("loss", "_target_: monai.losses.DiceLoss\n_partial_: true\n"),
    "loss: no activation": ("loss", "_target_: own_parts.WithoutActivation\n_partial_: true\n"),
    "loss: no weight": ("loss", "_target_: own_parts.WithoutWeight\n_partial_: true\n"),
    "loss: no module": ("loss", "_target_: own_parts.NoModule\n_partial_: true\n"),
    "loss: a function": ("loss", "_target_: own_parts.a_function\n_partial_: true\n"),
    "loss: not partial": ("loss", "_target_: own_parts.Loss\n"),
    "loss: not partial, complete": ("loss", "_target_: own_parts.WithoutActivation\n"),
    "loss: not there": ("loss", "_target_: own_parts.Lost\n_partial_: true\n"),
    "loss: another option": ("loss", "_target_: own_parts.Loss\n_partial_: true\npowr: 2\n"),
    "loss: no target": ("loss", "power: 2\n"),
    "model: no channels": ("model", "_target_: own_parts.NoChannels\n_partial_: true\n"),
    "model: one channel": ("model", "_target_: own_parts.OneChannel\n_partial_: true\nin_channels: 1\n"),
    "model: two inputs": ("model", "_target_: own_parts.Net\n_partial_: true\nin_channels: 2\n"),
    "model: a function": ("model", "_target_: own_parts.a_function\n_partial_: true\n"),
    "model: not there": ("model", "_target_: own_parts.Nut\n_partial_: true\n"),
    "model: not a name": ("model", "_target_: own parts\n_partial_: true\n"),
    "model: no target": ("model", "width: 2\n"),
    "model: not YAML": ("model", "width: [\n"),
    "model: a list": ("model", "- 1\n"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_refused_with_a_sentence(
    case: str, conf: Path, store: Path, split: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    group, text = WRONG[case]
    capsys.readouterr()
    with pytest.raises(SystemExit) as stopped:
        main(_given(conf, group, text, store, split, NO_PICTURES, f"out={tmp_path / 'run'}"))
    assert stopped.value.code == 1
    said = sentence(capsys.readouterr().err, "")
    assert group in said or "own_parts" in said
    assert not (tmp_path / "run" / "test_hips.csv").exists()
