"""`hipseg evaluate`: test a checkpoint on a store and a split."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig
from pytorch_lightning import seed_everything

from hipseg.build import build_data, build_loggers, build_trainer, fresh_folder
from hipseg.checkpoint import load, require_same_data
from hipseg.commands.outcome import print_outcome
from hipseg.commands.train import quieten
from hipseg.instantiation import check


def run(config: DictConfig) -> None:
    """Run the command on its configuration."""
    content = check(config)
    quieten()
    task = load(Path(content["checkpoint"]))
    # The network sees what it was trained on.
    content["data"]["field"] = task.record["field"] | {"_target_": "hipseg.field.Field"}
    folder = fresh_folder(Path(content["folder"]))
    data = build_data(content)
    data.require("test")
    require_same_data(task.record, data.store, Path(content["checkpoint"]))
    seed_everything(content["seed"], workers=True, verbose=False)
    loggers = build_loggers(content, data)
    trainer = build_trainer(content, loggers)
    trainer.test(task, datamodule=data, verbose=False)
    print_outcome(folder)
