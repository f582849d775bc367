"""`hipseg evaluate`: test a checkpoint on a store and a split."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig
from pytorch_lightning import seed_everything

from hipseg.build import build_callbacks, build_data, build_trainer
from hipseg.checkpoint import count_parameters, load, require_same_data, software_versions
from hipseg.commands.job import Job, startable_again
from hipseg.commands.outcome import print_outcome
from hipseg.commands.run import (
    begin_run,
    is_first_process,
    leave_process_group,
    lightning_mistakes,
    open_loggers,
    quieten,
    stoppable,
)
from hipseg.data.truth import require_truth
from hipseg.inference.shifts import Passes
from hipseg.instantiation import check
from hipseg.options import check_value


def run(config: DictConfig, job: Job) -> float:
    """Run the command on its configuration.

    Returns:
        The mean Dice of the test hips, for sweeps.
    """
    content = check(config)
    quieten()
    passes = check_value(Passes | None, content["passes"], "passes")
    checkpoint = Path(content["checkpoint"])
    task = load(checkpoint, passes, tuple(content["trusted"]))
    # The network sees what it was trained on, in the precision it was tested in.
    decided = {
        "data.field": task.record["field"] | {"_target_": "hipseg.field.Field"},
        "trainer.precision": task.record["training"]["precision"],
        "passes": task.passes,
    }
    content["data"]["field"] = decided["data.field"]
    content["trainer"]["precision"] = decided["trainer.precision"]
    data = build_data(content)
    data.require("test")
    require_truth(content["truth"], data.samples["test"])
    require_same_data(task.record, data.store, checkpoint)
    seed_everything(content["seed"], workers=True, verbose=False)
    folder = Path(content["folder"])
    begin_run(config, folder, decided)
    facts = {
        "parameters": count_parameters(task),
        "versions": software_versions(),
        "test_hips": len(data.samples["test"]),
    }
    with (
        open_loggers(content, data, job, facts) as loggers,
        startable_again(job),
        stoppable("nothing of it is kept"),
        lightning_mistakes(),
    ):
        trainer = build_trainer(content, build_callbacks(content), loggers)
        found = trainer.test(task, datamodule=data, verbose=False)
        leave_process_group()
    if is_first_process():
        print_outcome(folder)
    return float(found[0]["test/dice/mean"])
