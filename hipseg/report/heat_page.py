"""Graded hips on one page, the likeliest first, each beside what its answer depends on."""

from __future__ import annotations

import html
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pandas as pd

_STYLE: Final = """body{font:15px/1.45 system-ui,sans-serif;margin:1.5rem auto;max-width:1100px;padding:0 1rem}
figure{margin:0 0 1.4rem}figcaption{font-size:13px}img{max-width:100%;display:block}
button{font:inherit;margin-right:.5rem}.positive figcaption{font-weight:600}"""
_CHOOSE: Final = """document.querySelectorAll('button').forEach(button=>button.onclick=()=>
document.querySelectorAll('figure').forEach(f=>f.hidden=button.dataset.kind&&!f.classList.contains(button.dataset.kind)))"""


def write_heat_page(rows: pd.DataFrame, folder: Path) -> Path | None:
    """Write `heat.html` of the pictures in a folder of predictions; it opens from disk and loads nothing else.

    Args:
        rows: `predictions.csv` with `file`, `side`, `probability`, `threshold`, `positive`, `status`.
        folder: That holds `figures/FILE_SIDE.png`, `figures/FILE.png` where there is no side.

    Returns:
        The page; None if there is no picture.
    """
    ordered = rows.sort_values("probability", ascending=False, na_position="last", kind="stable")
    figures = [text for row in ordered.to_dict("records") if (text := _figure(row, folder))]
    if not figures:
        return None
    graded, positive = int(rows["probability"].notna().sum()), int((rows["positive"] == 1).sum())
    buttons = "".join(
        f'<button data-kind="{kind}">{said}</button>'
        for kind, said in (("", "all"), ("positive", "positive"), ("negative", "negative"), ("unsure", "not graded"))
    )
    page = folder / "heat.html"
    page.write_text(
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>Graded hips</title><style>{_STYLE}</style>\n'
        f"<h1>Graded hips</h1>\n<p>{graded} hips are graded, {positive} of them positive. Red speaks for the disease, "
        "blue against it. A map shows what the answer depends on, not that there is a lesion.</p>\n"
        f"<p>{buttons}</p>\n" + "\n".join(figures) + f"\n<script>{_CHOOSE}</script>\n</html>\n",
        encoding="utf-8",
    )
    return page


def _figure(row: Mapping[Hashable, Any], folder: Path) -> str:
    """A hip's picture with its caption; nothing where it was not drawn."""
    ending = f"_{row['side']}" if row["side"] == row["side"] and row["side"] else ""
    name = f"figures/{row['file']}{ending}.png"
    if not (folder / name).is_file():
        return ""
    known = row["probability"] == row["probability"]
    kind = "unsure" if not known else "positive" if row["positive"] == 1 else "negative"
    said = f"probability {row['probability']:.3f}, threshold {row['threshold']:.3f}" if known else f"{row['status']}"
    title = html.escape(f"{row['file']} {row['side'] if ending else ''}".strip())
    return (
        f'<figure class="{kind}"><figcaption>{title}: {html.escape(said)}</figcaption>'
        f'<img loading="lazy" alt="{title}" src="{quote(name)}"></figure>'
    )
