"""Patches of images whose values say where they are from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hipseg.data.datasets.patches import PatchDataset, PatchSample
from hipseg.data.image_store import ImageStore, ImageStoreWriter, StoredImage
from hipseg.data.split import Subset
from hipseg.data.store import Store
from hipseg.errors import HipsegError
from hipseg.transforms.patch_augment import PatchAugmentation
from hipseg.transforms.prepare_image import planned_size, prepare_image, prepare_label, resize, standardise

PLAIN = PatchAugmentation(rotate=0, scale=0, intensity=0)


def _position(rows: int, columns: int) -> NDArray[np.float32]:
    """Two channels: the row and the column of every pixel."""
    return np.stack(np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")).astype(np.float32)


def _store(path: Path, cases: Sequence[tuple[NDArray[Any], NDArray[np.uint8]]], mm: float = 1.0) -> ImageStore:
    axes = cases[0][1].ndim
    with ImageStoreWriter(path, ("background", "head", "neck"), {}) as writer:
        for number, (pixels, labels) in enumerate(cases):
            key, spacing = f"set/s{number}/c{number}", (mm,) * axes
            writer.put(StoredImage(key, f"s{number}", "train", -1, pixels, labels, spacing, "x.png", "0" * 64))
    return ImageStore(path)


def _blob(rows: int, columns: int, number: int = 1) -> NDArray[np.uint8]:
    """A label of 4 x 3 pixels near the upper left corner."""
    labels = np.zeros((rows, columns), np.uint8)
    labels[5:9, 6:9] = number
    return labels


def _dataset(store: Any, subset: Subset = "train", seed: int = 0, **options: Any) -> PatchDataset:
    chosen = {
        "spacing_mm": (1.0, 1.0), "patch": (16, 12), "patches_per_epoch": 40, "val_patches": 40, "cache": 4,
        **options,
    }  # fmt: skip
    keys = store.samples.loc[store.samples["usable"], "key"].tolist()
    return PatchDataset(store, keys, subset, seed, **chosen)


@pytest.fixture
def placed(tmp_path: Path) -> ImageStore:
    """Two images of 60 x 50 and 41 x 37 pixels."""
    sizes = ((60, 50), (41, 37))
    return _store(tmp_path / "s.h5", [(_position(*size), _blob(*size, number=n + 1)) for n, size in enumerate(sizes)])


def _same(a: PatchSample, b: PatchSample) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def _draws(dataset: PatchDataset, epoch: int) -> list[PatchSample]:
    return [dataset[epoch, index] for index in range(len(dataset))]


def test_the_same_draw_is_the_same_whatever_came_between(placed: ImageStore) -> None:
    options: dict[str, Any] = {"augmentation": PatchAugmentation(rotate=1, scale=1), "foreground": 0.5}
    first, again = (_dataset(placed, **options) for _ in range(2))
    before = _draws(first, 3)
    np.random.seed(1)
    torch.manual_seed(1)
    first[9, 9]
    assert all(_same(a, b) for a, b in zip(before, reversed([again[3, i] for i in range(39, -1, -1)]), strict=True))


@pytest.mark.parametrize("cache", [0, 1, 9])
def test_what_is_kept_in_memory_changes_nothing(cache: int, placed: ImageStore) -> None:
    expected = _draws(_dataset(placed, foreground=0.5), 0)
    assert all(
        _same(a, b) for a, b in zip(_draws(_dataset(placed, cache=cache, foreground=0.5), 0), expected, strict=True)
    )


def test_another_epoch_seed_or_index_is_another_patch(placed: ImageStore) -> None:
    dataset = _dataset(placed)
    patches = [dataset[0, 0], dataset[1, 0], dataset[0, 1], _dataset(placed, seed=1)[0, 0]]
    assert len({tuple(patch.image.flatten().tolist()) for patch in patches}) == 4


def test_validation_is_the_same_in_every_epoch_and_not_augmented(placed: ImageStore) -> None:
    dataset = _dataset(placed, "val", augmentation=PatchAugmentation(rotate=1, scale=1, mirror=(0, 1)))
    assert all(_same(a, b) for a, b in zip(_draws(dataset, 0), _draws(dataset, 7), strict=True))
    plain = _dataset(placed, "val", augmentation=None)
    assert all(_same(a, b) for a, b in zip(_draws(dataset, 3), _draws(plain, 3), strict=True))


def test_there_are_as_many_patches_as_asked_for(placed: ImageStore) -> None:
    assert len(_dataset(placed, patches_per_epoch=7)) == 7
    assert len(_dataset(placed, "val", val_patches=5)) == 5
    assert len(_dataset(placed, "test")) == 2


def _places(store: ImageStore, sample: PatchSample) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The row and column of every pixel of a patch, from its standardised values."""
    position = _position(*store.size(int(sample.row))).astype(np.float64)
    rows, columns = (
        sample.image[axis].numpy().astype(np.float64) * position[axis].std() + position[axis].mean()
        for axis in range(2)
    )
    return rows, columns


