"""The segmentation task in Lightning's hands: what an epoch's numbers are, in two and three dimensions."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import pytest
import torch
from pytorch_lightning import Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader

from hipseg.errors import HipsegError
from hipseg.inference.shifts import ShiftAverage
from hipseg.losses.activation import Activation, Sigmoid, Softmax
from hipseg.losses.overlap import Dice
from hipseg.metrics.dice import dice_scores
from hipseg.sample import HipSample
from hipseg.tasks.schedules import constant, one_cycle
from hipseg.tasks.segmentation import SegmentationTask

NAMES = ("background", "femoral_head", "acetabular_roof", "joint_space")


def _task(
    activation: Activation, network: nn.Module, rate: float = 0.0, schedule: partial | None = None
) -> SegmentationTask:
    optimizer = partial(torch.optim.SGD, lr=rate)
    return SegmentationTask(
        network, activation, Dice(activation), NAMES, optimizer, schedule or partial(constant), {"version": 1}
    )


def _batch(count: int, shape: tuple[int, ...], seed: int) -> HipSample:
    generator = torch.Generator().manual_seed(seed)
    image = torch.rand(count, 1, *shape, generator=generator)
    label = torch.randint(0, 4, (count, *shape), generator=generator, dtype=torch.uint8)
    outside = torch.randint(0, 9, (count, 4), generator=generator)
    weight = torch.randint(0, 2, label.shape, generator=generator, dtype=torch.uint8)
    return HipSample(
        image, label, label, weight, outside, torch.zeros(count, 2), torch.full((count,), 0.9), torch.arange(count)
    )


def _loader(*batches: HipSample) -> DataLoader[HipSample]:
    return DataLoader(batches, batch_size=None)  # type: ignore[arg-type]


def _trainer(**options: int) -> Trainer:
    return Trainer(
        accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, num_sanity_val_steps=0, **options,
    )  # fmt: skip


@pytest.mark.parametrize(("activation", "channels"), [(Softmax(), 4), (Sigmoid(), 3)])
@pytest.mark.parametrize("shape", [(5, 6), (3, 4, 5)])
def test_epoch_is_the_mean_over_hips_not_over_batches(
    activation: Activation, channels: int, shape: tuple[int, ...]
) -> None:
    torch.manual_seed(0)
    network = (nn.Conv2d if len(shape) == 2 else nn.Conv3d)(1, channels, 3, padding=1)
    task = _task(activation, network)
    batches = [_batch(4, shape, seed=1), _batch(1, shape, seed=2)]  # the last one is smaller
    images, labels, _, weights, outside = (torch.cat(parts) for parts in list(zip(*batches, strict=True))[:5])
    with torch.no_grad():
        logits = network(images)
        hips = [slice(i, i + 1) for i in range(5)]
        loss = torch.stack([task.loss(logits[i], labels[i], weights[i]) for i in hips]).mean()
    dice = dice_scores(activation.decide(logits), labels, 4, outside).mean(0)

    trainer = _trainer(max_epochs=1)
    trainer.fit(task, _loader(*batches), _loader(*batches))  # at learning rate 0
    said = {name: value.item() for name, value in trainer.callback_metrics.items()}

    expected = {"loss": loss.item(), "dice/mean": dice[1:].mean().item()}
    expected |= {f"dice/{name}": dice[i].item() for i, name in enumerate(NAMES) if i > 0}
    assert said == pytest.approx({f"{stage}/{name}": v for stage in ("train", "val") for name, v in expected.items()})


@pytest.mark.parametrize(("activation", "channels"), [(Softmax(), 4), (Sigmoid(), 3)])
def test_forward_gives_float32_probabilities_of_every_label(activation: Activation, channels: int) -> None:
    network = nn.Conv2d(1, channels, 1).to(torch.bfloat16)
    probabilities: Tensor = _task(activation, network)(torch.rand(2, 1, 3, 5).to(torch.bfloat16))
    assert probabilities.dtype == torch.float32
    assert probabilities.shape == (2, 4, 3, 5)
    rest = probabilities[:, 1:].sum(1) if channels == 4 else probabilities[:, 1:].amax(1)
    assert torch.allclose(probabilities[:, 0], 1 - rest)


def test_schedule_spans_the_whole_fit() -> None:
    task = _task(Softmax(), nn.Conv2d(1, 4, 1), rate=0.5, schedule=partial(one_cycle, warm_up=0.5))
    trainer = _trainer(max_epochs=3)
    trainer.fit(task, _loader(*(_batch(2, (4, 4), seed=i) for i in range(4))))
    scheduler = trainer.lr_scheduler_configs[0].scheduler
    assert scheduler.total_steps == scheduler.last_epoch == 12


def test_record_is_in_the_checkpoint() -> None:
    checkpoint: dict[str, object] = {}
    _task(Softmax(), nn.Identity()).on_save_checkpoint(checkpoint)
    assert checkpoint == {"hipseg": {"version": 1}}


def test_tests_and_predictions_average_over_places() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 8, 4, stride=4), nn.Upsample(scale_factor=4), nn.Conv2d(8, 4, 1))
    task = _task(activation := Softmax(), network).eval()
    image = _batch(2, (32, 32), 1).image
    once = task(image)
    torch.testing.assert_close(once, activation.probabilities(network(image)))
    task.inferer = ShiftAverage(3)
    many = task(image)
    assert (many - once).abs().max() > 1e-3
    torch.testing.assert_close(many.sum(dim=1), torch.ones(2, 32, 32))
    batch = _batch(2, (32, 32), 1)
    trainer = _trainer()
    trainer.test(task, _loader(batch), verbose=False)
    dice = dice_scores(many.argmax(dim=1), batch.label, 4, batch.outside)[:, 1:].mean()
    assert trainer.callback_metrics["test/dice/mean"].item() == pytest.approx(dice.item(), abs=1e-6)


def test_a_task_loaded_to_predict_can_be_validated() -> None:
    torch.manual_seed(0)
    network, batch = nn.Conv2d(1, 4, 3, padding=1), _batch(2, (32, 32), 1)
    task = SegmentationTask(network, Softmax(), nn.Identity(), NAMES, None, None, {"version": 1})
    trainer = _trainer()
    trainer.validate(task, _loader(batch), verbose=False)
    dice = dice_scores(network(batch.image).argmax(dim=1), batch.label, 4, batch.outside)[:, 1:].mean()
    assert trainer.callback_metrics["val/dice/mean"].item() == pytest.approx(dice.item(), abs=1e-6)


def test_the_loss_compares_with_the_target_and_dice_with_the_label_map() -> None:
    torch.manual_seed(0)
    network = nn.Conv2d(1, 4, 3, padding=1)
    batch = _batch(3, (5, 6), seed=1)
    shares = torch.softmax(torch.randn(3, 4, 5, 6, generator=torch.Generator().manual_seed(2)), 1)
    task = _task(Softmax(), network)
    trainer = _trainer(max_epochs=1)
    trainer.validate(task, _loader(batch._replace(target=shares)), verbose=False)
    with torch.no_grad():
        logits = network(batch.image)
        expected = task.loss(logits, shares, batch.weight).item()
    assert trainer.callback_metrics["val/loss"].item() == pytest.approx(expected)
    dice = dice_scores(logits.argmax(dim=1), batch.label, 4, batch.outside)[:, 1:].mean().item()
    assert trainer.callback_metrics["val/dice/mean"].item() == pytest.approx(dice)


# What it is given -------------------------------------------------------------------------------------------------

RECORD = {
    "version": 1,
    "input": {"channels": 1, "size": [64, 48], "range": [0.0, 1.0]},
}


def _loaded(passes: int = 1) -> SegmentationTask:
    network = nn.Conv2d(1, 4, 3, padding=1)
    return SegmentationTask(network, Softmax(), nn.Identity(), NAMES, None, None, RECORD, ShiftAverage(passes)).eval()


@pytest.mark.parametrize("passes", [1, 3])
def test_an_image_of_the_field_is_taken(passes: int) -> None:
    assert _loaded(passes)(torch.rand(2, 1, 64, 48)).shape == (2, 4, 64, 48)


@pytest.mark.parametrize(
    "shape",
    [(1, 1, 512, 512), (1, 1, 48, 64), (1, 1, 64, 64), (2, 1, 32, 24), (1, 3, 64, 48), (1, 64, 48), (64, 48)],
    ids=["stored image", "transposed", "square", "half", "colours", "no batch", "no channel"],
)
def test_an_image_that_is_no_field_is_refused(shape: tuple[int, ...]) -> None:
    """Today's networks take any size, and say something of it that is nothing."""
    with pytest.raises(HipsegError) as refused:
        _loaded()(torch.rand(shape))
    said = str(refused.value)
    assert "\n" not in said
    assert "64" in said and "48" in said  # what it was trained on
    assert str(shape[-1]) in said and str(shape[-2]) in said  # what it was given


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (torch.full((1, 1, 64, 48), 4095.0), "4095"),
        (torch.full((1, 1, 64, 48), -0.5), "-0.5"),
        (torch.full((1, 1, 64, 48), float("nan")), "nan"),
    ],
    ids=["raw", "standardised", "not a number"],
)
def test_grey_values_that_no_network_was_trained_on_are_refused(image: torch.Tensor, said: str) -> None:
    with pytest.raises(HipsegError, match=f"image: .*{said}.* 0 to 1"):
        _loaded()(image)


