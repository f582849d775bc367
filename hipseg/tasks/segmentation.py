"""Segmentation in any number of dimensions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from hipseg.errors import HipsegError
from hipseg.inference.inferer import Inferer
from hipseg.inference.own_grid import on_own_grid
from hipseg.inference.shifts import ShiftAverage
from hipseg.losses.activation import Activation
from hipseg.losses.deep_supervision import deep_supervision
from hipseg.metrics.dice import Dice
from hipseg.sample import SegmentationBatch
from hipseg.tasks.base import BaseTask, OptimizerFactory, ScheduleFactory, Stage, seen_by_all

Postprocess = Callable[[Tensor], Tensor]


class Locator(Protocol):
    """An `nn.Module` that finds on whole images what a network looks at; see `hipseg.networks.head_finder`."""

    def loss(self, overview: Tensor, place: Tensor) -> Tensor:
        """Of a batch's fields of the same names."""

    def follow(self, image: Tensor, segment: Callable[[Tensor], Tensor]) -> list[Any]:
        """Of each image the window that is looked at, and what `segment` says of it; or None."""

    def look(self, image: Tensor, segment: Callable[[Tensor], Tensor]) -> Tensor:
        """Whole images (B, C, ...) to probabilities, through windows that `segment` takes."""


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
        inferer: How whole images are taken in tests and predictions; at once if None.
        postprocess: What is done to probabilities (B, labels, ...) in tests; nothing if None.
        pooled: Whether validation pools its images for one Dice a label, as for patches that lack most labels.
        locator: Finds on whole images what the network looks at, and is taught beside it; the network looks at
            whole images if None.
        ema: Share of the earlier value in `val/dice/ema`, the moving average of the validation Dice; not
            logged if None.
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
        inferer: Inferer | None = None,
        postprocess: Postprocess | None = None,
        pooled: bool = False,
        ema: float | None = None,
        locator: Locator | None = None,
    ) -> None:
        super().__init__(network, optimizer, scheduler, record)
        # In this layout convolutions, and the largest of all labels, are found fastest.
        for weights in network.parameters():
            weights.data = weights.data.contiguous(memory_format=_layout(weights))
        self.activation, self.locator = activation, locator
        self.loss = loss
        self.inferer, self.postprocess = inferer or ShiftAverage(1), postprocess
        self._ema, self._moving = ema, math.nan
        self.train_dice = Dice(label_names)
        self.val_dice, self.test_dice = Dice(label_names, pooled), Dice(label_names)

    score = "test/dice/mean"

    @property
    def logged(self) -> list[str]:
        """Names of what training and validation log, which callbacks can watch."""
        moving = ["val/dice/ema"] if self._ema is not None else []
        losses = ["loss"] if self.locator is None else ["loss", "locator_loss"]
        return moving + [
            f"{stage}/{name}"
            for stage in ("val", "train")
            for name in (*losses, *(f"dice/{label}" for label in (*self._dice(stage).label_names[1:], "mean")))
        ]

    def output_size(self, size: Sequence[int]) -> tuple[int, ...]:
        """What the network gives for one image of a size: a map of every channel."""
        return (self.activation.channels(len(self.record["label_names"])), *size)

    def forward(self, image: Tensor) -> Tensor:
        """(B, C, ...) images to (B, labels, ...) float32 probabilities, the background first.

        Raises:
            HipsegError: If the images have another size than those it was trained on, or other grey values.
        """
        self._require_known(image)
        return self.segment(image) if self.locator is None else self.locator.look(image, self.segment)

    def segment(self, image: Tensor) -> Tensor:
        """`forward` of what the network itself looks at: with a locator, windows that it has chosen."""
        return self.inferer(lambda seen: self.activation.probabilities(self._logits(seen)), image)

    def _require_known(self, image: Tensor) -> None:
        """Refuse images that are not as the record says of those that the network was trained on."""
        known = self.record.get("input", {})
        channels = known.get("channels", 1)
        if image.ndim < 3 or image.shape[1] != channels:
            raise HipsegError(f"image: it is {tuple(image.shape)}, not (batch, {channels}, rows, columns)")
        if (size := known.get("size")) is not None and list(image.shape[2:]) != size:
            given, trained = (" x ".join(str(length) for length in lengths) for lengths in (image.shape[2:], size))
            said = f"it is {given}, the network was trained on {trained}"
            raise HipsegError(f"image: {said}, cut out of what 'hipseg preprocess' stores as the record's dataset says")
        if (bounds := known.get("range")) is not None and image.numel():
            low, high = (float(end) for end in image.aminmax())
            if not (low >= bounds[0] and high <= bounds[1]):
                said = f"its values run from {low:g} to {high:g}, it was trained on {bounds[0]:g} to {bounds[1]:g}"
                raise HipsegError(f"image: {said}; scale it as the record's dataset.intensity says")

    def _answers(self, image: Tensor) -> list[Tensor]:
        """The logits, and in training those of coarser resolutions if the network gives them."""
        answers = self.network(image.contiguous(memory_format=_layout(image)))
        # Sums over a whole image need float32 whatever the network computes in.
        return [answer.float() for answer in (answers if isinstance(answers, list) else [answers])]

    def _logits(self, image: Tensor) -> Tensor:
        return self._answers(image)[0]

    def _step(self, batch: SegmentationBatch, stage: Stage) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        if stage == "test":
            said = on_own_grid(self(batch.image), batch.label.shape[1:])
            found["probabilities"] = said if self.postprocess is None else self.postprocess(said)
            found["labels"] = found["probabilities"].argmax(dim=1)
        untaught = isinstance(self.loss, nn.Identity)  # loaded to predict
        # A whole image that is looked at in windows has no loss of its own.
        in_windows = bool(found) and self.record.get("input", {"size": ()})["size"] is None
        if not (found and (untaught or in_windows)):
            answers = self._answers(batch.image)
            found.setdefault("labels", self.activation.decide(answers[0].detach()))
            if not untaught:
                found["loss"] = deep_supervision(self.loss, answers, batch.target, batch.weight)
                if self.locator is not None:
                    found["loss"] = found["loss"] + self._locator_loss(self.locator, batch, stage)
                self.log(
                    f"{stage}/loss", found["loss"], on_step=False, on_epoch=True, batch_size=len(batch.image),
                    sync_dist=True, prog_bar=stage == "train",
                )  # fmt: skip
        self._dice(stage).update(found["labels"], batch.label, batch.outside)
        return found

    def _locator_loss(self, locator: Locator, batch: Any, stage: Stage) -> Tensor:
        loss = locator.loss(batch.overview, batch.place)
        self.log(f"{stage}/locator_loss", loss.detach(), on_step=False, on_epoch=True, batch_size=len(batch.image),
                 sync_dist=True)  # fmt: skip
        return loss

    def configure_gradient_clipping(
        self, optimizer: Any, gradient_clip_val: float | None = None, gradient_clip_algorithm: str | None = None
    ) -> None:
        """Clip as the trainer says; a locator by itself, so that neither's large gradients slow the other down."""
        locator = self.locator
        if not isinstance(locator, nn.Module) or gradient_clip_val is None:
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)
            return
        clip = nn.utils.clip_grad_value_ if gradient_clip_algorithm == "value" else nn.utils.clip_grad_norm_
        for part in (self.network, locator):
            clip(part.parameters(), gradient_clip_val)

    def _dice(self, stage: Stage) -> Dice:
        return {"train": self.train_dice, "val": self.val_dice, "test": self.test_dice}[stage]

    def _log_dice(self, stage: Stage) -> float:
        """Log the Dice of a stage's epoch; its mean over labels."""
        metric = self._dice(stage)
        found = metric.compute()
        for name, value in found.items():
            self.log(f"{stage}/dice/{name}", value.float(), prog_bar=(stage, name) == ("val", "mean"))
        metric.reset()
        return float(found["mean"])

    def on_train_epoch_end(self) -> None:
        """Log the epoch's Dice."""
        self._log_dice("train")

    def on_validation_epoch_end(self) -> None:
        """Log the epoch's Dice, and its moving average."""
        mean = self._log_dice("val")
        if self._ema is not None and not self.trainer.sanity_checking:
            first = math.isnan(self._moving)
            self._moving = mean if first else self._ema * self._moving + (1 - self._ema) * mean
            self.log("val/dice/ema", self._moving)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the moving average, with which a run that goes on goes on."""
        super().on_save_checkpoint(checkpoint)
        if self._ema is not None:
            checkpoint["validation_ema"] = self._moving

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take up the moving average."""
        super().on_load_checkpoint(checkpoint)
        self._moving = float(checkpoint.get("validation_ema", math.nan))

    def on_test_epoch_end(self) -> None:
        """Log the test Dice."""
        self._log_dice("test")


def _layout(values: Tensor) -> torch.memory_format:
    """With channels last where there are two or three axes behind them."""
    return {4: torch.channels_last, 5: torch.channels_last_3d}.get(values.ndim, torch.contiguous_format)


class Ensemble(SegmentationTask):
    """Trained tasks whose mean probability is the answer.

    Args:
        members: Of one kind: the same labels, input and dataset.
    """

    def __init__(self, members: Sequence[SegmentationTask]) -> None:
        first = members[0]
        record = seen_by_all([member.record for member in members])
        super().__init__(
            first.network, first.activation, nn.Identity(), first.test_dice.label_names, None, None, record,
            first.inferer, first.postprocess, locator=first.locator,
        )  # fmt: skip
        self.members = nn.ModuleList(members)

    def forward(self, image: Tensor) -> Tensor:
        """The mean of the members' probabilities."""
        total: Tensor = torch.zeros(())
        for member in self.members:
            total = member(image) + total.to(image.device)
        return total / len(self.members)
