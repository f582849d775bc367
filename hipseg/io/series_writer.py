"""CT series to DICOM files: one file a slice, as scanners write them, or one file with all frames."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage, ExplicitVRLittleEndian, generate_uid

from hipseg.geometry.volume import VolumeGrid

_INTERCEPT: Final = -1024


@dataclass(frozen=True)
class SeriesHeader:
    """What a series' files say.

    Attributes:
        subject: PatientID, also used for the name.
        date: Study date, YYYYMMDD.
        sex: M, F or O.
        age_years: Of the subject.
        number: Of the series.
        kernel: Of the reconstruction.
        kvp: Of the tube, in kilovolts.
        tilt_deg: Of the gantry.
        uid_seed: UIDs are derived from it, so that files can be made again byte for byte.
    """

    subject: str
    date: str
    sex: str
    age_years: int
    number: int
    kernel: str
    kvp: int
    tilt_deg: float
    uid_seed: str


def write_slices(
    folder: Path, header: SeriesHeader, hu: NDArray[np.int16], grid: VolumeGrid, names: Iterable[tuple[str, int]]
) -> None:
    """Write slices of a volume.

    Args:
        folder: It must exist.
        header: What the files say.
        hu: (slices, rows, columns), -1024 to 3071.
        grid: Where they lie.
        names: A file's name and the slice that it holds, a pair a file.
    """
    for order, (name, index) in enumerate(names, start=1):
        dataset = _common(header, CTImageStorage, f"slice {name}")
        dataset.InstanceNumber = str(order)
        dataset.ImagePositionPatient = _texts(grid.to_mm(np.array([index, 0, 0])))
        dataset.ImageOrientationPatient = _texts(_orientation(grid))
        dataset.PixelSpacing = _texts(np.array(grid.spacing_mm[1:]))
        dataset.SliceLocation = f"{grid.to_mm(np.array([index, 0, 0]))[2]:.4f}"
        dataset.SliceThickness, dataset.GantryDetectorTilt = f"{grid.spacing_mm[0]:.4f}", f"{header.tilt_deg:.2f}"
        dataset.KVP, dataset.ConvolutionKernel = str(header.kvp), header.kernel
        dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = str(_INTERCEPT), "1", "HU"
        dataset.WindowCenter, dataset.WindowWidth = "300", "1500"
        _add_pixels(dataset, hu[index])
        dataset.save_as(folder / name, enforce_file_format=True)


def write_frames(path: Path, header: SeriesHeader, hu: NDArray[np.int16], grid: VolumeGrid) -> None:
    """Write all slices as one enhanced CT object; see `write_slices`."""
    dataset = _common(header, EnhancedCTImageStorage, "frames")
    dataset.InstanceNumber, dataset.NumberOfFrames = "1", str(len(hu))
    dataset.ContentQualification, dataset.AcquisitionContextSequence = "RESEARCH", Sequence([])
    dataset.VolumetricProperties, dataset.VolumeBasedCalculationTechnique = "VOLUME", "NONE"
    dataset.PixelPresentation, dataset.PresentationLUTShape = "MONOCHROME", "IDENTITY"
    dataset.BurnedInAnnotation, dataset.LossyImageCompression = "NO", "00"
    shared = Dataset()
    shared.PlaneOrientationSequence = _item(ImageOrientationPatient=_texts(_orientation(grid)))
    shared.PixelMeasuresSequence = _item(
        PixelSpacing=_texts(np.array(grid.spacing_mm[1:])), SliceThickness=f"{grid.spacing_mm[0]:.4f}"
    )
    shared.PixelValueTransformationSequence = _item(
        RescaleIntercept=str(_INTERCEPT), RescaleSlope="1", RescaleType="HU"
    )
    dataset.SharedFunctionalGroupsSequence = Sequence([shared])
    frames = []
    for index in range(len(hu)):
        frame = Dataset()
        frame.PlanePositionSequence = _item(ImagePositionPatient=_texts(grid.to_mm(np.array([index, 0, 0]))))
        frames.append(frame)
    dataset.PerFrameFunctionalGroupsSequence = Sequence(frames)
    _add_pixels(dataset, hu)
    dataset.save_as(path, enforce_file_format=True)


def _common(header: SeriesHeader, kind: str, which: str) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = kind, ExplicitVRLittleEndian
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[header.uid_seed, which])
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = kind, meta.MediaStorageSOPInstanceUID
    dataset.StudyInstanceUID = generate_uid(entropy_srcs=[header.uid_seed, "study"])
    dataset.SeriesInstanceUID = generate_uid(entropy_srcs=[header.uid_seed, "series", str(header.number)])
    dataset.FrameOfReferenceUID = generate_uid(entropy_srcs=[header.uid_seed, "frame"])
    dataset.PatientName, dataset.PatientID = f"{header.subject}^", header.subject
    dataset.PatientBirthDate, dataset.PatientSex, dataset.PatientAge = "", header.sex, f"{header.age_years:03d}Y"
    dataset.StudyDate = dataset.SeriesDate = dataset.AcquisitionDate = dataset.ContentDate = header.date
    dataset.StudyTime = dataset.SeriesTime = dataset.AcquisitionTime = dataset.ContentTime = "120000"
    dataset.AccessionNumber = dataset.ReferringPhysicianName = dataset.PositionReferenceIndicator = ""
    dataset.StudyID, dataset.SeriesNumber = "1", str(header.number)
    dataset.Modality, dataset.Manufacturer, dataset.BodyPartExamined = "CT", "hipseg", "HIP"
    dataset.PatientPosition, dataset.ImageType = "HFS", ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.SpecificCharacterSet = "ISO_IR 100"
    return dataset


def _add_pixels(dataset: FileDataset, hu: NDArray[np.int16]) -> None:
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = hu.shape[-2:]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    dataset.PixelData = (hu - np.int16(_INTERCEPT)).astype("<u2").tobytes()


def _orientation(grid: VolumeGrid) -> NDArray[np.float64]:
    """Unit vectors along a row, then down a column."""
    axes = grid.affine[:3, :3] / np.linalg.norm(grid.affine[:3, :3], axis=0)
    return np.concatenate([axes[:, 2], axes[:, 1]])


def _texts(numbers: NDArray[np.float64]) -> list[str]:
    """Numbers as DICOM's decimal strings, of 16 characters at most."""
    return [f"{number:.9f}"[:16] for number in numbers]


def _item(**elements: object) -> Sequence:
    item = Dataset()
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return Sequence([item])
