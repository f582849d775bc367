"""`hipseg predict`: a checkpoint applied to films."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal

import pandas as pd
import torch
from omegaconf import DictConfig
from skimage.io import imsave

from hipseg.checkpoint import load, load_locator
from hipseg.data.cohorts import visible_files
from hipseg.data.exclusions import NOT_LOCATED
from hipseg.data.process import DECODER_CRASHED
from hipseg.errors import Excluded, HipsegError
from hipseg.field import Field
from hipseg.inference.device import best_device
from hipseg.inference.hips import HipPrediction, head_circle_of, is_cut, predict_hips
from hipseg.inference.locator import NetworkLocator, network_locator
from hipseg.inference.shifts import Passes
from hipseg.instantiation import call
from hipseg.io.dicom import Film, read_film
from hipseg.io.dicom_file import is_compressed
from hipseg.io.limits import Limits
from hipseg.labels.circle import Circle
from hipseg.labels.landmarks import SIDES, Points, Side
from hipseg.measure import Method, joint_space_width
from hipseg.measure.quality import Plausible
from hipseg.parallel import Crashed, Isolated
from hipseg.progress import track
from hipseg.report.hip_figures import draw_prediction
from hipseg.transforms.film import PreparedFilm, View, prepare_as, prepare_region
from hipseg.transforms.implant import shows_metal
from hipseg.transforms.polarity import corrected

_COLUMNS: Final = (
    "file", "side", "mjsw_mm", "mjsw_unreliable_mm", "head_x_mm", "head_y_mm", "roof_x_mm", "roof_y_mm", "spacing_mm",
    "spacing_source", "polarity", "status",
)  # fmt: skip
_TABLE: Final = "predictions.csv"
_MADE: Final = ("labels", "figures")


def run(config: DictConfig) -> None:
    """Run the command on its configuration."""
    call(predict, config)


def predict(
    checkpoint: Path,
    locator: Path | None,
    passes: Passes | None,
    input: Path,
    out: Path,
    measure: Mapping[Literal["method"], Method],
    plausible: Plausible,
    limits: Limits,
    modalities: tuple[str, ...],
    trusted: tuple[str, ...],
) -> None:
    """Segment and measure both hips of every film.

    Args:
        checkpoint: Of `hipseg train`.
        locator: For a checkpoint trained on joints: one trained on whole films, which finds them.
        passes: Over how many places of an image the network's answers are averaged; as in its run's test if not given.
        input: A DICOM file, or a folder that is searched for files at any depth.
        out: Folder for `predictions.csv`, a label map a hip (PNG, labels 0 to 3, left hips mirrored) and a picture a
            film, in folders as the films'.
        measure: Its `method`: `contour`, to a fraction of a pixel, or `border`, on pixel borders.
        plausible: Beyond which a measurement's status warns.
        limits: Beyond which a file is not read.
        modalities: DICOM modalities that are radiographs.
        trusted: Beginnings of names of your own that the checkpoints may import.

    Raises:
        HipsegError: If the checkpoint or the films can't be used, or `out` holds predictions.
    """
    if (out / _TABLE).exists():
        raise HipsegError(f"out: {out} holds predictions already ({_TABLE}); name another folder or remove it")
    files = _films(input)
    task = load(checkpoint, passes, trusted=trusted)
    if isinstance(task, torch.nn.Module):
        task = task.to(best_device())
    finder = _finder(task.record, checkpoint, locator, trusted)
    rows: list[dict[str, Any]] = []
    alone = Isolated()
    try:
        for file in track(files, len(files), "films"):
            name = file.relative_to(input if input.is_dir() else input.parent).as_posix()
            found = _predict_film(
                task, finder, file, name, out, measure["method"], plausible, limits, modalities, alone
            )
            rows += [{"file": name, **row} for row in found]
    finally:
        alone.__exit__()
        out.mkdir(parents=True, exist_ok=True)
        table = pd.DataFrame(rows, columns=list(_COLUMNS))
        table.to_csv(out / _TABLE, index=False, float_format="%.4f")
    measured = int((table["status"] == "ok").sum())
    print(f"{len(files)} files, {measured} hips measured, {len(table) - measured} rows with another status")
    print(f"{out / _TABLE}")


def _finder(
    record: dict[str, Any], checkpoint: Path, locator: Path | None, trusted: tuple[str, ...]
) -> NetworkLocator | None:
    on_joints = record["preprocessing"].get("region") == "joint"
    if on_joints and locator is None:
        raise HipsegError(f"locator: {checkpoint} was trained on joints; name a checkpoint that finds them on films")
    if not on_joints and locator is not None:
        raise HipsegError(f"locator: {checkpoint} was trained on whole films and needs none; leave it out")
    loading = partial(load_locator, trusted=trusted) if trusted else load_locator
    return network_locator(loading, locator) if locator else None


def _films(input: Path) -> list[Path]:
    """Files that may be films: those of a folder but hidden ones, points files and what this command wrote there."""
    if input.is_file():
        return [input]
    names = sorted(visible_files(input)) if input.is_dir() else []
    written = [PurePosixPath(name).parent for name in names if _is_table(input / name)]
    ours = {folder / made for folder in written for made in (_TABLE, *_MADE)}
    files = [
        input / name
        for name in names
        if not name.endswith(".pts") and not ours & {PurePosixPath(name), *PurePosixPath(name).parents}
    ]
    if not files:
        raise HipsegError(f"input: there is no film at {input}")
    return files


def _is_table(path: Path) -> bool:
    if path.name != _TABLE:
        return False
    with path.open("rb") as stream:
        return stream.read(10) == b"file,side,"


def _predict_film(
    task: Any, locator: NetworkLocator | None, file: Path, name: str, out: Path, measure: Method,
    plausible: Plausible, limits: Limits, modalities: tuple[str, ...], alone: Isolated,
) -> list[dict[str, Any]]:  # fmt: skip
    made, field = task.record["preprocessing"], Field(**task.record["field"])
    try:
        film = _read(file, modalities, limits, alone)
        whole, views = _prepare(film, made, locator)
    except (Excluded, OSError) as error:
        return [{"side": "", "status": error.reason if isinstance(error, Excluded) else "unreadable"}]
    hips = predict_hips(task, views, field)
    found = []
    for hip in hips:
        joint = joint_space_width(hip.probabilities, made["spacing_mm"], measure)
        head = head_circle_of(joint, hip.probabilities, made["spacing_mm"])
        across = field.beyond_middle(joint.on_head_mm[0] / made["spacing_mm"], hip.grid.shape[1])
        found.append(
            plausible.judge(
                joint, corrected(whole.polarity), other_side=locator is None and across,
                implant=_is_metal(head, hip, whole),
                cut=is_cut(head, field, film.grid, hip.grid, hip.side == "left"),
            )
        )  # fmt: skip
    if hips:
        draw_prediction(hips, found, _below(out / "figures", f"{name}.png"))
    for hip in hips:
        imsave(_below(out / "labels", f"{name}_{hip.side}.png"), hip.labels, check_contrast=False)
    about = {
        "spacing_mm": film.spacing.mm, "spacing_source": film.spacing.tag, "polarity": whole.polarity,
    }  # fmt: skip
    rows = [
        {"side": hip.side, "mjsw_mm" if line.status == "ok" else "mjsw_unreliable_mm": line.mjsw_mm,
         **line.ends_on_film(partial(_in_file_mm, film, hip)), **about, "status": line.status}
        for hip, line in zip(hips, found, strict=True)
    ]  # fmt: skip
    lost = [side for side in SIDES if side not in views]
    return rows + [{"side": side, **about, "status": NOT_LOCATED} for side in lost]


def _in_file_mm(film: Film, hip: HipPrediction, points_mm: Points) -> Points:
    """Points in mm of what the network saw of a hip, in those of the film's file, whose image may be turned."""
    return film.turned(hip.to_film_mm(points_mm))


