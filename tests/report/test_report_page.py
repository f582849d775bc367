"""Runs side by side on one page."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest

from hipseg.errors import HipsegError
from hipseg.report.page import write_page

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def _run(folder: Path, overrides: list[str], **summary: float) -> Path:
    (folder / ".hydra").mkdir(parents=True)
    (folder / "figures").mkdir()
    (folder / ".hydra" / "overrides.yaml").write_text("".join(f"- {text}\n" for text in overrides))
    (folder / "summary.json").write_text(json.dumps(summary))
    (folder / "figures" / "hips.png").write_bytes(PNG)
    return folder


def test_page_holds_everything_and_no_path(tmp_path: Path) -> None:
    long = "optimizer.lr=0.002 trainer.max_epochs=20 loss=dice_ce activation=sigmoid model.channels=[4,8,16]"
    store = f"data.store={tmp_path}/secret.h5"
    runs = [
        _run(tmp_path / "one", [store, *long.split()], **{"test/dice/mean": 0.81234, "n/failed": 2, "n/bias_mm": -0.5}),
        _run(tmp_path / "two<b>", [store, "loss=ce"], **{"test/dice/mean": 0.5}),
    ]
    write_page(runs, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert long in page  # not cut short
    cells = re.findall(r"<td>([^<]*)</td>", page)
    assert [cells[2:5], cells[7:10]] == [["0.8123", "2", "-0.5000"], ["0.5000", "-", "-"]]  # a count is a whole number
    assert "Dice is the mean" in page and "prediction minus reference" in page
    assert "two&lt;b&gt;" in page
    assert "<b>" not in page
    assert str(tmp_path) not in page
    assert (
        re.findall(r'(?:src|href)="([^"]{0,30})', page)
        == [f"data:image/png;base64,{base64.b64encode(PNG).decode()[:8]}"] * 2
    )


def test_what_matters_most_is_seen_before_what_scrolls(tmp_path: Path) -> None:
    summary = {
        "test/hips": 3,
        "test/hd95_mm/femoral_head": 1.5,
        "mjsw/sd_mm": 0.4,
        "mjsw/mae_mm": 0.3,
        "test/dice/mean": 0.9,
    }
    write_page([_run(tmp_path / "one", [], **summary)], tmp_path / "page.html")
    heads = re.findall(r"<th>([^<]*)</th>", (tmp_path / "page.html").read_text())
    assert heads == ["run", "overrides", "hips", "dice/mean", "mjsw/mae_mm", "hd95_mm/femoral_head", "mjsw/sd_mm"]


def test_runs_are_called_as_they_are_named_and_what_compares_them_comes_first(tmp_path: Path) -> None:
    runs = [_run(tmp_path / folder, [], **{"test/roc_auc": 0.9}) for folder in ("0", "1")]
    (tmp_path / "roc.png").write_bytes(PNG)
    write_page(runs, tmp_path / "page.html", ["sharp", "coarse"], [tmp_path / "roc.png"])
    page = (tmp_path / "page.html").read_text()
    assert re.findall(r"<h2>(.*)</h2>", page) == ["sharp", "coarse"]
    assert re.findall(r"<td>(sharp|coarse)</td>", page) == ["sharp", "coarse"]
    assert page.index('alt="roc"') < page.index("<h2>sharp")
    assert "Dice" not in page  # which these runs have not


def test_a_run_s_tables_are_shown_with_intervals_in_their_cells(tmp_path: Path) -> None:
    run = _run(tmp_path / "one", [], **{"test/dice/mean": 0.8})
    (run / "table_1.csv").write_text(
        "surface,of,femurs,dice,dice_low,dice_high,max\nouter,this run,3,0.91234,0.9,0.92,1\nouter,study,,0.9787,,,\n"
    )
    write_page([run], tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "<h3>table 1</h3>" in page and "dice_low" not in page
    cells = re.findall(r"<td>([^<]*)</td>", page[page.index("<h3>") :])
    assert cells == ["outer", "this run", "3", "0.9123 (0.9 to 0.92)", "1", "outer", "study", "", "0.9787", ""]


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    run = _run(tmp_path / "one", [])
    (run / "table_1.csv").write_bytes(b"\0")
    with pytest.raises(HipsegError, match=r"^runs: .*table_1\.csv is damaged; remove it"):
        write_page([run], tmp_path / "page.html")


def test_unfinished_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HipsegError, match=r"^runs: .*no readable summary\.json$"):
        write_page([tmp_path], tmp_path / "page.html")
