from __future__ import annotations

import math
import os
from collections.abc import Iterator

import pytest

from hipseg.parallel import available_cores, ordered_map


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put back what working in processes sets."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLOSC_NTHREADS"):
        monkeypatch.setenv(name, "1")


class Counted:
    """Numbers, and how many were asked for."""

    def __init__(self, count: int) -> None:
        self.asked, self._count = 0, count

    def __iter__(self) -> Iterator[int]:
        for number in range(self._count):
            self.asked += 1
            yield number


@pytest.mark.parametrize("workers", [0, 1])
def test_in_this_process_one_at_a_time(workers: int) -> None:
    items = Counted(5)
    results = ordered_map(math.sqrt, items, workers)
    assert next(results) == 0.0
    assert items.asked == 1
    assert list(results) == [math.sqrt(n) for n in range(1, 5)]


def test_two_processes_keep_the_order_and_at_most_four_items_each_under_way() -> None:
    items = Counted(40)
    most = 0
    results = []
    for done, result in enumerate(ordered_map(math.sqrt, items, 2), 1):
        results.append(result)
        most = max(most, items.asked - done)
    assert results == [math.sqrt(n) for n in range(40)]
    assert most <= 8


@pytest.mark.parametrize("workers", [1, 2])
def test_what_the_function_raises_is_raised_here(workers: int) -> None:
    results = ordered_map(math.sqrt, [4, 9, -1, 16], workers)
    assert [next(results), next(results)] == [2.0, 3.0]
    with pytest.raises(ValueError, match="math domain error"):
        next(results)


def test_work_is_done_elsewhere() -> None:
    assert os.getpid() not in set(ordered_map(_process, range(4), 2))
    assert set(ordered_map(_process, range(4), 1)) == {os.getpid()}


def test_available_cores_are_those_of_this_process() -> None:
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("this system can't bind a process to cores")
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert available_cores() == 1
    finally:
        os.sched_setaffinity(0, before)
    assert available_cores() == len(before)


def _process(_: int) -> int:
    return os.getpid()