@pytest.mark.parametrize("patch", [(16, 12), (15, 12), (15, 11), (37, 37), (40, 36)])
@pytest.mark.parametrize("augmentation", [None, PLAIN])
def test_a_patch_is_a_part_of_the_image_and_of_its_label_map(
    augmentation: PatchAugmentation | None, patch: tuple[int, int], placed: ImageStore
) -> None:
    dataset = _dataset(placed, patch=patch, augmentation=augmentation, foreground=0.3)
    seen = set()
    for sample in _draws(dataset, 0):
        assert (tuple(sample.image.shape), tuple(sample.label.shape)) == ((2, *patch), patch)
        assert (sample.image.dtype, sample.label.dtype) == (torch.float32, torch.uint8)
        rows, columns = _places(placed, sample)
        top, left = round(rows[0, 0]), round(columns[0, 0])
        expected = _position(*patch) + np.array([top, left])[:, None, None]
        assert np.allclose([rows, columns], expected, rtol=0, atol=1e-3)
        row = int(sample.row)
        labels = _blob(*placed.size(row), number=row + 1)
        assert np.array_equal(sample.label, labels[top : top + patch[0], left : left + patch[1]])
        assert torch.equal(sample.target, sample.label)
        assert bool((sample.weight == 1).all())
        assert sample.outside.tolist() == [0, 0, 0]
        seen.add((row, top, left))
    assert {row for row, _, _ in seen} == {0, 1}
    assert len(seen) > 4


def test_patches_reach_every_edge_of_the_image(placed: ImageStore) -> None:
    dataset = _dataset(placed, patch=(40, 36), patches_per_epoch=300)
    tops, lefts = set(), set()
    for sample in _draws(dataset, 0):
        if int(sample.row) == 1:
            rows, columns = _places(placed, sample)
            tops.add(round(rows[0, 0]))
            lefts.add(round(columns[0, 0]))
    assert (tops, lefts) == ({0, 1}, {0, 1})


@pytest.mark.parametrize("share", [0.0, 0.33, 1.0])
def test_about_the_wanted_share_of_patches_lies_about_a_label(share: float, tmp_path: Path) -> None:
    # A single labelled pixel in 400 x 400: a patch of 5 x 5 meets it by chance once in 6400 times.
    labels = np.zeros((400, 400), np.uint8)
    labels[200, 123] = 2
    store = _store(tmp_path / "s.h5", [(_position(400, 400), labels)])
    dataset = _dataset(store, patch=(5, 5), foreground=share, patches_per_epoch=600)
    about = [int(sample.label[2, 2]) == 2 for sample in _draws(dataset, 0)]
    # Three standard deviations of 600 draws at a third: 0.058.
    assert np.mean(about) == pytest.approx(share, abs=0.06 if share == 0.33 else 0.01)


