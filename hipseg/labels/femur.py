"""Labels of a femur in CT."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

LABEL_NAMES: Final = ("background", "cortex", "enclosed")
CORTEX: Final = LABEL_NAMES.index("cortex")
ENCLOSED: Final = LABEL_NAMES.index("enclosed")
SURFACES: Final[Mapping[str, tuple[int, ...]]] = {"periosteal": (CORTEX, ENCLOSED), "endosteal": (ENCLOSED,)}
"""Which labels lie within each surface."""
VOLUMES: Final[Mapping[str, tuple[int, ...]]] = {**SURFACES, "cortex": (CORTEX,)}
"""Which labels each reported volume is of."""
