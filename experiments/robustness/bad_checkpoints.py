"""Checkpoints damaged at every leaf of their record, and with code planted at every leaf."""

from __future__ import annotations

import copy
import os
import pickle
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from bad_frames import flipped
from cases import FileCase, Files
from children import SECRET_NAME

Place = tuple[str | int, ...]
Plant = Callable[[str], Any]
MARKER: Final = "marker"
"""What planted code makes, beside the checkpoint: a file or folder that begins so."""
_GONE: Final = object()


def places(part: Any, at: Place = ()) -> Iterator[Place]:
    """Every place of a record but the root."""
    if at:
        yield at
    pairs = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for key, inner in pairs:
        yield from places(inner, (*at, key))


def with_value(record: dict[str, Any], at: Place, value: Any) -> dict[str, Any]:
    """A record that has another value at a place."""
    made = copy.deepcopy(record)
    parent: Any = made
    for key in at[:-1]:
        parent = parent[key]
    if value is _GONE:
        del parent[at[-1]]
    else:
        parent[at[-1]] = value
    return made


def value_at(record: dict[str, Any], at: Place) -> Any:
    """What a record has at a place."""
    part: Any = record
    for key in at:
        part = part[key]
    return part


def _mkdir(marker: str) -> dict[str, Any]:
    return {"_target_": "os.mkdir", "path": marker}


# Everywhere: each makes the folder that it is given, if it is ever built.
PLANTS: Final[dict[str, Plant]] = {
    "dict": _mkdir,
    "interpolation": lambda marker: '${oc.create:{_target_:os.mkdir,path:"' + marker + '"}}',
    "dict in a tuple": lambda marker: (_mkdir(marker),),
    "dict in a list in a tuple in a dict": lambda marker: {"a": ([{"b": _mkdir(marker)}],)},
    "environment": lambda marker: "${oc.env:" + SECRET_NAME + "}",
}
# In place of the network, the activation and a part of the network: what is defined in trusted modules and does more.
_DOERS: Final[dict[str, Plant]] = {
    "mkdir, positional": lambda marker: {"_target_": "os.mkdir", "_args_": [marker]},
    "partial": lambda marker: {"_target_": "functools.partial", "_args_": ["${oc.create:1}"], "a": _mkdir(marker)},
    "called at once": lambda marker: {**_mkdir(marker), "_partial_": False, "_recursive_": False},
    "get_object of another module": lambda marker: {"_target_": "hipseg.loggers.os.mkdir", "path": marker},
    "hipseg.commands.main": lambda marker: {
        "_target_": "hipseg.commands.main", "arguments": ["phantom", f"out={marker}", "subjects=1", "plants=false"]},
    "hipseg.loggers.RunCsvLogger": lambda marker: {"_target_": "hipseg.loggers.RunCsvLogger", "folder": marker},
    "hipseg.loggers.PrivateWandbLogger": lambda marker: {
        "_target_": "hipseg.loggers.PrivateWandbLogger", "folder": marker, "mode": "offline", "project": "p",
        "group": None, "images": False, "subjects": False, "config": {}, "identity_key": "ab" * 16},
    "hipseg.callbacks.timing.Timing": lambda marker: {"_target_": "hipseg.callbacks.timing.Timing", "folder": marker},
    "hipseg.instantiation.make": lambda marker: {
        "_target_": "hipseg.instantiation.make", "_recursive_": False, "node": _mkdir(marker)},
    "hipseg.instantiation.instantiate": lambda marker: {
        "_target_": "hipseg.instantiation.instantiate", "_recursive_": False, "_args_": [_mkdir(marker)]},
    "hipseg.build.build_network": lambda marker: {
        "_target_": "hipseg.build.build_network", "_recursive_": False, "trusted": [""],
        "record": {"label_names": ["a"], "model": _mkdir(marker), "activation": _mkdir(marker)}},
    "hipseg.options.check_value": lambda marker: {
        "_target_": "hipseg.options.check_value", "hint": _mkdir(marker), "value": 1, "key": "a"},
    "hydra's get_method": lambda marker: {"_target_": "hydra.utils.get_method", "path": "os.mkdir"},
    "monai.networks.utils.save_state": lambda marker: {
        "_target_": "monai.networks.utils.save_state", "src": {}, "path": marker},
    "monai.networks with the object inside": lambda marker: {
        "_target_": "monai.networks.nets.UNet", "spatial_dims": 2, "in_channels": 1, "channels": [4, 8], "strides": [2],
        "act": _mkdir(marker)},
    "target a list": lambda marker: {"_target_": ["os.mkdir"], "path": marker},
    "target a dict": lambda marker: {"_target_": _mkdir(marker)},
    "target an interpolation": lambda marker: {"_target_": "${oc.create:os.mkdir}", "path": marker},
    "target put together": lambda marker: {"_target_": "${a}", "a": "os.mkdir", "path": marker},
    "target with blanks": lambda marker: {"_target_": " os.mkdir", "path": marker},
    "key an interpolation": lambda marker: {"${oc.create:_target_}": "os.mkdir", "path": marker},
}  # fmt: skip
_DOERS_AT: Final[tuple[Place, ...]] = (("model",), ("activation",), ("model", "act"))


