"""Checkpoints: weights and, as plain data, all that is needed to use them again."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import torch

from hipseg.data.stores import AnyStore
from hipseg.errors import HipsegError
from hipseg.inference.inferer import Inferer
from hipseg.rebuild import SEGMENTATION, inferer_of, intensity_of, locator_of, network_of, postprocess_of, task_of
from hipseg.record import require_record, upgraded
from hipseg.tasks.base import BaseTask
from hipseg.tasks.classification import ClassificationEnsemble, ClassificationTask
from hipseg.tasks.segmentation import Ensemble, Postprocess, SegmentationTask

_VERSION: Final = 3
_WEIGHTS: Final = frozenset(
    {torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int64, torch.int32, torch.uint8, torch.bool}
)


def software_versions() -> dict[str, str]:
    """Versions of what a result depends on."""
    packages = ("hipseg", "torch", "pytorch-lightning", "monai", "numpy", "scipy", "hydra-core")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}


def count_parameters(task: BaseTask) -> int:
    """Trainable weights of a task's network."""
    return sum(weights.numel() for weights in task.network.parameters())


def make_record(
    task: str,
    model: dict[str, Any],
    activation: dict[str, Any],
    training: dict[str, Any],
    label_names: Sequence[str],
    preprocessing: dict[str, Any],
    dataset: dict[str, Any],
    input: dict[str, Any],
    inferer: dict[str, Any],
    postprocess: dict[str, Any] | None,
    evaluation: str,
    locator: dict[str, Any] | None,
) -> dict[str, Any]:
    """The plain data of a checkpoint; it holds no path, subject or film.

    Args:
        task: Class of what was trained, of `hipseg.rebuild.TASKS`.
        model: Resolved configuration of the network.
        activation: Resolved configuration of the activation.
        training: What else describes the run: loss, optimiser, seed.
        label_names: The background first; or classes in the order of severity.
        preprocessing: The store's.
        dataset: Resolved configuration of the dataset, without what matters in training only.
        input: `channels`, `size` (rows, columns; None if any) and `range` of grey values (None if any) of images.
        inferer: Resolved configuration of the inferer.
        postprocess: Resolved configuration of what is done to probabilities; None if nothing.
        evaluation: Name of the option that judges it.
        locator: Resolved configuration of what finds the windows that the network sees; None if it sees whole images.
    """
    return {
        "version": _VERSION,
        "task": task,
        "model": model,
        "activation": activation,
        "training": training,
        "label_names": list(label_names),
        "preprocessing": preprocessing,
        "dataset": dataset,
        "input": input,
        "inferer": inferer,
        "postprocess": postprocess,
        "evaluation": evaluation,
        "locator": locator,
    }


def read_checkpoint(path: Path, key: str = "checkpoint") -> dict[str, Any]:
    """A checkpoint's content, without running code from it.

    Args:
        path: The file.
        key: The option that names it.

    Raises:
        HipsegError: If the file is missing, damaged, or not a checkpoint of this hipseg.
    """
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        content["hipseg"] = upgraded(content["hipseg"])
        written = content["hipseg"]["version"]
    except FileNotFoundError:
        raise HipsegError(f"{key}: there is no file {path}") from None
    except Exception:  # an unpickler raises many kinds on foreign bytes
        raise HipsegError(f"{key}: {path} is not a checkpoint that hipseg wrote") from None
    if type(written) is not int or written != _VERSION:
        raise HipsegError(f"{key}: {path} has version {str(written)[:20]}, this hipseg reads {_VERSION}")
    try:
        require_record(content["hipseg"])
        _require_weights(content.get("state_dict"))
    except HipsegError as error:
        raise HipsegError(f"{key}: {path} is damaged, {error}") from None
    except RecursionError:
        raise HipsegError(f"{key}: {path} is damaged, its record holds itself") from None
    return content


def _require_weights(weights: Any) -> None:
    if not isinstance(weights, dict) or not all(type(name) is str for name in weights):
        raise HipsegError("it holds no weights")
    for name, values in weights.items():
        dense = isinstance(values, torch.Tensor) and values.layout == torch.strided and values.device.type == "cpu"
        if not (dense and values.dtype in _WEIGHTS):
            raise HipsegError(f"its weights {name[:60]} are no tensor of numbers")
        if values.is_floating_point() and not torch.isfinite(values).all():
            raise HipsegError(f"its weights {name[:60]} are not finite")


