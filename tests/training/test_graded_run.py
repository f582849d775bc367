"""Graded pictures from a folder to a trained, tested and applied network, and every option that only they have."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
import pytest
import torch
from drawn_pelvis import draw_scan
from graded_pictures import write_graded
from monai.networks.nets import resnet18

import hipseg
from hipseg.commands import main
from hipseg.io.nifti import write_nifti
from hipseg.io.series_writer import SeriesHeader, write_slices
from hipseg.transforms.film import prepare_as

SMALL = ("data.dataset.pixels=48", "data.batch_size=8", "data.workers=0", "trainer.max_epochs=1")
RECIPES = {
    "osteoarthritis": ("mixture=both_coarse", "loss=focal", "grading=ordinal"),
    "osteoarthritis_study": ("mixture=xray_coarse",),
}
GRADINGS = ("kl", "kl_study", "binary", "ordinal")
MIXTURES = ("xray", "xray_coarse", "both", "both_coarse", "ct_ap")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two stores of pictures, of which one has four grades more of 0 and 1, and the split of both."""
    folder = tmp_path_factory.mktemp("graded")
    for name, subjects in (("xray", 18), ("ct_ap", 12)):
        table = write_graded(folder / name, subjects)
        main(["convert", "source=graded", f"source.dataset={name}", "source.subject=subject", f"input={table}",
              f"store={folder / name}.h5", "workers=0"])  # fmt: skip
    stores = f"[{folder / 'xray.h5'},{folder / 'ct_ap.h5'}]"
    main(["split", f"store={stores}", f"out={folder / 'split.csv'}", "ratios=[0.5,0.3,0.2]"])
    return folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    with mock.patch.dict(os.environ):
        yield tmp_path


def _train(folder: Path, out: Path, *more: str) -> pd.DataFrame:
    stores = f"[{folder / 'xray.h5'},{folder / 'ct_ap.h5'}]"
    main(["train", f"data.store={stores}", f"data.split={folder / 'split.csv'}", f"out={out}", *SMALL, *more])
    return pd.read_csv(out / "test_cases.csv")


@pytest.fixture(scope="module")
def run(folder: Path) -> Path:
    """A network that has learnt what grade 2 and more look like."""
    out = folder / "run"
    with mock.patch.dict(os.environ):
        _train(folder, out, "experiment=osteoarthritis", "model.width=16", "trainer.max_epochs=8", "optimizer.lr=2e-3")
    return out


def test_a_spot_that_makes_the_grade_is_learnt(run: Path) -> None:
    summary, cases = json.loads((run / "summary.json").read_text()), pd.read_csv(run / "test_cases.csv")
    assert summary["test/roc_auc"] > 0.9 and summary["test/roc_auc_low"] <= summary["test/roc_auc"]
    assert ((cases["grade"] >= 2) == (cases["positive"] == 1)).all() and (cases["grade"] != 1).all()
    assert ((cases["probability"] >= cases["threshold"]) == (cases["predicted"] == 1)).all()
    table = pd.read_csv(run / "table_classes.csv")
    assert table["tested on"].tolist()[:3] == ["ct_ap", "xray", "all"]
    for name in ("curves_of_classes", "calibration", "confusion", "curves"):
        assert (run / "figures" / f"{name}.png").is_file()


def test_the_threshold_was_chosen_on_validation_and_comes_with_the_checkpoint(run: Path, folder: Path) -> None:
    task = hipseg.load(run / "checkpoints" / "best.ckpt")
    cases = pd.read_csv(run / "test_cases.csv")
    assert float(task.threshold) == pytest.approx(cases["threshold"].iloc[0], rel=1e-5)
    out = folder / "on_validation"
    split = pd.read_csv(folder / "split.csv", dtype=str)
    turned = split.assign(subset=split["subset"].map({"val": "test", "test": "train", "train": "train"}))
    turned.to_csv(folder / "turned.csv", index=False)
    stores = f"[{folder / 'xray.h5'},{folder / 'ct_ap.h5'}]"
    with mock.patch.dict(os.environ):
        main(["evaluate", f"checkpoint={run / 'checkpoints/best.ckpt'}", f"data.store={stores}", "data.workers=0",
              f"data.split={folder / 'turned.csv'}", "evaluation=classification", f"out={out}"])  # fmt: skip
    found = pd.read_csv(out / "test_cases.csv")
    positive = found["positive"] == 1

    def youden(threshold: float) -> float:
        called = found["probability"] >= threshold
        return float(called[positive].mean() - called[~positive].mean())

    assert youden(float(task.threshold)) == pytest.approx(max(map(youden, found["probability"])), abs=1e-6)


