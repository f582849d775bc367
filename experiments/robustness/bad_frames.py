"""Films whose pixel data are wrong: forged headers, bombs, odd fragments, files that break off, flipped bytes."""

from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

import numpy as np
from cases import FilmCase, Films
from dicom_bytes import PIXELS, TRANSFER_SYNTAX, Element, Elements, encapsulated, frame, item, sized, text, with_element
from sound_films import SIDE, Base

Turn = Iterator[Base]
_FORGED_SIZES: Final = (0, 1, SIDE - 1, 20000, 30000, 65500, 65535)
_BOMB: Final = 20000
_JPEG_LOSSLESS, _JPEG2000, _RLE = "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5"
_DEFLATED: Final = "1.2.840.10008.1.2.1.99"


def jpeg_of(content: bytes, rows: int, columns: int, precision: int | None = None, parts: int | None = None) -> bytes:
    """A JPEG whose start-of-frame states another size, precision or number of components."""
    place = content.index(b"\xff\xc3") + 4
    old_precision, _, _, old_parts = struct.unpack_from(">BHHB", content, place)
    stated = (old_precision if precision is None else precision, rows, columns, old_parts if parts is None else parts)
    return content[:place] + struct.pack(">BHHB", *stated) + content[place + 6 :]


def jpeg2000_of(content: bytes, **fields: int) -> bytes:
    """A JPEG 2000 codestream whose SIZ segment states other things.

    Args:
        content: The codestream.
        fields: x, y, x_offset, y_offset, x_tile, y_tile, components, precision.
    """
    places = {"x": 8, "y": 12, "x_offset": 16, "y_offset": 20, "x_tile": 24, "y_tile": 28}
    made = bytearray(content)
    for name, value in fields.items():
        if name in places:
            struct.pack_into(">I", made, places[name], value)
        elif name == "components":
            struct.pack_into(">H", made, 40, value)
        else:
            made[42] = value
    return bytes(made)


