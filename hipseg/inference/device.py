"""Where a network runs when no trainer says so."""

from __future__ import annotations

import torch


def best_device() -> torch.device:
    """The accelerator that is there, or else the processor."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