def test_pictures_are_graded_with_what_their_grade_depends_on(run: Path, folder: Path, here: Path) -> None:
    main(
        ["predict", f"checkpoint={run / 'checkpoints/best.ckpt'}", f"input={folder / 'ct_ap'}", "out=out", "heat=false"]
    )
    found = pd.read_csv("out/predictions.csv").set_index("file")
    grades = pd.read_csv(folder / "ct_ap" / "grades.csv").set_index("image")["grade"]
    assert (found["status"] == "ok").all() and set(found.index) == set(grades.index)
    diseased = grades[found.index] >= 2
    assert found.loc[diseased, "probability"].mean() > found.loc[~diseased, "probability"].mean() + 0.3
    one = next(iter(grades.index))
    main(["predict", f"checkpoint={run / 'checkpoints/best.ckpt'}", f"input={folder / 'ct_ap' / one}", "out=one"])
    assert (here / "one" / "figures" / f"{one}.png").is_file()
    assert f'src="figures/{one}.png"' in (here / "one" / "heat.html").read_text()
    assert not (here / "out" / "heat.html").exists()


def test_what_is_no_picture_has_a_status_and_no_numbers(run: Path, here: Path) -> None:
    (here / "in").mkdir()
    (here / "in" / "a.png").write_bytes(b"nothing")
    main(["predict", f"checkpoint={run / 'checkpoints/best.ckpt'}", "input=in", "out=out"])
    found = pd.read_csv("out/predictions.csv")
    assert found["status"].tolist() == ["truncated"] and found["probability"].isna().all()


def test_joint_space_width_is_tried_on_the_same_hips(run: Path, folder: Path, here: Path) -> None:
    split = pd.read_csv(folder / "split.csv", dtype=str)
    grades = pd.concat(
        [pd.read_csv(folder / name / "grades.csv", dtype=str).assign(cohort=name) for name in ("xray", "ct_ap")]
    )
    grades["key"] = [f"{c}/{s}/{i[:-4]}" for c, s, i in grades[["cohort", "subject", "image"]].to_numpy()]
    grades["mjsw_mm"] = np.where(grades["grade"].astype(int) >= 2, 1.5, 4.0)
    grades[["key", "mjsw_mm"]].to_csv("widths.csv", index=False)
    stores = f"[{folder / 'xray.h5'},{folder / 'ct_ap.h5'}]"
    given = (f"data.store={stores}", f"data.split={folder / 'split.csv'}", "annotations=widths.csv")
    main(["evaluate", f"checkpoint={run / 'checkpoints/best.ckpt'}", *given, "data.workers=0",
          "evaluation=classification", "out=ev"])  # fmt: skip
    summary = json.loads((here / "ev" / "summary.json").read_text())
    assert summary["test/width_roc_auc"] == 1 and summary["test/width_threshold_mm"] == pytest.approx(2.75)
    assert len(split) and pd.read_csv("ev/table_width.csv")["accuracy"].iloc[1] == 1


@pytest.mark.parametrize(("experiment", "more"), RECIPES.items(), ids=RECIPES)
def test_every_recipe_trains(experiment: str, more: tuple[str, ...], folder: Path, here: Path) -> None:
    cases = _train(
        folder, here / "run", f"experiment={experiment}", *more, "model.width=4", "trainer.limit_train_batches=2"
    )
    assert np.isfinite(cases["probability"]).all()


@pytest.mark.parametrize(
    "choice", [*(f"grading={name}" for name in GRADINGS), *(f"mixture={name}" for name in MIXTURES)]
)
def test_every_choice_of_grades_and_cohorts_trains(choice: str, folder: Path, here: Path) -> None:
    cases = _train(
        folder, here / "run", "experiment=osteoarthritis", choice, "model.width=4", "trainer.limit_train_batches=1"
    )
    assert np.isfinite(cases["probability"]).all()


def test_public_weights_come_from_a_local_file(folder: Path, here: Path) -> None:
    public = resnet18(spatial_dims=2, n_input_channels=3, conv1_t_stride=2, bias_downsample=False, num_classes=1000)
    torch.save(public.state_dict(), here / "resnet18.pth")
    _train(
        folder,
        here / "run",
        "experiment=osteoarthritis",
        "model.weights=resnet18.pth",
        "optimizer.lr=0",
        "data.workers=0",
    )
    kept = hipseg.load(here / "run" / "checkpoints" / "best.ckpt")
    torch.testing.assert_close(
        kept.network.state_dict()["layer3.0.conv1.weight"], public.state_dict()["layer3.0.conv1.weight"]
    )
    assert kept.record["model"]["weights"] is None


