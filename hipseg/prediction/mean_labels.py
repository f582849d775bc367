"""What networks of one plan say of an image together, on its own grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hipseg.inference.own_grid import on_own_grid
from hipseg.transforms.prepare_image import prepare_image


def mean_labels(tasks: Sequence[Any], pixels: NDArray[Any], spacing_mm: Sequence[float]) -> NDArray[np.uint8]:
    """The label map (...) of the mean probability.

    Args:
        tasks: Networks with a `record`, all of one plan; the first one's `postprocess` is applied.
        pixels: (channels, ...) in the image's own grey values.
        spacing_mm: Of its axes.
    """
    plan = tasks[0].record["dataset"]
    image = torch.from_numpy(
        prepare_image(pixels, spacing_mm, plan["spacing_mm"], plan.get("normalisation", "zscore"))
    )[None]
    with torch.inference_mode():
        total = torch.zeros(())
        for task in tasks:
            total = total + task(image.to(task.device)).cpu()
        found = on_own_grid(total / len(tasks), pixels.shape[1:])
        if tasks[0].postprocess is not None:
            found = tasks[0].postprocess(found)
    return np.asarray(found[0].argmax(dim=0).numpy(), dtype=np.uint8)
