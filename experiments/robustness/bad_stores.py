"""Stores damaged in every part: datasets, tables, root attributes, bytes."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import h5py
import hdf5plugin  # noqa: F401
import numpy as np
from bad_frames import flipped
from cases import FileCase, Files

Damage = Callable[[h5py.File, Path], None]
_DATASETS: Final = ("images", "labels", "landmarks", "films", "samples")
_LONG_NUMBER: Final = "9" * 4301


def _replace(name: str, make: Callable[[Any], Any]) -> Damage:
    """Another dataset in place of one, made of its content."""

    def damage(file: h5py.File, path: Path) -> None:
        content = file[name][()]
        del file[name]
        file[name] = make(content)

    return damage


def _remove(name: str) -> Damage:
    def damage(file: h5py.File, path: Path) -> None:
        del file[name]

    return damage


def _link(name: str, link: Callable[[Path], Any]) -> Damage:
    def damage(file: h5py.File, path: Path) -> None:
        del file[name]
        file[name] = link(path)

    return damage


def _elsewhere(path: Path, name: str, content: Any) -> Path:
    """A file beside the store that holds one of its datasets."""
    other = path.with_suffix(".other.h5")
    with h5py.File(other, "w") as file:
        file[name] = content
    return other


def _external_link(name: str) -> Damage:
    def damage(file: h5py.File, path: Path) -> None:
        other = _elsewhere(path, name, file[name][()])
        del file[name]
        file[name] = h5py.ExternalLink(str(other), f"/{name}")

    return damage


def _external_storage(name: str) -> Damage:
    def damage(file: h5py.File, path: Path) -> None:
        content, raw = file[name][()], path.with_suffix(".raw")
        raw.write_bytes(content.tobytes())
        del file[name]
        file.create_dataset(name, content.shape, content.dtype, external=[(str(raw), 0, content.nbytes)])

    return damage


def _virtual(name: str) -> Damage:
    def damage(file: h5py.File, path: Path) -> None:
        content = file[name][()]
        other = _elsewhere(path, name, content)
        del file[name]
        layout = h5py.VirtualLayout(content.shape, content.dtype)
        layout[...] = h5py.VirtualSource(str(other), name, content.shape)
        file.create_virtual_dataset(name, layout)

    return damage


def _huge(name: str, rows: int) -> Damage:
    """A dataset that states so many rows and holds none."""

    def damage(file: h5py.File, path: Path) -> None:
        old = file[name]
        shape, kind, chunks = old.shape[1:], old.dtype, old.chunks
        del file[name]
        file.create_dataset(name, (rows, *shape), kind, maxshape=(None, *shape), chunks=chunks)

    return damage


def _references(name: str) -> Damage:
    def damage(file: h5py.File, path: Path) -> None:
        count, reference = len(file[name]), file["landmarks"].ref
        del file[name]
        file.create_dataset(name, (count,), h5py.ref_dtype)[...] = [reference] * count

    return damage


def _group(name: str) -> Damage:
    def damage(file: h5py.File, path: Path) -> None:
        del file[name]
        file.create_group(name)

    return damage


def _datasets() -> dict[str, Damage]:
    made: dict[str, Damage] = {}
    for name in _DATASETS:
        made |= {
            f"{name} missing": _remove(name),
            f"{name} a group": _group(name),
            f"{name} empty": _replace(name, lambda content: content[:0]),
            f"{name} a row short": _replace(name, lambda content: content[:-1]),
            f"{name} of one rank more": _replace(name, lambda content: content[None]),
            f"{name} of text": _replace(name, lambda content: np.full(len(content), b"text")),
            f"{name} an external link": _external_link(name),
            f"{name} in a raw file": _external_storage(name),
            f"{name} a virtual dataset": _virtual(name),
            f"{name} a link to itself": _link(name, lambda path, name=name: h5py.SoftLink(f"/{name}")),
            f"{name} references": _references(name),
        }
    made |= {f"{name} states {rows} rows": _huge(name, rows) for name, rows in (
        ("images", 10**9), ("labels", 10**9), ("landmarks", 10**9), ("films", 10**9), ("samples", 10**9),
        ("films", 10**7),
    )}  # fmt: skip
    made |= {
        "images null": _replace("images", lambda content: h5py.Empty("u2")),
        "samples null": _replace("samples", lambda content: h5py.Empty("u2")),
        "images of numbers with a fraction": _replace("images", lambda content: content / 65535),
        "labels of 64 bits": _replace("labels", lambda content: content.astype("i8")),
        "labels beyond the names": _replace("labels", lambda content: content + 200),
        "landmarks whole numbers": _replace("landmarks", lambda content: content.astype("i2")),
        "landmarks all NaN": _replace("landmarks", lambda content: content * np.nan),
        "landmarks of 1e308": _replace("landmarks", lambda content: np.full_like(content, 1e308)),
        "landmarks of 79 points": _replace("landmarks", lambda content: content[:, :79]),
        "images of another size": _replace("images", lambda content: content[:, :100, :100]),
        "films as landmarks": _replace("films", lambda content: np.zeros((len(content), 80, 2))),
        "samples of one field": _replace("samples", lambda content: content[["key"]]),
        "films dangling": _link("films", lambda path: h5py.SoftLink("/nothing")),
        "samples named Samples": lambda file, path: file.move("samples", "Samples"),
    }
    return made


def _field(name: str, field: str, kind: str | None, value: Any = None) -> Damage:
    """A table whose field is missing (no kind), of another kind, or has another value in its first row."""

    def change(content: Any) -> Any:
        kinds = [(n, kind if n == field and kind else content.dtype[n]) for n in content.dtype.names]
        made = np.zeros(content.shape, [pair for pair in kinds if kind or pair[0] != field])
        for n in made.dtype.names:
            if n != field or made.dtype[n] == content.dtype[n]:
                made[n] = content[n]
        if value is not None:
            made[field][0] = value
        return made

    return _replace(name, change)


def _tables() -> dict[str, Damage]:
    made: dict[str, Damage] = {}
    for field in ("cohort", "spacing_mm", "origin_x_mm", "polarity", "samples_end", "source_sha256", "points_sha256",
                  "quantiles"):  # fmt: skip
        made[f"films without {field}"] = _field("films", field, None)
    for field in ("key", "image", "mirror", "side", "usable", "reason"):
        made[f"samples without {field}"] = _field("samples", field, None)
    for name, field, kind, value in (
        ("films", "samples_end", "f8", float("nan")), ("films", "samples_end", "S9", b"many"),
        ("films", "spacing_mm", "S9", b"wide"), ("films", "quantiles", "f4", 0.5), ("films", "subject", "i8", 7),
        ("samples", "image", "f8", 1.5),
        ("samples", "image", "S9", b"one"), ("samples", "key", "i8", 7), ("samples", "usable", "S9", b"yes"),
        ("samples", "mirror", "f8", float("nan")), ("samples", "side", "i8", 3),
    ):  # fmt: skip
        made[f"{name}.{field} of kind {kind}"] = _field(name, field, kind, value)
    for name, field, kind, values in (
        ("films", "cohort", "S32", (b"\xff\xfe", b"", b"a/b")), ("films", "subject", "S64", (b"\xc3\x28",)),
        ("films", "visit", "S16", (b"\xe9",)), ("films", "polarity", "S10", (b"\xff", b"sideways")),
        ("films", "samples_end", "i8", (-1, 10**6, 2**62)),
        ("films", "spacing_mm", "f8", (0.0, float("nan"), -1.0, float("inf"), 1e300, 5e-324)),
        ("films", "origin_x_mm", "f8", (float("nan"), 1e308)),
        ("samples", "key", "S128", (b"\xff/1/T00/right", b"", b"nothing", b"a" * 128, b"CHECK/0000001/T00/right")),
        ("samples", "image", "i8", (-1, 6, 10**6, 2**62)), ("samples", "side", "S5", (b"\xff", b"up")),
        ("samples", "reason", "S24", (b"\xff", b"not one")),
    ):  # fmt: skip
        made |= {f"{name}.{field} is {value!r}": _field(name, field, kind, value) for value in values}
    every: Damage = _replace("samples", lambda content: _all(content, "image", 2**40))
    made["samples.image beyond in every row"] = every
    made["films.spacing_mm 0 in every row"] = _replace("films", lambda content: _all(content, "spacing_mm", 0.0))
    for said, values in {
        "nan": np.nan, "above 1": 1.5, "below 0": -0.5, "fall": np.linspace(1, 0, 201), "as uint16": np.arange(201),
    }.items():  # fmt: skip
        made[f"films.quantiles {said} in every row"] = _replace("films", partial(_all, field="quantiles", value=values))
    made["films.spacing_mm nan in every row"] = _replace("films", lambda content: _all(content, "spacing_mm", np.nan))
    return made


def _all(content: Any, field: str, value: Any) -> Any:
    content[field] = value
    return content


def _attribute(name: str, value: Any) -> Damage:
    def damage(file: h5py.File, path: Path) -> None:
        del file.attrs[name]
        if value is not None:
            file.attrs[name] = value

    return damage


def _made(**changes: Any) -> Damage:
    """Another value in the preprocessing configuration; `...` removes it."""

    def damage(file: h5py.File, path: Path) -> None:
        made = json.loads(file.attrs["preprocessing"]) | changes
        made = {name: value for name, value in made.items() if value is not ...}
        file.attrs["preprocessing"] = json.dumps(made)

    return damage


def _attributes() -> dict[str, Damage]:
    values: dict[str, tuple[Any, ...]] = {
        "format": (None, "one", "", 2, 4, 1.5, float("nan"), [1, 2], 2**60, h5py.Empty("i8"), b"\xff", _LONG_NUMBER),
        "label_names": (None, 7, "", "background", [1, 2, 3, 4], np.array([b"\xff\xfe"] * 4), ["a"], h5py.Empty("i8"),
                        ["background", "a", "a", "a"], [f"label {i}" for i in range(300)], ["${oc.env:HOME}"] * 4),
        "preprocessing": (None, "", "not JSON", "[]", "7", "null", '"text"', "{}", "[" * 20000, h5py.Empty("i8"), 7,
                          '{"rows": ' + _LONG_NUMBER + "}", np.array([b"\xff"]), ["{}", "{}"], '{"rows": NaN}'),
        "identity_key": (None, "", "not hexadecimal", "abc", 7, [1, 2], h5py.Empty("i8"), "ab" * 10000, b"\xff"),
    }  # fmt: skip
    made = {f"{name} {_shown(value)}": _attribute(name, value) for name, given in values.items() for value in given}
    for name in ("rows", "columns", "spacing_mm", "intensity_bits", "curves", "region"):
        made[f"preprocessing without {name}"] = _made(**{name: ...})
    for name, given in {
        "rows": (0, -1, 10**9, 1.5, "many", None, [128], True, float("nan")), "columns": (0, 10**9, "many", {}),
        "spacing_mm": (0, -1, "wide", None, 1e308), "intensity_bits": (0, -1, 99, "many", None, [12]),
        "curves": ("os.system", 3, None, ["spline_curves"]), "region": ("whole", 3, None, []),
        "extra": ("${oc.create:{a:1}}", {"_target_": "os.getcwd"}, "a" * 100000),
    }.items():  # fmt: skip
        made |= {f"preprocessing.{name} {_shown(value)}": _made(**{name: value}) for value in given}
    return made


def _shown(value: Any) -> str:
    return "missing" if value is None else " ".join(repr(value).split())[:40]


def _copy_and(base: Path, damage: Damage, path: Path) -> None:
    shutil.copy(base, path)
    with h5py.File(path, "a") as file:
        damage(file, path)


def _bytes(base: Path, rng: np.random.Generator) -> dict[str, bytes]:
    content = base.read_bytes()
    made = {f"only {share:.0%} of the bytes": content[: int(share * len(content))] for share in (0.0, 0.01, 0.5, 0.99)}
    made |= {
        "text": b"not a store",
        "zeros": bytes(4096),
        "signature only": content[:8],
        "without its signature": content[8:],
    }
    made["a size field of all ones"] = content[:40] + struct.pack("<Q", 2**64 - 1) + content[48:]
    for number in range(16):
        count, within = (1, 8, 64, 512)[number % 4], (4096, 10**9)[number // 4 % 2]
        made[f"{count} of {within} bytes flipped, {number}"] = flipped(content, count, within, rng)
    return made


def bad_stores(base: Path, rng: np.random.Generator) -> Files:
    """Every damaged store.

    Args:
        base: A sound one.
        rng: Of flipped bytes.
    """
    for kind, damages in (("dataset", _datasets()), ("table", _tables()), ("attribute", _attributes())):
        for name, damage in damages.items():
            yield FileCase(kind, name, partial(_copy_and, base, damage))
    for name, content in _bytes(base, rng).items():
        yield FileCase("bytes", name, partial(_write, content))


def _write(content: bytes, path: Path) -> None:
    path.write_bytes(content)
