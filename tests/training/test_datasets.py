"""Hips out of the store: mirrored alike, and random only through seed, epoch and sample."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.ndimage import binary_dilation
from small_films import AsStored

from hipseg.data.datamodule import StoreDataModule
from hipseg.data.datasets.hips import HipDataset
from hipseg.data.sampler import EpochSampler
from hipseg.data.store import Store
from hipseg.errors import HipsegError
from hipseg.geometry.crop import Crop
from hipseg.labels.curves import spline_curves
from hipseg.labels.label_map import draw_label_map
from hipseg.labels.landmarks import SOURCIL_LATERAL, SOURCIL_MEDIAL, mirror_columns
from hipseg.labels.target import SoftTarget, Target, hard_target
from hipseg.labels.weight_map import WeightMap, described_bone, everywhere
from hipseg.sample import HipSample
from hipseg.transforms.augment import Augmentation, LightAugmentation, Move, NoAugmentation
from hipseg.transforms.intensity import FilmPercentiles, Intensity, Local

WHOLE = Crop(row=0, column=0, rows=512, columns=512)
JOINT = Crop(row=230, column=100, rows=64, columns=64)
LIGHT = LightAugmentation(rotation_deg=7, shift_px=8, scale=0.08, contrast=0.15)


@pytest.fixture(scope="module")
def opened(store: Path) -> Store:
    return Store(store)


@pytest.fixture(scope="module")
def keys(opened: Store) -> list[str]:
    return [str(key) for key in opened.samples.loc[opened.samples["usable"], "key"]]


def _dataset(
    store: Store,
    keys: Sequence[str],
    field: Crop = JOINT,
    augmentation: Augmentation | None = None,
    seed: int = 0,
    weight_map: WeightMap = everywhere,
    jitter_px: int = 0,
    target: Target = hard_target,
    intensity: Intensity | None = None,
) -> HipDataset:
    options = {"augmentation": augmentation, "labels_for_loss": target, "loss_mask": weight_map}
    options["intensity"] = intensity or AsStored()
    return HipDataset(store, keys, "train", seed, crop=field, crop_jitter_px=jitter_px, **options)  # type: ignore


def _same(a: HipSample, b: HipSample) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_epochs_are_shuffled_by_seed_and_epoch_alone() -> None:
    def order(seed: int, epoch: int, elsewhere: int = 0) -> list[tuple[int, int]]:
        torch.manual_seed(elsewhere)
        np.random.seed(elsewhere)
        sampler = EpochSampler(50, True, seed)
        sampler.set_epoch(epoch)
        return list(sampler)

    assert order(1, 2) == order(1, 2, elsewhere=9)
    assert sorted(order(1, 2)) == [(2, i) for i in range(50)]
    orders = [[index for _, index in order(seed, epoch)] for seed, epoch in ((1, 2), (1, 3), (2, 2))]
    assert len({tuple(indices) for indices in orders}) == 3


def test_without_shuffling_in_order() -> None:
    sampler = EpochSampler(4, False, 0)
    sampler.set_epoch(7)
    assert list(sampler) == [(7, 0), (7, 1), (7, 2), (7, 3)]


@pytest.mark.parametrize("side", ["right", "left"])
def test_image_label_and_landmarks_agree(side: str, opened: Store, keys: list[str]) -> None:
    for key in [key for key in keys if key.endswith(side)]:
        sample = _dataset(opened, [key], WHOLE)[0, 0]
        row = int(sample.row)
        assert opened.samples["key"].iat[row] == key
        flip: Callable[[np.ndarray], np.ndarray] = np.fliplr if side == "left" else np.asarray
        assert np.array_equal(sample.image[0], flip(opened.image(row)).astype(np.float32) / np.float32(65535))
        landmarks = opened.landmarks(row)
        if side == "left":
            landmarks = mirror_columns(landmarks, 512)
        drawn = draw_label_map(landmarks, (512, 512), spline_curves)
        assert np.array_equal(sample.label, drawn), key
        assert landmarks[SOURCIL_LATERAL, 0] < landmarks[SOURCIL_MEDIAL, 0] < 256  # a right hip, on the image's left


@pytest.mark.parametrize("side", ["right", "left"])
def test_grey_values_are_clipped_at_percentiles_of_the_whole_film(side: str, opened: Store, keys: list[str]) -> None:
    key = next(key for key in keys if key.endswith(side))
    for field in (WHOLE, JOINT):
        sample = _dataset(opened, [key], field, intensity=FilmPercentiles((5.0, 95.0)))[0, 0]
        film = opened.image(int(sample.row)) / 65535
        low, high = opened.quantiles(int(sample.row))[[10, 190]]  # every half per cent
        shown = np.where(film > 0, np.clip((film - low) / (high - low), 0, 1), 0)
        shown = shown[:, ::-1] if side == "left" else shown
        np.testing.assert_allclose(sample.image[0].numpy(), shown[field.window], atol=1e-5)


def test_surroundings_of_a_fixed_windows_middle_decide_on_its_greys(opened: Store, keys: list[str]) -> None:
    local = Local(reach_mm=18.0, percentiles=(2.0, 98.0), ends=(0.15, 0.85))
    plain, shown = (_dataset(opened, keys[:1], JOINT, intensity=how)[0, 0].image[0] for how in (None, local))
    rows, columns = np.ogrid[:64, :64]
    near = np.hypot(rows - 31.5, columns - 31.5) < 20  # 18 mm
    low, high = np.percentile(plain.numpy()[near], (2, 98))
    expected = np.clip((plain.numpy() - low) / (high - low) * 0.7 + 0.15, 0, 1)
    np.testing.assert_allclose(shown.numpy(), expected, atol=1e-5)


def test_field_is_cut_after_mirroring(opened: Store, keys: list[str]) -> None:
    for key in keys[:2]:
        whole, part = (_dataset(opened, [key], field)[0, 0] for field in (WHOLE, JOINT))
        assert torch.equal(part.image, whole.image[:, 230:294, 100:164])
        assert torch.equal(part.label, whole.label[230:294, 100:164])
        counts = [torch.bincount(sample.label.flatten(), minlength=4)[1:] for sample in (whole, part)]
        assert torch.equal(part.outside[1:], counts[0] - counts[1])
        assert part.outside[0] == 0
        assert not whole.outside.any()
        assert part.spacing_mm.item() == pytest.approx(0.9)


def test_field_coordinates_lead_back_to_the_store() -> None:
    point = np.array([[3.0, 4.0]])
    assert JOINT.to_stored(point, False, 512).tolist() == [[103.0, 234.0]]
    assert JOINT.to_stored(point, True, 512).tolist() == [[511 - 103.0, 234.0]]
    for mirror in (False, True):
        assert JOINT.from_stored(JOINT.to_stored(point, mirror, 512), mirror, 512).tolist() == point.tolist()


def test_augmentation_depends_on_seed_epoch_and_sample_alone(opened: Store, keys: list[str]) -> None:
    forward = _dataset(opened, keys[:3], augmentation=LIGHT)
    backward = _dataset(opened, keys[2::-1], augmentation=LIGHT)
    first = forward[5, 0]
    np.random.seed(1)
    torch.manual_seed(1)
    forward[5, 1]
    assert _same(first, forward[5, 0])  # whatever came between
    assert _same(first, backward[5, 2])  # wherever it stands
    assert not torch.equal(first.image, forward[6, 0].image)
    assert not torch.equal(first.image, _dataset(opened, keys[:3], augmentation=LIGHT, seed=1)[5, 0].image)


def test_samples_are_not_changed_alike(opened: Store, keys: list[str]) -> None:
    # Both hips of one film, the same image to start with: only the draw can make their changes differ.
    class Draws(LightAugmentation):
        def __call__(
            self, image: np.ndarray, label: np.ndarray, rng: np.random.Generator, margin: int = 0
        ) -> tuple[np.ndarray, np.ndarray, Move]:
            drawn.append(self.draw(rng))
            return image, label, lambda points: points

    drawn: list[object] = []
    dataset = _dataset(opened, keys, augmentation=Draws(7, 8, 0.08, 0.15))
    for i in range(len(keys)):
        dataset[0, i]
    assert len(set(drawn)) == len(keys)


def _data(
    store: Path, split: Path, field: Crop = JOINT, sizes: tuple[int | None, int | None] = (None, None)
) -> StoreDataModule:
    return StoreDataModule(
        store, split, partial(HipDataset, crop=field, intensity=AsStored(), augmentation=LIGHT), 4, 0, *sizes, 0
    )


def test_sizes_take_the_first_hips_and_leave_the_test_set(store: Path, split: Path) -> None:
    rows = pd.read_csv(split).groupby("subset", sort=False)["sample"].apply(list)
    data = _data(store, split, sizes=(5, 3))
    assert data.samples == {"train": rows["train"][:5], "val": rows["val"][:3], "test": rows["test"]}


def test_only_training_hips_are_shuffled_and_changed(store: Path, split: Path, opened: Store) -> None:
    data = _data(store, split)
    for subset, loader in (("val", data.val_dataloader()), ("test", data.test_dataloader())):
        plain = _dataset(opened, data.samples[subset])  # type: ignore[index]
        seen = [row for batch in loader for row in batch.row.tolist()]
        assert seen == plain.rows.tolist()
        assert torch.equal(next(iter(loader)).image[0], plain[0, 0].image)
    loader = data.train_dataloader()
    assert not torch.equal(
        next(iter(loader)).image, torch.stack([_dataset(opened, data.samples["train"])[0, i].image for i in range(4)])
    )
    assert sorted(row for batch in loader for row in batch.row.tolist()) == sorted(
        opened.rows_by_key[key] for key in data.samples["train"]
    )


@pytest.mark.parametrize("field", [Crop(449, 0, 64, 64), Crop(0, -1, 64, 64), Crop(0, 0, 512, 513)])
def test_field_beyond_the_image_is_refused(field: Crop, store: Path, split: Path) -> None:
    with pytest.raises(HipsegError, match=r"^data\.dataset\.crop: "):
        _data(store, split, field)


def test_more_hips_than_there_are_is_refused(store: Path, split: Path) -> None:
    with pytest.raises(HipsegError, match=r"^data\.val_size: 99 samples are asked for, the split has \d+$"):
        _data(store, split, sizes=(None, 99))


def test_empty_subset_is_refused(store: Path, split: Path, tmp_path: Path) -> None:
    table = pd.read_csv(split)
    table[table["subset"] != "val"].to_csv(tmp_path / "split.csv", index=False)
    data = _data(store, tmp_path / "split.csv")
    data.require("train", "test")
    with pytest.raises(HipsegError, match=r"^data\.split: it has no val samples"):
        data.require("train", "val", "test")


@pytest.mark.parametrize("side", ["right", "left"])
def test_weights_leave_out_what_the_landmarks_do_not_describe(side: str, opened: Store, keys: list[str]) -> None:
    key = next(key for key in keys if key.endswith(side))
    sample = _dataset(opened, [key], WHOLE, weight_map=described_bone)[0, 0]
    landmarks = opened.landmarks(int(sample.row))
    if side == "left":
        landmarks = mirror_columns(landmarks, 512)
    counts = sample.weight.numpy().astype(bool)
    lowest, top = landmarks[:35, 1].max(), landmarks[67, 1]
    rows = np.arange(512)
    assert not counts[rows > lowest].any() and not counts[rows < top].any()
    medial_x, medial_y = landmarks[74]
    between = (rows > top) & (rows < lowest)
    assert counts[between][:, : int(medial_x)].all()
    assert not counts[between & (rows < medial_y)][:, int(medial_x) + 1 :].any()
    assert counts[between & (rows > medial_y)].all()
    assert (sample.label.numpy()[~counts] == 0).all()  # all bone that is labelled counts
    plain = _dataset(opened, [key], WHOLE)[0, 0]
    assert torch.equal(plain.label, sample.label)
    assert bool((plain.weight == 1).all())


def test_weights_move_with_the_label(opened: Store, keys: list[str]) -> None:
    still, moved = (
        _dataset(opened, keys[:1], WHOLE, augmentation, weight_map=described_bone)[0, 0]
        for augmentation in (None, LIGHT)
    )
    assert not torch.equal(still.weight, moved.weight)
    assert set(np.unique(moved.label)) <= {0, 1, 2, 3}
    assert (moved.label[moved.weight == 0] == 0).float().mean() > 0.999


@pytest.mark.parametrize("side", ["right", "left"])
def test_a_jittered_field_keeps_its_way_back(side: str, opened: Store, keys: list[str]) -> None:
    key = next(key for key in keys if key.endswith(side))
    data = _dataset(opened, [key], jitter_px=9)
    corners = set()
    for epoch in range(12):
        sample = data[epoch, 0]
        row, column = sample.corner.tolist()
        assert abs(row - JOINT.row) <= 9 and abs(column - JOINT.column) <= 9
        image = opened.image(int(sample.row))
        seen = (image[:, ::-1] if side == "left" else image)[row : row + 64, column : column + 64] / np.float32(65535)
        np.testing.assert_allclose(sample.image[0].numpy(), seen, atol=1e-6)
        corners.add((row, column))
    assert len(corners) > 6
    assert _same(data[3, 0], _dataset(opened, [key], jitter_px=9)[3, 0])


def test_jitter_stays_within_the_image() -> None:
    moved = Crop(row=10, column=2, rows=20, columns=20).moved(99, -99, (40, 50))
    assert moved == Crop(row=20, column=0, rows=20, columns=20)


def test_a_hard_target_is_the_label_map(opened: Store, keys: list[str]) -> None:
    sample = _dataset(opened, keys[:1], WHOLE, LIGHT)[3, 0]
    assert torch.equal(sample.target, sample.label)


@pytest.mark.parametrize("augmentation", [NoAugmentation(), LIGHT])
def test_soft_targets_lie_where_label_maps_do(augmentation: Augmentation, opened: Store, keys: list[str]) -> None:
    field = Crop(row=200, column=80, rows=200, columns=160)
    data = _dataset(opened, keys, field, augmentation, jitter_px=9, target=SoftTarget(8))
    between: dict[int, list[np.ndarray]] = {1: [], 2: [], 3: []}
    for index in range(len(keys)):
        for epoch in range(100 // len(keys)):
            sample = data[epoch, index]
            shares, label = sample.target.numpy(), sample.label.numpy()
            np.testing.assert_allclose(shares.sum(axis=0), 1, atol=1e-6)
            assert 50 < (shares.max(axis=0) < 1).sum() < 1000
            assert (shares.argmax(axis=0) != label).mean() < 0.01
            for one, found in between.items():
                middle = [(shares[one] * place).sum() / shares[one].sum() for place in np.indices(label.shape)]
                found.append(np.argwhere(label == one).mean(axis=0) - middle)
    # Pixels make each map's middle uncertain; over many hips and places they must not differ.
    assert all(np.abs(np.mean(found, axis=0)).max() < 0.15 for found in between.values())


def test_soft_targets_end_where_the_image_does(opened: Store, keys: list[str]) -> None:
    away = LightAugmentation(rotation_deg=0, shift_px=8, scale=0, contrast=0)
    key = next(key for key in keys if key.endswith("right"))
    x, y = opened.landmarks(opened.rows_by_key[key])[SOURCIL_LATERAL : SOURCIL_MEDIAL + 1].mean(axis=0).astype(int)
    joint = Crop(row=int(y) - 8, column=int(x) - 12, rows=16, columns=24)
    data = _dataset(opened, [key], joint, away, target=SoftTarget(8))
    at_the_edge = 0
    for epoch in range(20):
        sample = data[epoch, 0]
        down, right = away.draw(np.random.default_rng([0, epoch, int(sample.row)])).shift
        rows, columns = np.indices((16, 24))
        came_in = (rows < down) | (rows > 15 + down) | (columns < right) | (columns > 23 + right)
        assert (sample.target[0][came_in] == 1).all() and (sample.target[1:, came_in] == 0).all()
        at_the_edge += bool((sample.label.numpy()[binary_dilation(came_in) & ~came_in] > 1).any())
    assert at_the_edge > 3
