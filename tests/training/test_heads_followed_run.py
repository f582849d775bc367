"""A network that sees windows around heads, and what finds them, from training to prediction."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hydra import compose, initialize_config_dir
from small_films import write_film
from test_one_run import files

from hipseg.checkpoint import load
from hipseg.commands import main
from hipseg.config import conf_folder
from hipseg.data.store import Store

WINDOW = (
    "crop=head", "head_finder=overview", "overview_augmentation=anywhere", "data.dataset.crop.rows=96",
    "data.dataset.crop.columns=64", "data.dataset.crop_jitter_px=6", "head_finder.features=[4,8,8]",
)  # fmt: skip


def options(store: Path, split: Path, *more: str) -> list[str]:
    return [
        f"data.store={store}", f"data.split={split}", "data.train_size=8", "data.val_size=4", "data.batch_size=4",
        "data.workers=0", "model.channels=[4,8]", "model.strides=[2]", "trainer.max_epochs=1",
        "trainer.precision=32-true", "evaluation.joint_space.pictures=1", *WINDOW, *more,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, store: Path, split: Path) -> Path:
    """Trained for one epoch; it takes whatever place is likeliest for a head."""
    folder = tmp_path_factory.mktemp("followed") / "run"
    main(["train", *options(store, split, "head_finder.least=0.001", f"out={folder}")])
    return folder


@pytest.fixture(scope="module")
def fine(tmp_path_factory: pytest.TempPathFactory, cohort: Path) -> Path:
    """The cohort in finer pixels."""
    path = tmp_path_factory.mktemp("fine") / "store.h5"
    main(["preprocess", f"input={cohort}", f"store={path}", "roi=fine", "workers=2"])
    return path


@pytest.mark.parametrize(("spacing", "rows", "columns", "shrink"), [(0.9, 144, 160, 8), (0.6, 224, 240, 12)])
def test_a_window_is_as_large_in_millimetres_whatever_the_store_s_pixels(
    store: Path, fine: Path, spacing: float, rows: int, columns: int, shrink: int
) -> None:
    made = fine if spacing == 0.6 else store
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        crop = compose("train", ["experiment=transfer", f"data.store={made}"]).data.dataset
    assert Store(made).preprocessing["spacing_mm"] == spacing
    assert (crop.crop.rows, crop.crop.columns, crop.crop.shrink) == (rows, columns, shrink)
    assert abs(crop.crop_jitter_px * spacing - 9.6) < spacing and abs(crop.margin_px * spacing - 28.8) < spacing


def test_finer_films_show_the_same_hips_in_the_same_places(store: Path, fine: Path) -> None:
    both = Store(store), Store(fine)
    assert both[1].grid(0).shape == (768, 768) and list(both[1].samples["key"]) == list(both[0].samples["key"])
    for row in np.flatnonzero(both[0].samples["usable"] & both[1].samples["usable"])[:4]:
        areas = [
            np.bincount(each.label(row).ravel(), minlength=4)[1:] * each.grid(row).spacing_mm ** 2 for each in both
        ]
        np.testing.assert_allclose(areas[0], areas[1], rtol=0.12, atol=8)
        places = [each.grid(row).to_mm(each.landmarks(row)) for each in both]
        np.testing.assert_allclose(*places, atol=1e-3)


def test_a_store_without_hips_has_no_heads_to_follow(
    femurs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(["train", f"data.store={femurs}", "data.split=none.csv", "experiment=transfer"])
    assert f"data.store: {femurs} holds no hips whose heads a crop could follow" in capsys.readouterr().err


def test_a_run_learns_both_and_tests_whole_films(run: Path) -> None:
    metrics = pd.read_csv(run / "metrics.csv")
    for name in ("train/locator_loss", "val/locator_loss", "train/loss", "val/dice/mean"):
        assert np.isfinite(metrics[name].dropna()).all()
        assert metrics[name].notna().any()
    assert float(metrics["train/loss"].dropna().iloc[0]) > float(metrics["train/locator_loss"].dropna().iloc[0])
    hips = pd.read_csv(run / "test_hips.csv")
    assert len(hips) > 0
    assert {"status", "mjsw_predicted_mm", "hd95_mm_femoral_head"} <= set(hips)
    assert {"figures/hips.png", "summary.json"} <= files(run)


def test_evaluate_finds_heads_as_the_run_did(run: Path, store: Path, split: Path, tmp_path: Path) -> None:
    main([
        "evaluate", f"checkpoint={run / 'checkpoints/best.ckpt'}", f"data.store={store}", f"data.split={split}",
        "data.workers=0", "evaluation.joint_space.pictures=1", f"out={tmp_path / 'again'}",
    ])  # fmt: skip
    for name in ("test_hips.csv", "summary.json"):
        assert (tmp_path / "again" / name).read_bytes() == (run / name).read_bytes()


def test_a_checkpoint_holds_both_networks(run: Path) -> None:
    content = torch.load(run / "checkpoints/best.ckpt", weights_only=True)
    assert {name.split(".")[0] for name in content["state_dict"]} == {"network", "locator"}
    record = content["hipseg"]
    assert record["input"] == {"channels": 1, "size": None, "range": [0.0, 1.0]}
    assert record["locator"]["field"]["rows"] == record["dataset"]["crop"]["rows"] == 96
    task = load(run / "checkpoints/best.ckpt")
    with torch.inference_mode():
        said = task(torch.rand(1, 1, 300, 700))
    assert said.shape == (1, 4, 300, 700)
    assert torch.allclose(said.sum(dim=1), torch.ones(1, 300, 700), atol=1e-5)
    assert (said[0, 0] < 1).sum() <= 96 * 64


def test_without_a_head_a_hip_is_not_located(run: Path, tmp_path: Path) -> None:
    """The same weights, which want more certainty than so little training gives."""
    content = torch.load(run / "checkpoints/best.ckpt", weights_only=True)
    content["hipseg"]["locator"]["least"] = 1.0
    torch.save(content, tmp_path / "strict.ckpt")
    write_film(tmp_path / "films", "0000001")
    main(["predict", f"checkpoint={tmp_path / 'strict.ckpt'}", f"input={tmp_path / 'films'}",
          "limits.spacing_mm=[0.02,5]", f"out={tmp_path / 'out'}"])  # fmt: skip
    table = pd.read_csv(tmp_path / "out/predictions.csv", keep_default_na=False)
    films = table[table["side"] != ""]
    assert films[["side", "status"]].to_numpy().tolist() == [["right", "not_located"], ["left", "not_located"]]
    assert (films["mjsw_mm"] == "").all()


@pytest.mark.parametrize("key", ["_target_", "least", "features", "field"])
def test_a_damaged_description_of_the_locator_is_one_sentence(
    key: str, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = torch.load(run / "checkpoints/best.ckpt", weights_only=True)
    content["hipseg"]["locator"][key] = {"_target_": "os.getcwd", "least": "much"}.get(key, [])
    torch.save(content, tmp_path / "bad.ckpt")
    write_film(tmp_path / "films", "0000001")
    with pytest.raises(SystemExit):
        main(["predict", f"checkpoint={tmp_path / 'bad.ckpt'}", f"input={tmp_path}/films", f"out={tmp_path}/out"])
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "bad.ckpt" in said
    assert "locator" in said or "damaged" in said


def test_windows_without_what_finds_heads_are_refused(
    store: Path, split: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["train", f"data.store={store}", f"data.split={split}", "experiment=transfer", "head_finder=null",
              f"out={tmp_path / 'run'}"])  # fmt: skip
    assert "give head_finder=overview" in capsys.readouterr().err


def test_training_goes_on_from_both(run: Path, store: Path, split: Path, tmp_path: Path) -> None:
    """With a rate of next to nothing the weights stay what they were."""
    main(["train", *options(store, split, f"pretrained={run / 'checkpoints/last.ckpt'}", "optimizer.lr=1e-12",
                            f"out={tmp_path / 'on'}")])  # fmt: skip
    before, after = (
        torch.load(folder / "checkpoints/last.ckpt", weights_only=True)["state_dict"]
        for folder in (run, tmp_path / "on")
    )
    for name, weights in before.items():
        assert torch.allclose(weights, after[name], atol=1e-6), name


def test_the_summary_counts_what_was_not_found(run: Path) -> None:
    summary, hips = json.loads((run / "summary.json").read_text()), pd.read_csv(run / "test_hips.csv")
    assert summary["mjsw/measured"] + summary["mjsw/failed"] == len(hips)
