"""The draws behind a film: what belongs to a subject, to a visit, and to one exposure."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np

from hipseg.labels.landmarks import SIDES, Side
from hipseg.phantom.preset import Anatomy, Contrast, Exposure, Joint, Pose, Preset, draw

# Every structure's name; each subject has its own factor for each.
STRUCTURES: Final = (
    "femur", "head_rim", "cortex", "medulla", "trochanter", "calcar", "wing", "column", "sourcil", "joint_space",
    "pubis", "pubis_rim", "posterior_wall", "anterior_wall", "wall_edges", "teardrop", "pelvic_rim", "ilioischial",
    "sacrum", "spine", "crest", "muscle",
)  # fmt: skip
_JOINT_STRUCTURES: Final = frozenset({"femur", "head_rim", "column", "sourcil", "joint_space"})


@dataclass(frozen=True)
class Shape:
    """One hip's draws of `Anatomy`, under the same names."""

    head_radius_mm: float
    neck_length: float
    neck_shaft_deg: float
    roof_inclination_deg: float
    roof_rim_mm: tuple[float, ...]
    pelvis_width: float
    pelvis_height: float
    foramen_height: float
    femur_reach: float
    lesser_trochanter_mm: float
    migration_deg: float


@dataclass(frozen=True)
class Sourcil:
    """The bright band along the roof's lower edge.

    Attributes:
        centre_mm: Of the band, above the edge.
        width_mm: From its centre to where it has faded to 1 / e.
        factor: On its amount.
        medial: How far it runs on medially beyond the landmarks, in steps of these.
    """

    centre_mm: float = 2.2
    width_mm: float = 1.9
    factor: float = 1.0
    medial: float = 0.2


@dataclass(frozen=True)
class Subject:
    """What persists over visits and sides.

    Attributes:
        shapes: Right and left hip's shape, alike but for some asymmetry.
        warp_mm: Amplitude of the smooth warp of the whole skeleton.
        body_size: Scale of the soft tissue's outline.
        contrast: Factor on every structure's amount.
        thickness_power: How the body's thickness falls off towards the skin.
        edge_mm: Width of the joint's edges.
        sourcil: Its shape.
        widths_mm: Minimum joint space width of right and left hip at the first visit.
        narrowing_mm: Loss of width per visit, right and left.
        seed: For the textures and warps that belong to this subject.
    """

    shapes: dict[Side, Shape]
    warp_mm: float
    body_size: float
    contrast: dict[str, float]
    thickness_power: float
    edge_mm: float
    sourcil: Sourcil
    widths_mm: dict[Side, float]
    narrowing_mm: dict[Side, float]
    seed: int


@dataclass(frozen=True)
class Stance:
    """One visit's pose: draws of `Pose`; leg values for right and left."""

    tilt: float
    rotation: float
    roll_deg: float
    leg_rotation: dict[Side, float]
    abduction_deg: dict[Side, float]
    magnification: float
    centre_mm: tuple[float, float]


def _shapes(rng: np.random.Generator, anatomy: Anatomy, joint: Joint) -> dict[Side, Shape]:
    single = [f.name for f in fields(Shape) if f.name not in ("roof_rim_mm", "migration_deg")]
    ranges = {name: getattr(anatomy, name) for name in single} | {"migration_deg": joint.migration_deg}
    common = {name: draw(rng, normal) for name, normal in ranges.items()}
    rim = [draw(rng, anatomy.roof_rim_mm) for _ in range(8)]

    def hip() -> Shape:
        own = {n: v + anatomy.asymmetry * draw(rng, (0.0, ranges[n][1])) for n, v in common.items()}
        # What both sides share by anatomy stays shared.
        own |= {name: common[name] for name in ("pelvis_width", "pelvis_height", "head_radius_mm")}
        own_rim = tuple(v + anatomy.asymmetry * draw(rng, (0.0, anatomy.roof_rim_mm[1])) for v in rim)
        return Shape(roof_rim_mm=own_rim, **own)

    return {side: hip() for side in SIDES}