def load(
    path: Path | str,
    inferer: Inferer | None = None,
    trusted: tuple[str, ...] = (),
    key: str = "checkpoint",
    postprocess: Postprocess | None = None,
) -> Any:
    """A trained task, ready to predict: `task(image)` takes (B, 1, H, W) images and gives probabilities.

    Its `record` tells the labels, and of what preprocessing, size and range images must be.

    Args:
        path: Of `best.ckpt` or `last.ckpt`.
        inferer: How whole images are taken; as the run was tested if not given.
        trusted: Beginnings of names outside hipseg and MONAI that the checkpoint may import, for networks of your own.
        key: The option that names it.
        postprocess: What is done to probabilities; as the run was tested if not given.

    Raises:
        HipsegError: If the file is not a checkpoint of this hipseg.
    """
    content = read_checkpoint(Path(path), key)
    try:
        if task_of(content["hipseg"]) == SEGMENTATION:
            return _segmentation(content, inferer, trusted, postprocess).eval()
        return _classification(content, trusted).eval()
    except HipsegError as error:
        raise HipsegError(f"{key}: {path}: {error}") from None
    except (KeyError, RuntimeError, TypeError, AttributeError) as error:
        said = f"{path} is damaged, its record and weights do not fit ({type(error).__name__})"
        raise HipsegError(f"{key}: {said}") from None


def _segmentation(
    content: dict[str, Any], inferer: Inferer | None, trusted: tuple[str, ...], postprocess: Postprocess | None
) -> SegmentationTask:
    record = content["hipseg"]
    network, activation = network_of(record, trusted)
    inferer = inferer or inferer_of(record, trusted)
    after = postprocess or postprocess_of(record, trusted)
    if "crop" in record["dataset"]:
        intensity_of(record)
    locator = locator_of(record)
    task = SegmentationTask(
        network, activation, torch.nn.Identity(), record["label_names"], None, None, record, inferer, after,
        locator=locator,
    )  # fmt: skip
    network.load_state_dict(_weights(content))
    if locator is not None:
        locator.load_state_dict(_weights(content, "locator."))
    return task


def _classification(content: dict[str, Any], trusted: tuple[str, ...]) -> ClassificationTask:
    record = content["hipseg"]
    network, _ = network_of(record, trusted)
    positive_from = record["dataset"]["positive_from"]
    task = ClassificationTask(network, torch.nn.Identity(), record["label_names"], positive_from, None, None, record)
    network.load_state_dict(_weights(content))
    task.threshold.fill_(float(content["state_dict"]["threshold"]))
    return task


def ensemble(members: Sequence[Any]) -> Any:
    """Tasks of one kind as one, whose answer is their mean."""
    return ClassificationEnsemble(members) if isinstance(members[0], ClassificationTask) else Ensemble(members)


def load_locator(path: Path, trusted: tuple[str, ...] = ()) -> Any:
    """`load` of the option `locator`."""
    return load(path, trusted=trusted, key="locator")


def start_from(content: dict[str, Any], task: BaseTask) -> None:
    """Give a task the weights of a checkpoint, so that training goes on from there.

    Args:
        content: Of the checkpoint; one without a locator teaches the network alone.
        task: That is to be trained.

    Raises:
        HipsegError: If they are another network's.
    """
    try:
        task.network.load_state_dict(_weights(content))
        locator = getattr(task, "locator", None)
        if isinstance(locator, torch.nn.Module) and (weights := _weights(content, "locator.")):
            locator.load_state_dict(weights)
    except (RuntimeError, TypeError, AttributeError):
        said = "the checkpoint holds another network; choose its model, activation and labels"
        raise HipsegError(f"pretrained: {said}") from None


def _weights(content: dict[str, Any], part: str = "network.") -> dict[str, Any]:
    weights = content["state_dict"].items()
    return {name.removeprefix(part): w for name, w in weights if name.startswith(part)}


def require_same_data(record: dict[str, Any], store: AnyStore, path: Path) -> None:
    """Refuse a store whose labels or grid are not those that a checkpoint was trained on.

    Raises:
        HipsegError: Saying which differs.
    """
    if task_of(record) == SEGMENTATION and tuple(record["label_names"]) != store.label_names:
        said = f"knows the labels {', '.join(record['label_names'])}, the store has {', '.join(store.label_names)}"
        raise HipsegError(f"checkpoint: {path} {said}; use one of the same label set")
    for name in ("region", "rows", "columns", "spacing_mm", "enclosed"):
        if record["preprocessing"].get(name) != store.preprocessing.get(name):
            trained, stored = (made.get(name) for made in (record["preprocessing"], store.preprocessing))
            raise HipsegError(f"checkpoint: {path} was trained on {name} = {trained}, the store has {stored}")


def require_alike(tasks: Sequence[BaseTask], paths: Sequence[Path]) -> None:
    """Refuse checkpoints whose answers can't be averaged.

    Raises:
        HipsegError: Naming the first that differs.
    """
    first = tasks[0].record
    for task, path in zip(tasks[1:], paths[1:], strict=True):
        for name in ("task", "label_names", "preprocessing", "input", "dataset"):
            if task.record.get(name) != first.get(name):
                said = f"{path} has other {name} than {paths[0]}"
                raise HipsegError(f"checkpoint: {said}; average runs of one store and one plan")
