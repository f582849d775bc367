"""DICOM files in pieces, so that one element can be made wrong in ways that a DICOM library would not write."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

_LONG: Final = ("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV")
_UNDEFINED: Final = 0xFFFFFFFF
_ITEM, _ITEM_END, _END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_PREAMBLE: Final = 132

TRANSFER_SYNTAX: Final = 0x00020010
PIXELS: Final = 0x7FE00010
ROWS: Final = 0x00280010
COLUMNS: Final = 0x00280011


@dataclass(frozen=True)
class Element:
    """One element, explicit little endian.

    Attributes:
        tag: Group and element.
        vr: Two letters.
        value: Its bytes.
        stated: The length that the file states, if it is not the value's.
    """

    tag: int
    vr: str
    value: bytes
    stated: int | None = None

    def encoded(self) -> bytes:
        """As it lies in the file."""
        head = struct.pack("<HH", self.tag >> 16, self.tag & 0xFFFF) + self.vr.encode("latin-1")
        length = len(self.value) if self.stated is None else self.stated
        if self.vr in _LONG:
            return head + struct.pack("<HI", 0, length) + self.value
        return head + struct.pack("<H", length & 0xFFFF) + self.value


Elements = dict[int, Element]


def take_apart(content: bytes) -> Elements:
    """The elements of a well-formed file by tag, the file meta information among them."""
    place, found = _PREAMBLE, {}
    while place < len(content):
        element, place = _element(content, place)
        found[element.tag] = element
    return found


def put_together(elements: Elements) -> bytes:
    """A file of these elements, in the order of their tags."""
    return b"\0" * 128 + b"DICM" + b"".join(element.encoded() for _, element in sorted(elements.items()))


def with_element(elements: Elements, *changed: Element) -> bytes:
    """A file with elements added or replaced."""
    return put_together(elements | {element.tag: element for element in changed})


def without(elements: Elements, *tags: int) -> bytes:
    """A file that lacks elements."""
    return put_together({tag: element for tag, element in elements.items() if tag not in tags})


def short(tag: int, *values: int) -> Element:
    """An element of unsigned 16-bit numbers."""
    return Element(tag, "US", struct.pack(f"<{len(values)}H", *values))


def text(tag: int, vr: str, value: str) -> Element:
    """A text element, padded to an even length."""
    coded = value.encode("latin-1")
    return Element(tag, vr, coded + b" " * (len(coded) % 2))


def frame(elements: Elements) -> bytes:
    """The one compressed frame of a file whose pixel data are encapsulated."""
    value, place, parts = elements[PIXELS].value, 0, []
    while struct.unpack_from("<HH", value, place) == (0xFFFE, 0xE000):
        length = struct.unpack_from("<I", value, place + 4)[0]
        parts.append(value[place + 8 : place + 8 + length])
        place += 8 + length
    return b"".join(parts[1:])


def item(content: bytes, stated: int | None = None) -> bytes:
    """An item of encapsulated pixel data."""
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(content) if stated is None else stated) + content


def encapsulated(fragments: Sequence[bytes], table: bytes = b"", end: bool = True) -> Element:
    """Pixel data of compressed fragments behind an offset table."""
    pieces = [item(table), *(item(part + b"\0" * (len(part) % 2)) for part in fragments)]
    value = b"".join(pieces) + (struct.pack("<HHI", 0xFFFE, 0xE0DD, 0) if end else b"")
    return Element(PIXELS, "OB", value, _UNDEFINED)


def sized(elements: Elements, rows: int, columns: int) -> Elements:
    """The same file stating another size."""
    return elements | {ROWS: short(ROWS, rows), COLUMNS: short(COLUMNS, columns)}


def lying(element: Element, stated: int) -> Element:
    """The element with another length stated."""
    return replace(element, stated=stated)


def _element(content: bytes, place: int) -> tuple[Element, int]:
    group, number = struct.unpack_from("<HH", content, place)
    tag, vr = group << 16 | number, content[place + 4 : place + 6].decode("latin-1")
    long = vr in _LONG
    start = place + (12 if long else 8)
    length = (
        struct.unpack_from("<I", content, place + 8)[0] if long else struct.unpack_from("<H", content, place + 6)[0]
    )
    if length != _UNDEFINED:
        return Element(tag, vr, content[start : start + length]), start + length
    end = _items_end(content, start)
    return Element(tag, vr, content[start:end], _UNDEFINED), end


def _items_end(content: bytes, place: int) -> int:
    """Where the items that begin at a place end."""
    while True:
        group, number, length = struct.unpack_from("<HHI", content, place)
        tag, place = group << 16 | number, place + 8
        if tag == _END:
            return place
        if length != _UNDEFINED:
            place += length
            continue
        while struct.unpack_from("<HH", content, place) != (_ITEM_END >> 16, _ITEM_END & 0xFFFF):
            _, place = _element(content, place)
        place += 8
