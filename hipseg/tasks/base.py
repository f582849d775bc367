"""What all tasks share: one step for three stages, optimisation, logging."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, Literal

from pytorch_lightning import LightningModule
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from hipseg.errors import HipsegError

Stage = Literal["train", "val", "test"]
OptimizerFactory = Callable[[Iterable[nn.Parameter]], Optimizer]
ScheduleFactory = Callable[[Optimizer, int], LRScheduler]


class BaseTask(LightningModule):
    """A network with its optimisation; subclasses say what one step is.

    Args:
        network: Any module.
        optimizer: Makes the optimiser from parameters.
        scheduler: Makes the schedule from the optimiser and the number of steps.
        record: Plain data that makes checkpoints self-describing; see `hipseg.checkpoint`.
    """

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

    @abstractmethod
    def _step(self, batch: Any, stage: Stage) -> dict[str, Tensor]:
        """One batch in any stage; in training what it returns holds `loss`."""

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """One training step."""
        return self._step(batch, "train")["loss"]

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """One validation step."""
        self._step(batch, "val")

    def test_step(self, batch: Any, batch_idx: int) -> dict[str, Tensor]:
        """One test step; what it found goes to the callbacks."""
        return self._step(batch, "test")

    def configure_optimizers(self) -> Any:
        """The optimiser and its schedule, stepped with every batch."""
        if self._optimizer is None or self._scheduler is None:
            raise RuntimeError("this task was loaded to predict; build it from a configuration to train it")
        try:
            optimizer = self._optimizer(self.network.parameters())
            schedule = self._scheduler(optimizer, int(self.trainer.estimated_stepping_batches))
        except ValueError as error:
            raise HipsegError(f"optimizer or scheduler: {error}") from error
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the record."""
        checkpoint["hipseg"] = self.record
        checkpoint.pop("callbacks", None)  # their state names folders
