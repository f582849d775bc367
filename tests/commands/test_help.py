from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hipseg.commands import COMMANDS, main

GROUPS = {
    "phantom": ["preset: arthritis, hard, projected, random, standard"],
    "preprocess": ["cohort: check, oai", "outline: chords, spline"],
    "joints": ["preset: arthritis, hard, projected, random, standard"],
    "convert": ["source: ct_ap, film_hips, graded, nnunet, pattern, scans, table", "limits: film"],
    "split": [],
    "components": [],
    "plan": [],
    "export": [],
    "enclose": [],
    "train": [
        "activation: sigmoid, softmax",
        "loss: ce, class_ce, dice, dice_ce, dice_ce_batch, dice_hausdorff, focal, hausdorff",
        "model: plain_unet, resnet18, resunet, unet, unet_3d, unet_3d_small, vnet, vnet_small",
        "jsw_method: border, contour",
        "logger: csv, wandb",
    ],
    "evaluate": ["evaluation: classification, femur, hips, overlap", "logger: csv, wandb"],
    "predict": [],
    "report": [],
}
KEYS = {
    "phantom": ["out: ???", "subjects: 40", "seed: 0", "landmark_error_mm: 0.5"],
    "preprocess": ["input: ???", "store: ???", "spacing_mm: 0.9", "intensity_bits: 12"],
    "joints": ["out: ???", "train_subjects: 50", "coarser: 1.0"],
    "convert": ["input: ???", "store: ???", "spacing_mm: null"],
    "plan": ["store: ???", "out: ???", "memory_gb: 8.0"],
    "components": ["checkpoint: ???", "out: ???"],
    "enclose": ["store: ???", "checkpoint: null", "out: ???"],
    "export": ["store: ???", "split: ???", "out: ???"],
    "split": ["store: ???", "by: subject", "seed: 0"],
    "train": ["data:", "trainer:", "optimizer:", "seed: 0"],
    "evaluate": ["checkpoint: ???", "data:"],
    "predict": ["checkpoint: ???", "input: ???", "out: ???", "dicom_seg: false", "bmd: null", "thickness: false"],
    "report": ["runs: ???", "out: ???"],
}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["pytest"])
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_help_lists_groups_and_options(command: str, elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code: object = 0
    try:
        main([command, "--help"])
    except SystemExit as ended:
        code = ended.code or 0
    printed = capsys.readouterr()
    lines = [line.split("  #")[0].strip() for line in printed.out.splitlines()]
    assert (code, printed.err) == (0, "")
    assert lines[0].startswith(f"hipseg {command} ")
    assert [line for line in GROUPS[command] + KEYS[command] if line not in lines] == []
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["help"]])
def test_the_overview_names_every_command(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main(arguments)
    printed = capsys.readouterr().out
    assert printed.startswith("usage: hipseg COMMAND")
    assert set(GROUPS) == set(COMMANDS) <= set(printed.split())


@pytest.mark.parametrize("given", [["--help"], ["train", "--help"]])
def test_a_reader_that_leaves_is_no_fault(given: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([sys.executable, "-m", "hipseg", *given], stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")