def test_a_rare_label_is_met_as_often_as_a_common_one(tmp_path: Path) -> None:
    labels = np.zeros((100, 100), np.uint8)
    labels[40:90, 40:90], labels[12, 12] = 1, 2
    store = _store(tmp_path / "s.h5", [(_position(100, 100), labels)])
    dataset = _dataset(store, patch=(5, 5), foreground=1.0, patches_per_epoch=400)
    middles = [int(sample.label[2, 2]) for sample in _draws(dataset, 0)]
    assert np.mean(np.array(middles) == 2) == pytest.approx(0.5, abs=0.08)
    assert 0 not in middles


def test_places_without_a_label_are_spread_evenly_over_the_image(tmp_path: Path) -> None:
    store = _store(tmp_path / "s.h5", [(_position(101, 41), np.zeros((101, 41), np.uint8))])
    dataset = _dataset(store, patch=(5, 5), patches_per_epoch=1500)
    middles = np.array([[part[2, 2] for part in _places(store, sample)] for sample in _draws(dataset, 0)])
    for axis, length in enumerate((101, 41)):
        # Middles within 2 pixels of an edge are moved inwards, so that the patch lies in the image.
        assert (round(middles[:, axis].min()), round(middles[:, axis].max())) == (2, length - 3)
        shares = np.histogram(middles[:, axis], bins=4, range=(-0.5, length - 0.5))[0] / len(middles)
        assert np.allclose(shares, 0.25, atol=0.06)


def test_an_image_without_a_label_gives_patches_too(tmp_path: Path) -> None:
    store = _store(tmp_path / "s.h5", [(_position(30, 30), np.zeros((30, 30), np.uint8))])
    assert not _dataset(store, foreground=1.0)[0, 0].label.any()


@pytest.mark.parametrize(
    "size",
    [
        (10, 8), (10, 50), (30, 8),
        (11, 8), (11, 50), (30, 7),
    ],
)  # fmt: skip
def test_what_lies_beyond_a_small_image_is_0(size: tuple[int, int], tmp_path: Path) -> None:
    store = _store(tmp_path / "s.h5", [(_position(*size), np.full(size, 2, np.uint8))])
    sample = _dataset(store, patch=(16, 12))[0, 0]
    inside = sample.label.numpy() == 2
    kept = [min(edge, length) for edge, length in zip((16, 12), size, strict=True)]
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    assert (len(rows), len(columns)) == tuple(kept)
    # In the middle, but for half a pixel.
    for found, edge in ((rows, 16), (columns, 12)):
        assert found.mean() == pytest.approx((edge - 1) / 2, abs=0.5)
    assert not sample.image.numpy()[:, ~inside].any()
    found_rows, found_columns = (part[np.ix_(rows, columns)] for part in _places(store, sample))
    assert np.allclose(np.diff(found_rows, axis=0), 1, atol=1e-3)
    assert np.allclose(np.diff(found_columns, axis=1), 1, atol=1e-3)
    assert np.allclose(found_rows, np.rint(found_rows), atol=1e-3)


def test_whole_images_are_tested_with_their_label_map_at_its_own_size(placed: ImageStore) -> None:
    dataset = _dataset(placed, "test", spacing_mm=(2.0, 4.0))
    assert dataset.one_by_one
    for row, (size, seen) in enumerate((((60, 50), (30, 12)), ((41, 37), (20, 9)))):
        sample = dataset[row]
        assert int(sample.row) == row
        assert tuple(sample.image.shape) == (2, *seen)
        assert np.array_equal(sample.label, _blob(*size, number=row + 1))
        assert tuple(sample.weight.shape) == size


def test_volumes_give_patches_too(tmp_path: Path) -> None:
    place = np.stack(np.meshgrid(*[np.arange(length) for length in (9, 14, 11)], indexing="ij")).astype(np.float32)
    store = _store(tmp_path / "s.h5", [(place, np.ones((9, 14, 11), np.uint8))])
    sample = _dataset(store, spacing_mm=(1.0,) * 3, patch=(4, 6, 5))[0, 0]
    assert tuple(sample.image.shape) == (3, 4, 6, 5)
    for axis in range(3):
        steps = np.diff(sample.image[axis].numpy() * place[axis].std(), axis=axis)
        assert np.allclose(steps, 1, atol=1e-4)
    assert bool((sample.label == 1).all())