def test_a_record_without_a_field_takes_any_image() -> None:
    """As other studies' tasks have none."""
    task = SegmentationTask(nn.Conv2d(1, 4, 1), Softmax(), nn.Identity(), NAMES, None, None, {"version": 1})
    assert task(torch.rand(1, 1, 9, 7)).shape == (1, 4, 9, 7)


def test_the_moving_average_is_nine_parts_of_what_was_and_goes_on_from_a_checkpoint() -> None:
    """0.5, 0.9 x 0.5 + 0.1 x 0.7, 0.9 x 0.52 + 0.1 x 0.6, by hand."""
    logged: list[float] = []

    def epoch(task: SegmentationTask, dice: float) -> None:
        task.val_dice.compute = lambda: {"mean": torch.tensor(dice, dtype=torch.float64)}  # type: ignore[method-assign]
        task.on_validation_epoch_end()

    def made() -> SegmentationTask:
        task = SegmentationTask(nn.Conv2d(1, 4, 1), Softmax(), nn.Identity(), NAMES, None, None, {}, ema=0.9)
        task._trainer = SimpleNamespace(  # type: ignore[assignment]
            sanity_checking=False, callback_metrics={}, default_root_dir="run"
        )
        task.log = lambda name, value, **_: logged.append(float(value)) if name == "val/dice/ema" else None  # type: ignore
        return task

    task = made()
    for dice in (0.5, 0.7):
        epoch(task, dice)
    kept: dict[str, object] = {}
    task.on_save_checkpoint(kept)
    again = made()
    again.on_load_checkpoint(kept)
    epoch(again, 0.6)
    assert logged == pytest.approx([0.5, 0.52, 0.528])
    assert "val/dice/ema" in task.logged


