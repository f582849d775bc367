"""`hipseg predict` where one network finds the joint and another, which knows it, sees it closely."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from oracle import Oracle, load_both, load_right
from shapely import LineString, Point
from small_films import landmarks, write_film
from torch import Tensor

from hipseg.commands import main
from hipseg.grid import Grid
from hipseg.inference.locator import NetworkLocator
from hipseg.io.dicom import read_film
from hipseg.labels.curves import spline_curves
from hipseg.labels.label_map import draw_label_shares
from hipseg.labels.landmarks import SIDES, hip_landmarks, mirror_columns
from hipseg.measure.reference import reference_width

SHAPE, SPACING_MM, CUT = (640, 640), 0.2, 64


class CloseOracle:
    """Knows what lies in the regions that the first stage finds on a film of `write_film`."""

    record = {  # noqa: RUF012
        "preprocessing": {
            "rows": SHAPE[0], "columns": SHAPE[1], "spacing_mm": SPACING_MM, "percentiles": [1.0, 99.0],
            "region": "joint",
        },
        "field": {"row": CUT, "column": CUT, "rows": SHAPE[0] - 2 * CUT, "columns": SHAPE[1] - 2 * CUT},
    }  # fmt: skip

    def __init__(self, film: Path, locator: NetworkLocator) -> None:
        self.seen: list[Tensor] = []
        read = read_film(film, ("CR",))
        self._shares = []
        for side, head in locator.find(locator.prepare(read.pixels, read.grid)).items():
            if head is not None:
                points = Grid.centred(SHAPE, SPACING_MM, head).to_pixels(hip_landmarks(landmarks(), side))
                points = mirror_columns(points, SHAPE[1]) if side == "left" else points
                self._shares.append(draw_label_shares(points, SHAPE, spline_curves)[:, CUT:-CUT, CUT:-CUT])

    def __call__(self, image: Tensor) -> Tensor:
        """(n, 1, 512, 512) to (n, 4, 512, 512)."""
        self.seen.append(image)
        return torch.from_numpy(np.stack(self._shares))


def predicted(
    folder: Path, monkeypatch: pytest.MonkeyPatch, first: Callable[[Path], Oracle], **header: object
) -> tuple[pd.DataFrame, CloseOracle]:
    film = write_film(folder, "0000001", **header)
    coarse, fine = folder / "coarse.ckpt", folder / "fine.ckpt"
    coarse.touch(), fine.touch()  # what is loaded in their place knows the answers
    close = CloseOracle(film, NetworkLocator(first, coarse))
    networks = {coarse: first(coarse), fine: close}
    monkeypatch.setattr("hipseg.commands.predict.load", lambda path, passes=None: networks[path])
    monkeypatch.setattr("hipseg.commands.predict.load_locator", lambda path: networks[path])
    main(["predict", f"checkpoint={fine}", f"locator={coarse}", f"input={film}", f"out={folder / 'out'}"])
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
