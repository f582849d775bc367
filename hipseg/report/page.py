"""Runs side by side on one self-contained HTML page."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import pandas as pd
import yaml

from hipseg.config import PRIVATE_KEYS
from hipseg.errors import HipsegError
from hipseg.io.tables import read_table

_STYLE: Final = """body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:1200px;padding:0 1rem;color:#222}
table{border-collapse:collapse;font-size:13px}td,th{padding:.3rem .6rem;border-bottom:1px solid #ddd;text-align:right}
td:first-child,th:first-child,td:nth-child(2),th:nth-child(2){text-align:left}img{max-width:100%}
div.scroll{overflow-x:auto}"""
_FIRST: Final = ("mean", "measured", "failed", "mae_mm", "bias_mm")
"""Last parts of the names of what is seen without scrolling, where a run has it."""

_SAID: Final = {
    "dice": "Dice is the mean over test cases.",
    "bias_mm": "Differences are prediction minus reference, mm, of measured cases.",
}


def read_run(folder: Path) -> dict[str, object]:
    """A run's overrides and summary.

    Raises:
        HipsegError: If the folder is no finished run.
    """
    try:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        numbers = isinstance(summary, dict) and all(isinstance(value, (int, float)) for value in summary.values())
    except (OSError, ValueError, RecursionError):
        numbers = False
    if not numbers:
        raise HipsegError(f"runs: {folder} is not a finished run; it has no readable summary.json")
    overrides = folder / ".hydra" / "overrides.yaml"
    try:
        given = yaml.safe_load(overrides.read_text(encoding="utf-8")) if overrides.is_file() else []
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        given = None
    texts = isinstance(given, list) and all(isinstance(text, str) for text in given)
    if not texts and not (given is None and not overrides.stat().st_size):
        raise HipsegError(f"runs: {overrides} is damaged; remove it, and the run is shown without its options")
    varied = [text for text in given or [] if text.lstrip("+").split("=")[0] not in PRIVATE_KEYS]
    return {"run": folder.name, "overrides": " ".join(varied), **summary}


def _figures(paths: Iterable[Path]) -> str:
    pictures = []
    for path in paths:
        data = base64.b64encode(path.read_bytes()).decode("ascii")
        pictures.append(f'<figure><img alt="{html.escape(path.stem)}" src="data:image/png;base64,{data}"></figure>')
    return "\n".join(pictures)


def _tables(folder: Path) -> str:
    """A run's `table_....csv`, an estimate and its interval in one cell."""
    parts = []
    for path in sorted(folder.glob("table_*.csv")):
        try:
            table = read_table(path)
        except (OSError, ValueError):
            raise HipsegError(f"runs: {path} is damaged; remove it, and the run is shown without it") from None
        estimates = [str(name) for name in table if {f"{name}_low", f"{name}_high"} <= set(table)]
        for name in estimates:
            cells = zip(*(table.pop(f"{name}{end}") for end in ("_low", "_high")), strict=True)
            table[name] = [_said(value, *ends) for value, ends in zip(table[name], cells, strict=True)]
        rows = table.to_html(index=False, float_format="{:.4g}".format, na_rep="", border=0)
        note = "<p>In brackets: 95 % intervals.</p>" if estimates else ""
        parts.append(f'<h3>{html.escape(path.stem.replace("_", " "))}</h3>\n<div class="scroll">{rows}</div>{note}')
    return "\n".join(parts)


def _said(value: float, low: float, high: float) -> str:
    said = f"{value:.4g}" if value == value else ""
    return f"{said} ({low:.4g} to {high:.4g})" if low == low else said


def write_page(runs: list[Path], out: Path, names: Sequence[str] | None = None, compared: Sequence[Path] = ()) -> None:
    """Write the page.

    Args:
        runs: Run folders.
        out: HTML file.
        names: Of the runs; their folders' if None.
        compared: Figures that compare them, shown before those of each.
    """
    called = names or [folder.name for folder in runs]
    table = pd.DataFrame([read_run(folder) | {"run": name} for name, folder in zip(called, runs, strict=True)])
    shown = table.rename(columns=lambda name: str(name).replace("test/", ""))
    first = [name for last in _FIRST for name in shown if str(name).split("/")[-1] == last]
    shown = shown[list(dict.fromkeys([*shown.columns[:3], *first, *shown]))]
    numbers = shown.select_dtypes("number")
    counts = numbers.columns[numbers.fillna(0).mod(1).eq(0).all()]
    forms = {name: "{:.0f}".format if name in counts else "{:.4f}".format for name in numbers}
    rows = shown.to_html(index=False, formatters=forms, na_rep="-", border=0)
    said = [sentence for part, sentence in _SAID.items() if any(part in str(name).split("/") for name in table)]
    sections = "\n".join(
        f"<h2>{html.escape(name)}</h2>\n{_tables(folder)}\n{_figures(sorted((folder / 'figures').glob('*.png')))}"
        for name, folder in zip(called, runs, strict=True)
    )
    page = f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>hipseg runs</title>
<style>{_STYLE}</style></head><body><h1>{len(runs)} run{"s" * (len(runs) > 1)}</h1>
{"".join(f"<p>{sentence}</p>" for sentence in said)}
<div class="scroll">{rows}</div>
{_figures(compared)}
{sections}</body></html>
"""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page, encoding="utf-8")
