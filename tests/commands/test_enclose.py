"""Stores of what periosteal surfaces enclose, and the cascade that is trained and applied on them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from hipseg.commands import main
from hipseg.data.identity import seen_subjects
from hipseg.data.image_store import ImageStore
from hipseg.prediction.enclosed import write_enclosed

AIR = -1024
SMALL = [
    "model.features=2", "model.levels=3", "data.dataset.patch=[32,32,32]", "inferer.window=[32,32,32]",
    "data.dataset.spacing_mm=[4,4,4]", "data.dataset.patches_per_epoch=2", "data.dataset.val_patches=2",
    "trainer.max_epochs=1", "data.workers=0",
]  # fmt: skip


class Half:
    """Says that the upper or the lower half of whatever it is shown is a femur."""

    postprocess, device = None, "cpu"

    def __init__(self, upper: bool, seen: dict[str, list[str]], store: ImageStore) -> None:
        self.upper = upper
        spacing = list(store.spacing_mm(0))
        self.record: dict[str, Any] = {
            "dataset": {"spacing_mm": spacing, "normalisation": "hounsfield"}, "training": seen,
        }  # fmt: skip

    def __call__(self, image: Tensor) -> Tensor:
        said = torch.zeros(1, 3, *image.shape[2:])
        there = slice(image.shape[2] // 2, None) if self.upper else slice(None, image.shape[2] // 2)
        said[0, 1, there] = 1.0
        said[0, 0] = 1 - said[0, 1]
        return said


def test_annotated_surfaces_leave_what_they_enclose(femurs: Path, tmp_path: Path) -> None:
    out = tmp_path / "within.h5"
    main(["enclose", f"store={femurs}", f"out={out}"])
    whole, within = ImageStore(femurs), ImageStore(out)
    assert within.preprocessing["enclosed"] and within.preprocessing["masks"] == "annotated"
    assert list(within.samples["key"]) == list(whole.samples["key"])
    for row in range(len(whole.samples)):
        bone = whole.label(row) > 0
        assert np.array_equal(within.label(row), whole.label(row))
        assert np.array_equal(within.image(row)[:, bone], whole.image(row)[:, bone])
        assert (within.image(row)[:, ~bone] == AIR).all()
        assert within.spacing_mm(row) == whole.spacing_mm(row)
        assert within.source_sha256(row) == whole.source_sha256(row)


def test_of_folds_only_those_are_asked_that_have_not_learnt_from_the_subject(femurs: Path, tmp_path: Path) -> None:
    store = ImageStore(femurs)
    keys = [str(key) for key in store.samples["key"]]
    subjects = list(dict.fromkeys(key.split("/")[1] for key in keys))
    first = [key for key in keys if key.split("/")[1] == subjects[0]]
    tasks = [Half(True, seen_subjects(store, first), store), Half(False, {}, store)]
    count, known = write_enclosed(store, tasks, tmp_path / "within.h5")
    assert (count, known) == (len(keys), 0)
    within = ImageStore(tmp_path / "within.h5")
    for row, key in enumerate(keys):
        half = store.size(row)[0] // 2
        image, seen = store.image(row), within.image(row)
        if key in first:  # the network that has learnt from it says nothing
            assert (seen[:, half:] == AIR).all()
        # Elsewhere both say one half: neither is more likely than the other label, which comes first.
        assert np.array_equal(seen[:, :half], image[:, :half]) == (key in first)


def test_networks_that_have_all_learnt_from_a_femur_are_asked_and_counted(femurs: Path, tmp_path: Path) -> None:
    store = ImageStore(femurs)
    keys = [str(key) for key in store.samples["key"]]
    task = Half(True, seen_subjects(store, keys[:1]), store)
    _, known = write_enclosed(store, [task], tmp_path / "within.h5")
    assert known == sum(key.split("/")[1] == keys[0].split("/")[1] for key in keys)


def _train(store: Path, split: Path, out: Path, experiment: str) -> Path:
    main(["train", f"experiment={experiment}", f"data.store={store}", f"data.split={split}", f"out={out}", *SMALL])
    return out / "checkpoints" / "best.ckpt"


def test_a_cascade_from_both_trainings_to_new_scans(
    scans: Path, femurs: Path, femur_split: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = _train(femurs, femur_split, tmp_path / "first", "femur")
    within = tmp_path / "within.h5"
    main(["enclose", f"store={femurs}", f"checkpoint={first}", f"out={within}"])
    assert "had learnt from them" in capsys.readouterr().out
    second = _train(within, femur_split, tmp_path / "second", "femur_second")
    shutil.copytree(scans / "scans" / "S0001", tmp_path / "new" / "patient")
    given = [f"checkpoint={second}", f"input={tmp_path / 'new'}", f"out={tmp_path / 'predicted'}"]
    with pytest.raises(SystemExit):
        main(["predict", *given])
    assert "locator: " in capsys.readouterr().err
    main(["predict", *given, f"locator={first}"])
    table = pd.read_csv(tmp_path / "predicted" / "predictions.csv")
    assert list(table["side"]) == ["right", "left"]


def test_what_does_not_fit_ends_in_its_sentence(
    femurs: Path, femur_split: Path, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    within = tmp_path / "within.h5"
    main(["enclose", f"store={femurs}", f"out={within}"])
    first = _train(femurs, femur_split, tmp_path / "first", "femur")
    data = [f"data.split={femur_split}", f"out={tmp_path / 'again'}", "evaluation=femur"]
    for given, said in [
        (["enclose", f"store={store}", f"out={tmp_path / 'x.h5'}"], "holds no whole femurs"),
        (["enclose", f"store={within}", f"out={tmp_path / 'x.h5'}"], "holds no whole femurs"),
        (["enclose", f"store={femurs}", f"out={femurs}"], "is the store that is read"),
        (["evaluate", f"checkpoint={first}", f"data.store={within}", *data], "was trained on enclosed"),
        (["predict", f"checkpoint={first}", f"locator={first}", f"input={tmp_path}", f"out={tmp_path / 'p'}"],
         "needs none; leave it out"),
    ]:  # fmt: skip
        with pytest.raises(SystemExit):
            main(given)
        assert said in capsys.readouterr().err