@pytest.mark.parametrize(("patch", "spacing"), [((8, 8, 8), (1.0, 1.0)), ((8, 8), (1.0, 1.0, 1.0))])
def test_a_patch_of_other_axes_is_refused(
    patch: tuple[int, ...], spacing: tuple[float, ...], placed: ImageStore
) -> None:
    with pytest.raises(HipsegError, match=r"^data\.dataset: the images have 2 axes, .*plan for this store"):
        _dataset(placed, patch=patch, spacing_mm=spacing)


def test_left_hips_are_seen_mirrored(store: Path) -> None:
    hips = Store(store)
    usable = hips.samples[hips.samples["usable"]]
    mirrored = usable.loc[usable["mirror"], "key"].iloc[0]
    row = hips.rows_by_key[mirrored]
    mm = hips.spacing_mm(row)
    dataset = PatchDataset(hips, [mirrored], "test", 0, spacing_mm=mm, patch=(64, 64))
    sample = dataset[0]
    assert np.array_equal(sample.label, np.fliplr(hips.label(row)))
    assert np.allclose(sample.image[0], standardise(np.fliplr(hips.image(row)).astype(np.float32)[None])[0])


# Augmentation


def _matrices(augmentation: PatchAugmentation, axes: int = 2, count: int = 400) -> list[NDArray[np.float64]]:
    rng = np.random.default_rng(0)
    return [augmentation.draw_matrix(axes, rng) for _ in range(count)]


def test_rotations_turn_by_the_angle_that_is_allowed_and_change_no_length() -> None:
    turns = _matrices(PatchAugmentation(rotation_deg=30, rotate=1, scale=0))
    angles = np.rad2deg([np.arctan2(turn[1, 0], turn[0, 0]) for turn in turns])
    assert all(np.allclose(turn @ turn.T, np.eye(2)) for turn in turns)
    assert 29 < angles.max() <= 30
    assert -30 <= angles.min() < -29


def test_a_zoom_makes_larger_as_often_as_smaller_and_by_what_is_allowed() -> None:
    steps = np.array([matrix[0, 0] for matrix in _matrices(PatchAugmentation(rotate=0, scale=1, zoom=(0.5, 2.0)))])
    # A zoom of 2 takes half a step in the image for each in the patch.
    assert steps.min() == pytest.approx(0.5, abs=0.02)
    assert steps.max() == pytest.approx(2.0, abs=0.05)
    assert np.mean(steps < 1) == pytest.approx(0.5, abs=0.08)


def test_uneven_ends_of_a_zoom_are_not_taken_for_their_inverse() -> None:
    steps = np.array([matrix[0, 0] for matrix in _matrices(PatchAugmentation(rotate=0, scale=1, zoom=(0.5, 1.25)))])
    assert steps.min() == pytest.approx(1 / 1.25, abs=0.02)
    assert steps.max() == pytest.approx(1 / 0.5, abs=0.05)


def test_changes_come_as_often_as_asked_for() -> None:
    matrices = _matrices(PatchAugmentation(rotate=0.2, scale=0, mirror=()), count=2000)
    assert np.mean([not np.array_equal(matrix, np.eye(2)) for matrix in matrices]) == pytest.approx(0.2, abs=0.03)
    mirrored = _matrices(PatchAugmentation(rotate=0, scale=0, mirror=(1,)), count=1000)
    assert {(matrix[0, 0], matrix[1, 1]) for matrix in mirrored} == {(1.0, 1.0), (1.0, -1.0)}
    assert np.mean([matrix[1, 1] == -1 for matrix in mirrored]) == pytest.approx(0.5, abs=0.06)
    assert all(np.array_equal(matrix, np.eye(2)) for matrix in _matrices(PLAIN))


