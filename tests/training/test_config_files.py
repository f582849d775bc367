"""Every file below conf/, found by looking: composed under every command that takes it, checked, and trained with."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from hipseg.commands import COMMANDS, main
from hipseg.config import conf_folder
from hipseg.instantiation import check
from hipseg.planning import Plan, write_plan

CONF = conf_folder()
TOP = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(CONF.glob("*.yaml"))}


def _groups(command: str) -> dict[str, str]:
    """The groups of a command's defaults, each with the key that overrides it (`field@data.dataset.crop`)."""
    chosen = [key for entry in TOP[command]["defaults"] if isinstance(entry, dict) for key in entry]
    keys = [key for key in chosen if not key.startswith("override ")]
    # Hydra takes no package that is the group's own name.
    groups = {key.split("@")[0]: key if len(set(key.split("@"))) > 1 else key.split("@")[0] for key in keys}
    if "evaluation" in groups:  # which chooses in turn
        content = yaml.safe_load((CONF / "evaluation" / "hips.yaml").read_text())
        for key in (key for entry in content["defaults"] if isinstance(entry, dict) for key in entry):
            group, _, place = key.removeprefix("/").partition("@")
            groups[group] = f"{group}@evaluation.{place or group}"
    return groups


FOLLOWING = {("crop", "head"), ("experiment", "transfer")}  # whose windows have as many pixels as the store's say


