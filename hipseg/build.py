"""From configuration to objects: the one place, with the commands, that sees Hydra.

Networks and losses arrive as partials and are completed here: the number of channels comes from the store's labels and
the activation.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import torch
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.profilers import AdvancedProfiler, SimpleProfiler

from hipseg.config import PRIVATE_KEYS
from hipseg.data.datamodule import DatasetFactory, StoreDataModule
from hipseg.errors import HipsegError
from hipseg.geometry.crop import HeadCrop
from hipseg.inference.inferer import Inferer
from hipseg.instantiation import make
from hipseg.losses.activation import Activation, Softmax
from hipseg.losses.classification import ClassLoss
from hipseg.tasks.base import BaseTask
from hipseg.tasks.classification import ClassificationTask
from hipseg.tasks.segmentation import Locator, Postprocess

_OURS: Final = ("hipseg.", "pytorch_lightning.")
_PROFILERS: Final = {"simple": SimpleProfiler, "advanced": AdvancedProfiler}


def build_data(config: Mapping[str, Any], dataset: DatasetFactory | None = None) -> StoreDataModule:
    """The datamodule.

    Args:
        config: The whole configuration.
        dataset: In place of the configuration's.
    """
    node = {name: value for name, value in config["data"].items() if name != "_partial_"}
    data: StoreDataModule = make(node, _convert_="all", **({} if dataset is None else {"dataset": dataset}))
    return data


def build_task(config: Mapping[str, Any], record: dict[str, Any]) -> BaseTask:
    """The task to train, its network and loss completed.

    Raises:
        HipsegError: If one of the two is not what can be completed.
    """
    for part in ("task", "model", "activation", "loss", "optimizer", "scheduler"):
        if not (isinstance(config[part], Mapping) and "_target_" in config[part]):
            raise HipsegError(f"{part}: it says no _target_, the class or function to be built")
    kind = make(config["task"])
    activation: Activation = make(config["activation"])
    channels = activation.channels(len(record["label_names"]))
    network = make({**config["model"], "_partial_": False}, out_channels=channels)
    optimizer, scheduler = make(config["optimizer"]), make(config["scheduler"])
    completed = _of_classes if issubclass(kind.func, ClassificationTask) else _of_labels
    parts = completed(config, activation, record)
    task: BaseTask = kind(network=network, optimizer=optimizer, scheduler=scheduler, record=record, **parts)
    return task


def _of_labels(config: Mapping[str, Any], activation: Activation, record: dict[str, Any]) -> dict[str, Any]:
    """What a segmentation task is made of beside network and optimisation."""
    return {
        "activation": activation,
        "loss": _complete_loss(config["loss"], activation),
        "label_names": record["label_names"],
        "inferer": make(config["inferer"]),
        "postprocess": build_postprocess(config),
        "pooled": config["pooled_validation"],
        "ema": config["validation_ema"],
        "locator": _build_locator(config, record["preprocessing"]),
    }


def _of_classes(config: Mapping[str, Any], activation: Activation, record: dict[str, Any]) -> dict[str, Any]:
    """What a classification task is made of beside network and optimisation.

    Raises:
        HipsegError: If something is given that only label maps have.
    """
    for part in ("inferer", "postprocess", "head_finder"):
        if config.get(part):
            raise HipsegError(f"{part}: classes have none; give {part}=null, as experiment=osteoarthritis does")
    if not isinstance(activation, Softmax):
        raise HipsegError("activation: classes exclude each other; give activation=softmax")
    loss = make({**config["loss"], "_partial_": False}, counts=tuple(record["training"]["class_counts"]))
    if not isinstance(loss, ClassLoss):
        raise HipsegError(f"loss: {config['loss']['_target_']} is none of classes; give loss=class_ce or loss=focal")
    return {"loss": loss, "classes": record["label_names"], "positive_from": record["dataset"]["positive_from"]}


def _build_locator(config: Mapping[str, Any], made: Mapping[str, Any]) -> Locator | None:
    """What finds the windows that follow heads; None where there are none.

    Raises:
        HipsegError: If there is one without the other.
    """
    node, crop = config.get("head_finder"), config["data"]["dataset"].get("crop", {}).get("_target_")
    follows = crop == f"{HeadCrop.__module__}.{HeadCrop.__qualname__}"
    if follows and not node:
        raise HipsegError("crop: heads are followed only where something finds them; give head_finder=overview")
    if node and not follows:
        raise HipsegError("head_finder: heads are found for crop=head alone; choose it, or leave the finder out")
    if not node:
        return None
    locator: Locator = make({**node, "_partial_": False}, _convert_="all", spacing_mm=made["spacing_mm"])
    return locator


def build_inferer(config: Mapping[str, Any]) -> Inferer | None:
    """The inferer of a configuration that may leave it to a checkpoint; None then."""
    inferer: Inferer | None = make(config["inferer"]) if config["inferer"] else None
    return inferer


def build_postprocess(config: Mapping[str, Any]) -> Postprocess | None:
    """What a configuration, which may leave it to a checkpoint, says is done to probabilities; None then."""
    postprocess: Postprocess | None = make(config["postprocess"]) if config.get("postprocess") else None
    return postprocess


def require_network(task: BaseTask, size: Sequence[int]) -> None:
    """Refuse, before anything is trained, a network that can't take the images or gives other maps than are needed.

    Raises:
        HipsegError: With what it said or gave.
    """
    channels = task.record["input"]["channels"]
    needed = (1, *task.output_size(size))
    said_size = " x ".join(map(str, (channels, *size)))
    task.network.eval()
    try:
        with torch.no_grad():
            found = tuple(task.network(torch.zeros(1, channels, *size)).shape)
    except (RuntimeError, TypeError, ValueError, AttributeError) as error:
        said = " ".join(str(error).split())[:200]
        raise HipsegError(f"model: it can't take an image of {said_size} ({said})") from None
    finally:
        task.network.train()
    if found != needed:
        raise HipsegError(f"model: it gives {found} for one image where {needed} are needed")


def _complete_loss(node: Mapping[str, Any], activation: Activation) -> torch.nn.Module:
    """The loss for an activation."""
    name = node["_target_"]
    made = make(node)
    try:
        loss = made(activation=activation)
        inspect.signature(getattr(loss, "forward", loss)).bind(None, None, None)
    except TypeError as error:
        takes = "with _partial_: true it is called with activation=, then with logits, targets and weights"
        raise HipsegError(f"loss: {name} is no loss as hipseg calls it ({error}); {takes}") from None
    if not isinstance(loss, torch.nn.Module):
        raise HipsegError(f"loss: {name} makes no torch.nn.Module")
    return loss


def build_loggers(
    config: Mapping[str, Any], data: StoreDataModule, names: Mapping[str, str | None], facts: Mapping[str, Any]
) -> list[Any]:
    """The loggers; those that take more than their configuration get what the run is, without any file's name.

    Args:
        config: The whole configuration.
        data: The datamodule.
        names: `name`, `group` and `job_type` of the run, for loggers that are told no others.
        facts: What is known of it beside the configuration.
    """
    loggers = []
    for node in config["logger"].values():
        if not isinstance(node, Mapping):
            continue
        more = {"config": public_config(config) | dict(facts), "identity_key": data.store.identity_key, "names": names}
        built = make(node)
        loggers.append(built(**more) if node.get("_partial_") else built)
    return loggers


def public_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration without paths: what could name a person, a machine or a study stays here."""
    hidden = PRIVATE_KEYS | {"logger", "callbacks"}
    content = {name: value for name, value in config.items() if name not in hidden}
    content["data"] = {name: value for name, value in content["data"].items() if f"data.{name}" not in hidden}
    if "model" in content:
        content["model"] = {name: value for name, value in content["model"].items() if name != "weights"}
    content["trainer"] = {k: v for k, v in content["trainer"].items() if k != "default_root_dir"}
    return content


