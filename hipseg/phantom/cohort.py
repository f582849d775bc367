"""A cohort of phantom films: who is filmed when, on which machine, with which faults."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hipseg.geometry.grid import Grid
from hipseg.io.dicom_writer import Header, Syntax, write_radiograph
from hipseg.labels.curves import spline_curves
from hipseg.labels.landmarks import SIDES, Points, Side
from hipseg.labels.points_file import write_points
from hipseg.measure.reference import reference_gap
from hipseg.phantom.annotator import misplace
from hipseg.phantom.arthritis import draw_arthritis, draw_severities
from hipseg.phantom.arthritis_shadows import DiseasedHips
from hipseg.phantom.bone_shadows import paint_bones
from hipseg.phantom.film import Exposed, expose_film, inside
from hipseg.phantom.layout import CHECK, DELIVERIES, FIRST_SUBJECT, Delivery
from hipseg.phantom.preset import Faults, Preset
from hipseg.phantom.projected.subject import project_subject
from hipseg.phantom.skeleton import pose_skeleton
from hipseg.phantom.subject import draw_beam, draw_stance, draw_subject

_BITS = 12
_HEMI_GRID = Grid.of_film((2700, 2300), 0.1)


@dataclass(frozen=True)
class FilmJob:
    """One film to make; everything random about it follows from these numbers.

    Attributes:
        out: The input folder to be.
        preset: Its ranges.
        seed: Of the cohort.
        subject: Index of the subject, which decides its cohort.
        visit: Index of the visit.
        exposure: 0, or 1 for a repeat of the visit.
        landmark_error_mm: Of the points file.
    """

    out: Path
    preset: Preset
    seed: int
    subject: int
    visit: int
    exposure: int
    landmark_error_mm: float

    @property
    def delivery(self) -> Delivery:
        """The cohort that the subject belongs to: every other one."""
        return DELIVERIES[self.subject % len(DELIVERIES)]

    @property
    def number(self) -> int:
        """The subject's number in its cohort."""
        return FIRST_SUBJECT[self.delivery.cohort] + self.subject // len(DELIVERIES)

    @property
    def visit_number(self) -> int:
        """The visit as the cohort counts; a repeat takes the free number after it."""
        return self.delivery.visits[self.visit] + self.exposure


@dataclass(frozen=True)
class _Oddities:
    """What is unusual about one film."""

    monochrome1: bool = False
    imager_spacing_only: bool = False
    lying_header: bool = False
    syntax: Syntax = "plain"
    prosthesis: Side | None = None
    missing: Side | None = None


def _draw_oddities(rng: np.random.Generator, faults: Faults) -> _Oddities:
    chance = rng.random(6)
    syntaxes: tuple[Syntax, ...] = ("rle", "jpeg_lossless", "jpeg2000")
    side = SIDES[rng.integers(2)]
    return _Oddities(
        monochrome1=bool(chance[0] < faults.monochrome1),
        imager_spacing_only=bool(chance[1] < faults.imager_spacing_only),
        lying_header=bool(chance[2] < faults.lying_header),
        syntax=syntaxes[rng.integers(3)] if chance[3] < faults.compressed else "plain",
        prosthesis=side if chance[4] < faults.prosthesis else None,
        missing=side if chance[4] >= faults.prosthesis and chance[5] < faults.missing_side else None,
    )


def film_jobs(
    out: Path, preset: Preset, subjects: int, seed: int, exposures: int, landmark_error_mm: float
) -> Iterator[FilmJob]:
    """All films of a cohort, one to three visits a subject."""
    for subject in range(subjects):
        visits = int(np.random.default_rng([seed, subject, 10_000]).integers(1, 4))
        for visit in range(visits):
            for exposure in range(exposures):
                yield FilmJob(out, preset, seed, subject, visit, exposure, landmark_error_mm)


def _expose(job: FilmJob, rng: np.random.Generator, odd: _Oddities) -> tuple[Exposed, Grid]:
    subject = draw_subject(np.random.default_rng([job.seed, job.subject, 20_000]), job.preset)
    widths = {side: max(0.0, subject.widths_mm[side] - job.visit * subject.narrowing_mm[side]) for side in SIDES}
    grid = job.delivery.grid(rng)
    sick = _disease(job) if job.preset.disease is not None else None
    if sick is not None:  # the head moves to where the joint is narrowest
        widths = {side: subject.widths_mm[side] * (1 - sick.hips[side].narrowing) for side in SIDES}
        shapes = {side: replace(subject.shapes[side], migration_deg=-sick.hips[side].towards_deg) for side in SIDES}
        subject = replace(subject, shapes=shapes)
    views = job.preset.views
    if views is not None and rng.random() < views.share:
        spacing_mm = round(float(rng.uniform(*views.spacing_mm)), 4)
        size = [round(float(rng.uniform(*lengths)) / spacing_mm) for lengths in (views.height_mm, views.width_mm)]
        grid = Grid.of_film((size[0], size[1]), spacing_mm)
    stance, beam = draw_stance(rng, job.preset.pose), draw_beam(rng, job.preset.exposure)
    if odd.missing is not None:
        # A film of one hip on a smaller plate.
        grid = _HEMI_GRID
        shift = 95.0 if odd.missing == "left" else -95.0
        stance = replace(stance, centre_mm=(stance.centre_mm[0] + shift, 10.0))
    surroundings, bodies = job.preset.surroundings, job.preset.bodies
    chance = np.random.default_rng([job.seed, job.subject, 50_000]).random()
    if bodies is None or chance >= job.preset.projected:
        skeleton = pose_skeleton(subject, stance, widths, grid.centre_mm)
        paint = paint_bones
        if sick is not None:
            skeleton, paint = sick.flatten(skeleton, widths), sick.paint
        exposed = expose_film(subject, skeleton, beam, grid, rng, odd.prosthesis, surroundings, paint)
        return replace(exposed, diseased=sick), grid
    shape_rng = np.random.default_rng([job.seed, job.subject, 40_000])
    projected = project_subject(shape_rng, rng, bodies, subject, stance, widths, grid)
    skeleton = projected.skeleton
    return expose_film(subject, skeleton, beam, grid, rng, odd.prosthesis, surroundings, projected.paint), grid


