"""Surfaces coloured by a value of every vertex, seen from several places, as one picture."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hipseg.errors import HipsegError
from hipseg.geometry.surface import Surface
from hipseg.parallel import Crashed, Isolated

Image = NDArray[np.uint8]

_PIXELS: Final = 900  # of the longer edge of one view, twice what the page shows, so that edges are smooth
_INCHES: Final = 4.2
_MARGIN: Final = 1.06  # around what is drawn


class NoRendering(HipsegError):
    """This machine can't draw surfaces."""


class Painted(NamedTuple):
    """A surface and what it is coloured by.

    Attributes:
        surface: (x, y, z) in mm, z upwards.
        values: (n,), one a vertex; grey where NaN.
    """

    surface: Surface
    values: NDArray[np.float64]


class Scale(NamedTuple):
    """How values are coloured.

    Attributes:
        title: Of the colour bar, with the unit.
        low: The value at its lower end; what lies beyond has the same colour.
        high: At its upper end.
        colours: Matplotlib's name of a colour map.
        ends: What the lower and the upper end mean.
    """

    title: str
    low: float
    high: float
    colours: str
    ends: tuple[str, str] = ("", "")


class View(NamedTuple):
    """From where a surface is seen.

    Attributes:
        camera: (3,) direction in which the camera lies.
        left: What lies towards the left of the picture.
        right: Towards its right.
    """

    camera: tuple[float, float, float]
    left: str
    right: str


def draw_meshes(rows: Mapping[str, Painted], scale: Scale, views: Mapping[str, View], path: Path) -> None:
    """A row a surface, a column a view, all to one scale.

    Args:
        rows: By name; a name may have several lines.
        scale: Of all of them.
        views: By name.
        path: PNG file.

    Raises:
        NoRendering: If nothing on this machine renders.
    """
    points = np.concatenate([painted.surface.vertices for painted in rows.values()])
    low, high = points.min(axis=0), points.max(axis=0)
    extent = np.array([(high - low)[:2].max(), (high - low)[2]]) * _MARGIN
    images = render(list(rows.values()), scale, list(views.values()), (low + high) / 2, extent)
    width, height = extent / extent.max() * _INCHES
    figure = Figure(figsize=(width * len(views) + 2.8, (height + 0.35) * len(rows) + 0.4), dpi=110)
    wide, tall = figure.get_size_inches()
    grid = figure.add_gridspec(
        len(rows), len(views), left=1.5 / wide, right=1 - 1.3 / wide, top=1 - 0.35 / tall, bottom=0.35 / tall,
        wspace=0.03, hspace=0.35 / height,
    )  # fmt: skip
    for i, name in enumerate(rows):
        for j, (title, view) in enumerate(views.items()):
            axes = figure.add_subplot(grid[i, j])
            _show(axes, images[i][j], view, extent)
            if i == 0:
                axes.set_title(title, fontsize=12)
            if j == 0:
                axes.text(-0.04, 0.5, name, transform=axes.transAxes, ha="right", va="center", fontsize=10)
            if i == j == 0:
                _draw_bar(axes, extent)
    _draw_colours(figure, scale)
    figure.savefig(path)


def _show(axes: Axes, image: Image, view: View, extent: NDArray[np.float64]) -> None:
    axes.imshow(image, extent=(0, extent[0], 0, extent[1]), interpolation="antialiased")
    axes.set_axis_off()
    towards = f"\N{LEFTWARDS ARROW} {view.left}      {view.right} \N{RIGHTWARDS ARROW}"
    axes.text(0.5, -0.01, towards, transform=axes.transAxes, ha="center", va="top", fontsize=9, color="0.35")


def _draw_bar(axes: Axes, extent: NDArray[np.float64]) -> None:
    """A scale bar in the margin to the left."""
    length = 20.0 if extent.max() > 80 else 5.0
    end, height = -0.05 * extent[0], 0.02 * extent[1]
    axes.plot([end - length, end], [height, height], "k", linewidth=2, solid_capstyle="butt", clip_on=False)
    axes.text(end - length / 2, height + extent[1] * 0.012, f"{length:g} mm", fontsize=8, ha="center")
    axes.set(xlim=(0, extent[0]), ylim=(0, extent[1]))


def _draw_colours(figure: Figure, scale: Scale) -> None:
    place = figure.add_axes((1 - 1.1 / figure.get_figwidth(), 0.2, 0.2 / figure.get_figwidth(), 0.6))
    colours = ScalarMappable(Normalize(scale.low, scale.high), scale.colours)
    bar = figure.colorbar(colours, cax=place, extend="both" if scale.low < 0 else "max")
    bar.set_label(scale.title, fontsize=9)
    bar.ax.tick_params(labelsize=9)
    for height, said, where in ((-0.08, scale.ends[0], "top"), (1.08, scale.ends[1], "bottom")):
        place.text(0.5, height, said, transform=place.transAxes, ha="center", va=where, fontsize=8)


def render(
    painted: Sequence[Painted], scale: Scale, views: Sequence[View], centre: NDArray[Any], extent: NDArray[Any]
) -> list[list[Image]]:
    """Pictures (rows, columns, 3) of every surface in every view, on white.

    A process of its own renders them: where there is neither EGL nor OSMesa nor a display, VTK does not say so but
    brings its process down.

    Args:
        painted: Surfaces.
        scale: Of all of them.
        views: From where.
        centre: (3,) mm, in the middle of every picture.
        extent: (2,) mm, how wide and high pictures are.

    Raises:
        NoRendering: If nothing on this machine renders.
    """
    try:
        with Isolated() as alone:
            images = alone.call(_render, painted, scale, views, centre, extent)
    except (Crashed, ImportError, OSError, RuntimeError):
        images = []
    if not images or any(np.ptp(image) == 0 for row in images for image in row):
        raise NoRendering("figures: nothing here renders surfaces; install EGL (Debian's package libegl1)")
    return images


def _render(
    painted: Sequence[Painted], scale: Scale, views: Sequence[View], centre: NDArray[Any], extent: NDArray[Any]
) -> list[list[Image]]:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # where VTK lists what it tried before it found what renders
    import pyvista  # a second or more, which only pictures shall cost

    size = [round(float(edge)) for edge in extent / extent.max() * _PIXELS]
    plotter = pyvista.Plotter(off_screen=True, window_size=size, lighting="none")
    plotter.set_background("white")
    plotter.add_light(pyvista.Light(light_type="headlight"))
    plotter.enable_parallel_projection()
    images = []
    for surface, values in painted:
        plotter.clear_actors()
        mesh = pyvista.PolyData.from_regular_faces(surface.vertices, surface.faces)
        plotter.add_mesh(
            mesh, scalars=values, cmap=colormaps[scale.colours], clim=(scale.low, scale.high), smooth_shading=True,
            nan_color="grey", ambient=0.4, diffuse=0.6, specular=0.0, show_scalar_bar=False,
        )  # fmt: skip
        images.append([_photograph(plotter, view, centre, float(extent[1]) / 2) for view in views])
    plotter.close()
    return images


def _photograph(plotter: Any, view: View, centre: NDArray[Any], half_height_mm: float) -> Image:
    plotter.camera.focal_point = centre
    plotter.camera.position = centre + 1000 * np.asarray(view.camera)
    plotter.camera.up = (0, 0, 1)
    plotter.camera.parallel_scale = half_height_mm
    plotter.reset_camera_clipping_range()
    plotter.render()  # else a screenshot shows what was rendered before the camera moved
    return np.asarray(plotter.screenshot(return_img=True), dtype=np.uint8)
