"""The femur in CT: its periosteal and endosteal surface, and the volumes within them, against what is annotated."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field
from scipy.ndimage import binary_erosion, distance_transform_edt, generate_binary_structure

from hipseg.data.exclusions import NOT_LOCATED
from hipseg.errors import HipsegError
from hipseg.evaluation.evaluator import Case, Findings, Judged
from hipseg.evaluation.overlap import PackedMap, choose_cases
from hipseg.geometry.arrays import part_with
from hipseg.labels.femur import LABEL_NAMES, SURFACES
from hipseg.measure.femur_regions import VOLUME_NAMES, measure_femur
from hipseg.metrics.boundary import boundary_quality, missed
from hipseg.report.femur_figures import draw_volumes, table_1, table_2
from hipseg.report.femur_pictures import FemurCase, draw_femurs

_MEASURES: Final = ("dice", "sensitivity", "specificity", "asd_mm", "assd_mm", "hd95_mm", "surface_dice")
_SMOOTH: Final = 1.0  # voxels; two balls then lie as far apart as they do, to 0.003 mm
_WORST: Final = {"dice": 0.0, "sensitivity": 0.0, "specificity": 1.0}


class _Kept(NamedTuple):
    """Of a femur: what its pictures need."""

    predicted: PackedMap
    spacing_mm: tuple[float, ...]


class FemurSurfaces:
    """Dice, sensitivity, specificity and distances of what each surface encloses, and volumes in cm3.

    `asd_mm` is the study's formula 5: the mean over the voxels on both surfaces of their distance from the nearest on
    the other, which errs by up to a sixth of a voxel. `assd_mm` is between surfaces to a fraction of that, by area.

    Args:
        tolerance_mm: Of the surface Dice.
    """

    def __init__(self, tolerance_mm: Annotated[float, Field(gt=0)]) -> None:
        self._tolerance_mm = tolerance_mm
        self._cases: Any = None

    @property
    def headlines(self) -> Mapping[str, tuple[str, str]]:
        """Dice and distance of both surfaces."""
        return {
            f"test/{measure}/{name}": (f"{title} {name}", form)
            for name in SURFACES
            for measure, title, form in (("dice", "Dice", "{:.4f}"), ("asd_mm", "ASD mm", "{:.3f}"))
        }

    def begin(self, data: Any) -> None:
        """See `Evaluator`.

        Raises:
            HipsegError: If the store's labels are not a femur's.
        """
        if tuple(data.store.label_names) != LABEL_NAMES:
            named = ", ".join(data.store.label_names)
            raise HipsegError(f"evaluation: the store's labels are {named}; a femur's are {', '.join(LABEL_NAMES)}")
        self._cases = data.test_dataset

    def compare(self, case: Case) -> Judged:
        """`MEASURE_SURFACE` for both surfaces; `VOLUME_cm3`, `VOLUME_true_cm3`, `VOLUME_error_percent`; `regions`.

        Regions are found anew in what the network says; where that fails, or fails in the truth, `regions` says why,
        and their volumes are NaN.
        """
        columns: dict[str, Any] = {}
        for name, labels in SURFACES.items():
            within, truth = (np.isin(values, labels) for values in (case.predicted, case.truth))
            measured = overlap(within, truth)
            measured["asd_mm"] = average_surface_distance(within, truth, case.spacing_mm)
            near = boundary_quality(
                within.astype(np.uint8), truth.astype(np.uint8), 1, case.spacing_mm, self._tolerance_mm, _SMOOTH
            )
            measured |= near._asdict()
            columns |= {f"{measure}_{name}": measured[measure] for measure in _MEASURES}
        found, true = (measure_femur(labels, case.spacing_mm) for labels in (case.predicted, case.truth))
        said, known = found.volumes_cm3, true.volumes_cm3
        for name in VOLUME_NAMES:
            columns |= {
                f"{name}_cm3": said[name], f"{name}_true_cm3": known[name],
                f"{name}_error_percent": 100 * abs(said[name] - known[name]) / (known[name] or float("nan")),
            }  # fmt: skip
        regions = found.status if true.status == "ok" else f"truth_{true.status}"
        return Judged({**columns, "regions": regions}, _Kept(PackedMap.of(case.predicted), case.spacing_mm))

    def missing(self, key: str) -> dict[str, Any]:
        """The worst of everything; volumes are not known."""
        far = missed(*self._cases.seen_of(key))
        worst = {**_WORST, "asd_mm": far.assd_mm, **far._asdict()}
        row = {f"{measure}_{name}": worst[measure] for name in SURFACES for measure in _MEASURES}
        kinds = ("cm3", "true_cm3", "error_percent")
        return row | {f"{n}_{kind}": float("nan") for n in VOLUME_NAMES for kind in kinds} | {"regions": NOT_LOCATED}

    def summarise(self, cases: pd.DataFrame) -> dict[str, float]:
        """Means by surface, and of volumes the mean absolute and root mean square error in cm3 and the relative one."""
        means = {
            f"test/{measure}/{name}": float(cases[f"{measure}_{name}"].mean())
            for name in SURFACES
            for measure in _MEASURES
        }
        for name in VOLUME_NAMES:
            error = cases[f"{name}_cm3"] - cases[f"{name}_true_cm3"]
            means |= {
                f"test/volume_mae_cm3/{name}": float(error.abs().mean()),
                f"test/volume_rmse_cm3/{name}": float(np.sqrt((error**2).mean())),
                f"test/volume_error_percent/{name}": float(cases[f"{name}_error_percent"].mean()),
            }
        return means

    def finish(self, cases: pd.DataFrame, kept: Mapping[str, Any], folder: Path) -> Findings:
        """Write the study's tables 1 and 2, draw its figure 8, and the worst, the median and the best case."""
        table_1(cases).to_csv(folder / "table_1.csv", index=False, float_format="%.6g")
        table_2(cases).to_csv(folder / "table_2.csv", index=False, float_format="%.6g")
        volumes = folder / "figures" / "volumes.png"
        draw_volumes(cases, volumes)
        chosen = choose_cases(cases.loc[cases["sample"].isin(kept), ["sample", "dice_periosteal"]], 3)
        names = {0: (), 1: ("only",), 2: ("worst", "best"), 3: ("worst", "median", "best")}[len(chosen)]
        pd.DataFrame({"femur": names, "sample": chosen}).to_csv(folder / "figures" / "femurs.csv", index=False)
        pictures = {}
        for name, key in zip(names, chosen, strict=True):
            image, truth = self._cases.shown(key)
            pictures[name] = FemurCase(image, kept[key].predicted.unpacked(), truth, kept[key].spacing_mm)
        return Findings({}, [volumes, *draw_femurs(pictures, folder)])


