"""The page of surfaces: what it holds, that it needs no network, and what it draws."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import colormaps
from numpy.typing import NDArray

from hipseg.geometry.surface import Surface
from hipseg.report.femur_views import DISTANCE, THICKNESS, VIEWS
from hipseg.report.mesh_page import write_mesh_page


def octahedron(refined: int, radius_mm: float) -> Surface:
    vertices = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], dtype=float)
    faces = [[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4], [2, 0, 5], [1, 2, 5], [3, 1, 5], [0, 3, 5]]
    surface = Surface(vertices, np.array(faces))
    for _ in range(refined):
        surface = surface.refined()[0]
        sized = surface.vertices / np.linalg.norm(surface.vertices, axis=1, keepdims=True)
        surface = Surface(sized, surface.faces)
    return Surface(surface.vertices * radius_mm + [5.0, 6.0, 7.0], surface.faces)


BALL = octahedron(4, 20.0)
TO_LEFT = np.sign(BALL.vertices[:, 0] - 5.0 + 1e-9) * 2.0  # mm


@pytest.fixture
def page(tmp_path: Path) -> Path:
    small = octahedron(3, 10.0)
    cases = {
        "worst": {
            "periosteal": (BALL, {"distance": TO_LEFT, "thickness": np.full(len(BALL.vertices), 4.0)}),
            "endosteal": (small, {"distance": np.full(len(small.vertices), np.nan)}),
        },
        "best": {"periosteal": (small, {"distance": np.zeros(len(small.vertices))})},
    }
    path = tmp_path / "femur.html"
    write_mesh_page(cases, {"distance": DISTANCE, "thickness": THICKNESS}, VIEWS, "Femurs <test>", path)
    return path


def held(page: Path) -> dict[str, Any]:
    match = re.search(r'<script id="data" type="application/json">(.*?)</script>', page.read_text(), re.DOTALL)
    assert match is not None
    return json.loads(match[1])


def unpacked(text: str, kind: str) -> NDArray[Any]:
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype=kind)


def test_surfaces_come_back_from_the_page_as_they_were(page: Path) -> None:
    surface = held(page)["cases"]["worst"]["periosteal"]
    assert (len(BALL.vertices), len(BALL.faces)) == (1026, 2048)
    vertices, faces = (unpacked(surface[name], kind) for name, kind in (("vertices", "<f4"), ("faces", "<u4")))
    assert np.array_equal(vertices.reshape(-1, 3), BALL.vertices.astype(np.float32))
    assert np.array_equal(faces.reshape(-1, 3), BALL.faces)
    assert np.array_equal(unpacked(surface["values"]["distance"], "<f4"), TO_LEFT.astype(np.float32))
    assert list(held(page)["cases"]) == ["worst", "best"]


def test_it_asks_nothing_of_a_network_and_names_no_file(page: Path, tmp_path: Path) -> None:
    text = page.read_text()
    assert not re.search(r"https?:|//cdn|src=|href=|@import|import\(|fetch\(", text)
    assert str(tmp_path) not in text and "Femurs &lt;test&gt;" in text


def drawn(page: Path, *choices: str) -> NDArray[np.uint8]:
    """(rows, columns, 3) of what the page's canvas shows."""
    if shutil.which("node") is None:
        pytest.skip("node runs the page's script; it is not here")
    out = page.with_suffix(".raw")
    opener = Path(__file__).with_name("open_page.js")
    subprocess.run(["node", str(opener), str(page), str(out), *choices], check=True, timeout=60)
    return np.fromfile(out, dtype=np.uint8).reshape(300, 300, 3)


def colour_of(share: float, name: str) -> NDArray[np.float64]:
    return np.array(colormaps[name](share)[:3]) * 255


@pytest.mark.parametrize(
    ("choices", "left", "right"),
    [((), 0.0, 1.0), (("view=back",), 1.0, 0.0), (("view=lateral",), 1.0, 1.0), (("view=medial",), 0.0, 0.0)],
)
def test_it_opens_and_turns_as_the_views_say(page: Path, choices: tuple[str, ...], left: float, right: float) -> None:
    picture = drawn(page, *choices)
    for column, share in ((115, left), (185, right)):
        seen = picture[150, column] / picture[150, column].max()
        expected = colour_of(share, "coolwarm")
        assert seen == pytest.approx(expected / expected.max(), abs=0.04)  # the light aside
    radius = 0.46 * 300
    assert (picture < 255).any(axis=2).sum() == pytest.approx(np.pi * radius**2, rel=0.01)


def test_it_shows_what_is_chosen(page: Path) -> None:
    assert drawn(page, "colour=thickness")[150, 150] == pytest.approx(colour_of(0.5, "viridis"), abs=3)
    inner = drawn(page, "surface=endosteal")  # half as large, grey where there is no value
    assert (inner < 255).any(axis=2).sum() == pytest.approx(np.pi * (0.23 * 300) ** 2, rel=0.02)
    assert inner[150, 150] == pytest.approx([128, 128, 128], abs=2)
    assert drawn(page, "case=best")[150, 150] == pytest.approx(colour_of(0.5, "coolwarm"), abs=3)
