"""Pictures of some femurs of a test set: three planes, surfaces in four views, and one page to turn them on."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hipseg.measure.cortical_thickness import thickness_beneath
from hipseg.report.femur_views import DISTANCE, THICKNESS, VIEWS, compared, draw_views
from hipseg.report.mesh_page import Measured, write_mesh_page
from hipseg.report.mesh_views import NoRendering
from hipseg.report.volume_figures import draw_planes


class FemurCase(NamedTuple):
    """What is drawn of a left femur, or of a right one mirrored.

    Attributes:
        image: (slices upwards, rows backwards, columns to the left) in Hounsfield units.
        found: (slices, rows, columns) labels.
        truth: (slices, rows, columns), the annotated ones.
        spacing_mm: Of the three axes.
    """

    image: NDArray[Any]
    found: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    spacing_mm: tuple[float, ...]


def draw_femurs(cases: Mapping[str, FemurCase], folder: Path) -> list[Path]:
    """Draw `figures/femur_NAME_planes.png` and `figures/femur_NAME.png` of each, and `femur.html` of all.

    Where nothing renders surfaces, one sentence says so and the second kind is left out.

    Args:
        cases: By name, which must not say whose femur it is.
        folder: The run folder.

    Returns:
        The figures.
    """
    figures: list[Path] = []
    page: dict[str, dict[str, Measured]] = {}
    renders = True
    for name, case in cases.items():
        figures.append(folder / "figures" / f"femur_{name}_planes.png")
        draw_planes(case.image, case.found, case.spacing_mm, figures[-1], case.truth)
        painted = compared(case.found, case.truth, case.spacing_mm)
        if not painted:
            continue
        page[name] = {part: (of.surface, {"distance": of.values}) for part, of in painted.items()}
        if "periosteal" in painted:
            outer, values = page[name]["periosteal"]
            thickness = thickness_beneath(outer.vertices[:, ::-1], case.found, case.spacing_mm)
            page[name]["periosteal"] = (outer, {**values, "thickness": thickness})
        path = folder / "figures" / f"femur_{name}.png"
        if renders:
            try:
                draw_views(painted, path)
                figures.append(path)
            except NoRendering as error:
                print(error, file=sys.stderr)
                renders = False
    if page:
        scales = {"distance": DISTANCE, "thickness": THICKNESS}
        write_mesh_page(page, scales, VIEWS, "Femurs of a test set: surfaces found", folder / "femur.html")
    return figures
