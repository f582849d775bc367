"""A checkpoint is plain data: whatever is planted in its record, at whatever leaf, no way in builds it."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bad_checkpoints import MARKER, PLANTS, damages, payloads, places, with_value
from cases import FileCase
from children import SECRET, SECRET_NAME, command
from sound import Sound

import hipseg
from hipseg.errors import HipsegError

Complaint = Callable[[Callable[[], object]], str]


@pytest.fixture(scope="module")
def content(sound: Sound) -> dict[str, Any]:
    return dict(torch.load(sound.checkpoint, weights_only=True))


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRET_NAME, SECRET)


def plant(content: dict[str, Any], at: tuple[str | int, ...], name: str, folder: Path) -> Path:
    """A checkpoint with code at one place; if it runs, `marker` lies beside it."""
    path = folder / "planted.ckpt"
    planted = PLANTS[name](str(folder / "marker"))
    torch.save({**content, "hipseg": with_value(content["hipseg"], at, planted)}, path)
    return path


def refusal(use: Callable[[Path], object], path: Path) -> str:
    """What is wrong with how a checkpoint is taken; empty if it is refused in one line that names its key or file."""
    try:
        use(path)
    except HipsegError as error:
        named = path.name in str(error) or str(error).startswith("checkpoint: ")
        return "" if named and "\n" not in str(error) else f"says '{error}'"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "is taken"


@pytest.mark.parametrize("name", PLANTS)
def test_nothing_planted_at_a_leaf_is_built_by_load(name: str, content: dict[str, Any], tmp_path: Path) -> None:
    found = []
    for at in places(content["hipseg"]):
        path = plant(content, at, name, tmp_path)
        told = ""
        with contextlib.suppress(HipsegError):
            told = repr(hipseg.load(path).record)
        if (tmp_path / "marker").exists() or SECRET in told:
            found.append((".".join(map(str, at)), "built"))
            (tmp_path / "marker").rmdir()
        if at[0] in ("model", "activation", "inferer") and (said := refusal(hipseg.load, path)):
            found.append((".".join(map(str, at)), said))
    assert not found, "\n".join(map(str, found))


def test_what_trusted_modules_define_beside_networks_is_not_called(content: dict[str, Any], tmp_path: Path) -> None:
    places_of_objects = ("model", "activation", "model.act")
    of = [case for case in payloads(content) if case.name.endswith(tuple(f" at {at}" for at in places_of_objects))]
    assert len(of) >= 60
    found = escapes(of, tmp_path)
    assert not found, "\n".join(found)


def escapes(cases: list[FileCase], folder: Path) -> list[str]:
    """Cases that `hipseg.load` does not refuse in one line, or whose code it runs."""
    found = []
    for number, case in enumerate(cases):
        path = folder / f"bad{number}.ckpt"
        case.write(path)
        if said := refusal(hipseg.load, path):
            found.append(f"{case.name}: {said}")
        if (marker := path.with_name(f"{MARKER}_{path.stem}")).exists():
            found.append(f"{case.name}: was run")
            marker.rmdir()
        path.unlink()
    return found


WAYS: dict[str, Callable[[Sound, Path, Path], Callable[[], object]]] = {
    "predict": lambda sound, path, out: command(
        "predict", f"checkpoint={path}", f"input={sound.films}/CHECK", f"out={out}/predict"
    ),
    "evaluate": lambda sound, path, out: sound.evaluate(out / "evaluate", checkpoint=path),
    "locator": lambda sound, path, out: sound.preprocess(out / "joints.h5", "roi=joint", f"locator={path}"),
    "init": lambda sound, path, out: sound.train(out / "train", f"pretrained={path}"),
}
# Where a command looks into the record by itself, and what it does with the network.
LEAVES: list[tuple[str, tuple[str | int, ...]]] = [
    ("predict", ("dataset", "crop", "row")), ("predict", ("dataset", "intensity")),
    ("predict", ("dataset", "intensity", "percentiles")), ("predict", ("preprocessing", "spacing_mm")),
    ("predict", ("model", "act")),
    ("evaluate", ("dataset", "crop", "row")), ("evaluate", ("training", "precision")), ("evaluate", ("label_names", 0)),
    ("evaluate", ("activation",)), ("locator", ("preprocessing", "region")), ("locator", ("model", "act")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("way", "at"), LEAVES, ids=lambda part: part if isinstance(part, str) else ".".join(map(str, part))
)
def test_nothing_planted_is_built_by_a_command(
    way: str, at: tuple[str | int, ...], content: dict[str, Any], sound: Sound, tmp_path: Path, complaint: Complaint
) -> None:
    for name in ("interpolation", "dict in a tuple"):
        path = plant(content, at, name, tmp_path)
        line = complaint(WAYS[way](sound, path, tmp_path))
        assert not (tmp_path / "marker").exists()
        assert path.name in line or line.startswith(("checkpoint: ", "locator: "))
        assert SECRET not in line


def test_nothing_planted_is_built_by_init(content: dict[str, Any], sound: Sound, tmp_path: Path) -> None:
    path = plant(content, ("model", "act"), "interpolation", tmp_path)
    with contextlib.suppress(SystemExit):
        WAYS["init"](sound, path, tmp_path)()
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize("name", ["interpolation", "environment"])
def test_a_run_folder_tells_nothing_of_the_environment(
    name: str, content: dict[str, Any], sound: Sound, tmp_path: Path
) -> None:
    path = plant(content, ("training", "seed"), name, tmp_path)
    with contextlib.suppress(SystemExit):
        WAYS["evaluate"](sound, path, tmp_path)()
    assert not (tmp_path / "marker").exists()
    written = [file.read_text(errors="replace") for file in (tmp_path / "evaluate").rglob("*") if file.is_file()]
    assert not any(SECRET in text for text in written)


# What a network does without.
DEFAULTS = {f"model.{name} missing: is taken" for name in ("_partial_", "num_res_units", "norm", "act")}


@pytest.mark.parametrize("kind", ["leaf", "content", "bytes"])
def test_damage_ends_in_one_sentence(kind: str, content: dict[str, Any], sound: Sound, tmp_path: Path) -> None:
    slow = ("10**5", "bomb", "10**7", "100,000", "1000000000")
    of = [
        case for case in damages(sound.checkpoint, content, np.random.default_rng(0))
        if case.kind == kind and not any(part in case.name for part in slow) and not case.name.endswith("absurd")
    ]  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = escapes(of, tmp_path)
    if kind != "bytes":  # where a network reads it, it must be refused; elsewhere it may be taken
        found = [text for text in found if text not in DEFAULTS]
        read = ("model", "activation", "inferer")
        found = [text for text in found if not text.endswith("is taken") or text.startswith(read)]
    found = [text for text in found if "flipped" not in text or not text.endswith("is taken")]
    assert not found, "\n".join(found)


MUST = {
    "no weights", "weights missing", "weights a list", "weights null", "one weight missing",
    "a weight of another shape", "a weight text", "record missing", "record a list", "record empty",
    "a record in itself", "model with a set", "model with bytes", "channels of 10**12",
    "a module as network", "a loss as activation", "a network that does not exist", "another network", "no label",
    "labels of numbers", "rows 0", "strides 0", "spacing nan", "spacing 0", "crop of no rows", "crop at -5",
    "passes nan",
}  # fmt: skip


def test_impossible_content_is_not_taken(content: dict[str, Any], sound: Sound, tmp_path: Path) -> None:
    of = [case for case in damages(sound.checkpoint, content, np.random.default_rng(0)) if case.name in MUST]
    assert len(of) == len(MUST)
    found = escapes(of, tmp_path)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("way", WAYS)
def test_every_command_names_a_file_that_is_no_checkpoint(
    way: str, sound: Sound, tmp_path: Path, complaint: Complaint
) -> None:
    path = tmp_path / "none.ckpt"
    path.write_bytes(sound.checkpoint.read_bytes()[:9000])
    assert path.name in complaint(WAYS[way](sound, path, tmp_path))


def test_init_refuses_weights_that_are_none(
    content: dict[str, Any], sound: Sound, tmp_path: Path, complaint: Complaint
) -> None:
    for number, weights in enumerate((None, {"network.a": "text"}, {1: torch.zeros(1)})):
        path = tmp_path / f"weights{number}.ckpt"
        torch.save({**content, "state_dict": weights}, path)
        assert "pretrained: " in complaint(WAYS["init"](sound, path, tmp_path))


OWN = {"_target_": "torch.nn.Conv2d", "_partial_": True, "in_channels": 1, "kernel_size": 1, "bias": False}


def test_a_network_of_your_own_is_trusted_by_name_only(content: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "own.ckpt"
    weights = {"network.weight": torch.ones(4, 1, 1, 1)}
    torch.save({**content, "hipseg": with_value(content["hipseg"], ("model",), OWN), "state_dict": weights}, path)
    with pytest.raises(HipsegError, match="trusted"):
        hipseg.load(path)
    assert hipseg.load(path, trusted=("torch.nn.",)).network.weight.shape == (4, 1, 1, 1)


def test_trust_in_a_package_is_no_trust_in_what_it_imports(content: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "own.ckpt"
    planted = {"_target_": "torch.nn.modules.module.weakref.sys.modules.clear"}
    torch.save({**content, "hipseg": with_value(content["hipseg"], ("model",), planted)}, path)
    before = os.getcwd()
    assert refusal(lambda path: hipseg.load(path, trusted=("torch.nn.",)), path) == ""
    assert os.getcwd() == before
