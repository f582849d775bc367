"""Scans of the CT phantom: partial volume, noise and blur against formulas, and what is delivered against the truth."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.special import erf
from test_ct_bones import preset

from hipseg.commands import main
from hipseg.errors import Excluded
from hipseg.geometry.surface import Surface
from hipseg.geometry.volume import Volume
from hipseg.io.nifti import read_nifti
from hipseg.io.series import read_series
from hipseg.labels.landmarks import SIDES
from hipseg.phantom.ct.body import Axes
from hipseg.phantom.ct.cohort import CtJob, make_subject
from hipseg.phantom.ct.plants import plant_series
from hipseg.phantom.ct.preset import CtPreset
from hipseg.phantom.ct.scanner import ROD_DENSITIES, ROD_HU_PER_DENSITY, Scanner, add_table, scan
from hipseg.phantom.ct.scene import Compartment, place_bone

COMPACT, SPONGY, AROUND = 1500.0, 200.0, 50.0
SMALL = 110  # columns of a slice


def ball(radius: float, centre: tuple[float, float, float]) -> Surface:
    """A sphere of small triangles."""
    up = (1 + 5**0.5) / 2
    vertices = np.array([(s * a, t * b, 0) for a, b in ((1, up),) for s in (-1, 1) for t in (-1, 1)], dtype=float)
    vertices = np.concatenate([np.roll(vertices, shift, axis=1) for shift in range(3)])
    distance = np.linalg.norm(vertices[:, None] - vertices, axis=2)
    near = np.abs(distance - 2) < 1e-6
    faces = [
        (i, j, k) for i in range(12) for j in range(i) for k in range(j) if near[i, j] and near[j, k] and near[i, k]
    ]
    turned = [f if np.linalg.det(vertices[list(f)]) > 0 else f[::-1] for f in faces]
    made = Surface(vertices, np.array(turned))
    for _ in range(5):
        made, _ = made.refined()
        made = Surface(made.vertices / np.linalg.norm(made.vertices, axis=1, keepdims=True), made.faces)
    return Surface(made.vertices * radius + centre, made.faces)


def box(size: int = 64, steps: tuple[float, float, float] = (0.8, 0.8, 0.987)) -> Axes:
    x, y, z = ((np.arange(size) - size / 2) * step for step in steps)
    return x, y, z


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("thickness", [0.6, 3.0])
def test_a_ball_of_bone_weighs_what_its_shells_weigh_however_it_lies_among_the_voxels(
    parts: int, thickness: float
) -> None:
    axes, radius = box(), 15.3
    surface = ball(radius, (0.33, -0.21, 0.4))
    bone = Compartment(
        surface, np.full(len(surface.vertices), thickness), lambda points, _: np.full(len(points), SPONGY, np.float32),
        COMPACT, parts,
    )  # fmt: skip
    hu = np.full((64, 64, 64), AROUND, dtype=np.float32)
    placed = place_bone(np.random.default_rng(0), hu, axes, bone)
    outer, inner = (4 / 3 * np.pi * r**3 / 1000 for r in (radius, radius - thickness))
    assert placed.volumes_cm3(axes) == pytest.approx((outer, inner), rel=0.003)
    voxel = 0.8 * 0.8 * 0.987 / 1000
    weighed = float((hu.astype(np.float64) - AROUND).sum()) * voxel
    assert weighed == pytest.approx((outer - inner) * (COMPACT - AROUND) + inner * (SPONGY - AROUND), rel=0.006)
    assert placed.inner_surface(axes).volume_mm3 / 1000 == pytest.approx(inner, rel=0.005)
    assert hu.min() == AROUND and hu.max() <= COMPACT


def even(hu: float, size: int = 96) -> tuple[NDArray[np.float32], Axes]:
    return np.full((size, size, 24), hu, dtype=np.float32), (*box(size)[:2], np.arange(24) * 0.987)


def test_noise_has_the_strength_that_is_told_and_no_slow_waves() -> None:
    hu, axes = even(0.0)
    made = scan(np.random.default_rng(0), hu, axes, Scanner((0.4, 0.4), 20.0, 0.35, False))
    assert made[40:56, 40:56].std() == pytest.approx(20.0, rel=0.06)
    assert abs(made.mean()) < 0.5
    power = np.mean([np.abs(np.fft.fft2(made[:, :, i])) ** 2 for i in range(24)], axis=0)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(96, 0.8), np.fft.fftfreq(96, 0.8), indexing="ij"))
    rings = [power[(frequency > low) & (frequency <= low + 0.05)].mean() for low in (0.001, 0.1, 0.3, 0.8)]
    assert rings[0] < 0.1 * rings[2] and rings[1] < rings[2] and rings[3] < 0.2 * rings[2]
    beside = np.corrcoef(made[:, :, 5].ravel(), made[:, :, 6].ravel())[0, 1]
    assert beside == pytest.approx(0.35, abs=0.08)


def test_an_edge_is_blurred_to_the_error_function_of_its_width() -> None:
    hu, axes = even(0.0)
    hu[48:] = 1000.0
    made = scan(np.random.default_rng(0), hu, axes, Scanner((1.1, 0.4), 1e-6, 0.35, False))
    at = axes[0] - (axes[0][47] + axes[0][48]) / 2
    expected = 500 * (1 + erf(at / (1.1 * np.sqrt(2))))
    assert np.abs(made[:, 48, 12] - expected)[8:-8].max() < 12


def test_values_are_whole_and_within_what_twelve_bits_hold() -> None:
    hu, axes = even(-1020.0)
    hu[10:20] = 6000.0
    made = scan(np.random.default_rng(0), hu, axes, Scanner((0.4, 0.4), 30.0, 0.35, False))
    assert made.min() == -1024 and made.max() == 3071 and np.array_equal(made, np.rint(made))


def test_rods_have_the_hounsfield_units_of_their_density_and_lie_below_the_body() -> None:
    axes = (*box(400, (1.0, 1.0, 1.0))[:2], np.arange(3) * 1.0)
    hu = np.full((400, 400, 3), -1000.0, dtype=np.float32)
    hu[:, :200] = 40.0
    body = hu[:, :200].copy()
    add_table(hu, axes, 0.0, True)
    assert np.array_equal(hu[:, :200], body)
    for index, density in enumerate(ROD_DENSITIES):
        assert hu[200 + (index - 2) * 48, 213, 1] == pytest.approx(ROD_HU_PER_DENSITY * density + 2)
    without = np.full((400, 400, 3), -1000.0, dtype=np.float32)
    add_table(without, axes, 0.0, False)
    assert without.max() == pytest.approx(-80) and (without < -1000).sum() == 0


@cache
def small() -> CtPreset:
    """Whole hips on a coarse grid, many of them oblique."""
    scanners = replace(preset().scanners, spacing_mm=(3.6, 3.0), columns=SMALL, oblique=1.0, metal=0.0)
    return replace(preset(), scanners=scanners)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    out = tmp_path_factory.mktemp("ct") / "cohort"
    jobs = [CtJob(out, small(), 4, subject) for subject in (1, 2, 4)]
    return out, pd.DataFrame([row for job in jobs for row in make_subject(job)])


def read_scan(out: Path, subject: str) -> Volume:
    scans = out / "scans"
    nifti = scans / f"{subject}.nii.gz"
    return read_nifti(nifti) if nifti.exists() else read_series(next(scans.glob(f"{subject}*")))


def test_every_delivery_is_read_with_its_labels_on_the_same_voxels(cohort: tuple[Path, pd.DataFrame]) -> None:
    out, truth = cohort
    assert {path.name for path in (out / "scans").iterdir()} == {"S0002", "S0003.nii.gz", "S0005.dcm"}
    for subject, rows in truth.groupby("subject"):
        scanned = read_scan(out, str(subject))
        assert rows.oblique.all() and np.abs(scanned.grid.affine[:3, 0]).min() > 1e-3
        for row in rows.itertuples():
            labels = read_nifti(out / "labels" / f"{subject}_{row.side}.nii.gz")
            np.testing.assert_allclose(labels.grid.affine, scanned.grid.affine, atol=1e-4)
            voxel = labels.grid.voxel_mm3 / 1000
            assert (labels.values > 0).sum() * voxel == pytest.approx(row.periosteal_cm3, rel=0.02)
            assert (labels.values == 2).sum() * voxel == pytest.approx(row.endosteal_cm3, rel=0.03)


def test_places_of_the_truth_lie_in_the_scan_where_bone_is(cohort: tuple[Path, pd.DataFrame]) -> None:
    out, truth = cohort
    for row in truth.itertuples():
        scanned = read_scan(out, str(row.subject))
        labels = read_nifti(out / "labels" / f"{row.subject}_{row.side}.nii.gz").values

        def voxel(name: str, row: object = row, scanned: Volume = scanned) -> tuple[int, ...]:
            place = np.array([getattr(row, f"{name}_{axis}_mm") for axis in "xyz"])
            return tuple(np.rint(scanned.grid.to_indices(place)).astype(int))

        assert labels[voxel("head")] == 2 and labels[voxel("neck")] == 2
        assert labels[voxel("shaft_upper")] == 2 and scanned.values[voxel("shaft_upper")] < 120  # fat in the shaft
        # The left side lies at larger x, and the head above the shaft.
        other = truth[(truth.subject == row.subject) & (truth.side != row.side)].iloc[0]
        assert (row.head_x_mm > other.head_x_mm) == (row.side == "left")
        assert row.head_z_mm > row.shaft_upper_z_mm
        assert scanned.values[labels == 1].mean() > scanned.values[labels == 2].mean() + 300


def test_surfaces_are_written_beside_the_cohort(cohort: tuple[Path, pd.DataFrame]) -> None:
    out, _ = cohort
    names = {path.name for path in (out.parent / "cohort.truth").iterdir()}
    assert names == {
        f"{subject}_{side}_{kind}.ply"
        for subject in ("S0002", "S0003", "S0005")
        for side in SIDES
        for kind in ("periosteal", "endosteal")
    }


def test_the_same_seed_makes_the_same_scan_and_labels(cohort: tuple[Path, pd.DataFrame], tmp_path: Path) -> None:
    out, _ = cohort
    make_subject(CtJob(tmp_path / "again", small(), 4, 2))
    again, first = (read_scan(folder, "S0003") for folder in (tmp_path / "again", out))
    assert np.array_equal(again.values, first.values) and np.array_equal(again.grid.affine, first.grid.affine)


def test_planted_series_are_refused_for_what_is_wrong_with_them(tmp_path: Path) -> None:
    planted = plant_series(CtJob(tmp_path, replace(small(), scanners=replace(small().scanners, oblique=0.0)), 4, 0))
    reasons = {}
    for name in planted:
        try:
            reasons[name] = f"read, {len(read_series(tmp_path / 'scans' / name).values)} slices"
        except Excluded as error:
            reasons[name] = error.reason
    assert reasons == {
        "planted_gap": "slices_missing", "planted_duplicate": "slices_duplicated", "planted_tilt": "gantry_tilt",
        "planted_two_series": "several_series", "planted_mixed_orientation": "mixed_orientation",
        "planted_chest": "read, 24 slices",
    }  # fmt: skip


def test_the_command_writes_scans_labels_and_truth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = [
        "subjects=1", "seed=2", "workers=0", "plants=false", "ct_preset.scanners.columns=100",
        "ct_preset.scanners.spacing_mm=[4.0,4.0]",
    ]  # fmt: skip
    main(["phantom", "kind=ct", f"out={tmp_path / 'ct'}", *given])
    assert "1 scans of preset hips" in capsys.readouterr().out
    truth = pd.read_csv(tmp_path / "ct.truth.csv")
    assert list(truth.side) == list(SIDES) and (truth.endosteal_cm3 < truth.periosteal_cm3).all()
    assert len(list((tmp_path / "ct" / "scans" / "S0001").iterdir())) > 40


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["kind=mri"], "kind: there is no kind 'mri'; choose film or ct"),
        (["kind=ct", "ct_preset.female=often"], "ct_preset.female"),
    ],
)
def test_bad_options_end_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], given: list[str], said: str
) -> None:
    with pytest.raises(SystemExit):
        main(["phantom", f"out={tmp_path / 'ct'}", *given])
    assert said in capsys.readouterr().err
