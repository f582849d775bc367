"""A folder of images and masks whose names say what belongs together."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from hipseg.data.cohorts import visible_files
from hipseg.data.exclusions import Exclusion
from hipseg.data.sources.case_files import CaseFiles, FoundCases, require_names
from hipseg.errors import HipsegError
from hipseg.io.images import image_ending


@dataclass(frozen=True)
class NamePattern:
    r"""Images found by a pattern, and masks by what their names have in common.

    Attributes:
        image: Regular expression of an image's path within the folder, with a group `case` and perhaps `subject`, as in
            `images/(?P<case>(?P<subject>\d+)_[LR])\.png`.
        mask: Path of its mask with the groups in braces, as in `masks/{case}.png`.
        labels: Names of the labels 1, 2 and so on.
        dataset: Its name.
    """

    image: str
    mask: str
    labels: tuple[str, ...]
    dataset: str = "dataset"

    def find(self, input: Path) -> FoundCases:
        """See `ImageSource`."""
        if not input.is_dir():
            raise HipsegError(f"input: there is no folder {input}")
        try:
            pattern = re.compile(self.image)
            if "case" not in pattern.groupindex:
                raise ValueError("it has no group (?P<case>...)")
            self.mask.format(**dict.fromkeys(pattern.groupindex, ""))
        except (re.error, ValueError, KeyError, IndexError) as error:
            raise HipsegError(f"source.image or source.mask: they do not fit together ({error})") from None
        cases, strange, masks = list[CaseFiles](), list[str](), set[str]()
        for name in sorted(visible_files(input)):
            if match := pattern.fullmatch(name):
                groups = {key: value or "" for key, value in match.groupdict().items()}
                mask = self.mask.format(**groups)
                masks.add(mask)
                subject = groups.get("subject") or groups["case"]
                cases.append(CaseFiles(groups["case"], subject, (input / name,), input / mask))
            elif image_ending(input / name):
                strange.append(name)
        require_names(cases, f"none of the files in {input} fits the pattern '{self.image}'")
        lost = [Exclusion(name, "", "name", "neither an image's name nor its mask's") for name in strange]
        exclusions = tuple(row for row in lost if row.file not in masks)
        return FoundCases(self.dataset, ("background", *self.labels), tuple(cases), exclusions)
