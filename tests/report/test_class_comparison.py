"""Runs that grade hips compared on the same hips, from tables made by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from hipseg.commands import main


def run_folder(folder: Path, scores: list[float], truth: list[int], cohorts: list[str]) -> Path:
    folder.mkdir(parents=True)
    samples = [f"{cohort}/s{number}/right" for number, cohort in enumerate(cohorts)]
    cases = pd.DataFrame({"sample": samples, "positive": truth, "probability": scores})
    cases["predicted"] = (cases["probability"] > 0.5).astype(int)
    cases.to_csv(folder / "test_cases.csv", index=False)
    (folder / "summary.json").write_text('{"test/hips": 1}\n')
    return folder


def paired_p(truth: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    """DeLong's test by every pair of a positive and a negative case, as the paper writes it."""
    kernels = [
        (s[truth == 1][:, None] > s[truth == 0]) + 0.5 * (s[truth == 1][:, None] == s[truth == 0])
        for s in (first, second)
    ]
    rows, columns = (np.stack([k.mean(axis=axis) for k in kernels]) for axis in (1, 0))
    spread = np.cov(rows) / rows.shape[1] + np.cov(columns) / columns.shape[1]
    error = np.sqrt(spread[0, 0] + spread[1, 1] - 2 * spread[0, 1])
    return float(2 * norm.sf(abs(kernels[0].mean() - kernels[1].mean()) / error))


def test_every_cohort_has_its_models_pairs_and_curves(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    truth = np.tile([0, 1], 30)
    cohorts = ["xray"] * 40 + ["ct_ap"] * 20
    scores = {name: np.clip(truth * lift + rng.random(60), 0, 2) / 2 for name, lift in (("good", 0.8), ("poor", 0.2))}
    folders = [run_folder(tmp_path / name, s.tolist(), truth.tolist(), cohorts) for name, s in scores.items()]
    main(["report", f"runs=[{folders[0]},{folders[1]}]", f"out={tmp_path / 'r.html'}", f"tables={tmp_path / 't'}"])
    models = pd.read_csv(tmp_path / "t" / "models.csv").set_index(["tested on", "of"])
    pairs = pd.read_csv(tmp_path / "t" / "pairs.csv").set_index("tested on")
    parts = {"xray": slice(0, 40), "ct_ap": slice(40, 60), "all": slice(0, 60)}
    for cohort, part in parts.items():
        areas = {name: roc_auc_score(truth[part], s[part]) for name, s in scores.items()}
        for name, area in areas.items():
            assert models.loc[(cohort, name), "roc_auc"] == pytest.approx(area, abs=1e-4)
        row = pairs.loc[cohort]
        assert row["roc_auc_difference"] == pytest.approx(areas["good"] - areas["poor"], abs=1e-4)
        assert row["p"] == pytest.approx(paired_p(truth[part], *(s[part] for s in scores.values())), rel=1e-3)
        assert row["hips"] == len(truth[part])
        assert (tmp_path / "t" / f"roc_{cohort}.png").stat().st_size > 5000
    assert models.loc[("radiographs", "study, trained on radiographs"), "roc_auc"] == 0.98
    assert models.loc[("summed CT", "study, trained on summed CT, radiographs"), "roc_auc"] == 0.93


def test_only_hips_that_both_have_graded_are_compared(tmp_path: Path) -> None:
    one = run_folder(tmp_path / "a", [0.1, 0.9, 0.2, 0.8, 0.3, 0.7], [0, 1, 0, 1, 0, 1], ["x"] * 6)
    two = run_folder(tmp_path / "b", [0.6, 0.5, 0.2, 0.8], [0, 1, 0, 1], ["x"] * 4)
    main(["report", f"runs=[{one},{two}]", "names=[a,b]", f"out={tmp_path / 'r.html'}", f"tables={tmp_path / 't'}"])
    pairs = pd.read_csv(tmp_path / "t" / "pairs.csv")
    assert len(pairs) == 1 and pairs.loc[0, "hips"] == 4
    assert pairs.loc[0, "roc_auc_difference"] == pytest.approx(0.25)


def test_runs_of_two_tasks_are_not_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = run_folder(tmp_path / "a", [0.1, 0.9], [0, 1], ["x"] * 2)
    other = tmp_path / "b"
    other.mkdir()
    pd.DataFrame({"sample": ["x/a/b"], "dice_head": [0.9]}).to_csv(other / "test_cases.csv", index=False)
    (other / "summary.json").write_text("{}\n")
    with pytest.raises(SystemExit):
        main(["report", f"runs=[{one},{other}]", f"out={tmp_path / 'r.html'}", f"tables={tmp_path / 't'}"])
    assert "compare runs of one task" in capsys.readouterr().err
