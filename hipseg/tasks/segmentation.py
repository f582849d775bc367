"""Segmentation in any number of dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from hipseg.errors import HipsegError
from hipseg.inference.postprocess import without_specks
from hipseg.inference.shifts import Passes, mean_over_shifts
from hipseg.losses.activation import Activation
from hipseg.metrics.dice import Dice
from hipseg.sample import SegmentationBatch
from hipseg.tasks.base import BaseTask, OptimizerFactory, ScheduleFactory, Stage


class SegmentationTask(BaseTask):
    """A network whose channels are label probabilities, taught by a loss and judged by Dice.

    Args:
        network: (B, C, ...) images to (B, channels, ...) logits.
        activation: Logits to probabilities and label maps.
        loss: Of logits, targets and weight maps.
        label_names: The background first.
        optimizer: See `BaseTask`.
        scheduler: See `BaseTask`.
        record: See `BaseTask`.

    Attributes:
        passes: Over how many places of an image its probabilities are averaged in tests and predictions.
    """

    def __init__(
        self,
        network: nn.Module,
        activation: Activation,
        loss: nn.Module,
        label_names: Sequence[str],
        optimizer: OptimizerFactory | None,
        scheduler: ScheduleFactory | None,
        record: dict[str, Any],
        passes: Passes = 1,
    ) -> None:
        super().__init__(network, optimizer, scheduler, record)
        # In this layout planar convolutions, and the largest of all labels, are found fastest.
        for weights in network.parameters():
            if weights.ndim == 4:
                weights.data = weights.data.contiguous(memory_format=torch.channels_last)
        self.activation = activation
        self.loss = loss
        self.passes = passes
        self.train_dice = Dice(label_names)
        self.val_dice, self.test_dice = Dice(label_names), Dice(label_names)

    @property
    def logged(self) -> list[str]:
        """Names of what training and validation log, which callbacks can watch."""
        return [
            f"{stage}/{name}"
            for stage in ("val", "train")
            for name in ("loss", *(f"dice/{label}" for label in (*self._dice(stage).label_names[1:], "mean")))
        ]

    def forward(self, image: Tensor) -> Tensor:
        """(B, C, ...) images in [0, 1] to (B, labels, ...) float32 probabilities, the background first.

        Raises:
            HipsegError: If the images have another size than those it was trained on, or other grey values.
        """
        low, high = image.aminmax() if image.numel() else (0.0, 0.0)
        if not (low >= 0 and high <= 1):
            said = f"its values run from {float(low):g} to {float(high):g}, the network was trained on 0 to 1"
            raise HipsegError(f"image: {said}; scale it as 'hipseg preprocess' does, by the film's own percentiles")
        channels = self.record.get("model", {}).get("in_channels", 1)
        if image.ndim < 3 or image.shape[1] != channels:
            raise HipsegError(f"image: it is {tuple(image.shape)}, not (batch, {channels}, rows, columns)")
        field = self.record.get("field")
        if field is not None and tuple(image.shape[2:]) != (field["rows"], field["columns"]):
            size = " x ".join(str(length) for length in image.shape[2:])
            raise HipsegError(
                f"image: it is {size}, the network was trained on {field['rows']} x {field['columns']} from row "
                f"{field['row']}, column {field['column']} of what 'hipseg preprocess' stores; cut that out"
            )
        return mean_over_shifts(lambda seen: self.activation.probabilities(self._logits(seen)), image, self.passes)

    def _logits(self, image: Tensor) -> Tensor:
        layout = torch.channels_last if image.ndim == 4 else torch.contiguous_format
        # Sums over a whole image need float32 whatever the network computes in.
        logits: Tensor = self.network(image.contiguous(memory_format=layout)).float()
        return logits

    def _step(self, batch: SegmentationBatch, stage: Stage) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        if stage == "test":
            found["probabilities"] = without_specks(self(batch.image))
            found["labels"] = found["probabilities"].argmax(dim=1)
        untaught = isinstance(self.loss, nn.Identity)  # loaded to predict
        if not (untaught and found):
            logits = self._logits(batch.image)
            found.setdefault("labels", self.activation.decide(logits.detach()))
            if not untaught:
                found["loss"] = self.loss(logits, batch.target, batch.weight)
                self.log(
                    f"{stage}/loss", found["loss"], on_step=False, on_epoch=True, batch_size=len(batch.image),
                    sync_dist=True, prog_bar=stage == "train",
                )  # fmt: skip
        self._dice(stage).update(found["labels"], batch.label, batch.outside)
        return found

    def _dice(self, stage: Stage) -> Dice:
        return {"train": self.train_dice, "val": self.val_dice, "test": self.test_dice}[stage]

    def _log_dice(self, stage: Stage) -> None:
        metric = self._dice(stage)
        for name, value in metric.compute().items():
            self.log(f"{stage}/dice/{name}", value.float(), prog_bar=(stage, name) == ("val", "mean"))
        metric.reset()

    def on_train_epoch_end(self) -> None:
        """Log the epoch's Dice."""
        self._log_dice("train")

    def on_validation_epoch_end(self) -> None:
        """Log the epoch's Dice."""
        self._log_dice("val")

    def on_test_epoch_end(self) -> None:
        """Log the test Dice."""
        self._log_dice("test")
