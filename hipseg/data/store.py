"""The store: one HDF5 file of films, the label maps and landmarks of their hips, and two tables.

Layout (format 3): `images` (N, rows, columns) uint16, value / 65535 is the grey value in the film's whole range, 0
where there is no image; `labels` (M, rows, columns) uint8 and `landmarks` (M, 80, 2) float64, a row a hip, in image
orientation; `films` (N,) and `samples` (M,) as `FILM_TYPE` and `SAMPLE_TYPE`, where a film's `samples_end` is the
number of sample rows up to its own last. Root attributes: `format`, `label_names`, `preprocessing` (JSON),
`identity_key`.
"""

from __future__ import annotations

import json
import os
from functools import cached_property
from pathlib import Path
from typing import Any, Final, cast

import h5py
import hdf5plugin
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hipseg.errors import HipsegError
from hipseg.geometry.grid import Grid
from hipseg.io.dicom import turn_points
from hipseg.labels.curves import CURVE_FUNCTIONS
from hipseg.labels.landmarks import LANDMARKS_PER_HIP, Points
from hipseg.transforms.intensity import LEVELS
from hipseg.transforms.polarity import Polarity

FORMAT: Final = 3
FILM_TYPE: Final = np.dtype(
    [
        ("cohort", "S32"), ("subject", "S64"), ("visit", "S16"), ("spacing_mm", "f8"), ("origin_x_mm", "f8"),
        ("origin_y_mm", "f8"), ("source_spacing_mm", "f8"), ("source_spacing_tag", "S48"), ("imager_spacing_mm", "f8"),
        ("source_rows", "i4"), ("source_columns", "i4"), ("source_sha256", "S64"), ("points_sha256", "S64"),
        ("pixels_sha256", "S64"), ("mirrored", "?"), ("upside_down", "?"), ("magnification", "f8"),
        ("polarity", "S10"), ("quantiles", "f4", (len(LEVELS),)), ("samples_end", "i8"),
    ]
)  # fmt: skip
SAMPLE_TYPE: Final = np.dtype(
    [
        ("key", "S128"),
        ("image", "i8"),
        ("mirror", "?"),
        ("side", "S5"),
        ("usable", "?"),
        ("reason", "S24"),
        ("detail", "S160"),
    ]
)
FILTER: Final = hdf5plugin.Blosc2()
_LONGEST: Final = 16384
_FURTHEST_PX: Final = 1e6
_MOST_ROWS: Final = 50_000_000


def _frame(table: NDArray[Any]) -> pd.DataFrame:
    """A compound table as a data frame with text as text, without columns that hold more than one value."""
    return pd.DataFrame(
        {name: np.char.decode(table[name], "utf-8") if table[name].dtype.kind == "S" else table[name]
         for name in table.dtype.names or () if table[name].ndim == 1}
    )  # fmt: skip


def _read_chunk(dataset: h5py.Dataset, row: int, out: NDArray[Any] | None, kind: np.dtype[Any]) -> NDArray[Any]:
    """One row that is one chunk, through HDF5's own call, with less around it than `dataset[row]`."""
    shape = dataset.shape[1:]
    pixels = np.empty(shape, dtype=kind) if out is None else out
    place = dataset.id.get_space()
    place.select_hyperslab((row, 0, 0), (1, *shape))
    dataset.id.read(h5py.h5s.create_simple((1, *shape)), place, pixels)
    return pixels


