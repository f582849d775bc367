"""What a phantom cohort varies, and how far: the numbers of one preset in `conf/preset/`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Normal = tuple[float, float]
"""Mean and standard deviation; draws stay within 2.5 of the latter."""


def draw(rng: np.random.Generator, normal: Normal) -> float:
    """One value of a normal distribution cut off at 2.5 standard deviations."""
    mean, sd = normal
    return float(mean + sd * np.clip(rng.standard_normal(), -2.5, 2.5))


@dataclass(frozen=True)
class Anatomy:
    """The shape of a subject's bones and body; lengths are the body's own, before magnification."""

    head_radius_mm: Normal
    neck_length: Normal
    neck_shaft_deg: Normal
    roof_inclination_deg: Normal
    roof_rim_mm: Normal
    pelvis_width: Normal
    pelvis_height: Normal
    foramen_height: Normal
    femur_reach: Normal
    lesser_trochanter_mm: Normal
    warp_mm: Normal
    body_size: Normal
    asymmetry: float


@dataclass(frozen=True)
class Joint:
    """Minimum joint space width of a hip, and what becomes of it between visits."""

    width_mm: Normal
    severe_share: float
    severe_width_mm: tuple[float, float]
    narrowing_mm: Normal
    migration_deg: Normal
    range_mm: tuple[float, float]


@dataclass(frozen=True)
class Pose:
    """How the subject lay or stood for one film."""

    tilt: Normal
    rotation: Normal
    roll_deg: Normal
    leg_rotation: Normal
    abduction_deg: Normal
    magnification: Normal
    centre_x_mm: Normal
    centre_y_mm: Normal


@dataclass(frozen=True)
class Contrast:
    """How much each structure absorbs, as a factor on its realistic amount: exp(N(0, spread)), or nothing at all.

    Attributes:
        spread: Of all structures but the joint's.
        joint_spread: Of the joint's.
        drop: Probability that a structure is not there.
        thickness_power: Of the body's thickness profile.
        edge_mm: Least and most width of the joint's edges.
        sourcil: If given, least and most thickness in mm of the sourcil's bright band, and factor on its amount.
    """

    spread: float
    joint_spread: float
    drop: float
    thickness_power: Normal
    edge_mm: tuple[float, float]
    sourcil: tuple[tuple[float, float], tuple[float, float]] | None = None


@dataclass(frozen=True)
class Exposure:
    """What lies between the shadow and the stored film."""

    gamma: Normal
    field: Normal
    texture: Normal
    trabeculae: Normal
    blur_mm: tuple[float, float]
    noise: tuple[float, float]
    gas: tuple[int, int]
    contrast_medium: float
    skin_folds: tuple[int, int]
    collimated: float
    marker: float


@dataclass(frozen=True)
class Views:
    """Films of other sizes than the cohorts' machines', from the navel to the knees or of little more than the hips.

    Attributes:
        share: Of films.
        height_mm: Least and most.
        width_mm: Likewise.
        spacing_mm: Likewise.
    """

    share: float
    height_mm: tuple[float, float]
    width_mm: tuple[float, float]
    spacing_mm: tuple[float, float]


@dataclass(frozen=True)
class Surroundings:
    """What else lies on films: shares of films, of hips for `hardware`, least and most for `clips`.

    Attributes:
        belly: Whose belly's fold crosses the hips.
        ruler: With a scale along an edge.
        letter: With a large R or L over soft tissue.
        text: With figures in a corner.
        boxes: With corners blacked out.
        zipper: Likewise.
        clips: Buttons, rings, pins and tags.
        ball: With a ball of 25 mm for calibration.
        hardware: With screws, a nail or a plate beside a sound joint.
    """

    belly: float
    ruler: float
    letter: float
    text: float
    boxes: float
    zipper: float
    clips: tuple[int, int]
    ball: float
    hardware: float


@dataclass(frozen=True)
class Faults:
    """Shares of films that are delivered with something to stumble over."""

    monochrome1: float
    imager_spacing_only: float
    compressed: float
    lying_header: float
    prosthesis: float
    missing_side: float


@dataclass(frozen=True)
class Bodies:
    """How subjects and the way they lie differ.

    Attributes:
        mode: Weight of every mode of the shape model.
        warp_mm: Standard deviation of a smooth warp of 45 mm and more.
        joint_space_mm: Between head and socket.
        age_years: Youngest and oldest.
        tilt_deg: Of the pelvis, forwards.
        turn_deg: Of the whole subject about its length.
        roll_deg: Of the whole subject in the table's plane.
        flexion_deg: Of each hip.
        abduction_deg: Likewise.
        rotation_deg: Of each leg, outwards.
        fossa_mm: How much deeper than the socket's articular surface its fossa is; there is none if None.
        fossa_deg: Where it begins: where the roof's articular surface ends medially, from straight up.
        head_plate: Least and largest factor on the thickness of the head's cortex, on films.
        pelvic_cortex: Likewise on that of hip bones and sacrum.
        head_density: Least and most by which the head's spongy bone is denser than other spongy bone, on films.
        compressive_group: Likewise of the trabeculae from the top of the head to the calcar.
    """

    mode: Normal
    warp_mm: float
    joint_space_mm: Normal
    age_years: tuple[float, float]
    tilt_deg: Normal
    turn_deg: Normal
    roll_deg: Normal
    flexion_deg: Normal
    abduction_deg: Normal
    rotation_deg: Normal
    fossa_mm: Normal | None = None
    fossa_deg: Normal = (45.0, 0.0)
    head_plate: tuple[float, float] = (1.0, 1.0)
    pelvic_cortex: tuple[float, float] = (1.0, 1.0)
    head_density: tuple[float, float] = (0.0, 0.0)
    compressive_group: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Disease:
    """How often and how far hips of a cohort have osteoarthritis.

    Attributes:
        sound: Share of hips in which it has not begun.
        severity: Least and most of the others at the first visit.
        progress: By which it grows between visits, once begun.
        spread: Standard deviation by which each feature's own severity differs from the hip's.
        both: Correlation of a subject's two hips.
    """

    sound: float
    severity: tuple[float, float]
    progress: Normal
    spread: float
    both: float


@dataclass(frozen=True)
class Preset:
    """One frozen set of ranges; a changed number is a new version.

    With `bodies`, a share (`projected`) of the subjects have bones projected from three dimensions; `anatomy` and
    `pose` then say where and how large they are and how bodies differ, not which shape they have.
    """

    name: str
    version: int
    anatomy: Anatomy
    joint: Joint
    pose: Pose
    contrast: Contrast
    exposure: Exposure
    faults: Faults
    views: Views | None = None
    surroundings: Surroundings | None = None
    bodies: Bodies | None = None
    projected: float = 1.0
    disease: Disease | None = None
