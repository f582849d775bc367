"""`hipseg joints`: synthetic single-joint radiographs with masks of five labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from omegaconf import DictConfig
from pydantic import Field

from hipseg.errors import HipsegError
from hipseg.instantiation import call
from hipseg.parallel import available_cores, ordered_map
from hipseg.phantom.joints import JointJob, make_joints, write_dataset_json
from hipseg.phantom.preset import Preset
from hipseg.progress import track


def joints(
    out: Path,
    train_subjects: Annotated[int, Field(ge=1, le=900)],
    test_subjects: Annotated[int, Field(ge=0, le=900)],
    seed: Annotated[int, Field(ge=0)],
    preset: Preset,
    coarser: Annotated[float, Field(ge=1, le=16)],
    workers: Annotated[int, Field(ge=0)] | None,
) -> None:
    """Write an nnU-Net dataset folder, both joints of every subject.

    Args:
        out: New folder, named as nnU-Net wants it, as in `Dataset001_joints`.
        train_subjects: Whose joints train.
        test_subjects: Whose joints test.
        seed: The same seed makes the same files.
        preset: What varies, and how far.
        coarser: Factor on the study's spacings of 0.1, 0.15 and 0.175 mm, for a look on a small machine.
        workers: Processes; all cores if not given.
    """
    if out.exists() and any(out.iterdir()):
        raise HipsegError(f"out: {out} is not empty; name a new folder or remove it")
    counts = [("Tr", train_subjects), ("Ts", test_subjects)]
    subsets = [subset for subset, count in counts for _ in range(count)]
    jobs = [JointJob(out, preset, seed, subject, subset, coarser) for subject, subset in enumerate(subsets)]
    workers = available_cores() if workers is None else workers
    made = sum(track(ordered_map(make_joints, jobs, workers), len(jobs), "films"))
    write_dataset_json(out, 2 * train_subjects)
    print(f"{made} images of {len(jobs)} subjects of preset {preset.name} with masks of five labels in {out}")


def run(config: DictConfig) -> None:
    """Run the command on its configuration."""
    call(joints, config)
