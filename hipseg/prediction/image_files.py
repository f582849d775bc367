"""Images of any kind, segmented on their own grid by one network or the mean of several."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hipseg.data.sources.case_files import image_spacing
from hipseg.errors import Excluded
from hipseg.io.images import STATES_SPACING, ImageFile, image_ending, read_image_file, write_image_file
from hipseg.io.limits import Limits
from hipseg.parallel import Crashed, Isolated
from hipseg.prediction.mean_labels import mean_labels
from hipseg.prediction.predictor import below
from hipseg.report.case_figures import draw_labels


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

    def group(self, files: list[Path]) -> list[Path]:
        """Every file for itself."""
        return files

    def predict(self, file: Path, name: str, out: Path) -> list[dict[str, Any]]:
        """See `Predictor`."""
        if self._is_later_channel(file):
            return []
        try:
            image = self._read(file)
            self._require(image.pixels)
            spacing = image_spacing(file, None, image.spacing_mm, self.spacing_mm, image.pixels.ndim - 1)
        except Excluded as error:
            return [{"status": error.reason}]
        except Crashed:
            return [{"status": "decoder_crashed"}]
        except OSError:
            return [{"status": "unreadable"}]
        labels = mean_labels(self.tasks, image.pixels, spacing)
        ending = image_ending(file)
        # A lossy format, or one without grey values, would change labels.
        kept = ending if ending in (*STATES_SPACING, ".png", ".tif", ".tiff") else ".png"
        made = name if kept == ending else f"{name}{kept}"
        write_image_file(below(out / "labels", made), labels, None, like=file if kept in STATES_SPACING else None)
        if labels.ndim == 2:
            draw_labels(image.pixels[0].astype(np.float32), labels, self.names, below(out / "figures", f"{name}.png"))
        pixel = float(np.prod(spacing))
        sizes = {f"size_{n}": float((labels == i).sum()) * pixel for i, n in enumerate(self.names) if i > 0}
        unit = {2: "mm2", 3: "mm3"}[labels.ndim]
        stated = " x ".join(f"{mm:g}" for mm in spacing)
        return [{**sizes, "unit": unit, "spacing_mm": stated, "status": "ok"}]

    def _is_later_channel(self, file: Path) -> bool:
        """Whether a file is another channel of an image that nnU-Net would name CASE_0000."""
        match = re.search(r"_(\d{4})$", file.name[: -len(image_ending(file)) or None])
        channels = self.tasks[0].record["input"]["channels"]
        return channels > 1 and match is not None and 0 < int(match[1]) < channels

    def _read(self, file: Path) -> ImageFile:
        """An image, its channels from one file or from CASE_0000, CASE_0001 and so on."""
        image: ImageFile = self._alone.call(read_image_file, file, self.limits)
        channels, ending = self.tasks[0].record["input"]["channels"], image_ending(file)
        if image.pixels.shape[0] == channels or not file.name.endswith(f"_0000{ending}"):
            return image
        stem = file.name.removesuffix(f"_0000{ending}")
        others = [file.with_name(f"{stem}_{channel:04d}{ending}") for channel in range(1, channels)]
        parts = [image, *(self._alone.call(read_image_file, path, self.limits) for path in others)]
        if len({part.pixels.shape[1:] for part in parts}) > 1:
            raise Excluded("size_differs", "its channels have other sizes")
        return ImageFile(np.concatenate([part.pixels for part in parts]), image.spacing_mm)

    def _require(self, pixels: NDArray[Any]) -> None:
        """Refuse an image that the networks can't take."""
        known = self.tasks[0].record
        if pixels.shape[0] != known["input"]["channels"]:
            raise Excluded("channels_differ", f"it has {pixels.shape[0]} channels")
        axes = len(known["dataset"]["spacing_mm"])
        if pixels.ndim != axes + 1:
            raise Excluded("axes_differ", f"it has {pixels.ndim - 1} axes")
        if float(pixels.min()) == float(pixels.max()):
            raise Excluded("constant", "it has one grey value")
