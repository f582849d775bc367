"""Names for kinds of arrays that know nothing of what they show."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""(n, 2), x then y."""
