"""What a network that grades is shown: classes, left-out grades, cohorts in a mixture, coarse pictures."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graded_pictures import write_graded

from hipseg.data.convert import convert_images
from hipseg.data.datasets.graded import GradedDataset
from hipseg.data.image_store import ImageStore
from hipseg.data.joined_store import JoinedStore
from hipseg.data.sources.graded import GradedTable
from hipseg.data.stores import open_store
from hipseg.errors import HipsegError
from hipseg.io.limits import UNLIMITED
from hipseg.labels.grading import Grading
from hipseg.transforms.crop_augment import CropAugmentation

KL = ((0,), (2, 3, 4))


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("graded")
    for name, subjects in (("xray", 9), ("ct_ap", 3)):
        table = write_graded(folder / name, subjects)
        convert_images(
            GradedTable(subject="subject", dataset=name).find(table), folder / f"{name}.h5", None, UNLIMITED, 0
        )
    return folder / "xray.h5", folder / "ct_ap.h5"


def _dataset(stores: tuple[Path, ...], subset: Any = "train", **options: Any) -> GradedDataset:
    store: Any = open_store(stores)
    options = {"classes": ("normal", "bad"), "grades": KL, "pixels": 32, **options}
    return GradedDataset(store, list(store.samples["key"]), subset, 0, **options)


def test_doubtful_grades_are_left_out_and_others_have_their_class(stores: tuple[Path, Path]) -> None:
    dataset = _dataset(stores[:1])
    store = ImageStore(stores[0])
    kept = [dataset[index] for index in range(len(dataset))]
    assert len(kept) == int((store.grades != 1).sum())
    assert all(int(sample.target) == (float(sample.grade) >= 2) for sample in kept)
    assert {float(store.grades[int(sample.row)]) == float(sample.grade) for sample in kept} == {True}
    assert dataset.counts.tolist() == [int((store.grades == 0).sum()), int((store.grades >= 2).sum())]


def test_two_stores_are_read_as_one(stores: tuple[Path, Path]) -> None:
    both, second = open_store(stores), ImageStore(stores[1])
    assert isinstance(both, JoinedStore)
    first = len(ImageStore(stores[0]).samples)
    for row, key in enumerate(second.samples["key"]):
        assert both.rows_by_key[key] == first + row
        np.testing.assert_array_equal(both.image(first + row), second.image(row))
        assert both.grades[first + row] == second.grades[row]
        assert both.source_sha256(first + row) == second.source_sha256(row)


def test_a_store_joined_with_itself_is_refused(stores: tuple[Path, Path]) -> None:
    with pytest.raises(HipsegError, match="lies in two of its stores"):
        open_store((stores[0], stores[0]))


def test_a_mixture_draws_from_each_cohort_by_its_share(stores: tuple[Path, Path]) -> None:
    dataset = _dataset(stores, mix={"xray": 0.25, "ct_ap": 0.75})
    first = len(ImageStore(stores[0]).samples)
    drawn = Counter(
        int(dataset[(epoch, index)].row) >= first for epoch in range(40) for index in range(len(dataset))
    )  # fmt: skip
    assert abs(drawn[True] / sum(drawn.values()) - 0.75) < 0.05


def test_a_cohort_of_share_0_neither_trains_nor_validates_and_is_tested(stores: tuple[Path, Path]) -> None:
    first, mix = len(ImageStore(stores[0]).samples), {"xray": 0.0, "ct_ap": 1.0}
    for subset in ("train", "val"):
        dataset = _dataset(stores, subset, mix=mix)
        assert all(int(dataset[index].row) >= first for index in range(len(dataset)))
    tested = _dataset(stores, "test", mix=mix)
    assert len(tested) == int((open_store(stores).grades != 1).sum())  # type: ignore[union-attr]


def test_a_coarse_cohort_has_lost_its_detail_and_the_other_has_not(stores: tuple[Path, Path]) -> None:
    fine = _dataset(stores, "test", pixels=48)
    coarse = _dataset(stores, "test", pixels=48, coarse={"xray": 12})
    first = len(ImageStore(stores[0]).samples)
    for index in (0, len(fine) - 1):
        a, b = (np.asarray(dataset[index].image[0]) for dataset in (fine, coarse))
        rough_a, rough_b = (np.abs(np.diff(picture, axis=1)).mean() for picture in (a, b))
        assert (rough_b < 0.5 * rough_a) if int(fine[index].row) < first else (rough_b == rough_a)


def test_a_class_that_nothing_trains_is_refused_with_the_grades_there_are(stores: tuple[Path, Path]) -> None:
    with pytest.raises(
        HipsegError, match=r"no hip of class bad is there to train on; .* 0, 1, 2, 3, 4: choose grading="
    ):
        _dataset(stores[:1], grades=((0,), (7,)))


def test_an_unknown_cohort_is_named(stores: tuple[Path, Path]) -> None:
    with pytest.raises(HipsegError, match="it has no cohort 'mri'; the store's cohorts are ct_ap, xray"):
        _dataset(stores, mix={"mri": 1.0})


def test_augmentation_depends_on_epoch_and_sample_alone(stores: tuple[Path, Path]) -> None:
    dataset, again = (_dataset(stores[:1], augmentation=CropAugmentation()) for _ in range(2))
    np.testing.assert_array_equal(dataset[(3, 2)].image, again[(3, 2)].image)
    assert not np.array_equal(dataset[(3, 2)].image, dataset[(4, 2)].image)


@pytest.mark.parametrize(
    ("classes", "grades", "positive_from"),
    [
        (("a",), ((0,),), 1),
        (("a", "b"), ((0,), (0, 1)), 1),
        (("a", "b"), ((0,), ()), 1),
        (("a", "b"), ((0,), (1,)), 2),
        (("a", "a"), ((0,), (1,)), 1),
        (("a", "b"), ((0,), (1,), (2,)), 1),
    ],
)
def test_classes_that_are_none_are_refused(
    classes: tuple[str, ...], grades: tuple[tuple[float, ...], ...], positive_from: int
) -> None:
    with pytest.raises(HipsegError, match=r"data\.dataset\.(classes|grades)"):
        Grading(classes, grades, positive_from)
