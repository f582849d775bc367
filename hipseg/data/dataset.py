"""Hips out of a store, one typed sample each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset, Sampler

from hipseg.data.store import Store
from hipseg.field import Field
from hipseg.labels.curves import CURVE_FUNCTIONS
from hipseg.labels.label_map import HipOutlines, hip_outlines
from hipseg.labels.target import Target
from hipseg.labels.weight_map import WeightMap
from hipseg.sample import HipSample
from hipseg.transforms.augment import Augmentation
from hipseg.transforms.intensity import UINT16_MAX

_IGNORED: Final = np.uint8(0x80)
_SEEN: Final = np.uint8(0x40)  # not come in from outside

Draw = tuple[int, int]
"""Epoch and index: augmentation depends on both, and on no worker's state."""


def read_image(store: Store, row: int, field: Field, mirror: bool) -> NDArray[np.float32]:
    """The field (rows, columns) of a stored image, in [0, 1]."""
    image = field.cut(store.image(row), mirror).astype(np.float32)
    image /= np.float32(UINT16_MAX)
    return image


class EpochSampler(Sampler[Draw]):
    """Indices in order, or shuffled anew in every epoch by the seed alone; of several processes each takes its share.

    Processes that train take equally many, for they wait for each other at every step: the first few indices come
    again at the end. Otherwise every index comes once.

    Args:
        count: How many there are.
        training: Whether they are shuffled and shared out evenly.
        seed: Of the shuffling.
    """

    def __init__(self, count: int, training: bool, seed: int) -> None:
        self._count, self._training, self._seed, self._epoch = count, training, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before every epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._share())

    def __iter__(self) -> Iterator[Draw]:
        order = np.arange(self._count)
        if self._training:
            np.random.default_rng([self._seed, self._epoch]).shuffle(order)
        return iter([(self._epoch, int(order[place])) for place in self._share()])

    def _share(self) -> NDArray[np.int64]:
        """This process' places in the order of all."""
        rank, processes = 0, 1
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            rank, processes = torch.distributed.get_rank(), torch.distributed.get_world_size()
        end = -(-self._count // processes) * processes if self._training else self._count
        return np.arange(rank, end, processes) % max(self._count, 1)


class HipDataset(Dataset[HipSample]):
    """The hips of one subset, all as right hips.

    Args:
        store: Where they lie.
        samples: Their keys.
        field: What is seen of them.
        augmentation: Applied to every sample, seeded by seed, epoch and the hip's row.
        target: What a loss compares with.
        weight_map: Where a loss counts.
        jitter_px: How far, at most, the field is moved up, down, left and right, drawn anew for every sample and epoch.
        seed: Of augmentation and jitter.
    """

    def __init__(
        self,
        store: Store,
        samples: Sequence[str],
        field: Field,
        augmentation: Augmentation,
        target: Target,
        weight_map: WeightMap,
        jitter_px: int,
        seed: int,
    ) -> None:
        self._store, self._field, self._augmentation, self._seed = store, field, augmentation, seed
        self._target, self._weight_map, self._jitter_px = target, weight_map, jitter_px
        self._curves = CURVE_FUNCTIONS[store.preprocessing["curves"]]
        rows = store.rows_by_key
        self.rows = np.array([rows[sample] for sample in samples], dtype=np.int64)
        self._mirror = store.samples["mirror"].to_numpy()
        self._spacing = store.films["spacing_mm"].to_numpy()[store.image_rows]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, draw: Draw | int) -> HipSample:
        epoch, index = draw if isinstance(draw, tuple) else (0, draw)
        row = int(self.rows[index])
        mirror = bool(self._mirror[row])
        whole = self._store.label(row)
        rng = np.random.default_rng([self._seed, epoch, row])
        field = self._field
        if self._jitter_px:
            down, right = rng.integers(-self._jitter_px, self._jitter_px + 1, 2)
            field = field.moved(int(down), int(right), whole.shape)
        label = field.cut(whole, mirror).astype(np.uint8)
        image = read_image(self._store, row, field, mirror)
        count = len(self._store.label_names)
        outside = np.bincount(whole.ravel(), minlength=count) - np.bincount(label.ravel(), minlength=count)
        outside[0] = 0  # background beyond the field is taken as found
        landmarks = field.from_stored(self._store.landmarks(row), mirror, whole.shape[1])
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
            corner=torch.tensor([field.row, field.column]),
            spacing_mm=torch.tensor(self._spacing[row]),
            row=torch.tensor(row),
        )