def _read(file: Path, modalities: tuple[str, ...], limits: Limits, alone: Isolated) -> Film:
    """A film, decoded in a process of its own where a decoder could bring it down."""
    if not is_compressed(file):
        return read_film(file, modalities, limits)
    try:
        return alone.call(read_film, file, modalities, limits)
    except Crashed:
        raise Excluded("decoder_crashed", DECODER_CRASHED) from None


def _is_metal(head: Circle | None, hip: HipPrediction, whole: PreparedFilm) -> bool:
    """Whether a head, in mm of what the network saw of a hip, is of metal on its whole film."""
    if head is None:
        return False
    x, y = whole.grid.to_pixels(hip.to_film_mm(head.centre))
    return shows_metal(whole.raw, whole.levels, Circle(x, y, head.radius / whole.grid.spacing_mm))


def _below(folder: Path, name: str) -> Path:
    """A file in a folder that exists then."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _prepare(film: Film, made: dict[str, Any], locator: NetworkLocator | None) -> tuple[PreparedFilm, dict[Side, View]]:
    """The whole film, and what the network sees: one image for both hips, or one around each head that is located."""
    if locator is None:
        whole = prepare_as(made, film.pixels, film.grid, film.padding)
        return whole, whole.views()
    shape, percentiles = (made["rows"], made["columns"]), tuple(made["percentiles"])
    overview = locator.prepare(film.pixels, film.grid, film.padding)
    pixels = overview.correct(film.pixels)
    views: dict[Side, View] = {}
    for side, head in locator.find(overview).items():
        if head is not None:
            with suppress(Excluded):  # a region of one grey value is no joint
                views[side] = prepare_region(
                    pixels, film.grid, head, shape, made["spacing_mm"], percentiles, film.padding
                )
    return overview, views
