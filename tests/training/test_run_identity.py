"""What a run says of itself: to W&B, in its folder's name and configuration, in its checkpoint, and of whom it saw."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest import mock

import h5py
import pandas as pd
import pytest
import torch
import wandb
import yaml
from console import sentence
from hydra import compose, initialize_config_dir
from test_one_run import LIGHT, TABLE, tiny, trained
from test_wandb_logger import _payloads
from wandb.proto.wandb_internal_pb2 import Record

import hipseg
from hipseg.checkpoint import read_checkpoint
from hipseg.commands import main
from hipseg.config import conf_folder
from hipseg.io.dicom import file_sha256

NO_PICTURES = "evaluation.joint_space.pictures=0"


def flat(node: Any, key: str = "") -> dict[str, Any]:
    """Leaves of nested plain data by their dotted keys."""
    if isinstance(node, Mapping):
        return {k: v for name, part in node.items() for k, v in flat(part, f"{key}.{name}" if key else name).items()}
    if isinstance(node, list):
        return {k: v for i, part in enumerate(node) for k, v in flat(part, f"{key}.{i}").items()}
    return {key: node}


class Begun:
    """The record by which W&B begins a run."""

    def __init__(self, folder: Path) -> None:
        records = [Record.FromString(payload) for payload in _payloads(folder)]
        self.run = next(record.run for record in records if record.WhichOneof("record_type") == "run")
        self.config = flat({item.key: json.loads(item.value_json) for item in self.run.config.update})
        self.bytes = b"\n".join(_payloads(folder))


@pytest.fixture(scope="module", autouse=True)
def environment() -> Iterator[None]:
    """What W&B is told by environment variables is put back."""
    with mock.patch.dict(os.environ):
        yield


@pytest.fixture(scope="module")
def init(tmp_path_factory: pytest.TempPathFactory, store: Path, split: Path) -> Path:
    return trained(tmp_path_factory, store, split) / "checkpoints" / "best.ckpt"


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory, store: Path, split: Path, init: Path) -> Path:
    """Two sizes of the training set, begun from another run's weights."""
    folder = tmp_path_factory.mktemp("logged") / "sizes"
    more = (*LIGHT, "logger=wandb", NO_PICTURES, f"pretrained={init}", "data.train_size=4,8", "-m", f"out={folder}")
    main(["train", *tiny(store, split, *more)])
    return folder


def test_a_runs_name_says_what_differs_in_its_sweep(sweep: Path) -> None:
    begun = [Begun(sweep / job) for job in ("0", "1")]
    for run, size in zip(begun, ("4", "8"), strict=True):
        assert "train_size" in run.run.display_name
        assert size in run.run.display_name
        assert "loss" not in run.run.display_name  # the same for both
        assert len(run.run.display_name) < 130


def test_a_runs_group_is_its_sweep(sweep: Path) -> None:
    groups = {Begun(sweep / job).run.run_group for job in ("0", "1")}
    assert groups == {sweep.name}
    assert {Begun(sweep / job).run.job_type for job in ("0", "1")} == {"train"}


def test_the_configuration_holds_sizes_versions_and_the_first_weights(sweep: Path, init: Path, split: Path) -> None:
    rows = pd.read_csv(split)["subset"].value_counts()
    for job, size in (("0", 4), ("1", 8)):
        config = Begun(sweep / job).config
        task = hipseg.load(sweep / job / "checkpoints" / "best.ckpt")
        count = sum(weights.numel() for weights in task.network.parameters())
        assert [name for name, value in config.items() if "train" in name and value == size] != []
        assert [name for name, value in config.items() if "test" in name and value == rows["test"]] != []
        assert [name for name, value in config.items() if "param" in name and value == count] != []
        assert [name for name, value in config.items() if "pretrained" in name and value == file_sha256(init)] != []
        versions = {name.split(".")[-1]: value for name, value in config.items() if "version" in name}
        assert versions["torch"] == version("torch")
        assert versions["hipseg"] == hipseg.__version__
        assert {"python", "monai", "numpy", "pytorch-lightning"} <= set(versions)


