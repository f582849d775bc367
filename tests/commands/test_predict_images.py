"""Checkpoints of images applied to files: label maps of each image's own size, by one network or several."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
import torch
from console import sentence
from image_runs import SIZES, SPACING, disc, planned, small_run
from small_images import write

from hipseg.commands import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folds, trained for one epoch each, in `folds`."""
    made = planned(tmp_path_factory.mktemp("predicted"))
    main(["train", *small_run(made, "data.fold=0,1", "-m", f"out={made / 'folds'}")])
    return made


def _checkpoint(folder: Path, fold: int) -> Path:
    return folder / "folds" / str(fold) / "checkpoints" / "best.ckpt"


def _predict(folder: Path, checkpoint: str, images: Path, out: Path, *more: str) -> pd.DataFrame:
    main(["predict", f"checkpoint={checkpoint}", f"input={images}", f"out={out}", *more])
    return pd.read_csv(out / "predictions.csv", keep_default_na=False)


def _labels(path: Path) -> np.ndarray:
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def _probabilities(folder: Path, fold: int, image: np.ndarray) -> torch.Tensor:
    """What a fold says of an image of the planned spacing."""
    from hipseg.checkpoint import load

    pixels = image.astype(np.float64)
    seen = torch.from_numpy((pixels - pixels.mean()) / pixels.std()).float()[None, None]
    with torch.inference_mode():
        return load(_checkpoint(folder, fold)).eval()(seen)[0]


def test_label_maps_have_each_images_own_size(folder: Path, tmp_path: Path) -> None:
    images = folder / "Dataset001_discs" / "imagesTr"
    table = _predict(folder, str(_checkpoint(folder, 0)), images, tmp_path / "out", SPACING)
    assert list(table) == ["file", "size_disc", "size_core", "unit", "spacing_mm", "status"]
    assert table["file"].tolist() == [f"case{number}_0000.png" for number in range(6)]
    assert (table["status"] == "ok").all()
    assert (table["unit"] == "mm2").all()
    assert (table["spacing_mm"] == "0.5 x 0.5").all()
    for number in range(6):
        labels = _labels(tmp_path / "out" / "labels" / f"case{number}_0000.png")
        assert labels.shape == SIZES[number]
        assert set(np.unique(labels).tolist()) <= {0, 1, 2}
        for label, name in ((1, "disc"), (2, "core")):
            area = float(table[f"size_{name}"][number])
            assert area == pytest.approx((labels == label).sum() * 0.25, abs=1e-3)
        assert list((tmp_path / "out" / "figures").glob(f"case{number}_0000*"))


def test_a_label_map_is_what_the_network_says(folder: Path, tmp_path: Path) -> None:
    image, _ = disc(6)
    write(tmp_path / "in" / "x.png", image)
    _predict(folder, str(_checkpoint(folder, 0)), tmp_path / "in", tmp_path / "out", SPACING)
    expected = _probabilities(folder, 0, image).argmax(0).numpy()
    assert (_labels(tmp_path / "out" / "labels" / "x.png") == expected).mean() > 0.998


def test_of_two_checkpoints_the_mean_probability_decides(folder: Path, tmp_path: Path) -> None:
    both = f"[{_checkpoint(folder, 0)},{_checkpoint(folder, 1)}]"
    image, _ = disc(7)
    write(tmp_path / "in" / "x.png", image)
    _predict(folder, both, tmp_path / "in", tmp_path / "out", SPACING)
    found = _labels(tmp_path / "out" / "labels" / "x.png")
    alone = [_probabilities(folder, fold, image) for fold in (0, 1)]
    expected = ((alone[0] + alone[1]) / 2).argmax(0).numpy()
    assert (found == expected).mean() > 0.998
    assert not all(np.array_equal(found, one.argmax(0).numpy()) for one in alone)


def test_a_checkpoint_twice_is_the_checkpoint_once(folder: Path, tmp_path: Path) -> None:
    write(tmp_path / "in" / "x.png", disc(6)[0])
    once = str(_checkpoint(folder, 1))
    for name, checkpoint in (("once", once), ("twice", f"[{once},{once}]")):
        _predict(folder, checkpoint, tmp_path / "in", tmp_path / name, SPACING)
    assert np.array_equal(*(_labels(tmp_path / name / "labels" / "x.png") for name in ("once", "twice")))


