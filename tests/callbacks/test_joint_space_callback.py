"""The callback that measures the test set, fed with the true label maps of every hip of the phantom cohort."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from shapely import LineString, Point
from small_films import AsStored, lose_hip
from torch import Tensor, nn
from torch.nn.functional import one_hot

from hipseg.callbacks.evaluation import Evaluation
from hipseg.config import conf_folder
from hipseg.data.datamodule import StoreDataModule
from hipseg.data.datasets.hips import HipDataset
from hipseg.data.store import Store
from hipseg.errors import HipsegError
from hipseg.evaluation.joint_space import JointSpaceWidth
from hipseg.evaluation.overlap import Overlap
from hipseg.geometry.crop import Crop
from hipseg.inference.postprocess import WithoutSpecks
from hipseg.labels.curves import spline_curves
from hipseg.labels.label_map import LABEL_NAMES, draw_label_shares
from hipseg.labels.landmarks import LANDMARKS_PER_HIP
from hipseg.losses.activation import Softmax
from hipseg.measure import Method
from hipseg.measure.quality import Plausible
from hipseg.measure.reference import reference_width
from hipseg.report.hip_figures import HipPicture
from hipseg.sample import HipSample
from hipseg.tasks.segmentation import SegmentationTask

FIELD = Crop(row=160, column=0, rows=256, columns=256)
PIXEL_MM = 0.9


ANYTHING = Plausible((1, 100), 100, (-90, 90), (-90, 90), 100, 100, 360)


def _callback(
    folder: Path, pictures: int = 1, method: Method = "border", plausible: Plausible = ANYTHING,
    annotations: Path | None = None,
) -> Evaluation:  # fmt: skip
    joint = JointSpaceWidth(method, plausible, pictures, annotations)
    return Evaluation({"overlap": Overlap(1.0, 0), "joint_space": joint}, folder)


class _Saying(nn.Module):
    """A network that says the same of whatever it sees."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self._logits = logits

    def forward(self, image: Tensor) -> Tensor:
        return self._logits


class _Watching:
    """A logger that keeps what it is given."""

    def log_evaluation(self, *given: Any) -> None:
        self.given = given


def _evaluate(data: StoreDataModule, folder: Path, blank: frozenset[int] = frozenset(), pictures: int = 1) -> _Watching:
    """Run the callback over the test set with the truth as prediction, or nothing for some rows of the store."""

    def labels(batch: HipSample) -> Tensor:
        predicted = one_hot(batch.label.long(), 4).movedim(-1, 1).float()
        predicted[[row in blank for row in batch.row.tolist()]] = torch.eye(4)[0, :, None, None]
        return predicted

    return _run(data, _callback(folder, pictures=pictures), labels)


def _run(data: StoreDataModule, callback: Evaluation, predict: Callable[[HipSample], Tensor]) -> _Watching:
    logger = _Watching()
    trainer: Any = SimpleNamespace(datamodule=data, loggers=[object(), logger], is_global_zero=True)
    module: Any = None
    callback.on_test_start(trainer, module)
    for i, batch in enumerate(data.test_dataloader()):
        probabilities = predict(batch)
        outputs = {"labels": probabilities.argmax(dim=1), "probabilities": probabilities}
        callback.on_test_batch_end(trainer, module, outputs, batch, i)
    callback.on_test_end(trainer, module)
    return logger


def _data(store: Path, split: Path) -> StoreDataModule:
    return StoreDataModule(store, split, partial(HipDataset, crop=FIELD, intensity=AsStored()), 8, 0, None, None, 0)


@pytest.fixture(scope="module")
def all_hips(store: Path, tmp_path_factory: pytest.TempPathFactory) -> StoreDataModule:
    """Every usable hip of the store as a test hip, in a field that holds the joint."""
    samples = Store(store).samples
    keys = samples.loc[samples["usable"], "key"]
    split = tmp_path_factory.mktemp("all") / "split.csv"
    pd.DataFrame({"sample": keys, "subset": "test"}).to_csv(split, index=False)
    return _data(store, split)


