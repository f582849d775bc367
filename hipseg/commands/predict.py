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
from hipseg.instantiation import call
from hipseg.io.dicom import read_film
from hipseg.measure import Method, joint_space_width
from hipseg.measure.quality import Plausible
from hipseg.progress import track
from hipseg.report.hip_figures import draw_prediction
from hipseg.transforms.film import prepare_film
from hipseg.transforms.polarity import check_polarity


def run(config: DictConfig) -> None:
    """Run the command on its configuration."""
    call(predict, config)


def predict(
    checkpoint: Path, input: Path, out: Path, measure: Method, plausible: Plausible, modalities: tuple[str, ...]
) -> None:
    """Segment and measure both hips of every film.

    Args:
        checkpoint: Of `hipseg train`.
        input: A DICOM file, or a folder that is searched for files at any depth.
        out: Folder for `predictions.csv`, a label map a hip (PNG, labels 0 to 3, left hips mirrored), a picture a film.
        measure: `contour`, to a fraction of a pixel, or `border`, on pixel borders.
        plausible: Beyond which a measurement's status warns.
        modalities: DICOM modalities that are radiographs.
    """
    task = load(checkpoint)
    files = _films(input)
    (out / "labels").mkdir(parents=True, exist_ok=True)
    (out / "figures").mkdir(exist_ok=True)
    rows = []
    for file in track(files, len(files), "films"):
        name = "_".join(file.relative_to(input if input.is_dir() else input.parent).parts)
        try:
            found = _predict_film(task, file, name, out, measure, plausible, modalities)
            rows += [{"file": name, **row} for row in found]
        except (Excluded, OSError) as error:
            reason = error.reason if isinstance(error, Excluded) else "unreadable"
            rows.append({"file": name, "side": "", "status": reason})
    table = pd.DataFrame(rows)
    table.to_csv(out / "predictions.csv", index=False, float_format="%.4f")
    measured = int((table["status"] == "ok").sum())
    print(f"{len(files)} files, {measured} hips measured, {len(table) - measured} rows with another status")
    print(f"{out / 'predictions.csv'}")


def _films(input: Path) -> list[Path]:
    if input.is_file():
        return [input]
    files = sorted(path for path in input.rglob("*") if path.is_file() and path.suffix != ".pts")
    if not files:
        raise HipsegError(f"input: there is no film at {input}")
    return files


def _predict_film(
    task: Any, file: Path, name: str, out: Path, measure: Method, plausible: Plausible, modalities: tuple[str, ...]
) -> list[dict[str, Any]]:
    made, field = task.record["preprocessing"], Field(**task.record["field"])
    film = read_film(file, modalities)
    shape, percentiles = (made["rows"], made["columns"]), tuple(made["percentiles"])
    prepared = prepare_film(film.pixels, film.grid, shape, made["spacing_mm"], percentiles)
    hips = predict_hips(task, prepared, field)
    polarity = check_polarity(prepared.image, made["spacing_mm"])
    found = [
        plausible.judge(joint_space_width(hip.probabilities, made["spacing_mm"], measure), polarity) for hip in hips
    ]
    draw_prediction(hips, found, out / "figures" / f"{name}.png")
    for hip in hips:
        imsave(out / "labels" / f"{name}_{hip.side}.png", hip.labels, check_contrast=False)
    return [
        {"side": hip.side, "mjsw_mm": line.mjsw_mm, **line.ends_on_film(hip.to_film_mm),
         "polarity": prepared.polarity, "status": line.status}
        for hip, line in zip(hips, found, strict=True)
    ]  # fmt: skip