def test_what_is_given_passes_through(store: Path, split: Path, tmp_path: Path) -> None:
    more = [
        "logger=wandb", "logger.wandb.name=mine", "logger.wandb.group=pilots", "logger.wandb.tags=[pilot,hard]",
        "logger.wandb.job_type=trial", "logger.wandb.entity=st-elsewhere",
        "logger.wandb.notes='wider field, see #3: a = b'",
    ]  # fmt: skip
    main(["train", *tiny(store, split, NO_PICTURES, *more, f"out={tmp_path / 'run'}")])
    run = Begun(tmp_path / "run").run
    assert (run.display_name, run.run_group, run.job_type) == ("mine", "pilots", "trial")
    assert run.entity == "st-elsewhere"
    assert sorted(run.tags) == ["hard", "pilot"]
    assert run.notes == "wider field, see #3: a = b"


def test_a_sweep_over_files_names_none(store: Path, split: Path, tmp_path: Path) -> None:
    files = [tmp_path / f"secret{i}.csv" for i in range(2)]
    for path in files:
        path.write_bytes(split.read_bytes())
    given = [text for text in tiny(store, split) if not text.startswith("data.split=")]
    swept = [f"data.split={','.join(map(str, files))}", "logger=wandb", NO_PICTURES, "-m", f"out={tmp_path / 'sweep'}"]
    main(["train", *given, *swept])
    begun = [Begun(tmp_path / "sweep" / job) for job in ("0", "1")]
    assert all(b"secret" not in run.bytes for run in begun)
    assert begun[0].run.display_name != begun[1].run.display_name


def test_wandb_online_without_a_key_is_refused(
    store: Path, split: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = {"HOME": str(tmp_path), "NETRC": str(tmp_path / "netrc"), "WANDB_API_KEY": ""}
    given = ["logger=wandb", "logger.wandb.mode=online", f"out={tmp_path / 'run'}"]
    wandb.teardown()  # it keeps what the environment said before
    with mock.patch.dict(os.environ, nowhere), pytest.raises(SystemExit) as stopped:
        del os.environ["WANDB_MODE"]
        main(["train", *tiny(store, split, *given)])
    wandb.teardown()
    assert stopped.value.code == 1
    assert "login" in sentence(capsys.readouterr().err, "wandb")
    assert not (tmp_path / "run" / "test_hips.csv").exists()


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory, store: Path, split: Path, init: Path) -> Path:
    folder = tmp_path_factory.mktemp("evaluated") / "run"
    given = [f"data.store={store}", f"data.split={split}", "data.workers=0", NO_PICTURES]
    main(["evaluate", f"checkpoint={init}", *given, "inferer=shift_average", "inferer.passes=2", f"out={folder}"])
    return folder


def test_the_configuration_of_an_evaluation_is_what_ran(evaluated: Path, init: Path) -> None:
    record = read_checkpoint(init)["hipseg"]
    config = yaml.safe_load((evaluated / ".hydra" / "config.yaml").read_text())
    assert config["data"]["dataset"] == record["dataset"]
    crop = {"row": 230, "column": 100, "rows": 64, "columns": 64}
    assert {name: record["dataset"]["crop"][name] for name in crop} == crop
    assert config["trainer"]["precision"] == record["training"]["precision"]
    assert config["inferer"]["passes"] == 2


def test_the_configuration_of_a_run_is_what_ran(init: Path) -> None:
    config = yaml.safe_load((init.parents[1] / ".hydra" / "config.yaml").read_text())
    assert config["data"]["dataset"]["crop"]["rows"] == 64
    assert config["trainer"]["max_epochs"] == 1


def test_the_record_says_how_it_was_trained(init: Path) -> None:
    training = flat(read_checkpoint(init)["hipseg"]["training"])

    def holds(word: str, value: object) -> bool:
        return any(word in name and value == held for name, held in training.items())

    assert holds("augmentation", "hipseg.transforms.augment.LightAugmentation")
    assert holds("augmentation", 7.0)  # its rotation
    assert holds("labels_for_loss", "hipseg.labels.target.hard_target")
    assert holds("loss_mask", "hipseg.labels.weight_map.everywhere")
    assert holds("batch_size", 4)
    assert holds("epochs", 1)
    assert holds("torch", version("torch"))
    assert holds("hipseg", hipseg.__version__)
    assert any("monai" in name for name in training)
    assert any("numpy" in name for name in training)


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_runs_begun_in_one_second_have_folders_of_their_own(command: str) -> None:
    folders = []
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        for _ in range(5):
            config = compose(command, ["data.store=x", "data.split=x", "folder=x"])
            folders.append(str(config.out))
    assert len(set(folders)) == 5


