"""Where the configuration lies, whether hipseg is installed as a wheel or from a checkout."""

from __future__ import annotations

from pathlib import Path


def conf_folder() -> Path:
    """The folder of Hydra's configuration files."""
    package = Path(__file__).resolve().parent
    shipped = package / "conf"
    return shipped if shipped.is_dir() else package.parent / "conf"
