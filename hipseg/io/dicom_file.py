"""From a file's bytes to a DICOM dataset, whatever is wrong with them."""

from __future__ import annotations

import io
import warnings
import zlib
from pathlib import Path
from typing import Final

import pydicom
from pydicom.dataset import FileDataset
from pydicom.errors import InvalidDicomError
from pydicom.filereader import _read_file_meta_info, read_preamble
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from hipseg.errors import Excluded

_HEADER_BYTES: Final = 4096  # in which a file's own header ends
_PIECE: Final = 1 << 20


def is_compressed(path: Path) -> bool:
    """Whether a file says that its pixels are compressed, so that a decoder of another's making will read them."""
    try:
        with path.open("rb") as stream:
            stream.seek(128)
            if stream.read(4) != b"DICM":
                return False
            start = stream.read(_HEADER_BYTES)
    except OSError:
        return False
    plain = (b"1.2.840.10008.1.2\0", b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.2\0")
    return not any(uid in start for uid in plain)


def parse(content: bytes, most_bytes: float) -> FileDataset:
    """The dataset that a file's bytes hold, with a transfer syntax; its pixels are not decoded.

    Args:
        content: A DICOM file, or a bare dataset without a file's preamble.
        most_bytes: That a deflated dataset may unfold to.

    Raises:
        Excluded: `not_dicom`, `truncated` or `too_many_pixels`.
    """
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            _refuse_bomb(content, most_bytes)
            try:
                dataset = pydicom.dcmread(io.BytesIO(content))
            except InvalidDicomError:
                dataset = _parse_bare(content)
        str(dataset.file_meta.TransferSyntaxUID)
    except Excluded:
        raise
    except AttributeError:
        raise Excluded("not_dicom", "the file states no transfer syntax") from None
    except Exception as error:  # pydicom raises many kinds on damaged files
        raise Excluded("truncated", f"the file breaks off or is damaged ({type(error).__name__})") from None
    if any("End of file" in str(warning.message) for warning in said):
        raise Excluded("truncated", "the file breaks off before its end is marked")
    return dataset


def _refuse_bomb(content: bytes, most_bytes: float) -> None:
    """Refuse a deflated dataset that would unfold to more than a file may hold, without unfolding it whole."""
    stream = io.BytesIO(content)
    try:
        if not read_preamble(stream, force=False):
            return
        meta = _read_file_meta_info(stream)
    except Exception:  # whatever is wrong is found again, and said, when the file is read
        return
    if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        return
    unfolding, total, rest = zlib.decompressobj(-zlib.MAX_WBITS), 0, stream.read()
    while rest and not unfolding.eof:
        total += len(unfolding.decompress(rest, _PIECE))
        rest = unfolding.unconsumed_tail
        if total > most_bytes:
            said = f"it unfolds to more than {most_bytes / 1e6:g} MB (limits.megapixels, limits.file_mb)"
            raise Excluded("too_many_pixels", said)


def _parse_bare(content: bytes) -> FileDataset:
    """A dataset without preamble and header, which says of itself what it is by its first elements."""
    nothing = Excluded("not_dicom", "the file does not start as a DICOM file")
    # The identifying group comes first, its tag's two halves in little-endian order.
    if len(content) < 8 or content[:2] != b"\x08\x00":
        raise nothing
    try:
        dataset = pydicom.dcmread(io.BytesIO(content), force=True)
        known = "SOPClassUID" in dataset and str(dataset.SOPClassUID).startswith("1.2.840.10008.")
    except Exception:  # chance bytes raise many kinds
        raise nothing from None
    if not known:
        raise nothing
    implicit, _ = dataset.original_encoding
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    return dataset
