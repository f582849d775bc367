"""Images of any kind, segmented on their own grid by one network or the mean of several."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from hipseg.errors import Excluded
from hipseg.io.images import ENDINGS, image_ending, read_image_file, write_image_file
from hipseg.io.limits import Limits
from hipseg.parallel import Crashed, Isolated
from hipseg.prediction.predictor import below
from hipseg.report.case_figures import draw_labels
from hipseg.transforms.prepare_image import prepare_image

_KEEPS_SPACING: Final = (".nii.gz", ".nii", ".mha", ".mhd", ".nrrd")


class ImageFiles:
    """Networks of images applied to image files; of several the mean probability decides.

    Args:
        tasks: Networks with a `record`, all of one plan.
        limits: Beyond which a file is not read.
        spacing_mm: Down and across, of files that state none.
    """

    unit = "images"
    passed_over: Final = (".json", ".csv", ".txt", ".pts")

    def __init__(self, tasks: Sequence[Any], limits: Limits, spacing_mm: tuple[float, ...] | None) -> None:
        self.tasks, self.limits, self.spacing_mm = tuple(tasks), limits, spacing_mm
        self.names: list[str] = list(tasks[0].record["label_names"])
        self._alone = Isolated()

    @property
    def columns(self) -> tuple[str, ...]:
        """The area or volume of every label, and the image's spacing."""
        return ("file", *(f"size_{name}" for name in self.names[1:]), "unit", "spacing_mm", "status")

    def close(self) -> None:
        """End the process that reads."""
        self._alone.__exit__()

    def predict(self, file: Path, name: str, out: Path) -> list[dict[str, Any]]:
        """See `Predictor`."""
        try:
            image = self._alone.call(read_image_file, file, self.limits)
            spacing = image.spacing_mm or self.spacing_mm
            self._require(image.pixels, spacing)
        except Excluded as error:
            return [{"status": error.reason}]
        except Crashed:
            return [{"status": "decoder_crashed"}]
        except OSError:
            return [{"status": "unreadable"}]
        assert spacing is not None
        labels = self._label(image.pixels, spacing)
        ending = image_ending(file)
        # A lossy format, or one without grey values, would change labels.
        kept = ending if ending in (*_KEEPS_SPACING, ".png", ".tif", ".tiff") else ".png"
        stem = name[: -len(ending)] if ending else name
        write_image_file(below(out / "labels", f"{stem}{kept}"), labels, spacing if kept in _KEEPS_SPACING else None)
        if labels.ndim == 2:
            draw_labels(image.pixels[0].astype(np.float32), labels, self.names, below(out / "figures", f"{name}.png"))
        pixel = float(np.prod(spacing))
        sizes = {f"size_{n}": float((labels == i).sum()) * pixel for i, n in enumerate(self.names) if i > 0}
        unit = {2: "mm2", 3: "mm3"}[labels.ndim]
        stated = " x ".join(f"{mm:g}" for mm in spacing)
        return [{**sizes, "unit": unit, "spacing_mm": stated, "status": "ok"}]

    def _require(self, pixels: NDArray[Any], spacing: tuple[float, ...] | None) -> None:
        """Refuse an image that the networks can't take."""
        known = self.tasks[0].record
        if pixels.shape[0] != known["input"]["channels"]:
            raise Excluded("channels_differ", f"it has {pixels.shape[0]} channels")
        axes = len(known["dataset"]["spacing_mm"])
        if pixels.ndim != axes + 1:
            raise Excluded("axes_differ", f"it has {pixels.ndim - 1} axes")
        if spacing is None or len(spacing) != axes:
            raise Excluded("spacing_missing", "neither the file nor spacing_mm states its spacing")
        if float(pixels.min()) == float(pixels.max()):
            raise Excluded("constant", "it has one grey value")

    def _label(self, pixels: NDArray[Any], spacing: tuple[float, ...]) -> NDArray[np.uint8]:
        """The label map (...) on the image's own grid."""
        size, planned = pixels.shape[1:], self.tasks[0].record["dataset"]["spacing_mm"]
        image = torch.from_numpy(prepare_image(pixels, spacing, planned))[None]
        with torch.inference_mode():
            total = torch.zeros(())
            for task in self.tasks:
                total = total + task(image.to(task.device)).cpu()
            mode = {2: "bilinear", 3: "trilinear"}[len(size)]
            found = F.interpolate(total / len(self.tasks), size, mode=mode, align_corners=False)
            if self.tasks[0].postprocess is not None:
                found = self.tasks[0].postprocess(found)
        return np.asarray(found[0].argmax(dim=0).numpy(), dtype=np.uint8)


def may_be_image(path: Path) -> bool:
    """Whether a file's name is that of an image."""
    return image_ending(path) in ENDINGS
