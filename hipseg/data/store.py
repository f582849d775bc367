"""The store: one HDF5 file of films, the label maps and landmarks of their hips, and two tables.

Layout (format 2): `images` (N, rows, columns) uint16, value / 65535 is the grey value; `labels` (M, rows, columns)
uint8 and `landmarks` (M, 80, 2) float64, a row a hip, in image orientation; `films` (N,) and `samples` (M,) as
`FILM_TYPE` and `SAMPLE_TYPE`, where a film's `samples_end` is the number of sample rows up to its own last. Root
attributes: `format`, `label_names`, `preprocessing` (JSON), `identity_key`.
"""

from __future__ import annotations

import json
import os
from functools import cached_property
from pathlib import Path
from typing import Any, Final, cast

import blosc2
import h5py
import hdf5plugin
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hipseg.errors import HipsegError
from hipseg.grid import Grid
from hipseg.io.dicom import turn_points
from hipseg.labels.landmarks import Points
from hipseg.transforms.polarity import Polarity

FORMAT: Final = 2
FILM_TYPE: Final = np.dtype(
    [
        ("cohort", "S32"), ("subject", "S64"), ("visit", "S16"), ("spacing_mm", "f8"), ("origin_x_mm", "f8"),
        ("origin_y_mm", "f8"), ("source_spacing_mm", "f8"), ("source_spacing_tag", "S48"), ("imager_spacing_mm", "f8"),
        ("source_rows", "i4"), ("source_columns", "i4"), ("source_sha256", "S64"), ("points_sha256", "S64"),
        ("pixels_sha256", "S64"), ("mirrored", "?"), ("upside_down", "?"), ("magnification", "f8"),
        ("polarity", "S10"), ("samples_end", "i8"),
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
_CODING: Final = {
    "codec": blosc2.Codec.LZ4HC,
    "clevel": 5,
    "filters_meta": [0],
    "blocksize": 1 << 16,
    "nthreads": 1,
}


def encode_chunk(pixels: NDArray[Any]) -> bytes:
    """A chunk as HDF5's Blosc2 filter reads it, but smaller than the one it writes itself; single bytes unshuffled."""
    shuffle = blosc2.Filter.SHUFFLE if pixels.itemsize > 1 else blosc2.Filter.NOFILTER
    parameters = {**_CODING, "typesize": pixels.itemsize, "filters": [shuffle]}
    chunk = blosc2.SChunk(chunksize=pixels.nbytes, cparams=parameters)
    chunk.append_data(np.ascontiguousarray(pixels))
    encoded: bytes = chunk.to_cframe()
    return encoded


def _frame(table: NDArray[Any]) -> pd.DataFrame:
    """A compound table as a data frame with text as text."""
    return pd.DataFrame(
        {name: np.char.decode(table[name], "utf-8") if table[name].dtype.kind == "S" else table[name]
         for name in table.dtype.names or ()}
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
        except FileNotFoundError:
            raise HipsegError(f"{key}: there is no file {path}; make it with 'hipseg preprocess'") from None
        except (OSError, KeyError) as error:
            raise HipsegError(f"{key}: {path} is not a store that can be read ({error})") from None

    def _read_tables(self, file: h5py.File) -> None:
        check_format(file, self.path, self._key)
        self.label_names: tuple[str, ...] = tuple(str(name) for name in file.attrs["label_names"])
        self.preprocessing: dict[str, Any] = json.loads(file.attrs["preprocessing"])
        self.identity_key: str = str(file.attrs["identity_key"])
        films = written_films(file)
        self.films = _frame(films)
        # A film's row is written after its hips' and says where these end: what follows is what a killed run left.
        self.samples = _frame(file["samples"][: films["samples_end"].max(initial=0)])

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

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_file": None, "_process": -1, "_datasets": {}}

    def image(self, row: int, out: NDArray[np.uint16] | None = None) -> NDArray[np.uint16]:
        """The film of a hip's row, (rows, columns); read into `out` if given, which saves making room for each."""
        return _read_chunk(self._dataset("images"), int(self.image_rows[row]), out, np.dtype("u2"))

    def label(self, row: int, out: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
        """The label map of a hip's row, (rows, columns), not mirrored; read into `out` if given."""
        return _read_chunk(self._dataset("labels"), row, out, np.dtype("u1"))

    def landmarks(self, row: int) -> Points:
        """The landmarks of a hip's row, (80, 2), pixel-centre coordinates of the image, not mirrored."""
        points: Points = self._dataset("landmarks")[row]
        return points

    def grid(self, row: int) -> Grid:
        """Where the image of a hip's row lies on its film."""
        film = self.films.iloc[int(self.image_rows[row])]
        shape = self.preprocessing["rows"], self.preprocessing["columns"]
        return Grid(shape, float(film["spacing_mm"]), (float(film["origin_x_mm"]), float(film["origin_y_mm"])))

    def to_file_mm(self, row: int, points_mm: Points) -> Points:
        """Points (..., 2) in mm of a hip's film as it is viewed, in the mm of its file, whose image may be turned."""
        film = self.films.iloc[int(self.image_rows[row])]
        size = film["source_columns"], film["source_rows"]
        width, height = (float(count) * float(film["source_spacing_mm"]) for count in size)
        return turn_points(points_mm, (bool(film["mirrored"]), bool(film["upside_down"])), (width, height))

    def source_sha256(self, row: int) -> str:
        """Of the file that a hip's row came from."""
        return str(self.films["source_sha256"].iat[int(self.image_rows[row])])

    def polarity(self, row: int) -> Polarity:
        """What the film of a hip's row was found to be when it was stored; a `corrected` one shows bright bone here."""
        return cast(Polarity, self.films["polarity"].iat[int(self.image_rows[row])])


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
    if int(found) != FORMAT:
        raise HipsegError(f"{key}: {path} has format {found}, this hipseg reads {FORMAT}; preprocess it again")
