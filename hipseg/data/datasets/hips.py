"""Hips out of a store, one typed sample each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field as Range
from torch.utils.data import Dataset

from hipseg.data.sampler import Draw
from hipseg.data.split import Subset
from hipseg.data.store import Store
from hipseg.errors import HipsegError
from hipseg.geometry.crop import Crop
from hipseg.labels.curves import CURVE_FUNCTIONS
from hipseg.labels.label_map import HipOutlines, hip_outlines
from hipseg.labels.target import Target, hard_target
from hipseg.labels.weight_map import WeightMap, everywhere
from hipseg.sample import HipSample
from hipseg.transforms.augment import Augmentation, NoAugmentation
from hipseg.transforms.intensity import UINT16_MAX

_IGNORED: Final = np.uint8(0x80)
_SEEN: Final = np.uint8(0x40)  # not come in from outside


def read_image(store: Store, row: int, crop: Crop, mirror: bool) -> NDArray[np.float32]:
    """The crop (rows, columns) of a stored image, in [0, 1]."""
    image = crop.cut(store.image(row), mirror).astype(np.float32)
    image /= np.float32(UINT16_MAX)
    return image


class HipDataset(Dataset[HipSample]):
    """The hips of one subset, all as right hips.

    Args:
        store: Where they lie.
        samples: Their keys.
        subset: Whose they are; only training hips are changed and moved.
        seed: Of augmentation and jitter.
        crop: What is seen of them.
        augmentation: Applied to training hips, seeded by seed, epoch and the hip's row; nothing if None.
        labels_for_loss: What a loss compares with; the label map if None.
        loss_mask: Where a loss counts; everywhere if None.
        crop_jitter_px: How far, at most, the crop of training hips is moved up, down, left and right, drawn anew for
            every sample and epoch.

    Raises:
        HipsegError: If the store holds no hips, or the crop lies beyond its images.
    """

    unit = "hips"
    one_by_one = False
    in_training_only = ("augmentation", "labels_for_loss", "loss_mask", "crop_jitter_px")

    def __init__(
        self,
        store: Store,
        samples: Sequence[str],
        subset: Subset,
        seed: int,
        *,
        crop: Crop,
        augmentation: Augmentation | None = None,
        labels_for_loss: Target | None = None,
        loss_mask: WeightMap | None = None,
        crop_jitter_px: Annotated[int, Range(ge=0)] = 0,
    ) -> None:
        if not isinstance(store, Store):
            raise HipsegError(f"data.store: {store.path} holds no hips with landmarks; choose another dataset=")
        shape = store.preprocessing["rows"], store.preprocessing["columns"]
        if not crop.fits(shape):
            raise HipsegError(f"data.dataset.crop: rows {crop.window[0]} and columns {crop.window[1]} exceed {shape}")
        training = subset == "train"
        self._store, self.crop, self._seed = store, crop, seed
        self._augmentation = (augmentation if training else None) or NoAugmentation()
        self._target, self._weight_map = labels_for_loss or hard_target, loss_mask or everywhere
        self._jitter_px = crop_jitter_px if training else 0
        self._curves = CURVE_FUNCTIONS[store.preprocessing["curves"]]
        rows = store.rows_by_key
        self.rows = np.array([rows[sample] for sample in samples], dtype=np.int64)
        self._mirror = store.samples["mirror"].to_numpy()
        self._spacing = store.films["spacing_mm"].to_numpy()[store.image_rows]

    @property
    def training_size(self) -> tuple[int, int]:
        """Rows and columns of what a network is trained on."""
        return self.crop.rows, self.crop.columns

    def describe_input(self) -> dict[str, Any]:
        """What a checkpoint says of the images that its network takes."""
        return {"channels": 1, "size": list(self.training_size), "range": [0.0, 1.0]}

    def seen_of(self, sample: str) -> tuple[tuple[int, int], float]:
        """Rows and columns, and millimetres per pixel, of what would be seen of a hip that is not in the store."""
        return self.training_size, float(self._store.preprocessing["spacing_mm"])

    def shown(self, sample: str) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """The image (rows, columns) of a hip in [0, 1] and its label map, as the network sees them."""
        row = self._store.rows_by_key[sample]
        mirror = bool(self._mirror[row])
        label = self.crop.cut(self._store.label(row), mirror).astype(np.uint8)
        return read_image(self._store, row, self.crop, mirror), label

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, draw: Draw | int) -> HipSample:
        epoch, index = draw if isinstance(draw, tuple) else (0, draw)
        row = int(self.rows[index])
        mirror = bool(self._mirror[row])
        whole = self._store.label(row)
        rng = np.random.default_rng([self._seed, epoch, row])
        crop = self.crop
        if self._jitter_px:
            down, right = rng.integers(-self._jitter_px, self._jitter_px + 1, 2)
            crop = crop.moved(int(down), int(right), whole.shape)
        label = crop.cut(whole, mirror).astype(np.uint8)
        image = read_image(self._store, row, crop, mirror)
        count = len(self._store.label_names)
        outside = np.bincount(whole.ravel(), minlength=count) - np.bincount(label.ravel(), minlength=count)
        outside[0] = 0  # background beyond the field is taken as found
        landmarks = crop.from_stored(self._store.landmarks(row), mirror, whole.shape[1])
        counts = self._weight_map(landmarks, label.shape)
        # One byte carries all three through whatever moves the label map.
        marked = label | _SEEN | np.where(counts, np.uint8(0), _IGNORED)
        image, marked, move = self._augmentation(image, marked, rng)
        label = np.ascontiguousarray(marked & ~(_IGNORED | _SEEN))

        def outlines() -> HipOutlines:
            # They close along rows and columns: they turn with the hip, and can't be drawn from turned landmarks.
            return HipOutlines(*map(move, hip_outlines(landmarks, self._curves)))

        target = self._target(label, marked & _SEEN > 0, outlines)
        return HipSample(
            image=torch.from_numpy(np.ascontiguousarray(image))[None],
            label=torch.from_numpy(label),
            target=torch.from_numpy(target),
            weight=torch.from_numpy((marked & _IGNORED == 0).astype(np.uint8)),
            outside=torch.from_numpy(outside),
            corner=torch.tensor([crop.row, crop.column]),
            spacing_mm=torch.tensor(self._spacing[row]),
            row=torch.tensor(row),
        )
