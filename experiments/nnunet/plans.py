"""Plans of made fingerprints beside those of nnunetv2's own planner; see README.md."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import numpy as np
import torch

from hipseg.networks.plain_unet import PlainUNet
from hipseg.planning import Fingerprint, Plan, plan_network

Images = list[tuple[tuple[int, int], tuple[float, float]]]


def fingerprints() -> dict[str, tuple[Images, int, int, float]]:
    """Sizes and spacings, channels, labels, and memory in GB."""
    rng = np.random.default_rng(0)
    rows, columns = rng.integers(300, 900, 61), rng.integers(500, 1400, 61)
    spacings = rng.choice([0.4, 0.5, 0.7], 61)
    mixed: Images = [
        ((int(a), int(b)), (float(mm), float(mm))) for a, b, mm in zip(rows, columns, spacings, strict=True)
    ]
    study: Images = [((2320, 1414), (0.15, 0.15))] * 100
    return {
        "study": (study, 1, 6, 8),
        "study, 11 GB": (study, 1, 6, 11),
        "small, three channels": ([((256, 256), (1.0, 1.0))] * 200, 3, 2, 8),
        "anisotropic": ([((900, 300), (0.3, 0.9))] * 40, 1, 4, 8),
        "mixed": (mixed, 2, 5, 8),
        "tiny": ([((96, 64), (2.0, 2.0))] * 12, 1, 3, 4),
        "shrunk by halves, 5 GB": ([((1000, 1100), (0.5, 0.5))] * 60, 1, 3, 5),
        "large, 24 GB": ([((3000, 2500), (0.14, 0.14))] * 500, 1, 3, 24),
    }


def nnunet_plan(number: int, images: Images, channels: int, labels: int, memory_gb: float) -> dict[str, Any]:
    """The 2-D configuration of nnunetv2's planner, fed with a fingerprint instead of files."""
    from nnunetv2.experiment_planning.experiment_planners import default_experiment_planner as theirs

    name = f"Dataset{number:03d}_made"
    about = {
        "channel_names": {str(channel): "xray" for channel in range(channels)},
        "labels": {("background" if label == 0 else f"label{label}"): label for label in range(labels)},
        "numTraining": len(images),
        "file_ending": ".png",
    }
    greys = {
        "mean": 0.0,
        "std": 1.0,
        "percentile_00_5": 0.0,
        "percentile_99_5": 1.0,
        "median": 0.0,
        "min": 0.0,
        "max": 1,
    }
    found = {
        "spacings": [[999.0, *spacing] for _, spacing in images],
        "shapes_after_crop": [[1, *size] for size, _ in images],
        "foreground_intensity_properties_per_channel": {str(channel): greys for channel in range(channels)},
        "median_relative_size_after_cropping": 1.0,
    }
    for variable, content in (("nnUNet_raw", about), ("nnUNet_preprocessed", found)):
        folder = Path(os.environ[variable]) / name
        folder.mkdir(parents=True)
        file = "dataset.json" if content is about else "dataset_fingerprint.json"
        (folder / file).write_text(json.dumps(content))
    files = {f"case{i}": {} for i in range(len(images))}
    reader = type("Reader", (), {})
    with (
        mock.patch.object(theirs, "get_filenames_of_train_images_and_targets", return_value=files),
        mock.patch.object(theirs.ExperimentPlanner, "determine_reader_writer", return_value=reader),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        planner = theirs.ExperimentPlanner(number, gpu_memory_target_in_gb=memory_gb)
        configuration: dict[str, Any] = planner.plan_experiment()["configurations"]["2d"]
    return configuration


def their_parameters(configuration: dict[str, Any], channels: int, labels: int) -> int:
    """Of the network that nnunetv2 makes of a configuration."""
    from dynamic_network_architectures.architectures.unet import PlainConvUNet

    given = configuration["architecture"]["arch_kwargs"]
    named = (
        "n_stages",
        "features_per_stage",
        "kernel_sizes",
        "strides",
        "n_conv_per_stage",
        "n_conv_per_stage_decoder",
    )
    network = PlainConvUNet(
        channels, num_classes=labels, conv_op=torch.nn.Conv2d, conv_bias=True, norm_op=torch.nn.InstanceNorm2d,
        norm_op_kwargs={"eps": 1e-5, "affine": True}, nonlin=torch.nn.LeakyReLU, deep_supervision=True,
        **{name: given[name] for name in named},
    )  # fmt: skip
    return sum(weights.numel() for weights in network.parameters())


def agree(ours: Plan, theirs: dict[str, Any]) -> list[str]:
    """What differs."""
    given = theirs["architecture"]["arch_kwargs"]
    pairs = {
        "spacing": (np.round(theirs["spacing"], 6).tolist(), list(ours.spacing_mm)),
        "patch": (list(theirs["patch_size"]), list(ours.patch)),
        "batch": (theirs["batch_size"], ours.batch_size),
        "strides": ([tuple(stride) for stride in given["strides"]], list(ours.strides)),
        "kernels": ([tuple(size) for size in given["kernel_sizes"]], list(ours.kernel_sizes)),
        "features": (list(given["features_per_stage"]), list(ours.features)),
    }
    return [f"{name}: nnU-Net {a}, hipseg {b}" for name, (a, b) in pairs.items() if a != b]


def main() -> int:
    """Print a line a fingerprint; the number of those that differ is the exit code."""
    differ = 0
    with TemporaryDirectory() as base:
        for variable in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
            os.environ[variable] = f"{base}/{variable}"
        for number, (name, (images, channels, labels, memory_gb)) in enumerate(fingerprints().items(), start=1):
            sizes, spacings = zip(*images, strict=True)
            ours = plan_network(Fingerprint(sizes, spacings, channels, labels), memory_gb)
            theirs = nnunet_plan(number, images, channels, labels, memory_gb)
            network = PlainUNet(channels, labels, ours.features, ours.strides, ours.kernel_sizes, ours.convolutions)
            counts = their_parameters(theirs, channels, labels), sum(w.numel() for w in network.parameters())
            wrong = agree(ours, theirs) + ([f"parameters: {counts}"] if counts[0] != counts[1] else [])
            print(f"{name}: {ours.patch}, batch {ours.batch_size}, {len(ours.strides)} stages, {counts[1] / 1e6:.3f} M")
            print("  " + ("; ".join(wrong) or "as nnunetv2's"))
            differ += bool(wrong)
    return differ


if __name__ == "__main__":
    sys.exit(main())
