"""Images of one's own from a folder to a tested run, by the commands a user gives."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from console import sentence
from image_runs import SIZES, SPACING, planned, small_run
from scipy.ndimage import label as parts_of
from skimage.io import imread

from hipseg.commands import main
from hipseg.data.image_store import ImageStore
from hipseg.metrics.boundary import boundary_quality


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store, its split with two folds and its plan."""
    made = planned(tmp_path_factory.mktemp("images"))
    return made


@pytest.fixture(scope="module")
def run(folder: Path) -> Path:
    """Fold 0, trained for one epoch."""
    main(["train", *small_run(folder, "data.fold=0", f"out={folder / 'run'}")])
    return folder / "run"


@pytest.fixture(scope="module")
def folds(folder: Path) -> Path:
    """Both folds, swept."""
    main(["train", *small_run(folder, "data.fold=0,1", "-m", f"out={folder / 'folds'}")])
    return folder / "folds"


def test_the_split_is_the_datasets_with_folds(folder: Path) -> None:
    split = pd.read_csv(folder / "split.csv")
    assert split.loc[split["subset"] == "test", "sample"].tolist() == [
        f"Dataset001_discs/case{number}/case{number}" for number in (6, 7)
    ]
    assert split["fold"].value_counts().to_dict() == {0: 3, 1: 3, -1: 2}


def test_the_plan_follows_from_the_training_images_alone(folder: Path) -> None:
    plan = yaml.safe_load((folder / "plan.yaml").read_text())
    rows, columns = (sorted(size[axis] for size in SIZES[:6]) for axis in range(2))
    assert plan["median_size"] == [int((rows[2] + rows[3]) / 2), int((columns[2] + columns[3]) / 2)]
    assert (plan["spacing_mm"], plan["channels"], plan["batch_size"]) == ([0.5, 0.5], 1, 2)
    assert "6 training images for 8 GB" in (folder / "plan.yaml").read_text()


def test_a_run_leaves_its_tables_and_pictures(run: Path) -> None:
    for name in ("checkpoints/best.ckpt", "checkpoints/last.ckpt", "summary.json", "metrics.csv", "test_cases.csv"):
        assert (run / name).is_file()
    assert (run / "figures" / "cases.png").is_file()
    cases = pd.read_csv(run / "test_cases.csv")
    assert cases["sample"].tolist() == [f"Dataset001_discs/case{number}/case{number}" for number in (6, 7)]
    measures = ("dice", "hd95_mm", "assd_mm", "surface_dice")
    assert {f"{measure}_{label}" for measure in measures for label in ("disc", "core")} <= set(cases)
    summary = json.loads((run / "summary.json").read_text())
    for label in ("disc", "core"):
        assert summary[f"test/dice/{label}"] == pytest.approx(cases[f"dice_{label}"].mean(), abs=1e-5)


def test_metrics_say_the_learning_rate_and_losses(run: Path) -> None:
    metrics = pd.read_csv(run / "metrics.csv")
    for name in ("train/loss", "val/loss", "val/dice/mean", "test/dice/mean"):
        assert np.isfinite(metrics[name].dropna()).all()
        assert metrics[name].notna().any()


def test_a_checkpoint_knows_its_labels_and_its_spacing(run: Path) -> None:
    from hipseg.checkpoint import load

    record = load(run / "checkpoints" / "best.ckpt").record
    assert list(record["label_names"]) == ["background", "disc", "core"]
    assert list(record["dataset"]["spacing_mm"]) == [0.5, 0.5]
    assert record["input"]["channels"] == 1


def test_evaluate_says_what_the_run_said(folder: Path, run: Path, tmp_path: Path) -> None:
    main([
        "evaluate", f"checkpoint={run / 'checkpoints' / 'best.ckpt'}", f"data.store={folder / 's.h5'}",
        f"data.split={folder / 'split.csv'}", "data.workers=0", "evaluation=overlap", f"out={tmp_path / 'again'}",
    ])  # fmt: skip
    for name in ("test_cases.csv", "summary.json"):
        assert (tmp_path / "again" / name).read_bytes() == (run / name).read_bytes()


def test_of_several_folds_the_mean_probability_is_tested(folder: Path, folds: Path, tmp_path: Path) -> None:
    from hipseg.checkpoint import load
    from hipseg.inference.sliding_window import SlidingWindow

    paths = [folds / fold / "checkpoints" / "best.ckpt" for fold in ("0", "1")]
    main([
        "evaluate", f"checkpoint=[{paths[0]},{paths[1]}]", f"data.store={folder / 's.h5'}",
        f"data.split={folder / 'split.csv'}", "data.workers=0", "evaluation=overlap", f"out={tmp_path / 'mean'}",
    ])  # fmt: skip
    store, cases = ImageStore(folder / "s.h5"), pd.read_csv(tmp_path / "mean" / "test_cases.csv").set_index("sample")
    networks, window = [load(path).eval().network for path in paths], SlidingWindow([32, 32])
    for key in cases.index:
        row = store.rows_by_key[key]
        pixels, truth = store.image(row).astype(np.float64), store.label(row)
        seen = torch.from_numpy((pixels - pixels.mean()) / pixels.std()).float()[None]
        with torch.inference_mode():
            said = [window(lambda part, own=own: own(part).softmax(1), seen)[0] for own in networks]
        found = ((said[0] + said[1]) / 2).argmax(0).numpy()
        for label, name in ((1, "disc"), (2, "core")):
            both, either = ((found == label) & (truth == label)).sum(), (found == label).sum() + (truth == label).sum()
            assert cases.loc[key, f"dice_{name}"] == pytest.approx(2 * both / either, abs=2e-3)


