"""The classification task in Lightning's hands: what an epoch's numbers and its threshold are."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_lightning import Trainer
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from hipseg.errors import HipsegError
from hipseg.losses.classification import CrossEntropy
from hipseg.sample import GradedSample
from hipseg.tasks.classification import ClassificationEnsemble, ClassificationTask
from hipseg.tasks.schedules import constant

CLASSES = ("none", "some", "much")


class _Means(nn.Module):
    """Logits that are a picture's first values."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.ones(()))

    def forward(self, image: Tensor) -> Tensor:
        return self.factor * image[:, 0, 0, : len(CLASSES)]


class _Pictures(Dataset[GradedSample]):
    def __init__(self, count: int, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.images = torch.randn(count, 1, 4, 4, generator=generator)
        self.targets = torch.randint(0, len(CLASSES), (count,), generator=generator)

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> GradedSample:
        target = self.targets[index]
        return GradedSample(self.images[index], target, target.double(), torch.tensor(index))

    @property
    def probabilities(self) -> Tensor:
        return torch.softmax(self.images[:, 0, 0, : len(CLASSES)], dim=1)


def _task() -> ClassificationTask:
    optimizer: Any = partial(torch.optim.SGD, lr=0.0)
    record = {"version": 1, "training": {}, "input": {"channels": 1, "size": [4, 4]}}
    loss = CrossEntropy(None, (1, 1, 1))
    return ClassificationTask(_Means(), loss, CLASSES, 1, optimizer, partial(constant), record)


def _loader(pictures: _Pictures) -> DataLoader[GradedSample]:
    return DataLoader(pictures, batch_size=7)


def _trainer() -> Trainer:
    return Trainer(
        max_epochs=1, logger=False, enable_checkpointing=False, enable_progress_bar=False, accelerator="cpu",
        num_sanity_val_steps=0, enable_model_summary=False,
    )  # fmt: skip


def test_an_epochs_numbers_are_those_of_all_its_cases_together() -> None:
    train, val, task, trainer = _Pictures(30, 0), _Pictures(23, 1), _task(), _trainer()
    trainer.fit(task, _loader(train), _loader(val))
    known = trainer.callback_metrics
    truth, probabilities = val.targets.numpy(), val.probabilities
    positive = probabilities[:, 1:].sum(dim=1).numpy()
    assert float(known["val/roc_auc"]) == pytest.approx(roc_auc_score(truth >= 1, positive), abs=1e-6)
    wanted = balanced_accuracy_score(truth, probabilities.argmax(dim=1).numpy())
    assert float(known["val/balanced_accuracy"]) == pytest.approx(wanted, abs=1e-6)
    loss = -probabilities[torch.arange(len(truth)), val.targets].log().mean()
    assert float(known["val/loss"]) == pytest.approx(float(loss), abs=1e-5)
    assert set(task.logged) <= set(known)


def test_the_threshold_is_the_one_that_tells_validation_cases_best_apart() -> None:
    train, val, task, trainer = _Pictures(10, 0), _Pictures(40, 2), _task(), _trainer()
    trainer.fit(task, _loader(train), _loader(val))
    truth, score = val.targets.numpy() >= 1, val.probabilities[:, 1:].sum(dim=1).numpy()

    def youden(threshold: float) -> float:
        called = score >= threshold
        return float(called[truth].mean() - called[~truth].mean())

    best = max(youden(threshold) for threshold in np.unique(score))
    assert youden(float(task.threshold)) == pytest.approx(best)
    assert "threshold" in task.state_dict()


def test_an_ensemble_answers_with_the_mean() -> None:
    members = [_task(), _task()]
    with torch.no_grad():
        members[1].network.factor.fill_(3.0)  # type: ignore[operator, union-attr]
    members[0].threshold.fill_(0.2)
    together = ClassificationEnsemble(members)
    image = _Pictures(5, 3).images
    torch.testing.assert_close(together(image), (members[0](image) + members[1](image)) / 2)
    assert float(together.threshold) == pytest.approx(0.35)


def test_an_image_of_another_size_is_refused() -> None:
    with pytest.raises(HipsegError, match=r"the network was trained on \(batch, 1 x 4 x 4\)"):
        _task()(torch.zeros(1, 1, 8, 8))
