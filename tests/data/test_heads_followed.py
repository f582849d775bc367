"""Hips of a store seen in windows that follow their heads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from hipseg.data.datasets.hips import HipDataset
from hipseg.data.split import Subset
from hipseg.data.store import Store
from hipseg.geometry.crop import HeadCrop
from hipseg.labels.circle import head_circle

CROP = HeadCrop(rows=160, columns=128, below_mm=18.0, lateral_mm=9.0, shrink=4)


def hips(store: Path, subset: Subset, **more: object) -> tuple[Store, HipDataset]:
    opened = Store(store)
    keys = opened.samples.loc[opened.samples["usable"], "key"].tolist()
    return opened, HipDataset(opened, keys, subset, 7, crop=CROP, **more)  # type: ignore[arg-type]


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
        film, label = opened.image(row) / 65535, opened.label(row)
        if opened.samples["mirror"].iat[row]:
            film, label = film[:, ::-1], label[:, ::-1]
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
        film = opened.image(row) / 65535
        film = film[:, ::-1] if opened.samples["mirror"].iat[row] else film
        blocks = film.reshape(128, 4, 128, 4).mean(axis=(1, 3))
        assert np.allclose(sample.overview[0].numpy(), blocks, atol=1e-6)


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