def test_the_table_is_that_of_a_whole_image_pass_by_hand(folder: Path, run: Path) -> None:
    from hipseg.checkpoint import load
    from hipseg.inference.sliding_window import SlidingWindow

    store, cases = ImageStore(folder / "s.h5"), pd.read_csv(run / "test_cases.csv").set_index("sample")
    task = load(run / "checkpoints" / "best.ckpt").eval()
    for key in cases.index:
        row = store.rows_by_key[key]
        pixels, truth = store.image(row).astype(np.float64), store.label(row)
        seen = torch.from_numpy((pixels - pixels.mean()) / pixels.std()).float()[None]
        window = SlidingWindow([32, 32])
        with torch.inference_mode():
            found = window(lambda part: task.network(part).softmax(1), seen)[0].argmax(0).numpy().astype(np.uint8)
        for label, name in ((1, "disc"), (2, "core")):
            both, either = ((found == label) & (truth == label)).sum(), (found == label).sum() + (truth == label).sum()
            assert cases.loc[key, f"dice_{name}"] == pytest.approx(2 * both / either, abs=2e-3)
            quality = boundary_quality(found, truth, label, (0.5, 0.5), 1.0)
            assert cases.loc[key, f"assd_mm_{name}"] == pytest.approx(quality.assd_mm, abs=0.05)


def test_the_same_run_twice_ends_alike(folder: Path, run: Path, tmp_path: Path) -> None:
    main(["train", *small_run(folder, "data.fold=0", f"out={tmp_path / 'again'}")])
    assert (tmp_path / "again" / "test_cases.csv").read_bytes() == (run / "test_cases.csv").read_bytes()


