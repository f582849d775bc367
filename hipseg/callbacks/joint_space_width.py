"""After the fit: Dice and minimum joint space width of every test hip, tables and figures."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field
from pytorch_lightning import Callback, LightningModule, Trainer

from hipseg.data.datamodule import HipDataModule
from hipseg.labels.curves import spline_curves
from hipseg.labels.label_map import LABEL_NAMES
from hipseg.measure.joint_space import JointSpace
from hipseg.measure.reference import reference_gap
from hipseg.metrics.dice import dice_scores
from hipseg.report.hip_figures import HipPicture
from hipseg.report.run_folder import write_evaluation
from hipseg.sample import HipSample

Measure = Callable[[NDArray[np.uint8], float], JointSpace]


class JointSpaceWidth(Callback):
    """Measures every hip of the test set and writes the results of the run.

    Args:
        measure: Label map (rows, columns) of a right hip and spacing to a joint space width.
        pictures: How many hips to draw: the worst, the median and so on, by Dice.
        folder: The run folder; without it nothing is written.
    """

    def __init__(self, measure: Measure, pictures: Annotated[int, Field(ge=0)], folder: Path) -> None:
        self._measure, self._pictures, self._folder = measure, pictures, Path(folder)
        self._rows: list[dict[str, Any]] = []
        self._drawn: dict[str, HipPicture] = {}
        self.summary: dict[str, float] = {}

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin anew."""
        self._rows, self._drawn = [], {}

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: HipSample,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Measure the hips of one batch."""
        data = _datamodule(trainer)
        dice = dice_scores(outputs["labels"], batch.label, len(LABEL_NAMES), batch.outside).cpu().numpy()
        predicted = outputs["labels"].to("cpu").numpy().astype(np.uint8)
        for i, row in enumerate(batch.row.tolist()):
            self._measure_hip(data, row, batch.image[i, 0].cpu().numpy(), predicted[i], dice[i])

    def _measure_hip(
        self, data: HipDataModule, row: int, image: NDArray[np.float32], predicted: NDArray[np.uint8], dice: Any
    ) -> None:
        store, field = data.store, data.field
        sample, grid = store.samples.iloc[row], store.grid(row)
        truth = store.label(row)
        curves = spline_curves(store.landmarks(row))
        reference = reference_gap(curves).width * grid.spacing_mm
        whole_truth = truth[:, ::-1] if sample["mirror"] else truth
        label, found = (self._measure(pixels, grid.spacing_mm) for pixels in (whole_truth, predicted))
        key = str(sample["key"])
        self._rows.append(
            {
                "sample": key,
                **{f"dice_{name}": float(dice[i]) for i, name in enumerate(LABEL_NAMES) if i > 0},
                "mjsw_reference_mm": reference,
                "mjsw_label_mm": label.mjsw_mm,
                "mjsw_predicted_mm": found.mjsw_mm,
                "error_mm": found.mjsw_mm - reference,
                "error_to_label_mm": found.mjsw_mm - label.mjsw_mm,
                **found.ends_on_film(partial(field.to_film_mm, mirror=bool(sample["mirror"]), stored=grid)),
                "status": found.status,
            }
        )
        cut = field.cut(truth, bool(sample["mirror"])).astype(np.uint8)
        offset = np.array([field.column, field.row]) * grid.spacing_mm
        self._drawn[key] = HipPicture(image, cut, predicted, label, offset, found, reference, grid.spacing_mm)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write tables and figures, and hand the results to loggers that take them."""
        hips = pd.DataFrame(self._rows)
        self.summary, figures = write_evaluation(self._folder, hips, self._drawn, self._pictures)
        for logger in trainer.loggers:
            if hasattr(logger, "log_evaluation"):
                logger.log_evaluation(self.summary, hips, figures)


def _datamodule(trainer: Trainer) -> HipDataModule:
    data = getattr(trainer, "datamodule", None)
    if not isinstance(data, HipDataModule):
        raise TypeError("the joint space width is measured on hips: test with a HipDataModule")
    return data
