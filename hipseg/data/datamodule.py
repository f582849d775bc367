"""Train, validation and test hips of a store and a split."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field as Range
from pytorch_lightning import LightningDataModule
from torch.utils.data import DataLoader

from hipseg.data.dataset import EpochSampler, HipDataset
from hipseg.data.exclusions import NOT_LOCATED
from hipseg.data.split import Subset, read_split, subset_samples
from hipseg.data.store import Store
from hipseg.errors import HipsegError
from hipseg.field import Field
from hipseg.labels.target import Target
from hipseg.labels.weight_map import WeightMap
from hipseg.sample import HipSample
from hipseg.transforms.augment import Augmentation, NoAugmentation


class HipDataModule(LightningDataModule):
    """The hips of one store, split by one table.

    Args:
        store: HDF5 file of `hipseg preprocess`.
        split: CSV file of `hipseg split`.
        field: The part of every image that the network sees.
        augmentation: Of training hips.
        target: What a loss compares with.
        weight: Where a loss counts.
        jitter_px: How far, at most, the field of training hips is moved, anew in every epoch.
        batch_size: Hips per step.
        workers: Processes that read; 0 reads in this one. Results do not depend on it.
        train_size: Use the first so many training hips; all if None.
        val_size: Likewise for validation.
        seed: Of shuffling and augmentation.

    Attributes:
        not_located: Test hips that a locator did not find, so that the store has nothing of them.

    Raises:
        HipsegError: If a file is missing or unfit, the split does not match, or the field lies beyond the images.
    """

    def __init__(
        self,
        store: Path,
        split: Path,
        field: Field,
        augmentation: Augmentation,
        target: Target,
        weight: WeightMap,
        jitter_px: Annotated[int, Range(ge=0)],
        batch_size: Annotated[int, Range(ge=1)],
        workers: Annotated[int, Range(ge=0)],
        train_size: Annotated[int, Range(ge=1)] | None,
        val_size: Annotated[int, Range(ge=1)] | None,
        seed: Annotated[int, Range(ge=0)],
    ) -> None:
        super().__init__()
        self.store = Store(store)
        self.field = field
        self._target, self._weight_map, self._jitter_px = target, weight, jitter_px
        self._augmentation, self._batch_size, self._workers, self._seed = augmentation, batch_size, workers, seed
        shape = self.store.preprocessing["rows"], self.store.preprocessing["columns"]
        if not field.fits(shape):
            raise HipsegError(f"data.field: rows {field.window[0]} and columns {field.window[1]} exceed {shape}")
        table = read_split(Path(split), self.store.samples)
        stored = self.store.samples
        lost = table["sample"].isin(stored.loc[stored["reason"] == NOT_LOCATED, "key"])
        self.not_located = subset_samples(table[lost], "test", None)
        table = table[~lost]
        self.samples: dict[Subset, list[str]] = {
            "train": subset_samples(table, "train", train_size),
            "val": subset_samples(table, "val", val_size),
            "test": subset_samples(table, "test", None),
        }

    def require(self, *subsets: Subset) -> None:
        """Refuse a split that leaves one of these subsets empty.

        Raises:
            HipsegError: Naming it.
        """
        for subset in subsets:
            if not self.samples[subset]:
                raise HipsegError(f"data.split: it has no {subset} samples; make one with a larger share or cohort")

    def _loader(self, subset: Subset, augmentation: Augmentation, jitter_px: int = 0) -> DataLoader[HipSample]:
        dataset = HipDataset(
            self.store,
            self.samples[subset],
            self.field,
            augmentation,
            self._target,
            self._weight_map,
            jitter_px,
            self._seed,
        )
        options: dict[str, Any] = {"persistent_workers": True} if self._workers else {}
        return DataLoader(
            dataset,
            batch_size=self._batch_size,
            sampler=EpochSampler(len(dataset), subset == "train", self._seed),
            num_workers=self._workers,
            pin_memory=torch.cuda.is_available(),
            **options,
        )

    def train_dataloader(self) -> DataLoader[HipSample]:
        """Shuffled and augmented."""
        return self._loader("train", self._augmentation, self._jitter_px)

    def val_dataloader(self) -> DataLoader[HipSample]:
        """In order."""
        return self._loader("val", NoAugmentation())

    def test_dataloader(self) -> DataLoader[HipSample]:
        """In order."""
        return self._loader("test", NoAugmentation())
