"""After the fit: Dice and minimum joint space width of every test hip, tables and figures."""

from __future__ import annotations

import zlib
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from pydantic import Field
from pytorch_lightning import Callback, LightningModule, Trainer

from hipseg.data.datamodule import HipDataModule
from hipseg.data.dataset import read_image
from hipseg.data.exclusions import NOT_LOCATED
from hipseg.data.identity import already_seen
from hipseg.data.store import Store
from hipseg.data.truth import read_truth
from hipseg.inference.hips import head_circle_of, is_cut
from hipseg.labels.circle import Circle
from hipseg.labels.curves import CURVE_FUNCTIONS
from hipseg.labels.label_map import LABEL_NAMES, draw_label_shares
from hipseg.labels.landmarks import mirror_columns
from hipseg.measure import JointSpace, Method, joint_space_width
from hipseg.measure.quality import Plausible
from hipseg.measure.reference import reference_width
from hipseg.metrics.boundary import boundary_quality, missed
from hipseg.metrics.dice import dice_scores
from hipseg.report.hip_figures import HipPicture
from hipseg.report.run_folder import write_evaluation
from hipseg.sample import HipSample
from hipseg.tasks.segmentation import SegmentationTask
from hipseg.transforms.polarity import corrected

_PROFILES: Final = "test_profiles.csv"


class JointSpaceWidth(Callback):
    """Measures every hip of the test set and writes the results of the run.

    Args:
        method: How joint space widths are measured; see `hipseg.measure`.
        plausible: Beyond which a measurement's status warns.
        tolerance_mm: Of the surface Dice.
        pictures: How many hips to draw: the worst, the median and so on, by Dice.
        truth: CSV of what is known beside the points files; see `hipseg.data.truth`.
        folder: The run folder.
    """

    def __init__(
        self,
        method: Method,
        plausible: Plausible,
        tolerance_mm: Annotated[float, Field(gt=0)],
        pictures: Annotated[int, Field(ge=0)],
        truth: Path | None,
        folder: Path,
    ) -> None:
        self._method, self._plausible, self._tolerance_mm = method, plausible, tolerance_mm
        self._pictures, self._folder = pictures, Path(folder)
        self._truth = read_truth(Path(truth)) if truth is not None else None
        self._measured: dict[str, _Measured] = {}
        self.summary: dict[str, float] = {}

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin anew, with the hips that were not located as missed."""
        self._measured = {}
        if isinstance(pl_module, SegmentationTask) and trainer.is_global_zero:
            pl_module.test_dice.miss(len(_datamodule(trainer).not_located))

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
        found, labels = outputs["probabilities"], outputs["labels"]
        dice = dice_scores(labels, batch.label, len(LABEL_NAMES), batch.outside).cpu().numpy()
        predicted = labels.to("cpu").numpy().astype(np.uint8)
        probabilities = found.to("cpu").numpy()
        for i, row in enumerate(batch.row.tolist()):
            spacing_mm = data.store.grid(row).spacing_mm
            joint = joint_space_width(probabilities[i], spacing_mm, self._method)
            head = head_circle_of(joint, probabilities[i], spacing_mm)
            joint = self._plausible.judge(
                joint, corrected(data.store.polarity(row)), _on_other_side(data, row, joint), cut=_cut(data, row, head)
            )
            self._keep_hip(data, row, predicted[i], joint, dice[i])

    def _keep_hip(
        self,
        data: HipDataModule,
        row: int,
        predicted: NDArray[np.uint8],
        found: JointSpace,
        dice: NDArray[np.float64],
    ) -> None:
        store, field = data.store, data.field
        sample, grid = store.samples.iloc[row], store.grid(row)
        key, mirror = str(sample["key"]), bool(sample["mirror"])
        reference, label = _without_network(store, row, mirror, self._method)
        cut = field.cut(store.label(row), mirror).astype(np.uint8)
        columns = {
            "sample": key,
            **{f"dice_{name}": float(dice[i]) for i, name in enumerate(LABEL_NAMES) if i > 0},
            **_boundaries(predicted, cut, grid.spacing_mm, self._tolerance_mm),
            "mjsw_reference_mm": reference.mjsw_mm,
            "mjsw_label_mm": label.mjsw_mm,
            "mjsw_predicted_mm": found.mjsw_mm,
            "error_mm": found.mjsw_mm - reference.mjsw_mm,
            "error_to_label_mm": found.mjsw_mm - label.mjsw_mm,
            **self._against_truth(key, found),
            **_places("reference", reference),
            **_places("predicted", found),
            **found.ends_on_film(lambda at: store.to_file_mm(row, field.to_film_mm(at, mirror=mirror, stored=grid))),
            "status": found.status,
        }
        # Few of them are drawn, and which is known at the end.
        packed = zlib.compress(predicted.tobytes(), level=1)
        self._measured[key] = _Measured(row, columns, packed, reference, label, found)

    def _against_truth(self, key: str, found: JointSpace) -> dict[str, float]:
        if self._truth is None:
            return {}
        known = float(self._truth["mjsw_mm"].get(key, np.nan))
        return {"mjsw_truth_mm": known, "error_to_truth_mm": found.mjsw_mm - known}

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write tables and figures, and hand the results to loggers that take them."""
        measured = _of_all_processes(self._measured)
        if not trainer.is_global_zero:
            return
        data = _datamodule(trainer)
        ordered = [measured[key] for key in data.samples["test"] if key in measured]
        profiles = pd.concat([_profile(hip) for hip in ordered])
        profiles.to_csv(self._folder / _PROFILES, index=False, float_format="%.4f")
        hips = pd.DataFrame([hip.columns for hip in ordered] + [_lost(key, data) for key in data.not_located])
        record = getattr(pl_module, "record", {})
        seen = already_seen(record.get("training", {}), data.store, hips["sample"].tolist())
        if seen:
            hips["trained_on"] = hips["sample"].isin(seen)
        repeats: dict[str, str] = {}
        if self._truth is not None:
            repeats = dict(zip(self._truth.index.astype(str), self._truth["repeat_of"].astype(str), strict=True))
        drawn = {hip.columns["sample"]: partial(_picture, data, hip) for hip in ordered}
        self.summary, figures = write_evaluation(self._folder, hips, repeats, drawn, self._pictures)
        for logger in trainer.loggers:
            if hasattr(logger, "log_evaluation"):
                logger.log_evaluation(self.summary, hips, figures)


