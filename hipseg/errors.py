"""The two ways in which hipseg says no."""

from __future__ import annotations


class HipsegError(Exception):
    """A mistake the user can mend: its message is one sentence that names the file or key and the fix."""


class Excluded(HipsegError):
    """A film or hip that can't be used.

    Attributes:
        reason: The reason code, one of those listed in `hipseg.data.exclusions.REASONS`.
        detail: One sentence for the person who reads the exclusions table.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type[Excluded], tuple[str, str]]:
        """As what it was made of, so that it comes back whole from another process."""
        return Excluded, (self.reason, self.detail)