def overlap(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> dict[str, float]:
    """`dice`, `sensitivity` and `specificity` of a mask; 1 where there is nothing that could be missed."""
    hit, said, known = (float(np.count_nonzero(mask)) for mask in (found & truth, found, truth))
    beyond = float(truth.size) - known
    return {
        "dice": 2 * hit / (said + known) if said + known else 1.0,
        "sensitivity": hit / known if known else 1.0,
        "specificity": (beyond - (said - hit)) / beyond if beyond else 1.0,
    }


def average_surface_distance(
    found: NDArray[np.bool_], truth: NDArray[np.bool_], spacing_mm: tuple[float, ...]
) -> float:
    """Mean distance in mm of the voxels on each mask's surface from the nearest on the other's.

    Formula 5 of Deng et al., A Deep Learning-Based Approach to Extracting Periosteal and Endosteal Contours of Proximal
    Femur in Quantitative CT Images: both surfaces' voxels count alike. The image's diagonal if only one mask is empty.
    """
    if not (found.any() and truth.any()):
        return 0.0 if found.any() == truth.any() else missed(truth.shape, spacing_mm).assd_mm
    part = part_with(found | truth, 1)
    edges = [_surface(mask[part]) for mask in (found, truth)]
    away = [distance_transform_edt(~edge, spacing_mm) for edge in edges]
    return float(np.concatenate([away[1][edges[0]], away[0][edges[1]]]).mean())


def _surface(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Voxels of a mask that touch a voxel beyond it by a face; the volume's end is none."""
    inner = binary_erosion(mask, generate_binary_structure(mask.ndim, 1), border_value=1)
    return np.asarray(mask & ~inner)
