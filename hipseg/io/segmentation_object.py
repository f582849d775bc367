"""Labels of a femur as a DICOM segmentation object, which an archive files with the scan that they were made of."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import highdicom
import numpy as np
from highdicom.seg import Segmentation, SegmentDescription
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from hipseg import __version__
from hipseg.errors import HipsegError
from hipseg.geometry.volume import VolumeGrid
from hipseg.io.series import series_images
from hipseg.labels.femur import CORTEX, ENCLOSED, LABEL_NAMES
from hipseg.labels.landmarks import Side

# DICOM's own code lists have no cortical and no trabecular bone; the descriptions say what is meant.
_SEGMENTS: Final = (
    (CORTEX, Code("3138006", "SCT", "Bone"), "Cortical bone of the {side} femur"),
    (ENCLOSED, Code("14016003", "SCT", "Bone Marrow"), "Trabecular bone and marrow within the {side} femur's cortex"),
)
_TISSUE: Final = Code("85756007", "SCT", "Tissue")
_FEMUR: Final = Code("71341001", "SCT", "Femur")
_LATERALITY: Final = {"left": Code("7771000", "SCT", "Left"), "right": Code("24028007", "SCT", "Right")}
_LEARNT: Final = Code("123110", "DCM", "Artificial Intelligence")

_NEEDED: Final = (
    "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID",
)  # fmt: skip
# Every object has these, but they may be empty; anonymised scans often lack them.
_MAY_BE_EMPTY: Final = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID",
    "AccessionNumber", "ReferringPhysicianName",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class ScanImages:
    """The DICOM images of a scan, ready for segmentations to refer to.

    Attributes:
        datasets: One a slice, or one with every frame.
        slices: (slices or frames) which slice of the volume each of them is.
    """

    datasets: tuple[Dataset, ...]
    slices: NDArray[np.intp]


def read_images(path: Path, grid: VolumeGrid) -> ScanImages:
    """The images of a scan.

    Args:
        path: What `read_series` was given.
        grid: What it found.

    Raises:
        HipsegError: If the images state too little; its text says nothing of the patient.
    """
    parts = series_images(path)
    datasets = tuple({id(dataset): dataset for dataset, _ in parts}.values())
    frames = [frame for _, frame in parts if frame is not None]
    if frames and len(datasets) > 1:
        raise HipsegError("its frames lie in several files, which one segmentation can't refer to")
    with _without_patient():
        for dataset in datasets:
            _complete(dataset, datasets[0], f"{grid.spacing_mm[0]:.6g}")
    return ScanImages(datasets, np.argsort(frames) if frames else np.arange(len(datasets)))


def write_segmentation(path: Path, labels: NDArray[np.uint8], images: ScanImages, side: Side) -> None:
    """Write a femur's labels as binary segments `cortex` and `enclosed`, in the scan's own frame of reference.

    The file repeats who the patient and what the study is, as the scan's images state it.

    Args:
        path: Of the file.
        labels: (slices, rows, columns) labels as in `hipseg.labels.femur`, on `read_series`'s voxels, some above 0.
        images: Of the scan.
        side: Of the femur.

    Raises:
        HipsegError: If highdicom refuses the scan; its text says nothing of the patient.
    """
    content = io.BytesIO()
    with _without_patient():
        _segmentation(labels[images.slices], images.datasets, side).save_as(content, enforce_file_format=True)
    path.write_bytes(content.getvalue())


def _complete(dataset: Dataset, first: Dataset, step_mm: str) -> None:
    """Bring an image into the form in which highdicom takes it."""
    for keyword in _NEEDED:
        if not dataset.get(keyword):
            raise HipsegError(f"its images state no {keyword}")
    for keyword in _MAY_BE_EMPTY:
        dataset.setdefault(keyword, None)
    measures = dataset
    if frames := dataset.get("PerFrameFunctionalGroupsSequence"):
        shared = dataset.SharedFunctionalGroupsSequence[0]
        for keyword in ("PlaneOrientationSequence", "PixelMeasuresSequence"):  # alike in all frames of a series
            shared.setdefault(keyword, frames[0].get(keyword))
        measures = shared.PixelMeasuresSequence[0]
    else:
        dataset.ImageOrientationPatient = first.ImageOrientationPatient  # but for rounding they are the same
    measures.SpacingBetweenSlices = step_mm  # some scanners state another
    if not measures.get("SliceThickness"):
        measures.SliceThickness = step_mm


def _segmentation(labels: NDArray[np.uint8], datasets: tuple[Dataset, ...], side: Side) -> Any:
    first = datasets[0]
    made = Segmentation(
        source_images=datasets,
        pixel_array=labels,
        segmentation_type="BINARY",
        segment_descriptions=[_segment(label, kind, said.format(side=side), side) for label, kind, said in _SEGMENTS],
        series_instance_uid=highdicom.UID(),
        series_number=1000 + int(first.get("SeriesNumber") or 0),
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        manufacturer="hipseg",
        manufacturer_model_name="hipseg",
        software_versions=__version__,
        device_serial_number="none",
        content_label=f"FEMUR_{side.upper()}",
        content_description=f"{side} femur: cortex and what it encloses",
        series_description=f"{side} femur, segmented by hipseg",
        omit_empty_frames=True,
    )
    if first.get("SpecificCharacterSet"):
        made.SpecificCharacterSet = first.SpecificCharacterSet
    return made


def _segment(label: int, kind: Code, said: str, side: Side) -> SegmentDescription:
    algorithm = highdicom.AlgorithmIdentificationSequence("hipseg", _LEARNT, __version__)
    segment = SegmentDescription(
        label, LABEL_NAMES[label], _TISSUE, kind, "AUTOMATIC", algorithm, anatomic_regions=[_FEMUR]
    )
    segment.SegmentDescription = said
    laterality = highdicom.sr.CodedConcept.from_code(_LATERALITY[side])
    segment.AnatomicRegionSequence[0].AnatomicRegionModifierSequence = [laterality]
    return segment


@contextmanager
def _without_patient() -> Iterator[None]:
    """Warnings left out and errors in other words, as they quote what the scan says of the patient."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except (HipsegError, OSError):
            raise
        except Exception as error:  # highdicom and pydicom raise many kinds
            missing = isinstance(error, AttributeError) and error.name
            said = f"its images state no {missing}" if missing else f"highdicom refuses it ({type(error).__name__})"
            raise HipsegError(said) from None
