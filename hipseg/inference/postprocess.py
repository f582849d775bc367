"""What a network says of a hip, without the specks that belong to none of its bones."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, distance_transform_edt, find_objects, label
from torch import Tensor

from hipseg.geometry.arrays import largest_of

_SPECK: Final = 0.15  # of the largest part's pixels; a second hip, or a roof torn off, is larger
_NEAR_PX: Final = 6  # pieces so close to the largest part belong to it
_FRINGE_PX: Final = 3  # about a speck, where its probability fades


def without_specks(probabilities: Tensor) -> Tensor:
    """Probabilities in which small parts that lie apart from the hip are background.

    Args:
        probabilities: (B, labels, ...), the background first.
    """
    labels = probabilities.argmax(dim=1).cpu().numpy()
    for said, seen in zip(probabilities, labels, strict=True):
        specks = find_specks(seen > 0)
        if specks is not None:
            where = torch.from_numpy(specks).to(said.device)
            said[:, where] = 0
            said[0, where] = 1
    return probabilities


class WithoutSpecks:
    """See `without_specks`."""

    def __call__(self, probabilities: Tensor) -> Tensor:
        """(B, labels, ...) probabilities, the background first."""
        return without_specks(probabilities)


class LargestComponents:
    """Of some labels only the largest part is kept; the rest is the next most probable label's.

    Args:
        labels: Their numbers.
    """

    def __init__(self, labels: list[int]) -> None:
        self.labels = tuple(labels)

    def __call__(self, probabilities: Tensor) -> Tensor:
        """(B, labels, ...) probabilities, the background first, changed where smaller parts are."""
        for said in probabilities:
            # What one label gives up can be a smaller part of another.
            while any([self._keep_largest(said, number) for number in self.labels]):
                continue
        return probabilities

    @staticmethod
    def _keep_largest(said: Tensor, number: int) -> bool:
        """Whether a label had smaller parts, which it has no more."""
        found = (said.argmax(dim=0) == number).cpu().numpy()
        parts, count = label(found)
        if count < 2:
            return False
        largest = largest_of(parts)
        said[number, torch.from_numpy((parts != largest) & found).to(said.device)] = 0
        return True


def find_specks(seen: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """Where small parts of a mask lie apart from its largest, with a fringe; None if there are none.

    Args:
        seen: Any shape, True where any label but the background is.
    """
    parts, count = label(seen, structure=np.ones((3,) * seen.ndim))
    if count < 2:
        return None
    sizes = np.bincount(parts.ravel())[1:]
    largest = int(sizes.argmax())
    small = [i for i in np.flatnonzero(sizes < _SPECK * sizes[largest])]
    if not small:
        return None
    distance = distance_transform_edt(parts != largest + 1)
    places = find_objects(parts)
    apart = [i + 1 for i in small if distance[places[i]][parts[places[i]] == i + 1].min() > _NEAR_PX]
    if not apart:
        return None
    specks = np.isin(parts, apart)
    fringe = binary_dilation(specks, iterations=_FRINGE_PX) & (parts == 0)
    return np.asarray(specks | fringe)
