"""Which epoch is kept and tested: by name, and also where the watched value or the loss is no number."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch
from console import sentence
from test_one_run import tiny
from torch import Tensor, nn

from hipseg.checkpoint import read_checkpoint
from hipseg.commands import main
from hipseg.tasks.segmentation import SegmentationTask

LR = "optimizer.lr=1e-2"
NO_PICTURES = "evaluation.joint_space.pictures=0"


def _score(patch: pytest.MonkeyPatch, change: Callable[[int, Tensor], Tensor]) -> None:
    """Change the Dice that is logged of every validation epoch."""
    log_dict, log = SegmentationTask.log_dict, SegmentationTask.log

    def changed(task: SegmentationTask, name: str, value: object) -> object:
        if not name.startswith("val/dice"):
            return value
        number = value.compute() if hasattr(value, "compute") else torch.as_tensor(value)
        return change(task.current_epoch, number)

    def named(task: SegmentationTask, values: dict[str, object], *args: object, **options: object) -> None:
        log_dict(task, {name: changed(task, name, value) for name, value in values.items()}, *args, **options)

    def one(task: SegmentationTask, name: str, value: object, *args: object, **options: object) -> None:
        log(task, name, changed(task, name, value), *args, **options)

    patch.setattr(SegmentationTask, "log_dict", named)
    patch.setattr(SegmentationTask, "log", one)


def _epoch(folder: Path, name: str) -> int:
    return int(read_checkpoint(folder / "checkpoints" / f"{name}.ckpt")["epoch"])


SCORES: dict[str, tuple[Callable[[int, Tensor], Tensor], set[int]]] = {
    "never a number": (lambda epoch, score: score * math.nan, {0, 1, 2}),
    "no number amid": (lambda epoch, score: score * math.nan if epoch == 1 else score * 0 + epoch / 10, {2}),
    "infinite": (lambda epoch, score: score * 0 - math.inf, {0, 1, 2}),
}


@pytest.mark.parametrize("course", SCORES)
def test_a_checkpoint_is_kept_and_tested(
    course: str, store: Path, split: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    change, best = SCORES[course]
    with monkeypatch.context() as patch:
        _score(patch, change)
        main(["train", *tiny(store, split, NO_PICTURES, "trainer.max_epochs=3", f"out={tmp_path / 'run'}")])
    assert _epoch(tmp_path / "run", "best") in best
    if course == "never a number":
        printed = capsys.readouterr()
        assert "val/dice/mean" in printed.out + printed.err
    main([
        "evaluate", f"checkpoint={tmp_path / 'run/checkpoints/best.ckpt'}", f"data.store={store}",
        f"data.split={split}", "data.workers=0", NO_PICTURES, f"out={tmp_path / 'again'}",
    ])  # fmt: skip
    tables = [(tmp_path / run / "test_hips.csv").read_bytes() for run in ("run", "again")]
    assert tables[0] == tables[1]  # what was tested is what was kept as best


class BreaksAt(nn.Module):
    """A loss that is no number from one step on."""

    def __init__(self, loss: nn.Module, step: int, value: float) -> None:
        super().__init__()
        self._loss, self._left, self._value = loss, step, value

    def forward(self, *args: Tensor) -> Tensor:
        loss: Tensor = self._loss(*args)
        if loss.requires_grad:
            self._left -= 1
        return loss * self._value if self._left < 0 and loss.requires_grad else loss


@pytest.mark.parametrize(("value", "step"), [(math.nan, 0), (math.nan, 3), (math.inf, 3)])
def test_a_loss_that_is_no_number_stops_the_run(
    value: float, step: int, store: Path, split: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    from hipseg.losses.overlap import Dice

    monkeypatch.setattr("hipseg.losses.overlap.Dice", lambda **options: BreaksAt(Dice(**options), step, value))
    with pytest.raises(SystemExit) as stopped:
        main(["train", *tiny(store, split, NO_PICTURES, "trainer.max_epochs=4", f"out={tmp_path / 'run'}")])
    assert stopped.value.code == 1
    sentence(capsys.readouterr().err, "loss")
    assert not (tmp_path / "run" / "summary.json").exists()
    for path in (tmp_path / "run").glob("checkpoints/*.ckpt"):
        assert all(torch.isfinite(weights).all() for weights in read_checkpoint(path)["state_dict"].values())


def test_weights_that_overflow_stop_the_run(
    store: Path, split: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(
            [
                "train",
                *tiny(
                    store, split, NO_PICTURES, "optimizer.lr=1e30", "trainer.max_epochs=3", f"out={tmp_path / 'run'}"
                ),
            ]
        )
    assert stopped.value.code == 1
    sentence(capsys.readouterr().err, "loss")


def test_a_run_ruined_by_its_last_step_does_not_end_well(
    store: Path, split: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The loss of the only step is a number, that of the validation after it is none."""
    options = ["optimizer.lr=1e30", "data.train_size=4", "trainer.max_epochs=1"]
    with pytest.raises(SystemExit) as stopped:
        main(["train", *tiny(store, split, NO_PICTURES, *options, f"out={tmp_path / 'run'}")])
    assert stopped.value.code == 1
    sentence(capsys.readouterr().err, "loss")


