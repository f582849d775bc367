"""Hips of a store seen in windows that follow their heads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from small_films import AsStored

from hipseg.data.datasets.hips import HipDataset
from hipseg.data.split import Subset
from hipseg.data.store import Store
from hipseg.geometry.crop import HeadCrop
from hipseg.labels.circle import head_circle
from hipseg.labels.target import SoftTarget
from hipseg.transforms.augment import Change, LightAugmentation
from hipseg.transforms.intensity import Image, Intensity, Local

CROP = HeadCrop(rows=160, columns=128, below_mm=18.0, lateral_mm=9.0, shrink=4)
LOCAL = Local(reach_mm=50.0, percentiles=(2.0, 98.0), ends=(0.15, 0.85))


def hips(
    store: Path, subset: Subset, intensity: Intensity | None = None, crop_jitter_px: int = 0, **more: Any
) -> tuple[Store, HipDataset]:
    opened = Store(store)
    keys = opened.samples.loc[opened.samples["usable"], "key"].tolist()
    shown = intensity or AsStored()
    jitter = {"crop_jitter_px": crop_jitter_px}
    return opened, HipDataset(opened, keys, subset, 7, crop=CROP, intensity=shown, **jitter, **more)


class AlwaysHalf(LightAugmentation):
    """Makes everything half as large."""

    def draw(self, rng: np.random.Generator) -> Change:
        return Change(0.0, 0.5, (0.0, 0.0), 1.0)


def film_of(store: Store, row: int) -> Image:
    """The stored film in [0, 1], as a right hip's."""
    film = store.image(row).astype(np.float32) / np.float32(65535)
    return film[:, ::-1] if store.samples["mirror"].iat[row] else film


def head_of(store: Store, row: int) -> np.ndarray:
    """x, y of the head's centre on the stored film as a right hip's."""
    circle = head_circle(store.landmarks(row))
    mirror = bool(store.samples["mirror"].iat[row])
    return np.array([store.preprocessing["columns"] - 1 - circle.x if mirror else circle.x, circle.y])


def test_every_head_lies_at_the_same_place(store: Path) -> None:
    """9 mm right of the window's middle and 18 mm above it, to half a pixel of 0.9 mm."""
    opened, dataset = hips(store, "val")
    assert len(dataset) > 10
    for index, row in enumerate(dataset.rows):
        sample = dataset[index]
        assert sample.image.shape == (1, 160, 128)
        head = head_of(opened, row) - sample.corner.numpy()[::-1]
        assert head.tolist() == pytest.approx([63.5 + 10, 79.5 - 20], abs=0.51)
        assert int(sample.label[round(head[1]), round(head[0])]) == 1


def test_images_and_labels_are_those_of_the_film_there(store: Path) -> None:
    opened, dataset = hips(store, "val")
    for index, row in enumerate(dataset.rows[:6]):
        sample = dataset[index]
        film, label = film_of(opened, row), opened.label(row)
        if opened.samples["mirror"].iat[row]:
            label = label[:, ::-1]
        top, left = sample.corner.tolist()
        rows, columns = slice(max(top, 0), top + 160), slice(max(left, 0), left + 128)
        assert np.allclose(sample.image[0].numpy()[max(-top, 0) :, max(-left, 0) :], film[rows, columns], atol=1e-6)
        assert np.array_equal(sample.label.numpy()[max(-top, 0) :, max(-left, 0) :], label[rows, columns])
        everything = np.bincount(label.ravel(), minlength=4) - np.bincount(sample.label.numpy().ravel(), minlength=4)
        assert sample.outside.tolist() == [0, *everything[1:]]


def test_training_windows_are_moved_as_far_as_is_said(store: Path) -> None:
    opened, dataset = hips(store, "train", crop_jitter_px=6)
    moves = np.array([
        head_of(opened, dataset.rows[0]) - dataset[epoch, 0].corner.numpy()[::-1] - [73.5, 59.5]
        for epoch in range(60)
    ])  # fmt: skip
    assert np.abs(moves).max() <= 6.51
    assert (moves.min(axis=0) < -4).all()
    assert (moves.max(axis=0) > 4).all()


