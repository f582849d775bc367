"""Helps train.sh: runs commands and measures them, gives nnU-Net the same network and folds, scores both alike."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import yaml

from hipseg.io.images import read_mask_file
from hipseg.metrics.dice import dice_scores


def measure(table: Path, name: str, *command: str) -> None:
    """Run a command; add its seconds and its largest process's peak memory to a table."""
    began = time.perf_counter()
    subprocess.run(command, check=True)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    row = pd.DataFrame([{"what": name, "seconds": round(seconds, 1), "peak_mb": round(peak)}])
    row.to_csv(table, mode="a", index=False, header=not table.exists())


def prepare(plan: Path, split: Path, folder: Path) -> None:
    """Give nnU-Net's preprocessed dataset hipseg's network and folds; refuse a plan that differs otherwise."""
    ours = yaml.safe_load(plan.read_text())
    path = folder / "nnUNetPlans.json"
    plans = json.loads(path.read_text())
    theirs = plans["configurations"]["2d"]
    network = theirs["architecture"]["arch_kwargs"]
    for said, planned in (
        (ours["patch"], theirs["patch_size"]), (ours["batch_size"], theirs["batch_size"]),
        (ours["strides"], network["strides"]), (ours["spacing_mm"], theirs["spacing"]),
    ):  # fmt: skip
        if not np.allclose(said, planned):
            raise SystemExit(f"the plans differ: {said} and {planned}")
    network["features_per_stage"] = ours["features"]
    path.write_text(json.dumps(plans, indent=2))
    table = pd.read_csv(split)
    table = table[table["subset"] != "test"].assign(case=table["sample"].str.split("/").str[-1])
    folds = []
    for fold in sorted(table["fold"].unique()):
        held_out = table["fold"] == fold
        folds.append({"train": table.loc[~held_out, "case"].tolist(), "val": table.loc[held_out, "case"].tolist()})
    (folder / "splits_final.json").write_text(json.dumps(folds, indent=2))


def score(truth: Path, nnunet: Path, hipseg: Path, labels: int) -> None:
    """Print the mean Dice of both on the test images, a row a label."""
    theirs = []
    for path in sorted(truth.glob("*.mha")):
        found, known = (torch.from_numpy(read_mask_file(file))[None] for file in (nnunet / path.name, path))
        theirs.append(dice_scores(found, known, labels)[0, 1:].numpy())
    ours = pd.read_csv(hipseg / "test_cases.csv").filter(regex="^dice_").mean()
    table = pd.DataFrame({"hipseg": ours.to_numpy(), "nnunetv2": np.mean(theirs, axis=0)}, index=ours.index)
    table.loc["mean"] = table.mean()
    print(table.round(4))


if __name__ == "__main__":
    what, *given = sys.argv[1:]
    if what == "measure":
        measure(Path(given[0]), *given[1:])
    elif what == "prepare":
        prepare(*map(Path, given))
    else:
        score(*map(Path, given[:3]), int(given[3]))