def build_callbacks(config: Mapping[str, Any]) -> dict[str, Callback]:
    """The callbacks by name."""
    return {
        name: make(node, _convert_="all") for name, node in config["callbacks"].items() if isinstance(node, Mapping)
    }


def require_monitored(callbacks: Mapping[str, Callback], task: BaseTask) -> None:
    """Refuse, before anything is trained, a callback that watches what is not logged.

    Raises:
        HipsegError: Naming it, and what is logged.
    """
    if not all(type(callback).__module__.startswith(_OURS) for callback in callbacks.values()):
        return  # a callback of the user's own may log more
    for name, callback in callbacks.items():
        monitor = getattr(callback, "monitor", None)
        if monitor is not None and monitor not in task.logged:
            raise HipsegError(f"callbacks.{name}.monitor: '{monitor}' is not logged; choose {', '.join(task.logged)}")


def build_trainer(config: Mapping[str, Any], callbacks: Mapping[str, Callback], loggers: list[Any]) -> Trainer:
    """The trainer, silent where nobody watches.

    Raises:
        HipsegError: If it can't be had, or would start processes that don't share out the test hips.
    """
    # Reproducibility needs no memory filled before it is written; the filling costs a tenth of a step.
    setattr(torch.utils.deterministic, "fill_uninitialized_memory", False)  # noqa: B010 (torch doesn't declare it)
    options = dict(config["trainer"])
    if any(word in str(options["strategy"]) for word in ("spawn", "fork", "notebook")):
        raise HipsegError(f"trainer.strategy: '{options['strategy']}' copies a process amid its work; use ddp")
    if options["profiler"] in _PROFILERS:
        options["profiler"] = _PROFILERS[options["profiler"]](dirpath=config["folder"], filename="profile")
    trainer: Trainer = make(
        {"_target_": options.pop("_target_"), "_convert_": "all"},
        callbacks=list(callbacks.values()),
        logger=loggers,
        enable_progress_bar=sys.stderr.isatty(),
        **options,
    )
    return trainer
