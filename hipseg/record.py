"""The record of a checkpoint: plain data from a file that anyone may have made, checked before anything is built of it.

`hipseg.rebuild` builds what it describes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from hipseg.errors import HipsegError
from hipseg.transforms.prepare_image import NORMALISATIONS

_ZOOMS: Final = (0.25, 4.0)
_MOST: Final = {"rows": 16384, "columns": 16384, "passes": 256, "labels": 256}
_PRECISIONS: Final = frozenset(
    {
        "16", "32", "64", "bf16", "16-true", "16-mixed", "bf16-true", "bf16-mixed", "32-true", "64-true",
        "transformer-engine", "transformer-engine-float16",
    }
)  # fmt: skip


def require_plain(node: Any, key: str = "") -> None:
    """Refuse what is not plain data: mappings by text, lists, text without interpolations, numbers, truth values, None.

    Raises:
        HipsegError: Naming the first place that is not.
    """
    if isinstance(node, str):
        if "${" in node:
            raise HipsegError(f"{key} holds an interpolation")
    elif type(node) is dict:
        for name, part in node.items():
            if type(name) is not str or "${" in name:
                raise HipsegError(f"{key} has a key that is no plain text")
            require_plain(part, f"{key}.{name}" if key else name)
    elif type(node) is list:
        for index, part in enumerate(node):
            require_plain(part, f"{key}.{index}")
    elif not (node is None or type(node) in (bool, int, float)):
        raise HipsegError(f"{key} holds a {type(node).__name__}, which is no plain data")


def require_record(record: Any) -> None:
    """Refuse a record that lacks what every use of a checkpoint needs, or holds values that no run has.

    Raises:
        HipsegError: Naming the key within the record.
    """
    require_plain(record)
    if type(record) is not dict:
        raise HipsegError("there is no record")
    for name in ("model", "activation", "training", "preprocessing", "dataset", "input", "inferer"):
        if type(record.get(name)) is not dict:
            raise HipsegError(f"{name} is missing or is no mapping")
    names = record.get("label_names")
    if not (_is_texts(names) and 2 <= len(list(names or ())) <= _MOST["labels"]):
        raise HipsegError("label_names is no list of names")
    if "crop" in record["dataset"]:  # of hips, whose films are prepared as the store was
        _require_preprocessing(record["preprocessing"])
    elif "classes" in record["dataset"]:
        _require_classes(record["dataset"], list(names or ()))
    else:
        _require_plan(record["dataset"])
    _require_seen(record)
    training = record["training"]
    if str(training.get("precision")) not in _PRECISIONS:
        raise HipsegError("training.precision is none that a trainer knows")
    for name in ("subjects", "films"):
        if not _is_texts(training.get(name, [])):
            raise HipsegError(f"training.{name} is no list of texts")


def upgraded(record: Any) -> Any:
    """A record of version 1, which knew hips alone, or 2, as one of version 3; any other as it is.

    Records of version 2 whose windows follow heads are left: what finds these saw other grey values.
    """
    return _third(_second(record))


def _third(record: Any) -> Any:
    """A record of version 2, whose store had clipped the grey values, as one of version 3."""
    if type(record) is not dict or record.get("version") != 2 or record.get("locator") is not None:
        return record
    dataset, made = record.get("dataset"), record.get("preprocessing")
    if type(dataset) is not dict or type(made) is not dict or "crop" not in dataset:
        return record | {"version": 3}
    intensity = {"_target_": "hipseg.transforms.intensity.FilmPercentiles", "percentiles": made.get("percentiles")}
    kept = {name: value for name, value in made.items() if name != "percentiles"}
    return record | {"version": 3, "dataset": dataset | {"intensity": intensity}, "preprocessing": kept}


def _second(record: Any) -> Any:
    """A record of version 1 as one of version 2."""
    if type(record) is not dict or record.get("version") != 1 or type(record.get("version")) is not int:
        return record
    field, kept = record.get("field"), {k: v for k, v in record.items() if k not in ("field", "passes")}
    size = [field.get("rows"), field.get("columns")] if type(field) is dict else None
    return kept | {
        "version": 2,
        "dataset": {"_target_": "hipseg.data.datasets.hips.HipDataset", "crop": field},
        "input": {"channels": 1, "size": size, "range": [0.0, 1.0]},
        "inferer": {"_target_": "hipseg.inference.shifts.ShiftAverage", "passes": record.get("passes", 1)},
        "postprocess": {"_target_": "hipseg.inference.postprocess.WithoutSpecks"},
        "evaluation": "hips",
    }


def _is_texts(node: Any) -> bool:
    return type(node) is list and all(type(text) is str for text in node)


def _require_plan(dataset: Mapping[str, Any]) -> None:
    spacing, patch = dataset.get("spacing_mm"), dataset.get("patch")
    if not (type(spacing) is list and type(patch) is list and len(spacing) == len(patch) in (2, 3)):
        raise HipsegError("dataset.spacing_mm and patch are no two lists of an axis each")
    for index, (mm, edge) in enumerate(zip(spacing, patch, strict=True)):
        _require_number(mm, f"dataset.spacing_mm.{index}", float, 1e-3, 1e3)
        _require_number(edge, f"dataset.patch.{index}", int, 1, _MOST["rows"])

    if dataset.get("normalisation", "zscore") not in NORMALISATIONS:
        raise HipsegError(f"dataset.normalisation is none of {', '.join(NORMALISATIONS)}")


def _require_classes(dataset: Mapping[str, Any], names: list[str]) -> None:
    classes, grades = dataset["classes"], dataset.get("grades")
    if classes != names or not (type(grades) is list and all(type(each) is list for each in grades)):
        raise HipsegError("dataset.classes are not those of label_names, with lists of grades")
    _require_number(dataset.get("positive_from"), "dataset.positive_from", int, 1, len(names) - 1)
    _require_number(dataset.get("pixels"), "dataset.pixels", int, 16, _MOST["rows"])


def _require_preprocessing(made: Mapping[str, Any]) -> None:
    for name in ("rows", "columns"):
        _require_number(made.get(name), f"preprocessing.{name}", int, 1, _MOST[name])
    _require_number(made.get("spacing_mm"), "preprocessing.spacing_mm", float, 1e-3, 1e3)


def _require_seen(record: Mapping[str, Any]) -> None:
    """What images the network saw, and how they were taken and judged."""
    if "crop" in record["dataset"]:
        _require_crop(record["dataset"]["crop"])
        if type(record["dataset"].get("intensity")) is not dict:
            raise HipsegError("dataset.intensity is no mapping")
    _require_input(record["input"])
    if "passes" in record["inferer"]:
        _require_number(record["inferer"]["passes"], "inferer.passes", int, 1, _MOST["passes"])
    if "zooms" in record["inferer"]:
        zooms = record["inferer"]["zooms"]
        if not (type(zooms) is list and 1 <= len(zooms) <= _MOST["passes"]):
            raise HipsegError("inferer.zooms is no list of numbers")
        for zoom in zooms:
            _require_number(zoom, "inferer.zooms", float, *_ZOOMS)
    if record.get("postprocess") is not None and type(record["postprocess"]) is not dict:
        raise HipsegError("postprocess is no mapping")
    _require_locator(record.get("locator"))
    if type(record.get("evaluation")) is not str:
        raise HipsegError("evaluation is no name of an option")


def _require_crop(crop: Any) -> None:
    kinds = ({"row", "column", "rows", "columns"}, {"rows", "columns", "below_mm", "lateral_mm", "shrink"})
    if type(crop) is not dict or set(crop) - {"_target_"} not in kinds:
        raise HipsegError("dataset.crop is not row, column, rows and columns")
    for name, value in crop.items():
        if name.endswith("_mm"):
            _require_number(value, f"dataset.crop.{name}", float, -1e3, 1e3)
        elif name != "_target_":
            _require_number(value, f"dataset.crop.{name}", int, int(name not in ("row", "column")), _MOST["rows"])


def _require_locator(node: Any) -> None:
    if node is None:
        return
    if type(node) is not dict or type(node.get("field")) is not dict:
        raise HipsegError("locator is no description with a field")
    _require_crop(node["field"])
    _require_number(node.get("least"), "locator.least", float, 1e-3, 1)


def _require_input(known: Mapping[str, Any]) -> None:
    _require_number(known.get("channels"), "input.channels", int, 1, _MOST["labels"])
    for name, least, most in (("size", 1, _MOST["rows"]), ("range", -1e6, 1e6)):
        ends = known.get(name)
        if ends is not None and type(ends) is not list:
            raise HipsegError(f"input.{name} is no list")
        for index, value in enumerate(ends or ()):
            _require_number(value, f"input.{name}.{index}", int if name == "size" else float, least, most)
    if known.get("range") is not None and len(known["range"]) != 2:
        raise HipsegError("input.range are not two numbers")


def _require_number(value: Any, key: str, kind: type, least: float, most: float) -> None:
    kinds = (int,) if kind is int else (int, float)
    if type(value) not in kinds or not math.isfinite(value) or not least <= value <= most:
        raise HipsegError(f"{key} is {str(value)[:40]!r}, not a number from {least:g} to {most:g}")
