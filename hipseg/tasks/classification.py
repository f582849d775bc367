"""Classification of images: a network whose outputs are classes in the order of severity."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics.classification import BinaryAUROC, MulticlassAccuracy

from hipseg.errors import HipsegError
from hipseg.losses.activation import Softmax
from hipseg.metrics.classification import best_threshold
from hipseg.sample import GradedSample
from hipseg.tasks.base import BaseTask, OptimizerFactory, ScheduleFactory, Stage, seen_by_all

_EVEN = 0.5


class ClassificationTask(BaseTask):
    """A network whose outputs are class logits, taught by a loss and judged by the area under the ROC curve.

    A case is positive where the classes from `positive_from` on have a probability of at least the threshold, which
    every validation sets anew: Youden's index of the validation cases is largest there. It is kept with the weights.

    Args:
        network: (B, C, rows, columns) images to (B, classes) logits.
        loss: Of logits and targets (B,) int64.
        classes: In the order of severity.
        positive_from: Index of the first class that counts as positive.
        optimizer: See `BaseTask`.
        scheduler: See `BaseTask`.
        record: See `BaseTask`.
    """

    score = "test/roc_auc"
    threshold: Tensor

    def __init__(
        self,
        network: nn.Module,
        loss: nn.Module,
        classes: Sequence[str],
        positive_from: int,
        optimizer: OptimizerFactory | None,
        scheduler: ScheduleFactory | None,
        record: dict[str, Any],
    ) -> None:
        super().__init__(network, optimizer, scheduler, record)
        self.loss, self.classes, self.positive_from = loss, tuple(classes), positive_from
        self.activation = Softmax()
        self.register_buffer("threshold", torch.tensor(_EVEN, dtype=torch.float64))
        stages = ("train", "val", "test")
        self._auc: Any = nn.ModuleDict({f"of_{stage}": BinaryAUROC() for stage in stages})
        accuracies = {f"of_{stage}": MulticlassAccuracy(len(self.classes), average="macro") for stage in stages}
        self._accuracy: Any = nn.ModuleDict(accuracies)

    @property
    def logged(self) -> list[str]:
        """Names of what training and validation log, which callbacks can watch."""
        return [f"{stage}/{name}" for stage in ("val", "train") for name in ("loss", "roc_auc", "balanced_accuracy")]

    def output_size(self, size: Sequence[int]) -> tuple[int, ...]:
        """What the network gives for one image: a logit a class."""
        return (len(self.classes),)

    def forward(self, image: Tensor) -> Tensor:
        """(B, C, rows, columns) images to (B, classes) float32 probabilities.

        Raises:
            HipsegError: If the images have another size than those it was trained on.
        """
        known = self.record.get("input", {})
        needed = (known.get("channels", 1), *(known.get("size") or image.shape[2:]))
        if image.ndim != 4 or tuple(image.shape[1:]) != tuple(needed):
            said = " x ".join(map(str, needed))
            raise HipsegError(f"image: it is {tuple(image.shape)}, the network was trained on (batch, {said})")
        return torch.softmax(self.network(image).float(), dim=1)

    def positive(self, probabilities: Tensor) -> Tensor:
        """(B,) the probability of all classes that count as positive."""
        return probabilities[:, self.positive_from :].sum(dim=1)

    def _step(self, batch: GradedSample, stage: Stage) -> dict[str, Tensor]:
        logits = self.network(batch.image).float()
        probabilities = torch.softmax(logits.detach(), dim=1)
        score, truth = self.positive(probabilities), (batch.target >= self.positive_from).long()
        self._auc[f"of_{stage}"].update(score, truth)
        self._accuracy[f"of_{stage}"].update(probabilities, batch.target)
        found = {"probabilities": probabilities, "threshold": self.threshold}
        if not isinstance(self.loss, nn.Identity):  # not loaded to predict
            found["loss"] = self.loss(logits, batch.target)
            self.log(
                f"{stage}/loss", found["loss"], on_step=False, on_epoch=True, batch_size=len(batch.image),
                sync_dist=True, prog_bar=stage == "train",
            )  # fmt: skip
        return found

    def _log_epoch(self, stage: Stage) -> None:
        auc, accuracy = self._auc[f"of_{stage}"], self._accuracy[f"of_{stage}"]
        truths, scores = (self._of_all(parts).flatten() for parts in (auc.target, auc.preds))
        both = 0 < int(truths.sum()) < len(truths)
        self.log(f"{stage}/roc_auc", float(auc.compute()) if both else math.nan, prog_bar=stage == "val")
        self.log(f"{stage}/balanced_accuracy", accuracy.compute())
        if stage == "val" and both:
            self.threshold.fill_(best_threshold(truths.cpu().numpy(), scores.cpu().numpy()))
        auc.reset()
        accuracy.reset()

    def _of_all(self, parts: Sequence[Tensor]) -> Tensor:
        """What a metric has kept of an epoch's batches, in every process."""
        gathered = self.all_gather(torch.cat(list(parts)))
        assert isinstance(gathered, Tensor)
        return gathered

    def on_train_epoch_end(self) -> None:
        """Log the epoch's scores."""
        self._log_epoch("train")

    def on_validation_epoch_end(self) -> None:
        """Log the epoch's scores, and set the threshold by them."""
        self._log_epoch("val")

    def on_test_epoch_end(self) -> None:
        """Log the test's scores."""
        self._log_epoch("test")


class ClassificationEnsemble(ClassificationTask):
    """Trained tasks whose mean probability is the answer; the mean of their thresholds decides.

    Args:
        members: Of one kind: the same classes and dataset.
    """

    def __init__(self, members: Sequence[ClassificationTask]) -> None:
        first, record = members[0], seen_by_all([member.record for member in members])
        super().__init__(first.network, nn.Identity(), first.classes, first.positive_from, None, None, record)
        self.members = nn.ModuleList(members)
        self.threshold.fill_(float(torch.stack([member.threshold for member in members]).mean()))

    def forward(self, image: Tensor) -> Tensor:
        """The mean of the members' probabilities."""
        return torch.stack([member(image) for member in self.members]).mean(dim=0)

    def _step(self, batch: GradedSample, stage: Stage) -> dict[str, Tensor]:
        probabilities = self(batch.image)
        self._auc[f"of_{stage}"].update(self.positive(probabilities), (batch.target >= self.positive_from).long())
        self._accuracy[f"of_{stage}"].update(probabilities, batch.target)
        return {"probabilities": probabilities, "threshold": self.threshold}
