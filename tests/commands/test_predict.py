"""`hipseg predict` with one network, which knows where the hips of `write_film` are."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from oracle import OFF_PX, load_both
from shapely.geometry import Polygon
from skimage.io import imread
from small_films import landmarks, write_film

from hipseg.commands import main
from hipseg.labels.landmarks import FEMUR, SIDES, hip_landmarks
from hipseg.measure.reference import reference_width


@pytest.fixture
def films(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two films that flat names could not tell apart, and a file that is none."""
    film = write_film(tmp_path / "made", "0000001")
    for place in ("a/b_c.dcm", "a_b/c.dcm"):
        (tmp_path / "films" / place).parent.mkdir(parents=True)
        shutil.copy(film, tmp_path / "films" / place)
    (tmp_path / "films/notes.txt").write_text("no film")
    monkeypatch.setattr("hipseg.commands.predict.load", lambda path, inferer=None, **more: load_both(path))
    return tmp_path / "films"


def run(films: Path, out: Path) -> pd.DataFrame:
    (out.parent / "any.ckpt").touch()  # what is loaded in its place knows the answer
    main(["predict", "limits.spacing_mm=[0.02,5]", f"checkpoint={out.parent}/any.ckpt", f"input={films}", f"out={out}"])
    return pd.read_csv(out / "predictions.csv", keep_default_na=False)


def test_every_file_has_its_rows_and_every_hip_its_label_map(films: Path, tmp_path: Path) -> None:
    table = run(films, tmp_path / "out")
    assert list(zip(table["file"], table["side"], table["status"], strict=True)) == [
        *((name, side, "ok") for name in ("a/b_c.dcm", "a_b/c.dcm") for side in SIDES),
        ("notes.txt", "", "not_dicom"),
    ]
    for name, side in zip(table["file"][:4], table["side"][:4], strict=True):
        assert set(np.unique(imread(tmp_path / f"out/labels/{name}_{side}.png"))) == {0, 1, 2, 3}
        assert (tmp_path / f"out/figures/{name}.png").is_file()


def test_hips_are_measured_where_they_lie_on_the_film(films: Path, tmp_path: Path) -> None:
    table = run(films, tmp_path / "out")[:4].set_index(["file", "side"]).astype({"mjsw_mm": float, "head_x_mm": float})
    reference = reference_width(hip_landmarks(landmarks(), "right"))
    np.testing.assert_allclose(table["mjsw_mm"], reference.mjsw_mm, atol=0.15)
    right, left = (table.loc[("a_b/c.dcm", side), "head_x_mm"] for side in SIDES)
    # The network errs by as much on both sides, outward on one and inward on the film's other one.
    assert right + left == pytest.approx(440, abs=0.01)
    assert right == pytest.approx(reference.on_head_mm[0] + 0.9 * OFF_PX[0], abs=6)


def test_what_was_measured_is_kept_if_the_run_breaks_off(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    draw: list[Any] = []

    def full(*given: Any, **options: Any) -> None:
        draw.append(given)
        if len(draw) > 2:
            raise OSError(28, "No space left on device", "c.dcm_right.png")

    monkeypatch.setattr("hipseg.prediction.hip_films.imsave", full)
    with pytest.raises(SystemExit):
        run(films, tmp_path / "out")
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and "c.dcm_right.png" in said[0] and "No space left on device" in said[0]
    assert pd.read_csv(tmp_path / "out/predictions.csv")["file"].tolist() == ["a/b_c.dcm"] * 2


def test_a_joint_on_the_other_half_of_the_film_is_not_this_hips(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Swapped:
        record = load_both(tmp_path).record

        def __call__(self, image: Any) -> Any:
            return load_both(tmp_path)(image).flip(-1)

    monkeypatch.setattr("hipseg.commands.predict.load", lambda path, inferer=None, **more: Swapped())
    assert run(films, tmp_path / "out")["status"][:4].tolist() == ["other_side"] * 4


def test_label_maps_say_where_they_lie(films: Path, tmp_path: Path) -> None:
    """The femur's centre of area, by its label map and by its landmarks; the network errs by a known step."""
    table = run(films, tmp_path / "out").set_index(["file", "side"])
    for side, run_x in (("right", 1.0), ("left", -1.0)):
        row = table.loc[("a/b_c.dcm", side)]
        step = float(row["labels_spacing_mm"])
        rows, columns = np.nonzero(imread(tmp_path / f"out/labels/a/b_c.dcm_{side}.png") == 1)
        x = float(row["labels_x_mm"]) + run_x * step * columns.mean()
        y = float(row["labels_y_mm"]) + step * rows.mean()
        outline = Polygon(hip_landmarks(landmarks(), side)[FEMUR])  # type: ignore[arg-type]
        expected = np.array([outline.centroid.x, outline.centroid.y]) + 0.9 * OFF_PX * [run_x, 1]
        assert np.hypot(*(np.array([x, y]) - expected)) < 0.9, (side, x, y, expected)
