"""What a checkpoint's record describes, built from closed lists of classes with plain arguments.

Nothing in a record is resolved or instantiated in another way; Hydra has no part in it.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

import torch

from hipseg.errors import HipsegError
from hipseg.losses.activation import Activation
from hipseg.options import check_arguments

SEGMENTATION: Final = "hipseg.tasks.segmentation.SegmentationTask"
TASKS: Final = (SEGMENTATION, "hipseg.tasks.classification.ClassificationTask")
NETWORKS: Final = ("monai.networks.nets.", "hipseg.networks.")
DATASETS: Final = ("hipseg.data.datasets.",)
INFERERS: Final = (
    "hipseg.inference.shifts.ShiftAverage", "hipseg.inference.sliding_window.SlidingWindow",
    "hipseg.inference.zooms.ZoomAverage",
)  # fmt: skip
POSTPROCESSES: Final = (
    "hipseg.inference.postprocess.WithoutSpecks", "hipseg.inference.postprocess.LargestComponents",
    "hipseg.inference.hips.OneHip", "hipseg.inference.otsu.OtsuThresholds", "hipseg.inference.nested.NestedLabels",
)  # fmt: skip
LOCATORS: Final = ("hipseg.networks.head_finder.HeadFinder",)
INTENSITIES: Final = ("hipseg.transforms.intensity.FilmPercentiles", "hipseg.transforms.intensity.Local")
PARTS: Final = ("hipseg.geometry.crop.Crop", "hipseg.geometry.crop.HeadCrop")
"""What a dataset may be described with."""
ACTIVATIONS: Final = ("hipseg.losses.activation.Softmax", "hipseg.losses.activation.Sigmoid")
_NEVER: Final = ("hipseg.", "monai.")  # of these only what is listed above, whoever is trusted
_IGNORED: Final = frozenset({"_target_", "_partial_", "_convert_"})
_MOST_ITEMS: Final = 256
_MOST_NUMBER: Final = 1 << 20


def task_of(record: Mapping[str, Any]) -> str:
    """The class of what a record's network was trained as; segmentation where it says nothing.

    Raises:
        HipsegError: If it names anything else.
    """
    task = record.get("task", SEGMENTATION)
    if task not in TASKS:
        raise HipsegError(f"task is none of {', '.join(TASKS)}")
    return str(task)


def network_of(record: Mapping[str, Any], trusted: Sequence[str] = ()) -> tuple[torch.nn.Module, Activation]:
    """The network and activation that a record describes, with new weights.

    Args:
        record: Checked by `require_record`.
        trusted: Beginnings of names, beside MONAI's networks, that may be imported: modules of networks of your own.

    Raises:
        HipsegError: If it names anything else, or its arguments do not fit.
    """
    activation: Activation = _build(record["activation"], "activation", ACTIVATIONS, trusted, object)
    channels = activation.channels(len(record["label_names"]))
    network: torch.nn.Module = _build(
        record["model"], "model", NETWORKS, trusted, torch.nn.Module, out_channels=channels
    )
    _require_convolutions(network)
    return network, activation


def dataset_of(record: Mapping[str, Any], trusted: Sequence[str] = ()) -> Any:
    """The kind of dataset that a record names, but for store, samples, subset and seed.

    Raises:
        HipsegError: If it names anything else.
    """
    node = dict(record["dataset"])
    for name, part in node.items():
        if name == "intensity":
            node[name] = intensity_of(record)
        elif name == "crop":
            node[name] = _build({"_target_": PARTS[0], **part}, f"dataset.{name}", PARTS, trusted, object)
        elif isinstance(part, dict) and "_target_" in part:
            node[name] = _build(part, f"dataset.{name}", PARTS, trusted, object)
    return _build({**node, "_partial_": True}, "dataset", DATASETS, trusted, object)


def inferer_of(record: Mapping[str, Any], trusted: Sequence[str] = ()) -> Any:
    """The inferer that a record describes.

    Raises:
        HipsegError: If it names anything else, or its arguments do not fit.
    """
    return _build(record["inferer"], "inferer", INFERERS, trusted, object)


def locator_of(record: Mapping[str, Any]) -> Any:
    """What a record says finds the windows that its network sees, with new weights; None if nothing does.

    Raises:
        HipsegError: If it names anything else, or its arguments do not fit.
    """
    node = record.get("locator")
    if node is None:
        return None
    field = _build(node["field"], "locator.field", PARTS, (), object)
    intensity = intensity_of(record)
    given = {name: value for name, value in node.items() if name not in ("field", "intensity")}
    spacing_mm = record["preprocessing"]["spacing_mm"]
    return _build(
        given, "locator", LOCATORS, (), torch.nn.Module, field=field, spacing_mm=spacing_mm, intensity=intensity
    )


def intensity_of(record: Mapping[str, Any]) -> Any:
    """What a record of hips says is made of their grey values.

    Raises:
        HipsegError: If it names anything else, or its arguments do not fit.
    """
    node, key = record["dataset"]["intensity"], "dataset.intensity"
    given = {name: value for name, value in node.items() if name not in _IGNORED}
    check_arguments(_class_of(node.get("_target_"), key, INTENSITIES, (), object), given, key, partial=False)
    return _build(node, key, INTENSITIES, (), object)


def postprocess_of(record: Mapping[str, Any], trusted: Sequence[str] = ()) -> Any:
    """What a record says is done to probabilities; None if nothing.

    Raises:
        HipsegError: If it names anything else, or its arguments do not fit.
    """
    node = record.get("postprocess")
    return None if node is None else _build(node, "postprocess", POSTPROCESSES, trusted, object)


def _require_convolutions(network: torch.nn.Module) -> None:
    """Refuse convolutions that torch makes but can't apply.

    Raises:
        HipsegError: Naming the argument.
    """
    for module in network.modules():
        for name in ("kernel_size", "stride", "dilation"):
            found = getattr(module, name, 1)
            sizes = found if isinstance(found, tuple) else (found,)
            if any(isinstance(size, int) and size < 1 for size in sizes):
                raise HipsegError(f"model: it has a {name} of {min(sizes)}")


def _build(
    node: Mapping[str, Any], key: str, known: Sequence[str], trusted: Sequence[str], base: type, **more: Any
) -> Any:
    found = _class_of(node.get("_target_"), key, known, trusted, base)
    if type(node.get("_partial_", False)) is not bool or type(node.get("_convert_", "")) is not str:
        raise HipsegError(f"{key} is no plain description")
    given = {option: value for option, value in node.items() if option not in _IGNORED}
    for option, value in given.items():
        if option.startswith("_") or _has_hidden(value):
            raise HipsegError(f"{key}.{option} is no plain argument")
        if not _is_modest(value):
            raise HipsegError(f"{key}.{option} is larger than that of any network")
        if option.startswith(("pretrained", "weights")) and value:
            raise HipsegError(f"{key}.{option} would fetch weights, which come with a checkpoint")
    try:
        return partial(found, **given) if node.get("_partial_") and not more else found(**given, **more)
    except Exception as error:  # constructors refuse arguments in many ways
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise HipsegError(f"{key}: '{node['_target_']}' refuses its arguments ({said})") from None


def _class_of(name: Any, key: str, known: Sequence[str], trusted: Sequence[str], base: type) -> Any:
    """The class that a record names, if it is one that may be built."""
    if type(name) is not str or not all(part.isidentifier() for part in name.split(".")) or "." not in name:
        raise HipsegError(f"{key} names nothing that can be imported")
    module, _, attribute = name.rpartition(".")
    own = name.startswith(tuple(known))
    if not own and (not name.startswith(tuple(trusted) or ("\0",)) or name.startswith(_NEVER)):
        said = f"it names '{name}', which is not trusted to be imported"
        raise HipsegError(f"{key}: {said}; if it is yours, {_flag(module)}")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except Exception as error:  # importing a module can raise anything
        raise HipsegError(f"{key} names '{name}', which can't be imported ({type(error).__name__})") from None
    home = f"{getattr(found, '__module__', '')}.{getattr(found, '__qualname__', '')}"
    at_home = home.startswith(tuple(known) if own else tuple(trusted))
    if not (inspect.isclass(found) and issubclass(found, base) and at_home):
        raise HipsegError(f"{key} names '{name}', which is no class that may be built from a checkpoint")
    return found


def _is_modest(node: Any) -> bool:
    """Whether numbers and lists are of a size that a network's options have."""
    if isinstance(node, dict):
        return all(_is_modest(part) for part in node.values())
    if isinstance(node, list):
        return len(node) <= _MOST_ITEMS and all(_is_modest(part) for part in node)
    return not isinstance(node, (int, float)) or abs(node) <= _MOST_NUMBER


def _flag(module: str) -> str:
    return f"give trusted=[{module}.] (in Python trusted=('{module}.',))"


def _has_hidden(node: Any) -> bool:
    """Whether plain data has a key that Hydra would take for a command."""
    if isinstance(node, dict):
        return any(name.startswith("_") or _has_hidden(part) for name, part in node.items())
    return isinstance(node, list) and any(_has_hidden(part) for part in node)
