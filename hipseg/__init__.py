"""hipseg: train, compare and apply models that segment the hip joint on radiographs and measure it."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"
__all__ = ["load", "measure"]


def __getattr__(name: str) -> Any:
    # Importing torch takes seconds, which commands that don't need it should not wait for.
    if name == "load":
        from hipseg.checkpoint import load

        return load
    if name == "measure":
        return importlib.import_module("hipseg.measure")
    raise AttributeError(f"module 'hipseg' has no attribute '{name}'")
