"""Films whose header is wrong in one place: every attribute that is read, in every way that one can be wrong."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator, Sequence
from typing import Final

from cases import FilmCase, Films
from dicom_bytes import (
    COLUMNS,
    PIXELS,
    ROWS,
    TRANSFER_SYNTAX,
    Element,
    lying,
    put_together,
    short,
    sized,
    text,
    with_element,
    without,
)
from sound_films import SIDE, Base

ATTRIBUTES: Final[dict[str, tuple[int, str]]] = {
    "SpecificCharacterSet": (0x00080005, "CS"),
    "Modality": (0x00080060, "CS"),
    "PatientOrientation": (0x00200020, "CS"),
    "DistanceSourceToDetector": (0x00181110, "DS"),
    "DistanceSourceToPatient": (0x00181111, "DS"),
    "EstimatedRadiographicMagnificationFactor": (0x00181114, "DS"),
    "ImagerPixelSpacing": (0x00181164, "DS"),
    "NominalScannedPixelSpacing": (0x00182010, "DS"),
    "SamplesPerPixel": (0x00280002, "US"),
    "PhotometricInterpretation": (0x00280004, "CS"),
    "NumberOfFrames": (0x00280008, "IS"),
    "Rows": (ROWS, "US"),
    "Columns": (COLUMNS, "US"),
    "PixelSpacing": (0x00280030, "DS"),
    "BitsAllocated": (0x00280100, "US"),
    "BitsStored": (0x00280101, "US"),
    "HighBit": (0x00280102, "US"),
    "PixelRepresentation": (0x00280103, "US"),
    "PixelPaddingValue": (0x00280120, "US"),
    "PixelPaddingRangeLimit": (0x00280121, "US"),
    "RescaleIntercept": (0x00281052, "DS"),
    "RescaleSlope": (0x00281053, "DS"),
}
# Longer than Python turns into a number, for fear of the time it takes.
LONG_NUMBER: Final = "9" * 4301
_PIXEL_SPACING, _IMAGER = ATTRIBUTES["PixelSpacing"][0], ATTRIBUTES["ImagerPixelSpacing"][0]
_TEXTS: Final = {
    "empty": "", "blank": "    ", "zero": "0", "negative": "-1", "huge": "1e308", "tiny": "1e-308", "nan": "nan",
    "infinite": "inf", "text": "abc", "long number": LONG_NUMBER, "many": "1\\2\\3\\4\\5",
    "nul and high bytes": "\0\xff\xfe\x80", "very long": "A" * 60000,
}  # fmt: skip
_NUMBERS: Final = {"empty": (), "zero": (0,), "one": (1,), "highest": (65535,), "many": (1, 2, 3)}
_SPACINGS: Final = {
    "zero": "0\\0", "denormal": "5e-324\\5e-324", "1e-300": "1e-300\\1e-300", "3e-6": "3e-6\\3e-6",
    "0.001": "0.001\\0.001", "50": "50\\50", "1e5": "1e5\\1e5", "1e300": "1e300\\1e300", "1e308": "1e308\\1e308",
    "beyond double": "1e400\\1e400", "infinite": "inf\\inf", "minus infinite": "-inf\\-inf", "nan": "nan\\nan",
    "one of them": "2.2\\", "negative": "-2.2\\-2.2", "long number": f"{LONG_NUMBER}\\{LONG_NUMBER}",
    "comma": "2,2\\2,2", "hexadecimal": "0x1p-3\\0x1p-3", "underscored": "1_0\\1_0", "far apart": "1e-9\\1e9",
}  # fmt: skip
_SIZES: Final = [
    (0, 0), (0, SIDE), (SIDE, 0), (1, 1), (1, 65535), (SIDE + 1, SIDE), (2 * SIDE, 2 * SIDE), (20000, 20000),
    (65535, 65535),
]  # fmt: skip
_BITS: Final = [
    (8, 12, 11, 0), (16, 0, 0, 0), (16, 17, 16, 0), (16, 12, 15, 0), (16, 12, 0, 0), (16, 12, 65535, 0), (1, 1, 0, 0),
    (32, 12, 11, 0), (64, 64, 63, 0), (12, 12, 11, 0), (16, 16, 15, 1), (16, 12, 11, 1), (0, 0, 0, 0), (16, 1, 0, 1),
    (65535, 65535, 65534, 1), (16, 12, 11, 2), (16, 12, 11, 65535), (24, 24, 23, 0),
]  # fmt: skip
_SYNTAXES: Final = {
    "implicit": "1.2.840.10008.1.2", "plain": "1.2.840.10008.1.2.1", "deflated": "1.2.840.10008.1.2.1.99",
    "big endian": "1.2.840.10008.1.2.2", "JPEG": "1.2.840.10008.1.2.4.50", "JPEG 12": "1.2.840.10008.1.2.4.51",
    "JPEG lossless": "1.2.840.10008.1.2.4.57", "JPEG lossless 1": "1.2.840.10008.1.2.4.70",
    "JPEG-LS": "1.2.840.10008.1.2.4.80", "JPEG 2000": "1.2.840.10008.1.2.4.90", "MPEG": "1.2.840.10008.1.2.4.100",
    "HTJ2K": "1.2.840.10008.1.2.4.201", "RLE": "1.2.840.10008.1.2.5", "none such": "1.2.3.4", "empty": "",
    "not a UID": "\0abc",
}  # fmt: skip


def wrong_values(vr: str) -> Iterator[tuple[str, str, bytes]]:
    """Every way in which an attribute's value can be wrong: a name, its representation, its bytes."""
    for name, value in _TEXTS.items():
        coded = value.encode("latin-1")
        if vr != "US":
            yield name, vr, coded + b" " * (len(coded) % 2)
    if vr == "US":
        for name, numbers in _NUMBERS.items():
            yield name, vr, struct.pack(f"<{len(numbers)}H", *numbers)
        yield "odd length", vr, b"\1"
        yield "long number as text", "IS", LONG_NUMBER.encode() + b" "
        yield "text", "LO", b"abc "
        yield "negative", "SS", struct.pack("<h", -1)
        yield "nan", "FL", struct.pack("<f", float("nan"))
        yield "infinite", "FD", struct.pack("<d", float("inf"))
    else:
        yield "as a number", "US", struct.pack("<H", 7)
        yield "as bytes", "OB", b"\0\1\2\3"
    yield "as a sequence", "SQ", b""
    yield "of no representation", "??", b"12"


