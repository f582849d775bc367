from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("kill_writer.py")


def outcome(folder: Path, mode: str, films: int, kills: int = 0) -> dict[str, int]:
    command = [sys.executable, str(SCRIPT), str(folder), mode, str(films), str(kills), "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_a_writer_killed_at_random_leaves_a_readable_store_that_is_then_completed(tmp_path: Path) -> None:
    found = outcome(tmp_path, "random", films=200, kills=5)
    assert found["kills"] == 5
    assert (found["unreadable"], found["different"]) == (0, 0)


@pytest.mark.parametrize(("mode", "films", "least_kills"), [("steps", 5, 40), ("replace", 2, 12)])
def test_a_writer_killed_before_any_of_its_steps_leaves_a_readable_store_that_is_then_completed(
    tmp_path: Path, mode: str, films: int, least_kills: int
) -> None:
    found = outcome(tmp_path, mode, films)
    assert found["kills"] >= least_kills
    assert (found["unreadable"], found["different"]) == (0, 0)
