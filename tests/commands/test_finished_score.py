"""What a sweeper is told of a run that an earlier sweep finished."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from hipseg.commands.resume import finished_score

METRICS = "epoch,val/loss,val/dice/mean\n0,0.9,0.5\n1,0.4,0.8\n2,0.6,0.7\n"


def finished(folder: Path, best: str, metrics: str = METRICS) -> Path:
    (folder / ".hydra").mkdir()
    (folder / ".hydra" / "config.yaml").write_text(f"callbacks:\n  best: {best}\n")
    (folder / "metrics.csv").write_text(metrics)
    (folder / "summary.json").write_text(json.dumps({"test/dice/mean": 0.3}))
    return folder


@pytest.mark.parametrize(
    ("best", "expected"),
    [
        ("{monitor: val/dice/mean, mode: max}", 0.8),
        ("{monitor: val/loss, mode: min}", 0.4),
        ("{monitor: val/dice/ema, mode: max}", 0.3),  # not in the table: the test's
        ("null", 0.3),
    ],
)
def test_it_is_the_best_of_what_the_run_monitored(tmp_path: Path, best: str, expected: float) -> None:
    assert finished_score(finished(tmp_path, best)) == expected


@pytest.mark.parametrize("damage", ["config", "metrics", "everything"])
def test_what_can_not_be_read_is_no_number(tmp_path: Path, damage: str) -> None:
    folder = finished(tmp_path, "{monitor: val/loss, mode: min}")
    if damage in ("config", "everything"):
        (folder / ".hydra" / "config.yaml").write_text("callbacks: [")
    if damage in ("metrics", "everything"):
        (folder / "metrics.csv").unlink()
    assert math.isnan(finished_score(folder))