class _Loud(nn.Module):
    """A locator whose gradient is a million times as large as anything the network has."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.ones(3))

    def loss(self, overview: Tensor, place: Tensor) -> Tensor:
        return 1e6 * self.weights.sum()

    def fields(self, image: Tensor) -> list[None]:
        return [None] * len(image)

    def look(self, image: Tensor, segment: object) -> Tensor:
        return torch.zeros(len(image), 4, *image.shape[2:])


@pytest.mark.parametrize("algorithm", ["norm", "value"])
def test_a_locators_gradient_is_clipped_by_itself(algorithm: str) -> None:
    """The network steps as far as without it, and the locator by what it is clipped to."""
    moved = []
    for locator in (None, _Loud()):
        torch.manual_seed(0)
        network = nn.Conv2d(1, 4, 3, padding=1)
        before = network.weight.detach().clone()
        task = SegmentationTask(
            network, Softmax(), Dice(Softmax()), NAMES, partial(torch.optim.SGD, lr=0.5), partial(constant), {},
            locator=locator,
        )  # fmt: skip
        trainer = Trainer(
            accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False, max_steps=1,
            enable_model_summary=False, gradient_clip_val=1e-3, gradient_clip_algorithm=algorithm, max_epochs=1,
        )  # fmt: skip
        trainer.fit(task, _loader(_batch(3, (5, 6), 1)))
        moved.append(network.weight.detach() - before)
        if locator is not None:
            step = 0.5 * (1e-3 if algorithm == "value" else 1e-3 / 3**0.5)
            assert locator.weights.tolist() == pytest.approx([1 - step] * 3, abs=1e-6)
    assert float(moved[0].abs().max()) > 0
    assert torch.allclose(moved[0], moved[1], atol=1e-9)
