"""PLY files read back by a reader that knows the format and nothing of the writer."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from hipseg.geometry.surface import Surface
from hipseg.io.ply import write_ply

FORMS = {"uchar": "B", "int": "i", "float": "f"}
WEDGE = Surface(
    np.array([[0.0, 0, 0], [1.5, 0, 0], [0, -2.25, 0], [0, 0, 1000.125]]),
    np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]]),
)


def read_ply(path: Path) -> tuple[list[str], list[dict[str, list[float]]], list[dict[str, list[float]]]]:
    """Comments and other lines of the header that tell nothing, every vertex and every face by its properties."""
    head, _, body = path.read_bytes().partition(b"end_header\n")
    lines = head.decode("ascii").splitlines()
    assert lines[:2] == ["ply", "format binary_little_endian 1.0"]
    kinds, rest = list[tuple[str, int, list[list[str]]]](), list[str]()
    for line in lines[2:]:
        word, *words = line.split()
        if word == "element":
            kinds.append((words[0], int(words[1]), []))
        elif word == "property":
            kinds[-1][2].append(words)
        else:
            rest.append(line)
    assert [kind for kind, _, _ in kinds] == ["vertex", "face"]
    at, found = 0, dict[str, list[dict[str, list[float]]]]()
    for kind, count, properties in kinds:
        found[kind] = []
        for _ in range(count):
            element = dict[str, list[float]]()
            for words in properties:
                length = 1
                if words[0] == "list":
                    length = struct.unpack_from(f"<{FORMS[words[1]]}", body, at)[0]
                    at += struct.calcsize(FORMS[words[1]])
                form = f"<{length}{FORMS[words[-2]]}"
                element[words[-1]] = list(struct.unpack_from(form, body, at))
                at += struct.calcsize(form)
            found[kind].append(element)
    assert at == len(body)
    return rest, found["vertex"], found["face"]


def test_vertices_and_faces(tmp_path: Path) -> None:
    write_ply(tmp_path / "wedge.ply", WEDGE)
    rest, vertices, faces = read_ply(tmp_path / "wedge.ply")
    assert rest == []
    assert [[*vertex["x"], *vertex["y"], *vertex["z"]] for vertex in vertices] == WEDGE.vertices.tolist()
    assert all(set(vertex) == {"x", "y", "z"} for vertex in vertices)
    assert [face["vertex_indices"] for face in faces] == WEDGE.faces.tolist()


def test_values_of_vertices_by_their_names(tmp_path: Path) -> None:
    about = {"thickness_mm": np.array([1.5, 2.5, np.nan, 4.0]), "label": np.array([0.0, 1, 2, 3])}
    write_ply(tmp_path / "wedge.ply", WEDGE, about)
    _, vertices, faces = read_ply(tmp_path / "wedge.ply")
    assert [list(vertex) for vertex in vertices] == [["x", "y", "z", "thickness_mm", "label"]] * 4
    assert [vertex["thickness_mm"][0] for vertex in vertices] == pytest.approx([1.5, 2.5, np.nan, 4.0], nan_ok=True)
    assert [vertex["label"][0] for vertex in vertices] == [0, 1, 2, 3]
    assert [face["vertex_indices"] for face in faces] == WEDGE.faces.tolist()


def test_a_surface_of_many_vertices(tmp_path: Path) -> None:
    """More than a byte or two count, in another order than that of the faces."""
    rng = np.random.default_rng(0)
    surface = Surface(rng.normal(0, 100, (70000, 3)), rng.integers(0, 70000, (500, 3)))
    write_ply(tmp_path / "many.ply", surface)
    _, vertices, faces = read_ply(tmp_path / "many.ply")
    found = np.array([[vertex[name][0] for name in "xyz"] for vertex in vertices])
    np.testing.assert_allclose(found, surface.vertices, atol=1e-4)
    assert [face["vertex_indices"] for face in faces] == surface.faces.tolist()