def test_a_mirror_moves_image_and_label_alike(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, (16, 12)).astype(np.uint8)
    image = np.stack([labels * 10.0, rng.normal(size=(16, 12))]).astype(np.float32)
    store = _store(tmp_path / "s.h5", [(image, labels)])
    dataset = _dataset(store, augmentation=PatchAugmentation(rotate=0, scale=0, intensity=0, mirror=(0, 1)))
    whole, seen = standardise(image), set()
    for sample in _draws(dataset, 0):
        found = [
            axes
            for axes in ((), (0,), (1,), (0, 1))
            if np.array_equal(sample.label, np.flip(labels, axes))
            and np.allclose(sample.image, np.flip(whole, [axis + 1 for axis in axes]), atol=1e-4)
        ]
        assert len(found) == 1
        seen.add(found[0])
    assert seen == {(), (0,), (1,), (0, 1)}


def test_turned_and_scaled_images_and_labels_stay_together(tmp_path: Path) -> None:
    # A disc: bright where its label is.
    rows, columns = np.mgrid[:80, :80] - 39.5
    labels = (rows**2 + (columns - 8) ** 2 < 15**2).astype(np.uint8)
    store = _store(tmp_path / "s.h5", [(labels[None] * np.float32(100), labels)])
    strong = PatchAugmentation(rotation_deg=90, rotate=1, scale=1, intensity=0)
    dataset = _dataset(store, patch=(64, 64), augmentation=strong, foreground=1.0)
    threshold = float(standardise(labels[None] * np.float32(100)).mean() + 0.5 * np.ptp(standardise(labels[None])) / 2)
    agreement, areas = [], []
    for sample in _draws(dataset, 0):
        bright = sample.image[0].numpy() > threshold
        agreement.append(np.mean(bright == (sample.label.numpy() == 1)))
        areas.append(int(sample.label.sum()))
    assert min(agreement) > 0.97
    assert max(areas) > 1.2 * labels.sum()
    assert min(areas) < 0.8 * labels.sum()


def test_grey_values_change_and_stay_numbers_of_the_same_patch() -> None:
    patch = standardise(_position(24, 20))
    before = patch.copy()
    changed = [PatchAugmentation().change_grey_values(patch.copy(), np.random.default_rng(seed)) for seed in range(40)]
    assert np.array_equal(patch, before)
    assert all(part.shape == patch.shape and part.dtype == np.float32 and np.isfinite(part).all() for part in changed)
    touched = np.mean([not np.allclose(part, patch) for part in changed])
    # The chance that none of the seven comes: 0.9 * 0.9 * 0.85 * 0.85 * 0.875 * 0.9 * 0.7 = 0.32.
    assert touched == pytest.approx(0.68, abs=0.22)
    again = PatchAugmentation().change_grey_values(patch.copy(), np.random.default_rng(7))
    assert np.array_equal(again, changed[7])
    assert PLAIN.change_grey_values(patch, np.random.default_rng(0)) is patch


# Resampling


@pytest.mark.parametrize("size", [(5, 7), (20, 7), (40, 41), (13, 29), (1, 1)])
def test_a_constant_stays_one_at_any_size(size: tuple[int, int]) -> None:
    resized = resize(np.full((2, 20, 14), 7.25, np.float32), size)
    assert resized.shape == (2, *size)
    assert np.allclose(resized, 7.25, rtol=1e-6)


