"""Volumes from NIfTI files and to them, with their place in the patient."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from hipseg.errors import Excluded
from hipseg.geometry.volume import Volume, VolumeGrid

_LPS: Final = np.diag([-1.0, -1.0, 1.0, 1.0])  # NIfTI counts to the right and forwards
_SHEAR: Final = 0.01  # between unit vectors: half a degree, which a series may be tilted by
_MM: Final = {"meter": 1000.0, "micron": 0.001}
_NEW: Final[Any] = nib.Nifti1Image  # untyped


def read_nifti(path: Path) -> Volume:
    """A volume, its values scaled as the file says.

    Raises:
        Excluded: `unreadable`, `not_volume`, `orientation_missing` or `sheared`.
    """
    try:
        image: Any = nib.load(path)
        values = np.asanyarray(image.dataobj)
    except Exception as error:  # nibabel raises many kinds on damaged files
        raise Excluded("unreadable", f"it is no NIfTI file that can be read ({type(error).__name__})") from None
    if not isinstance(image, (nib.Nifti1Image, nib.Nifti2Image, nib.Nifti1Pair)) or values.dtype.kind not in "iuf":
        raise Excluded("unreadable", "it is no NIfTI file with a number a voxel")
    if values.ndim > 3 and set(values.shape[3:]) == {1}:
        values = values.reshape(values.shape[:3])
    if values.ndim != 3 or min(values.shape) < 2:
        size = " x ".join(map(str, values.shape))
        raise Excluded("not_volume", f"it has {size} voxels; a volume has three axes of two and more")
    if not (int(image.header["sform_code"]) or int(image.header["qform_code"])):
        raise Excluded("orientation_missing", "neither sform nor qform says how it lies; write it with one of them")
    affine = _LPS @ np.asarray(image.affine, dtype=np.float64)
    header: Any = image.header
    affine[:3] *= _MM.get(header.get_xyzt_units()[0], 1.0)
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-12:
        raise Excluded("orientation_missing", "what it says of how it lies are no numbers")
    axes = affine[:3, :3] / np.maximum(np.linalg.norm(affine[:3, :3], axis=0), 1e-12)
    if np.abs(axes.T @ axes - np.eye(3)).max() > _SHEAR:
        raise Excluded("sheared", "its axes are not at right angles; resample it first")
    affine[:, :3] = affine[:, 2::-1]
    return Volume(np.ascontiguousarray(values.T), VolumeGrid(values.shape[::-1], affine))


def write_nifti(path: Path, values: NDArray[Any], grid: VolumeGrid) -> None:
    """Write a volume (slices, rows, columns) as it is stored in memory, masks as bytes; `.nii.gz` compresses.

    The header holds where it lies and nothing else.
    """
    affine = grid.affine.copy()
    affine[:, :3] = affine[:, 2::-1]
    values = values.astype(np.uint8) if values.dtype == bool else values
    image: Any = _NEW(values.T, _LPS @ affine)
    image.set_qform(image.affine, code=1)
    image.set_sform(image.affine, code=1)
    image.header.set_xyzt_units("mm")
    nib.save(image, path)
