"""Surfaces on one HTML page to turn, zoom and read values from; it opens from disk and needs no network."""

from __future__ import annotations

import base64
import html
import json
import math
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray

from hipseg.geometry.surface import Surface
from hipseg.report.mesh_views import Scale, View

_TEMPLATE: Final = Path(__file__).with_suffix(".html")

Measured = tuple[Surface, Mapping[str, NDArray[np.float64]]]
"""A surface and, by the names of scales, the values of its vertices in mm."""


def write_mesh_page(
    cases: Mapping[str, Mapping[str, Measured]],
    scales: Mapping[str, Scale],
    views: Mapping[str, View],
    title: str,
    path: Path,
) -> None:
    """Write the page.

    The page draws triangles itself, pixel by pixel, so that it also works where a browser may not use the graphics
    card. Numbers are 32 bits each, deflated.

    Args:
        cases: Surfaces by name, by the name of the case; at least one each. Names must say of no patient who it is.
        scales: By name.
        views: Buttons that turn the surface.
        title: Of the page.
        path: HTML file.
    """
    data = {
        "cases": {name: {part: _encode(*of) for part, of in surfaces.items()} for name, surfaces in cases.items()},
        "scales": {name: _encode_scale(scale) for name, scale in scales.items()},
        "views": {name: math.atan2(view.camera[0], -view.camera[1]) for name, view in views.items()},
    }
    page = _TEMPLATE.read_text(encoding="utf-8").replace("TITLE", html.escape(title))
    path.write_text(page.replace("DATA", json.dumps(data).replace("<", "\\u003c")), encoding="utf-8")


def _encode(surface: Surface, values: Mapping[str, NDArray[np.float64]]) -> dict[str, Any]:
    return {
        "vertices": _packed(surface.vertices, "<f4"),
        "faces": _packed(surface.faces, "<u4"),
        "values": {name: _packed(of, "<f4") for name, of in values.items()},
    }


def _encode_scale(scale: Scale) -> dict[str, Any]:
    colours = colormaps[scale.colours](np.arange(256), bytes=True)[:, :3]
    return {
        "title": scale.title,
        "low": scale.low,
        "high": scale.high,
        "colours": base64.b64encode(np.ascontiguousarray(colours).tobytes()).decode("ascii"),
    }


def _packed(numbers: NDArray[Any], kind: str) -> str:
    return base64.b64encode(zlib.compress(np.ascontiguousarray(numbers, dtype=kind).tobytes())).decode("ascii")