def _disease(job: FilmJob) -> DiseasedHips:
    """What osteoarthritis has made of a subject's hips by a visit."""
    disease = job.preset.disease
    assert disease is not None
    severities = draw_severities(np.random.default_rng([job.seed, job.subject, 60_000]), disease, job.visit)
    seeds = ([job.seed, job.subject, 60_001 + number] for number in range(len(SIDES)))
    found = [
        draw_arthritis(np.random.default_rng(seed), severity, disease.spread)
        for seed, severity in zip(seeds, severities, strict=True)
    ]
    return DiseasedHips(dict(zip(SIDES, found, strict=True)), job.seed * 10_000 + job.subject)


def _stored(values: NDArray[np.float32], odd: _Oddities, gain: float) -> NDArray[np.uint16]:
    full = 2**_BITS - 1
    stored = np.rint(values * np.float32(gain * full)).astype(np.uint16)
    return (full - stored).astype(np.uint16) if odd.monochrome1 != odd.lying_header else stored


def make_film(job: FilmJob) -> list[dict[str, Any]]:
    """Draw one film and write it with its points file.

    Returns:
        The truth, a row a hip: `key`, `file`, `side`, `mjsw_mm` (NaN where there is no joint), `repeat_of`,
        `header_lies`, and the true landmarks `x0, y0, ... y79` in film millimetres.
    """
    rng = np.random.default_rng([job.seed, job.subject, job.visit, job.exposure])
    return write_film(job, rng, _draw_oddities(rng, job.preset.faults))


def make_prosthesis(job: FilmJob) -> list[dict[str, Any]]:
    """As `make_film`, of a subject with a prosthesis on the right and nothing else unusual."""
    return write_film(job, np.random.default_rng([job.seed, job.subject]), _Oddities(prosthesis="right"))


def make_plain(job: FilmJob) -> list[dict[str, Any]]:
    """As `make_film`, with nothing unusual."""
    return write_film(job, np.random.default_rng([job.seed, job.subject]), _Oddities())


def write_film(job: FilmJob, rng: np.random.Generator, odd: _Oddities) -> list[dict[str, Any]]:
    """Draw one film with given oddities and write it; see `make_film`."""
    exposed, grid = _expose(job, rng, odd)
    date = f"{2006 + job.visit_number:04d}{1 + job.subject % 12:02d}{1 + job.subject % 28:02d}"
    name = job.delivery.path(job.number, job.visit_number, date)
    path, points_path = job.out / name, job.out / job.delivery.points_path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    points_path.parent.mkdir(parents=True, exist_ok=True)
    header = Header(
        subject=job.delivery.key(job.number, job.visit_number).split("/")[1],
        date=date,
        modality=job.delivery.modality,
        spacing_mm=(grid.spacing_mm, grid.spacing_mm),
        spacing_tag="ImagerPixelSpacing" if odd.imager_spacing_only else "PixelSpacing",
        photometric="MONOCHROME1" if odd.monochrome1 else "MONOCHROME2",
        bits=_BITS,
        syntax=odd.syntax,
        uid_seed=f"{job.seed}/{name}",
    )
    write_radiograph(path, header, _stored(exposed.values, odd, float(rng.uniform(0.75, 1.0))))
    truth = {side: exposed.skeleton.hips[side].landmarks for side in SIDES}
    points = {side: misplace(truth[side], job.landmark_error_mm, rng) for side in SIDES}
    if odd.missing is not None:
        points[odd.missing] = np.zeros_like(points[odd.missing])
    write_points(points_path, np.concatenate([points[side] for side in SIDES]))
    rows = [_truth_row(job, name, side, truth[side], odd, grid) for side in SIDES]
    if exposed.diseased is not None:
        for row, side in zip(rows, SIDES, strict=True):
            row |= exposed.diseased.truth(exposed.skeleton, side, float(row["mjsw_mm"]))
    return rows


def _truth_row(job: FilmJob, name: str, side: Side, landmarks: Points, odd: _Oddities, grid: Grid) -> dict[str, Any]:
    there = side not in (odd.prosthesis, odd.missing) and inside(landmarks, grid)
    first = job.delivery.visits[job.visit]
    return {
        "key": f"{job.delivery.key(job.number, job.visit_number)}/{side}",
        "file": name,
        "side": side,
        "mjsw_mm": reference_gap(spline_curves(landmarks)).width if there else float("nan"),
        "repeat_of": f"{job.delivery.key(job.number, first)}/{side}" if job.exposure else "",
        "header_lies": odd.lying_header,
        **{f"{axis}{i}": float(landmarks[i, j]) for i in range(len(landmarks)) for j, axis in enumerate("xy")},
    }


def planted_jobs(out: Path, preset: Preset, subjects: int, seed: int) -> tuple[FilmJob, FilmJob]:
    """A sound film to spoil in many ways, and one with a prosthesis, both of subjects beyond the cohort's."""
    first = subjects + (DELIVERIES.index(CHECK) - subjects) % len(DELIVERIES)
    sound = FilmJob(out, preset, seed, first + 1000 * len(DELIVERIES), 0, 0, 0.0)
    return sound, replace(sound, subject=sound.subject + len(DELIVERIES))
