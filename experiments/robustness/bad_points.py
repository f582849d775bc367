"""Points files that are none, beside sound films."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from cases import FilmCase, Films
from dicom_bytes import PIXELS, Elements, with_element


def _texts(sound: str) -> dict[str, bytes]:
    """Bad files of a few kilobytes, from a sound one."""
    head, lines = sound.split("{\n")[0], sound.split("{\n")[1].split("\n}")[0].split("\n")

    def holding(*given: str, count: int = 160) -> bytes:
        return (head.replace("160", str(count)) + "{\n" + "\n".join(given) + "\n}\n").encode("latin-1")

    first, rest = lines[0], lines[1:]
    numbers = (
        "nan nan",
        "inf inf",
        "1e308 1e308",
        "-1e308 1e308",
        "1e-320 1e-320",
        "1e400 1",
        "0 0",
        "1_0 2",
        "9" * 4301 + " 1",
    )
    made = {f"a line of {value[:20]}": holding(value, *rest) for value in numbers}
    made |= {f"all lines of {value[:20]}": holding(*[value] * 160) for value in numbers}
    made |= {
        "nothing": b"",
        "one byte": b"{",
        "no braces": sound.replace("{", "").replace("}", "").encode(),
        "braces the wrong way": sound.replace("{", ")").replace("}", "{").encode(),
        "braces in braces": sound.replace("{", "{{").replace("}", "}}").encode(),
        "three numbers a line": holding(*[f"{line} 1.0" for line in lines]),
        "one number a line": holding(*[line.split()[0] for line in lines]),
        "one line of three numbers": holding(f"{first} 1.0", *rest),
        "all on one line": holding(" ".join(lines)),
        "a line missing": holding(*rest),
        "a line more": holding(first, *lines),
        "no line": holding(count=0),
        "a count of 4,301 digits": sound.replace("160", "9" * 4301, 1).encode(),
        "a negative count": sound.replace("160", "-160", 1).encode(),
        "a count of other digits": sound.replace("160", "١٦٠", 1).encode(),
        "another version": sound.replace("version: 1", "version: 9").encode(),
        "twice the same": (sound + sound).encode(),
        "a byte-order mark": b"\xef\xbb\xbf" + sound.encode(),
        "two bytes a letter": sound.encode("utf-16"),
        "NUL bytes": sound.replace("\n", "\n\0").encode(),
        "binary": bytes(range(256)) * 40,
        "words": holding("here there", *rest),
        "comments": holding("// a comment", *lines),
        "carriage returns": sound.replace("\n", "\r").encode(),
    }
    return made


def _large(sound: str) -> dict[str, Callable[[], bytes]]:
    head, body = sound.split("{\n")
    return {
        "100 MB of lines": lambda: head.encode() + b"{\n" + b"1.0 2.0\n" * (100 << 17) + b"}\n",
        "100 MB of blanks before": lambda: b" " * (100 << 20) + sound.encode(),
        "100 MB of blanks within": lambda: (head + "{\n").encode() + b" " * (100 << 20) + body.encode(),
        "1 MB of line breaks in the head": lambda: sound.replace("\n", "\n" * (1 << 20), 1).encode(),
        "1 MB of digits": lambda: sound.replace("160", "1" * (1 << 20), 1).encode(),
        "a million lines": lambda: (head + "{\n").encode() + b"1 2\n" * 10**6 + b"}\n",
    }


def bad_points(film: Elements, sound: bytes) -> Films:
    """Every bad points file.

    Args:
        film: A sound film, plain; each case has it with another pixel, since the same film twice is no use.
        sound: Its sound points file.
    """
    pixels = film[PIXELS]

    def whole(number: int) -> bytes:
        return with_element(film, replace(pixels, value=struct.pack("<H", number) + pixels.value[2:]))

    made: list[tuple[str, Callable[[], bytes], bool]] = [
        (name, partial(bytes, content), False) for name, content in _texts(sound.decode()).items()
    ]
    made += [(name, make, True) for name, make in _large(sound.decode()).items()]
    for number, (name, make, large) in enumerate(made):
        yield FilmCase("points", name, partial(whole, number), make, large)
