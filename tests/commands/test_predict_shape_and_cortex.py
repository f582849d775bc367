"""Femurs whose outlines are none, and the cortex of one whose thickness is drawn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from test_predict_scans import Knows, boxed

from hipseg.commands import main
from hipseg.geometry.volume import Volume, VolumeGrid
from hipseg.measure.cortical_thickness import mask_thickness
from hipseg.measure.femur_regions import VOLUME_NAMES
from hipseg.prediction.femur_cortex import write_cortex
from hipseg.prediction.scan_files import FemurScans
from hipseg.report.mesh_views import NoRendering

OUTER, WALL, SPACING = 15.0, 4.0, (1.0, 0.8, 0.8)


def _tube() -> tuple[Volume, np.ndarray]:
    """A tube of 4 mm along the slices in a scan that lies askew, and its labels."""
    shape = (24, 70, 70)
    grid = VolumeGrid.of_axes(shape, SPACING, [40.0, -60.0, 110.0])
    rows, columns = np.meshgrid(*((np.arange(n) - 34.5) * 0.8 for n in shape[1:]), indexing="ij")
    off = np.hypot(rows, columns)
    shares = [np.clip(0.5 - (off - radius) / 0.8, 0, 1) for radius in (OUTER, OUTER - WALL)]
    hu = gaussian_filter(50 + 1550 * shares[0] - 1500 * shares[1], 0.75)
    labels = (off < OUTER).astype(np.uint8) + (off < OUTER - WALL)
    values = np.broadcast_to(hu, shape) + np.random.default_rng(0).normal(0, 10, shape)
    return Volume(values.astype(np.float32), grid), np.ascontiguousarray(np.broadcast_to(labels, shape))


def _vertices(path: Path) -> np.ndarray:
    header, body = path.read_bytes().split(b"end_header\n", 1)
    count = int(header.split(b"element vertex ")[1].split()[0])
    assert b"property float thickness_mm" in header
    return np.frombuffer(body, "<f4", count * 4).reshape(count, 4)


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_cortex_of_a_tube_is_as_thick_as_drawn_and_lies_in_the_patient(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], side: str
) -> None:
    def nothing(*_: object) -> None:
        raise NoRendering("nothing renders")

    monkeypatch.setattr("hipseg.prediction.femur_cortex.draw_thickness", nothing)
    scan, labels = _tube()
    found = write_cortex(scan, labels, side, tmp_path / "a.ply", tmp_path / "a.png")  # type: ignore[arg-type]
    assert found["cortex_mean_mm"] == pytest.approx(WALL, abs=0.15)
    vertices = _vertices(tmp_path / "a.ply")
    assert found["cortex_fitted"] == pytest.approx(np.isfinite(vertices[:, 3]).mean()) and found["cortex_fitted"] > 0.5
    middle = scan.grid.to_mm(np.array([0, 34.5, 34.5]))
    off = np.linalg.norm(vertices[:, :2] - middle[:2], axis=1)
    np.testing.assert_allclose(off, OUTER, atol=0.6)
    assert vertices[:, 2].min() >= 109.9 and vertices[:, 2].max() <= 110 + 23.1
    assert "a.png is not drawn, because nothing renders" in capsys.readouterr().out


def test_a_surface_in_the_patient_keeps_its_outside_where_axes_are_left_handed() -> None:
    scan, labels = _tube()
    closed = np.pad(labels, ((3, 3), (0, 0), (0, 0)))
    surface, _ = mask_thickness(closed, SPACING, 2)
    turned = replace(scan.grid, affine=scan.grid.affine @ np.diag([1.0, 1.0, -1.0, 1.0]))
    volume = np.pi * OUTER**2 * 24
    for grid in (scan.grid, turned):
        assert grid.to_patient(surface).volume_mm3 == pytest.approx(volume, rel=0.05)


def test_an_implausible_femur_says_so_and_has_no_numbers(scans: Path, tmp_path: Path) -> None:
    right, left = boxed(scans, "S0001")
    top = int(np.argwhere(right).max(axis=0)[0])
    headless = right.copy()
    headless[top - 12 :] = 0
    predictor = FemurScans([Knows([headless, left])])
    broken, sound = predictor.predict(scans / "scans" / "S0001", "S0001", tmp_path)
    assert broken["status"] == "implausible" and sound["status"] == "ok"
    assert not {f"{name}_cm3" for name in VOLUME_NAMES} & set(broken)
    assert sound["periosteal_cm3"] > 100


def test_networks_of_something_else_measure_no_cortex(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    network = SimpleNamespace(record={"label_names": ["background", "lung"], "dataset": {}})
    monkeypatch.setattr("hipseg.commands.predict.load", lambda *_, **__: network)
    (tmp_path / "any.ckpt").touch()
    given = ["predict", f"checkpoint={tmp_path / 'any.ckpt'}", f"input={tmp_path}", f"out={tmp_path / 'out'}"]
    with pytest.raises(SystemExit):
        main([*given, "thickness=true"])
    assert "thickness: only femurs in CT" in capsys.readouterr().err
