"""`hipseg predict`: a checkpoint applied to films."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from omegaconf import DictConfig
from skimage.io import imsave

from hipseg.checkpoint import load
from hipseg.errors import Excluded, HipsegError
from hipseg.field import Field
from hipseg.inference.hips import predict_hips
from hipseg.inference.locator import NetworkLocator
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
        out: Folder for `predictions.csv`, a label map a hip (PNG, labels 0 to 3, left hips mirrored), a picture a film.
        measure: `contour`, to a fraction of a pixel, or `border`, on pixel borders.
        plausible: Beyond which a measurement's status warns.
        modalities: DICOM modalities that are radiographs.
    """
    task = load(checkpoint, passes)
    finder = _finder(task.record, checkpoint, locator)
    files = _films(input)
    (out / "labels").mkdir(parents=True, exist_ok=True)
    (out / "figures").mkdir(exist_ok=True)
    rows = []
    for file in track(files, len(files), "films"):
        name = "_".join(file.relative_to(input if input.is_dir() else input.parent).parts)
        try:
            found = _predict_film(task, finder, file, name, out, measure, plausible, modalities)
            rows += [{"file": name, **row} for row in found]
        except (Excluded, OSError) as error:
            reason = error.reason if isinstance(error, Excluded) else "unreadable"
            rows.append({"file": name, "side": "", "status": reason})
    table = pd.DataFrame(rows)
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
    return NetworkLocator(load, locator) if locator else None


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
    film = read_film(file, modalities)
    polarity, views = _prepare(film, made, locator)
    hips = predict_hips(task, views, field)
    measured = [joint_space_width(hip.probabilities, made["spacing_mm"], measure) for hip in hips]
    found = [plausible.judge(joint, corrected(polarity)) for joint in measured]
    if hips:
        draw_prediction(hips, found, out / "figures" / f"{name}.png")
    for hip in hips:
        imsave(out / "labels" / f"{name}_{hip.side}.png", hip.labels, check_contrast=False)
    rows = [
        {"side": hip.side, "mjsw_mm": line.mjsw_mm, **line.ends_on_film(hip.to_film_mm),
         "polarity": polarity, "status": line.status}
        for hip, line in zip(hips, found, strict=True)
    ]  # fmt: skip
    lost = [side for side in SIDES if side not in views]
    return rows + [{"side": side, "polarity": polarity, "status": "no_femoral_head"} for side in lost]


def _prepare(film: Film, made: dict[str, Any], locator: NetworkLocator | None) -> tuple[Polarity, dict[Side, View]]:
    """The film as its network sees it: one image for both hips, or one around each head that the locator finds."""
    if locator is None:
        whole = prepare_as(made, film.pixels, film.grid)
        return whole.polarity, whole.views()
    shape, percentiles = (made["rows"], made["columns"]), tuple(made["percentiles"])
    overview = locator.prepare(film.pixels, film.grid)
    pixels = overview.correct(film.pixels)
    views = {
        side: prepare_region(pixels, film.grid, head, shape, made["spacing_mm"], percentiles)
        for side, head in locator.find(overview).items()
        if head is not None
    }
    return overview.polarity, views
