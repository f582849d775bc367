"""CT series from DICOM files: one volume in Hounsfield units, or the reason why it is none.

What is asked of a series is that its slices lie parallel, evenly and above each other. A reason names the slice or the
gap, so that it can be looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from hipseg.errors import Excluded
from hipseg.geometry.volume import Volume, VolumeGrid
from hipseg.io.dicom_file import parse

_PARALLEL: Final = 1e-3  # between direction cosines
_EVEN: Final = 0.05  # of the usual distance
_SHEAR_DEG: Final = 0.5
_MOST_BYTES: Final = 4e9
_NAMED: Final = 3
_SLICE_ENDINGS: Final = ("", ".dcm", ".ima")


@dataclass(frozen=True, eq=False)
class _Slice:
    """One image and where it lies.

    Attributes:
        name: Its file, and frame if there are several.
        series: UID of its series.
        number: Of its series, as people know it.
        position: (3,) of its first pixel's centre, in mm.
        axes: (2, 3) unit vectors along a row and down a column.
        spacing_mm: Between rows and between columns.
        shape: Rows and columns.
        dataset: Where its pixels are.
        frame: Which of them; None if there is one.
        rescale: Slope and intercept to Hounsfield units.
    """

    name: str
    series: str
    number: str
    position: NDArray[np.float64]
    axes: NDArray[np.float64]
    spacing_mm: tuple[float, float]
    shape: tuple[int, int]
    dataset: Dataset
    frame: int | None
    rescale: tuple[float, float]


def read_series(path: Path) -> Volume:
    """The volume of a folder that holds one series, or of one file with several frames.

    Returns:
        (slices, rows, columns) int16 Hounsfield units, slices in the direction of row cross column.

    Raises:
        Excluded: With the reason.
    """
    slices = _read_slices(path)
    step = (slices[-1].position - slices[0].position) / (len(slices) - 1)
    row, column = slices[0].axes
    down, across = slices[0].spacing_mm
    affine = np.eye(4)
    affine[:3, :3] = np.stack([step, column * down, row * across], axis=1)
    affine[:3, 3] = slices[0].position
    values = np.stack([_hounsfield(part) for part in slices])
    return Volume(values, VolumeGrid(values.shape, affine))


def series_images(path: Path) -> list[tuple[Dataset, int | None]]:
    """The image of every slice of `read_series`, in the same order, and which frame of it if it has several.

    Raises:
        Excluded: With the reason.
    """
    return [(part.dataset, part.frame) for part in _read_slices(path)]


def _read_slices(path: Path) -> list[_Slice]:
    """Slices one above the other."""
    if not path.exists():
        raise Excluded("unreadable", f"there is no {path.name}")
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    slices = list[_Slice]()
    for file in files:
        name = file.relative_to(path).as_posix() if path.is_dir() else file.name
        if (dataset := _dataset(file, name, alone=not path.is_dir())) is not None:
            slices += _slices(dataset, name)
    if not slices:
        raise Excluded("no_slices", "there is no CT slice in it")
    _require_one_series(slices)
    return _in_order(slices)


def _dataset(file: Path, name: str, alone: bool) -> Dataset | None:
    """What a file holds; None for a file of another kind among others."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise Excluded("unreadable", f"{name} can't be opened ({error.strerror})") from None
    try:
        dataset = parse(content, _MOST_BYTES)
    except Excluded as error:
        # What is left of a slice is no file of another kind.
        if content[128:132] == b"DICM" or (not content and file.suffix.lower() in _SLICE_ENDINGS):
            raise Excluded("truncated", f"{name} is empty or breaks off") from None
        if alone or error.reason != "not_dicom":
            raise Excluded(error.reason, f"{name}: {error.detail}") from None
        return None
    if alone or dataset.get("Modality") == "CT":
        return dataset
    # Segmentations lie where an archive or `hipseg predict` put them, and are no slices.
    return dataset if "PixelData" in dataset and dataset.get("Modality") != "SEG" else None


def _slices(dataset: Dataset, name: str) -> list[_Slice]:
    """Every image of a file."""
    modality = str(dataset.get("Modality", ""))
    if modality != "CT":
        raise Excluded("not_ct", f"{name} is of modality {modality or 'none'}, not CT")
    if "PixelData" not in dataset:
        raise Excluded("no_pixels", f"{name} holds no image")
    if "LOCALIZER" in dataset.get("ImageType", []):
        raise Excluded("localizer", f"{name} is a localizer, not a slice; take it out of the folder")
    shared = next(iter(dataset.get("SharedFunctionalGroupsSequence", [])), None)
    frames = list(dataset.get("PerFrameFunctionalGroupsSequence", []))
    if not frames:
        return [_slice(dataset, [dataset], name, None)]
    if len(frames) != int(dataset.get("NumberOfFrames") or 1):
        said = f"it states {dataset.get('NumberOfFrames')} frames and where {len(frames)} lie"
        raise Excluded("geometry_missing", f"{name}: {said}")
    groups = [[group for group in (frame, shared) if group is not None] for frame in frames]
    return [_slice(dataset, group, f"{name}, frame {i + 1}", i) for i, group in enumerate(groups)]


_GROUPS: Final = {
    "ImagePositionPatient": "PlanePositionSequence",
    "ImageOrientationPatient": "PlaneOrientationSequence",
    "PixelSpacing": "PixelMeasuresSequence",
    "RescaleSlope": "PixelValueTransformationSequence",
    "RescaleIntercept": "PixelValueTransformationSequence",
}