def test_an_image_of_another_spacing_is_answered_on_its_own_pixels(folder: Path, tmp_path: Path) -> None:
    image = disc(6)[0].repeat(3, axis=0).repeat(2, axis=1)  # pixels of a third and half the size
    write(tmp_path / "in" / "x.nii.gz", image, (0.5 / 3, 0.25))
    write(tmp_path / "plain" / "x.png", disc(6)[0])
    table = _predict(folder, str(_checkpoint(folder, 0)), tmp_path / "in", tmp_path / "out")
    coarse = _predict(folder, str(_checkpoint(folder, 0)), tmp_path / "plain", tmp_path / "coarse", SPACING)
    written = sitk.ReadImage(str(tmp_path / "out" / "labels" / "x.nii.gz"))
    assert sitk.GetArrayFromImage(written).shape == image.shape
    assert written.GetSpacing() == pytest.approx((0.25, 0.5 / 3), abs=1e-5)
    wide = SIZES[6][0] * SIZES[6][1] * 0.25
    for name in ("disc", "core"):
        assert float(table[f"size_{name}"][0]) == pytest.approx(float(coarse[f"size_{name}"][0]), abs=0.08 * wide)


def test_folders_stay_folders_and_other_files_are_passed_over(folder: Path, tmp_path: Path) -> None:
    write(tmp_path / "in" / "a" / "x.png", disc(6)[0])
    write(tmp_path / "in" / "b" / "x.tif", disc(7)[0])
    (tmp_path / "in" / "a" / "x.json").write_text("{}")
    table = _predict(folder, str(_checkpoint(folder, 0)), tmp_path / "in", tmp_path / "out", SPACING)
    assert table["file"].tolist() == ["a/x.png", "b/x.tif"]
    assert _labels(tmp_path / "out" / "labels" / "a" / "x.png").shape == SIZES[6]
    assert _labels(tmp_path / "out" / "labels" / "b" / "x.tif").shape == SIZES[7]


