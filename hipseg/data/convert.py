"""From images and masks to a store, and from a store to an nnU-Net dataset folder."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from hipseg.data.exclusions import Exclusion, exclusions_table
from hipseg.data.grades import Grades
from hipseg.data.image_store import ImageStoreWriter, StoredImage
from hipseg.data.sources.case_files import FoundCases, Reading, crashed_cases, read_cases
from hipseg.data.stores import AnyStore, image_and_label
from hipseg.errors import HipsegError
from hipseg.io.images import write_image_file
from hipseg.io.limits import Limits
from hipseg.parallel import ordered_map
from hipseg.progress import track


@dataclass(frozen=True)
class Converted:
    """Where every file ended.

    Attributes:
        stored: Cases by subset.
        bare: Of these, cases that have neither mask nor grade.
        graded: Of these, cases by their grade.
        exclusions: What was left out.
    """

    stored: Counter[str]
    bare: int
    graded: Counter[float]
    exclusions: list[Exclusion]

    def lines(self) -> list[str]:
        """For people."""
        reasons = Counter(row.reason for row in self.exclusions)
        first = {row.reason: row for row in reversed(self.exclusions)}
        by_grade = ", ".join(f"{count} of grade {grade:g}" for grade, count in sorted(self.graded.items()))
        or_grade = " or grade" if self.graded else ""
        said = ", ".join(f"{count} {name or 'cases'}" for name, count in sorted(self.stored.items()))
        return [
            f"{self.stored.total() + len(self.exclusions)} cases and files = {self.stored.total()} stored ({said}) + "
            f"{len(self.exclusions)} excluded",
            *(f"  {n:6d}  {reason}: {first[reason].file}: {first[reason].detail}" for reason, n in reasons.items()),
            *([f"grades: {by_grade}"] if self.graded else []),
            *([f"{self.bare} have no mask{or_grade} and can't be tested on"] if self.bare else []),
        ]


def convert_images(
    found: FoundCases,
    store: Path,
    spacing_mm: tuple[float, ...] | None,
    limits: Limits,
    workers: int,
    grades: Grades | None = None,
) -> Converted:
    """Write a new store of a dataset's cases, and `<store>.exclusions.csv` beside it.

    Args:
        found: By a source.
        store: The HDF5 file; replaced once the new one is whole.
        spacing_mm: Of files that state none.
        limits: Beyond which a file is not read.
        workers: Processes.
        grades: Of cases whose source says none.

    Raises:
        HipsegError: If no case can be stored.
    """
    exclusions, stored, bare, graded = list(found.exclusions), Counter[str](), 0, Counter[float]()
    labels = len(found.label_names)
    readings = [Reading(files, found.dataset, labels, spacing_mm, limits) for files in found.cases]
    with ImageStoreWriter(store, found.label_names, {"dataset": found.dataset, **found.about}) as writer:
        channels: int | None = None
        outcomes = track(ordered_map(read_cases, readings, workers, crashed_cases), len(readings), "cases")
        for outcome in chain.from_iterable(outcomes):
            if isinstance(outcome, StoredImage):
                channels = channels or outcome.pixels.shape[0]
                if outcome.pixels.shape[0] != channels:
                    said = f"it has {outcome.pixels.shape[0]} channels, the first case has {channels}"
                    exclusions.append(Exclusion(outcome.source, "", "channel_missing", said))
                    continue
                if grades is not None:
                    outcome = outcome._replace(grade=grades.of(outcome.key))
                writer.put(outcome)
                stored[outcome.subset] += 1
                if outcome.grade == outcome.grade:
                    graded[outcome.grade] += 1
                else:
                    bare += outcome.labels is None
            else:
                exclusions.append(outcome)
        if not stored:
            first = f"; {exclusions[0].file}: {exclusions[0].detail}" if exclusions else ""
            raise HipsegError(f"input: none of its {len(readings)} cases can be stored{first}")
    exclusions_table(exclusions).to_csv(f"{store}.exclusions.csv", index=False)
    return Converted(stored, bare, graded, exclusions)


def export_nnunet(store: AnyStore, folder: Path, subsets: dict[str, str]) -> dict[str, str]:
    """Write an nnU-Net dataset folder of any store.

    Args:
        store: Of images, or of hips: then every hip's image, left ones mirrored.
        folder: To write; new or empty.
        subsets: `train` or `test` by key; others stay out.

    Returns:
        The case's name by key.

    Raises:
        HipsegError: If the folder is in use.
    """
    if folder.exists() and any(folder.iterdir()):
        raise HipsegError(f"out: {folder} is not empty; name a new folder")
    names: dict[str, str] = {}
    counts: Counter[str] = Counter()
    channels = 1
    for key in track(list(subsets), len(subsets), "cases"):
        row, part = store.rows_by_key[key], {"train": "Tr", "test": "Ts"}[subsets[key]]
        image, label = image_and_label(store, row)
        channels = image.shape[0]
        names[key] = f"case_{len(names):04d}"
        spacing = tuple(store.spacing_mm(row))
        for channel, pixels in enumerate(image):
            write_image_file(folder / f"images{part}" / f"{names[key]}_{channel:04d}.nii.gz", pixels, spacing)
        write_image_file(folder / f"labels{part}" / f"{names[key]}.nii.gz", label, spacing)
        counts[part] += 1
    about = {
        "channel_names": {str(channel): "xray" for channel in range(channels)},
        "labels": {name: number for number, name in enumerate(store.label_names)},
        "numTraining": counts["Tr"],
        "file_ending": ".nii.gz",
    }
    (folder / "dataset.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    return names