def _slice(dataset: Dataset, groups: Sequence[Dataset], name: str, frame: int | None) -> _Slice:
    def stated(keyword: str, count: int) -> NDArray[np.float64]:
        for group in groups:
            inner = next(iter(group.get(_GROUPS[keyword], [])), group)
            if (value := inner.get(keyword)) is not None:
                try:
                    numbers = np.atleast_1d(np.array(value, dtype=np.float64))
                except (TypeError, ValueError):
                    break
                if numbers.shape == (count,) and np.isfinite(numbers).all():
                    return numbers
                break
        raise Excluded("geometry_missing", f"{name} states no valid {keyword}")

    axes = stated("ImageOrientationPatient", 6).reshape(2, 3)
    if np.abs(axes @ axes.T - np.eye(2)).max() > _PARALLEL:
        raise Excluded("geometry_missing", f"{name} states no valid ImageOrientationPatient: no two unit vectors")
    down, across = stated("PixelSpacing", 2)
    if not (down > 0 and across > 0):
        raise Excluded("geometry_missing", f"{name} states no valid PixelSpacing")
    return _Slice(
        name, str(dataset.get("SeriesInstanceUID", "")), str(dataset.get("SeriesNumber", "")),
        stated("ImagePositionPatient", 3), axes, (float(down), float(across)),
        (int(dataset.get("Rows") or 0), int(dataset.get("Columns") or 0)), dataset, frame,
        (float(stated("RescaleSlope", 1)[0]), float(stated("RescaleIntercept", 1)[0])),
    )  # fmt: skip


def _require_one_series(slices: Sequence[_Slice]) -> None:
    first = slices[0]
    series = dict[str, list[_Slice]]()
    for part in slices:
        series.setdefault(part.series, []).append(part)
    if len(series) > 1:
        held = ", ".join(f"number {parts[0].number or '?'} ({len(parts)} slices)" for parts in series.values())
        raise Excluded("several_series", f"it holds {len(series)} series, {held}; give each a folder of its own")
    for part in slices:
        if np.abs(part.axes - first.axes).max() > _PARALLEL:
            raise Excluded("mixed_orientation", f"{part.name} does not lie parallel to {first.name}")
        if part.shape != first.shape or not np.allclose(part.spacing_mm, first.spacing_mm, rtol=1e-3):
            raise Excluded("mixed_sizes", f"{part.name} has other rows, columns or spacing than {first.name}")
    if len(slices) < 2:
        raise Excluded("no_slices", "there is one slice in it, which is no volume")


def _in_order(slices: Sequence[_Slice]) -> list[_Slice]:
    """The slices one above the other; what keeps them from being a volume is refused."""
    row, column = slices[0].axes
    normal = np.cross(row, column)
    ordered = sorted(slices, key=lambda part: float(part.position @ normal))
    heights = np.array([part.position @ normal for part in ordered])
    steps = np.diff(heights)
    usual = float(np.median(steps))
    same = np.nonzero(steps < max(0.1 * usual, 1e-3))[0]
    if same.size:
        pairs = "; ".join(f"{ordered[i].name} and {ordered[i + 1].name}" for i in same[:_NAMED])
        raise Excluded("slices_duplicated", f"{_count(same, 'place')} held twice: {pairs}; remove one of each")
    wide = np.nonzero(np.abs(steps - usual) > _EVEN * usual)[0]
    if wide.size:
        i = int(wide[0])
        where = f"{steps[i]:.3f} mm lie between {ordered[i].name} and {ordered[i + 1].name}, {usual:.3f} mm elsewhere"
        raise Excluded("slices_missing", f"{_count(wide, 'gap')} between slices; {where}")
    # By most slices: one that is shifted is no tilt.
    moved = np.diff([part.position for part in ordered], axis=0) / steps[:, None]
    sideways = np.median(moved, axis=0) - normal
    angle = float(np.degrees(np.arctan(np.linalg.norm(sideways))))
    if angle > _SHEAR_DEG:
        raise Excluded("gantry_tilt", f"its slices are shifted as by a gantry tilted by {angle:.1f} degrees")
    along = (heights - heights[0])[:, None] * (normal + sideways)
    starts = np.array([part.position for part in ordered]) - along
    off = np.linalg.norm(starts - np.median(starts, axis=0), axis=1)
    if off.max() > max(0.5, 0.5 * usual):
        raise Excluded("mixed_orientation", f"{ordered[int(off.argmax())].name} is shifted against the others")
    return ordered


def _count(found: NDArray[Any], word: str) -> str:
    return f"{len(found)} {word}{'s' if len(found) > 1 else ''}"


def _hounsfield(part: _Slice) -> NDArray[np.int16]:
    try:
        pixels = part.dataset.pixel_array
    except Exception as error:  # decoders raise many kinds
        raise Excluded("truncated", f"{part.name}: its pixels can't be decoded ({type(error).__name__})") from None
    image = pixels if part.frame is None or pixels.ndim == 2 else pixels[part.frame]
    if image.shape != part.shape:
        raise Excluded("truncated", f"{part.name}: it has not the rows and columns that it states")
    slope, intercept = part.rescale
    return np.clip(np.rint(image * slope + intercept), -32768, 32767).astype(np.int16)
