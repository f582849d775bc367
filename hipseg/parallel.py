"""Work on all cores, results in order, memory bounded."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from multiprocessing import get_context
from typing import Any, Final, Self, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# For every process: one thread in numerical libraries, which would start one per core, and memory for films kept from
# one to the next (glibc), which would be given back and cleared anew for each.
_WORKER: Final = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLOSC_NTHREADS"), "1"),
    "MALLOC_MMAP_THRESHOLD_": str(64 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(256 << 20),
}


@contextmanager
def _worker_environment() -> Iterator[None]:
    """What processes started meanwhile find in their environment."""
    before = {name: os.environ.get(name) for name in _WORKER}
    os.environ.update(_WORKER)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


class Crashed(Exception):
    """The process that did a piece of work died of it."""


class Isolated:
    """A process for work that may bring its process down; begun when it is first needed, and anew after a crash."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def call(self, function: Callable[..., Result], *given: Any) -> Result:
        """What an importable function returns; an exception it raises is raised here.

        Raises:
            Crashed: If its process died.
        """
        if self._pool is None:
            self._pool = _pool(1)
        try:
            with _worker_environment():
                return self._pool.submit(function, *given).result()
        except BrokenProcessPool:
            self._pool = None
            raise Crashed from None


def _pool(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"))


def ordered_map(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int,
    crashed: Callable[[Item], Result] | None = None,
) -> Iterator[Result]:
    """Apply a function in processes and yield its results in the order of the items.

    At most four items per worker are under way, so memory does not grow with their number. `function` must be
    importable, and its items and results picklable; an exception it raises is raised here.

    Args:
        function: What to do with one item.
        items: What to do it with.
        workers: Processes; 0 or 1 works in this one.
        crashed: The result of an item of which a process died; without it that ends the work.
    """
    if workers <= 1:
        yield from map(function, items)
        return
    remaining = iter(items)
    pending: deque[tuple[Item, Future[Result]]] = deque()
    with _worker_environment():
        pool = _pool(workers)
        try:
            pending.extend((item, pool.submit(function, item)) for item in islice(remaining, 4 * workers))
            while pending:
                item, future = pending.popleft()
                try:
                    result = future.result()
                except BrokenProcessPool:
                    if crashed is None:
                        raise
                    # Which of those under way it was shows when each is done alone.
                    waiting = [item, *(other for other, _ in pending)]
                    pending.clear()
                    yield from _one_by_one(function, waiting, crashed)
                    pool = _pool(workers)
                    pending.extend((item, pool.submit(function, item)) for item in islice(remaining, 4 * workers))
                    continue
                yield result
                pending.extend((item, pool.submit(function, item)) for item in islice(remaining, 1))
        finally:
            pool.shutdown(cancel_futures=True)


def _one_by_one(
    function: Callable[[Item], Result], items: Iterable[Item], crashed: Callable[[Item], Result]
) -> Iterator[Result]:
    with Isolated() as alone:
        for item in items:
            try:
                yield alone.call(function, item)
            except Crashed:
                yield crashed(item)
