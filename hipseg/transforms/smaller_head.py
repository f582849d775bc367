"""Femoral heads made smaller within their sockets, so that the gap between head and socket differs from hip to hip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from hipseg.geometry.arrays import Points
from hipseg.labels.circle import Circle

_CONTACT_DEG: Final = (-35.0, 15.0)  # from straight above the centre, medially, where head and socket stay as they are
_FADES: Final = 0.28  # of the distance from there; within a shorter way the image would fold
_NARROWEST: Final = 0.25  # of the head's radius
_STEPS: Final = 200  # of the way back, each of which leaves less than nine tenths of the error


@dataclass(frozen=True)
class SmallerHead:
    """A femoral head that shrinks towards a point of its own circle, and all around it follows less and less.

    The head keeps its shape. At the point nothing moves; the gap to the medial wall of the socket grows most.

    Attributes:
        head: In pixel-centre coordinates, before.
        size: Afterwards, as a share of before: 0.8 to 1.
        contact_deg: Where the point lies, from straight above the centre, medially.
    """

    head: Circle
    size: float
    contact_deg: float

    @property
    def contact(self) -> Points:
        """x, y of the point that stays."""
        angle = np.deg2rad(self.contact_deg)
        return self.head.centre + self.head.radius * np.array([np.sin(angle), -np.cos(angle)])

    @property
    def after(self) -> Circle:
        """The head's circle as it becomes."""
        x, y = self.contact + self.size * (self.head.centre - self.contact)
        return Circle(float(x), float(y), self.size * self.head.radius)

    def source(self, points: Points) -> Points:
        """Where (..., 2) points of the changed image, x then y, come from."""
        after = self.after
        from_contact = points - self.contact
        beyond = np.hypot(*np.moveaxis(points - after.centre, -1, 0)) - after.radius
        width = np.maximum(_NARROWEST * self.head.radius, _FADES * np.hypot(*np.moveaxis(from_contact, -1, 0)))
        follows = np.clip(1 - beyond / width, 0, 1)
        return np.asarray(points + follows[..., None] * from_contact * (1 / self.size - 1))

    def move(self, points: Points) -> Points:
        """Where (n, 2) points of the image lie in the changed one."""
        found = points
        for _ in range(_STEPS):
            found = found - (self.source(found) - points)
        return found

    def __call__(
        self, image: NDArray[np.float32], label: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """An image and its label map (rows, columns), changed alike."""
        part = self.head.around(2.0 * self.head.radius * (1 + _FADES), image.shape)
        y, x = np.mgrid[part].astype(np.float64)
        at = np.moveaxis(self.source(np.stack([x, y], axis=-1)), -1, 0)[::-1]
        changed, changed_label = image.copy(), label.copy()
        changed[part] = np.clip(map_coordinates(image, at, order=2, mode="nearest", output=np.float32), 0, 1)
        changed_label[part] = map_coordinates(label, at, order=0, mode="nearest")
        return changed, changed_label


def draw_smaller(head: Circle, most: float, rng: np.random.Generator) -> SmallerHead:
    """A head smaller by any share of its size up to one, at most 0.2."""
    return SmallerHead(head, 1 - float(rng.uniform(0, most)), float(rng.uniform(*_CONTACT_DEG)))
