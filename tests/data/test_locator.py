"""Regions around heads that a network finds."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from oracle import OFF_PX, Oracle, load_astray, load_both, load_crossed, load_hollow, load_right
from small_films import CHECK, film_settings, landmarks, write_film

from hipseg.commands import main
from hipseg.data.cohorts import find_films
from hipseg.data.process import Processed, Task, process
from hipseg.inference.locator import NetworkLocator
from hipseg.io.dicom import read_film
from hipseg.labels.circle import head_circle
from hipseg.labels.landmarks import hip_landmarks

LOADS: list[tuple[str, tuple[str, ...]]] = []


def load_counted(path: Path, trusted: tuple[str, ...] = ()) -> Oracle:
    """`load_both`, noted."""
    LOADS.append((path.name, trusted))
    return load_both(path)


def test_heads_are_found_in_film_millimetres_on_both_sides(tmp_path: Path) -> None:
    film = read_film(write_film(tmp_path, "0000001"), ("CR",))
    locator = NetworkLocator(load_both, tmp_path / "a.ckpt")
    heads = locator.find(locator.prepare(film.pixels, film.grid))
    for side, mirror in (("right", 1), ("left", -1)):
        true = head_circle(hip_landmarks(landmarks(), side)).centre  # type: ignore[arg-type]
        found = np.array(heads[side])  # type: ignore[index]
        np.testing.assert_allclose(found - true, 0.9 * OFF_PX * [mirror, 1], atol=0.35)


def test_a_locator_that_comes_from_another_process_is_loaded_once(tmp_path: Path) -> None:
    film = read_film(write_film(tmp_path, "0000001"), ("CR",))
    LOADS.clear()
    sent = pickle.dumps(NetworkLocator(load_counted, tmp_path / "once.ckpt", ("mypackage.",)))
    for _ in range(3):
        pickle.loads(sent).prepare(film.pixels, film.grid)
    assert LOADS == [("once.ckpt", ("mypackage.",))]


@pytest.mark.parametrize("load", [load_hollow, load_crossed])
def test_a_centre_that_is_no_head_or_the_other_hips_is_not_taken(
    load: Callable[[Path], Oracle], tmp_path: Path
) -> None:
    film = read_film(write_film(tmp_path, "0000001"), ("CR",))
    locator = NetworkLocator(load, tmp_path / "a.ckpt")
    assert locator.find(locator.prepare(film.pixels, film.grid)) == {"right": None, "left": None}


def test_region_is_around_the_head_that_was_found_and_labels_stay_true(tmp_path: Path) -> None:
    write_film(tmp_path, "0000001")
    (film,) = find_films(tmp_path, {"CHECK": CHECK}).films
    joint = replace(film_settings(), region="joint", rows=160, columns=160, spacing_mm=0.8)
    located = replace(joint, locator=NetworkLocator(load_right, tmp_path / "b.ckpt"))
    plain, done = process(Task(film, joint, "", "")), process(Task(film, located, "", ""))
    assert isinstance(plain, Processed) and isinstance(done, Processed)
    shift = np.array(done.views[0].grid.centre_mm) - plain.views[0].grid.centre_mm
    np.testing.assert_allclose(shift, 0.9 * OFF_PX, atol=0.35)
    points = hip_landmarks(landmarks(), "right")
    np.testing.assert_allclose(done.views[0].grid.to_mm(done.hips[0].landmarks), points, atol=1e-3)
    assert [hip.reason for hip in done.hips] == ["", "not_located"]
    assert not done.hips[1].label.any()


@pytest.mark.parametrize(("spacing_mm", "reason"), [(0.8, "not_located"), (1.2, "")])
def test_a_region_without_its_head_is_not_located(spacing_mm: float, reason: str, tmp_path: Path) -> None:
    """81 mm too far down: beyond half of 128 mm, within half of 192 mm."""
    write_film(tmp_path, "0000001")
    (film,) = find_films(tmp_path, {"CHECK": CHECK}).films
    located = replace(
        film_settings(), region="joint", rows=160, columns=160, spacing_mm=spacing_mm,
        locator=NetworkLocator(load_astray, tmp_path / "b.ckpt"),
    )  # fmt: skip
    done = process(Task(film, located, "", ""))
    assert isinstance(done, Processed)
    assert [hip.reason for hip in done.hips] == [reason] * 2
    assert [bool(view.image.any()) for view in done.views] == [not reason] * 2


def test_a_locator_needs_regions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.ckpt").touch()
    with pytest.raises(SystemExit):
        main(["preprocess", f"input={tmp_path}", f"store={tmp_path / 's.h5'}", f"locator={tmp_path}/x.ckpt"])
    assert "locator: only roi=joint" in capsys.readouterr().err