@pytest.fixture(scope="module")
def truth(all_hips: StoreDataModule, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("truth")
    _evaluate(all_hips, folder)
    return pd.read_csv(folder / "test_hips.csv", index_col="sample")


def _points_mm(cohort: Path, sample: str) -> np.ndarray:
    """The hip's landmarks as its points file states them."""
    name, subject, visit, side = sample.split("/")
    (path,) = cohort.glob(f"{name}-pointfiles/{visit}/*{subject}*{visit}*.dcm.pts")
    points = np.array([line.split() for line in path.read_text().splitlines()[3:-1]], dtype=float)
    return points[LANDMARKS_PER_HIP:] if side == "left" else points[:LANDMARKS_PER_HIP]


def _found(hips: pd.DataFrame) -> pd.Series:
    """What was predicted of every hip: in one column if its status is `ok`, in another if it warns."""
    ok = hips["status"] == "ok"
    assert hips["mjsw_predicted_mm"].notna().tolist() == ok.tolist()
    assert hips["mjsw_unreliable_mm"].notna().tolist() == (~ok).tolist()
    return hips["mjsw_predicted_mm"].fillna(hips["mjsw_unreliable_mm"])


def test_every_hip_of_both_sides_is_measured(truth: pd.DataFrame, all_hips: StoreDataModule) -> None:
    assert list(truth.index) == all_hips.samples["test"]
    # One film is of one hip, in its middle, where the field of a hip beside the middle ends.
    assert truth["status"].value_counts().to_dict() == {"ok": len(truth) - 1, "cut": 1}
    assert set(truth.index.str.split("/").str[-1]) == {"left", "right"}


def test_truth_predicted_is_found(truth: pd.DataFrame) -> None:
    assert (_found(truth) == truth["mjsw_label_mm"]).all()
    ok = truth["status"] == "ok"
    assert (truth.loc[ok, "error_to_label_mm"] == 0).all()
    errors = truth["mjsw_predicted_mm"] - truth["mjsw_reference_mm"]
    np.testing.assert_allclose(truth.loc[ok, "error_mm"], errors[ok], atol=2e-5)
    assert truth.loc[~ok, ["error_mm", "error_to_label_mm"]].isna().all(axis=None)


def test_ends_lie_on_the_curves_of_the_points_file(truth: pd.DataFrame, cohort: Path) -> None:
    widths = _found(truth)
    for sample, hip in truth.iterrows():
        head, sourcil = (LineString(curve) for curve in spline_curves(_points_mm(cohort, str(sample))))
        assert head.distance(Point(hip["head_x_mm"], hip["head_y_mm"])) < PIXEL_MM, sample
        if widths[sample] > 0:  # bone on bone hides the sourcil behind the head
            assert sourcil.distance(Point(hip["roof_x_mm"], hip["roof_y_mm"])) < PIXEL_MM, sample
    assert (widths > 0).sum() > 30


@pytest.mark.parametrize(("end", "label"), [("head", 1), ("roof", 2)])
def test_ends_lie_between_pixels_of_the_stored_label_map(
    end: str, label: int, truth: pd.DataFrame, all_hips: StoreDataModule
) -> None:
    # To the half pixel, in the image as stored: a left hip's line is mirrored back exactly.
    for sample, hip in truth[_found(truth) > 0].iterrows():
        row = all_hips.store.rows_by_key[str(sample)]
        x, y = all_hips.store.grid(row).to_pixels(hip[[f"{end}_x_mm", f"{end}_y_mm"]].to_numpy(dtype=float))
        halves = np.rint(2 * np.array([y, x])) / 2
        assert np.abs(halves - [y, x]).max() < 0.01, sample
        beside = {
            all_hips.store.label(row)[r, c] for r, c in (np.floor(halves).astype(int), np.ceil(halves).astype(int))
        }
        assert beside == {label, 3}, sample


def test_line_is_as_long_as_the_width(truth: pd.DataFrame) -> None:
    length = np.hypot(truth["head_x_mm"] - truth["roof_x_mm"], truth["head_y_mm"] - truth["roof_y_mm"])
    np.testing.assert_allclose(length, _found(truth), atol=2e-3)


def test_reference_is_the_distance_of_the_points_files_curves(truth: pd.DataFrame, cohort: Path) -> None:
    for sample, hip in truth.iterrows():
        head, sourcil = (LineString(curve) for curve in spline_curves(_points_mm(cohort, str(sample))))
        assert hip["mjsw_reference_mm"] == pytest.approx(head.distance(sourcil), abs=1e-4), sample


def test_dice_of_the_truth_is_what_the_field_holds(truth: pd.DataFrame, all_hips: StoreDataModule) -> None:
    store = all_hips.store
    for sample, hip in truth.iterrows():
        row = store.rows_by_key[str(sample)]
        whole = store.label(row)
        seen = FIELD.cut(whole, bool(store.samples["mirror"].iat[row]))
        inside, everywhere = (seen == 1).sum(), (whole == 1).sum()
        assert hip["dice_femoral_head"] == pytest.approx(2 * inside / (inside + everywhere), rel=1e-5)
    assert (truth[["dice_acetabular_roof", "dice_joint_space"]] == 1).all(axis=None)


def test_failed_hips_are_counted_and_not_averaged_in(all_hips: StoreDataModule, tmp_path: Path) -> None:
    blank = frozenset(int(all_hips.store.rows_by_key[sample]) for sample in all_hips.samples["test"][3:5])
    logger = _evaluate(all_hips, tmp_path, blank)
    hips = pd.read_csv(tmp_path / "test_hips.csv")
    assert hips["status"][3:5].tolist() == ["no_femoral_head"] * 2
    unknown = ["mjsw_predicted_mm", "mjsw_unreliable_mm", "error_mm", "head_x_mm", "roof_y_mm"]
    assert hips.loc[3:4, unknown].isna().all(axis=None)
    assert hips.loc[3:4, ["mjsw_reference_mm", "mjsw_label_mm"]].notna().all(axis=None)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["mjsw/failed"], summary["mjsw/measured"]) == (3, len(hips) - 3)  # one is cut by the field
    assert summary["mjsw/bias_mm"] == pytest.approx(hips.loc[hips["status"] == "ok", "error_mm"].mean(), rel=1e-4)
    assert logger.given[:2] == (summary, "hips")


