"""Where the configuration lies, whether hipseg is installed as a wheel or from a checkout, and what its keys are."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

import yaml

PRIVATE_KEYS: Final = frozenset(
    {
        "data.store",
        "data.split",
        "out",
        "folder",
        "checkpoint",
        "pretrained",
        "annotations",
        "resume",
        "input",
        "locator",
        "plan",
    }
)
"""Keys whose values name files: a logger, a report and a run's name leave them out."""


def conf_folder() -> Path:
    """The folder of Hydra's configuration files."""
    package = Path(__file__).resolve().parent
    shipped = package / "conf"
    return shipped if shipped.is_dir() else package.parent / "conf"


RENAMED: Final[dict[str, str]] = {
    "field": "crop", "target": "labels_for_loss", "weight": "loss_mask", "passes": "inferer.passes",
    "init": "pretrained", "truth": "annotations", "plausible": "plausibility", "measure": "jsw_method",
    "labels": "outline", "region": "roi", "data.field": "data.dataset.crop", "data.target":
    "data.dataset.labels_for_loss", "data.weight": "data.dataset.loss_mask", "data.augmentation":
    "data.dataset.augmentation", "data.jitter_px": "data.dataset.crop_jitter_px",
    "callbacks.joint_space_width": "evaluation.joint_space", "scheduler.max_lr": "optimizer.lr",
}  # fmt: skip
"""Keys and groups that had another name before 0.3: old to new."""

RENAMED_OPTIONS: Final[dict[str, str]] = {
    "experiment=hour": "experiment=first_stage", "experiment=film": "experiment=one_stage_soft",
    "experiment=joint": "experiment=second_stage", "labels=curve": "outline=spline", "labels=polygon": "outline=chords",
    "weight=described": "loss_mask=annotated_bone", "weight=everywhere": "loss_mask=none",
}  # fmt: skip


def renamed(override: str, command: str) -> str | None:
    """What to give in place of an override that names a key or option as it was called before; None if it doesn't."""
    if override in RENAMED_OPTIONS:
        return RENAMED_OPTIONS[override]
    key, _, value = override.lstrip("+~").partition("=")
    key = key.partition("@")[0]
    if key == "passes" and command != "train":  # elsewhere the inferer is a checkpoint's unless one is chosen
        return f"inferer=shift_average inferer.passes={value}"
    if key == "percentiles" and value and command == "preprocess":  # the store keeps all grey values
        return f"data.dataset.intensity.{key}={value} to hipseg train"
    for old in sorted(RENAMED, key=len, reverse=True):
        if key == old or key.startswith(f"{old}."):
            return f"{RENAMED[old]}{key[len(old) :]}={value}"
    return None


@cache
def defaults_list(command: str) -> dict[str, str]:
    """The groups of a command's configuration and where their content goes: group to package, empty if its own."""
    content = yaml.safe_load((conf_folder() / f"{command}.yaml").read_text(encoding="utf-8"))
    groups = {}
    for entry in content["defaults"]:
        text = entry if isinstance(entry, str) else str(next(iter(entry)))
        if not text.startswith(("_self_", "override ")):
            group, _, package = text.partition("@")
            groups[group] = package
    for group in list(groups):
        groups |= _nested(group)
    return groups


def _nested(group: str) -> dict[str, str]:
    """Groups that options of a group choose from in turn: group to the place that Hydra knows it by."""
    found = {}
    for path in (conf_folder() / group).glob("*.yaml"):
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        for entry in content.get("defaults", ()):
            text = str(next(iter(entry))) if isinstance(entry, dict) else ""
            if text.startswith("/"):
                inner, _, package = text[1:].partition("@")
                found[inner] = f"{group}.{package or inner}"
    return found


@cache
def known_keys(command: str) -> frozenset[str]:
    """The first parts of the keys that a command's configuration has, its groups' included."""
    content = yaml.safe_load((conf_folder() / f"{command}.yaml").read_text(encoding="utf-8"))
    keys = {name for name in content if name != "defaults"}
    for group in defaults_list(command):
        for path in (conf_folder() / group).glob("*.yaml"):
            text = path.read_text(encoding="utf-8")
            package = re.match(r"# @package (\S+)", text)
            if package and package[1] == "_global_":
                keys |= set(yaml.safe_load(text) or {}) - {"defaults"}
            elif package:
                keys.add(package[1].split(".")[0])
        keys.add((defaults_list(command)[group] or group).split(".")[0])
    return frozenset(keys)


def spelled_out(override: str, command: str) -> str:
    """An override of a group as Hydra wants it, whether or not it names the place of the group's content."""
    key, equals, value = override.partition("=")
    group, _, package = key.partition("@")
    groups = defaults_list(command)
    if not equals or group not in groups:
        return override
    place = "" if groups[group] == group else groups[group]  # which is where Hydra puts it anyway
    if value in ("null", "None", ""):  # none of its options, for which Hydra has a sign of its own
        return f"~{group}@{place}" if place else f"~{group}"
    if package and not place:
        return f"{group}={value}"
    return f"{group}@{place}={value}" if place and not package else override
