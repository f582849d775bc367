"""The page of graded hips: their order, their words, and that nothing of it is fetched from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pandas as pd

from hipseg.report.heat_page import write_heat_page


def table(*rows: tuple[str, object, float, str]) -> pd.DataFrame:
    made = pd.DataFrame(rows, columns=["file", "side", "probability", "status"])
    return made.assign(threshold=0.5, positive=(made["probability"] >= 0.5).astype(int))


def test_the_likeliest_hips_come_first_and_what_has_no_picture_is_left_out(tmp_path: Path) -> None:
    rows = table(
        ("a.png", np.nan, 0.2, "ok"), ("b <1>.png", "", 0.9, "ok"), ("c", "left", np.nan, "implant"),
        ("d.png", "", 0.7, "ok"),
    )  # fmt: skip
    (tmp_path / "figures").mkdir()
    for name in ("a.png.png", "b <1>.png.png", "c_left.png"):
        (tmp_path / "figures" / name).write_bytes(b"x")
    page = write_heat_page(rows, tmp_path)
    assert page is not None
    text = page.read_text()
    shown = [unquote(source) for source in re.findall(r'src="([^"]+)"', text)]
    assert shown == ["figures/b <1>.png.png", "figures/a.png.png", "figures/c_left.png"]
    assert re.findall(r'figure class="(\w+)"', text) == ["positive", "negative", "unsure"]
    assert "b &lt;1&gt;.png: probability 0.900, threshold 0.500" in text and "c left: implant" in text
    assert "3 hips are graded, 2 of them positive" in text
    assert "http" not in text


def test_without_pictures_there_is_no_page(tmp_path: Path) -> None:
    assert write_heat_page(table(("a.png", "", 0.2, "ok")), tmp_path) is None
    assert not (tmp_path / "heat.html").exists()