def test_contours_of_soft_maps_are_the_points_files_on_both_sides(
    all_hips: StoreDataModule, cohort: Path, tmp_path: Path
) -> None:
    """Against the points files themselves, mirrored here for left hips; and against a truth that is 0.25 mm more."""
    store, unsure = all_hips.store, str(all_hips.samples["test"][-1])
    known = {}
    for key in all_hips.samples["test"]:
        points = _points_mm(cohort, key) * ([-1, 1] if key.endswith("left") else [1, 1])
        known[key] = reference_width(points)
    truth = pd.DataFrame({"key": known.keys(), "mjsw_mm": [joint.mjsw_mm + 0.25 for joint in known.values()]})
    truth.to_csv(tmp_path / "truth.csv", index=False)

    def soft(batch: HipSample) -> Tensor:
        shares = []
        for row in batch.row.tolist():
            landmarks, shape = store.landmarks(row), store.grid(row).shape
            if store.samples["mirror"].iat[row]:
                landmarks = landmarks * [-1, 1] + [shape[1] - 1, 0]
            shares.append(draw_label_shares(landmarks, shape, spline_curves)[:, *FIELD.window])
        return torch.from_numpy(np.stack(shares))

    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        adult = instantiate(compose("predict").plausibility)
    polarity = store.films["polarity"].copy()
    try:
        last = int(store.image_rows[store.rows_by_key[unsure]])
        store.films.loc[last, "polarity"] = "unsure"
        _run(all_hips, _callback(tmp_path, 0, "contour", adult, tmp_path / "truth.csv"), soft)
    finally:
        store.films["polarity"] = polarity
    hips = pd.read_csv(tmp_path / "test_hips.csv", index_col="sample")
    assert hips.loc[unsure, "status"] == "polarity_suspect"
    assert (hips["status"] == "ok").mean() > 0.8
    for place in ("lateral", "apex", "medial"):
        expected = [getattr(joint.profile, f"{place}_mm") for joint in known.values()]
        np.testing.assert_allclose(hips[f"jsw_{place}_reference_mm"], expected, atol=1e-3)
        off = (hips[f"jsw_{place}_predicted_mm"] - expected).abs()
        # An end is found to a few degrees, and a joint may open widely there.
        assert off.max() < (0.4 if place == "apex" else 0.9)
        assert off.median() < 0.1
    assert (_found(hips) - hips["mjsw_reference_mm"]).abs().max() < 0.25
    np.testing.assert_allclose(hips["mjsw_truth_mm"] - hips["mjsw_reference_mm"], 0.25, atol=1e-3)
    ok = hips["status"] == "ok"
    np.testing.assert_allclose((hips["error_mm"] - hips["error_to_truth_mm"])[ok], 0.25, atol=1e-3)
    assert hips.loc[~ok, ["error_mm", "error_to_truth_mm"]].isna().all(axis=None)
    profiles = pd.read_csv(tmp_path / "test_profiles.csv")
    assert profiles["sample"].unique().tolist() == hips.index.tolist()
    straight_up = profiles[profiles["angle_deg"] == 0].set_index("sample")["predicted_mm"]
    np.testing.assert_allclose(straight_up, hips.loc[straight_up.index, "jsw_apex_predicted_mm"], atol=1e-3)