def _planted(content: dict[str, Any], at: Place, plant: Plant, path: Path) -> None:
    """Write a checkpoint that makes its marker if it is ever built."""
    marker = str(path.with_name(f"{MARKER}_{path.stem}"))
    torch.save({**content, "hipseg": with_value(content["hipseg"], at, plant(marker))}, path)


def _changed(content: dict[str, Any], at: Place, value: Any, path: Path) -> None:
    torch.save({**content, "hipseg": with_value(content["hipseg"], at, value)}, path)


def _damages(value: Any) -> dict[str, Any]:
    """Values that do not belong where this one is: missing, of another type, absurd."""
    if isinstance(value, bool):
        return {"missing": _GONE, "text": "maybe"}
    if isinstance(value, (int, float)):
        return {"missing": _GONE, "text": "many", "absurd": -(10**9) if value == 0 else 10**9}
    if isinstance(value, str):
        return {"missing": _GONE, "a number": 7, "absurd": "x" * 10**5}
    if isinstance(value, dict):
        return {"missing": _GONE, "a list": [1], "empty": {}}
    return (
        {"missing": _GONE, "a number": 7, "absurd": list(range(10**4))}
        if isinstance(value, list)
        else {"missing": _GONE, "a list": [1]}
    )


def _special(content: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Whole checkpoints that are wrong outside the leaves, or in ways of their own."""
    record, weights = content["hipseg"], content["state_dict"]
    first = next(name for name in weights if name.startswith("network."))

    def weight(value: Any) -> dict[str, Any]:
        return {**content, "state_dict": {**weights, first: value}}

    def leaf(at: Place, value: Any) -> dict[str, Any]:
        return {**content, "hipseg": with_value(record, at, value)}

    nan = float("nan")
    return {
        "no weights": {**content, "state_dict": {}},
        "weights missing": {k: v for k, v in content.items() if k != "state_dict"},
        "weights a list": {**content, "state_dict": [1]},
        "weights null": {**content, "state_dict": None},
        "weights by number": {**content, "state_dict": {1: torch.zeros(1)}},
        "one weight missing": {**content, "state_dict": {k: v for k, v in weights.items() if k != first}},
        "one weight more": {**content, "state_dict": {**weights, "network.more": torch.zeros(1)}},
        "a weight of another shape": weight(torch.zeros(1, 2, 3)),
        "a weight of whole numbers": weight(weights[first].long()),
        "a weight complex": weight(weights[first].to(torch.complex64)),
        "a weight of 8 bits": weight(weights[first].to(torch.float8_e4m3fn)),
        "a weight text": weight("text"),
        "a weight sparse": weight(weights[first].to_sparse()),
        "a weight on meta": weight(weights[first].to("meta")),
        "a weight NaN": weight(weights[first] * nan),
        "a weight infinite": weight(weights[first] + float("inf")),
        "every weight NaN": {**content, "state_dict": {k: v * nan for k, v in weights.items()}},
        "record missing": {k: v for k, v in content.items() if k != "hipseg"},
        "record a list": {**content, "hipseg": [1]},
        "record empty": {**content, "hipseg": {}},
        "record of version true": leaf(("version",), True),
        "record of version 1.0": leaf(("version",), 1.0),
        "record of version a tensor": leaf(("version",), torch.tensor(1)),
        "a record in itself": _in_itself(content),
        "a record of depth 100": leaf(("training",), _deep(100)),
        "model with a set": leaf(("model", "act"), {1, 2}),
        "model with bytes": leaf(("model", "act"), b"PRELU"),
        "model with a tensor": leaf(("model", "channels"), torch.tensor([4, 8])),
        "model with keys of numbers": leaf(("model",), {1: 2, **record["model"]}),
        "spacing nan": leaf(("preprocessing", "spacing_mm"), nan),
        "spacing 0": leaf(("preprocessing", "spacing_mm"), 0.0),
        "spacing infinite": leaf(("preprocessing", "spacing_mm"), float("inf")),
        "spacing 1e-9": leaf(("preprocessing", "spacing_mm"), 1e-9),
        "rows 0": leaf(("preprocessing", "rows"), 0),
        "rows -5": leaf(("preprocessing", "rows"), -5),
        "crop of no rows": leaf(("dataset", "crop", "rows"), 0),
        "crop at -5": leaf(("dataset", "crop", "row"), -5),
        "percentiles the other way": leaf(("dataset", "intensity", "percentiles"), [95.0, 5.0]),
        "three percentiles": leaf(("dataset", "intensity", "percentiles"), [5.0, 50.0, 95.0]),
        "percentiles nan": leaf(("dataset", "intensity", "percentiles"), [nan, nan]),
        "a crop as intensity": leaf(("dataset", "intensity"), record["dataset"]["crop"]),
        "region joint": leaf(("preprocessing", "region"), "joint"),
        "passes 10**6": leaf(("inferer", "passes"), 10**6),
        "passes nan": leaf(("inferer", "passes"), nan),
        "channels of 10**12": leaf(("model", "channels"), [10**12, 8]),
        "channels of 10**5": leaf(("model", "channels"), [10**5, 10**5]),
        "channels of 100,000 levels": leaf(("model", "channels"), [4] * 10**5),
        "strides 0": leaf(("model", "strides"), [0]),
        "spatial_dims 10**9": leaf(("model", "spatial_dims"), 10**9),
        "residual units 10**7": leaf(("model", "num_res_units"), 10**7),
        "another network": leaf(("model",), {"_target_": "monai.networks.nets.ViT", "_partial_": True}),
        "a network that does not exist": leaf(("model", "_target_"), "monai.networks.nets.Nothing"),
        "a module as network": leaf(("model", "_target_"), "monai.networks.nets"),
        "a function as network": leaf(("model", "_target_"), "monai.networks.nets.resnet18"),
        "a loss as activation": leaf(("activation", "_target_"), "hipseg.losses.overlap.Dice"),
        "no label": leaf(("label_names",), []),
        "labels of numbers": leaf(("label_names",), [1, 2, 3, 4]),
        "labels a hundred thousand": leaf(("label_names",), ["a"] * 10**5),
        "labels text": leaf(("label_names",), "abcd"),
    }  # fmt: skip


def _in_itself(content: dict[str, Any]) -> dict[str, Any]:
    record = copy.deepcopy(content["hipseg"])
    record["model"]["act"] = record["model"]
    return {**content, "hipseg": record}


def _deep(depth: int) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for _ in range(depth):
        made = {"a": made}
    return made


class _Reduces:
    """Unpickled, it would make a folder."""

    def __init__(self, call: Callable[..., Any], *given: Any) -> None:
        self.call, self.given = call, given

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call, self.given


def _pickled(content: dict[str, Any], where: str, path: Path) -> None:
    """A checkpoint whose pickle makes a folder when it is read as a pickle."""
    runs = _Reduces(os.mkdir, str(path.with_name(f"{MARKER}_{path.stem}")))
    made = {
        "root": runs,
        "record": {**content, "hipseg": runs},
        "weight": {**content, "state_dict": {"network.a": runs}},
        "leaf": {**content, "hipseg": with_value(content["hipseg"], ("model", "act"), runs)},
        "plain pickle": runs,
    }[where]
    if where == "plain pickle":
        path.write_bytes(pickle.dumps(made))
    else:
        torch.save(made, path)


def _zipped(base: Path, change: str, path: Path) -> None:
    """A checkpoint whose archive lacks a part, has one emptied, or has one that unpacks to 400 MB of zeros."""
    with zipfile.ZipFile(base) as archive, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for entry in archive.infolist():
            data = archive.read(entry)
            if change.split()[0] in entry.filename.rpartition("/")[2]:
                if change.endswith("missing"):
                    continue
                data = b"" if change.endswith("empty") else bytes(400 << 20)
            made.writestr(entry.filename, data)


def _write(content: bytes, path: Path) -> None:
    path.write_bytes(content)


def _save(content: dict[str, Any], path: Path) -> None:
    torch.save(content, path)


def payloads(content: dict[str, Any]) -> Files:
    """Every checkpoint with code planted in it."""
    record = content["hipseg"]
    for number, at in enumerate(places(record)):
        # The first two everywhere, the others in turn.
        others = list(PLANTS)[2:]
        for name in (*list(PLANTS)[:2], others[number % len(others)]):
            plant = PLANTS[name]
            yield FileCase("payload", f"{name} at {_shown(at)}", partial(_planted, content, at, plant))
    for at in _DOERS_AT:
        for name, plant in _DOERS.items():
            yield FileCase("payload", f"{name} at {_shown(at)}", partial(_planted, content, at, plant))
    for where in ("root", "record", "weight", "leaf", "plain pickle"):
        yield FileCase("pickle", f"pickled code, {where}", partial(_pickled, content, where))


def damages(base: Path, content: dict[str, Any], rng: np.random.Generator) -> Files:
    """Every checkpoint that is damaged without malice."""
    record = content["hipseg"]
    for number, at in enumerate(places(record)):
        gone, *others = _damages(value_at(record, at)).items()
        for name, value in (gone, *others[number % 2 :][:1]):
            yield FileCase("leaf", f"{_shown(at)} {name}", partial(_changed, content, at, value))
    for name, made in _special(content).items():
        yield FileCase("content", name, partial(_save, made))
    whole = base.read_bytes()
    for share in (0.0, 0.001, 0.1, 0.5, 0.9, 0.999):
        yield FileCase("bytes", f"only {share:.1%} of the bytes", partial(_write, whole[: int(share * len(whole))]))
    for number in range(12):
        count, within = (1, 8, 64)[number % 3], (4000, 10**9)[number // 3 % 2]
        yield FileCase("bytes", f"{count} of {within} bytes flipped, {number}",
                       partial(_write, flipped(whole, count, within, rng)))  # fmt: skip
    for change in ("data.pkl missing", "data.pkl empty", "0 missing", "0 empty", "byteorder empty", "version empty",
                   "0 bomb", "data.pkl bomb"):  # fmt: skip
        yield FileCase("bytes", f"archive with {change}", partial(_zipped, base, change))


def _shown(at: Place) -> str:
    return ".".join(map(str, at))
