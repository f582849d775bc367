"""`hipseg evaluate`: test a checkpoint on a store and a split."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig
from pytorch_lightning import seed_everything

from hipseg.build import build_callbacks, build_data, build_inferer, build_postprocess, build_trainer
from hipseg.checkpoint import count_parameters, ensemble, load, require_alike, require_same_data, software_versions
from hipseg.commands.job import Job, startable_again
from hipseg.commands.outcome import print_outcome
from hipseg.commands.run import (
    begin_run,
    is_first_process,
    leave_process_group,
    lightning_mistakes,
    open_loggers,
    quieten,
    require_judgeable,
    stoppable,
)
from hipseg.instantiation import check
from hipseg.rebuild import dataset_of


def run(config: DictConfig, job: Job) -> float:
    """Run the command on its configuration.

    Returns:
        The mean Dice of the test cases, or their area under the ROC curve, for sweeps.
    """
    content = check(config)
    quieten()
    trusted = tuple(content["trusted"])
    given = content["checkpoint"]
    checkpoints = [Path(path) for path in (given if isinstance(given, list) else [given])]
    inferer, postprocess = build_inferer(content), build_postprocess(content)
    members = [load(path, inferer, trusted, postprocess=postprocess) for path in checkpoints]
    require_alike(members, checkpoints)
    task = members[0] if len(members) == 1 else ensemble(members)
    # The network sees what it was trained on, in the precision it was tested in.
    decided = {
        "data.dataset": task.record["dataset"],
        "trainer.precision": task.record["training"]["precision"],
        "inferer": content["inferer"] or task.record["inferer"],
        "postprocess": content["postprocess"] or task.record["postprocess"],
    }
    content["trainer"]["precision"] = decided["trainer.precision"]
    data = build_data(content, dataset_of(task.record, trusted))
    data.require("test")
    require_same_data(task.record, data.store, checkpoints[0])
    seed_everything(content["seed"], workers=True, verbose=False)
    callbacks = build_callbacks(content)
    require_judgeable(callbacks, data)
    folder = Path(content["folder"])
    begin_run(config, folder, decided)
    facts = {
        "parameters": sum(count_parameters(member) for member in members),
        "versions": software_versions(),
        f"test_{data.test_dataset.unit}": len(data.samples["test"]),
    }
    with (
        open_loggers(content, data, job, facts) as loggers,
        startable_again(job),
        stoppable("nothing of it is kept"),
        lightning_mistakes(),
    ):
        trainer = build_trainer(content, callbacks, loggers)
        found = trainer.test(task, datamodule=data, verbose=False)
        leave_process_group()
    if is_first_process():
        print_outcome(folder, data.test_dataset.unit, callbacks)
    return float(found[0][task.score])
