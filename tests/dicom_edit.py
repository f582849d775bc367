"""DICOM files changed by an element, for tests of what is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pydicom


def edit(path: Path, **elements: Any) -> None:
    """Set elements of a file; None deletes one."""
    dataset = pydicom.dcmread(path)
    for keyword, value in elements.items():
        if value is None:
            del dataset[keyword]
        else:
            setattr(dataset, keyword, value)
    dataset.save_as(path)
