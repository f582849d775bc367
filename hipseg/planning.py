"""From what a dataset is like to a network and its patches, by nnU-Net's published rules.

The rules are those of Isensee et al., Nature Methods 2021 (supplementary note 2), with the constants of nnunetv2's
planner: target spacing, patch, stages and batch follow from sizes, spacings and a memory budget alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import yaml

from hipseg.errors import HipsegError

FEATURES: Final = (32, 512)
"""Of the first stage, and at most."""

_CONVOLUTIONS: Final = 2  # a stage
_LEAST_EDGE: Final = 4  # of the deepest feature map
_FIRST_PATCH: Final = 2048  # pixels a side if spacing is isotropic, before it is made to fit
_REFERENCE: Final = (8.0, 12, 85e6)  # GB, batch and feature map elements of an image that fill it
_LEAST_BATCH: Final = 2
_MOST_COVERED: Final = 0.05  # of all pixels by one batch


@dataclass(frozen=True)
class Fingerprint:
    """What a plan follows from.

    Attributes:
        sizes: Of every training image, in its own pixels, an axis each.
        spacings_mm: Of every training image, an axis each.
        channels: Of every image.
        labels: How many, the background included.
    """

    sizes: tuple[tuple[int, ...], ...]
    spacings_mm: tuple[tuple[float, ...], ...]
    channels: int
    labels: int


@dataclass(frozen=True)
class Plan:
    """A network and what it is trained on; a YAML file that a person may edit.

    Attributes:
        spacing_mm: To which images are resampled, an axis each.
        median_size: Of the images then.
        patch: Pixels that the network sees at once.
        batch_size: Patches a step.
        features: Of every stage.
        strides: Of every stage and axis.
        kernel_sizes: Of every stage and axis.
        convolutions: In every stage.
        normalisation: `zscore`: every image and channel to mean 0 and standard deviation 1.
        channels: Of the images.
    """

    spacing_mm: tuple[float, ...]
    median_size: tuple[int, ...]
    patch: tuple[int, ...]
    batch_size: int
    features: tuple[int, ...]
    strides: tuple[tuple[int, ...], ...]
    kernel_sizes: tuple[tuple[int, ...], ...]
    convolutions: int
    normalisation: str
    channels: int


class _Topology(NamedTuple):
    """Stages that an image of a size allows."""

    strides: list[tuple[int, ...]]
    kernel_sizes: list[tuple[int, ...]]
    patch: list[int]
    divisible_by: list[int]


def plan_network(fingerprint: Fingerprint, memory_gb: float = 8.0, features: tuple[int, int] = FEATURES) -> Plan:
    """The plan of a 2-D dataset.

    Args:
        fingerprint: Of its training images.
        memory_gb: Of the graphics card that it is meant for.
        features: Of the first stage, and at most; patch and batch are chosen as if they were nnU-Net's 32 and 512.

    Raises:
        HipsegError: If there is no image, or images have other than two axes.
    """
    _require_planar(fingerprint)
    spacing = np.percentile(np.array(fingerprint.spacings_mm), 50, axis=0)
    sizes = [
        np.round(np.array(size) * np.array(own) / spacing)
        for size, own in zip(fingerprint.sizes, fingerprint.spacings_mm, strict=True)
    ]
    median = np.median(np.array(sizes), axis=0)
    fineness = 1 / spacing
    first = [round(float(edge)) for edge in fineness * (_FIRST_PATCH**2 / fineness.prod()) ** 0.5]
    topology = _topology(spacing, np.minimum(first, median))
    gb, reference_batch, elements = _REFERENCE
    budget = elements * memory_gb / gb
    while _elements(topology, fingerprint.labels) / reference_batch * _LEAST_BATCH > budget:
        topology = _smaller(topology, spacing, median)
    batch = round(budget / _elements(topology, fingerprint.labels) * reference_batch)
    covered = round(float(median.prod()) * len(sizes) * _MOST_COVERED / math.prod(topology.patch))
    stages = len(topology.strides)
    return Plan(
        spacing_mm=tuple(round(float(mm), 6) for mm in spacing),
        median_size=tuple(int(edge) for edge in median),
        patch=tuple(topology.patch),
        batch_size=max(min(batch, covered), _LEAST_BATCH),
        features=_features(stages, features),
        strides=tuple(topology.strides),
        kernel_sizes=tuple(topology.kernel_sizes),
        convolutions=_CONVOLUTIONS,
        normalisation="zscore",
        channels=fingerprint.channels,
    )


def _require_planar(fingerprint: Fingerprint) -> None:
    if not fingerprint.sizes:
        raise HipsegError("store: it has no training image to plan for")
    axes = {len(size) for size in fingerprint.sizes}
    if axes != {2}:
        said = " and ".join(str(count) for count in sorted(axes))
        raise HipsegError(f"store: its images have {said} axes; plans are made for images of two axes for now")


def _features(stages: int, ends: tuple[int, int] = FEATURES) -> tuple[int, ...]:
    first, most = ends
    return tuple(min(most, first * 2**stage) for stage in range(stages))


def _topology(spacing: Sequence[float], size: Sequence[float]) -> _Topology:
    """Halve axes while they are long enough, those first whose pixels are finest; the patch is padded to fit."""
    axes = range(len(spacing))
    step, left = [float(mm) for mm in spacing], [float(edge) for edge in size]
    kernel, halvings = [1] * len(step), [0] * len(step)
    strides, kernels = [(1,) * len(step)], list[tuple[int, ...]]()
    while True:
        long = [axis for axis in axes if left[axis] >= 2 * _LEAST_EDGE]
        halved = [axis for axis in long if step[axis] / min(step[other] for other in long) < 2]
        if not halved or (len(halved) == 1 and left[halved[0]] < 3 * _LEAST_EDGE):
            break
        # A convolution reaches along an axis once its pixels are about as large as the finest, and from then on.
        finest = min(step)
        kernel = [3 if size == 3 or step[axis] / finest < 2 else 1 for axis, size in enumerate(kernel)]
        for axis in halved:
            halvings[axis] += 1
            step[axis] *= 2
            left[axis] = float(np.ceil(left[axis] / 2))
        strides.append(tuple(2 if axis in halved else 1 for axis in axes))
        kernels.append(tuple(kernel))
    kernels.append((3,) * len(step))
    divisible = [2**count for count in halvings]
    patch = [int(np.ceil(edge / by) * by) for edge, by in zip(size, divisible, strict=True)]
    return _Topology(strides, kernels, patch, divisible)


def _smaller(topology: _Topology, spacing: Sequence[float], median: Sequence[float]) -> _Topology:
    """With less of the axis of which the patch covers most, by the least that changes anything."""
    axis = int(np.argsort([edge / whole for edge, whole in zip(topology.patch, median, strict=True)])[-1])
    less = list(topology.patch)
    less[axis] -= topology.divisible_by[axis]
    # What it must be divided by may be less once it is smaller.
    reduced = list(topology.patch)
    reduced[axis] -= _topology(spacing, less).divisible_by[axis]
    return _topology(spacing, reduced)


def _elements(topology: _Topology, labels: int) -> int:
    """Elements of all feature maps of a network for one patch."""
    size, sizes = list(topology.patch), list[int]()
    for stride in topology.strides:
        size = [edge // by for edge, by in zip(size, stride, strict=True)]
        sizes.append(math.prod(size))
    features = _features(len(sizes))
    down = sum(_CONVOLUTIONS * count * area for count, area in zip(features, sizes, strict=True))
    # On the way up each stage has a transposed convolution more.
    up = sum((_CONVOLUTIONS + 1) * count * area for count, area in zip(features[:-1], sizes[:-1], strict=True))
    return down + up + labels * sizes[0]


def write_plan(plan: Plan, path: Path, about: str) -> None:
    """Write a plan for people to read and edit.

    Args:
        plan: The plan.
        path: YAML file.
        about: What it was made from, as a comment on top.
    """
    content = {name: _listed(value) for name, value in asdict(plan).items()}
    lines = "".join(f"# {line}\n" for line in about.splitlines())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(lines + yaml.safe_dump(content, sort_keys=False, default_flow_style=None), encoding="utf-8")


def read_plan(path: Path) -> dict[str, Any]:
    """A plan as plain data, perhaps edited.

    Raises:
        HipsegError: If the file is missing, no YAML, or lacks a key.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise HipsegError(f"plan: there is no file {path}; make it with 'hipseg plan'") from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise HipsegError(f"plan: {path} can't be read ({' '.join(str(error).split())[:160]})") from None
    names = set(Plan.__dataclass_fields__)
    if not isinstance(content, dict) or set(content) != names:
        found = set(content) if isinstance(content, dict) else set()
        lacks, more = ", ".join(sorted(names - found)), sorted(map(str, found - names))
        said = f"lacks {lacks or 'nothing'}, has beside it {more or 'nothing'}"
        raise HipsegError(f"plan: {path} {said}; make it with 'hipseg plan'")
    for name in ("spacing_mm", "patch", "features", "strides", "kernel_sizes"):
        if not isinstance(content[name], list):
            raise HipsegError(f"plan: {path} has a {name} that is no list")
    stages = len(content["strides"])
    if not len(content["features"]) == len(content["kernel_sizes"]) == stages:
        raise HipsegError(
            f"plan: {path} has other numbers of strides, kernel_sizes and features; one a stage is needed"
        )
    return content


def _listed(value: Any) -> Any:
    """Tuples as lists, for YAML."""
    return [_listed(part) for part in value] if isinstance(value, tuple) else value
