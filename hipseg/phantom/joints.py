"""Single-joint radiographs with masks of five labels, as a dataset in nnU-Net's format."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from hipseg.geometry.grid import Grid
from hipseg.io.images import write_image_file
from hipseg.labels.landmarks import SIDES
from hipseg.phantom.film import expose_film
from hipseg.phantom.five_labels import FIVE_LABELS, draw_five_labels
from hipseg.phantom.preset import Preset
from hipseg.phantom.skeleton import pose_skeleton
from hipseg.phantom.subject import draw_beam, draw_stance, draw_subject

# The study's: images from 1223 x 1943 to 2140 x 3520 pixels, 2320 x 1414 at 0.15 mm in the middle.
_SPACINGS_MM: Final = (0.1, 0.15, 0.175)
_SHARES: Final = (0.2, 0.6, 0.2)
_HEIGHT_MM: Final = (340.0, 352.0)
_WIDTH_MM: Final = (209.0, 214.0)


@dataclass(frozen=True)
class JointJob:
    """The film of one subject, of which both joints become images.

    Attributes:
        out: The dataset folder.
        preset: Its ranges.
        seed: Of the dataset.
        subject: Its number.
        subset: `Tr` or `Ts`.
        coarser: Factor on the spacing.
    """

    out: Path
    preset: Preset
    seed: int
    subject: int
    subset: str
    coarser: float


def make_joints(job: JointJob) -> int:
    """Draw one film, cut both joints out of it and write them with their masks.

    Returns:
        How many were written.
    """
    rng = np.random.default_rng([job.seed, job.subject, 30_000])
    spacing = round(float(rng.choice(_SPACINGS_MM, p=_SHARES)) * job.coarser, 6)
    height, width = rng.uniform(*_HEIGHT_MM), rng.uniform(*_WIDTH_MM)
    rows, columns = round(height / spacing), round(width / spacing)
    grid = Grid.of_film((rows, 2 * columns), spacing)
    subject = draw_subject(np.random.default_rng([job.seed, job.subject, 20_000]), job.preset)
    stance, beam = draw_stance(rng, job.preset.pose), replace(draw_beam(rng, job.preset.exposure), collimated=False)
    # The joint lies above the middle: half of the image is shaft.
    stance = replace(stance, centre_mm=(stance.centre_mm[0], stance.centre_mm[1] - 25.0))
    skeleton = pose_skeleton(subject, stance, subject.widths_mm, grid.centre_mm)
    values = expose_film(subject, skeleton, beam, grid, rng).values
    for number, side in enumerate(SIDES):
        first = number * columns
        part = Grid((rows, columns), spacing, (grid.origin_mm[0] + first * spacing, grid.origin_mm[1]))
        labels = draw_five_labels(skeleton.hips[side], part)
        pixels = np.rint(values[:, first : first + columns] * 4095).astype(np.uint16)
        name = f"subject{job.subject:04d}_{side}"
        write_image_file(job.out / f"images{job.subset}" / f"{name}_0000.mha", pixels, (spacing, spacing))
        write_image_file(job.out / f"labels{job.subset}" / f"{name}.mha", labels, (spacing, spacing))
    return len(SIDES)


def write_dataset_json(out: Path, training: int) -> None:
    """nnU-Net's description of the dataset, once `training` images are in it."""
    content = {
        "channel_names": {"0": "xray"},
        "labels": {name: number for number, name in enumerate(FIVE_LABELS)},
        "numTraining": training,
        "file_ending": ".mha",
    }
    (out / "dataset.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
