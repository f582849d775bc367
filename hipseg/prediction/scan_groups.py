"""Which files of a folder are one CT scan."""

from __future__ import annotations

from pathlib import Path

import pydicom

from hipseg.data.sources.scans import NIFTI


def is_nifti(file: Path) -> bool:
    """Whether a file's name is a NIfTI file's."""
    return file.name.lower().endswith(NIFTI)


def has_frames(file: Path) -> bool:
    """Whether a DICOM file holds more than one image."""
    try:
        return int(str(_tag(file, "NumberOfFrames") or 1)) > 1
    except ValueError:
        return False


def is_ct(file: Path) -> bool:
    """Whether a file is NIfTI, or DICOM from a CT scanner."""
    return is_nifti(file) or _tag(file, "Modality") == "CT"


def whole_scan(file: Path) -> Path:
    """What a file of a scan is part of: its folder if it is a slice, NIfTI and multi-frame files for themselves."""
    return file if is_nifti(file) or has_frames(file) else file.parent


def _tag(file: Path, name: str) -> object:
    try:
        return pydicom.dcmread(file, stop_before_pixels=True, specific_tags=[name]).get(name)
    except Exception:  # pydicom raises many kinds; what is no DICOM file is told when it is read
        return None