def test_what_can_not_be_segmented_has_a_status_of_its_own(folder: Path, tmp_path: Path) -> None:
    images = tmp_path / "in"
    write(images / "a_good.png", disc(6)[0])
    write(images / "b_flat.png", np.full((30, 30), 7, np.uint8))
    red = disc(6)[0]
    write(images / "c_colours.png", np.stack([red, red // 2, red // 4], axis=-1), colours=True)
    (images / "d_broken.png").write_bytes(b"no image")
    (images / "e_notes.pdf").write_bytes(b"%PDF")
    write(images / "f_solid.nii.gz", np.random.default_rng(0).integers(0, 9, (4, 8, 8)).astype(np.uint8))
    table = _predict(folder, str(_checkpoint(folder, 0)), images, tmp_path / "out", SPACING).set_index("file")
    assert table["status"].to_dict() == {
        "a_good.png": "ok", "b_flat.png": "constant", "c_colours.png": "channels_differ", "d_broken.png": "truncated",
        "e_notes.pdf": "unknown_format", "f_solid.nii.gz": "axes_differ",
    }  # fmt: skip
    assert [path.name for path in (tmp_path / "out" / "labels").rglob("*.*")] == ["a_good.png"]


def test_without_a_spacing_an_image_is_not_segmented(folder: Path, tmp_path: Path) -> None:
    write(tmp_path / "in" / "x.png", disc(6)[0])
    table = _predict(folder, str(_checkpoint(folder, 0)), tmp_path / "in", tmp_path / "out")
    assert table["status"].tolist() == ["spacing_missing"]


def test_a_sidecars_spacing_counts_as_it_does_to_convert(folder: Path, tmp_path: Path) -> None:
    write(tmp_path / "in" / "x.png", disc(6)[0])
    (tmp_path / "in" / "x.json").write_text('{"spacing": [0.5, 0.5]}')
    table = _predict(folder, str(_checkpoint(folder, 0)), tmp_path / "in", tmp_path / "out")
    assert table["status"].tolist() == ["ok"]


def test_one_spacing_counts_for_every_axis_as_it_does_to_convert(folder: Path, tmp_path: Path) -> None:
    write(tmp_path / "in" / "x.png", disc(6)[0])
    options = [tmp_path / "in", tmp_path / "out", "spacing_mm=[0.5]"]
    table = _predict(folder, str(_checkpoint(folder, 0)), *options)  # type: ignore[arg-type]
    assert table["status"].tolist() == ["ok"]


def test_images_of_one_name_and_different_kinds_have_label_maps_of_their_own(folder: Path, tmp_path: Path) -> None:
    write(tmp_path / "in" / "x.png", disc(6)[0])
    write(tmp_path / "in" / "x.bmp", disc(7)[0])
    table = _predict(folder, str(_checkpoint(folder, 0)), tmp_path / "in", tmp_path / "out", SPACING)
    assert table["status"].tolist() == ["ok", "ok"]
    maps = [_labels(path).shape for path in (tmp_path / "out" / "labels").iterdir()]
    assert sorted(maps) == sorted([SIZES[6], SIZES[7]])


def _refused(arguments: list[str], key: str, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main(["predict", *arguments])
    return sentence(capsys.readouterr().err, key)


def test_a_folder_of_predictions_is_not_written_over(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    write(tmp_path / "in" / "x.png", disc(6)[0])
    arguments = [f"checkpoint={_checkpoint(folder, 0)}", f"input={tmp_path / 'in'}", f"out={tmp_path / 'out'}", SPACING]
    main(["predict", *arguments])
    before = (tmp_path / "out" / "predictions.csv").read_bytes()
    assert "holds predictions already" in _refused(arguments, "out", capsys)
    assert (tmp_path / "out" / "predictions.csv").read_bytes() == before


def test_what_was_predicted_is_not_predicted_again(folder: Path, tmp_path: Path) -> None:
    write(tmp_path / "in" / "x.png", disc(6)[0])
    _predict(folder, str(_checkpoint(folder, 0)), tmp_path / "in", tmp_path / "in" / "out", SPACING)
    table = _predict(folder, str(_checkpoint(folder, 1)), tmp_path / "in", tmp_path / "in" / "more", SPACING)
    assert table["file"].tolist() == ["x.png"]


def test_checkpoints_of_different_plans_are_not_averaged(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    main(["train", *small_run(folder, "data.fold=0", "data.dataset.spacing_mm=[1.0,1.0]", f"out={tmp_path / 'other'}")])
    write(tmp_path / "in" / "x.png", disc(6)[0])
    other = tmp_path / "other" / "checkpoints" / "best.ckpt"
    arguments = [f"checkpoint=[{_checkpoint(folder, 0)},{other}]", f"input={tmp_path / 'in'}", f"out={tmp_path / 'o'}"]
    assert "average runs of one store and one plan" in _refused(arguments, "checkpoint", capsys)


def test_an_empty_folder_is_refused(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    arguments = [f"checkpoint={_checkpoint(folder, 0)}", f"input={tmp_path / 'in'}", f"out={tmp_path / 'o'}"]
    assert "there is no image" in _refused(arguments, "input", capsys)


@pytest.mark.parametrize("ending", [".nii.gz", ".mha", ".nrrd"])
@pytest.mark.parametrize("slices", [True, False])
def test_a_label_map_lies_where_its_image_does(folder: Path, tmp_path: Path, ending: str, slices: bool) -> None:
    """Axes, spacing, origin and directions are the file's, so that a viewer lays one over the other."""
    pixels = disc(2)[0].astype(np.float32)
    image = sitk.GetImageFromArray(pixels[None] if slices else pixels)
    image.SetSpacing((0.5, 0.5, 3.0)[: image.GetDimension()])
    image.SetOrigin((-12.0, 30.5, 7.0)[: image.GetDimension()])
    image.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1) if slices else (-1, 0, 0, -1))
    (tmp_path / "images").mkdir()
    sitk.WriteImage(image, str(tmp_path / "images" / f"a{ending}"))
    written = sitk.ReadImage(str(tmp_path / "images" / f"a{ending}"))
    table = _predict(folder, str(_checkpoint(folder, 0)), tmp_path / "images", tmp_path / "out")
    assert table["status"].tolist() == ["ok"]
    found = sitk.ReadImage(str(tmp_path / "out" / "labels" / f"a{ending}"))
    assert found.GetSize() == written.GetSize()
    for ours, theirs in (
        (found.GetSpacing(), written.GetSpacing()), (found.GetOrigin(), written.GetOrigin()),
        (found.GetDirection(), written.GetDirection()),
    ):  # fmt: skip
        assert ours == pytest.approx(theirs, abs=1e-6)
    rows = sitk.GetArrayFromImage(found).reshape(pixels.shape)
    said = _probabilities(folder, 0, pixels).argmax(dim=0).numpy()
    assert (rows == said).mean() > 0.999
