"""Patches of images of any size, drawn anew in every epoch; whole images to test."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Annotated, Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor
from torch.utils.data import Dataset

from hipseg.data.datasets.patch_cases import CaseInMemory, CaseInStore, PatchCase, cut_patch, draw_centre
from hipseg.data.image_store import ImageStore
from hipseg.data.sampler import Draw
from hipseg.data.split import Subset
from hipseg.data.store import Store
from hipseg.data.stores import AnyStore, image_and_label, stored_channels, stored_size
from hipseg.errors import HipsegError
from hipseg.transforms.patch_augment import PatchAugmentation
from hipseg.transforms.prepare_image import (
    NORMALISATIONS,
    POINTWISE,
    Image,
    Normalisation,
    label_shares,
    planned_size,
    prepare_image,
    prepare_label,
    resize,
    with_background,
)

_MOST_IN_STORE: Final = 1000  # cases whose labels' places are kept, where patches alone are read


class PatchSample(NamedTuple):
    """A patch or a whole image, or a batch of them with one more axis in front.

    Attributes:
        image: (C, ...) float32, standardised.
        label: (...) uint8; of a whole image at its own size.
        target: The same; or (labels, ...) float32 shares that sum to 1.
        weight: (...) uint8, 1 everywhere: every pixel counts.
        outside: (labels,) int64, all 0: nothing is cropped away.
        row: The sample's row in the store.
    """

    image: Tensor
    label: Tensor
    target: Tensor
    weight: Tensor
    outside: Tensor
    row: Tensor


class PatchDataset(Dataset[PatchSample]):
    """The images of one subset, resampled to one spacing and standardised.

    Training gives patches about random places, some of them about a label (Isensee et al., Nature Methods 2021);
    validation gives patches that are the same in every epoch; a test gives whole images, their label maps as stored.

    Args:
        store: Where they lie; a store of images, or of hips, which then are seen whole.
        samples: Their keys.
        subset: Whose they are.
        seed: Of everything drawn.
        spacing_mm: To which images are resampled, an axis each.
        patch: Pixels, an axis each.
        patches_per_epoch: Training patches.
        val_patches: Validation patches.
        foreground: Share of training patches about a pixel of a label, each label as often as another.
        augmentation: Of training patches; nothing if None.
        normalisation: `zscore`, every image and channel to mean 0 and standard deviation 1; or `hounsfield`, of CT.
        cache: Prepared images kept in memory, in each process. If 0, of images that are not resampled, and scaled
            alike (`hounsfield`), no more than patches is read.
        shares: Whether a loss compares with the share of each pixel that every label covers, not with the label that
            covers most of it. Surfaces then lie where they are to a fraction of a pixel, though images be resampled.

    Raises:
        HipsegError: If the images have another number of axes.
    """

    unit = "cases"
    in_training_only = ("patches_per_epoch", "val_patches", "foreground", "augmentation", "cache", "shares")

    def __init__(
        self,
        store: AnyStore,
        samples: Sequence[str],
        subset: Subset,
        seed: int,
        *,
        spacing_mm: tuple[Annotated[float, Field(gt=0)], ...],
        patch: tuple[Annotated[int, Field(ge=4)], ...],
        patches_per_epoch: Annotated[int, Field(ge=1)] = 1,
        val_patches: Annotated[int, Field(ge=1)] = 1,
        foreground: Annotated[float, Field(ge=0, le=1)] = 0.0,
        augmentation: PatchAugmentation | None = None,
        normalisation: Normalisation = "zscore",
        cache: Annotated[int, Field(ge=0)] = 0,
        shares: bool = False,
    ) -> None:
        self._store, self._subset, self._seed = store, subset, seed
        self._spacing, self._patch, self._normalisation = tuple(spacing_mm), tuple(patch), normalisation
        self._count = {"train": patches_per_epoch, "val": val_patches, "test": len(samples)}[subset]
        self._foreground = foreground if subset != "test" else 0.0
        self._augmentation = augmentation if subset == "train" else None
        self._shares = shares
        self._rows = [store.rows_by_key[sample] for sample in samples]
        _require_masks(store, self._rows)
        self._kept: OrderedDict[int, PatchCase] = OrderedDict()
        self._most_kept = cache
        for row in self._rows[:1]:
            axes = len(stored_size(store, row))
            if not axes == len(self._patch) == len(self._spacing):
                said = f"the images have {axes} axes, the patch {len(self._patch)}, the spacing {len(self._spacing)}"
                raise HipsegError(f"data.dataset: {said}; plan for this store with 'hipseg plan'")

    @property
    def one_by_one(self) -> bool:
        """Whether samples differ in size, so that a batch holds one."""
        return self._subset == "test"

    @property
    def training_size(self) -> tuple[int, ...]:
        """Pixels of what a network is trained on, an axis each."""
        return self._patch

    def describe_input(self) -> dict[str, Any]:
        """What a checkpoint says of the images that its network takes."""
        channels = stored_channels(self._store, self._rows[0]) if self._rows else 1
        return {"channels": channels, "size": None, "range": None}

    def seen_of(self, sample: str) -> tuple[tuple[int, ...], tuple[float, ...]]:
        """Pixels and millimetres per pixel of a sample, an axis each."""
        row = self._store.rows_by_key[sample]
        return stored_size(self._store, row), self._store.spacing_mm(row)

    def shown(self, sample: str) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """A sample's first channel and label map, as stored."""
        image, label = image_and_label(self._store, self._store.rows_by_key[sample])
        return image[0].astype(np.float32), label

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, draw: Draw | int) -> PatchSample:
        epoch, index = draw if isinstance(draw, tuple) else (0, draw)
        if self._subset == "test":
            row = self._rows[index]
            image, label = image_and_label(self._store, row)
            return self._sample(self._image(image, row), label.copy(), None, row)
        rng = np.random.default_rng([self._seed, epoch if self._subset == "train" else 0, index])
        row = self._rows[int(rng.integers(len(self._rows)))]
        case = self._case(row)
        centre = draw_centre(case, self._patch, rng, about_label=rng.random() < self._foreground)
        matrix = np.eye(len(self._patch))
        if self._augmentation is not None:
            matrix = self._augmentation.draw_matrix(len(self._patch), rng)
        labels = len(self._store.label_names) if self._shares else None
        image, told = cut_patch(case, centre, matrix, self._patch, labels)
        if self._augmentation is not None:
            image = self._augmentation.change_grey_values(image, rng)
        if labels is None:
            return self._sample(image, told, None, row)
        return self._sample(image, told.argmax(axis=0).astype(np.uint8), told, row)

    def _sample(
        self, image: NDArray[np.float32], label: NDArray[np.uint8], shares: NDArray[np.float32] | None, row: int
    ) -> PatchSample:
        found = torch.from_numpy(np.ascontiguousarray(label))
        return PatchSample(
            image=torch.from_numpy(np.ascontiguousarray(image)),
            label=found,
            target=found if shares is None else torch.from_numpy(shares),
            weight=torch.ones(label.shape, dtype=torch.uint8),
            outside=torch.zeros(len(self._store.label_names), dtype=torch.int64),
            row=torch.tensor(row),
        )

    def _image(self, pixels: NDArray[Any], row: int) -> Image:
        return prepare_image(pixels, self._store.spacing_mm(row), self._spacing, self._normalisation)

    def _case(self, row: int) -> PatchCase:
        if row in self._kept:
            self._kept.move_to_end(row)
            return self._kept[row]
        in_store = None if self._most_kept else self._case_in_store(row)
        case, most = in_store or self._case_in_memory(row), _MOST_IN_STORE if in_store else self._most_kept
        if most:
            self._kept[row] = case
            if len(self._kept) > most:
                self._kept.popitem(last=False)
        return case

    def _case_in_memory(self, row: int) -> PatchCase:
        image, label = image_and_label(self._store, row)
        spacing, labels = self._store.spacing_mm(row), len(self._store.label_names)
        prepared, size = self._image(image, row), planned_size(label.shape, spacing, self._spacing)
        if not self._shares or size == label.shape:  # shares of whole pixels follow from the label map
            return CaseInMemory(prepared, prepare_label(label, labels, spacing, self._spacing), row)
        shares = resize(label_shares(label, labels), size)
        return CaseInMemory(prepared, with_background(shares).argmax(axis=0).astype(np.uint8), row, shares)

    def _case_in_store(self, row: int) -> PatchCase | None:
        """None where a part of the prepared image is not the part, prepared: it is resampled or scaled as a whole."""
        store, scale = self._store, NORMALISATIONS[self._normalisation]
        if self._normalisation not in POINTWISE or not isinstance(store, ImageStore):
            return None
        size = store.size(row)
        if planned_size(size, store.spacing_mm(row), self._spacing) != size:
            return None
        return CaseInStore(
            size,
            row,
            lambda part: scale(store.image(row, part).astype(np.float32)),
            lambda part: store.label(row, part),
        )


def _require_masks(store: AnyStore, rows: Sequence[int]) -> None:
    """Refuse images without a mask, or of unknown spacing.

    Raises:
        HipsegError: Saying how many.
    """
    if isinstance(store, Store):
        return
    if bare := int((~store.labelled[rows]).sum()):
        said = f"{bare} of its {len(rows)} images have a grade and no mask"
        raise HipsegError(f"data.store: {said}; train on grades with experiment=osteoarthritis")
    if any(np.isnan(store.spacing_mm(row)).any() for row in rows):
        raise HipsegError("data.store: it holds images of unknown spacing; convert them with spacing_mm=[DOWN,ACROSS]")