def empty_jpeg2000(side: int) -> bytes:
    """A codestream of a hundred bytes that decodes to so many rows and columns of one grey value."""
    size = struct.pack(">HHIIIIIIIIHBBB", 41, 0, side, side, 0, 0, side, side, 0, 0, 1, 15, 1, 1)
    coding = b"\xff\x52" + struct.pack(">HBBHBBBBBB", 12, 0, 0, 1, 0, 0, 4, 4, 0, 1)
    quantisation = b"\xff\x5c" + struct.pack(">HBB", 4, 0x40, 16 << 3)
    packets = b"\0" * (-(-side // 32768)) ** 2  # an empty packet a precinct
    tile = struct.pack(">HHIBB", 10, 0, 14 + len(packets), 0, 1)
    return b"\xff\x4f\xff\x51" + size + coding + quantisation + b"\xff\x90" + tile + b"\xff\x93" + packets + b"\xff\xd9"


def empty_jpeg(side: int) -> bytes:
    """A lossless JPEG of so many rows and columns of one grey value, a bit a pixel, all of them zero."""
    head = b"\xff\xd8\xff\xc3" + struct.pack(">HBHHBBBB", 11, 16, side, side, 1, 1, 0x11, 0)
    table = b"\xff\xc4" + struct.pack(">HB", 20, 0) + bytes([1, *[0] * 15]) + b"\0"
    return head + table + b"\xff\xda\0\x08\x01\x01\0\x01\0\0" + bytes(side * side // 8 + 1) + b"\xff\xd9"


def empty_rle(side: int) -> bytes:
    """A run-length coded frame of so many rows and columns of zeros."""
    plane = b"\x81\0" * (-(-side * side // 128))
    offsets = (2, 64, 64 + len(plane), *[0] * 13)
    return struct.pack("<16I", *offsets) + plane + plane


def deflated(elements: Elements, pixels: int, side: int) -> bytes:
    """A deflated file of so many bytes of pixel data, all zero."""
    elements = sized(elements, side, side) | {TRANSFER_SYNTAX: text(TRANSFER_SYNTAX, "UI", _DEFLATED)}
    meta = b"".join(e.encoded() for tag, e in sorted(elements.items()) if tag >> 16 == 2)
    packer = zlib.compressobj(6, wbits=-15)
    coded = b"".join(e.encoded() for tag, e in sorted(elements.items()) if tag >> 16 > 2 and tag != PIXELS)
    parts = [packer.compress(coded + Element(PIXELS, "OW", b"", pixels).encoded())]
    block = bytes(1 << 20)
    parts += [packer.compress(block[: min(len(block), pixels - at)]) for at in range(0, pixels, len(block))]
    return b"\0" * 128 + b"DICM" + meta + b"".join(parts) + packer.flush()


def _forged(jpegs: Turn, jpegs2000: Turn, rles: Turn, points: bytes) -> Films:
    """Frames that state another size than they hold; each in a file that states the same and in one that does not."""
    for side in _FORGED_SIZES:
        for rows, columns in ((side, side), (side, SIDE)):
            for agrees in (True, False):
                name = f"frame states {rows} x {columns}, the file {'too' if agrees else 'not'}"
                jpeg, jpeg2000 = next(jpegs), next(jpegs2000)
                for base, elements, forged in (
                    (*jpeg, jpeg_of(frame(jpeg[1]), rows, columns)),
                    (*jpeg2000, _tiled(jpeg2000[1], columns, rows)),
                ):
                    whole = sized(elements, rows, columns) if agrees else elements
                    yield _case(f"{name} ({base})", with_element(whole, encapsulated([forged])), points)
    for precision, parts in ((0, 1), (1, 1), (17, 1), (255, 1), (16, 0), (16, 3), (16, 255)):
        jpeg = next(jpegs)
        forged = jpeg_of(frame(jpeg[1]), SIDE, SIDE, precision, parts)
        yield _case(f"JPEG of {precision} bits, {parts} parts", with_element(jpeg[1], encapsulated([forged])), points)
    for fields in (
        {"components": 0}, {"components": 3}, {"components": 16384}, {"precision": 37}, {"precision": 127},
        {"precision": 255}, {"x_offset": SIDE - 1}, {"x_offset": 0xFFFFFFFF}, {"x_tile": 0}, {"x_tile": 1, "y_tile": 1},
        {"x": 0xFFFFFFFF, "y": 0xFFFFFFFF}, {"x": 65500, "y": 65500, "x_tile": 1, "y_tile": 1},
    ):  # fmt: skip
        jpeg2000 = next(jpegs2000)
        forged = jpeg2000_of(frame(jpeg2000[1]), **fields)
        yield _case(f"JPEG 2000 of {fields}", with_element(jpeg2000[1], encapsulated([forged])), points)
    for place, value in ((0, 0), (0, 1), (0, 16), (0, 0xFFFFFFFF), (4, 0), (4, 0xFFFFFFFF), (8, 1), (8, 0x7FFFFFFF)):
        rle = next(rles)
        planes = frame(rle[1])
        forged = planes[:place] + struct.pack("<I", value) + planes[place + 4 :]
        yield _case(f"RLE with {value} at {place}", with_element(rle[1], encapsulated([forged])), points)


def _tiled(elements: Elements, x: int, y: int) -> bytes:
    return jpeg2000_of(frame(elements), x=x, y=y, x_tile=max(x, 1), y_tile=max(y, 1))


def _case(name: str, content: bytes, points: bytes, kind: str = "frame") -> FilmCase:
    return FilmCase(kind, name, lambda: content, lambda: points)


def _fragments(turns: Sequence[Turn], points: bytes) -> Films:
    for turn in turns:
        for name, change in _FRAGMENTS.items():
            base, elements = next(turn)
            yield _case(f"{name} ({base})", with_element(elements, change(frame(elements))), points)


_FRAGMENTS: Final[dict[str, Callable[[bytes], Element]]] = {
    "two fragments": lambda coded: encapsulated([coded[:2000], coded[2000:]]),
    "fragments of 100 bytes": lambda coded: encapsulated([coded[at : at + 100] for at in range(0, len(coded), 100)]),
    "an empty fragment": lambda coded: encapsulated([b""]),
    "no fragment": lambda coded: encapsulated([]),
    "a frame twice": lambda coded: encapsulated([coded, coded]),
    "no end": lambda coded: encapsulated([coded], end=False),
    "a table of one offset": lambda coded: encapsulated([coded], struct.pack("<I", 0)),
    "a table of a wrong offset": lambda coded: encapsulated([coded], struct.pack("<I", 0xFFFFFFF0)),
    "a table of many offsets": lambda coded: encapsulated([coded], struct.pack("<100I", *range(100))),
    "a table of three bytes": lambda coded: encapsulated([coded], b"\1\2\3"),
    "a fragment that states too much": lambda coded: Element(
        PIXELS, "OB", item(b"") + item(coded, 0x7FFFFFFF), 0xFFFFFFFF
    ),
    "no items": lambda coded: Element(PIXELS, "OB", coded, 0xFFFFFFFF),
    "half a frame": lambda coded: encapsulated([coded[: len(coded) // 2]]),
    "zeros in place of a frame": lambda coded: encapsulated([bytes(len(coded))]),
}


def _bombs(base: Base, points: bytes, rng: np.random.Generator) -> Films:
    elements, big = base[1], sized(base[1], _BOMB, _BOMB)

    def coded(syntax: str, pixels: bytes) -> bytes:
        return with_element(big, text(TRANSFER_SYNTAX, "UI", syntax), encapsulated([pixels]))

    def sound() -> bytes:
        return points

    for side, name in ((_BOMB, "20,000"), (65500, "65,500")):
        whole = sized(elements, side, side)
        small = with_element(whole, text(TRANSFER_SYNTAX, "UI", _JPEG2000), encapsulated([empty_jpeg2000(side)]))
        yield _case(f"JPEG 2000 of {name} x {name} in 200 bytes", small, points, "bomb")
    yield FilmCase("bomb", "JPEG of 20,000 x 20,000", lambda: coded(_JPEG_LOSSLESS, empty_jpeg(_BOMB)), sound, True)
    yield FilmCase("bomb", "RLE of 20,000 x 20,000", lambda: coded(_RLE, empty_rle(_BOMB)), sound, True)
    yield FilmCase("bomb", "deflated 20,000 x 20,000", partial(deflated, elements, 2 * _BOMB**2, _BOMB), sound, True)
    yield FilmCase("bomb", "deflated 400 MB for 256 x 256", partial(deflated, elements, 400 << 20, SIDE), sound, True)
    short = deflated(elements, 2 * SIDE**2, SIDE)
    yield _case("half of a deflated file", short[: len(short) * 2 // 3], points, "bomb")
    noise = short[:400] + rng.bytes(2000)
    yield _case("noise that is called deflated", noise, points, "bomb")


def broken_off(content: bytes, places: Sequence[float]) -> Iterator[tuple[str, bytes]]:
    """A file's beginnings, up to a byte or, below one, a share of it."""
    for place in places:
        at = int(place * len(content)) if 0 < place < 1 else int(place)
        yield f"only {at} bytes", content[:at]


def flipped(content: bytes, count: int, within: int, rng: np.random.Generator) -> bytes:
    """A file with so many bytes among its first set to others."""
    made = bytearray(content)
    for place in rng.integers(0, min(within, len(made)), count):
        made[place] ^= int(rng.integers(1, 256))
    return bytes(made)


def bad_frames(bases: Sequence[Base], points: bytes, rng: np.random.Generator) -> Films:
    """Every film with wrong pixel data.

    Args:
        bases: Sound films by what they are; the first four are plain, RLE, JPEG lossless and JPEG 2000.
        points: A sound points file.
        rng: Of flipped bytes.
    """
    rles, jpegs, jpegs2000 = (
        itertools.cycle([base for base in bases if base[0] == f"CR {syntax}"])
        for syntax in ("rle", "jpeg_lossless", "jpeg2000")
    )
    yield from _forged(jpegs, jpegs2000, rles, points)
    yield from _fragments([rles, jpegs, jpegs2000], points)
    yield from _bombs(bases[0], points, rng)
    for base, elements in bases[:8]:
        places = (0, 1, 128, 132, 200, 0.02, 0.5, 0.999) if base.startswith("CR") else (140, 0.01, 0.9)
        for name, content in broken_off(with_element(elements), places):
            yield _case(f"{name} ({base})", content, points, "broken off")
    turn = itertools.cycle(bases)
    for number in range(120):
        base, elements = next(turn)
        count, within = (1, 4, 32, 256)[number % 4], (1500, 10**9)[number // 4 % 2]
        content = flipped(with_element(elements), count, within, rng)
        yield _case(f"{count} of {within} bytes flipped, {number} ({base})", content, points, "flipped")
