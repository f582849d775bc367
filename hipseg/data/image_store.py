"""A store of images and masks at their own size: one HDF5 file, one dataset an image and one a mask.

Layout (kind `images`, format 1): groups `images` and `labels` hold datasets named by number (`000123`), images
(channels, ...) of their own type, label maps (...) uint8, absent where there is none; the table `samples` is as
`SAMPLE_TYPE`; `grades` (N,) float64, absent where no image has one, is NaN where it is unknown. Root attributes:
`kind`, `format`, `label_names`, `preprocessing` (JSON), `identity_key`.
"""

from __future__ import annotations

import json
import math
import os
import secrets
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import h5py
import hdf5plugin
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hipseg.errors import HipsegError

KIND: Final = "images"
FORMAT: Final = 1
AXES: Final = 3  # at most
SAMPLE_TYPE: Final = np.dtype(
    [
        ("key", "S160"), ("cohort", "S64"), ("subject", "S64"), ("subset", "S8"), ("fold", "i4"), ("image", "i8"),
        ("usable", "?"), ("reason", "S24"), ("detail", "S160"), ("axes", "i4"), ("size", "i8", (AXES,)),
        ("spacing_mm", "f8", (AXES,)), ("source", "S128"), ("source_sha256", "S64"),
    ]
)  # fmt: skip
_KINDS: Final = ("u1", "u2", "i2", "u4", "i4", "f4", "f8")
_LONGEST: Final = 1 << 16


class StoredImage(NamedTuple):
    """One case to be stored.

    Attributes:
        key: `dataset/subject/case`.
        subject: Whose it is.
        subset: `train` or `test` if its dataset says so, else empty.
        fold: Of cross-validation if its dataset says so, else -1.
        pixels: (channels, ...).
        labels: (...) uint8, or None.
        spacing_mm: An axis each; NaN where it is unknown.
        source: The image file's name.
        sha256: Of the image file.
        grade: Of a disease, as a reader gave it; NaN if there is none.
    """

    key: str
    subject: str
    subset: str
    fold: int
    pixels: NDArray[Any]
    labels: NDArray[np.uint8] | None
    spacing_mm: tuple[float, ...]
    source: str
    sha256: str
    grade: float = math.nan


class ImageStoreWriter:
    """Writes a new store, whole or not at all: until it is closed it lies beside its place under another name.

    Args:
        path: The HDF5 file; one that is there is replaced at the end.
        label_names: The background first.
        about: What is kept of how it was made, plain data.
    """

    def __init__(self, path: Path, label_names: Iterable[str], about: dict[str, Any]) -> None:
        self._path, self._making = path, path.with_name(f"{path.name}.making")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._rows: list[tuple[Any, ...]] = []
        self._grades: list[float] = []
        try:
            self._file = h5py.File(self._making, "w")
        except OSError as error:
            raise HipsegError(f"store: {path} can't be written ({' '.join(str(error).split())[:160]})") from None
        self._file.attrs["kind"], self._file.attrs["format"] = KIND, FORMAT
        self._file.attrs["label_names"] = list(label_names)
        self._file.attrs["preprocessing"] = json.dumps({"kind": KIND, **about})
        self._file.attrs["identity_key"] = secrets.token_hex(16)
        self._images, self._labels = self._file.create_group("images"), self._file.create_group("labels")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._file.create_dataset("samples", data=np.array(self._rows, dtype=SAMPLE_TYPE))
            if not all(map(math.isnan, self._grades)):
                self._file.create_dataset("grades", data=np.array(self._grades))
        self._file.close()
        if kind is None:
            self._making.replace(self._path)
        else:
            self._making.unlink(missing_ok=True)

    def put(self, case: StoredImage) -> None:
        """Add a case."""
        number, size = len(self._rows), case.pixels.shape[1:]
        for name in ("key", "subject"):
            if len(getattr(case, name).encode()) > SAMPLE_TYPE[name].itemsize:
                raise HipsegError(
                    f"input: the {name} '{getattr(case, name)[:60]}...' is too long; shorten the file's name"
                )
        name, cohort = f"{number:06d}", case.key.split("/")[0]
        self._images.create_dataset(name, data=case.pixels, chunks=_chunks(case.pixels.shape), **hdf5plugin.Blosc2())
        if case.labels is not None:
            self._labels.create_dataset(name, data=case.labels, chunks=_chunks(size), **hdf5plugin.Blosc2())
        fill = AXES - len(size)
        self._grades.append(case.grade)
        known = case.labels is not None or not math.isnan(case.grade)
        self._rows.append(
            (
                case.key.encode(), cohort.encode(), case.subject.encode(), case.subset.encode(), case.fold,
                number, known, b"" if known else b"mask_missing", b"", len(size),
                (*size, *[0] * fill), (*case.spacing_mm, *[0.0] * fill), _cut(case.source, 128),
                case.sha256.encode(),
            )
        )  # fmt: skip