def _contrast(rng: np.random.Generator, contrast: Contrast) -> dict[str, float]:
    factors = {}
    for name in STRUCTURES:
        spread = contrast.joint_spread if name in _JOINT_STRUCTURES else contrast.spread
        factor = float(np.exp(draw(rng, (0.0, spread))))
        factors[name] = 0.0 if rng.random() < contrast.drop else factor
    return factors


def _width(rng: np.random.Generator, joint: Joint) -> float:
    if rng.random() < joint.severe_share:
        return float(rng.uniform(*joint.severe_width_mm))
    return float(np.clip(draw(rng, joint.width_mm), *joint.range_mm))


def _sourcil(seed: int, contrast: Contrast) -> Sourcil:
    if contrast.sourcil is None:
        return Sourcil()
    rng, (thickness, factors) = np.random.default_rng([seed, 3]), contrast.sourcil
    thick_mm = float(rng.uniform(*thickness))
    factor = float(np.exp(rng.uniform(*np.log(factors))))
    return Sourcil(0.55 * thick_mm, 0.47 * thick_mm, factor, float(rng.uniform(0.2, 1.5)))


def draw_subject(rng: np.random.Generator, preset: Preset) -> Subject:
    """Draw a subject."""
    anatomy = preset.anatomy
    drawn = Subject(
        shapes=_shapes(rng, anatomy, preset.joint),
        warp_mm=abs(draw(rng, anatomy.warp_mm)),
        body_size=draw(rng, anatomy.body_size),
        contrast=_contrast(rng, preset.contrast),
        thickness_power=max(0.2, draw(rng, preset.contrast.thickness_power)),
        edge_mm=float(rng.uniform(*preset.contrast.edge_mm)),
        sourcil=Sourcil(),
        widths_mm={side: _width(rng, preset.joint) for side in SIDES},
        narrowing_mm={side: max(0.0, draw(rng, preset.joint.narrowing_mm)) for side in SIDES},
        seed=int(rng.integers(2**31)),
    )
    return replace(drawn, sourcil=_sourcil(drawn.seed, preset.contrast))


def draw_stance(rng: np.random.Generator, pose: Pose) -> Stance:
    """Draw the pose of one film."""
    return Stance(
        tilt=draw(rng, pose.tilt),
        rotation=draw(rng, pose.rotation),
        roll_deg=draw(rng, pose.roll_deg),
        leg_rotation={side: draw(rng, pose.leg_rotation) for side in SIDES},
        abduction_deg={side: draw(rng, pose.abduction_deg) for side in SIDES},
        magnification=draw(rng, pose.magnification),
        centre_mm=(draw(rng, pose.centre_x_mm), draw(rng, pose.centre_y_mm)),
    )


@dataclass(frozen=True)
class Beam:
    """One exposure's draws of `Exposure`."""

    gamma: float
    field: float
    texture: float
    trabeculae: float
    blur_mm: float
    noise: float
    gas: int
    contrast_medium: bool
    skin_folds: int
    collimated: bool
    marker: bool


def draw_beam(rng: np.random.Generator, exposure: Exposure) -> Beam:
    """Draw what one exposure does to the shadow."""
    return Beam(
        gamma=float(np.exp(draw(rng, exposure.gamma))),
        field=abs(draw(rng, exposure.field)),
        texture=abs(draw(rng, exposure.texture)),
        trabeculae=abs(draw(rng, exposure.trabeculae)),
        blur_mm=float(rng.uniform(*exposure.blur_mm)),
        noise=float(rng.uniform(*exposure.noise)),
        gas=int(rng.integers(exposure.gas[0], exposure.gas[1] + 1)),
        contrast_medium=bool(rng.random() < exposure.contrast_medium),
        skin_folds=int(rng.integers(exposure.skin_folds[0], exposure.skin_folds[1] + 1)),
        collimated=bool(rng.random() < exposure.collimated),
        marker=bool(rng.random() < exposure.marker),
    )
