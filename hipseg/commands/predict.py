"""`hipseg predict`: a checkpoint applied to films."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pandas as pd
from omegaconf import DictConfig
from skimage.io import imsave

from hipseg.checkpoint import load, load_locator
from hipseg.data.exclusions import NOT_LOCATED
from hipseg.errors import Excluded, HipsegError
from hipseg.field import Field
from hipseg.inference.hips import predict_hips
from hipseg.inference.locator import NetworkLocator, network_locator
from hipseg.inference.shifts import Passes
from hipseg.instantiation import call
from hipseg.io.dicom import Film, read_film
from hipseg.labels.landmarks import SIDES, Side
from hipseg.measure import Method, joint_space_width
from hipseg.measure.quality import Plausible
from hipseg.progress import track
from hipseg.report.hip_figures import draw_prediction
from hipseg.transforms.film import View, prepare_as, prepare_region
from hipseg.transforms.polarity import Polarity, corrected

_COLUMNS: Final = (
    "file", "side", "mjsw_mm", "head_x_mm", "head_y_mm", "roof_x_mm", "roof_y_mm", "polarity", "status",
)  # fmt: skip


def run(config: DictConfig) -> None:
    """Run the command on its configuration."""
    call(predict, config)


def predict(
    checkpoint: Path,
    locator: Path | None,
    passes: Passes | None,
    input: Path,
    out: Path,
    measure: Method,
    plausible: Plausible,
    modalities: tuple[str, ...],
) -> None:
    """Segment and measure both hips of every film.

    Args:
        checkpoint: Of `hipseg train`.
        locator: For a checkpoint trained on joints: one trained on whole films, which finds them.
        passes: Over how many places of an image the network's answers are averaged; as in its run's test if not given.
        input: A DICOM file, or a folder that is searched for files at any depth.
        out: Folder for `predictions.csv`, a label map a hip (PNG, labels 0 to 3, left hips mirrored) and a picture a
            film, in folders as the films'.
        measure: `contour`, to a fraction of a pixel, or `border`, on pixel borders.
        plausible: Beyond which a measurement's status warns.
        modalities: DICOM modalities that are radiographs.
    """
    task = load(checkpoint, passes)
    finder = _finder(task.record, checkpoint, locator)
    files = _films(input)
    rows: list[dict[str, Any]] = []
    try:
        for file in track(files, len(files), "films"):
            name = file.relative_to(input if input.is_dir() else input.parent).as_posix()
            found = _predict_film(task, finder, file, name, out, measure, plausible, modalities)
            rows += [{"file": name, **row} for row in found]
    finally:
        out.mkdir(parents=True, exist_ok=True)
        table = pd.DataFrame(rows, columns=list(_COLUMNS))
        table.to_csv(out / "predictions.csv", index=False, float_format="%.4f")
    measured = int((table["status"] == "ok").sum())
    print(f"{len(files)} files, {measured} hips measured, {len(table) - measured} rows with another status")
    print(f"{out / 'predictions.csv'}")


def _finder(record: dict[str, Any], checkpoint: Path, locator: Path | None) -> NetworkLocator | None:
    on_joints = record["preprocessing"].get("region") == "joint"
    if on_joints and locator is None:
        raise HipsegError(f"locator: {checkpoint} was trained on joints; name a checkpoint that finds them on films")
    if not on_joints and locator is not None:
        raise HipsegError(f"locator: {checkpoint} was trained on whole films and needs none; leave it out")
    return network_locator(load_locator, locator) if locator else None


def _films(input: Path) -> list[Path]:
    if input.is_file():
        return [input]
    files = sorted(path for path in input.rglob("*") if path.is_file() and path.suffix != ".pts")
    if not files:
        raise HipsegError(f"input: there is no film at {input}")
    return files


def _predict_film(
    task: Any, locator: NetworkLocator | None, file: Path, name: str, out: Path, measure: Method,
    plausible: Plausible, modalities: tuple[str, ...],
) -> list[dict[str, Any]]:  # fmt: skip
    made, field = task.record["preprocessing"], Field(**task.record["field"])
    try:
        film = read_film(file, modalities)
        polarity, views = _prepare(film, made, locator)
    except (Excluded, OSError) as error:
        return [{"side": "", "status": error.reason if isinstance(error, Excluded) else "unreadable"}]
    hips = predict_hips(task, views, field)
    found = []
    for hip in hips:
        joint = joint_space_width(hip.probabilities, made["spacing_mm"], measure)
        across = field.beyond_middle(joint.on_head_mm[0] / made["spacing_mm"], hip.grid.shape[1])
        found.append(plausible.judge(joint, corrected(polarity), other_side=locator is None and across))
    if hips:
        draw_prediction(hips, found, _below(out / "figures", f"{name}.png"))
    for hip in hips:
        imsave(_below(out / "labels", f"{name}_{hip.side}.png"), hip.labels, check_contrast=False)
    rows = [
        {"side": hip.side, "mjsw_mm": line.mjsw_mm, **line.ends_on_film(hip.to_film_mm),
         "polarity": polarity, "status": line.status}
        for hip, line in zip(hips, found, strict=True)
    ]  # fmt: skip
    lost = [side for side in SIDES if side not in views]
    return rows + [{"side": side, "polarity": polarity, "status": NOT_LOCATED} for side in lost]


def _below(folder: Path, name: str) -> Path:
    """A file in a folder that exists then."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _prepare(film: Film, made: dict[str, Any], locator: NetworkLocator | None) -> tuple[Polarity, dict[Side, View]]:
    """The film as its network sees it: one image for both hips, or one around each head that the locator finds."""
    if locator is None:
        whole = prepare_as(made, film.pixels, film.grid)
        return whole.polarity, whole.views()
    shape, percentiles = (made["rows"], made["columns"]), tuple(made["percentiles"])
    overview = locator.prepare(film.pixels, film.grid)
    pixels = overview.correct(film.pixels)
    views: dict[Side, View] = {}
    for side, head in locator.find(overview).items():
        if head is not None:
            with suppress(Excluded):  # a region of one grey value is no joint
                views[side] = prepare_region(pixels, film.grid, head, shape, made["spacing_mm"], percentiles)
    return overview.polarity, views
