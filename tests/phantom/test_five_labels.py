"""Phantoms of single joints: the study's sizes and spacings, and masks that lie where the bones are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from phantom_presets import shipped
from scipy.ndimage import label as connected

from hipseg.commands import main
from hipseg.data.sources.nnunet_folder import NnunetFolder
from hipseg.geometry.grid import Grid
from hipseg.io.images import read_image_file, read_mask_file
from hipseg.labels.circle import head_circle
from hipseg.phantom.five_labels import FIVE_LABELS, draw_five_labels
from hipseg.phantom.joints import JointJob
from hipseg.phantom.skeleton import pose_skeleton
from hipseg.phantom.subject import draw_stance, draw_subject

STUDY = {0.1: (3400, 3520), 0.15: (2267, 2347), 0.175: (1943, 2011)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("joints") / "Dataset001_joints"
    main(["joints", f"out={folder}", "train_subjects=2", "test_subjects=1", "coarser=8", "seed=3", "workers=1"])
    return folder


def test_it_is_a_dataset_of_nnunets_kind_with_whole_subjects_on_one_side(folder: Path) -> None:
    found = NnunetFolder(r"(?P<subject>subject\d+)").find(folder)
    assert found.label_names == FIVE_LABELS
    by_subset = {
        subset: {case.subject for case in found.cases if case.subset == subset} for subset in ("train", "test")
    }
    assert (len(by_subset["train"]), len(by_subset["test"])) == (2, 1)
    assert not by_subset["train"] & by_subset["test"]
    assert json.loads((folder / "dataset.json").read_text())["numTraining"] == 4


def test_sizes_and_spacings_are_the_studys_times_the_factor(folder: Path) -> None:
    for path in (folder / "imagesTr").iterdir():
        image = read_image_file(path)
        assert image.spacing_mm is not None
        fine = round(image.spacing_mm[0] / 8, 6)
        low, high = STUDY[fine]
        rows, columns = image.pixels.shape[1:]
        assert low / 8 - 1 <= rows <= high / 8 + 1
        assert rows / columns == pytest.approx(346 / 211.5, rel=0.03)
        assert read_mask_file(folder / "labelsTr" / path.name.replace("_0000", "")).shape == (rows, columns)


def test_both_joints_of_a_film_look_at_each_other(folder: Path) -> None:
    """The teardrop lies medial of the head: right of it on a right hip, left of it on a left one."""
    for side, sign in (("right", 1), ("left", -1)):
        labels = read_mask_file(folder / "labelsTr" / f"subject0000_{side}.mha")
        head, drop = (np.argwhere(labels == number)[:, 1].mean() for number in (1, 3))
        assert sign * (drop - head) > 5


def test_labels_lie_where_the_outlines_are(tmp_path: Path) -> None:
    """A head's centre is L1, its cartilage towards the pelvis L4, the roof's bone L5; the shaft's walls are two."""
    rng, chosen = np.random.default_rng(0), shipped("standard")
    subject = draw_subject(rng, chosen)
    grid = Grid.of_film((700, 850), 0.5)
    hip = pose_skeleton(subject, draw_stance(rng, chosen.pose), subject.widths_mm, grid.centre_mm).hips["right"]
    labels = draw_five_labels(hip, grid)
    circle = head_circle(hip.landmarks)

    def at(x_mm: float, y_mm: float) -> int:
        column, row = np.rint(grid.to_pixels(np.array([x_mm, y_mm]))).astype(int)
        return int(labels[row, column])

    assert at(circle.x, circle.y) == 1
    assert at(circle.x, circle.y - circle.radius - 12) == 5
    bottom = labels[-1 if (labels[-1] == 2).any() else np.flatnonzero((labels == 2).any(axis=1))[-1]]
    assert connected(bottom == 2)[1] == 2  # medial and lateral wall
    between = np.flatnonzero(bottom == 2)
    assert (bottom[between[0] : between[-1]] == 1).any()  # marrow
    assert set(np.unique(labels)) == set(range(6))


def test_a_used_folder_is_left_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["joints", f"out={folder}"])
    assert "is not empty" in capsys.readouterr().err


def test_a_job_is_its_numbers_alone() -> None:
    one, other = (JointJob(Path("x"), shipped("standard"), 1, 2, "Tr", 8.0) for _ in range(2))
    assert one == other


@pytest.mark.parametrize("seed", range(12))
def test_the_teardrop_begins_at_one_height_on_every_hip(seed: int) -> None:
    """A third of the head's radius above its centre, wherever the points of its outline lie."""
    rng, chosen = np.random.default_rng(seed), shipped("standard")
    subject = draw_subject(rng, chosen)
    grid = Grid.of_film((700, 850), 0.5)
    hip = pose_skeleton(subject, draw_stance(rng, chosen.pose), subject.widths_mm, grid.centre_mm).hips["right"]
    circle, top = head_circle(hip.landmarks), np.argwhere(draw_five_labels(hip, grid) == 3)[:, 0].min()
    assert 0 < grid.y_mm()[top] - (circle.y - 0.35 * circle.radius) <= grid.spacing_mm
