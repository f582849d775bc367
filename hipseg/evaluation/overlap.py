"""Dice and boundary distances of every label: what any segmentation is judged by."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from pydantic import Field

from hipseg.evaluation.evaluator import Case, Findings, Judged
from hipseg.metrics.boundary import BoundaryQuality, boundary_quality, missed
from hipseg.metrics.dice import dice_scores
from hipseg.report.case_figures import draw_cases

BOUNDARY: Final = BoundaryQuality._fields


class PackedMap(NamedTuple):
    """A label map in little room: few of all are drawn, and which is known at the end."""

    shape: tuple[int, ...]
    content: bytes

    @classmethod
    def of(cls, labels: NDArray[np.uint8]) -> PackedMap:
        """Pack a label map."""
        return cls(labels.shape, zlib.compress(labels.tobytes(), level=1))

    def unpacked(self) -> NDArray[np.uint8]:
        """The label map."""
        return np.frombuffer(zlib.decompress(self.content), dtype=np.uint8).reshape(self.shape)


class Overlap:
    """Dice, HD95, ASSD and surface Dice of every label of every case.

    Args:
        tolerance_mm: Of the surface Dice.
        pictures: How many cases to draw, from the worst Dice to the best.
    """

    def __init__(self, tolerance_mm: Annotated[float, Field(gt=0)], pictures: Annotated[int, Field(ge=0)]) -> None:
        self._tolerance_mm, self._pictures = tolerance_mm, pictures
        self._cases: Any = None
        self._names: tuple[str, ...] = ()

    @property
    def headlines(self) -> Mapping[str, tuple[str, str]]:
        """Dice, the mean first."""
        names = {f"test/dice/{name}": (short_name(name), "{:.4f}") for name in self._names[1:]}
        return {"test/dice/mean": ("Dice mean", "{:.4f}"), **names}

    def begin(self, data: Any) -> None:
        """Learn the labels' names."""
        self._cases, self._names = data.test_dataset, tuple(data.store.label_names)

    def compare(self, case: Case) -> Judged:
        """`dice_...`, and `hd95_mm_...`, `assd_mm_...` and `surface_dice_...` of every label but the background."""
        found, truth, away = (torch.from_numpy(a)[None] for a in (case.predicted, case.truth, case.cropped_away))
        dice = dice_scores(found, truth, len(self._names), away)[0].tolist()
        columns: dict[str, float] = {f"dice_{name}": dice[i] for i, name in enumerate(self._names) if i > 0}
        for label, name in enumerate(self._names[1:], start=1):
            quality = boundary_quality(case.predicted, case.truth, label, case.spacing_mm, self._tolerance_mm)
            columns |= {f"{measure}_{name}": value for measure, value in quality._asdict().items()}
        return Judged(columns, PackedMap.of(case.predicted) if self._pictures else None)

    def missing(self, key: str) -> dict[str, Any]:
        """The worst of everything: a case that was not found is one that was not segmented."""
        worst = missed(*self._cases.seen_of(key))
        row: dict[str, Any] = {}
        for name in self._names[1:]:
            row |= {f"dice_{name}": 0.0, **{f"{measure}_{name}": value for measure, value in worst._asdict().items()}}
        return row

    def summarise(self, cases: pd.DataFrame) -> dict[str, float]:
        """`test/dice/...` in [0, 1], and boundary quality by label in mm."""
        names = self._names[1:]
        dice = {name: float(cases[f"dice_{name}"].mean()) for name in names}
        return {
            "test/dice/mean": sum(dice.values()) / len(dice),
            **{f"test/dice/{name}": value for name, value in dice.items()},
            **{
                f"test/{measure}/{name}": float(cases[f"{measure}_{name}"].mean())
                for measure in BOUNDARY
                for name in names
                if f"{measure}_{name}" in cases
            },
        }

    def finish(self, cases: pd.DataFrame, kept: Mapping[str, Any], folder: Path) -> Findings:
        """Draw image, label and prediction side by side."""
        if not self._pictures:
            return Findings({}, [])
        chosen = choose_cases(cases[cases["sample"].isin(kept)], self._pictures)
        names = name_drawn(chosen, self._cases.unit, folder / "figures")
        path = folder / "figures" / f"{self._cases.unit}.png"
        pictures = {
            name: (*self._cases.shown(key), kept[key].unpacked()) for name, key in zip(names, chosen, strict=True)
        }
        draw_cases(pictures, len(self._names), path)
        return Findings({}, [path])


def short_name(label: str) -> str:
    """A label's name for a narrow column."""
    return label.replace("_", " ")


def choose_cases(cases: pd.DataFrame, count: int) -> list[str]:
    """Samples spread evenly from the worst to the best mean Dice."""
    dice = cases.filter(regex="^dice_").mean(axis=1).to_numpy()
    order = np.argsort(dice, kind="stable")
    chosen = np.unique(np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int))
    return [str(cases["sample"].iloc[order[i]]) for i in chosen]


def name_drawn(chosen: Sequence[str], unit: str, figures: Path) -> list[str]:
    """Names for cases in figures, which get around: the samples stand in a table beside them."""
    one = unit.removesuffix("s")
    names = [f"{one} {i}" for i in range(1, len(chosen) + 1)]
    pd.DataFrame({one: names, "sample": list(chosen)}).to_csv(figures / f"{unit}.csv", index=False)
    return names
