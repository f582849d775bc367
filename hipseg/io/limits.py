"""What a film may be at most, checked before its pixels are decoded: a file can claim anything."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field

from hipseg.errors import HipsegError

Positive = Annotated[float, Field(gt=0)]


@dataclass(frozen=True)
class Limits:
    """Beyond which a file is excluded unread.

    Attributes:
        megapixels: Rows times columns, in millions.
        file_mb: Size of a film's file, in MB.
        points_kb: Size of a points file, in kB.
        spacing_mm: Least and largest plausible pixel spacing.
    """

    megapixels: Positive
    file_mb: Positive
    points_kb: Positive
    spacing_mm: tuple[Positive, Positive]

    def __post_init__(self) -> None:
        if not self.spacing_mm[0] < self.spacing_mm[1]:
            raise HipsegError(f"limits.spacing_mm: give the least first, not {list(self.spacing_mm)}")


UNLIMITED: Final = Limits(math.inf, math.inf, math.inf, (5e-324, math.inf))