def test_pictures_show_where_the_network_looked_from_the_films_1st_to_its_99th_percentile(
    all_hips: StoreDataModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: dict[str, HipPicture] = {}
    monkeypatch.setattr("hipseg.evaluation.joint_space.draw_hips", lambda pictures, path: drawn.update(pictures))
    seen = list(all_hips.test_dataloader())
    blank = int(seen[0].row[0])
    _evaluate(all_hips, tmp_path, frozenset({blank}), pictures=len(all_hips.samples["test"]))
    names = pd.read_csv(tmp_path / "figures" / "hips.csv", index_col="sample")["hip"]
    assert set(names.index) == set(all_hips.samples["test"])
    store = all_hips.store
    for batch in seen:
        for row, image, label in zip(batch.row.tolist(), batch.image, batch.label, strict=True):
            picture = drawn[names[store.samples["key"][row]]]
            low, high = store.quantiles(row)[[2, 198]]  # every half per cent
            expected = np.where(image[0] > 0, np.clip((image[0] - low) / (high - low), 0, 1), 0)
            np.testing.assert_allclose(picture.image, expected, atol=1e-5)
            np.testing.assert_array_equal(picture.label, label)
            np.testing.assert_array_equal(picture.predicted, label * (row != blank))


def test_a_store_without_hips_is_refused(tmp_path: Path) -> None:
    store = SimpleNamespace(path=Path("images.h5"), label_names=("background", "bone"))
    data = SimpleNamespace(store=store, test_dataset=SimpleNamespace(unit="cases"))
    with pytest.raises(HipsegError, match=r"evaluation: .*images.h5.*evaluation=overlap"):
        _callback(tmp_path).begin(data)


def test_a_hip_that_was_not_located_has_failed(store: Path, all_hips: StoreDataModule, tmp_path: Path) -> None:
    pd.DataFrame({"sample": all_hips.samples["test"][:5], "subset": "test"}).to_csv(tmp_path / "split.csv", index=False)
    lost = all_hips.samples["test"][2]
    _evaluate(_data(lose_hip(store, tmp_path / "store.h5", lost), tmp_path / "split.csv"), tmp_path)
    hips = pd.read_csv(tmp_path / "test_hips.csv", index_col="sample")
    assert len(hips) == 5
    assert hips.loc[lost, "status"] == "not_located"
    assert hips.loc[lost, ["dice_joint_space", "surface_dice_joint_space"]].tolist() == [0, 0]
    assert hips.loc[lost, "hd95_mm_femoral_head"] == pytest.approx(0.9 * 256 * np.sqrt(2))
    assert np.isnan(hips.loc[lost, "mjsw_predicted_mm"])
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["mjsw/measured"], summary["mjsw/failed"]) == (4, 1)


def test_specks_far_from_bone_are_in_neither_table_nor_picture(
    all_hips: StoreDataModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The truth with a speck of every label in corners where no bone is: the truth is what is judged and drawn."""
    drawn: dict[str, HipPicture] = {}
    monkeypatch.setattr("hipseg.evaluation.joint_space.draw_hips", lambda pictures, path: drawn.update(pictures))

    def specked(batch: HipSample) -> Tensor:
        labels = batch.label.long().clone()
        assert labels[:, -12:, :12].max() == labels[:, :9, -9:].max() == 0
        labels[:, -9:-4, 3:8], labels[:, -12:-9, 9:12], labels[:, 2:7, -7:-2] = 1, 2, 3
        answer = one_hot(labels, 4).movedim(-1, 1).float() * 1000
        task = SegmentationTask(
            _Saying(answer), Softmax(), nn.Identity(), LABEL_NAMES, None, None, {}, None, WithoutSpecks()
        )
        return task.test_step(batch, 0)["probabilities"]

    _run(all_hips, _callback(tmp_path, pictures=4), specked)
    hips = pd.read_csv(tmp_path / "test_hips.csv", index_col="sample")
    for name in ("femoral_head", "acetabular_roof", "joint_space"):
        assert hips[f"hd95_mm_{name}"].max() == pytest.approx(0, abs=1e-9)
        assert hips[f"assd_mm_{name}"].max() == pytest.approx(0, abs=1e-9)
        assert hips[f"surface_dice_{name}"].min() == pytest.approx(1)
    assert (hips[["dice_acetabular_roof", "dice_joint_space"]] == 1).all(axis=None)
    assert (_found(hips) == hips["mjsw_label_mm"]).all()
    assert len(drawn) == 4
    for picture in drawn.values():
        np.testing.assert_array_equal(picture.predicted, picture.label)