def test_folds_are_swept(folds: Path) -> None:
    tables = [pd.read_csv(folds / job / "test_cases.csv") for job in ("0", "1")]
    assert tables[0]["sample"].tolist() == tables[1]["sample"].tolist()
    weights = [
        torch.load(folds / job / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"] for job in ("0", "1")
    ]
    assert any(not torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_all_folds_train_together(folder: Path, tmp_path: Path) -> None:
    main(["train", *small_run(folder, "data.fold=all", f"out={tmp_path / 'all'}")])
    assert len(pd.read_csv(tmp_path / "all" / "test_cases.csv")) == 2


def test_a_network_of_another_kind_stands_in_for_the_planned_one(folder: Path, tmp_path: Path) -> None:
    options = [text for text in small_run(folder) if not text.startswith("model.")]
    main([
        "train", *options, "data.fold=0", "model=resunet", "model.channels=[4,8]", "model.strides=[2]",
        f"out={tmp_path / 'res'}",
    ])  # fmt: skip
    assert len(pd.read_csv(tmp_path / "res" / "test_cases.csv")) == 2


def test_the_planned_network_trains_as_it_is_planned(folder: Path, tmp_path: Path) -> None:
    options = [text for text in small_run(folder) if not text.startswith(("model.", "data.dataset.patch=", "inferer."))]
    few = ("data.dataset.patches_per_epoch=2", "data.dataset.val_patches=1", "data.fold=0")
    main(["train", *options, *few, f"out={tmp_path / 'planned'}"])
    plan = yaml.safe_load((folder / "plan.yaml").read_text())
    weights = torch.load(tmp_path / "planned" / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
    deepest = f"network.down.{len(plan['features']) - 1}.0.weight"
    assert weights[deepest].shape[0] == plan["features"][-1]


def _refused(arguments: list[str], key: str, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main(arguments)
    return sentence(capsys.readouterr().err, key)


def test_no_plan_is_a_sentence(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = [text for text in small_run(folder, f"out={tmp_path / 'r'}") if not text.startswith("plan=")]
    assert "make one with 'hipseg plan'" in _refused(["train", *options], "plan", capsys)


def test_a_plan_that_there_is_not_is_a_sentence(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    options = [text for text in small_run(folder, f"out={tmp_path / 'r'}") if not text.startswith("plan=")]
    said = _refused(["train", *options, f"plan={tmp_path / 'none.yaml'}"], "plan", capsys)
    assert "none.yaml" in said
    assert "hipseg plan" in said


def test_a_fold_that_there_is_not_is_a_sentence(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    said = _refused(["train", *small_run(folder, "data.fold=7", f"out={tmp_path / 'r'}")], "data.fold", capsys)
    assert "it has 0, 1" in said


def test_images_are_not_planned_for_where_nothing_trains(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    split = pd.read_csv(folder / "split.csv")
    split[split["subset"] == "test"].to_csv(tmp_path / "tests.csv", index=False)
    options = [f"store={folder / 's.h5'}", f"split={tmp_path / 'tests.csv'}", f"out={tmp_path / 'p.yaml'}"]
    assert "no training sample" in _refused(["plan", *options], "store", capsys)
    assert not (tmp_path / "p.yaml").exists()


def test_hips_are_planned_for_too(store: Path, split: Path, tmp_path: Path) -> None:
    from hipseg.data.store import Store

    main(["plan", f"store={store}", f"split={split}", f"out={tmp_path / 'plan.yaml'}"])
    plan = yaml.safe_load((tmp_path / "plan.yaml").read_text())
    hips = Store(store)
    assert plan["median_size"] == list(hips.grid(0).shape)
    assert plan["spacing_mm"] == pytest.approx([hips.grid(0).spacing_mm] * 2, abs=1e-6)


def test_components_are_chosen_on_what_each_fold_held_out(folder: Path, folds: Path, tmp_path: Path) -> None:
    """The Dice before is that of every fold's network on the other fold's cases, each looked at by hand."""
    from hipseg.checkpoint import load
    from hipseg.inference.sliding_window import SlidingWindow

    paths = [folds / fold / "checkpoints" / "best.ckpt" for fold in ("0", "1")]
    options = [f"data.store={folder / 's.h5'}", f"data.split={folder / 'split.csv'}", f"out={tmp_path / 'c.csv'}"]
    main(["components", f"checkpoint=[{paths[1]},{paths[0]}]", *options])
    table = pd.read_csv(tmp_path / "c.csv").set_index("label")
    assert table["number"].to_dict() == {"disc": 1, "core": 2}
    store, split = ImageStore(folder / "s.h5"), pd.read_csv(folder / "split.csv")
    scores: dict[int, list[float]] = {1: [], 2: []}
    for fold, path in enumerate(paths):
        network, window = load(path).eval().network, SlidingWindow([32, 32])
        for key in split.loc[split["fold"] == fold, "sample"]:
            row = store.rows_by_key[key]
            pixels, truth = store.image(row).astype(np.float64), store.label(row)
            seen = torch.from_numpy((pixels - pixels.mean()) / pixels.std()).float()[None]
            with torch.inference_mode():
                found = window(lambda part, own=network: own(part).softmax(1), seen)[0].argmax(0).numpy()
            for label, each in scores.items():
                either = (found == label).sum() + (truth == label).sum()
                each.append(2 * ((found == label) & (truth == label)).sum() / either if either else 1.0)
    for name, number in table["number"].items():
        assert table.loc[name, "dice"] == pytest.approx(np.mean(scores[number]), abs=2e-3)


@pytest.mark.parametrize(
    ("chosen", "said"), [(["0"], "fold 1 has none"), (["0", "0"], "only one of fold 0"), (["0", "all"], "data.fold=0")]
)
def test_components_want_one_checkpoint_a_fold(
    chosen: list[str], said: str, folder: Path, folds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = torch.load(folds / "1" / "checkpoints" / "best.ckpt", weights_only=True)
    content["hipseg"]["training"]["fold"] = "all"
    torch.save(content, tmp_path / "all.ckpt")
    paths = [tmp_path / "all.ckpt" if name == "all" else folds / name / "checkpoints" / "best.ckpt" for name in chosen]
    options = [f"data.store={folder / 's.h5'}", f"data.split={folder / 'split.csv'}", f"out={tmp_path / 'c.csv'}"]
    with pytest.raises(SystemExit):
        main(["components", f"checkpoint=[{','.join(map(str, paths))}]", *options])
    assert said in capsys.readouterr().err
    assert not (tmp_path / "c.csv").exists()


def test_largest_components_are_kept_where_a_person_says_so(folder: Path, run: Path, tmp_path: Path) -> None:
    checkpoint, more = f"checkpoint={run / 'checkpoints' / 'best.ckpt'}", ["postprocess=largest_components"]
    for name, options in (("as_is", []), ("largest", [*more, "postprocess.labels=[1,2]"])):
        main(["predict", checkpoint, f"input={folder / 'Dataset001_discs' / 'imagesTs'}", SPACING,
              *options, f"out={tmp_path / name}"])  # fmt: skip
    parts = {}
    for name in ("as_is", "largest"):
        maps = [imread(path) for path in sorted((tmp_path / name / "labels").glob("*.png"))]
        parts[name] = [parts_of(found == number)[1] for found in maps for number in (1, 2)]
    assert max(parts["as_is"]) > 1 >= max(parts["largest"])
