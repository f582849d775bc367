"""CT scans: both femurs found, segmented, and put back onto the scan's own voxels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pydicom
import torch
from numpy.typing import NDArray

from hipseg.data.exclusions import NOT_LOCATED
from hipseg.data.sources.scans import read_scan
from hipseg.errors import Excluded
from hipseg.geometry.volume import like, upright
from hipseg.inference.own_grid import on_own_grid
from hipseg.io.limits import Limits
from hipseg.io.nifti import write_nifti
from hipseg.labels.landmarks import SIDES
from hipseg.prediction.predictor import below
from hipseg.report.volume_figures import draw_planes
from hipseg.transforms.femur_box import FemurBox, find_femurs
from hipseg.transforms.prepare_image import prepare_image

_NIFTI: Final = (".nii", ".nii.gz")
_LEAST_CM3: Final = 30.0  # of half a small proximal femur
_PARTS: Final = {"periosteal": (1, 2), "endosteal": (2,), "cortex": (1,)}


class FemurScans:
    """Networks of femurs applied to scans; of several the mean probability decides.

    Args:
        tasks: Networks with a `record`, all of one plan, trained on what `hipseg convert source=scans` stores.
        limits: Beyond which a file is not read.
        box_mm: Of the box around each femur.
    """

    unit = "femurs"
    passed_over: Final = (".json", ".csv", ".txt", ".ply")

    def __init__(self, tasks: Sequence[Any], limits: Limits, box_mm: float = 153.6) -> None:
        self.tasks, self.limits, self.box_mm = tuple(tasks), limits, box_mm

    @property
    def columns(self) -> tuple[str, ...]:
        """The volumes within both surfaces and of the cortex."""
        return ("file", "side", *(f"{name}_cm3" for name in _PARTS), "spacing_mm", "status")

    def close(self) -> None:
        """Nothing is left open."""

    def group(self, files: list[Path]) -> list[Path]:
        """NIfTI and multi-frame files for themselves, slices by their folder."""
        found = list[Path]()
        for file in files:
            one = file if file.name.lower().endswith(_NIFTI) or _has_frames(file) else file.parent
            if one not in found:
                found.append(one)
        return found

    def predict(self, file: Path, name: str, out: Path) -> list[dict[str, Any]]:
        """See `Predictor`; `file` may be a folder of slices."""
        try:
            scan = read_scan(file)
        except Excluded as error:
            return [{"side": "", "status": error.reason}]
        whole = upright(scan)
        spacing = " x ".join(f"{mm:g}" for mm in whole.grid.spacing_mm)
        boxes = {box.side: box for box in find_femurs(whole, self.box_mm)}
        rows = []
        for side in SIDES:
            row: dict[str, Any] = {"side": side, "spacing_mm": spacing, "status": NOT_LOCATED}
            if (box := boxes.get(side)) is not None:
                part = box.cut(np.clip(whole.values, -1024, 3071))
                labels = self._label(part, whole.grid.spacing_mm)
                back = like(box.put_back(labels, whole.values.shape), scan.grid)
                stem = name.removesuffix(".gz").removesuffix(".nii").removesuffix(".dcm")
                write_nifti(below(out / "labels", f"{stem}_{side}.nii.gz"), back, scan.grid)
                draw_planes(part, labels, whole.grid.spacing_mm, below(out / "figures", f"{stem}_{side}.png"))
                row |= _volumes(labels, whole.grid.voxel_mm3) | {"status": _status(labels, box, whole.grid.voxel_mm3)}
            rows.append(row)
        return rows

    def _label(self, part: NDArray[Any], spacing_mm: tuple[float, ...]) -> NDArray[np.uint8]:
        planned = self.tasks[0].record["dataset"]["spacing_mm"]
        image = torch.from_numpy(prepare_image(part[None], spacing_mm, planned))[None]
        with torch.inference_mode():
            total = torch.zeros(())
            for task in self.tasks:
                total = total + task(image.to(task.device)).cpu()
            found = on_own_grid(total / len(self.tasks), part.shape)
            if self.tasks[0].postprocess is not None:
                found = self.tasks[0].postprocess(found)
        return np.asarray(found[0].argmax(dim=0).numpy(), dtype=np.uint8)


def _has_frames(file: Path) -> bool:
    try:
        frames = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=["NumberOfFrames"]).get("NumberOfFrames")
        return int(frames or 1) > 1
    except Exception:  # pydicom raises many kinds; what is no DICOM file is told when it is read
        return False


def _volumes(labels: NDArray[np.uint8], voxel_mm3: float) -> dict[str, float]:
    return {f"{name}_cm3": float(np.isin(labels, parts).sum()) * voxel_mm3 / 1000 for name, parts in _PARTS.items()}


def _status(labels: NDArray[np.uint8], box: FemurBox, voxel_mm3: float) -> str:
    """`ok`, `cut` where the femur goes on beyond its box or above the scan, or `no_femur`."""
    bone = labels > 0
    if bone.sum() * voxel_mm3 / 1000 < _LEAST_CM3:
        return "no_femur"
    ends = (bone[-1], bone[:, 0], bone[:, -1], bone[:, :, 0], bone[:, :, -1])
    return "cut" if any(end.any() for end in ends) else "ok"
