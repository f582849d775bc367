"""`hipseg train`: fit, test the best checkpoint, measure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from pytorch_lightning import seed_everything

from hipseg.build import build_data, build_task, build_trainer
from hipseg.checkpoint import make_record, read_checkpoint, start_from
from hipseg.commands.outcome import print_outcome
from hipseg.commands.run import begin_run, open_loggers, quieten
from hipseg.data.datamodule import HipDataModule
from hipseg.data.truth import require_truth
from hipseg.errors import HipsegError
from hipseg.inference.shifts import Passes
from hipseg.instantiation import check
from hipseg.io.dicom import file_sha256
from hipseg.options import check_value


def run(config: DictConfig) -> None:
    """Run the command on its configuration."""
    content = check(config)
    quieten()
    if (epochs := content["trainer"]["max_epochs"]) is not None and epochs < 1:
        raise HipsegError(f"trainer.max_epochs: at least one epoch is needed, not {epochs}")
    check_value(Passes, content["passes"], "passes")
    data = build_data(content)
    data.require("train", "val", "test")
    require_truth(content["truth"], data.samples["test"])
    seed_everything(content["seed"], workers=True, verbose=False)
    init = read_checkpoint(Path(content["init"]), "init") if content["init"] is not None else None
    task = build_task(content, _record(content, data))
    if init is not None:
        start_from(init, task.network)
    folder = Path(content["folder"])
    begin_run(config, folder)
    with open_loggers(content, data) as loggers:
        trainer = build_trainer(content, loggers)
        trainer.fit(task, datamodule=data)
        best: Any = trainer.checkpoint_callback
        trainer.test(task, datamodule=data, ckpt_path=best.best_model_path, verbose=False)
    print_outcome(folder)


def _record(content: dict[str, Any], data: HipDataModule) -> dict[str, Any]:
    """What the checkpoints will say of themselves."""
    training = {name: content[name] for name in ("loss", "optimizer", "scheduler", "seed")}
    training["precision"] = content["trainer"]["precision"]
    training["init"] = file_sha256(Path(content["init"])) if content["init"] is not None else None
    store = data.store
    model, activation = content["model"], content["activation"]
    names, made = store.label_names, store.preprocessing
    return make_record(model, activation, training, names, made, data.field, content["passes"])
