"""Networks that grade hips applied to pictures of single hips, radiographs and CT scans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from hipseg.data.sources import ct_ap
from hipseg.data.sources.film_hips import SOURCE, found_head
from hipseg.errors import Excluded
from hipseg.inference.heads import HeadLocator
from hipseg.inference.saliency import hires_cam, occlusion
from hipseg.io.dicom import read_film
from hipseg.io.images import read_image_file
from hipseg.io.limits import Limits
from hipseg.io.picture_film import grey, is_picture
from hipseg.labels.circle import Circle
from hipseg.labels.landmarks import SIDES
from hipseg.parallel import Crashed, Isolated
from hipseg.prediction.predictor import below
from hipseg.prediction.scan_groups import is_ct, whole_scan
from hipseg.report.heat_figures import Heated, draw_heat
from hipseg.transforms.film import PreparedFilm
from hipseg.transforms.hip_square import FILM_EDGE_MM, hip_square
from hipseg.transforms.implant import shows_metal
from hipseg.transforms.picture import prepare_picture, share_of

_HEAD_MM: Final = 24.0  # an adult head's radius on a film
_STATUS: Final = {"points_outside": "cut"}
_LAYER: Final = "layer3"  # of a residual network: the last has 4 x 4 places in a picture of 128 x 128
_PATCHES: Final = 7  # along an edge, that occlusion covers in turn
_STEPS: Final = 2  # in which the cover moves by its own length


class FoundHip(NamedTuple):
    """One hip of a file.

    Attributes:
        side: Empty where nothing says it.
        cohort: Whose training pictures it is most like.
        pixels: (rows, columns) grey values, as if it were a right hip; None if there is nothing to grade.
        status: `ok`, or why it can't be graded or believed.
    """

    side: str
    cohort: str
    pixels: NDArray[Any] | None
    status: str


class GradedHips:
    """A network that grades, or the mean of several.

    Args:
        task: With a `record`.
        limits: Beyond which a file is not read.
        heat: Whether pictures show what the answer depends on.
        finder: Finds the heads on radiographs; these are not graded if None.
        modalities: DICOM modalities that are radiographs.
    """

    unit = "hips"
    passed_over: Final = (".json", ".csv", ".txt", ".pts", ".md")

    def __init__(
        self, task: Any, limits: Limits, *, heat: bool, finder: HeadLocator | None, modalities: tuple[str, ...]
    ) -> None:
        self.task, self.limits, self.heat = task, limits, heat
        self.finder, self.modalities = finder, modalities
        self._dataset: Mapping[str, Any] = task.record["dataset"]
        self._classes: list[str] = list(task.record["label_names"])
        self._alone = Isolated()

    @property
    def columns(self) -> tuple[str, ...]:
        """The probability of every class, and of being positive, with what is called so."""
        each = (f"probability_{name}" for name in self._classes)
        return ("file", "side", *each, "probability", "threshold", "positive", "class", "status")

    def close(self) -> None:
        """End the process that reads."""
        self._alone.__exit__()

    def group(self, files: list[Path]) -> list[Path]:
        """Slices of a CT by their folder, every other file for itself."""
        return list(dict.fromkeys(whole_scan(file) if _in_ct(file) else file for file in files))

    def predict(self, file: Path, name: str, out: Path) -> list[dict[str, Any]]:
        """See `Predictor`."""
        rows = []
        for hip in self._find(file, name, out):
            row: dict[str, Any] = {"side": hip.side, "status": hip.status}
            if hip.pixels is not None:
                picture = self._picture(hip.pixels, hip.cohort)
                probabilities = self._answer(picture)
                if hip.status == "ok":
                    row |= self._columns_of(probabilities)
                if self.heat:
                    ending = f"_{hip.side}" if hip.side else ""
                    self._draw(picture, probabilities, hip.status, below(out / "figures", f"{name}{ending}.png"))
            rows.append(row)
        return rows

    def _find(self, file: Path, name: str, out: Path) -> Sequence[FoundHip]:
        if file.is_dir() or _in_ct(file):
            return self._in_scan(file, below(out / "figures", f"{name}_from_in_front.png"))
        if not is_picture(file):
            return self._on_film(file)
        try:
            pixels = grey(self._alone.call(read_image_file, file, self.limits).pixels)
        except Excluded as error:
            return [FoundHip("", "", None, error.reason)]
        except Crashed:
            return [FoundHip("", "", None, "decoder_crashed")]
        except OSError:
            return [FoundHip("", "", None, "unreadable")]
        if pixels.ndim != 3:
            return [FoundHip("", "", None, "unknown_format")]
        flat = float(pixels.min()) == float(pixels.max())
        return [FoundHip("", "", None if flat else pixels[0], "constant" if flat else "ok")]

    def _on_film(self, file: Path) -> Sequence[FoundHip]:
        """Both hips of a radiograph; those that are not found, cut or hold metal have a status."""
        try:
            film = self._alone.call(read_film, file, self.modalities, self.limits)
            if self.finder is None:
                return [FoundHip("", "", None, "no_locator")]
            whole = self.finder.prepare(film.pixels, film.grid, film.padding)
        except (Excluded, Crashed, OSError) as error:
            return [FoundHip("", "", None, _reason(error))]
        hips, pixels = list[FoundHip](), whole.correct(film.pixels)
        for side in SIDES:
            try:
                centre = found_head(self.finder, whole, side)
                edge = int(self._dataset["pixels"])
                square = hip_square(pixels, film.grid, centre, FILM_EDGE_MM, 2 * edge, side == "left")
                hips.append(FoundHip(side, self._film_cohort, square, self._metal(whole, centre)))
            except Excluded as error:
                hips.append(FoundHip(side, "", None, _STATUS.get(error.reason, error.reason)))
        return hips

    def _in_scan(self, file: Path, figure: Path) -> Sequence[FoundHip]:
        """Both hips of a CT, seen as the training pictures were; a figure shows the whole of it from in front."""
        made = self._made_by(ct_ap.SOURCE)
        try:
            seen = self._alone.call(ct_ap.see_scan, file, made.get("projection", "sum"))
        except (Excluded, Crashed, OSError) as error:
            return [FoundHip("", "", None, _reason(error))]
        seen.draw(figure)
        hips = list[FoundHip]()
        for side in SIDES:
            try:
                square = seen.square(side, 2 * int(self._dataset["pixels"]))
                hips.append(FoundHip(side, str(made.get("dataset", ct_ap.SOURCE)), square,
                                     "implant" if seen.metal[side] else "ok"))  # fmt: skip
            except Excluded as error:
                hips.append(FoundHip(side, "", None, _STATUS.get(error.reason, error.reason)))
        return hips

    def _made_by(self, source: str) -> Mapping[str, Any]:
        """How the training pictures of a source were made; empty where none are."""
        made = self.task.record["preprocessing"]
        return next((each for each in made.get("joined", [made]) if each.get("source") == source), {})

    @property
    def _film_cohort(self) -> str:
        """Of the training pictures, the cohort that came from films."""
        return str(self._made_by(SOURCE).get("dataset", ""))

    def _metal(self, whole: PreparedFilm, centre: tuple[float, float]) -> str:
        """`implant` where the head is metal, else `ok`."""
        x, y = whole.grid.to_pixels(np.asarray(centre))
        circle = Circle(float(x), float(y), _HEAD_MM / whole.grid.spacing_mm)
        return "implant" if shows_metal(whole.image, whole.levels, circle) else "ok"

    def _picture(self, pixels: NDArray[Any], cohort: str) -> NDArray[np.float32]:
        saturation, coarse = self._dataset.get("saturation", 0.0), self._dataset.get("coarse") or {}
        # As in training; what nothing says is taken for a radiograph, whose ends are saturated.
        known = bool(cohort) or not isinstance(saturation, Mapping)
        share = share_of(saturation, cohort, otherwise=0.0 if known else max(saturation.values(), default=0.0))
        return prepare_picture(pixels, int(self._dataset["pixels"]), share, coarse.get(cohort))

    def _answer(self, picture: NDArray[np.float32]) -> NDArray[np.float64]:
        with torch.no_grad():
            found: NDArray[np.float64] = self.task(self._image(picture))[0].double().cpu().numpy()
        return found

    def _image(self, picture: NDArray[np.float32]) -> torch.Tensor:
        return torch.from_numpy(picture)[None, None].to(self.task.device)

    def _columns_of(self, probabilities: NDArray[np.float64]) -> dict[str, Any]:
        positive = float(probabilities[self.task.positive_from :].sum())
        threshold = float(self.task.threshold)
        each = {f"probability_{name}": p for name, p in zip(self._classes, probabilities.tolist(), strict=True)}
        called = {"probability": positive, "threshold": threshold, "positive": int(positive >= threshold)}
        return {**each, **called, "class": self._classes[int(probabilities.argmax())]}

    def _draw(self, picture: NDArray[np.float32], probabilities: NDArray[np.float64], status: str, path: Path) -> None:
        positive = float(probabilities[self.task.positive_from :].sum())
        maps = heat_maps(self.task, self._image(picture))
        said = f"probability {positive:.2f}, threshold {float(self.task.threshold):.2f}"
        draw_heat(Heated(picture, maps, said if status == "ok" else f"{said}, status {status}"), path)


def _in_ct(file: Path) -> bool:
    """Whether a file is a CT's; pictures are not opened to see."""
    return not is_picture(file) and is_ct(file)


def _reason(error: Exception) -> str:
    """Why a file can't be read, as a status."""
    if isinstance(error, Crashed):
        return "decoder_crashed"
    return error.reason if isinstance(error, Excluded) else "unreadable"


def heat_maps(task: Any, image: torch.Tensor) -> dict[str, NDArray[np.float32]]:
    """Where an image (1, 1, rows, columns) holds what makes it positive: by covering it, and by gradients.

    Of several networks gradients are those of the first; where it has no layer of that name, there are none.
    """

    def score(images: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return torch.as_tensor(task.positive(task(images)))

    patch = max(image.shape[-1] // _PATCHES, 1)
    maps = {"occlusion": occlusion(score, image, patch, max(patch // _STEPS, 1))}
    if hasattr(task.network, _LAYER):
        maps["HiResCAM"] = hires_cam(
            task.network, image, _LAYER, lambda logits: task.positive(torch.softmax(logits, dim=1)).logit()
        )
    return maps
