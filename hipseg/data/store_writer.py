"""Writing a store so that a kill at any moment leaves it readable and a second run completes it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import h5py
import numpy as np

from hipseg.data.chunks import encode_chunk
from hipseg.data.process import Hip, Processed, StoredView
from hipseg.data.settings import Settings
from hipseg.data.store import (
    FILM_TYPE,
    FILTER,
    FORMAT,
    SAMPLE_TYPE,
    check_format,
    check_layout,
    written_films,
)
from hipseg.errors import HipsegError
from hipseg.io.dicom import file_sha256
from hipseg.labels.label_map import LABEL_NAMES
from hipseg.labels.landmarks import LANDMARKS_PER_HIP, SIDES

_BATCH: Final = 16
_HIPS: Final = len(SIDES)


def describe(settings: Settings) -> dict[str, Any]:
    """Settings as plain data."""
    plain = {
        name: value
        for name, value in vars(settings).items()
        if name not in ("curves", "locator", "plausible", "limits")
    }
    return plain | {
        "located_by": file_sha256(settings.locator.path) if settings.locator else "",
        "curves": settings.curves.__name__,
        "modalities": sorted(settings.modalities),
    }


class StoreWriter:
    """The one writer of a store; film i has the sample rows 2 i (right) and 2 i + 1 (left).

    Its row in `images` and `films` is i, or where every hip has an image of its own it has the rows 2 i and 2 i + 1.

    Films are buffered and written in batches: pixels, then samples, then films, then a flush. Rows beyond the last
    film are what a killed run left half-written; they are cut off on opening.

    Args:
        path: The file, made if it is not there.
        settings: With which all its films are processed.

    Raises:
        HipsegError: If the file is no store, or was made with other settings.
    """

    def __init__(self, path: Path, settings: Settings) -> None:
        self._buffer: list[Processed] = []
        self._gone: set[str] = set()
        self._shape, self._views = (settings.rows, settings.columns), settings.views
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                self._create(path, settings)
            self._file = h5py.File(path, "a")
            try:
                self._prepare(path, settings)
            except BaseException:
                self._file.close()
                raise
        except HipsegError:
            raise
        except BlockingIOError:
            raise HipsegError(f"store: {path} is being written by another process; wait until it is done") from None
        except Exception as error:  # a damaged file makes HDF5, JSON and numpy raise many kinds
            said = " ".join(str(error).split())[:200] or type(error).__name__
            raise HipsegError(f"store: {path} can't be continued ({said}); name a new one or remove it") from None

    def _prepare(self, path: Path, settings: Settings) -> None:
        check_format(self._file, path, "store")
        check_layout(self._file)
        made = json.loads(self._file.attrs["preprocessing"])
        for name, value in describe(settings).items():
            if made.get(name) != value:
                said = f"was made with {name} = {made.get(name)}, not {value}"
                raise HipsegError(f"store: {path} {said}; name a new store")
        self._truncate()
        films = self._file["films"][:: self._views]
        keys = [b"/".join(row).decode() for row in zip(films["cohort"], films["subject"], films["visit"], strict=True)]
        self._numbers = {key: number for number, key in enumerate(keys)}
        self._points_sha256 = {key: sha.decode() for key, sha in zip(keys, films["points_sha256"], strict=True)}
        self._pixels = {key: sha.decode() for key, sha in zip(keys, films["pixels_sha256"], strict=True)}
        # Excluded before, and not seen again unless it is put anew.
        self._gone = {key for key, sha in zip(keys, films["source_sha256"], strict=True) if not sha}
        self._sha256 = {key: sha.decode() for key, sha in zip(keys, films["source_sha256"], strict=True)}

    def _create(self, path: Path, settings: Settings) -> None:
        """Make an empty store; whole, or not at all."""
        making = path.with_name(f"{path.name}.making")
        with h5py.File(making, "w") as self._file:
            self._fill_new(settings)
        making.replace(path)

    def _fill_new(self, settings: Settings) -> None:
        shape = self._shape
        none, chunked = {"shape": (0, *shape), "maxshape": (None, *shape)}, {"chunks": (1, *shape), **FILTER}
        self._file.attrs["format"] = FORMAT
        self._file.attrs["label_names"] = list(LABEL_NAMES)
        self._file.attrs["preprocessing"] = json.dumps(describe(settings))
        self._file.attrs["identity_key"] = secrets.token_hex(16)
        self._file.create_dataset("images", dtype="u2", **none, **chunked)
        self._file.create_dataset("labels", dtype="u1", **none, **chunked)
        points = (LANDMARKS_PER_HIP, 2)
        self._file.create_dataset("landmarks", (0, *points), "f8", maxshape=(None, *points), chunks=(64, *points))
        self._file.create_dataset("samples", (0,), SAMPLE_TYPE, maxshape=(None,), chunks=(256,))
        self._file.create_dataset("films", (0,), FILM_TYPE, maxshape=(None,), chunks=(128,))

    def _truncate(self) -> None:
        count = len(written_films(self._file)) // self._views
        views = self._views * count
        for name, rows in (("films", views), ("images", views), ("labels", _HIPS * count), ("landmarks", _HIPS * count),
                           ("samples", _HIPS * count)):  # fmt: skip
            if len(self._file[name]) != rows:
                self._file[name].resize(rows, axis=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None or issubclass(kind, KeyboardInterrupt):
            self.flush()
        self._file.close()

    def __len__(self) -> int:
        return len(self._numbers)

    def __contains__(self, key: str) -> bool:
        return key in self._numbers

    def known(self, key: str) -> tuple[str, str]:
        """Hashes of a stored film's file and points file, or empty."""
        return self._sha256.get(key, ""), self._points_sha256.get(key, "")

    def known_sha256(self, key: str) -> str:
        """Hash of a stored film's file, or empty."""
        return self._sha256.get(key, "")

    def same_pixels(self) -> Iterator[list[str]]:
        """Keys of stored films that are one film under several subjects."""
        films: dict[str, list[str]] = {}
        for key, pixels in self._pixels.items():
            if pixels and key not in self._gone:
                films.setdefault(pixels, []).append(key)
        for keys in films.values():
            if len({key.rsplit("/", 1)[0] for key in keys}) > 1:
                yield keys

    def put(self, film: Processed) -> None:
        """Add a film, or replace the one of the same cohort, subject and visit."""
        for name in ("cohort", "subject", "visit"):
            if len(getattr(film.file, name).encode()) > FILM_TYPE[name].itemsize:
                raise HipsegError(f"cohorts: the {name} '{getattr(film.file, name)}' of {film.file.name} is too long")
        self._pixels[film.file.key] = film.pixels_sha256
        if film.file.key in self._numbers:
            self._replace(self._numbers[film.file.key], film)
            self._gone.discard(film.file.key)
            return
        # One that is not written yet is replaced where it waits.
        self._buffer = [waiting for waiting in self._buffer if waiting.file.key != film.file.key]
        self._buffer.append(film)
        if len(self._buffer) >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Write what is buffered and bring it to disk."""
        if self._buffer:
            start = len(self._file["films"]) // self._views
            self._write(start, self._buffer)
            for number, film in enumerate(self._buffer, start):
                self._numbers[film.file.key] = number
            self._buffer = []
        self._file.flush()

    def exclude(self, key: str, reason: str) -> None:
        """Mark both hips of a stored film as not usable: its file has changed for the worse."""
        self._gone.add(key)
        hips, views = (slice(n * self._numbers[key], n * (self._numbers[key] + 1)) for n in (_HIPS, self._views))
        samples = self._file["samples"][hips]
        samples["usable"], samples["reason"], samples["detail"] = False, reason.encode(), b""
        self._file["samples"][hips] = samples
        films = self._file["films"][views]
        films["source_sha256"] = b""
        self._file["films"][views] = films

    def _replace(self, number: int, film: Processed) -> None:
        # Not usable while old and new stand side by side.
        self.exclude(film.file.key, "replaced")
        self._file.flush()
        self._write(number, [film])
        self._file.flush()

    def _write(self, start: int, films: list[Processed]) -> None:
        stop = start + len(films)
        hips = [hip for film in films for hip in film.hips]
        rows = slice(start * _HIPS, stop * _HIPS)
        views = slice(start * self._views, stop * self._views)
        self._fill_chunks("images", views.start, [(v.image, v.chunk) for film in films for v in film.views])
        self._fill_chunks("labels", rows.start, [(hip.label, hip.chunk) for hip in hips])
        self._fill("landmarks", rows, np.stack([hip.landmarks for hip in hips]))
        # On disk before their samples are usable.
        self._file.flush()
        # Both hips of a film see its one image, or each its own.
        images = np.repeat(np.arange(views.start, views.stop), _HIPS // self._views)
        whose = [film for film in films for _ in film.hips]
        samples = [_sample_row(film, hip, int(image)) for film, hip, image in zip(whose, hips, images, strict=True)]
        self._fill("samples", rows, np.array(samples, dtype=SAMPLE_TYPE))
        self._file.flush()
        table = [
            _film_row(film, view, number * _HIPS) for number, film in enumerate(films, start + 1) for view in film.views
        ]
        self._fill("films", views, np.array(table, dtype=FILM_TYPE))

    def _fill_chunks(self, name: str, start: int, chunks: list[tuple[np.ndarray[Any, Any], bytes | None]]) -> None:
        dataset = self._file[name]
        if len(dataset) < start + len(chunks):
            dataset.resize(start + len(chunks), axis=0)
        for row, (pixels, chunk) in enumerate(chunks, start):
            dataset.id.write_direct_chunk((row, 0, 0), chunk if chunk is not None else encode_chunk(pixels))

    def _fill(self, name: str, rows: slice, values: np.ndarray[Any, Any]) -> None:
        dataset = self._file[name]
        if len(dataset) < rows.stop:
            dataset.resize(rows.stop, axis=0)
        dataset[rows] = values


def _sample_row(film: Processed, hip: Hip, image: int) -> tuple[Any, ...]:
    key = f"{film.file.key}/{hip.side}"
    return (
        key.encode(),
        image,
        hip.side == "left",
        hip.side.encode(),
        not hip.reason,
        hip.reason.encode(),
        hip.detail.encode()[:160],
    )


def _film_row(film: Processed, view: StoredView, samples_end: int) -> tuple[Any, ...]:
    file, spacing, grid = film.file, film.spacing, view.grid
    rows, columns = film.shape
    return (
        file.cohort.encode(), file.subject.encode(), file.visit.encode(), grid.spacing_mm, *grid.origin_mm,
        spacing.mm, spacing.tag.encode(), spacing.imager_mm, rows, columns, film.sha256.encode(),
        film.points_sha256.encode(), film.pixels_sha256.encode(), *film.flipped, film.magnification,
        film.polarity.encode(), view.quantiles, samples_end,
    )  # fmt: skip
