"""What goes into a store comes out of it, in whatever order, batches and repetitions it was written."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from small_films import processed, store_settings

from hipseg.data.store import Store
from hipseg.data.store_writer import StoreWriter

FILMS = st.tuples(st.integers(0, 9), st.integers(0, 2), st.tuples(*[st.sampled_from(["", "implant"])] * 2))
# A run of preprocessing reads each film once.
SESSIONS = st.lists(st.lists(FILMS, max_size=6, unique_by=lambda film: film[0]), min_size=1, max_size=4)


@settings(max_examples=15)
@given(SESSIONS)
def test_the_last_version_of_every_film_comes_out(
    sessions: list[list[tuple[int, int, tuple[str, str]]]],
) -> None:
    last = {number: (version, reasons) for session in sessions for number, version, reasons in session}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "store.h5"
        for session in sessions:
            with StoreWriter(path, store_settings()) as writer:
                for number, version, reasons in session:
                    writer.put(processed(number, version, reasons=reasons))
        opened = Store(path)
        assert len(opened.films) == len(last) and len(opened.samples) == 2 * len(last)
        for number, (version, reasons) in last.items():
            film = processed(number, version, reasons=reasons)
            for hip, reason in zip(film.hips, reasons, strict=True):
                row = opened.rows_by_key[f"{film.file.key}/{hip.side}"]
                sample = opened.samples.iloc[row]
                assert (sample["side"], sample["usable"], sample["reason"]) == (hip.side, not reason, reason)
                assert np.array_equal(opened.image(row), film.views[0].image)
                assert np.array_equal(opened.label(row), hip.label)
                np.testing.assert_array_equal(opened.landmarks(row), hip.landmarks)
