"""What all tasks share: one step for three stages, optimisation, logging."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Literal

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from hipseg.errors import HipsegError

Stage = Literal["train", "val", "test"]
OptimizerFactory = Callable[[Iterable[nn.Parameter]], Optimizer]
ScheduleFactory = Callable[[Optimizer, int], LRScheduler]

_RUN: Final = "{run}"  # stands for the run folder in checkpoints
_TAMER: Final = "lower optimizer.lr or set trainer.gradient_clip_val=1"
_OVERFLOWS: Final = 20  # in a row, while the scale of half precision is found


class BaseTask(LightningModule):
    """A network with its optimisation; subclasses say what one step is.

    Args:
        network: Any module.
        optimizer: Makes the optimiser from parameters.
        scheduler: Makes the schedule from the optimiser and the number of steps.
        record: Plain data that makes checkpoints self-describing; see `hipseg.checkpoint`.

    Attributes:
        score: The number that a test ends with, as it is logged.
    """

    score: str

    def __init__(
        self,
        network: nn.Module,
        optimizer: OptimizerFactory | None,
        scheduler: ScheduleFactory | None,
        record: dict[str, Any],
    ) -> None:
        super().__init__()
        self.network = network
        self._optimizer = optimizer
        self._scheduler = scheduler
        self.record = record
        self._not_finite = 0

    @property
    @abstractmethod
    def logged(self) -> list[str]:
        """Names of what training and validation log, which callbacks can watch."""

    @abstractmethod
    def output_size(self, size: Sequence[int]) -> tuple[int, ...]:
        """Channels, and pixels along each axis if there are any, of what the network gives for one image of a size."""

    @abstractmethod
    def _step(self, batch: Any, stage: Stage) -> dict[str, Tensor]:
        """One batch in any stage; in training what it returns holds `loss`."""

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """One training step.

        Raises:
            HipsegError: If the loss is no number; the weights are lost then, and no checkpoint of them is kept.
        """
        loss = self._step(batch, "train")["loss"]
        # Half precision scales its gradients by trial, and skips the steps of trials that overflow.
        self._not_finite = 0 if torch.isfinite(loss) else self._not_finite + 1
        if self._not_finite > (_OVERFLOWS if self.trainer.precision == "16-mixed" else 0):
            place = f"epoch {self.current_epoch + 1}, step {batch_idx + 1}"
            raise HipsegError(f"loss: it is {float(loss)} in {place}; {_TAMER}")
        return loss

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """One validation step."""
        loss = self._step(batch, "val").get("loss")
        if loss is not None and self.trainer.state.fn == "fit" and not torch.isfinite(loss):
            raise HipsegError(f"loss: it is {float(loss)} in validation after epoch {self.current_epoch + 1}; {_TAMER}")

    def test_step(self, batch: Any, batch_idx: int) -> dict[str, Tensor]:
        """One test step; what it found goes to the callbacks."""
        return self._step(batch, "test")

    def configure_optimizers(self) -> Any:
        """The optimiser and its schedule, stepped with every batch."""
        if self._optimizer is None or self._scheduler is None:
            raise RuntimeError("this task was loaded to predict; build it from a configuration to train it")
        steps = self.trainer.estimated_stepping_batches
        if not math.isfinite(steps):
            raise HipsegError("trainer.max_epochs: a schedule needs to know how long it runs; give a number of epochs")
        try:
            optimizer = self._optimizer(self.parameters())
            schedule = self._scheduler(optimizer, int(steps))
        except ValueError as error:
            raise HipsegError(f"optimizer or scheduler: {error}") from error
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the record; the run folder's name stays out of what callbacks keep."""
        checkpoint["hipseg"] = self.record
        if self._trainer is None:
            return
        # Logged only after the checkpoint is written; a run that is killed between the two has them here.
        checkpoint["epoch_metrics"] = {
            name: float(value) for name, value in self.trainer.callback_metrics.items() if name.startswith("train/")
        }
        if "callbacks" in checkpoint:
            checkpoint["callbacks"] = _renamed(checkpoint["callbacks"], self.trainer.default_root_dir, _RUN)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Give callbacks the present name of the run folder."""
        checkpoint["callbacks"] = _renamed(checkpoint.get("callbacks", {}), _RUN, self.trainer.default_root_dir)


def _renamed(state: Any, old: str, new: str) -> Any:
    """Plain data in which texts that begin with a folder's name begin with another."""
    if isinstance(state, str):
        return new + state.removeprefix(old) if state.startswith(old) else state
    if isinstance(state, dict):
        return {_renamed(name, old, new): _renamed(value, old, new) for name, value in state.items()}
    if isinstance(state, (list, tuple)):
        return type(state)(_renamed(value, old, new) for value in state)
    return state


def seen_by_all(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The first of some records, with hashes of what any of their networks has learnt from."""
    training = [record["training"] for record in records]
    seen = {name: sorted({each for one in training for each in one.get(name, ())}) for name in ("subjects", "films")}
    return {**records[0], "training": {**training[0], **seen}}
