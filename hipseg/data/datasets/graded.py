"""Pictures of hips with a class each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch.utils.data import Dataset

from hipseg.data.sampler import Draw
from hipseg.data.split import Subset
from hipseg.data.stores import GradedStore, has_grades
from hipseg.errors import HipsegError
from hipseg.labels.grading import Grading
from hipseg.sample import GradedSample
from hipseg.transforms.crop_augment import CropAugmentation
from hipseg.transforms.picture import prepare_picture, share_of

Share = Annotated[float, Field(ge=0, lt=0.5)]
_COHORT: Final = 0  # of a key's parts


class GradedDataset(Dataset[GradedSample]):
    """The pictures of one subset whose grades belong to a class.

    Args:
        store: Where they lie.
        samples: Their keys.
        subset: Whose they are.
        seed: Of augmentation, and of what is drawn from each cohort.
        classes: Names, in the order of severity.
        grades: Of every class; hips of other grades are left out.
        positive_from: Index of the first class that counts as diseased.
        pixels: Edge of what the network sees.
        saturation: Share of the darkest and of the brightest pixels that become black and white, of every cohort, or
            by the cohort's name.
        coarse: Pixels along an edge to which pictures of a cohort are brought down first, by its name.
        mix: Share of the training pictures that are drawn from each cohort, by its name; those of share 0 neither
            train nor validate. Every picture once an epoch if None.
        augmentation: Of training pictures; nothing if None.

    Raises:
        HipsegError: If the store has no grades, or a class no picture to train or to validate on.
    """

    unit = "cases"
    one_by_one = False
    in_training_only = ("mix", "augmentation")

    def __init__(
        self,
        store: GradedStore,
        samples: Sequence[str],
        subset: Subset,
        seed: int,
        *,
        classes: tuple[str, ...],
        grades: tuple[tuple[float, ...], ...],
        positive_from: Annotated[int, Field(ge=1)] = 1,
        pixels: Annotated[int, Field(ge=16)] = 224,
        saturation: Share | Mapping[str, Share] = 0.01,
        coarse: Mapping[str, Annotated[int, Field(ge=8)]] | None = None,
        mix: Mapping[str, Annotated[float, Field(ge=0)]] | None = None,
        augmentation: CropAugmentation | None = None,
    ) -> None:
        if not has_grades(store):
            raise HipsegError("data.store: it holds no grades; convert with source=graded or grades=FILE.csv")
        self._store, self._subset, self._seed = store, subset, seed
        self._grading = Grading(tuple(classes), tuple(map(tuple, grades)), positive_from)
        self._pixels, self._saturation, self._coarse = pixels, saturation, dict(coarse or {})
        self._augmentation = augmentation if subset == "train" else None
        rows = np.array([store.rows_by_key[sample] for sample in samples], dtype=np.int64)
        targets = self._grading.targets(store.grades[rows]) if len(rows) else rows
        self._rows, self._targets = rows[targets >= 0], targets[targets >= 0]
        self._cohorts = np.array([self._cohort(row) for row in self._rows], dtype=object)
        self._mix = self._shares(mix) if mix is not None and subset != "test" else None
        if subset == "val" and self._mix is not None:
            kept = np.isin(self._cohorts, list(self._mix))
            self._rows, self._targets, self._cohorts = self._rows[kept], self._targets[kept], self._cohorts[kept]
        if len(samples) and subset != "test":
            self._require_classes()

    @property
    def classes(self) -> tuple[str, ...]:
        """Their names, in the order of severity."""
        return tuple(self._grading.classes)

    @property
    def positive_from(self) -> int:
        """Index of the first class that counts as diseased."""
        return self._grading.positive_from

    @property
    def training_size(self) -> tuple[int, int]:
        """Rows and columns of what a network is trained on."""
        return self._pixels, self._pixels

    @property
    def counts(self) -> NDArray[np.int64]:
        """How many pictures each class has."""
        return np.bincount(self._targets, minlength=len(self.classes))

    def describe_input(self) -> dict[str, Any]:
        """What a checkpoint says of the images that its network takes."""
        return {"channels": 1, "size": list(self.training_size), "range": None}

    def target(self, grade: float) -> int | None:
        """The class of a grade; None if it is left out."""
        return self._grading.target(grade)

    def shown(self, sample: str) -> NDArray[np.float32]:
        """A sample's picture (edge, edge), as the network sees it."""
        return self._picture(self._store.rows_by_key[sample])

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, draw: Draw | int) -> GradedSample:
        epoch, index = draw if isinstance(draw, tuple) else (0, draw)
        rng = np.random.default_rng([self._seed, epoch, index])
        if self._subset == "train" and self._mix is not None:
            names = list(self._mix)
            cohort = names[int(rng.choice(len(names), p=list(self._mix.values())))]
            index = int(rng.choice(np.flatnonzero(self._cohorts == cohort)))
        row = int(self._rows[index])
        picture = self._picture(row)
        if self._augmentation is not None:
            picture = self._augmentation(picture, rng)
        return GradedSample(
            image=torch.from_numpy(np.ascontiguousarray(picture, dtype=np.float32))[None],
            target=torch.tensor(int(self._targets[index])),
            grade=torch.tensor(float(self._store.grades[row]), dtype=torch.float64),
            row=torch.tensor(row),
        )

    def _cohort(self, row: int) -> str:
        return str(self._store.samples["cohort"].iat[row])

    def _picture(self, row: int) -> NDArray[np.float32]:
        cohort = self._cohort(row)
        share = share_of(self._saturation, cohort)
        return prepare_picture(self._store.image(row)[0], self._pixels, share, self._coarse.get(cohort))

    def _shares(self, mix: Mapping[str, float]) -> dict[str, float]:
        """Of the cohorts that are drawn from, adding up to 1."""
        known = sorted(set(self._cohorts))
        strange = sorted(set(mix) - {str(name) for name in self._store.samples["cohort"]})
        total = sum(share for name, share in mix.items() if name in known)
        if strange or not total:
            said = f"it has no cohort '{strange[0]}'" if strange else "no picture is drawn"
            raise HipsegError(f"data.dataset.mix: {said}; the store's cohorts are {', '.join(known)}")
        return {name: share / total for name, share in mix.items() if share and name in known}

    def _require_classes(self) -> None:
        counts = self.counts if self._mix is None else np.bincount(
            self._targets[np.isin(self._cohorts, list(self._mix))], minlength=len(self.classes)
        )  # fmt: skip
        for name, count in zip(self.classes, counts, strict=True):
            if not count:
                there = ", ".join(f"{grade:g}" for grade in sorted({float(g) for g in self._store.grades if g == g}))
                what = {"train": "train", "val": "validate"}[self._subset]
                said = f"no hip of class {name} is there to {what} on; the store's grades are {there}"
                raise HipsegError(f"data.dataset.grades: {said}: choose grading=, or split with larger shares")
