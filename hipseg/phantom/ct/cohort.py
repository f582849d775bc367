"""A cohort of CT phantoms: who is scanned, how the scans are delivered, and the truth beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hipseg.anatomy.shapes import real_shapes
from hipseg.geometry.surface import Points3, Surface
from hipseg.geometry.volume import VolumeGrid
from hipseg.io.nifti import write_nifti
from hipseg.io.ply import write_ply
from hipseg.io.series_writer import SeriesHeader, write_frames, write_slices
from hipseg.labels.landmarks import SIDES, Side
from hipseg.phantom.ct.arthritis import DiseasedBones
from hipseg.phantom.ct.body import Axes, Volume
from hipseg.phantom.ct.bones import Bones, Femur, draw_bones
from hipseg.phantom.ct.cortex import quality_of
from hipseg.phantom.ct.preset import CtPreset
from hipseg.phantom.ct.region_truth import region_truth
from hipseg.phantom.ct.scanner import METAL_HU, add_table, scan
from hipseg.phantom.ct.scene import Compartment, make_scene

Delivery = Literal["slices", "frames", "nifti"]
_DELIVERIES: Final[tuple[Delivery, ...]] = ("slices", "slices", "nifti", "slices", "frames")
_OBLIQUE_DEG: Final = 8.0
_SCREW_MM: Final = 3.2
_PARTIAL_MM: Final = (40.0, 60.0)  # above the heads, below the anterior superior iliac spines
_KERNELS: Final = ("B30", "B40", "B50")


@dataclass(frozen=True)
class CtJob:
    """One subject to scan; everything random about it follows from these numbers.

    Attributes:
        out: The cohort's folder to be.
        preset: Its ranges.
        seed: Of the cohort.
        subject: Its index.
    """

    out: Path
    preset: CtPreset
    seed: int
    subject: int

    @property
    def name(self) -> str:
        """As files and tables call the subject."""
        return f"S{self.subject + 1:04d}"

    @property
    def delivery(self) -> Delivery:
        """How its scan is delivered."""
        return _DELIVERIES[self.subject % len(_DELIVERIES)]


@dataclass(frozen=True)
class Truth:
    """What is true of one scan, in the frame of its axes.

    Attributes:
        bones: As they lie.
        outer: Of each side's femur, its surface with the thickness of its cortex.
        inner: The inner surface of the cortex.
        volumes_cm3: Within outer and inner surface, as far as the scan reaches.
        place: (4, 4), from that frame to the patient's millimetres.
        about: Columns that are the same for both sides.
        diseased: What osteoarthritis has made of the hips; None where there is none.
    """

    bones: Bones
    outer: Mapping[Side, Compartment]
    inner: Mapping[Side, Surface]
    volumes_cm3: Mapping[Side, tuple[float, float]]
    place: NDArray[np.float64]
    about: Mapping[str, Any]
    diseased: DiseasedBones | None = None


@dataclass(frozen=True)
class Scanned:
    """One subject's scan.

    Attributes:
        hu: (slices, rows, columns).
        labels: Of each side's femur: 0 outside, 1 cortex, 2 what it encloses.
        grid: Where they lie in the patient.
        header: What files say of it.
        truth: What only evaluation may read.
    """

    hu: NDArray[np.int16]
    labels: Mapping[Side, NDArray[np.uint8]]
    grid: VolumeGrid
    header: SeriesHeader
    truth: Truth


def make_subject(job: CtJob) -> list[dict[str, Any]]:
    """Scan one subject and write scan, labels and surfaces.

    Returns:
        The truth, a row a femur, places in the patient's millimetres.
    """
    scanned = scan_subject(job)
    scans, labels = job.out / "scans", job.out / "labels"
    for folder in (scans, labels):
        folder.mkdir(parents=True, exist_ok=True)
    if job.delivery == "nifti":
        write_nifti(scans / f"{job.name}.nii.gz", scanned.hu, scanned.grid)
    elif job.delivery == "frames":
        write_frames(scans / f"{job.name}.dcm", scanned.header, scanned.hu, scanned.grid)
    else:
        (scans / job.name).mkdir(exist_ok=True)
        order = np.random.default_rng([job.seed, job.subject, 2]).permutation(len(scanned.hu))
        names = [(f"IM{number:05d}", int(index)) for number, index in enumerate(order)]
        write_slices(scans / job.name, scanned.header, scanned.hu, scanned.grid, names)
    for side, label in scanned.labels.items():
        write_nifti(labels / f"{job.name}_{side}.nii.gz", label, scanned.grid)
    return _write_truth(job, scanned)


def scan_subject(job: CtJob) -> Scanned:
    """One subject's scan, and what is true of it."""
    rng = np.random.default_rng([job.seed, job.subject])
    preset = job.preset
    age, female = float(rng.uniform(*preset.bodies.age_years)), bool(rng.random() < preset.female)
    quality, build = quality_of(rng, age, female), preset.builds.draw(rng)
    diseased = (
        None if preset.disease is None else DiseasedBones.draw(job.seed, job.subject, preset.disease, preset.bodies)
    )
    narrowed = None if diseased is None else diseased.narrowed
    bones = draw_bones(rng, preset.bodies, real_shapes(), None, narrowed)
    scanner = preset.scanners.draw(rng)
    is_oblique, has_screw = rng.random() < preset.scanners.oblique, rng.random() < preset.scanners.metal
    angles = rng.uniform(-_OBLIQUE_DEG, _OBLIQUE_DEG, 3) if is_oblique else np.zeros(3)
    to_patient = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    shift = rng.uniform(-60, 60, 3)
    bones = bones.moved(to_patient.T, np.zeros(3))
    axes = _axes(rng, preset, np.random.default_rng([job.seed, job.subject, 3]))
    shaped = bones if diseased is None else diseased.reshape(bones)
    scene = make_scene(rng, shaped, quality, build, axes, diseased, preset.vertebrae)
    if has_screw:
        _add_screw(scene.hu, axes, bones.femurs["right"])
    add_table(scene.hu, axes, scene.back_mm, scanner.rods)
    hu = scan(rng, scene.hu, axes, scanner)
    spacing = tuple(float(axis[1] - axis[0]) for axis in axes[::-1])
    grid = VolumeGrid.of_axes(hu.shape[::-1], (spacing[0], spacing[1], spacing[2]), [axis[0] for axis in axes])
    place = np.eye(4)
    place[:3, :3], place[:3, 3] = to_patient, shift
    grid = replace(grid, affine=place @ grid.affine)
    header = SeriesHeader(
        job.name, f"2019{1 + job.subject % 12:02d}{1 + job.subject % 28:02d}", "F" if female else "M", int(age),
        2 + job.subject % 3, _KERNELS[job.subject % 3], 120, 0.0, f"{job.seed}/{job.name}",
    )  # fmt: skip
    labels = {side: np.ascontiguousarray(scene.labels[side].T) for side in SIDES}
    about = {
        "age": round(age), "sex": header.sex, "oblique": is_oblique, "screw": has_screw, "rods": scanner.rods,
        "density": quality.density, "cortex": quality.cortex, "cortical_hu": quality.cortical_hu,
        "noise_hu": scanner.noise_hu,
    }  # fmt: skip
    inner = {side: placed.inner_surface(axes) for side, placed in scene.placed.items()}
    volumes = {side: placed.volumes_cm3(axes) for side, placed in scene.placed.items()}
    truth = Truth(shaped, scene.femurs, inner, volumes, place, about, diseased)
    return Scanned(np.ascontiguousarray(hu.T).astype(np.int16), labels, grid, header, truth)


