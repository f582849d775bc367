"""`hipseg predict` where one network finds the joint and another, which knows it, sees it closely."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pydicom
import pytest
import torch
from close_oracle import CloseOracle
from numpy.typing import NDArray
from oracle import Oracle, load_both, load_right
from shapely import LineString, Point
from small_films import landmarks, write_film

from hipseg.commands import main
from hipseg.inference.locator import NetworkLocator
from hipseg.labels.circle import head_circle
from hipseg.labels.curves import spline_curves
from hipseg.labels.landmarks import SIDES, hip_landmarks
from hipseg.measure.reference import reference_width


def predicted(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    first: Callable[[Path], Oracle],
    paint: Callable[[NDArray[Any]], NDArray[Any]] | None = None,
    offset_mm: tuple[float, float] = (0.0, 0.0),
    **header: object,
) -> tuple[pd.DataFrame, CloseOracle]:
    film = write_film(folder, "0000001", **header)
    if paint is not None:
        dataset = pydicom.dcmread(film)
        pixels = np.ascontiguousarray(paint(dataset.pixel_array // 2))  # far darker than metal
        (dataset.Rows, dataset.Columns), dataset.PixelData = pixels.shape, pixels.tobytes()
        dataset.save_as(film)
    coarse, fine = folder / "coarse.ckpt", folder / "fine.ckpt"
    coarse.touch(), fine.touch()  # what is loaded in their place knows the answers
    close = CloseOracle(film, NetworkLocator(first, coarse), offset_mm)
    networks = {coarse: first(coarse), fine: close}
    monkeypatch.setattr("hipseg.commands.predict.load", lambda path, inferer=None, **more: networks[path])
    monkeypatch.setattr("hipseg.commands.predict.load_locator", lambda path: networks[path])
    main(
        [
            "predict",
            "limits.spacing_mm=[0.02,5]",
            f"checkpoint={fine}",
            f"locator={coarse}",
            f"input={film}",
            f"out={folder / 'out'}",
        ]
    )
    return pd.read_csv(folder / "out" / "predictions.csv"), close


def test_both_hips_are_measured_where_they_lie_on_the_film(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table, _ = predicted(tmp_path, monkeypatch, load_both)
    assert list(table["side"]) == list(SIDES)
    reference = reference_width(hip_landmarks(landmarks(), "right"))
    np.testing.assert_allclose(table["mjsw_mm"], reference.mjsw_mm, atol=0.05)
    for side, row in zip(SIDES, table.itertuples(), strict=True):
        curves = spline_curves(hip_landmarks(landmarks(), side))
        # Along a joint of nearly equal width its narrowest place is hardly defined; across it is.
        assert LineString(curves.femoral_head).distance(Point(row.head_x_mm, row.head_y_mm)) < 0.05
        assert LineString(curves.sourcil).distance(Point(row.roof_x_mm, row.roof_y_mm)) < 0.05


def test_a_joint_that_is_not_found_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table, _ = predicted(tmp_path, monkeypatch, load_right)
    assert list(table["status"]) == ["ok", "not_located"]
    assert np.isnan(table["mjsw_mm"][1])


def test_an_inverted_film_is_corrected_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bright, seen = predicted(tmp_path / "bright", monkeypatch, load_both)
    dark, seen_dark = predicted(tmp_path / "dark", monkeypatch, load_both, photometric="MONOCHROME1")
    assert set(bright["polarity"]) == {"stated"} and set(dark["polarity"]) == {"corrected"}
    assert list(dark["status"]) == list(bright["status"])
    torch.testing.assert_close(seen_dark.seen[0], seen.seen[0], atol=1e-5, rtol=0)


def test_metal_is_judged_on_the_head_of_each_region(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    circle = head_circle(hip_landmarks(landmarks(), "left"))

    def metal(pixels: NDArray[Any]) -> NDArray[Any]:
        y, x = (np.indices(pixels.shape) + 0.5) * 2.2
        return np.where(np.hypot(x - circle.x, y - circle.y) < circle.radius, 4095, pixels).astype(np.uint16)

    table, _ = predicted(tmp_path, monkeypatch, load_both, metal)
    assert list(table["status"]) == ["ok", "implant"]
    assert table["mjsw_mm"].isna().tolist() == [False, True]


@pytest.mark.parametrize(("columns", "cut"), [(130, False), (114, True), (104, True)])
def test_a_head_at_the_films_edge_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: int, cut: bool
) -> None:
    """Regions go on beyond the film: there is nothing, whatever the network says of it."""
    first = (200 - columns) // 2
    table, _ = predicted(
        tmp_path, monkeypatch, load_both, lambda pixels: pixels[:, first : first + columns], (2.2 * first, 0.0)
    )
    assert list(table["status"]) == ["cut" if cut else "ok"] * 2
    assert table["mjsw_mm"].isna().tolist() == [cut] * 2
