"""`hipseg predict`: a checkpoint applied to films."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Final, Literal, NamedTuple

import pandas as pd
import torch
from omegaconf import DictConfig
from pydantic import Field

from hipseg.checkpoint import ensemble, load, load_locator, require_alike
from hipseg.data.cohorts import visible_files
from hipseg.errors import HipsegError
from hipseg.inference.device import best_device
from hipseg.inference.inferer import Inferer
from hipseg.inference.locator import NetworkLocator, network_locator
from hipseg.instantiation import call
from hipseg.io.limits import Limits
from hipseg.labels.femur import LABEL_NAMES as FEMUR_LABELS
from hipseg.measure import Method
from hipseg.measure.density import Calibration
from hipseg.measure.quality import Plausible
from hipseg.prediction.graded_hips import GradedHips
from hipseg.prediction.hip_films import HipFilms
from hipseg.prediction.image_files import ImageFiles
from hipseg.prediction.predictor import Predictor
from hipseg.prediction.scan_files import FemurScans
from hipseg.progress import track
from hipseg.report.heat_page import write_heat_page
from hipseg.tasks.segmentation import Postprocess

_TABLE: Final = "predictions.csv"
_MADE: Final = ("labels", "figures", "surfaces", "heat.html")
_OF_FEMURS: Final = {
    "bmd": "femurs in CT have densities",
    "dicom_seg": "label maps of femurs in CT are written as DICOM",
    "thickness": "femurs in CT have a cortex that is measured",
}


def run(config: DictConfig) -> None:
    """Run the command on its configuration."""
    call(predict, config)


def predict(
    checkpoint: Path | list[Path],
    locator: Path | None,
    inferer: Inferer | None,
    postprocess: Postprocess | None,
    input: Path,
    out: Path,
    spacing_mm: tuple[Annotated[float, Field(gt=0)], ...] | None,
    dicom_seg: bool,
    heat: bool,
    thickness: bool,
    bmd: tuple[float, float] | None,
    jsw_method: Mapping[Literal["method"], Method],
    plausibility: Plausible,
    limits: Limits,
    modalities: tuple[str, ...],
    trusted: tuple[str, ...],
) -> None:
    """Apply a checkpoint to files it has never seen.

    Args:
        checkpoint: Of `hipseg train`; several of images, as [A,B], are averaged.
        locator: For a checkpoint trained on joints, or one that grades: one trained on whole films, which finds them.
            For one trained on what periosteal surfaces enclose: one that finds these.
        inferer: How whole images are taken; as in its run's test if not given.
        postprocess: What is done to probabilities; as in its run's test if not given.
        input: A file, or a folder that is searched for files at any depth.
        out: Folder for `predictions.csv`, label maps and pictures, in folders as the files'. Of graded hips
            `heat.html` shows all.
        spacing_mm: Down and across, of images and films in picture files, which state none.
        heat: Whether pictures of graded hips show what the answer depends on, which takes seconds a hip.
        bmd: Of CT, what calibrates densities: mg/cm3 per Hounsfield unit, and at 0 HU; none are measured if not given.
        dicom_seg: Whether labels of femurs in DICOM scans are written as DICOM segmentations too; these repeat the
            patient's and the study's identity, so that an archive files them with the scan.
        thickness: Of CT, whether the cortex' thickness is measured, and written as surfaces and pictures.
        jsw_method: Its `method`: `contour`, to a fraction of a pixel, or `border`, on pixel borders.
        plausibility: Beyond which a measurement's status warns.
        limits: Beyond which a file is not read.
        modalities: DICOM modalities that are radiographs.
        trusted: Beginnings of names of your own that the checkpoints may import.

    Raises:
        HipsegError: If the checkpoint or the files can't be used, or `out` holds predictions.
    """
    if (out / _TABLE).exists():
        raise HipsegError(f"out: {out} holds predictions already ({_TABLE}); name another folder or remove it")
    checkpoints = checkpoint if isinstance(checkpoint, list) else [checkpoint]
    tasks = [load(path, inferer, trusted=trusted, postprocess=postprocess) for path in checkpoints]
    tasks = [task.to(best_device()) if isinstance(task, torch.nn.Module) else task for task in tasks]
    options = _Options(
        jsw_method["method"], plausibility, limits, modalities, spacing_mm, heat, dicom_seg, thickness, bmd
    )
    predictor = _predictor(tasks, checkpoints, locator, trusted, options)
    files = predictor.group(_files(input, predictor))
    rows: list[dict[str, Any]] = []
    try:
        for file in track(files, len(files), "files"):
            name = file.relative_to(input if input.is_dir() and file != input else input.parent).as_posix()
            rows += [{"file": name, **row} for row in predictor.predict(file, name, out)]
    finally:
        predictor.close()
        out.mkdir(parents=True, exist_ok=True)
        table = pd.DataFrame(rows, columns=list(predictor.columns))
        table.to_csv(out / _TABLE, index=False, float_format="%.4f")
    good = int((table["status"] == "ok").sum())
    said = "segmented" if predictor.unit == "images" else "graded" if isinstance(predictor, GradedHips) else "measured"
    print(f"{len(files)} files, {good} {predictor.unit} {said}, {len(table) - good} rows with another status")
    print(f"{out / _TABLE}")
    if isinstance(predictor, GradedHips) and (page := write_heat_page(table, out)) is not None:
        print(f"{page}")


class _Options(NamedTuple):
    """What predictors are told beside their networks; see `predict`."""

    method: Method
    plausibility: Plausible
    limits: Limits
    modalities: tuple[str, ...]
    spacing_mm: tuple[float, ...] | None
    heat: bool
    dicom_seg: bool
    thickness: bool
    bmd: tuple[float, float] | None


def _predictor(
    tasks: Sequence[Any], checkpoints: Sequence[Path], locator: Path | None, trusted: tuple[str, ...], given: _Options
) -> Predictor:
    """What applies networks to files of the kind that they were trained on.

    Raises:
        HipsegError: If the networks don't belong together, or an option is none of theirs.
    """
    record = tasks[0].record
    of_femurs = tuple(record.get("label_names", ())) == FEMUR_LABELS
    for name, why in _OF_FEMURS.items():
        if getattr(given, name) and not of_femurs:
            raise HipsegError(f"{name}: only {why}; leave it out")
    if "crop" in record["dataset"]:
        if len(tasks) > 1:
            raise HipsegError("checkpoint: hips are measured by one checkpoint; give one")
        finder = _finder(record, checkpoints[0], locator, trusted)
        return HipFilms(
            tasks[0], finder, given.method, given.plausibility, given.limits, given.modalities, given.spacing_mm
        )
    require_alike(tasks, checkpoints)
    if "classes" in record["dataset"]:
        finder = network_locator(load_locator, locator, trusted) if locator else None
        task = tasks[0] if len(tasks) == 1 else ensemble(tasks).eval()
        return GradedHips(task, given.limits, heat=given.heat, finder=finder, modalities=given.modalities)
    first = _first_stage(record, checkpoints[0], locator, trusted)
    if of_femurs:
        calibration = None if given.bmd is None else Calibration(*given.bmd)
        return FemurScans(tasks, first, dicom_seg=given.dicom_seg, calibration=calibration, thickness=given.thickness)
    return ImageFiles(tasks, given.limits, given.spacing_mm)


def _finder(
    record: dict[str, Any], checkpoint: Path, locator: Path | None, trusted: tuple[str, ...]
) -> NetworkLocator | None:
    on_joints = record["preprocessing"].get("region") == "joint"
    needs = "joints; name a checkpoint that finds them on films" if on_joints else None
    _require_locator(checkpoint, locator, needs, "films")
    return network_locator(load_locator, locator, trusted) if locator else None


def _first_stage(record: dict[str, Any], checkpoint: Path, locator: Path | None, trusted: tuple[str, ...]) -> Any:
    """The network whose periosteal surfaces enclose what a checkpoint sees; None if it sees whole images."""
    enclosed = bool(record["preprocessing"].get("enclosed"))
    needs = "what periosteal surfaces enclose; name a checkpoint that finds these" if enclosed else None
    _require_locator(checkpoint, locator, needs, "images")
    if locator is None:
        return None
    first = load_locator(locator, trusted)
    if tuple(first.record["label_names"]) != FEMUR_LABELS or first.record["preprocessing"].get("enclosed"):
        raise HipsegError(f"locator: {locator} was not trained on whole femurs")
    return first.to(best_device())


def _require_locator(checkpoint: Path, locator: Path | None, needs: str | None, whole: str) -> None:
    """Refuse a missing locator, or one too many.

    Args:
        checkpoint: Which it is for.
        locator: What was given.
        needs: On what the checkpoint was trained that must be found, and the fix; None if it sees whole images.
        whole: What these are.
    """
    if needs is not None and locator is None:
        raise HipsegError(f"locator: {checkpoint} was trained on {needs}")
    if needs is None and locator is not None:
        raise HipsegError(f"locator: {checkpoint} was trained on whole {whole} and needs none; leave it out")


def _files(input: Path, predictor: Predictor) -> list[Path]:
    """Files of a folder but hidden ones, those that lie among its kind, and what this command wrote there."""
    if input.is_file():
        return [input]
    names = sorted(visible_files(input)) if input.is_dir() else []
    written = [PurePosixPath(name).parent for name in names if _is_table(input / name)]
    ours = {folder / made for folder in written for made in (_TABLE, *_MADE)}
    files = [
        input / name
        for name in names
        if not name.endswith(predictor.passed_over) and not ours & {PurePosixPath(name), *PurePosixPath(name).parents}
    ]
    if not files:
        what = "film" if predictor.unit == "hips" else "image"
        raise HipsegError(f"input: there is no {what} at {input}")
    return files


def _is_table(path: Path) -> bool:
    if path.name != _TABLE:
        return False
    with path.open("rb") as stream:
        return stream.read(5) == b"file,"
