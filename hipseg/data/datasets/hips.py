"""Hips out of a store, one typed sample each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field as Range
from torch import Tensor
from torch.utils.data import Dataset

from hipseg.data.sampler import Draw
from hipseg.data.split import Subset
from hipseg.data.store import Store
from hipseg.errors import HipsegError
from hipseg.geometry.crop import Crop, HeadCrop
from hipseg.labels.circle import head_circle
from hipseg.labels.curves import CURVE_FUNCTIONS
from hipseg.labels.label_map import HipOutlines, hip_outlines
from hipseg.labels.landmarks import Points, mirror_columns
from hipseg.labels.target import Target, hard_target
from hipseg.labels.weight_map import WeightMap, everywhere
from hipseg.sample import HipSample
from hipseg.transforms.augment import Augmentation, NoAugmentation
from hipseg.transforms.intensity import UINT16_MAX, Intensity
from hipseg.transforms.overview import OverviewAugmentation, glance_at, to_overview
from hipseg.transforms.smaller_head import draw_smaller

_IGNORED: Final = np.uint8(0x80)
_SEEN: Final = np.uint8(0x40)  # not come in from outside


def read_image(
    store: Store, row: int, crop: Crop, mirror: bool, intensity: Intensity | None = None
) -> NDArray[np.float32]:
    """The crop (rows, columns) of a stored image, in [0, 1]: its whole range, or what an intensity makes of it."""
    image = crop.cut(store.image(row), mirror).astype(np.float32)
    image /= np.float32(UINT16_MAX)
    return image if intensity is None else intensity.of_film(image, store.quantiles(row))


class HipDataset(Dataset[HipSample]):
    """The hips of one subset, all as right hips.

    Args:
        store: Where they lie.
        samples: Their keys.
        subset: Whose they are; only training hips are changed and moved.
        seed: Of augmentation and jitter.
        crop: What is seen of them: one window of the stored image, or one around each head. Then a test shows whole
            images, on which the heads are to be found.
        intensity: What is made of their grey values.
        augmentation: Applied to training hips, seeded by seed, epoch and the hip's row; nothing if None.
        labels_for_loss: What a loss compares with; the label map if None.
        loss_mask: Where a loss counts; everywhere if None.
        overview_augmentation: Of whole films as what finds heads learns them; nothing if None.
        crop_jitter_px: How far, at most, the crop of training hips is moved up, down, left and right, drawn anew for
            every sample and epoch.
        margin_px: What augmentation is given beyond the crop on every side, so that a hip that is made smaller is not
            surrounded by nothing.
        smaller_head: By what share, at most, training heads are made smaller in their sockets.

    Raises:
        HipsegError: If the store holds no hips, or the crop lies beyond its images.
    """

    unit = "hips"
    one_by_one = False
    in_training_only = (
        "augmentation",
        "overview_augmentation",
        "labels_for_loss",
        "loss_mask",
        "crop_jitter_px",
        "margin_px",
        "smaller_head",
    )

    def __init__(
        self,
        store: Store,
        samples: Sequence[str],
        subset: Subset,
        seed: int,
        *,
        crop: Crop | HeadCrop,
        intensity: Intensity,
        augmentation: Augmentation | None = None,
        labels_for_loss: Target | None = None,
        loss_mask: WeightMap | None = None,
        overview_augmentation: OverviewAugmentation | None = None,
        crop_jitter_px: Annotated[int, Range(ge=0)] = 0,
        margin_px: Annotated[int, Range(ge=0)] = 0,
        smaller_head: Annotated[float, Range(ge=0, le=0.2)] = 0.0,
    ) -> None:
        if not isinstance(store, Store):
            raise HipsegError(f"data.store: {store.path} holds no hips with landmarks; choose another dataset=")
        shape = store.preprocessing["rows"], store.preprocessing["columns"]
        if isinstance(crop, Crop) and not crop.fits(shape):
            raise HipsegError(f"data.dataset.crop: rows {crop.window[0]} and columns {crop.window[1]} exceed {shape}")
        training = subset == "train"
        self._store, self._chosen, self._intensity, self._seed = store, crop, intensity, seed
        self._follows = isinstance(crop, HeadCrop) and subset != "test"
        self.crop = crop if isinstance(crop, Crop) else Crop(0, 0, *shape)
        self._overview_augmentation = overview_augmentation if training else None
        self._augmentation = (augmentation if training else None) or NoAugmentation()
        self._target, self._weight_map = labels_for_loss or hard_target, loss_mask or everywhere
        self._smaller_head = smaller_head if training else 0.0
        self._jitter_px, self._margin_px = (crop_jitter_px, margin_px) if training else (0, 0)
        self._curves = CURVE_FUNCTIONS[store.preprocessing["curves"]]
        rows = store.rows_by_key
        self.rows = np.array([rows[sample] for sample in samples], dtype=np.int64)
        self._mirror = store.samples["mirror"].to_numpy()
        self._spacing = store.films["spacing_mm"].to_numpy()[store.image_rows]

    @property
    def finds_heads(self) -> bool:
        """Whether windows follow the heads, which a test then has to find."""
        return isinstance(self._chosen, HeadCrop)

    @property
    def training_size(self) -> tuple[int, int]:
        """Rows and columns of what a network is trained on."""
        return self._chosen.rows, self._chosen.columns

    def describe_input(self) -> dict[str, Any]:
        """What a checkpoint says of the images that its network takes."""
        fixed = isinstance(self._chosen, Crop)
        return {"channels": 1, "size": list(self.training_size) if fixed else None, "range": [0.0, 1.0]}

    def seen_of(self, sample: str) -> tuple[tuple[int, int], float]:
        """Rows and columns, and millimetres per pixel, of what would be seen of a hip that is not in the store."""
        return (self.crop.rows, self.crop.columns), float(self._store.preprocessing["spacing_mm"])

    def shown(self, sample: str) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """The image (rows, columns) of a hip in [0, 1] and its label map, as they are given to what is tested."""
        row = self._store.rows_by_key[sample]
        mirror = bool(self._mirror[row])
        label = self.crop.cut(self._store.label(row), mirror).astype(np.uint8)
        image = self._read(row, self.crop, mirror)
        return image if self.finds_heads else self._window(image, row), label

    def _window(self, image: NDArray[np.float32], row: int, margin: int = 0) -> NDArray[np.float32]:
        spacing_mm = float(self._spacing[row])
        x, y = self._chosen.head_at(spacing_mm)
        return self._intensity.of_window(image, (x + margin, y + margin), spacing_mm)

    def _read(self, row: int, crop: Crop, mirror: bool) -> NDArray[np.float32]:
        return read_image(self._store, row, crop, mirror, self._intensity)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, draw: Draw | int) -> HipSample:
        epoch, index = draw if isinstance(draw, tuple) else (0, draw)
        row = int(self.rows[index])
        mirror = bool(self._mirror[row])
        whole = self._store.label(row)
        rng = np.random.default_rng([self._seed, epoch, row])
        landmarks = mirror_columns(self._store.landmarks(row), whole.shape[1]) if mirror else self._store.landmarks(row)
        head = head_circle(landmarks) if self._follows or self._smaller_head else None
        crop, film, glance = self.crop, None, dict[str, Tensor]()
        if head is not None and self._follows and isinstance(self._chosen, HeadCrop):
            film = self._read(row, self.crop, mirror)
            glance = self._glance(film, head.centre, row, rng)
            crop = self._chosen.around(head.x, head.y, float(self._spacing[row]))
        if self._jitter_px:
            down, right = (int(step) for step in rng.integers(-self._jitter_px, self._jitter_px + 1, 2))
            crop = crop.shifted(down, right) if film is not None else crop.moved(down, right, whole.shape)
        around, margin = crop.grown(self._margin_px), self._margin_px
        inner = slice(margin, margin + crop.rows), slice(margin, margin + crop.columns)
        label = around.cut(whole, mirror).astype(np.uint8)
        image = self._read(row, around, mirror) if film is None else around.cut(film, False).astype(np.float32)
        if self._follows or not self.finds_heads:
            image = self._window(image, row, margin)
        count = len(self._store.label_names)
        outside = np.bincount(whole.ravel(), minlength=count) - np.bincount(label[inner].ravel(), minlength=count)
        outside[0] = 0  # background beyond the field is taken as found
        landmarks = landmarks - [around.column, around.row]
        counts = self._weight_map(landmarks, label.shape)
        # One byte carries all three through whatever moves the label map.
        marked = label | _SEEN | np.where(counts, np.uint8(0), _IGNORED)
        smaller = None
        if head is not None and self._smaller_head:
            smaller = draw_smaller(head.shifted(-around.column, -around.row), self._smaller_head, rng)
            image, marked = smaller(image, marked)
        image, marked, move = self._augmentation(image, marked, rng, margin)
        label = np.ascontiguousarray(marked & ~(_IGNORED | _SEEN))

        def outlines() -> HipOutlines:
            # They close along rows and columns: they turn with the hip, and can't be drawn from turned landmarks.
            drawn = hip_outlines(landmarks, self._curves)
            return HipOutlines(*map(move, drawn if smaller is None else map(smaller.move, drawn)))

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
            **glance,
        )

    def _glance(self, film: NDArray[np.float32], head: Points, row: int, rng: np.random.Generator) -> dict[str, Tensor]:
        """A sample's `overview` and `place`."""
        assert isinstance(self._chosen, HeadCrop)
        factor = self._chosen.shrink
        seen = glance_at(torch.from_numpy(film)[None, None], factor)[0, 0].numpy()
        place = to_overview(head, factor)
        if self._overview_augmentation is not None:
            seen, place = self._overview_augmentation(seen, place, factor * float(self._spacing[row]), rng)
        overview = torch.from_numpy(np.ascontiguousarray(seen))[None]
        return {"overview": overview, "place": torch.from_numpy(place.astype(np.float32))}