def _options(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


GROUPS = {command: _groups(command) for command in TOP}
CHOICES = [
    (command, group, option) for command in TOP for group in sorted(GROUPS[command]) for option in _options(group)
]


def _compose(command: str, *overrides: str, hydra: bool = False) -> DictConfig:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose(command, list(overrides), return_hydra_config=hydra)


PLAN = Plan(
    spacing_mm=(0.9, 0.9), median_size=(512, 512), patch=(64, 64), batch_size=2, features=(4, 8),
    strides=((1, 1), (2, 2)), kernel_sizes=((3, 3), (3, 3)), convolutions=2, normalisation="zscore", channels=1,
)  # fmt: skip


@pytest.fixture
def plan(tmp_path: Path) -> str:
    write_plan(PLAN, tmp_path / "plan.yaml", "for tests")
    return f"plan={tmp_path / 'plan.yaml'}"


def _composed(command: str, *overrides: str) -> DictConfig:
    """A configuration in which whatever must be given is."""
    config = _compose(command, *overrides, *(["folder=x"] if "folder" in TOP[command] else []))
    for key in sorted(OmegaConf.missing_keys(config)):
        OmegaConf.update(config, key, ["x"] if key == "source.labels" else "x")
    return config


def test_every_file_is_a_command_or_an_option_of_one() -> None:
    reached = {f"{command}.yaml" for command in TOP} | {f"{group}/{option}.yaml" for _, group, option in CHOICES}
    assert reached == {path.relative_to(CONF).as_posix() for path in CONF.rglob("*") if path.is_file()}


def test_every_command_has_its_file() -> None:
    assert set(TOP) == set(COMMANDS)


@pytest.mark.parametrize("command", TOP)
def test_command_composes_and_passes_the_check(command: str) -> None:
    assert set(check(_composed(command))) >= set(TOP[command]) - {"defaults"}


@pytest.mark.parametrize(("command", "group", "option"), CHOICES, ids=lambda part: part)
def test_option_composes_and_passes_the_check(
    command: str, group: str, option: str, plan: str, request: pytest.FixtureRequest
) -> None:
    value = f"[{option}]" if group == "cohort" else option  # the one group of which several are taken
    more = [plan] if "plan" in TOP[command] and command != "plan" else []
    if (group, option) in FOLLOWING:
        more.append(f"data.store={request.getfixturevalue('store')}")
    if group == "scale":  # of what is planned
        more += ["experiment=nnunet"]
    if (group, option) in GRADED and command == "train":
        more = ["experiment=osteoarthritis"]
    if option == "sliding_window" and not more:
        more = ["inferer.window=[64,64]"]
    if (group, option) == ("dataset", "patches"):
        hips_alone = ("crop", "intensity", "labels_for_loss", "loss_mask")
        more += [f"~{name}" for name in hips_alone] + ["augmentation=patches"]
    check(_composed(command, f"{GROUPS[command][group]}={value}", *more))


@pytest.mark.parametrize("command", TOP)
def test_only_runs_have_a_folder_of_their_own(command: str) -> None:
    hydra = _compose(command, *(["out=here"] if "out" in TOP[command] else []), hydra=True).hydra
    if command in ("train", "evaluate"):
        assert OmegaConf.select(hydra, "run.dir") == "here"
    else:
        assert (hydra.run.dir, hydra.output_subdir) == (".", None)


# Of graded pictures; tests/training/test_graded_run.py trains with each.
GRADED = {
    ("task", "classification"), ("dataset", "graded"), ("augmentation", "crops"), ("augmentation", "crops_study"),
    ("loss", "class_ce"), ("loss", "focal"), ("model", "resnet18"), ("evaluation", "classification"),
    *(("grading", option) for option in _options("grading")), *(("mixture", option) for option in _options("mixture")),
}  # fmt: skip
GRADES = ("osteoarthritis", "osteoarthritis_study")
# Of images and of femurs in CT; they train together, by experiment=nnunet and experiment=femur below.
IMAGES = {
    ("dataset", "patches"), ("augmentation", "patches"), ("augmentation", "femur_study"), ("model", "vnet"),
    ("model", "vnet_small"), ("model", "unet_3d"), ("model", "unet_3d_small"), ("evaluation", "femur"),
} | GRADED  # fmt: skip
FEMURS = ("femur", "femur_second", "femur_study")
TRAINING = {
    group: [option for option in _options(group) if (group, option) not in IMAGES]
    for group in GROUPS["train"]
    if group not in ("experiment", "scale", "grading", "mixture")
}
ROUNDS = [
    {group: options[i % len(options)] for group, options in TRAINING.items()}
    for i in range(max(map(len, TRAINING.values())))
]


def _train_one_batch(folder: Path, store: Path, split: Path, *overrides: str) -> None:
    """Train, validate and test on one batch of one hip, and see that numbers came of it."""
    limits = [f"trainer.limit_{stage}_batches=1" for stage in ("train", "val", "test")]
    sizes = ["data.train_size=1", "data.val_size=1", "data.batch_size=1", "data.workers=0", "trainer.max_epochs=1"]
    paths = [f"data.store={store}", f"data.split={split}", "out=."]
    main(["train", *paths, *overrides, *limits, *sizes])
    of_cases = {f"experiment={name}" for name in ("nnunet", *FEMURS)}
    unit = "cases" if of_cases & set(overrides) else "hips"
    assert json.loads((folder / "summary.json").read_text())[f"test/{unit}"] == 1
    metrics = pd.read_csv(folder / "metrics.csv")
    assert np.isfinite(metrics[["train/loss", "val/loss"]].max()).all()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working directory, the environment put back afterwards."""
    monkeypatch.chdir(tmp_path)
    with mock.patch.dict(os.environ):
        yield tmp_path


def test_rounds_hold_every_option() -> None:
    assert {(g, o) for choice in ROUNDS for g, o in choice.items()} == {(g, o) for g in TRAINING for o in TRAINING[g]}


@pytest.mark.parametrize("choice", ROUNDS, ids=lambda choice: "-".join(choice.values()))
def test_options_train_one_batch(
    choice: dict[str, str], here: Path, store: Path, joints: Path, split: Path, plan: str
) -> None:
    films = joints if choice["crop"] == "joint" else store
    if choice["crop"] != "head":  # only what follows heads has to find them
        choice = {group: option for group, option in choice.items() if group != "head_finder"}
    if choice["evaluation"] == "overlap":  # which has no joint space to be measured
        choice = {group: option for group, option in choice.items() if group not in ("jsw_method", "plausibility")}
    _train_one_batch(
        here, films, split, *(f"{GROUPS['train'][group]}={option}" for group, option in choice.items()), plan
    )


SMALL_PATCHES = (
    "data.dataset.patch=[32,32,32]", "inferer.window=[32,32,32]", "data.dataset.patches_per_epoch=2",
    "data.dataset.val_patches=2", "data.dataset.spacing_mm=[4,4,4]",
)  # fmt: skip


@pytest.mark.parametrize("model", ["unet_3d", "unet_3d_small"])
def test_the_u_net_that_a_v_net_is_compared_with_trains_one_batch(
    model: str, here: Path, femurs: Path, femur_split: Path
) -> None:
    network = (f"model={model}", "model.features=[2,4,4,4,4,2]")
    _train_one_batch(here, femurs, femur_split, "experiment=femur", *network, *SMALL_PATCHES)


@pytest.mark.parametrize("experiment", [name for name in _options("experiment") if name not in GRADES])
def test_experiment_trains_one_batch(
    experiment: str, here: Path, store: Path, joints: Path, split: Path, femurs: Path, femur_split: Path, plan: str
) -> None:
    small: list[str]
    if experiment in FEMURS:
        small = ["model.features=2", "model.levels=3", *SMALL_PATCHES]
        if experiment == "femur_study":  # whose stride is that of larger windows
            small.append("inferer.stride=[16,32,32]")
        _train_one_batch(here, femurs, femur_split, f"experiment={experiment}", *small)
        return
    small = ["model.channels=[4,8]", "model.strides=[2]"]
    if experiment == "nnunet":  # the thesis' hips by nnU-Net's plan
        small = [plan, "data.dataset.patches_per_epoch=2", "data.dataset.val_patches=2", "trainer.precision=32-true"]
    _train_one_batch(here, joints if experiment == "second_stage" else store, split, f"experiment={experiment}", *small)