def _attributes(bases: Iterator[Base], points: bytes) -> Films:
    for attribute, (tag, vr) in ATTRIBUTES.items():
        base, elements = next(bases)
        yield _case(f"{attribute} missing ({base})", without(elements, tag), points)
        for name, representation, value in wrong_values(vr):
            base, elements = next(bases)
            content = with_element(elements, Element(tag, representation, value))
            yield _case(f"{attribute} {name} ({base})", content, points)


def _case(name: str, content: bytes, points: bytes, kind: str = "header") -> FilmCase:
    return FilmCase(kind, name, lambda: content, lambda: points)


def _spacings(bases: Iterator[Base], points: bytes) -> Films:
    for name, value in _SPACINGS.items():
        base, elements = next(bases)
        stated = text(_PIXEL_SPACING, "DS", value)
        yield _case(
            f"both spacings {name} ({base})",
            with_element(elements, stated, text(_IMAGER, "DS", value)),
            points,
            "spacing",
        )
        alone = {tag: element for tag, element in elements.items() if tag != _PIXEL_SPACING}
        yield _case(
            f"imager spacing {name} ({base})", with_element(alone, text(_IMAGER, "DS", value)), points, "spacing"
        )
    for base, elements in itertools.islice(bases, 2):
        yield _case(f"no spacing ({base})", without(elements, _PIXEL_SPACING, _IMAGER), points, "spacing")


def _sizes(bases: Sequence[Base], points: bytes) -> Films:
    for base, elements in bases:
        for rows, columns in _SIZES:
            content = put_together(sized(elements, rows, columns))
            yield _case(f"states {rows} x {columns} ({base})", content, points, "size")


def _bits(bases: Iterator[Base], points: bytes) -> Films:
    tags = [ATTRIBUTES[name][0] for name in ("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation")]
    for bits in _BITS:
        for base, elements in itertools.islice(bases, 2):
            content = with_element(elements, *(short(tag, value) for tag, value in zip(tags, bits, strict=True)))
            yield _case(f"bits {bits} ({base})", content, points, "bits")


def _lookup_tables(bases: Iterator[Base], points: bytes) -> Films:
    for descriptor, entries in (
        ((0, 0, 16), 0), ((4096, 0, 12), 10), ((4096, 0, 12), 4096), ((2, 65535, 255), 2), ((1,), 1), ((), 0),
    ):  # fmt: skip
        base, elements = next(bases)
        table = short(0x00283002, *descriptor).encoded() + short(0x00283006, *range(entries)).encoded()
        sequence = Element(0x00283000, "SQ", struct.pack("<HHI", 0xFFFE, 0xE000, len(table)) + table)
        yield _case(f"lookup table {descriptor} of {entries} ({base})", with_element(elements, sequence), points)


def _pixel_element(bases: Iterator[Base], points: bytes) -> Films:
    for representation in ("OB", "UN", "UT", "SQ", "DS", "??"):
        base, elements = next(bases)
        pixels = Element(PIXELS, representation, elements[PIXELS].value[:40000], elements[PIXELS].stated)
        yield _case(f"pixel data as {representation} ({base})", with_element(elements, pixels), points)
    for stated in (0, 1, 2 * SIDE**2 - 1, 2 * SIDE**2 + 2, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF):
        base, elements = next(bases)
        content = with_element(elements, lying(elements[PIXELS], stated))
        yield _case(f"pixel data stating {stated} bytes ({base})", content, points)
    for base, elements in itertools.islice(bases, 2):
        yield _case(f"no pixel data ({base})", without(elements, PIXELS), points)
    for name, syntax in _SYNTAXES.items():
        base, elements = next(bases)
        content = with_element(elements, text(TRANSFER_SYNTAX, "UI", syntax))
        yield _case(f"calls itself {name} ({base})", content, points)


def bad_headers(bases: Sequence[Base], points: bytes) -> Films:
    """Every film with a wrong header.

    Args:
        bases: Sound films by what they are, of all syntaxes; taken in turn.
        points: A sound points file.
    """
    turn = itertools.cycle(bases)
    yield from _attributes(turn, points)
    yield from _spacings(turn, points)
    yield from _sizes(bases[:4], points)
    yield from _bits(turn, points)
    yield from _lookup_tables(turn, points)
    yield from _pixel_element(turn, points)