class _Measured(NamedTuple):
    """A test hip: its row in the store, the columns of its row in the table, and what its picture needs."""

    row: int
    columns: dict[str, Any]
    packed: bytes
    reference: JointSpace
    label: JointSpace
    found: JointSpace


def _of_all_processes(measured: dict[str, _Measured]) -> dict[str, _Measured]:
    """The hips that every process of a distributed test measured."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return measured
    parts: list[dict[str, _Measured]] = [{} for _ in range(torch.distributed.get_world_size())]
    torch.distributed.all_gather_object(parts, measured)
    return {key: hip for part in parts for key, hip in part.items()}


def _on_other_side(data: HipDataModule, row: int, found: JointSpace) -> bool:
    grid = data.store.grid(row)
    whole = data.store.preprocessing["region"] == "film"
    return whole and data.field.beyond_middle(found.on_head_mm[0] / grid.spacing_mm, grid.shape[1])


def _cut(data: HipDataModule, row: int, head: Circle | None) -> bool:
    store = data.store
    return is_cut(head, data.field, store.film_grid(row), store.grid(row), bool(store.samples["mirror"].iloc[row]))


def _lost(key: str, data: HipDataModule) -> dict[str, Any]:
    """The row of a hip that was not found, which is one that was not segmented."""
    worst = missed((data.field.rows, data.field.columns), data.store.preprocessing["spacing_mm"])
    row: dict[str, Any] = {"sample": key, "status": NOT_LOCATED}
    for name in LABEL_NAMES[1:]:
        row |= {f"dice_{name}": 0.0, **{f"{measure}_{name}": value for measure, value in worst._asdict().items()}}
    return row


def _picture(data: HipDataModule, hip: _Measured) -> HipPicture:
    store, field = data.store, data.field
    mirror, spacing_mm = bool(store.samples["mirror"].iloc[hip.row]), store.grid(hip.row).spacing_mm
    cut = field.cut(store.label(hip.row), mirror).astype(np.uint8)
    predicted = np.frombuffer(zlib.decompress(hip.packed), dtype=np.uint8).reshape(cut.shape)
    offset = np.array([field.column, field.row]) * spacing_mm
    image = read_image(store, hip.row, field, mirror)
    return HipPicture(image, cut, predicted, hip.reference, hip.label, offset, hip.found, spacing_mm)


def _without_network(store: Store, row: int, mirror: bool, method: Method) -> tuple[JointSpace, JointSpace]:
    """What the landmarks say, and what the method finds on a label map without a network's error."""
    grid, landmarks = store.grid(row), store.landmarks(row)
    if mirror:
        landmarks = mirror_columns(landmarks, grid.shape[1])
    if method == "contour":
        truth = draw_label_shares(landmarks, grid.shape, CURVE_FUNCTIONS[store.preprocessing["curves"]])
    else:
        label = store.label(row)[:, ::-1] if mirror else store.label(row)
        truth = (label == np.arange(len(LABEL_NAMES))[:, None, None]).astype(np.float32)
    spacing_mm = grid.spacing_mm
    return reference_width(landmarks * spacing_mm), joint_space_width(truth, spacing_mm, method)


def _boundaries(
    predicted: NDArray[np.uint8], truth: NDArray[np.uint8], spacing_mm: float, tolerance_mm: float
) -> dict[str, float]:
    columns: dict[str, float] = {}
    for label, name in enumerate(LABEL_NAMES[1:], start=1):
        quality = boundary_quality(predicted, truth, label, spacing_mm, tolerance_mm)
        columns |= {f"{measure}_{name}": value for measure, value in quality._asdict().items()}
    return columns


def _places(name: str, joint: JointSpace) -> dict[str, float]:
    profile = joint.profile
    widths = {"lateral": profile.lateral_mm, "apex": profile.apex_mm, "medial": profile.medial_mm}
    return {f"jsw_{place}_{name}_mm": width for place, width in widths.items()}


def _profile(hip: _Measured) -> pd.DataFrame:
    """The widths along the weight-bearing region at every degree that any of the three reaches."""
    joints = {"reference_mm": hip.reference, "label_mm": hip.label, "predicted_mm": hip.found}
    widths = {name: pd.Series(j.profile.width_mm, index=j.profile.angle_deg) for name, j in joints.items()}
    table = pd.DataFrame(widths).rename_axis("angle_deg").reset_index()
    table.insert(0, "sample", hip.columns["sample"])
    return table


def _datamodule(trainer: Trainer) -> HipDataModule:
    data = getattr(trainer, "datamodule", None)
    if not isinstance(data, HipDataModule):
        raise TypeError("the joint space width is measured on hips: test with a HipDataModule")
    return data