def _cut(text: str, most: int) -> bytes:
    """The beginning of a text, in whole letters of UTF-8."""
    return text.encode()[:most].decode(errors="ignore").encode()


def _chunks(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A channel or image whole if it has two axes, blocks of 64 if three."""
    planar = len(shape) <= 3 and max(shape[-2:]) > 64
    return (*[1] * (len(shape) - 2), *shape[-2:]) if planar else tuple(min(64, length) for length in shape)


class ImageStore:
    """A store of images and masks opened for reading; each process opens the file for itself at its first read.

    Args:
        path: The HDF5 file.
        key: The option that names it.

    Attributes:
        label_names: The background first.
        preprocessing: How it was made.
        identity_key: For keyed hashes of subjects.
        samples: A row a case; usable are those with a label map or a grade.
        grades: (N,) of every case, NaN where there is none.
        labelled: (N,) whether a case has a label map.

    Raises:
        HipsegError: If it can't be read.
    """

    def __init__(self, path: Path, key: str = "data.store") -> None:
        self.path, self._key = Path(path), key
        self._file: h5py.File | None = None
        self._process = -1
        try:
            with h5py.File(self.path, "r") as file:
                self._read_tables(file)
        except Exception as error:  # a damaged file makes HDF5, JSON and numpy raise many kinds
            said = " ".join(str(error).split())[:200] or type(error).__name__
            raise HipsegError(f"{key}: {path} is not a store that can be read ({said}); convert it again") from None

    def _read_tables(self, file: h5py.File) -> None:
        if int(file.attrs["format"]) != FORMAT:
            raise ValueError(f"it has format {file.attrs['format']}, this hipseg reads {FORMAT}")
        self.label_names: tuple[str, ...] = tuple(str(name) for name in file.attrs["label_names"])
        self.preprocessing: dict[str, Any] = json.loads(file.attrs["preprocessing"])
        self.identity_key: str = str(file.attrs["identity_key"])
        bytes.fromhex(self.identity_key)
        table = file["samples"] if isinstance(file.get("samples", getlink=True), h5py.HardLink) else None
        if not (isinstance(table, h5py.Dataset) and table.dtype == SAMPLE_TYPE and table.ndim == 1):
            raise ValueError("its table of samples is damaged")
        rows = table[:]
        self._size, self._spacing, self._axes = rows["size"], rows["spacing_mm"], rows["axes"]
        self.samples = pd.DataFrame(
            {
                name: np.char.decode(rows[name], "utf-8") if rows[name].dtype.kind == "S" else rows[name]
                for name in SAMPLE_TYPE.names or ()
                if rows[name].ndim == 1
            }
        )
        if self.samples["key"].duplicated().any():
            raise ValueError("a key is there twice")
        self.grades = _read_grades(file, len(rows))
        self.labelled = np.array([f"labels/{row:06d}" in file for row in range(len(rows))], dtype=bool)
        needs_label = self.labelled | (rows["usable"] & np.isnan(self.grades))
        for row, axes in enumerate(rows["axes"].tolist()):
            self._check(file, row, axes, bool(needs_label[row]))

    def _check(self, file: h5py.File, row: int, axes: int, labelled: bool) -> None:
        if not 2 <= axes <= AXES:
            raise ValueError(f"sample {row} has {axes} axes")
        spacing, size = self._spacing[row, :axes], tuple(int(length) for length in self._size[row, :axes])
        stated = (np.isfinite(spacing) & (spacing > 0)).all() or (np.isnan(spacing).all() and not labelled)
        if not (stated and 0 < min(size) and max(size) <= _LONGEST):
            raise ValueError(f"the size or spacing of sample {row} is none")
        for group in ("images", "labels") if labelled else ("images",):
            place, kinds = f"{group}/{row:06d}", _KINDS if group == "images" else ("u1",)
            part = file.get(place) if isinstance(file.get(place, getlink=True), h5py.HardLink) else None
            if (
                not isinstance(part, h5py.Dataset) or part.is_virtual or part.external
                or part.shape[-axes:] != size or part.dtype.str[1:] not in kinds
                or part.ndim != axes + (group == "images")
            ):  # fmt: skip
                raise ValueError(f"'{place}' is missing, lies elsewhere or is of another kind")

    @cached_property
    def rows_by_key(self) -> dict[str, int]:
        """Row of every case, by its key."""
        return {key: row for row, key in enumerate(self.samples["key"])}

    def __getstate__(self) -> dict[str, Any]:
        """Without the open file, which no other process can use."""
        return self.__dict__ | {"_file": None, "_process": -1}

    def _read(self, group: str, row: int, part: tuple[slice, ...] = ()) -> NDArray[Any]:
        try:
            if self._file is None or self._process != os.getpid():
                self._file, self._process = h5py.File(self.path, "r", rdcc_nbytes=0), os.getpid()
            pixels: NDArray[Any] = self._file[f"{group}/{row:06d}"][part]
        except (OSError, RuntimeError, ValueError, KeyError) as error:
            said = " ".join(str(error).split())[:200]
            raise HipsegError(f"{self._key}: {self.path} is damaged, {group} {row} can't be read ({said})") from None
        return pixels

    def image(self, row: int, part: tuple[slice, ...] | None = None) -> NDArray[Any]:
        """A case's image, (channels, ...), in its own grey values, or a part of it, a slice an axis."""
        return self._read("images", row, () if part is None else (slice(None), *part))

    def label(self, row: int, part: tuple[slice, ...] | None = None) -> NDArray[np.uint8]:
        """A case's label map, (...), or a part of it."""
        return self._read("labels", row, part or ())

    def size(self, row: int) -> tuple[int, ...]:
        """Pixels of a case, an axis each."""
        return tuple(int(length) for length in self._size[row, : self._axes[row]])

    def spacing_mm(self, row: int) -> tuple[float, ...]:
        """Millimetres per pixel of a case, an axis each; NaN where it is unknown."""
        return tuple(float(mm) for mm in self._spacing[row, : self._axes[row]])

    def channels(self, row: int) -> int:
        """Channels of a case's image."""
        with h5py.File(self.path, "r") as file:
            return int(file[f"images/{row:06d}"].shape[0])

    def source_sha256(self, row: int) -> str:
        """Of the file that a case came from."""
        return str(self.samples["source_sha256"].iat[row])


def _read_grades(file: h5py.File, count: int) -> NDArray[np.float64]:
    """Every case's grade; NaN where there is none."""
    if "grades" not in file:
        return np.full(count, np.nan)
    part = file["grades"] if isinstance(file.get("grades", getlink=True), h5py.HardLink) else None
    if not (isinstance(part, h5py.Dataset) and part.dtype == np.float64 and part.shape == (count,)):
        raise ValueError("its table of grades is damaged")
    grades: NDArray[np.float64] = part[:]
    return grades


def is_image_store(path: Path) -> bool:
    """Whether a file is a store of images rather than of hips; False for what can't be read."""
    try:
        with h5py.File(path, "r") as file:
            return str(file.attrs.get("kind", "")) == KIND
    except OSError:
        return False
