"""Train, validation and test samples of a store and a split, for every kind of dataset."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Protocol

import torch
from pydantic import Field as Range
from pytorch_lightning import LightningDataModule
from torch.utils.data import DataLoader, Dataset

from hipseg.data.exclusions import NOT_LOCATED
from hipseg.data.sampler import EpochSampler
from hipseg.data.split import Fold, Subset, choose_fold, read_split, subset_samples
from hipseg.data.stores import open_store
from hipseg.errors import HipsegError


class DatasetFactory(Protocol):
    """A kind of dataset but for what it is made of: a class such as `hipseg.data.datasets.hips.HipDataset`."""

    def __call__(self, store: Any, samples: Sequence[str], subset: Subset, seed: int) -> Dataset[Any]:
        """The samples of one subset of a store, by their keys."""


class StoreDataModule(LightningDataModule):
    """The samples of one store, split by one table.

    Args:
        store: HDF5 file of `hipseg preprocess` or `convert`; several of images are taken as one.
        split: CSV file of `hipseg split`.
        dataset: What kind of samples they are made into.
        batch_size: Samples per step.
        workers: Processes that read; 0 reads in this one. Results do not depend on it.
        train_size: Use the first so many training samples; all if None.
        val_size: Likewise for validation.
        seed: Of shuffling and augmentation.
        fold: Of the split, which validates while the others train; `all` trains on everything that does not test.

    Attributes:
        missing: Keys of test samples that the store has nothing of, as hips that no localiser found.

    Raises:
        HipsegError: If a file is missing or unfit, the split does not match, or the store is of another kind.
    """

    def __init__(
        self,
        store: Path | tuple[Path, ...],
        split: Path,
        dataset: DatasetFactory,
        batch_size: Annotated[int, Range(ge=1)],
        workers: Annotated[int, Range(ge=0)],
        train_size: Annotated[int, Range(ge=1)] | None,
        val_size: Annotated[int, Range(ge=1)] | None,
        seed: Annotated[int, Range(ge=0)],
        fold: Fold = None,
    ) -> None:
        super().__init__()
        self.store = open_store(store)
        self._factory, self._batch_size, self._workers, self._seed = dataset, batch_size, workers, seed
        table = read_split(Path(split), self.store.samples)
        stored = self.store.samples
        lost = table["sample"].isin(stored.loc[stored["reason"] == NOT_LOCATED, "key"])
        self.missing = subset_samples(table[lost], "test", None)
        table = choose_fold(table[~lost], fold)
        self.samples: dict[Subset, list[str]] = {
            "train": subset_samples(table, "train", train_size),
            "val": subset_samples(table, "val", val_size),
            "test": subset_samples(table, "test", None),
        }
        self.test_dataset = self.dataset("test")

    def require(self, *subsets: Subset) -> None:
        """Refuse a split that leaves one of these subsets empty.

        Raises:
            HipsegError: Naming it.
        """
        for subset in subsets:
            if not self.samples[subset]:
                raise HipsegError(f"data.split: it has no {subset} samples; make one with a larger share or cohort")

    def dataset(self, subset: Subset) -> Any:
        """The samples of a subset."""
        return self._factory(self.store, self.samples[subset], subset, self._seed)

    def _loader(self, dataset: Dataset[Any], training: bool) -> DataLoader[Any]:
        options: dict[str, Any] = {"persistent_workers": True} if self._workers else {}
        return DataLoader(
            dataset,
            batch_size=1 if getattr(dataset, "one_by_one", False) else self._batch_size,
            sampler=EpochSampler(len(dataset), training, self._seed),  # type: ignore[arg-type]
            num_workers=self._workers,
            pin_memory=torch.cuda.is_available(),
            **options,
        )

    def train_dataloader(self) -> DataLoader[Any]:
        """Shuffled and augmented."""
        return self._loader(self.dataset("train"), training=True)

    def val_dataloader(self) -> DataLoader[Any]:
        """In order."""
        return self._loader(self.dataset("val"), training=False)

    def test_dataloader(self) -> DataLoader[Any]:
        """In order."""
        return self._loader(self.test_dataset, training=False)
