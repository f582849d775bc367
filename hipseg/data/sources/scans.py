"""CT scans of hips with labels of the femurs: a case is one femur, right ones mirrored to look like left ones."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hipseg.data.exclusions import Exclusion
from hipseg.data.image_store import StoredImage
from hipseg.data.sources.case_files import CaseFiles, FoundCases, Reading, require_names
from hipseg.errors import Excluded, HipsegError
from hipseg.geometry.volume import Volume, upright
from hipseg.io.nifti import read_nifti
from hipseg.io.series import read_series
from hipseg.labels.femur import LABEL_NAMES
from hipseg.labels.landmarks import Side
from hipseg.transforms.femur_box import FemurBox, find_femurs

NIFTI: Final = (".nii.gz", ".nii")
_LABELLED: Final = 100  # voxels beyond the box, above which a case says how much its box cuts off


@dataclass(frozen=True)
class FemurFiles(CaseFiles):
    """One femur of a scan.

    Attributes:
        side: Which.
    """

    side: Side = "left"

    def load(self, reading: Reading) -> StoredImage:
        """The femur's box with its labels.

        Raises:
            Excluded: If there is no volume, or no such femur in it.
        """
        scan = upright(read_scan(self.images[0]))
        box = femur_box(scan, self.side)
        pixels = hounsfield(box.cut(scan.values))[None]
        labels = None if self.mask is None else self._labels(self.mask, scan, box)
        digest = hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()
        key = f"{reading.dataset}/{self.subject}/{self.side}"
        return StoredImage(
            key, self.subject, self.subset, self.fold, pixels, labels, scan.grid.spacing_mm, self.images[0].name, digest
        )

    def _labels(self, mask: Path, scan: Volume, box: FemurBox) -> np.ndarray:
        given = upright(read_nifti(mask))
        if given.values.shape != scan.values.shape:
            found, needed = (" x ".join(map(str, v.values.shape)) for v in (given, scan))
            raise Excluded("size_differs", f"the mask {mask.name} has {found} voxels, its scan {needed}")
        if np.abs(given.grid.affine - scan.grid.affine).max() > 0.05:
            raise Excluded("size_differs", f"the mask {mask.name} lies elsewhere in the patient than its scan")
        strange = sorted(set(np.unique(given.values).tolist()) - set(range(len(LABEL_NAMES))))
        if strange:
            said = ", ".join(f"{value:g}" for value in strange[:6])
            raise Excluded(
                "mask_values", f"the mask {mask.name} holds {said}; expected are 0 to {len(LABEL_NAMES) - 1}"
            )
        labels = given.values.astype(np.uint8)
        kept = box.cut(labels, 0)
        lost = int(np.count_nonzero(labels)) - int(np.count_nonzero(kept))
        if lost > _LABELLED and lost > 0.02 * np.count_nonzero(labels):
            share = 100 * lost / np.count_nonzero(labels)
            raise Excluded("not_located", f"{share:.0f} % of the {self.side} femur lie beyond the box that was found")
        return kept


def read_scan(path: Path) -> Volume:
    """A scan from a NIfTI file, a folder of DICOM slices or a multi-frame file."""
    return read_nifti(path) if path.name.lower().endswith(NIFTI) else read_series(path)


def hounsfield(values: NDArray[Any]) -> NDArray[np.int16]:
    """Grey values as they are stored and predicted from: whole numbers, of 12 bits."""
    return np.rint(np.clip(values, -1024, 3071)).astype(np.int16)


def femur_box(scan: Volume, side: Side) -> FemurBox:
    """The box of one femur.

    Raises:
        Excluded: `not_located`.
    """
    boxes = {box.side: box for box in find_femurs(scan)}
    if not boxes:
        raise Excluded("not_located", "no femoral shaft is found at its lower end; give a scan of the hips")
    if side not in boxes:
        raise Excluded("not_located", f"the {side} femur's shaft is not found at its lower end")
    return boxes[side]


@dataclass(frozen=True)
class Scans:
    """A folder with `scans` (a folder of DICOM slices, a multi-frame file or a NIfTI file a subject) and `labels`.

    Attributes:
        sides: Of the femurs that are taken.
        dataset: Its name.
    """

    sides: tuple[Side, ...]
    dataset: str = "scans"

    def find(self, input: Path) -> FoundCases:
        """See `ImageSource`; labels are `labels/SUBJECT_SIDE.nii.gz`: 1 cortex, 2 what it encloses."""
        scans, exclusions = find_scans(input)
        cases: list[CaseFiles] = []
        for subject, path in scans:
            for side in self.sides:
                mask = input / "labels" / f"{subject}_{side}.nii.gz"
                known = mask if mask.is_file() else None
                cases.append(FemurFiles(f"{subject}_{side}", subject, (path,), known, side=side))
        require_names(cases, f"{input / 'scans'} holds no scan")
        return FoundCases(self.dataset, LABEL_NAMES, tuple(cases), tuple(exclusions))


def find_scans(input: Path) -> tuple[list[tuple[str, Path]], list[Exclusion]]:
    """The subjects in a folder's `scans` with their scans, and what is left out.

    Raises:
        HipsegError: If there is no such folder.
    """
    folder = input / "scans"
    if not folder.is_dir():
        raise HipsegError(f"input: there is no folder {folder}; it holds a folder, DICOM or NIfTI file a subject")
    found, exclusions = dict[str, Path](), list[Exclusion]()
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        subject = _subject(path)
        if subject in found:
            exclusions.append(Exclusion(path.name, "", "duplicate_visit", f"another scan is of {subject} too"))
        else:
            found[subject] = path
    return list(found.items()), exclusions


def _subject(path: Path) -> str:
    name = path.name
    for ending in (*NIFTI, ".dcm"):
        if name.lower().endswith(ending):
            return name[: -len(ending)]
    return name