@pytest.mark.parametrize("size", [(5, 7), (20, 7), (40, 42), (13, 29)])
def test_a_ramp_stays_one_away_from_the_edges(size: tuple[int, int]) -> None:
    # In units of the image's edges: pixel centres at (i + 0.5) / length.
    def ramp(rows: int, columns: int) -> NDArray[np.float64]:
        down, across = (np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns
        return 3 * down[:, None] - 2 * across

    resized = resize(ramp(20, 14)[None], size)[0]
    inner = (slice(1, -1), slice(1, -1))
    assert np.allclose(resized[inner], ramp(*size)[inner], atol=0.02)
    if max(size[0] / 20, 20 / size[0]) == int(max(size[0] / 20, 20 / size[0])):
        assert np.allclose(resized[inner].mean(), ramp(*size)[inner].mean(), atol=1e-5)


def test_the_same_size_changes_nothing() -> None:
    image = np.random.default_rng(0).normal(size=(2, 9, 8)).astype(np.float32)
    assert np.array_equal(resize(image, (9, 8)), image)


def test_fine_stripes_become_grey_rather_than_coarse_stripes() -> None:
    stripes = np.tile([0.0, 1.0], 60)[None, None, :].repeat(4, axis=1)
    assert np.allclose(resize(stripes, (4, 24))[0, :, 1:-1], 0.5, atol=0.06)


@pytest.mark.parametrize(
    ("size", "own", "planned", "expected"),
    [
        ((100, 60), (0.15, 0.15), (0.3, 0.3), (50, 30)),
        ((100, 60), (0.3, 0.9), (0.3, 0.3), (100, 180)),
        ((7, 7), (1.0, 1.0), (3.0, 2.0), (2, 4)),
        ((1, 9), (0.1, 0.1), (5.0, 5.0), (1, 1)),
    ],
)
def test_sizes_follow_from_spacings(
    size: tuple[int, ...], own: tuple[float, ...], planned: tuple[float, ...], expected: tuple[int, ...]
) -> None:
    assert planned_size(size, own, planned) == expected


def test_a_prepared_image_has_mean_0_and_deviation_1_in_every_channel() -> None:
    image = np.random.default_rng(0).integers(0, 60000, (3, 40, 30)).astype(np.uint16)
    image[1] //= 100
    prepared = prepare_image(image, (1.0, 1.0), (2.0, 1.5))
    assert prepared.shape == (3, 20, 20)
    assert np.allclose(prepared.mean(axis=(1, 2)), 0, atol=1e-5)
    assert np.allclose(prepared.std(axis=(1, 2)), 1, atol=1e-5)


def test_a_flat_channel_becomes_0() -> None:
    image = np.stack([np.arange(64.0).reshape(8, 8), np.full((8, 8), 3.0)])
    prepared = prepare_image(image, (1.0, 1.0), (1.0, 1.0))
    assert np.isfinite(prepared).all()
    assert not prepared[1].any()


@pytest.mark.parametrize("planned", [0.37, 0.5, 0.8, 1.0, 1.3, 2.0, 3.1])
@pytest.mark.parametrize("border", [10, 23, 31])
def test_the_border_of_a_half_plane_stays_where_it_was_to_half_a_pixel(planned: float, border: int) -> None:
    label = np.zeros((48, 12), np.uint8)
    label[border:] = 1
    found = prepare_label(label, 2, (1.0, 1.0), (planned, 1.0))
    assert found.shape == (round(48 / planned), 12)
    assert (found == found[:, :1]).all()
    first = int(np.argmax(found[:, 0]))
    assert found[first:].all()
    # Pixels of the result are 48 / rows mm high, and begin at the image's edge.
    height = 48 / len(found)
    assert abs(first * height - border) <= height / 2 + 1e-6


def test_a_label_map_gets_no_label_that_it_did_not_have() -> None:
    label = np.zeros((30, 30), np.uint8)
    label[:, 10:20], label[:, 20:] = 3, 1  # a mean of 1 and 3 would be 2
    for planned in (0.4, 1.7, 2.5):
        found = prepare_label(label, 4, (1.0, 1.0), (planned, planned))
        assert set(np.unique(found).tolist()) == {0, 1, 3}


def test_at_its_own_spacing_a_label_map_stays_as_it_is() -> None:
    label = np.random.default_rng(0).integers(0, 4, (9, 8)).astype(np.uint8)
    assert np.array_equal(prepare_label(label, 4, (0.3, 0.2), (0.3, 0.2)), label)


def _of_femurs(femurs: Path, cache: int) -> PatchDataset:
    store = ImageStore(femurs)
    keys = [str(key) for key in store.samples["key"][store.samples["usable"]]]
    return PatchDataset(
        store, keys, "train", 3, spacing_mm=store.spacing_mm(0), patch=(16, 20, 24), patches_per_epoch=12,
        foreground=0.5, augmentation=PatchAugmentation(rotate=0.6, scale=0.6, intensity=0.0),
        normalisation="hounsfield", cache=cache,
    )  # fmt: skip


def test_patches_read_alone_are_those_of_whole_images(femurs: Path) -> None:
    whole, parts = (_draws(_of_femurs(femurs, cache), 2) for cache in (9, 0))
    for a, b in zip(whole, parts, strict=True):
        torch.testing.assert_close(a.image, b.image, atol=1e-4, rtol=0)
        assert (a.label != b.label).float().mean() < 1e-3  # at a tie between two pixels
        assert a.row == b.row


def test_of_an_image_that_is_read_in_parts_no_more_than_patches_is_read(
    femurs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[float] = []
    image = ImageStore.image

    def counted(self: ImageStore, row: int, part: tuple[slice, ...] | None = None) -> Any:
        found = image(self, row, part)
        read.append(found.size / image(self, row).size)
        return found

    monkeypatch.setattr(ImageStore, "image", counted)
    _draws(_of_femurs(femurs, cache=0), 0)
    assert len(read) == 12 and max(read) < 0.6
    read.clear()
    _draws(_of_femurs(femurs, cache=9), 0)
    assert set(read) == {1.0}


def test_shares_of_whole_pixels_are_those_of_the_label_map(placed: ImageStore) -> None:
    plain, shared = _dataset(placed, foreground=1.0), _dataset(placed, foreground=1.0, shares=True)
    for index in range(8):
        one, other = plain[index], shared[index]
        wanted = torch.nn.functional.one_hot(one.label.long(), 3).movedim(-1, 0).float()
        assert torch.equal(other.target, wanted)
        assert torch.equal(other.label, one.label)
        assert torch.equal(other.image, one.image)


def test_shares_of_coarser_pixels_have_the_area_that_was_drawn(tmp_path: Path) -> None:
    labels = np.zeros((60, 60), np.uint8)
    labels[11:38, 13:44], labels[20:29, 20:31] = 1, 2
    store = _store(tmp_path / "s.h5", [(_position(60, 60), labels)])
    options: dict[str, Any] = {"spacing_mm": (2.5, 2.5), "patch": (24, 24), "cache": 1}
    shares = _dataset(store, "val", shares=True, **options)[0].target
    assert shares.dtype == torch.float32
    assert torch.allclose(shares.sum(0), torch.ones(24, 24), atol=1e-6)
    assert float(shares.min()) >= -1e-6
    for number in (1, 2):
        assert float(shares[number].sum()) * 2.5**2 == pytest.approx((labels == number).sum(), rel=0.01)
    hard = _dataset(store, "val", **options)[0]
    assert set(hard.target.unique().tolist()) <= {0, 1, 2}


def test_beyond_the_image_all_is_background(tmp_path: Path) -> None:
    store = _store(tmp_path / "s.h5", [(_position(8, 8), np.full((8, 8), 2, np.uint8))])
    turned = PatchAugmentation(rotate=0.6, scale=1, intensity=0)
    for index in range(4):
        target = _dataset(store, shares=True, augmentation=turned, foreground=1.0)[index].target
        assert torch.allclose(target.sum(0), torch.ones(16, 12), atol=1e-6)
        assert float(target[0, 0, 0]) == 1
        assert float(target[2].max()) == pytest.approx(1)


def test_shares_of_patches_read_alone_are_those_of_whole_images(femurs: Path) -> None:
    store = ImageStore(femurs)
    options: dict[str, Any] = {
        "spacing_mm": store.spacing_mm(0), "patch": (16, 16, 16), "normalisation": "hounsfield", "shares": True,
        "augmentation": PatchAugmentation(rotate=0.6, scale=1, intensity=0), "foreground": 1.0,
    }  # fmt: skip
    whole, parts = (_dataset(store, cache=cache, **options) for cache in (4, 0))
    for index in range(3):
        assert torch.equal(whole[index].target, parts[index].target)


def test_a_test_compares_with_the_stored_label_map_all_the_same(placed: ImageStore) -> None:
    for one, other in zip(_dataset(placed, "test"), _dataset(placed, "test", shares=True), strict=True):
        assert torch.equal(one.target, other.target)
