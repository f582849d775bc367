"""One place for the learning rate, `optimizer.lr`, whatever the schedule."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig
from test_one_run import tiny
from torch import nn

from hipseg.checkpoint import read_checkpoint
from hipseg.commands import main
from hipseg.config import conf_folder
from hipseg.instantiation import make, plain

NO_PICTURES = "evaluation.joint_space.pictures=0"
SCHEDULES = sorted(path.stem for path in (conf_folder() / "scheduler").glob("*.yaml"))
PUBLISHED = ("nnunet", "femur_study", "osteoarthritis", "osteoarthritis_study")  # at rates of their own
RECIPES = sorted(p.stem for p in (conf_folder() / "experiment").glob("*.yaml") if p.stem not in PUBLISHED)


def _composed(*overrides: str) -> DictConfig:
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        return compose("train", ["data.store=x", "data.split=x", "folder=x", "out=x", *overrides])


def _rates(config: DictConfig, steps: int) -> list[float]:
    """The learning rate of every step of a fit."""
    content = plain(config)
    optimizer = make(content["optimizer"])(nn.Linear(1, 1).parameters())
    scheduler = make(content["scheduler"])(optimizer, steps)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("rate", [1e-2, 3e-5])
def test_the_rate_of_every_schedule_is_the_optimizers(schedule: str, rate: float) -> None:
    assert max(_rates(_composed(f"scheduler={schedule}", f"optimizer.lr={rate}"), 40)) == pytest.approx(rate)


@pytest.mark.parametrize("recipe", RECIPES)
def test_recipes_keep_the_rate_that_they_were_measured_with(recipe: str, store: Path) -> None:
    rates = _rates(_composed(f"experiment={recipe}", f"data.store={store}"), 40)
    assert rates[0] == pytest.approx(2e-3 / 25)
    assert max(rates) == pytest.approx(2e-3)
    slower = _rates(_composed(f"experiment={recipe}", f"data.store={store}", "optimizer.lr=1e-4"), 40)
    assert max(slower) == pytest.approx(1e-4)


def test_the_femur_studys_recipe_has_its_rate_throughout() -> None:
    assert set(_rates(_composed("experiment=femur_study"), 40)) == {1e-4}


def test_nnunets_recipe_falls_from_its_rate_by_a_power_of_what_is_left() -> None:
    config = _composed("optimizer=sgd", "scheduler=polynomial")
    assert _rates(config, 100) == pytest.approx([0.01 * (1 - step / 100) ** 0.9 for step in range(100)])


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory, store: Path, split: Path) -> Path:
    """One cycle in four steps, with two rates."""
    folder = tmp_path_factory.mktemp("rates") / "sweep"
    options = [
        "scheduler=one_cycle",
        "optimizer.lr=1e-2,1e-6",
        "trainer.max_epochs=2",
        NO_PICTURES,
        "-m",
        f"out={folder}",
    ]
    main(["train", *tiny(store, split, *options)])
    return folder


def test_four_steps_of_one_cycle_train(sweep: Path) -> None:
    for job in ("0", "1"):
        assert (sweep / job / "summary.json").exists()
        assert read_checkpoint(sweep / job / "checkpoints" / "last.ckpt")["global_step"] == 4


def test_another_rate_under_one_cycle_is_another_run(sweep: Path) -> None:
    fast, slow = (read_checkpoint(sweep / job / "checkpoints" / "last.ckpt")["state_dict"] for job in ("0", "1"))
    assert not all(torch.equal(weights, slow[name]) for name, weights in fast.items())


def test_a_second_place_for_the_rate_is_refused(
    store: Path, split: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["train", *tiny(store, split, "scheduler=one_cycle", "scheduler.max_lr=1e-2", f"out={tmp_path / 'run'}")])
    assert stopped.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("hipseg: scheduler.max_lr: ")
