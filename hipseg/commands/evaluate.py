"""`hipseg evaluate`: test a checkpoint on a store and a split."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig
from pytorch_lightning import seed_everything

from hipseg.build import build_data, build_trainer
from hipseg.checkpoint import load, require_same_data
from hipseg.commands.outcome import print_outcome
from hipseg.commands.run import begin_run, open_loggers, quieten
from hipseg.data.truth import require_truth
from hipseg.inference.shifts import Passes
from hipseg.instantiation import check
from hipseg.options import check_value


def run(config: DictConfig) -> None:
    """Run the command on its configuration."""
    content = check(config)
    quieten()
    passes = check_value(Passes | None, content["passes"], "passes")
    task = load(Path(content["checkpoint"]), passes)
    # The network sees what it was trained on, in the precision it was tested in.
    content["data"]["field"] = task.record["field"] | {"_target_": "hipseg.field.Field"}
    content["trainer"]["precision"] = task.record["training"]["precision"]
    data = build_data(content)
    data.require("test")
    require_truth(content["truth"], data.samples["test"])
    require_same_data(task.record, data.store, Path(content["checkpoint"]))
    seed_everything(content["seed"], workers=True, verbose=False)
    folder = Path(content["folder"])
    begin_run(config, folder)
    with open_loggers(content, data) as loggers:
        build_trainer(content, loggers).test(task, datamodule=data, verbose=False)
    print_outcome(folder)
