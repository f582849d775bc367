"""`hipseg train`: fit, test the best checkpoint, measure."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from pytorch_lightning import seed_everything

from hipseg.build import build_data, build_loggers, build_task, build_trainer, fresh_folder
from hipseg.checkpoint import make_record
from hipseg.commands.outcome import print_outcome
from hipseg.instantiation import check


def run(config: DictConfig) -> None:
    """Run the command on its configuration."""
    content = check(config)
    quieten()
    folder = fresh_folder(Path(content["folder"]))
    data = build_data(content)
    data.require("train", "val", "test")
    seed_everything(content["seed"], workers=True, verbose=False)
    training = {name: content[name] for name in ("loss", "optimizer", "scheduler", "seed")}
    record = make_record(
        content["model"], content["activation"], training, data.store.label_names, data.store.preprocessing, data.field
    )
    task = build_task(content, record)
    loggers = build_loggers(content, data)
    trainer = build_trainer(content, loggers)
    try:
        trainer.fit(task, datamodule=data)
        best: Any = trainer.checkpoint_callback
        trainer.test(task, datamodule=data, ckpt_path=best.best_model_path, verbose=False)
    finally:
        for logger in loggers:
            if hasattr(logger, "finish"):
                logger.finish()
    print_outcome(folder)


def quieten() -> None:
    """Leave standard error to errors and progress."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
