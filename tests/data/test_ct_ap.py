"""Hips of scans as squares: where they lie, how they are turned, which grade they get, what is left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from drawn_pelvis import Drawn, draw_scan

from hipseg.commands import main
from hipseg.data.image_store import ImageStore
from hipseg.data.sources.ct_ap import CtHips, see_scan
from hipseg.errors import HipsegError
from hipseg.io.nifti import write_nifti
from hipseg.labels.landmarks import SIDES
from hipseg.transforms.hip_square import CT_EDGE_MM
from hipseg.transforms.implant import metal_in_scan


@pytest.fixture(scope="module")
def drawn() -> dict[str, Drawn]:
    return {"a": draw_scan(1, (6, 0, 0)), "mirror": draw_scan(1, (6, 0, 0), mirror=True), "b": draw_scan(2)}


@pytest.fixture(scope="module")
def folder(drawn: dict[str, Drawn], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scans of two subjects and the mirror image of one, another with a nail, one that is cut, one of nothing."""
    folder = tmp_path_factory.mktemp("scans")
    (folder / "scans").mkdir()
    nailed = drawn["b"].scan.values.copy()
    index = np.rint(drawn["b"].scan.grid.to_indices(drawn["b"].heads["left"])).astype(int)
    nailed[index[0], index[1] - 4 : index[1] + 5, index[2] - 4 : index[2] + 5] = 3000
    scans = {name: each.scan for name, each in drawn.items()} | {
        "nailed": replace(drawn["b"].scan, values=nailed),
        "cut": draw_scan(2, above_mm=40.0).scan,
        "empty": replace(drawn["b"].scan, values=np.full_like(nailed, -1000)),
    }
    for name, scan in scans.items():
        write_nifti(folder / "scans" / f"{name}.nii.gz", scan.values, scan.grid)
    grades = pd.DataFrame([(name, side, number) for number, name in enumerate(scans) for side in SIDES])
    grades.set_axis(["subject", "side", "grade"], axis=1).to_csv(folder / "grades.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def store(folder: Path) -> ImageStore:
    main(["convert", "source=ct_ap", f"input={folder}", f"grades={folder / 'grades.csv'}", f"store={folder / 's.h5'}",
          "source.pixels=84", "workers=2"])  # fmt: skip
    return ImageStore(folder / "s.h5")


def test_sound_hips_are_stored_with_their_grades_and_others_left_out_with_the_reason(
    store: ImageStore, folder: Path
) -> None:
    kept = {"a": 0, "b": 2, "mirror": 1}
    wanted = {f"ct_ap/{name}/{side}": grade for name, grade in kept.items() for side in SIDES}
    wanted |= {"ct_ap/nailed/right": 3}
    assert dict(zip(store.samples["key"], store.grades.tolist(), strict=True)) == wanted
    assert store.spacing_mm(0) == pytest.approx((1.0, 1.0)) and store.size(0) == (84, 84)
    assert store.preprocessing["projection"] == "sum"
    lost = pd.read_csv(folder / "s.h5.exclusions.csv", keep_default_na=False)
    said = {tuple(row) for row in lost[["file", "side", "reason"]].to_numpy().tolist()}
    assert said == {
        ("nailed.nii.gz", "left", "implant"), ("cut.nii.gz", "", "pelvis_cut"), ("empty.nii.gz", "", "not_located"),
    }  # fmt: skip


def test_a_hip_and_its_mirror_image_make_the_same_square(store: ImageStore) -> None:
    rows = store.rows_by_key
    for side, other in (("right", "left"), ("left", "right")):
        one, two = (
            store.image(rows[key])[0].astype(float).ravel() for key in (f"ct_ap/a/{side}", f"ct_ap/mirror/{other}")
        )
        assert np.corrcoef(one, two)[0, 1] > 0.99


def test_squares_meet_those_about_the_true_heads(folder: Path, drawn: dict[str, Drawn]) -> None:
    for name in ("a", "b"):
        seen = see_scan(folder / "scans" / f"{name}.nii.gz", "sum")
        for side in SIDES:
            off = np.abs(
                seen.picture.to_film(seen.pelvis.heads_mm[side]) - seen.picture.to_film(drawn[name].heads[side])
            )
            shared = np.prod(np.maximum(CT_EDGE_MM - off, 0))
            assert shared / (2 * CT_EDGE_MM**2 - shared) > 0.9


def test_landmarks_from_a_table_lay_the_plane(
    store: ImageStore, folder: Path, drawn: dict[str, Drawn], tmp_path: Path
) -> None:
    row = {f"{name}_{axis}_mm": value for name, point in drawn["a"].marks.items()
           for axis, value in zip("xyz", point.tolist(), strict=True)}  # fmt: skip
    pd.DataFrame([{"subject": "a", **row}]).to_csv(tmp_path / "marks.csv", index=False)
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "a.nii.gz").symlink_to(folder / "scans" / "a.nii.gz")
    main(["convert", "source=ct_ap", f"input={tmp_path}", f"source.landmarks={tmp_path / 'marks.csv'}",
          f"store={tmp_path / 'given.h5'}", "source.pixels=84", "workers=0"])  # fmt: skip
    shifted = pd.read_csv(tmp_path / "marks.csv")
    shifted["tubercle_left_y_mm"] += 60.0  # as if the pelvis were tilted
    shifted["tubercle_right_y_mm"] += 60.0
    shifted.to_csv(tmp_path / "marks.csv", index=False)
    main(["convert", "source=ct_ap", f"input={tmp_path}", f"source.landmarks={tmp_path / 'marks.csv'}",
          f"store={tmp_path / 'tilted.h5'}", "source.pixels=84", "workers=0"])  # fmt: skip
    pictures = [ImageStore(tmp_path / f"{name}.h5").image(0)[0].astype(float).ravel() for name in ("given", "tilted")]
    own = store.image(store.rows_by_key["ct_ap/a/right"])[0].astype(float).ravel()
    alike = [np.corrcoef(own, picture)[0, 1] for picture in pictures]
    assert alike[0] > 0.98 > alike[1]


@pytest.mark.parametrize(
    ("table", "said"),
    [("subject,asis_right_x_mm\na,1\n", "has no column asis_right_y_mm"), ("", "source.landmarks: ")],
)
def test_tables_of_landmarks_that_lack_something_end_in_a_sentence(
    table: str, said: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "marks.csv").write_text(table)
    with pytest.raises(SystemExit):
        main(["convert", "source=ct_ap", f"input={folder}", f"source.landmarks={tmp_path / 'marks.csv'}",
                     f"store={tmp_path / 'x.h5'}"])  # fmt: skip
    assert said in capsys.readouterr().err


def test_metal_is_told_from_dense_bone(drawn: dict[str, Drawn]) -> None:
    scan, head = drawn["b"].scan, drawn["b"].heads["right"]
    assert not metal_in_scan(scan, head)
    z, y, x = np.rint(scan.grid.to_indices(head)).astype(int)
    for value, metal in ((1900, False), (3000, True)):
        values = scan.values.copy()
        values[z - 3 : z + 4, y - 3 : y + 4, x - 3 : x + 4] = value
        assert metal_in_scan(replace(scan, values=values), head) is metal
        assert not metal_in_scan(replace(scan, values=values), drawn["b"].heads["left"])


def test_a_folder_without_scans_ends_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(HipsegError, match="there is no folder"):
        CtHips("sum", 64).find(tmp_path)