class Store:
    """A store opened for reading; each process opens the file for itself at its first read.

    Args:
        path: The HDF5 file.

    Raises:
        HipsegError: If there is no such file, it is not a store, or it has another format.
    """

    def __init__(self, path: Path, key: str = "data.store") -> None:
        self.path, self._key = Path(path), key
        self._file: h5py.File | None = None
        self._process = -1
        self._datasets: dict[str, h5py.Dataset] = {}
        try:
            with h5py.File(self.path, "r") as file:
                self._read_tables(file)
        except HipsegError:
            raise
        except FileNotFoundError:
            raise HipsegError(f"{key}: there is no file {path}; make it with 'hipseg preprocess'") from None
        except BlockingIOError:
            raise HipsegError(f"{key}: {path} is being written by another process; wait until it is done") from None
        except Exception as error:  # a damaged file makes HDF5, JSON and numpy raise many kinds
            said = " ".join(str(error).split())[:200] or type(error).__name__
            raise HipsegError(f"{key}: {path} is not a store that can be read ({said}); preprocess it again") from None

    def _read_tables(self, file: h5py.File) -> None:
        check_format(file, self.path, self._key)
        check_layout(file)
        self.label_names: tuple[str, ...] = tuple(str(name) for name in file.attrs["label_names"])
        self.preprocessing: dict[str, Any] = json.loads(file.attrs["preprocessing"])
        self.identity_key: str = str(file.attrs["identity_key"])
        films = written_films(file)
        self.films, self._quantiles = _frame(films), films["quantiles"]
        # A film's row is written after its hips' and says where these end: what follows is what a killed run left.
        self.samples = _frame(file["samples"][: films["samples_end"].max(initial=0)])
        if not self.samples["image"].between(0, len(films) - 1).all():
            raise ValueError("a hip's image is none of the store's")

    @cached_property
    def rows_by_key(self) -> dict[str, int]:
        """Row of every hip, by its key."""
        return {key: row for row, key in enumerate(self.samples["key"])}

    @cached_property
    def image_rows(self) -> NDArray[np.int64]:
        """Row in `images` of every hip."""
        return self.samples["image"].to_numpy()

    def _dataset(self, name: str) -> h5py.Dataset:
        if self._file is None or self._process != os.getpid():
            # A chunk is read once and whole: caching it would only copy it.
            self._file, self._process = h5py.File(self.path, "r", rdcc_nbytes=0), os.getpid()
            self._datasets = {name: self._file[name] for name in ("images", "labels", "landmarks")}
        return self._datasets[name]

    def _read(self, name: str, row: int, out: NDArray[Any] | None, kind: np.dtype[Any]) -> NDArray[Any]:
        try:
            return _read_chunk(self._dataset(name), row, out, kind)
        except (OSError, RuntimeError, ValueError) as error:
            said = " ".join(str(error).split())[:200]
            raise HipsegError(
                f"{self._key}: {self.path} is damaged, row {row} of {name} can't be read ({said})"
            ) from None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_file": None, "_process": -1, "_datasets": {}}

    def image(self, row: int, out: NDArray[np.uint16] | None = None) -> NDArray[np.uint16]:
        """The film of a hip's row, (rows, columns); read into `out` if given, which saves making room for each."""
        return self._read("images", int(self.image_rows[row]), out, np.dtype("u2"))

    def label(self, row: int, out: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
        """The label map of a hip's row, (rows, columns), not mirrored; read into `out` if given."""
        return self._read("labels", row, out, np.dtype("u1"))

    def landmarks(self, row: int) -> Points:
        """The landmarks of a hip's row, (80, 2), pixel-centre coordinates of the image, not mirrored."""
        try:
            points: Points = self._dataset("landmarks")[row]
        except (OSError, RuntimeError, ValueError) as error:
            said = " ".join(str(error).split())[:200]
            raise HipsegError(f"{self._key}: {self.path} is damaged, landmarks can't be read ({said})") from None
        if bool(self.samples["usable"].iat[row]) and not (np.abs(points) < _FURTHEST_PX).all():
            raise HipsegError(f"{self._key}: {self.path} is damaged, a hip's landmarks are no places on an image")
        return points

    def quantiles(self, row: int) -> NDArray[np.float32]:
        """How the grey values of a hip's stored image are distributed: its values at `intensity.LEVELS`."""
        values: NDArray[np.float32] = self._quantiles[int(self.image_rows[row])]
        return values

    def grid(self, row: int) -> Grid:
        """Where the image of a hip's row lies on its film."""
        film = self.films.iloc[int(self.image_rows[row])]
        shape = self.preprocessing["rows"], self.preprocessing["columns"]
        return Grid(shape, float(film["spacing_mm"]), (float(film["origin_x_mm"]), float(film["origin_y_mm"])))

    def spacing_mm(self, row: int) -> tuple[float, float]:
        """Millimetres per pixel of a hip's stored image, down and across."""
        spacing = self.grid(row).spacing_mm
        return spacing, spacing

    def to_file_mm(self, row: int, points_mm: Points) -> Points:
        """Points (..., 2) in mm of a hip's film as it is viewed, in the mm of its file, whose image may be turned."""
        film = self.films.iloc[int(self.image_rows[row])]
        flipped = bool(film["mirrored"]), bool(film["upside_down"])
        return turn_points(points_mm, flipped, self.film_grid(row).size_mm)

    def film_grid(self, row: int) -> Grid:
        """The own pixels of a hip's film."""
        film = self.films.iloc[int(self.image_rows[row])]
        shape = int(film["source_rows"]), int(film["source_columns"])
        return Grid.of_film(shape, float(film["source_spacing_mm"]))

    def source_sha256(self, row: int) -> str:
        """Of the file that a hip's row came from."""
        return str(self.films["source_sha256"].iat[int(self.image_rows[row])])

    def polarity(self, row: int) -> Polarity:
        """What the film of a hip's row was found to be when it was stored; a `corrected` one shows bright bone here."""
        return cast(Polarity, self.films["polarity"].iat[int(self.image_rows[row])])


def check_layout(file: h5py.File) -> None:
    """Refuse a store whose parts are not as this module says, or lie elsewhere than in its file.

    Raises:
        ValueError: Saying which part.
    """
    made = json.loads(file.attrs["preprocessing"])
    shape = made["rows"], made["columns"]
    if not all(type(length) is int and 1 <= length <= _LONGEST for length in shape):
        raise ValueError(f"its images are {shape[0]} x {shape[1]}")
    spacing, curves = made["spacing_mm"], made["curves"]
    if not (np.isfinite(spacing) and spacing > 0 and curves in CURVE_FUNCTIONS):
        raise ValueError("its preprocessing is damaged")
    if made["region"] not in ("film", "joint"):
        raise ValueError(f"its region is {made['region']}")
    names = [str(name) for name in file.attrs["label_names"]]
    if len(names) < 2 or len(bytes.fromhex(str(file.attrs["identity_key"]))) < 16:
        raise ValueError("its label names or its key are damaged")
    for name, (kind, inner) in {
        "images": (np.dtype("u2"), shape), "labels": (np.dtype("u1"), shape),
        "landmarks": (np.dtype("f8"), (LANDMARKS_PER_HIP, 2)), "films": (FILM_TYPE, ()), "samples": (SAMPLE_TYPE, ()),
    }.items():  # fmt: skip
        if not isinstance(file.get(name, getlink=True), h5py.HardLink):
            raise ValueError(f"'{name}' is missing, or a link to elsewhere")
        part = file[name]
        if not isinstance(part, h5py.Dataset) or part.dtype != kind or part.shape[1:] != inner or part.ndim < 1:
            raise ValueError(f"'{name}' is not of the kind that a store has")
        if part.is_virtual or part.external:
            raise ValueError(f"'{name}' lies in another file")
        if part.chunks is None or len(part) > _MOST_ROWS:
            raise ValueError(f"'{name}' is not laid out as a store's")
    _check_rows(file)


def _check_rows(file: h5py.File) -> None:
    """Refuse tables that speak of more than there is."""
    films = written_films(file)
    ends = films["samples_end"]
    hips = int(ends.max(initial=0))
    if (np.diff(ends) < 0).any() or hips > min(len(file[name]) for name in ("samples", "labels", "landmarks")):
        raise ValueError("its films have more hips than it holds")
    if len(films) > len(file["images"]):
        raise ValueError("it lacks images of its films")
    spacing = np.stack([films["spacing_mm"], films["source_spacing_mm"]])
    if not (np.isfinite(spacing) & (spacing > 0)).all() or not np.isfinite(films["origin_x_mm"]).all():
        raise ValueError("a film's spacing is no positive number")
    values = films["quantiles"]
    if not ((values >= 0) & (values <= 1)).all() or (np.diff(values, axis=1) < 0).any():
        raise ValueError("a film's grey values are distributed in no possible way")


def written_films(file: h5py.File) -> NDArray[Any]:
    """The rows of `films` but what a kill amid a flush left reserved and not written, all zero."""
    films = file["films"][:]
    return films[: int(np.count_nonzero(films["samples_end"]))]


def check_format(file: h5py.File, path: Path, key: str) -> None:
    """Refuse a file that is no store, or of another format.

    Raises:
        HipsegError: With the fix.
    """
    found = file.attrs.get("format")
    if found is None:
        raise HipsegError(f"{key}: {path} is an HDF5 file but not a hipseg store")
    if not isinstance(found, (int, np.integer)) or int(found) != FORMAT:
        said = str(found).encode("ascii", "replace").decode()[:20]
        raise HipsegError(f"{key}: {path} has format {said}, this hipseg reads {FORMAT}; preprocess it again")
