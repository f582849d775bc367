"""Which samples come when: by seed and epoch alone, whatever processes read them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Sampler

Draw = tuple[int, int]
"""Epoch and index: augmentation depends on both, and on no worker's state."""


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
