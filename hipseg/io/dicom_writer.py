"""Radiographs to DICOM files: CR and DX objects that a validator accepts, in the syntaxes that archives hold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import gdcm
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    generate_uid,
)

Syntax = Literal["plain", "rle", "jpeg_lossless", "jpeg2000"]
_GDCM_SYNTAX: Final = {
    "rle": gdcm.TransferSyntax.RLELossless,
    "jpeg_lossless": gdcm.TransferSyntax.JPEGLosslessProcess14_1,
    "jpeg2000": gdcm.TransferSyntax.JPEG2000Lossless,
}


@dataclass(frozen=True)
class Header:
    """What a radiograph's header says.

    Attributes:
        subject: PatientID, also used for the name.
        date: Study date, YYYYMMDD.
        modality: CR or DX.
        spacing_mm: Millimetres per pixel, or None for a header without.
        spacing_tag: Under which attribute; DX objects always state ImagerPixelSpacing beside PixelSpacing.
        photometric: MONOCHROME1 or MONOCHROME2, as the header states it.
        bits: Stored.
        syntax: How the pixels are coded.
        uid_seed: UIDs are derived from it, so that a file can be made again byte for byte.
    """

    subject: str
    date: str
    modality: Literal["CR", "DX"]
    spacing_mm: tuple[float, float] | None
    spacing_tag: Literal["PixelSpacing", "ImagerPixelSpacing"]
    photometric: Literal["MONOCHROME1", "MONOCHROME2"]
    bits: int
    syntax: Syntax
    uid_seed: str


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _common(header: Header) -> FileDataset:
    meta = FileMetaDataset()
    is_cr = header.modality == "CR"
    meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage if is_cr else DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[header.uid_seed, "instance"])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    dataset.StudyInstanceUID = generate_uid(entropy_srcs=[header.uid_seed, "study"])
    dataset.SeriesInstanceUID = generate_uid(entropy_srcs=[header.uid_seed, "series"])
    dataset.PatientName, dataset.PatientID = f"{header.subject}^", header.subject
    dataset.PatientBirthDate, dataset.PatientSex = "", "O"
    dataset.StudyDate = dataset.ContentDate = dataset.AcquisitionDate = dataset.SeriesDate = header.date
    dataset.StudyTime = dataset.ContentTime = dataset.AcquisitionTime = "120000"
    dataset.AccessionNumber = dataset.ReferringPhysicianName = ""
    dataset.StudyID, dataset.SeriesNumber, dataset.InstanceNumber = "1", "1", "1"
    dataset.Modality, dataset.Manufacturer = header.modality, "hipseg"
    dataset.BodyPartExamined, dataset.ViewPosition = "PELVIS", "AP"
    dataset.PatientOrientation = ["L", "F"]
    dataset.SpecificCharacterSet = "ISO_IR 100"
    return dataset


def _add_dx(dataset: FileDataset) -> None:
    dataset.PresentationIntentType = "FOR PRESENTATION"
    dataset.ImageLaterality = "U"
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.AnatomicRegionSequence = Sequence([_code("12921003", "SCT", "Pelvis")])
    dataset.ViewCodeSequence = Sequence([_code("399348003", "SCT", "antero-posterior")])
    dataset.ViewCodeSequence[0].ViewModifierCodeSequence = Sequence([])
    dataset.AcquisitionContextSequence = Sequence([])
    dataset.DetectorType, dataset.DetectorID = "DIRECT", ""
    dataset.PixelIntensityRelationship, dataset.PixelIntensityRelationshipSign = "LOG", -1
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = "0", "1", "US"
    dataset.LossyImageCompression, dataset.BurnedInAnnotation = "00", "NO"
    dataset.PositionerType = "NONE"


def _add_pixels(dataset: FileDataset, header: Header, values: NDArray[np.uint16]) -> None:
    dataset.SamplesPerPixel, dataset.PixelRepresentation = 1, 0
    dataset.PhotometricInterpretation = header.photometric
    dataset.Rows, dataset.Columns = values.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, header.bits, header.bits - 1
    if header.modality == "DX":
        dataset.PresentationLUTShape = "INVERSE" if header.photometric == "MONOCHROME1" else "IDENTITY"
        dataset.PixelIntensityRelationshipSign = 1 if header.photometric == "MONOCHROME1" else -1
    dataset.WindowCenter, dataset.WindowWidth = str(2 ** (header.bits - 1)), str(2**header.bits)
    if header.spacing_mm is not None:
        stated = [f"{value:.6g}" for value in header.spacing_mm]
        setattr(dataset, header.spacing_tag, stated)
        if header.spacing_tag == "PixelSpacing":
            dataset.ImagerPixelSpacing = stated
            dataset.PixelSpacingCalibrationType = "GEOMETRY"
            dataset.PixelSpacingCalibrationDescription = "none applied"
    dataset.PixelData = values.tobytes()


def write_radiograph(path: Path, header: Header, values: NDArray[np.uint16]) -> None:
    """Write one film.

    Args:
        path: Where to; the folder must exist.
        header: What the file says of it.
        values: (rows, columns) as they are to be stored, at most `header.bits` bits.

    Raises:
        OSError: If the file can't be written or its syntax can't be encoded.
    """
    dataset = _common(header)
    if header.modality == "DX":
        _add_dx(dataset)
    _add_pixels(dataset, header, values)
    dataset.save_as(path, enforce_file_format=True)
    if header.syntax != "plain":
        _recode(path, header.syntax)


def _recode(path: Path, syntax: str) -> None:
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    if not reader.Read():
        raise OSError(f"{path} can't be read back for encoding")
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(_GDCM_SYNTAX[syntax]))
    change.SetInput(reader.GetImage())
    if not change.Change():
        raise OSError(f"{path} can't be encoded as {syntax}")
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(path))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    if not writer.Write():
        raise OSError(f"{path} can't be written as {syntax}")
