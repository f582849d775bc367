"""nnU-Net's dataset folders: `imagesTr`, `labelsTr`, `imagesTs`, perhaps `labelsTs`, and `dataset.json`."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hipseg.data.exclusions import Exclusion
from hipseg.data.sources.case_files import CaseFiles, FoundCases, require_names
from hipseg.errors import HipsegError


@dataclass(frozen=True)
class NnunetFolder:
    """A dataset folder in nnU-Net's format.

    Attributes:
        subject: Regular expression that finds the subject in a case's name by its group `subject`, so that a split
            keeps subjects together; every case is a subject of its own if None.
    """

    subject: str | None = None

    def find(self, input: Path) -> FoundCases:
        """See `ImageSource`."""
        about = _dataset_json(input)
        ending, channels = about["file_ending"], len(about["channel_names"])
        cases, exclusions = list[CaseFiles](), list[Exclusion]()
        for subset, part in (("train", "Tr"), ("test", "Ts")):
            found, strange = _channels(input / f"images{part}", ending, channels)
            exclusions += strange
            for name, images in found.items():
                mask = input / f"labels{part}" / f"{name}{ending}"
                # Test images may come without.
                known = mask if subset == "train" or mask.is_file() else None
                cases.append(CaseFiles(name, subject_of(name, self.subject), images, known, subset))
        require_names(cases, f"{input / 'imagesTr'} holds no image named as CASE_0000{ending}")
        return FoundCases(input.resolve().name, _label_names(about, input), tuple(cases), tuple(exclusions))


def subject_of(name: str, pattern: str | None, option: str = "source.subject") -> str:
    """The subject in a case's name; the name itself without a pattern, or where it is not found."""
    if pattern is None:
        return name
    try:
        match = re.search(pattern, name)
        return match["subject"] if match else name
    except (re.error, IndexError) as error:
        raise HipsegError(f"{option}: '{pattern}' has no group (?P<subject>...) ({error})") from None


def _dataset_json(folder: Path) -> dict[str, Any]:
    path = folder / "dataset.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise HipsegError(f"input: there is no {path}; an nnU-Net dataset has one, other sources are table and pattern"
                          ) from None  # fmt: skip
    except (OSError, ValueError, RecursionError) as error:
        raise HipsegError(f"input: {path} can't be read ({' '.join(str(error).split())[:160]})") from None
    for name in ("channel_names", "labels", "file_ending"):
        if not isinstance(content, dict) or name not in content:
            raise HipsegError(f"input: {path} lacks {name}; nnU-Net's format (version 2) needs it")
    if not isinstance(content["channel_names"], dict) or not isinstance(content["file_ending"], str):
        raise HipsegError(f"input: {path} has channel_names that are no mapping, or a file_ending that is no text")
    return content


def _label_names(about: dict[str, Any], folder: Path) -> tuple[str, ...]:
    labels = about["labels"]
    numbers = list(labels.values()) if isinstance(labels, dict) else []
    if not all(type(number) is int for number in numbers):
        raise HipsegError(f"input: {folder / 'dataset.json'} has labels that are regions; give every label one number")
    by_number = {number: str(name) for name, number in labels.items()} if isinstance(labels, dict) else {}
    if sorted(by_number) != list(range(len(by_number))) or len(by_number) < 2 or len(by_number) != len(numbers):
        raise HipsegError(f"input: {folder / 'dataset.json'} needs labels numbered 0 (background), 1, 2 and so on")
    names = tuple(_plain_name(by_number[number]) for number in range(len(by_number)))
    if len(set(names)) < len(names):
        raise HipsegError(f"input: {folder / 'dataset.json'} has labels that are one name without signs and spaces")
    return names


def _plain_name(name: str) -> str:
    """A label's name as columns and metrics can have it."""
    return re.sub(r"\W+", "_", name.strip()).strip("_") or "label"


def _channels(
    folder: Path, ending: str, channels: int
) -> tuple[dict[str, tuple[Path, ...]], list[Exclusion]]:  # fmt: skip
    """Every case's files, a channel each, and what fits no case."""
    found: dict[str, dict[int, Path]] = {}
    exclusions = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.name.startswith(".") or path.suffix == ".json":
            continue
        match = re.fullmatch(rf"(.+)_(\d{{4}}){re.escape(ending)}", path.name)
        if not match or int(match[2]) >= channels:
            said = f"its name is not CASE_0000{ending} with a channel below {channels}"
            exclusions.append(Exclusion(path.name, "", "name", said))
            continue
        found.setdefault(match[1], {})[int(match[2])] = path
    whole = {}
    for name, parts in found.items():
        if len(parts) < channels:
            missing = min(set(range(channels)) - set(parts))
            lost = f"its channel {missing:04d} is missing"
            exclusions.append(Exclusion(next(iter(parts.values())).name, "", "channel_missing", lost))
        else:
            whole[name] = tuple(parts[channel] for channel in range(channels))
    return whole, exclusions