def _evaluate(checkpoint: Path, store: Path, split: Path, folder: Path) -> tuple[pd.DataFrame, dict[str, float]]:
    given = [f"data.store={store}", f"data.split={split}", "data.workers=0", NO_PICTURES, f"out={folder}"]
    main(["evaluate", f"checkpoint={checkpoint}", *given])
    return pd.read_csv(folder / "test_hips.csv"), json.loads((folder / "summary.json").read_text())


@pytest.fixture(scope="module")
def swapped(tmp_path_factory: pytest.TempPathFactory, split: Path, store: Path) -> Path:
    """A split whose test set is one test subject and everyone that `split` trains on; its train set is never used."""
    rows = pd.read_csv(split)
    subjects = rows["sample"].str.split("/").str[:2].str.join("/")
    kept = subjects[rows["subset"] == "test"].iloc[0]
    rows["subset"] = [
        "test" if subset == "train" or subject == kept else "train"
        for subset, subject in zip(rows["subset"], subjects, strict=True)
    ]
    path = tmp_path_factory.mktemp("swapped") / "split.csv"
    rows.to_csv(path, index=False)
    return path


def _learnt_from(split: Path) -> set[str]:
    """Subjects of the eight training and four validation hips of a tiny run."""
    rows = pd.read_csv(split)
    samples = [*rows.loc[rows["subset"] == "train", "sample"][:8], *rows.loc[rows["subset"] == "val", "sample"][:4]]
    return {"/".join(sample.split("/")[:2]) for sample in samples}


@pytest.mark.parametrize("another_store", [False, True])
def test_an_evaluation_on_training_subjects_says_so(
    another_store: bool, init: Path, store: Path, split: Path, swapped: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    if another_store:  # of the same films, so with another key
        store = shutil.copy(store, tmp_path / "again.h5")
        with h5py.File(store, "r+") as file:
            file.attrs["identity_key"] = secrets.token_hex(16)
    capsys.readouterr()
    hips, summary = _evaluate(init, store, swapped, tmp_path / "run")
    printed = capsys.readouterr()
    seen = hips["sample"].str.split("/").str[:2].str.join("/").isin(_learnt_from(split))
    assert 0 < seen.sum() < len(hips)
    assert hips["trained_on"].tolist() == seen.tolist()
    assert summary["test/trained_on"] == seen.sum()
    assert "train" in (printed.out + printed.err).replace(str(tmp_path), "").lower()
    assert str(int(seen.sum())) in printed.out + printed.err


def test_an_evaluation_on_strangers_says_nothing(evaluated: Path) -> None:
    assert list(pd.read_csv(evaluated / "test_hips.csv").columns) == TABLE
    assert "test/trained_on" not in json.loads((evaluated / "summary.json").read_text())


@pytest.mark.parametrize("version", [1, 2])
def test_a_checkpoint_from_before_is_still_read(
    version: int, init: Path, store: Path, split: Path, tmp_path: Path
) -> None:
    """It says what the network sees as it did then; the first ones name neither subjects nor versions."""
    content = torch.load(init, weights_only=True)
    record = content["hipseg"]
    made = record["preprocessing"] | {"percentiles": [5.0, 95.0]}
    kept = ("loss", "optimizer", "precision", "scheduler", "seed")
    training = {name: record["training"][name] for name in kept} | {"init": None}
    field = {name: record["dataset"]["crop"][name] for name in ("row", "column", "rows", "columns")}
    same = {name: record[name] for name in ("model", "activation", "label_names")} | {"preprocessing": made}
    dataset = {name: value for name, value in record["dataset"].items() if name != "intensity"}
    content["hipseg"] = {
        1: {"version": 1, "training": training, "field": field, "passes": 1, **same},
        2: record | {"version": 2, "preprocessing": made, "dataset": dataset},
    }[version]
    torch.save(content, tmp_path / "old.ckpt")
    hips, summary = _evaluate(tmp_path / "old.ckpt", store, split, tmp_path / "run")
    assert len(hips) == summary["test/hips"] == 5
    pd.testing.assert_frame_equal(hips, _evaluate(init, store, split, tmp_path / "now")[0])