OWN = """
every:
  _target_: pytorch_lightning.callbacks.ModelCheckpoint
  dirpath: ${folder}/checkpoints
  filename: every
  monitor: val/dice/mean
  mode: min
defaults:
  - _self_
  - train
"""


def test_the_best_checkpoint_is_found_by_name(store: Path, split: Path, tmp_path: Path) -> None:
    """One of the user's own stands before it in the list of callbacks."""
    (tmp_path / "conf/callbacks").mkdir(parents=True)
    (tmp_path / "conf/callbacks/mine.yaml").write_text(OWN)
    options = ["callbacks=mine", "trainer.max_epochs=3", LR, "loss=dice_ce", f"out={tmp_path / 'run'}"]
    main(["train", f"--config-dir={tmp_path / 'conf'}", *tiny(store, split, NO_PICTURES, *options)])
    metrics = pd.read_csv(tmp_path / "run" / "metrics.csv")
    best = int(metrics.loc[metrics["val/dice/mean"].idxmax(), "epoch"])
    assert _epoch(tmp_path / "run", "best") == best != _epoch(tmp_path / "run", "every")
    given = [f"data.store={store}", f"data.split={split}", "data.workers=0", NO_PICTURES, f"out={tmp_path / 'again'}"]
    main(["evaluate", f"checkpoint={tmp_path / 'run/checkpoints/best.ckpt'}", *given])
    assert (tmp_path / "again/summary.json").read_bytes() == (tmp_path / "run/summary.json").read_bytes()


def test_training_returns_its_best_validation_score(
    store: Path, split: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hydra's optimising sweepers look for the best of what a job returns."""
    returned: list[object] = []
    from hydra.core import utils

    keep = utils.run_job

    def run_job(*args: object, **options: object) -> object:
        result = keep(*args, **options)  # type: ignore[arg-type]
        returned.append(result.return_value)
        return result

    monkeypatch.setattr("hydra._internal.hydra.run_job", run_job)
    main(
        [
            "train",
            *tiny(store, split, NO_PICTURES, "trainer.max_epochs=3", LR, "loss=dice_ce", f"out={tmp_path / 'run'}"),
        ]
    )
    scores = pd.read_csv(tmp_path / "run" / "metrics.csv")["val/dice/mean"]
    assert returned == [pytest.approx(scores.max(), abs=1e-6)]


def test_the_watched_value_may_be_another(store: Path, split: Path, tmp_path: Path) -> None:
    options = ["callbacks.best.monitor=val/loss", "callbacks.best.mode=min", "trainer.max_epochs=3", "loss=dice_ce", LR]
    main(["train", *tiny(store, split, NO_PICTURES, *options, f"out={tmp_path / 'run'}")])
    metrics = pd.read_csv(tmp_path / "run" / "metrics.csv").dropna(subset=["val/loss"])
    assert _epoch(tmp_path / "run", "best") == int(metrics.loc[metrics["val/loss"].idxmin(), "epoch"])


def test_an_epoch_is_said_in_a_line_where_no_terminal_is(
    store: Path, split: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["train", *tiny(store, split, NO_PICTURES, "trainer.max_epochs=2", f"out={tmp_path / 'run'}")])
    printed = capsys.readouterr()
    lines = [line.lower() for line in (printed.out + printed.err).splitlines() if line.lower().startswith("epoch")]
    assert len(lines) == 2
    for number, line in enumerate(lines, 1):
        assert f"{number}/2" in line
        assert "loss" in line
        assert "dice" in line
    score = pd.read_csv(tmp_path / "run" / "metrics.csv")["val/dice/mean"].dropna()
    assert all(f"{value:.3f}" in line for value, line in zip(score, lines, strict=True))


def test_the_bar_shows_loss_and_dice_where_a_terminal_is(
    store: Path, split: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "200")
    main(["train", *tiny(store, split, NO_PICTURES, f"out={tmp_path / 'run'}")])
    printed = capsys.readouterr()
    (bar,) = [line for line in (printed.out + printed.err).splitlines() if line.startswith("Epoch 0/0")]
    assert "loss" in bar
    assert "dice" in bar.lower()
