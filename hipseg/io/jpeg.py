"""A look at a compressed frame's own header before a decoder is trusted with it."""

from __future__ import annotations

import struct
from typing import Final

from pydicom.dataset import FileDataset
from pydicom.encaps import generate_frames

from hipseg.errors import Excluded

_JPEG_2000: Final = b"\xff\x4f"
_START_OF_SCAN: Final = 0xDA
_MOST_BITS: Final = 16


def check_jpeg(dataset: FileDataset) -> int:
    """Refuse a damaged JPEG or JPEG 2000 frame header, before which the decoders bring down the process.

    Returns:
        Bits of a sample as the frame states them.

    Raises:
        Excluded: `truncated`.
    """
    frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
    if frame[:2] == _JPEG_2000:
        rows, columns = struct.unpack(">II", frame[12:16] + frame[8:12])
        bits = (frame[42] & 0x7F) + 1
        if bits > _MOST_BITS or (rows, columns) != (dataset.Rows, dataset.Columns):
            raise Excluded("truncated", "the JPEG 2000's header is damaged or contradicts the file's")
        return bits
    place, stated = 2, None
    while frame[place + 1] != _START_OF_SCAN:
        if frame[place] != 0xFF:
            raise Excluded("truncated", "the JPEG's header is damaged")
        if frame[place + 1] == 0xFF:  # fill
            place += 1
            continue
        length = int.from_bytes(frame[place + 2 : place + 4], "big")
        if 0xC0 <= frame[place + 1] <= 0xC3:
            stated = struct.unpack(">BHHB", frame[place + 4 : place + 10])
        place += 2 + length
    if stated is None or stated[1:] != (dataset.Rows, dataset.Columns, 1) or stated[0] > _MOST_BITS:
        raise Excluded("truncated", "the JPEG's header contradicts the file's")
    return int(stated[0])
