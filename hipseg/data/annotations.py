"""What is known of hips beside their points files: true widths, and which films repeat another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pandas as pd

from hipseg.errors import HipsegError
from hipseg.io.tables import read_table

_WIDEST_MM: Final = 100.0


def require_annotated(annotations: pd.DataFrame, hips: Sequence[str]) -> None:
    """Refuse annotations that know none of some hips.

    Raises:
        HipsegError: With what their keys must look like.
    """
    if not annotations.index.isin(hips).any():
        raise HipsegError(f"annotations: it knows none of the test hips; its keys must look like {hips[0]}")


def read_annotations(path: Path) -> pd.DataFrame:
    """Read a table by hip.

    Args:
        path: CSV with `key` and at least one of `mjsw_mm` (the true width) and `repeat_of` (the key of the hip whose
            exposure this one repeats, or empty).

    Returns:
        `mjsw_mm` and `repeat_of`, indexed by key.

    Raises:
        HipsegError: If the file is missing, has other columns, lists a hip twice or has a width that is no number.
    """
    try:
        table = read_table(path, dtype={"key": str, "repeat_of": str})
    except FileNotFoundError:
        raise HipsegError(f"annotations: there is no file {path}") from None
    except (OSError, ValueError, OverflowError) as error:
        said = " ".join(str(error).split())[:160]
        raise HipsegError(f"annotations: {path} is not a CSV table ({said})") from None
    if "key" not in table or not {"mjsw_mm", "repeat_of"} & set(table):
        raise HipsegError(f"annotations: {path} needs the column key, and mjsw_mm or repeat_of")
    if table["key"].duplicated().any():
        raise HipsegError(f"annotations: {path} lists a hip twice")
    try:
        widths = pd.to_numeric(table.get("mjsw_mm", pd.Series(index=table.index, dtype=float)))
    except (ValueError, TypeError) as error:
        said = " ".join(str(error).split())[:160]
        raise HipsegError(f"annotations: {path} holds an mjsw_mm that is no number ({said})") from None
    if widths.dtype == bool or not widths.dropna().between(0, _WIDEST_MM).all():
        raise HipsegError(f"annotations: {path} holds an mjsw_mm that is not between 0 and {_WIDEST_MM:g}")
    repeats = table.get("repeat_of", pd.Series("", index=table.index)).fillna("")
    return pd.DataFrame({"mjsw_mm": widths.to_numpy(), "repeat_of": repeats.to_numpy()}, index=table["key"])
