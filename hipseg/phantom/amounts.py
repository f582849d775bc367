"""How much each structure adds to a film's grey value, white being 1, on an average adult.

Chosen so that the mean profile through the joint and the mean value of every region come near those of a real film; see
`experiments/phantom_realism`.
"""

from __future__ import annotations

from typing import Final

SOFT_TISSUE: Final = 0.615

AMOUNTS: Final[dict[str, float]] = {
    "femur": 0.112,
    "head_rim": 0.006,
    "cortex": 0.195,
    "medulla": -0.035,
    "trochanter": 0.035,
    "calcar": 0.05,
    "wing": 0.055,
    "column": 0.1,
    "sourcil": 0.034,
    "joint_space": -0.006,
    "pubis": 0.07,
    "pubis_rim": 0.035,
    "posterior_wall": 0.03,
    "anterior_wall": 0.02,
    "wall_edges": 0.02,
    "teardrop": 0.04,
    "pelvic_rim": 0.05,
    "ilioischial": 0.045,
    "sacrum": 0.12,
    "spine": 0.19,
    "crest": 0.04,
    "muscle": 0.02,
}