def test_the_film_at_a_glance_shows_where_the_head_is(store: Path) -> None:
    opened, dataset = hips(store, "val")
    for index, row in enumerate(dataset.rows[:6]):
        sample = dataset[index]
        assert sample.overview.shape == (1, 128, 128)
        assert sample.place.tolist() == pytest.approx(((head_of(opened, row) - 1.5) / 4).tolist(), abs=1e-4)
        blocks = film_of(opened, row).reshape(128, 4, 128, 4).mean(axis=(1, 3))
        low, high = np.percentile(blocks[blocks > 0.001], (1, 98))  # of what is not quite black
        expected = np.where(blocks > 0, np.clip((blocks - low) / (high - low), 0, 1), 0)
        assert np.allclose(sample.overview[0].numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("subset", ["train", "val"])
def test_the_surroundings_of_the_head_decide_on_a_windows_greys(store: Path, subset: Subset) -> None:
    opened, dataset = hips(store, subset, LOCAL, crop_jitter_px=6)
    for index, row in enumerate(dataset.rows[:6]):
        sample = dataset[index]
        top, left = sample.corner.tolist()
        window = np.pad(film_of(opened, row), 200)[top + 200 : top + 360, left + 200 : left + 328]
        # Where the head is without any jitter: 10 pixels right of the window's middle and 20 above it.
        expected = LOCAL.of_window(window, (63.5 + 10, 79.5 - 20), 0.9)
        assert np.allclose(sample.image[0].numpy(), expected, atol=1e-5)
        assert not np.allclose(expected, window, atol=0.05)


def test_a_test_shows_whole_films_in_their_own_greys(store: Path) -> None:
    opened, dataset = hips(store, "test", LOCAL)
    for index, row in enumerate(dataset.rows[:4]):
        assert np.allclose(dataset[index].image[0].numpy(), film_of(opened, row), atol=1e-6)


def test_what_augmentation_is_given_beyond_a_window_is_not_seen_but_by_moving_in(store: Path) -> None:
    _, without = hips(store, "train", crop_jitter_px=6)
    _, around = hips(store, "train", crop_jitter_px=6, margin_px=30)
    for index in range(4):
        one, other = without[0, index], around[0, index]
        assert torch.equal(one.image, other.image) and torch.equal(one.label, other.label)
        assert torch.equal(one.outside, other.outside) and torch.equal(one.corner, other.corner)

    def smaller(margin_px: int) -> HipDataset:
        half = AlwaysHalf(0.0, 0.0, 0.0, 0.0)
        return hips(store, "train", augmentation=half, margin_px=margin_px)[1]

    for index in range(4):
        bare, filled = smaller(0)[0, index].image[0], smaller(100)[0, index].image[0]
        assert torch.allclose(bare[45:115, 36:92], filled[45:115, 36:92], atol=1e-5)
        assert (bare[:30] == 0).all() and (filled[:30] > 0).float().mean() > 0.5


def test_training_heads_are_made_smaller_and_no_others(store: Path) -> None:
    def medial_edges(subset: Subset, **options: float) -> list[int]:
        labels = [hips(store, subset, **options)[1][0, index].label for index in range(6)]
        return [int(torch.nonzero(label[50:70] == 1)[:, 1].max()) for label in labels]  # at the height of the head

    smaller, whole = medial_edges("train", smaller_head=0.2), medial_edges("train")
    assert all(one <= other for one, other in zip(smaller, whole, strict=True)) and sum(whole) - sum(smaller) > 6
    assert medial_edges("train", smaller_head=0.2) == smaller
    assert medial_edges("val", smaller_head=0.2) == medial_edges("val")


def test_a_test_shows_whole_films(store: Path) -> None:
    opened, dataset = hips(store, "test")
    sample, row = dataset[0], dataset.rows[0]
    assert sample.image.shape == (1, 512, 512)
    assert sample.outside.tolist() == [0, 0, 0, 0]
    assert sample.corner.tolist() == [0, 0]
    label = opened.label(row)
    assert torch.equal(
        sample.label, torch.from_numpy((label[:, ::-1] if opened.samples["mirror"].iat[row] else label).copy())
    )
    assert dataset.describe_input() == {"channels": 1, "size": None, "range": [0.0, 1.0]}
    assert dataset.seen_of(str(pd.Series(opened.samples["key"]).iat[0]))[0] == (512, 512)


def test_soft_labels_of_smaller_heads_are_those_of_their_label_maps(store: Path) -> None:
    def soft(**options: float) -> HipDataset:
        return hips(store, "train", labels_for_loss=SoftTarget(16), **options)[1]

    smaller, whole = soft(smaller_head=0.2), soft()
    elsewhere = []
    for index in range(3):
        sample = smaller[0, index]
        assert int((sample.target.argmax(dim=0) != sample.label).sum()) < 40
        elsewhere.append(int((whole[0, index].target.argmax(dim=0) != sample.label).sum()))
    assert max(elsewhere) > 300
