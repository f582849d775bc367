"""Both hips of every film, segmented and measured."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from skimage.io import imsave

from hipseg.data.exclusions import NOT_LOCATED
from hipseg.data.process import DECODER_CRASHED
from hipseg.errors import Excluded
from hipseg.geometry.crop import Crop, HeadCrop, crop_of
from hipseg.inference.hips import HipPrediction, predict_hips
from hipseg.inference.judgement import Surface, measure_hip
from hipseg.inference.locator import NetworkLocator
from hipseg.io.dicom import Film, read_film
from hipseg.io.dicom_file import is_compressed
from hipseg.io.limits import Limits
from hipseg.io.picture_film import is_picture, read_picture
from hipseg.labels.landmarks import SIDES, Points, Side
from hipseg.measure import JointSpace, Method
from hipseg.measure.quality import Plausible
from hipseg.parallel import Crashed, Isolated
from hipseg.prediction.predictor import below
from hipseg.rebuild import intensity_of
from hipseg.report.hip_figures import draw_prediction
from hipseg.transforms.film import PreparedFilm, View, prepare_as, prepare_region
from hipseg.transforms.polarity import corrected
from hipseg.transforms.resample import resample


class HipFilms:
    """A network of hips applied to films.

    Args:
        task: The network, which may be any that has a `record`.
        locator: Finds the heads for a network of joints.
        method: How joint space widths are measured.
        plausibility: Beyond which a measurement's status warns.
        limits: Beyond which a file is not read.
        modalities: DICOM modalities that are radiographs.
        spacing_mm: Millimetres per pixel of films in picture files, once or down and across.
    """

    unit = "hips"
    passed_over: Final = (".pts",)
    columns: Final = (
        "file", "side", "mjsw_mm", "mjsw_unreliable_mm", "head_x_mm", "head_y_mm", "roof_x_mm", "roof_y_mm",
        "labels_x_mm", "labels_y_mm", "labels_spacing_mm", "spacing_mm", "spacing_source", "polarity", "status",
    )  # fmt: skip

    def __init__(
        self,
        task: Any,
        locator: NetworkLocator | None,
        method: Method,
        plausibility: Plausible,
        limits: Limits,
        modalities: tuple[str, ...],
        spacing_mm: tuple[float, ...] | None = None,
    ) -> None:
        self.spacing_mm = spacing_mm
        self.task, self.locator, self.method = task, locator, method
        self.plausibility, self.limits, self.modalities = plausibility, limits, modalities
        self._alone = Isolated()

    def close(self) -> None:
        """End the process that decodes."""
        self._alone.__exit__()

    def group(self, files: list[Path]) -> list[Path]:
        """Every file for itself."""
        return files

    def predict(self, file: Path, name: str, out: Path) -> list[dict[str, Any]]:
        """See `Predictor`."""
        made, crop = self.task.record["preprocessing"], crop_of(self.task.record)
        try:
            film = self._read(file)
            whole, views = _prepare(film, made, self.locator, anywhere=isinstance(crop, HeadCrop))
        except (Excluded, OSError) as error:
            return [{"side": "", "status": error.reason if isinstance(error, Excluded) else "unreadable"}]
        hips = predict_hips(self.task, views, crop, intensity_of(self.task.record))
        found = [self._measure(hip, whole) for hip in hips]
        if hips:
            draw_prediction(hips, found, below(out / "figures", f"{name}.png"))
        for hip in hips:
            imsave(below(out / "labels", f"{name}_{hip.side}.png"), hip.labels, check_contrast=False)
        about = {"spacing_mm": film.spacing.mm, "spacing_source": film.spacing.tag, "polarity": whole.polarity}
        rows = [
            {"side": hip.side, **dict(zip(("mjsw_mm", "mjsw_unreliable_mm"), line.believed_and_not(), strict=True)),
             **line.ends_on_film(partial(_in_file_mm, film, hip)), **_labels_place(film, hip), **about,
             "status": line.status}
            for hip, line in zip(hips, found, strict=True)
        ]  # fmt: skip
        lost = [side for side in SIDES if side not in {hip.side for hip in hips}]
        return rows + [{"side": side, **about, "status": NOT_LOCATED} for side in lost]

    def _read(self, file: Path) -> Film:
        """A film, decoded in a process of its own where a decoder could bring it down."""
        try:
            if is_picture(file):
                film: Film = self._alone.call(read_picture, file, self.spacing_mm, self.limits)
                return film
            if not is_compressed(file):
                return read_film(file, self.modalities, self.limits)
            return self._alone.call(read_film, file, self.modalities, self.limits)
        except Crashed:
            raise Excluded("decoder_crashed", DECODER_CRASHED) from None

    def _measure(self, hip: HipPrediction, whole: PreparedFilm) -> JointSpace:
        mirror, same = hip.side == "left", hip.grid == whole.grid
        image = whole.image if same else resample(whole.image, whole.grid, hip.grid)
        surface = Surface(hip.field.cut(image, mirror).astype(np.float32), whole.quantiles, corrected(whole.polarity))
        fixed = self.locator is None and isinstance(crop_of(self.task.record), Crop)
        middle = hip.field.middle(hip.grid.shape[1]) if fixed else None
        return measure_hip(hip.probabilities, surface, hip.grid.spacing_mm, self.method, self.plausibility, middle)


def _in_file_mm(film: Film, hip: HipPrediction, points_mm: Points) -> Points:
    """Points in mm of what the network saw of a hip, in those of the film's file, whose image may be turned."""
    return film.turned(hip.to_film_mm(points_mm))


def _labels_place(film: Film, hip: HipPrediction) -> dict[str, float]:
    """Where a hip's label map lies: its first pixel's centre in the file's mm; a left hip's rows run to the left."""
    x, y = _in_file_mm(film, hip, np.zeros((1, 2)))[0]
    return {"labels_x_mm": float(x), "labels_y_mm": float(y), "labels_spacing_mm": hip.grid.spacing_mm}


def _prepare(
    film: Film, made: dict[str, Any], locator: NetworkLocator | None, anywhere: bool
) -> tuple[PreparedFilm, dict[Side, View]]:
    """The whole film, and what the network sees: one image for both hips, or one around each head that is located.

    Args:
        film: As read.
        made: How the network's films were prepared.
        locator: What finds heads for a network of joints.
        anywhere: Whether the network finds heads wherever they are, also on films larger than its training's.
    """
    if locator is None:
        whole = prepare_as(made, film.pixels, film.grid, film.padding, any_size=anywhere)
        return whole, whole.views()
    shape = made["rows"], made["columns"]
    overview = locator.prepare(film.pixels, film.grid, film.padding)
    pixels = overview.correct(film.pixels)
    views: dict[Side, View] = {}
    for side, head in locator.find(overview).items():
        if head is not None:
            with suppress(Excluded):  # a region of one grey value is no joint
                views[side] = prepare_region(pixels, film.grid, head, shape, made["spacing_mm"], film.padding)
    return overview, views
