"""CSV tables that people and other programs wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from hipseg.errors import HipsegError


def read_table(path: Path, **options: Any) -> pd.DataFrame:
    """A CSV table.

    Args:
        path: The file.
        options: Of `pandas.read_csv`.

    Raises:
        OSError: If it can't be opened.
        ValueError: If it is no table of text.
    """
    # Some versions of pandas end a field at such a byte without a word.
    with path.open("rb") as stream:
        if any(b"\0" in part for part in iter(lambda: stream.read(1 << 20), b"")):
            raise ValueError("it holds bytes of 0, which no text has")
    table: pd.DataFrame = pd.read_csv(path, **options)
    return table


def require_table(path: Path, option: str, fix: str = "") -> pd.DataFrame:
    """A CSV table of texts, empty where a field is, that an option names.

    Args:
        path: The file.
        option: That names it.
        fix: What may be tried where it is no table.

    Raises:
        HipsegError: If it is missing or is none.
    """
    try:
        return read_table(path, dtype=str, keep_default_na=False)
    except FileNotFoundError:
        raise HipsegError(f"{option}: there is no file {path}") from None
    except (OSError, ValueError, OverflowError) as error:
        said = " ".join(str(error).split())[:160]
        raise HipsegError(f"{option}: {path} is not a CSV table ({said}){fix}") from None
