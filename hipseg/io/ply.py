"""Surfaces of triangles to PLY files, which every viewer of meshes opens."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hipseg.geometry.surface import Surface


def write_ply(path: Path, surface: Surface, about: Mapping[str, NDArray[np.float64]] | None = None) -> None:
    """Write a surface, binary.

    Args:
        path: Where to.
        surface: In mm.
        about: (n,) a value of every vertex, by name.
    """
    values = dict(about or {})
    names = ["x", "y", "z", *values]
    vertices = np.column_stack([surface.vertices, *values.values()]).astype("<f4")
    faces = np.zeros(len(surface.faces), dtype=[("count", "u1"), ("corners", "<i4", 3)])
    faces["count"], faces["corners"] = 3, surface.faces
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(vertices)}"]
    header += [f"property float {name}" for name in names]
    header += [f"element face {len(faces)}", "property list uchar int vertex_indices", "end_header\n"]
    path.write_bytes("\n".join(header).encode() + vertices.tobytes() + faces.tobytes())
