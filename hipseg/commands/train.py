"""`hipseg train`: fit, test the best checkpoint, measure."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from omegaconf import DictConfig
from pydantic import Field
from pytorch_lightning import Callback, Trainer, seed_everything
from pytorch_lightning.callbacks import ModelCheckpoint

from hipseg.build import build_callbacks, build_data, build_task, build_trainer, require_monitored, require_network
from hipseg.checkpoint import count_parameters, make_record, read_checkpoint, software_versions, start_from
from hipseg.commands.job import Job, startable_again
from hipseg.commands.outcome import print_outcome
from hipseg.commands.resume import LAST, resumed
from hipseg.commands.run import (
    begin_run,
    chosen_option,
    is_first_process,
    leave_process_group,
    lightning_mistakes,
    open_loggers,
    quieten,
    require_judgeable,
    stoppable,
)
from hipseg.data.datamodule import StoreDataModule
from hipseg.data.identity import seen_subjects
from hipseg.errors import HipsegError
from hipseg.instantiation import check
from hipseg.io.dicom import file_sha256
from hipseg.options import check_value
from hipseg.rebuild import SEGMENTATION
from hipseg.tasks.base import BaseTask


def run(config: DictConfig, job: Job) -> float:
    """Run the command on its configuration.

    Returns:
        The best validation score, for sweepers that look for the best of it; NaN if there is none.
    """
    going_on = config.resume is not None
    if going_on:
        config = resumed(config, job.overrides)
    content = check(config)
    quieten()
    _require_epochs(content["trainer"])
    check_value(Annotated[float, Field(ge=0, lt=1)] | None, content["validation_ema"], "validation_ema")
    check_value(bool, content["pooled_validation"], "pooled_validation")
    data = build_data(content)
    data.require("train", "val", "test")
    seed_everything(content["seed"], workers=True, verbose=False)
    pretrained = content["pretrained"]
    start = read_checkpoint(Path(pretrained), "pretrained") if pretrained is not None else None
    task = build_task(content, _record(content, data))
    if start is not None:
        start_from(start, task)
    require_network(task, data.test_dataset.training_size)
    folder = Path(content["folder"])
    callbacks = build_callbacks(content)
    require_monitored(callbacks, task)
    require_judgeable(callbacks, data)
    last = folder / LAST if going_on else None
    if last is None:
        begin_run(config, folder)
    went = read_checkpoint(last, "resume") if last is not None else {}
    facts = _facts(content, data, task)
    hint = f"go on with 'hipseg train resume={folder}'"
    with (
        open_loggers(content, data, job, facts) as loggers,
        startable_again(job),
        stoppable(hint),
        lightning_mistakes(),
    ):
        for logger in loggers:
            if going_on and hasattr(logger, "go_on"):
                logger.go_on(went["epoch"] + 1, went.get("epoch_metrics", {}))
        trainer = build_trainer(content, callbacks, loggers)
        trainer.fit(task, datamodule=data, ckpt_path=last, weights_only=True)
        best, score = _best(trainer, callbacks, folder)
        trainer.test(task, datamodule=data, ckpt_path=best, verbose=False, weights_only=True)
        leave_process_group()
    if is_first_process():
        print_outcome(folder, data.test_dataset.unit, callbacks)
    return score


def _require_epochs(trainer: Mapping[str, Any]) -> None:
    if (epochs := trainer["max_epochs"]) is not None and epochs < 1:
        raise HipsegError(f"trainer.max_epochs: at least one epoch is needed, not {epochs}")
    if (batches := trainer["accumulate_grad_batches"]) < 1:
        raise HipsegError(f"trainer.accumulate_grad_batches: at least one batch makes a step, not {batches}")
    if (most := trainer["gradient_clip_val"]) is not None and not most > 0:
        raise HipsegError(f"trainer.gradient_clip_val: {most} clips nothing; give a positive number, or null for none")
    for name in ("limit_train_batches", "limit_test_batches"):
        if not trainer[name] > 0:
            raise HipsegError(f"trainer.{name}: without a batch there is nothing to train or test; give more than 0")


def _best(trainer: Trainer, callbacks: Mapping[str, Callback], folder: Path) -> tuple[Path | None, float]:
    """The checkpoint to test, and its validation score; the weights as they are if none was kept."""
    if trainer.fast_dev_run:  # type: ignore[attr-defined]
        print("trainer.fast_dev_run: no checkpoint is kept, the test is of a few batches")
        return None, math.nan
    best = callbacks.get("best")
    if not isinstance(best, ModelCheckpoint):
        if is_first_process():
            print("callbacks.best: there is no such checkpoint; the weights of the last epoch are tested")
        return None, math.nan
    score = math.nan if best.best_model_score is None else float(best.best_model_score)
    if math.isfinite(score) and best.best_model_path:
        return Path(best.best_model_path), score
    if is_first_process():
        print(f"callbacks.best: no epoch had a {best.monitor} that is a number; the last epoch is tested")
    kept, last = folder / "checkpoints" / "best.ckpt", folder / LAST
    if not last.is_file():
        trainer.save_checkpoint(kept, weights_only=True)
    elif is_first_process():
        shutil.copyfile(last, kept)
    trainer.strategy.barrier()
    return kept, math.nan


def _facts(content: Mapping[str, Any], data: StoreDataModule, task: BaseTask) -> dict[str, Any]:
    """What a logger is told beside the configuration."""
    unit, pretrained = data.test_dataset.unit, content["pretrained"]
    sizes = {f"{subset}_{unit}": len(samples) for subset, samples in data.samples.items()}
    known = file_sha256(Path(pretrained)) if pretrained is not None else None
    return {**sizes, "parameters": count_parameters(task), "versions": software_versions(), "pretrained_sha256": known}


def _record(content: dict[str, Any], data: StoreDataModule) -> dict[str, Any]:
    """What the checkpoints will say of themselves."""
    dataset, cases = dict(content["data"]["dataset"]), data.test_dataset
    pretrained = content["pretrained"]
    training = {name: content[name] for name in ("loss", "optimizer", "scheduler", "seed")}
    training |= {name: dataset.pop(name) for name in cases.in_training_only if name in dataset}
    training |= {name: content["data"][name] for name in ("batch_size", "fold")}
    training |= {name: content["trainer"][name] for name in ("precision", "max_epochs")}
    training[f"train_{cases.unit}"] = len(data.samples["train"])
    training |= seen_subjects(data.store, data.samples["train"] + data.samples["val"])
    training["versions"] = software_versions()
    training["pretrained"] = file_sha256(Path(pretrained)) if pretrained is not None else None
    names: Sequence[str] = data.store.label_names
    if content["task"]["_target_"] != SEGMENTATION:  # classes, and how many of each there are
        training["class_counts"] = [int(count) for count in data.dataset("train").counts]
        data.dataset("val")  # which refuses a class that it lacks
        names = cases.classes
    model = dict(content["model"])
    if model.get("weights") is not None:  # a checkpoint brings its own
        training["weights_sha256"], model["weights"] = file_sha256(Path(model["weights"])), None
    return make_record(
        content["task"]["_target_"], model, content["activation"], training, names, data.store.preprocessing,
        dataset, cases.describe_input(), content.get("inferer") or {}, content.get("postprocess"),
        chosen_option("evaluation"), content.get("head_finder"),
    )  # fmt: skip
