"""Where muscles, vessels and organs about a left hip run, as tubes along lines.

Offsets are in mm, x to the left (away from the body's middle), y backwards, z up. Those of the pelvis count from the
centre of the femoral head; those of the thigh from the femoral shaft's axis at that height below the head. Set by eye
after cross-sections of adults; a tube's size is its half width where nothing presses on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Offset = tuple[float, float, float]


@dataclass(frozen=True)
class Tube:
    """One structure.

    Attributes:
        name: Of it.
        pelvis: Offsets from the head's centre, from above down.
        thigh: Offsets from the shaft's axis; z counts from the head's centre all the same.
        size_mm: Half width.
    """

    name: str
    size_mm: float
    pelvis: tuple[Offset, ...] = ()
    thigh: tuple[Offset, ...] = ()


MUSCLES: Final = (
    Tube("iliopsoas", 24, ((-18, -25, 110), (-14, -36, 50), (2, -34, 5)), ((-14, -8, -45),)),
    Tube("sartorius", 10, ((42, -48, 90), (25, -62, 20)), ((-30, -58, -80), (-48, -40, -160))),
    Tube("rectus femoris", 18, ((22, -42, 40), (18, -56, 0)), ((-6, -52, -80), (-4, -46, -170))),
    Tube("tensor fasciae latae", 16, ((60, -38, 85), (62, -40, 20)), ((32, -40, -60), (38, -18, -120))),
    Tube("gluteus medius", 30, ((38, 10, 120), (52, 8, 60), (56, 14, 8))),
    Tube("gluteus minimus", 18, ((28, -4, 75), (42, -8, 40), (50, -6, 5))),
    Tube("gluteus maximus", 40, ((-20, 88, 110), (12, 84, 50), (40, 66, -10)), ((26, 42, -70),)),
    Tube("piriformis", 14, ((-42, 62, 50), (-10, 52, 35), (38, 26, 20))),
    Tube("obturator internus", 12, ((-42, 4, 5), (-40, 30, -12), (-10, 44, -8), (36, 26, 5))),
    Tube("obturator externus", 14, ((-42, -14, -40), (-10, 12, -34), (30, 24, -16))),
    Tube("quadratus femoris", 14, ((-8, 34, -40), (34, 30, -38))),
    Tube("pectineus", 15, ((-46, -44, -10), (-24, -34, -34)), ((-12, -4, -62),)),
    Tube("adductor longus", 15, ((-62, -40, -40),), ((-44, -26, -90), (-24, -6, -170))),
    Tube("adductor magnus", 30, ((-52, 12, -62),), ((-44, 14, -110), (-26, 20, -180))),
    Tube("gracilis", 10, ((-74, -16, -50),), ((-66, -4, -110), (-58, 12, -180))),
    Tube("hamstrings", 26, ((-14, 44, -55),), ((-26, 46, -100), (-20, 50, -180))),
    Tube("vastus lateralis", 26, ((44, -18, -40),), ((26, -10, -80), (28, -6, -180))),
    Tube("vastus intermedius", 21, (), ((2, -20, -55), (2, -22, -180))),
    Tube("vastus medialis", 18, (), ((-16, -18, -80), (-24, -20, -180))),
)
ARTERY: Final = Tube(
    "femoral artery", 4.6, ((-34, -38, 110), (-18, -52, 40), (-8, -56, 0)), ((-22, -44, -60), (-34, -30, -170))
)  # fmt: skip
VEIN: Final = Tube(
    "femoral vein", 5.8, ((-42, -28, 110), (-28, -46, 40), (-19, -52, 0)), ((-30, -38, -60), (-36, -22, -170))
)  # fmt: skip

Tissue = Literal["bladder", "rectum", "gas", "bowel", "organ", "joint"]


@dataclass(frozen=True)
class Organ:
    """An ellipsoid in the pelvis.

    Attributes:
        tissue: What fills it.
        centre_mm: From the middle between the heads.
        radii_mm: Of its axes.
    """

    tissue: Tissue
    centre_mm: Offset
    radii_mm: Offset


ORGANS: Final = (
    Organ("bladder", (0, -34, 28), (40, 30, 28)),
    Organ("organ", (0, 2, 14), (24, 18, 20)),
    Organ("rectum", (2, 44, 20), (17, 19, 42)),
    Organ("gas", (3, 36, 26), (7, 6, 14)),
    Organ("bowel", (-46, -20, 78), (24, 26, 20)),
    Organ("bowel", (4, -36, 84), (26, 26, 19)),
    Organ("bowel", (50, -24, 80), (24, 26, 22)),
    Organ("bowel", (-20, -4, 104), (27, 26, 18)),
    Organ("bowel", (30, -8, 108), (26, 26, 18)),
    Organ("gas", (6, -48, 88), (12, 7, 9)),
    Organ("gas", (-44, -32, 82), (9, 7, 8)),
)