def _axes(rng: np.random.Generator, preset: CtPreset, own: np.random.Generator) -> Axes:
    """The scanned box, the heads' middle at the origin; `own` are the numbers of what differs from scan to scan."""
    scanners = preset.scanners
    chance = np.clip(own.standard_normal(2), -1.5, 1.5)
    plane, along = (
        mm + spread * float(at) for mm, spread, at in zip(scanners.spacing_mm, scanners.spread_mm, chance, strict=True)
    )
    above, below = (mean + sd * float(np.clip(rng.standard_normal(), -2, 2)) for mean, sd in
                    (scanners.above_mm, scanners.below_mm))  # fmt: skip
    if own.random() < scanners.partial:
        above = float(own.uniform(*_PARTIAL_MM))
    across = (np.arange(scanners.columns) - (scanners.columns - 1) / 2) * plane
    x, y = (across + middle + float(rng.uniform(-8, 8)) for middle in (0.0, 30.0))
    z = -below + along * np.arange(int((above + below) / along))
    return x.astype(np.float64), y.astype(np.float64), z.astype(np.float64)


def _add_screw(hu: Volume, axes: Axes, femur: Femur) -> None:
    """A screw along the neck, from the lateral cortex into the head."""
    along = femur.neck_mm - femur.head_mm
    along = along / np.linalg.norm(along)
    start, length = femur.head_mm + 8 * along, 78.0
    x, y, z = np.ix_(*axes)
    offsets = (x - start[0], y - start[1], z - start[2])
    at = np.clip(sum(offset * part for offset, part in zip(offsets, along, strict=True)), 0, length)
    square = sum((offset - at * part) ** 2 for offset, part in zip(offsets, along, strict=True))
    hu[square < _SCREW_MM**2] = METAL_HU


def _write_truth(job: CtJob, scanned: Scanned) -> list[dict[str, Any]]:
    """Write the surfaces beside the cohort; a row a femur."""
    folder = job.out.parent / f"{job.out.name}.truth"
    folder.mkdir(parents=True, exist_ok=True)
    truth, rows = scanned.truth, []
    rotation, shift = truth.place[:3, :3], truth.place[:3, 3]
    for side in SIDES:
        femur, outer = truth.bones.femurs[side], truth.outer[side]
        path = folder / f"{job.name}_{side}_periosteal.ply"
        write_ply(path, outer.surface.moved(rotation, shift), {"thickness_mm": outer.thickness_mm})
        write_ply(folder / f"{job.name}_{side}_endosteal.ply", truth.inner[side].moved(rotation, shift))
        points = {
            "head": femur.head_mm, "neck": femur.neck_mm, "shaft_upper": femur.shaft_mm[0],
            "shaft_lower": femur.shaft_mm[1], **_front(truth.bones, side),
        }  # fmt: skip
        disease: dict[str, Any] = {}
        if truth.diseased is not None:
            disease, changed = truth.diseased.truth(truth.bones, side)
            points |= changed
        places = {
            f"{name}_{axis}_mm": float(value)
            for name, point in points.items()
            for axis, value in zip("xyz", rotation @ point + shift, strict=True)
        }
        outer_cm3, inner_cm3 = truth.volumes_cm3[side]
        rows.append({
            "subject": job.name, "side": side, **truth.about, "periosteal_cm3": outer_cm3, "endosteal_cm3": inner_cm3,
            "joint_space_mm": truth.bones.joint_space_mm[side], "head_radius_mm": femur.head_radius_mm,
            **disease, **places,
            **region_truth(scanned.labels[side], scanned.grid),
        })  # fmt: skip
    return rows


def _front(bones: Bones, side: Side) -> dict[str, Points3]:
    """Where a side of the pelvis touches the plane in front of it."""
    marks, vertices = real_shapes().pelvis, bones.pelvis.vertices
    return {"asis": vertices[marks.spines[side]], "tubercle": vertices[marks.tubercles[side]]}
