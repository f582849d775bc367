"""From configuration to objects: the one place, with the commands, that sees Hydra.

Networks and losses arrive as partials and are completed here: the number of channels comes from the store's labels and
the activation.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import torch
from hydra.utils import get_object
from pytorch_lightning import Trainer

from hipseg.data.datamodule import HipDataModule
from hipseg.errors import HipsegError
from hipseg.instantiation import described, make
from hipseg.losses.activation import Activation
from hipseg.tasks.segmentation import SegmentationTask


def build_network(
    record: Mapping[str, Any], trusted: tuple[str, ...] = ("hipseg.", "monai.networks.")
) -> tuple[torch.nn.Module, Activation]:
    """The network and activation that a checkpoint's record describes, with new weights.

    Args:
        record: See `hipseg.checkpoint.make_record`.
        trusted: Beginnings of the names that may be imported: a record comes from a file.

    Raises:
        HipsegError: If the record names anything else.
    """
    for _, node in described([record["model"], record["activation"]], ""):
        name = str(node["_target_"])
        # Where it is defined counts, not through which module it is reached.
        if not name.startswith(trusted) or not str(get_object(name).__module__ + ".").startswith(trusted):
            raise HipsegError(f"checkpoint: it names '{name}', which is not trusted to be imported")
    activation: Activation = make(record["activation"])
    channels = activation.channels(len(record["label_names"]))
    return make({**record["model"], "_partial_": False}, out_channels=channels), activation


def build_data(config: Mapping[str, Any]) -> HipDataModule:
    """The datamodule."""
    data: HipDataModule = make(config["data"], _convert_="all")
    return data


def build_task(config: Mapping[str, Any], record: dict[str, Any]) -> SegmentationTask:
    """The task to train, its network and loss completed."""
    network, activation = build_network(record, trusted=("",))
    loss = make(config["loss"])(activation=activation)
    names = record["label_names"]
    return SegmentationTask(
        network, activation, loss, names, make(config["optimizer"]), make(config["scheduler"]), record, config["passes"]
    )


def build_loggers(config: Mapping[str, Any], data: HipDataModule) -> list[Any]:
    """The loggers; those that take the configuration get it without anything that names a file."""
    loggers = []
    for node in config["logger"].values():
        if not isinstance(node, Mapping):
            continue
        more = {"config": public_config(config), "identity_key": data.store.identity_key}
        built = make(node)
        loggers.append(built(**more) if node.get("_partial_") else built)
    return loggers


def public_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration without paths: what could name a person, a machine or a study stays here."""
    hidden = ("out", "folder", "logger", "callbacks", "checkpoint", "init", "truth")
    content = {name: value for name, value in config.items() if name not in hidden}
    content["data"] = {name: value for name, value in content["data"].items() if name not in ("store", "split")}
    content["trainer"] = {k: v for k, v in content["trainer"].items() if k != "default_root_dir"}
    return content


def build_trainer(config: Mapping[str, Any], loggers: list[Any]) -> Trainer:
    """The trainer with its callbacks, silent where nobody watches."""
    # Reproducibility needs no memory filled before it is written; the filling costs a tenth of a step.
    setattr(torch.utils.deterministic, "fill_uninitialized_memory", False)  # noqa: B010 (torch doesn't declare it)
    callbacks = [make(node, _convert_="all") for node in config["callbacks"].values() if node is not None]
    watched = sys.stderr.isatty()
    trainer: Trainer = make(
        config["trainer"], callbacks=callbacks, logger=loggers, enable_progress_bar=watched, _convert_="all"
    )
    return trainer