def test_a_stratified_split_gives_each_part_its_share_of_cohorts(folder: Path, here: Path) -> None:
    stores = f"[{folder / 'xray.h5'},{folder / 'ct_ap.h5'}]"
    main(["split", f"store={stores}", "out=s.csv", "stratify=true", "ratios=[0.5,0.25,0.25]"])
    table = pd.read_csv("s.csv")
    parts = table["sample"].str.split("/", expand=True)
    subjects = table.assign(cohort=parts[0], subject=parts[1]).drop_duplicates(["cohort", "subject"])
    counts = pd.crosstab(subjects["cohort"], subjects["subset"])
    wanted = {"xray": 18, "ct_ap": 12}
    for cohort, count in wanted.items():
        assert counts.loc[cohort].sum() == count
        assert abs(counts.loc[cohort, "train"] - count / 2) <= 2


def test_grades_that_make_one_class_end_in_a_sentence(
    folder: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        _train(folder, here / "run", "experiment=osteoarthritis", "data.dataset.grades=[[0],[9]]")
    assert (
        "no hip of class osteoarthritis is there to train on; the store's grades are 0, 1, 2, 3, 4"
        in capsys.readouterr().err
    )


def test_stores_with_grades_alone_are_not_segmented(
    folder: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["split", f"store={folder / 'xray.h5'}", "out=split.csv"])
    with pytest.raises(SystemExit):
        main(["train", f"data.store={folder / 'xray.h5'}", "data.split=split.csv", "experiment=nnunet", "out=run",
              "data.dataset.patch=[16,16]", "data.dataset.spacing_mm=[1,1]", "plan=null", "model=unet",
              "data.dataset.normalisation=zscore", "inferer.window=[16,16]", "data.batch_size=2"])  # fmt: skip
    assert "images have a grade and no mask; train on grades with experiment=osteoarthritis" in capsys.readouterr().err


class _Finder:
    """Knows one hip of a film."""

    def __init__(self, head_mm: tuple[float, float]) -> None:
        self._head_mm = head_mm

    def prepare(self, pixels: Any, film: Any, padding: Any = None) -> Any:
        """As a network's films are prepared."""
        return prepare_as({"rows": 512, "columns": 512, "spacing_mm": 0.9}, pixels, film, padding, any_size=True)

    def find(self, prepared: Any) -> dict[str, Any]:
        """The right hip's head, and no left one."""
        return {"right": self._head_mm, "left": None}


def test_the_hips_of_a_film_are_graded_where_heads_are_found(
    run: Path, cohort: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = pd.read_csv(cohort.parent / f"{cohort.name}.truth.csv")
    row = truth[(truth["side"] == "right") & truth["mjsw_mm"].notna()].iloc[0]
    head = tuple(float(row[[f"{axis}{i}" for i in range(18, 28)]].mean()) for axis in "xy")
    monkeypatch.setattr("hipseg.commands.predict.network_locator", lambda *_: _Finder(head))
    checkpoint = run / "checkpoints" / "best.ckpt"
    film = cohort / row["file"]
    main(["predict", f"checkpoint={checkpoint}", f"locator={checkpoint}", f"input={film}", "out=out"])
    found = pd.read_csv("out/predictions.csv").set_index("side")
    assert found.loc["right", "status"] == "ok" and 0 <= found.loc["right", "probability"] <= 1
    assert found.loc["left", "status"] == "not_located" and np.isnan(found.loc["left", "probability"])
    assert (here / "out" / "figures" / f"{film.name}_right.png").is_file()
    main(["predict", f"checkpoint={checkpoint}", f"input={film}", "out=without"])
    assert pd.read_csv("without/predictions.csv")["status"].tolist() == ["no_locator"]


def test_the_hips_of_a_scan_are_graded_as_they_are_seen_from_in_front(run: Path, here: Path) -> None:
    scan = draw_scan(2).scan
    (here / "in").mkdir()
    write_nifti(here / "in" / "a.nii.gz", scan.values, scan.grid)
    write_nifti(here / "in" / "cut.nii.gz", scan.values[:60], replace(scan.grid, shape=(60, *scan.grid.shape[1:])))
    header = SeriesHeader("S", "20200101", "F", 60, 2, "B30", 120, 0.0, "x")
    (here / "in" / "b").mkdir()
    write_slices(here / "in" / "b", header, scan.values, scan.grid, [(f"I{n:03d}", n) for n in range(len(scan.values))])
    main(["predict", f"checkpoint={run / 'checkpoints' / 'best.ckpt'}", "input=in", "out=out"])
    found = pd.read_csv("out/predictions.csv").set_index(["file", "side"])
    assert found.loc[("cut.nii.gz", np.nan), "status"] == "pelvis_cut"
    for side in ("right", "left"):
        assert found.loc[("a.nii.gz", side), "status"] == "ok"
        probability = found.loc[("a.nii.gz", side), "probability"]
        assert probability == pytest.approx(found.loc[("b", side), "probability"], abs=1e-3)
        assert (here / "out" / "figures" / f"a.nii.gz_{side}.png").is_file()
    assert (here / "out" / "figures" / "a.nii.gz_from_in_front.png").is_file()
    assert len(found) == 5
