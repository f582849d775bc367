"""CT scans: both femurs found, segmented, and put back onto the scan's own voxels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hipseg.data.exclusions import NOT_LOCATED
from hipseg.data.sources.scans import hounsfield, read_scan
from hipseg.errors import Excluded, HipsegError
from hipseg.geometry.volume import Volume, VolumeGrid, like, upright
from hipseg.io.nifti import write_nifti
from hipseg.io.segmentation_object import read_images, write_segmentation
from hipseg.labels.landmarks import SIDES, Side
from hipseg.measure.density import DENSITY_NAMES, Calibration, region_densities
from hipseg.measure.femur_regions import VOLUME_NAMES, FemurMeasurement, measure_femur
from hipseg.measure.femur_shape import faults_of, femur_shape
from hipseg.prediction.enclosed import blanked
from hipseg.prediction.femur_cortex import COLUMNS, write_cortex
from hipseg.prediction.mean_labels import mean_labels
from hipseg.prediction.predictor import below
from hipseg.prediction.scan_groups import is_nifti, whole_scan
from hipseg.report.volume_figures import draw_planes
from hipseg.transforms.femur_box import find_femurs

IMPLAUSIBLE: Final = "implausible"
_LEAST_CM3: Final = 30.0  # of half a small proximal femur


class FemurScans:
    """Networks of femurs applied to scans; of several the mean probability decides.

    Args:
        tasks: Networks with a `record`, all of one plan, trained on what `hipseg convert source=scans` stores.
        first: Of a cascade, the network whose periosteal surface encloses what the others see.
        dicom_seg: Whether labels of DICOM scans are written as DICOM segmentations too, with the patient's identity.
        calibration: Of the scans' Hounsfield units; no densities are measured if None.
        thickness: Whether the cortex' thickness is measured too, and written as a surface and a picture.
    """

    unit = "femurs"
    passed_over: Final = (".json", ".csv", ".txt", ".ply")

    def __init__(
        self,
        tasks: Sequence[Any],
        first: Any = None,
        *,
        dicom_seg: bool = False,
        calibration: Calibration | None = None,
        thickness: bool = False,
    ) -> None:
        self.tasks, self.first, self.dicom_seg, self.calibration = tuple(tasks), first, dicom_seg, calibration
        self.thickness = thickness

    @property
    def columns(self) -> tuple[str, ...]:
        """The volumes within both surfaces, of the cortex and by region; densities and thickness if asked for."""
        dense = () if self.calibration is None else (*(f"{name}_mg_cm3" for name in DENSITY_NAMES), "calibration")
        volumes = (f"{name}_cm3" for name in VOLUME_NAMES)
        cortex = COLUMNS if self.thickness else ()
        return ("file", "side", *volumes, *dense, *cortex, "regions", "spacing_mm", "status")

    def close(self) -> None:
        """Nothing is left open."""

    def group(self, files: list[Path]) -> list[Path]:
        """Whole scans, see `whole_scan`."""
        return list(dict.fromkeys(map(whole_scan, files)))

    def predict(self, file: Path, name: str, out: Path) -> list[dict[str, Any]]:
        """See `Predictor`; `file` may be a folder of slices."""
        try:
            scan = read_scan(file)
        except Excluded as error:
            return [{"side": "", "status": error.reason}]
        whole = upright(scan)
        spacing = " x ".join(f"{mm:g}" for mm in whole.grid.spacing_mm)
        boxes = {box.side: box for box in find_femurs(whole)}
        stem = name.removesuffix(".gz").removesuffix(".nii").removesuffix(".dcm")
        rows, found = [], dict[Side, NDArray[np.uint8]]()
        for side in SIDES:
            row: dict[str, Any] = {"side": side, "spacing_mm": spacing, "status": NOT_LOCATED}
            if (box := boxes.get(side)) is not None:
                part = hounsfield(box.cut(whole.values))
                labels = self._labels(part[None], whole.grid.spacing_mm)
                in_scan = box.put_back(labels, whole.values.shape)
                found[side] = like(in_scan, scan.grid)
                write_nifti(below(out / "labels", f"{stem}_{side}.nii.gz"), found[side], scan.grid)
                draw_planes(part, labels, whole.grid.spacing_mm, below(out / "figures", f"{stem}_{side}.png"))
                row |= self._measured(part, labels, whole.grid.spacing_mm)
                if self.thickness and row["status"] == "ok" and {1, 2} <= set(np.unique(labels).tolist()):
                    row |= write_cortex(
                        Volume(hounsfield(whole.values), whole.grid), in_scan, side,
                        below(out / "surfaces", f"{stem}_{side}.ply"),
                        below(out / "figures", f"{stem}_{side}_thickness.png"),
                    )  # fmt: skip
            rows.append(row)
        if self.dicom_seg and not is_nifti(file):
            _write_dicom(file, name, found, scan.grid, out / "labels" / stem)
        return rows

    def _measured(
        self, image_hu: NDArray[Any], labels: NDArray[np.uint8], spacing_mm: tuple[float, ...]
    ) -> dict[str, Any]:
        """Status, volumes and, where they are calibrated, densities; an implausible femur has no numbers."""
        found = measure_femur(labels, spacing_mm)
        status = _status(labels, found, spacing_mm)
        if status == IMPLAUSIBLE:
            return {"regions": found.status, "status": status}
        columns: dict[str, Any] = {f"{name}_cm3": cm3 for name, cm3 in found.volumes_cm3.items()}
        if self.calibration is not None:
            densities = region_densities(image_hu, labels, found.regions, self.calibration)
            columns |= {f"{name}_mg_cm3": mg for name, mg in densities.items()}
            columns["calibration"] = str(self.calibration)
        return columns | {"regions": found.status, "status": status}

    def _labels(self, pixels: NDArray[Any], spacing_mm: tuple[float, ...]) -> NDArray[np.uint8]:
        if self.first is not None:
            pixels = blanked(pixels, mean_labels([self.first], pixels, spacing_mm) > 0)
        return mean_labels(self.tasks, pixels, spacing_mm)


def _write_dicom(
    file: Path, name: str, found: Mapping[Side, NDArray[np.uint8]], grid: VolumeGrid, beginning: Path
) -> None:
    """Labels as DICOM segmentations; a scan that none can be made for is named, its other results stand."""
    try:
        images = read_images(file, grid)
        for side, labels in found.items():
            if labels.any():
                write_segmentation(beginning.with_name(f"{beginning.name}_{side}.dcm"), labels, images, side)
    except HipsegError as error:
        print(f"warning: {name}: no DICOM segmentation is written, because {error}")


def _status(labels: NDArray[np.uint8], found: FemurMeasurement, spacing_mm: tuple[float, ...]) -> str:
    """`ok`, `cut` where the femur goes on beyond its box or above the scan, `no_femur`, or what its shape says.

    That is `implausible`, or `shaft_short` where too little of the shaft is there to judge it.
    """
    bone = labels > 0
    if bone.sum() * float(np.prod(spacing_mm)) / 1000 < _LEAST_CM3:
        return "no_femur"
    ends = (bone[-1], bone[:, 0], bone[:, -1], bone[:, :, 0], bone[:, :, -1])
    if any(end.any() for end in ends):
        return "cut"
    if found.planes is None:
        return found.status if found.status == "shaft_short" else IMPLAUSIBLE
    return IMPLAUSIBLE if faults_of(femur_shape(bone, found.planes, spacing_mm)) else "ok"
