"""`hipseg predict` on what it must not call measured (metal, cut heads, specks, jumps), and on folders of all kinds."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pydicom
import pytest
import torch
from numpy.typing import NDArray
from oracle import GRID
from skimage.io import imread
from small_films import CHECK, FILM_MM, landmarks, store_settings, write_film
from torch import Tensor

from hipseg.commands import main
from hipseg.data.cohorts import find_films
from hipseg.data.process import Processed, Task, process
from hipseg.geometry.crop import Crop
from hipseg.io.dicom_writer import Header, write_radiograph
from hipseg.labels.circle import head_circle
from hipseg.labels.curves import spline_curves
from hipseg.labels.label_map import draw_label_shares
from hipseg.labels.landmarks import SIDES, Points, hip_landmarks
from hipseg.labels.points_file import write_points
from hipseg.measure.reference import reference_width

Shares = NDArray[np.float32]
WHOLE = Crop(0, 0, 512, 512)
RIGHT = hip_landmarks(landmarks(), "right")
HEAD_MM = head_circle(RIGHT)  # 26 mm about 116, 220 on a film of 440 x 440 mm
BACKGROUND, HEAD, ROOF, SPACE = range(4)


def shares(points_mm: Points = RIGHT) -> Shares:
    """(4, 512, 512): what a perfect network says of a right hip on the common grid."""
    return draw_label_shares(GRID.to_pixels(points_mm), GRID.shape, spline_curves).astype(np.float32)


class Network:
    """Says the same of every film, of both sides as right hips; keeps what it saw."""

    def __init__(self, said: Shares, field: Crop = WHOLE) -> None:
        self.record = {
            "preprocessing": {"rows": 512, "columns": 512, "spacing_mm": 0.9},
            "dataset": {
                "crop": vars(field),
                "intensity": {"_target_": "hipseg.transforms.intensity.FilmPercentiles", "percentiles": [5.0, 95.0]},
            },
        }
        self._said = torch.from_numpy(np.ascontiguousarray(said[:, *field.window]))
        self.seen: list[Tensor] = []

    def __call__(self, image: Tensor) -> Tensor:
        """(n, 1, rows, columns) to (n, 4, rows, columns)."""
        self.seen.append(image)
        return torch.stack([self._said] * len(image))


Predict = Callable[..., pd.DataFrame]


@pytest.fixture
def predict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Predict:
    """Runs the command with a stand-in network, without pictures unless asked; gives `predictions.csv` as text."""

    def run(
        network: Network, input: Path, *options: str, out: Path | None = None, pictures: bool = False
    ) -> pd.DataFrame:
        out = out or tmp_path / "out"
        if not pictures:  # they take most of the time
            monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda *given, **options: None)
        monkeypatch.setattr("hipseg.commands.predict.load", lambda path, inferer=None, **more: network)
        checkpoint = tmp_path / "any.ckpt"
        checkpoint.touch()  # what is loaded in its place knows the answer
        main(["predict", f"checkpoint={checkpoint}", f"input={input}", f"out={out}", *options])
        return pd.read_csv(out / "predictions.csv", keep_default_na=False, dtype=str)

    return run


def body(rows: int = 440, columns: int = 440) -> NDArray[np.float64]:
    """A body of 440 x 440 pixels of 1 mm, or its middle part: grey values to 1500, under metal's 4000."""
    y, x = (np.mgrid[:440, :440] - 219.5) / 440
    pixels = 1100 * np.clip(1 - 6 * x**2 - 3 * y**2, 0, 1) + np.random.default_rng(0).uniform(20, 300, (440, 440))
    top, left = (440 - rows) // 2, (440 - columns) // 2
    return pixels[top : top + rows, left : left + columns]


def save(folder: Path, pixels: NDArray[Any], subject: str = "1", photometric: str = "MONOCHROME2") -> Path:
    """A film of 1 mm pixels with the landmarks of `small_films`."""
    path = write_film(folder, subject)
    header = Header(subject, "20060101", "CR", (1.0, 1.0), "PixelSpacing", "MONOCHROME2", 12, "plain", subject)
    write_radiograph(path, header, np.rint(pixels).astype(np.uint16))
    dataset = pydicom.dcmread(path)
    dataset.PhotometricInterpretation = photometric
    dataset.save_as(path)
    return path


# Metal ------------------------------------------------------------------------------------------------------------


def disc(pixels: NDArray[Any], centre: tuple[float, float], radius: float, value: float = 4000.0) -> None:
    y, x = np.indices(pixels.shape) + 0.5
    pixels[np.hypot(x - centre[0], y - centre[1]) < radius] = value


def judged(folder: Path, subject: str = "1") -> list[str]:
    """Reasons of both hips in preprocessing."""
    write_points(folder / CHECK.points.format(subject=subject, visit="T00"), landmarks())
    (film,) = find_films(folder, {"CHECK": CHECK}).films
    done = process(Task(film, store_settings(rows=512, columns=512, spacing_mm=0.9), "", ""))
    assert isinstance(done, Processed), done
    return [hip.reason for hip in done.hips]


def screw(pixels: NDArray[Any]) -> None:
    pixels[260:268, 40:95] = 4000.0


METAL: dict[str, tuple[Callable[[NDArray[Any]], None], list[str]]] = {
    "none": (lambda pixels: None, ["", ""]),
    "right": (lambda pixels: disc(pixels, (HEAD_MM.x, HEAD_MM.y), 25.5), ["implant", ""]),
    "left": (lambda pixels: disc(pixels, (FILM_MM - HEAD_MM.x, HEAD_MM.y), 25.5), ["", "implant"]),
    "smaller ball in a cup": (lambda pixels: disc(pixels, (HEAD_MM.x, HEAD_MM.y - 2), 23.0), ["implant", ""]),
    "screw beside the joint": (screw, ["", ""]),
    "marker": (lambda pixels: disc(pixels, (60.0, 50.0), 9.0), ["", ""]),
}


@pytest.mark.parametrize(
    ("name", "photometric"),
    [*((name, "MONOCHROME2") for name in METAL), ("none", "MONOCHROME1"), ("left", "MONOCHROME1")],
)
def test_metal_is_judged_on_the_predicted_head_as_in_preprocessing(
    predict: Predict, tmp_path: Path, name: str, photometric: str
) -> None:
    paint, expected = METAL[name]
    pixels = body()
    paint(pixels)
    film = save(tmp_path / "in", 4095 - pixels if photometric == "MONOCHROME1" else pixels, photometric=photometric)
    assert judged(tmp_path / "in") == expected
    table = predict(Network(shares()), film)
    assert table["status"].tolist() == [reason or "ok" for reason in expected]
    assert (table["mjsw_mm"] != "").tolist() == [not reason for reason in expected]


def test_metal_comes_before_a_shape_that_it_explains(predict: Predict, tmp_path: Path) -> None:
    """A prosthesis' ball is small: the status says metal, not that the head is too small."""
    centre = HEAD_MM.centre
    pixels = body()
    disc(pixels, (HEAD_MM.x, HEAD_MM.y), 16.0)
    small = centre + 0.6 * (RIGHT - centre)
    table = predict(Network(shares(small)), save(tmp_path / "in", pixels))
    assert table["status"][0] == "implant"


# Heads that are cut -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "columns", "cut"),
    [
        (440, 440, False),
        (440, 280, False),  # to 36 mm beside the head's centre: the femur is cut, the head is whole
        (440, 250, True),  # to 21 mm beside it
        (440, 220, True),  # to 6 mm beside it
        (140, 440, False),
        (96, 440, False),  # the roof's outline is cut 48 mm above the centre, and the shaft below
        (40, 440, True),  # to 20 mm above and below it
    ],
)
def test_a_head_that_the_films_edge_cuts_is_not_measured(
    predict: Predict, tmp_path: Path, rows: int, columns: int, cut: bool
) -> None:
    """The network goes on as if it saw the rest; both hips lie alike on these films."""
    table = predict(Network(shares()), save(tmp_path / "in", body(rows, columns)))
    assert table["status"].tolist() == ["cut" if cut else "ok"] * 2
    assert (table["mjsw_mm"] == "").tolist() == [cut] * 2


# The head's circle lies in columns 110.6 to 168.4 and rows 226.6 to 284.4 of the grid, its centre at 139.5, 255.5.
@pytest.mark.parametrize(
    ("field", "cut"),
    [
        (Crop(100, 60, 300, 300), False),
        (Crop(100, 100, 300, 300), False),
        (Crop(100, 118, 300, 300), True),
        (Crop(100, 140, 300, 300), True),
        (Crop(100, 0, 300, 160), True),
        (Crop(100, 0, 300, 140), True),
        (Crop(240, 0, 200, 300), True),
    ],
    ids=["whole", "just whole", "lateral rim", "lateral half", "medial rim", "medial half", "dome"],
)
def test_a_head_that_the_field_cuts_is_not_measured(predict: Predict, tmp_path: Path, field: Crop, cut: bool) -> None:
    table = predict(Network(shares(), field), save(tmp_path / "in", body()))
    assert (table["status"] != "ok").tolist() == [cut] * 2, table["status"].tolist()
    assert (table["mjsw_mm"] == "").tolist() == [cut] * 2


@pytest.mark.parametrize(("column", "cut"), [(60, False), (140, True)])
def test_a_head_that_the_field_cuts_is_not_measured_by_borders(
    predict: Predict, tmp_path: Path, column: int, cut: bool
) -> None:
    table = predict(Network(shares(), Crop(100, column, 300, 300)), save(tmp_path / "in", body()), "jsw_method=border")
    assert (table["status"] != "ok").tolist() == [cut] * 2, table["status"].tolist()


# What is not measured has no number -------------------------------------------------------------------------------


def nothing() -> Shares:
    said = np.zeros((4, 512, 512), dtype=np.float32)
    said[BACKGROUND] = 1
    return said


def without(*labels: int) -> Shares:
    said = shares()
    for label in labels:
        said[BACKGROUND] += said[label]
        said[label] = 0
    return said


def wide() -> Shares:
    points = RIGHT.copy()
    points[67:75] -= [0, 6]
    return shares(points)


def torn() -> Shares:
    """A roof without the joint space that leads to it, far above the head."""
    points = RIGHT.copy()
    points[67:75] -= [0, 30]
    said = shares(points)
    said[BACKGROUND] += said[SPACE]
    said[SPACE] = 0
    return said


def small_head_in_the_roof() -> Shares:
    points = HEAD_MM.centre + 0.6 * (RIGHT - HEAD_MM.centre)
    points[67:75] += [0, 4]
    return shares(points)


UNSOUND = {
    "nothing": nothing,
    "no head": lambda: without(HEAD),
    "no roof": lambda: without(ROOF),
    "no joint space": lambda: without(SPACE),
    "roof alone": lambda: without(HEAD, SPACE),
    "joint space alone": lambda: without(HEAD, ROOF),
    "torn": torn,
    "small head": lambda: shares(HEAD_MM.centre + 0.6 * (RIGHT - HEAD_MM.centre)),
    "small head in the roof": small_head_in_the_roof,
    "wide": wide,
    "other side": lambda: shares()[:, :, ::-1],
}


@pytest.mark.parametrize(
    ("name", "measure"),
    [*((name, "contour") for name in UNSOUND), *((name, "border") for name in ("nothing", "torn", "wide"))],
)
def test_only_what_is_ok_has_a_width(predict: Predict, tmp_path: Path, name: str, measure: str) -> None:
    options = ["jsw_method=border"] if measure == "border" else []  # contour is the default
    table = predict(Network(UNSOUND[name]()), save(tmp_path / "in", body()), *options)
    assert len(table) == 2
    ok = table["status"] == "ok"
    if measure == "contour" and name != "no joint space":
        assert not ok.any()
    assert (table["mjsw_mm"] != "").equals(ok)
    assert (table["mjsw_unreliable_mm"][ok] == "").all()
    # Where nothing was measured there is no number at all; where something was, it is kept beside.
    for status, width in zip(table["status"], table["mjsw_unreliable_mm"], strict=True):
        assert (width == "") == status.startswith("no_") or status == "ok", (status, width)


@pytest.mark.parametrize("name", ["wide", "other side"])
def test_an_unreliable_width_is_kept_beside(predict: Predict, tmp_path: Path, name: str) -> None:
    table = predict(Network(UNSOUND[name]()), save(tmp_path / "in", body()))
    assert not (table["status"] == "ok").any()
    found = table["mjsw_unreliable_mm"].astype(float)
    if name == "wide":
        points = RIGHT.copy()
        points[67:75] -= [0, 6]
        np.testing.assert_allclose(found, reference_width(points).mjsw_mm, atol=0.2)
    assert (found > 1).all()


def test_bone_on_bone_is_a_measurement_of_0(predict: Predict, tmp_path: Path) -> None:
    points = RIGHT.copy()
    points[67:75] += [0, 4.5]
    table = predict(Network(shares(points)), save(tmp_path / "in", body()))
    assert table["status"].tolist() == ["ok", "ok"]
    np.testing.assert_allclose(table["mjsw_mm"].astype(float), 0.0, atol=0.05)


def test_a_film_that_may_be_inverted_has_no_widths(predict: Predict, tmp_path: Path) -> None:
    flat = np.random.default_rng(0).uniform(0, 3000, (440, 440))
    table = predict(Network(shares()), save(tmp_path / "in", flat))
    assert table["status"].tolist() == ["polarity_suspect"] * 2
    assert (table["mjsw_mm"] == "").all()
    np.testing.assert_allclose(table["mjsw_unreliable_mm"].astype(float), 3.84, atol=0.15)


# Specks -----------------------------------------------------------------------------------------------------------

SPECKS = {
    "head": [(HEAD, 450, 450, 5)],
    "roof": [(ROOF, 20, 30, 5)],
    "joint space": [(SPACE, 400, 60, 6)],
    "in front of the hip": [(HEAD, 256, 10, 6), (ROOF, 230, 12, 6)],
    "many": [(1 + n % 3, 20 + 30 * n, 480 - 20 * n, 3 + n % 4) for n in range(6)],
}


def specked(places: list[tuple[int, int, int, int]]) -> Shares:
    said = shares()
    for label, row, column, size in places:
        square = np.s_[:, row : row + size, column : column + size]
        assert said[square][BACKGROUND].min() == 1, "a speck lies on the background"
        said[square] = 0.04
        said[square][label] = 0.88
    return said


@pytest.mark.parametrize("name", SPECKS)
def test_specks_change_neither_table_nor_label_map_nor_picture(predict: Predict, tmp_path: Path, name: str) -> None:
    film = save(tmp_path / "in", body())
    drawn = name == "many"
    clean = predict(Network(shares()), film, out=tmp_path / "clean", pictures=drawn)
    found = predict(Network(specked(SPECKS[name])), film, out=tmp_path / "found", pictures=drawn)
    pd.testing.assert_frame_equal(found, clean)
    for picture in sorted((tmp_path / "clean").rglob("*.png")):
        other = tmp_path / "found" / picture.relative_to(tmp_path / "clean")
        assert np.array_equal(imread(picture), imread(other)), picture.name


def test_a_broken_roof_keeps_its_pieces(predict: Predict, tmp_path: Path) -> None:
    """A gap of three pixels where a shadow lies across the roof; what is beyond it is no speck."""
    said = shares()
    columns = np.flatnonzero((said[ROOF] > 0.5).any(axis=0))
    gap = slice(columns[0] + int(0.35 * len(columns)), columns[0] + int(0.35 * len(columns)) + 3)
    said[BACKGROUND][:, gap] += said[ROOF][:, gap]
    said[ROOF][:, gap] = 0
    predict(Network(said), save(tmp_path / "in", body()))
    (label,) = (tmp_path / "out/labels").rglob("*_right.png")
    assert np.array_equal(imread(label), said.argmax(axis=0))


# Widths that jump -------------------------------------------------------------------------------------------------


def stepped(by_mm: float, over_px: int) -> Shares:
    """A roof whose medial part lies higher, all at once or along so many pixels."""
    lifted = RIGHT.copy()
    lifted[67:75] -= [0, by_mm]
    low, high = shares(), shares(lifted)
    middle = round(GRID.to_pixels(HEAD_MM.centre)[0])
    if over_px == 0:
        return np.concatenate([low[:, :, :middle], high[:, :, middle:]], axis=2)
    first = middle - over_px // 2
    said = np.concatenate([low[:, :, : first + over_px], high[:, :, first + over_px :]], axis=2)
    for step in range(over_px):
        points = RIGHT.copy()
        points[67:75] -= [0, by_mm * (step + 1) / over_px]
        said[:, :, first + step] = shares(points)[:, :, first + step]
    return said


@pytest.mark.parametrize("by_mm", [4.0, 6.0])
def test_a_width_that_jumps_along_the_joint_is_not_ok(predict: Predict, tmp_path: Path, by_mm: float) -> None:
    """3.8 mm laterally, by so much more medially, within a pixel."""
    table = predict(Network(stepped(by_mm, 0)), save(tmp_path / "in", body()))
    assert not (table["status"] == "ok").any()
    assert (table["mjsw_mm"] == "").all()


def test_a_width_that_grows_along_the_joint_is_ok(predict: Predict, tmp_path: Path) -> None:
    """By 3 mm over 20 pixels, some 40 degrees, as joints do that narrow on one side."""
    table = predict(Network(stepped(3.0, 20)), save(tmp_path / "in", body()))
    assert table["status"].tolist() == ["ok", "ok"]


# What the header says ---------------------------------------------------------------------------------------------


def test_the_table_says_where_its_millimetres_come_from(predict: Predict, tmp_path: Path) -> None:
    for number, tag in enumerate(("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")):
        path = save(tmp_path / "in", body(), str(number))
        dataset = pydicom.dcmread(path)
        del dataset.PixelSpacing, dataset.ImagerPixelSpacing
        setattr(dataset, tag, ["1", "1"])
        dataset.save_as(path)
    table = predict(Network(shares()), tmp_path / "in/CHECK")
    assert table["status"].tolist() == ["ok"] * 6
    assert table["spacing_source"].tolist()[::2] == ["PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"]
    assert table["spacing_mm"].astype(float).tolist() == [1.0] * 6


def test_a_film_that_is_not_read_has_no_spacing(predict: Predict, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/notes.txt").write_text("no film")
    table = predict(Network(shares()), tmp_path / "in")
    assert table["status"].tolist() == ["not_dicom"]
    assert table[["mjsw_mm", "spacing_mm", "spacing_source"]].to_numpy().tolist() == [["", "", ""]]


def test_a_mirrored_film_is_measured_on_its_own_sides(predict: Predict, tmp_path: Path) -> None:
    """The network errs to one side; the ends are in the millimetres of the file as it is, as points files are."""
    said = shares(RIGHT + np.array([4.0, 0.0]))
    pixels = body()
    disc(pixels, (HEAD_MM.x, HEAD_MM.y), 25.5)  # the right head is of metal
    plain = predict(Network(said), save(tmp_path / "plain", pixels), out=tmp_path / "a").set_index("side")
    film = save(tmp_path / "mirrored", pixels[:, ::-1])
    dataset = pydicom.dcmread(film)
    dataset.PatientOrientation = ["R", "F"]
    dataset.save_as(film)
    found = predict(Network(said), film, out=tmp_path / "b").set_index("side")
    assert found["status"].to_dict() == plain["status"].to_dict() == {"right": "implant", "left": "ok"}
    assert found["mjsw_mm"]["left"] == plain["mjsw_mm"]["left"]
    for end in ("head", "roof"):
        x, turned = (float(table[f"{end}_x_mm"]["left"]) for table in (plain, found))
        assert x > FILM_MM / 2 > turned
        assert turned == pytest.approx(FILM_MM - x, abs=1e-3)
        assert found[f"{end}_y_mm"]["left"] == plain[f"{end}_y_mm"]["left"]


def test_padding_is_not_shown_to_the_network(predict: Predict, tmp_path: Path) -> None:
    networks = []
    for value in (4095, 0):
        pixels = np.maximum(body(), 1)  # 0 is what pads
        pixels[:50], pixels[-50:], pixels[:, :50], pixels[:, -50:] = (value,) * 4
        film = save(tmp_path / f"{value}", pixels)
        dataset = pydicom.dcmread(film)
        dataset.add_new("PixelPaddingValue", "US", value)
        dataset.save_as(film)
        networks.append(Network(shares()))
        assert set(predict(networks[-1], film, out=tmp_path / f"out{value}")["status"]) == {"ok"}
    white, black = (network.seen[0] for network in networks)
    torch.testing.assert_close(white, black, atol=1e-3, rtol=0)


# Folders ----------------------------------------------------------------------------------------------------------


def message(capsys: pytest.CaptureFixture[str]) -> str:
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def test_a_used_folder_is_refused_and_left_as_it_is(
    predict: Predict, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film = save(tmp_path / "in", body())
    predict(Network(shares()), film)
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    capsys.readouterr()
    network = Network(nothing())
    with pytest.raises(SystemExit) as ended:
        predict(network, film)
    assert ended.value.code == 1
    said = message(capsys)
    assert said.startswith("hipseg predict: out: ") or "out: " in said
    assert "predictions.csv" in said
    assert network.seen == []  # said before the work, not after it
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()} == before


def test_an_empty_folder_and_one_of_other_things_are_used(predict: Predict, tmp_path: Path) -> None:
    film = save(tmp_path / "in", body())
    for name in ("empty", "notes"):
        (tmp_path / name).mkdir()
    (tmp_path / "notes/notes.txt").write_text("mine")
    for name in ("empty", "notes"):
        assert len(predict(Network(shares()), film, out=tmp_path / name)) == 2
    assert (tmp_path / "notes/notes.txt").read_text() == "mine"


def test_what_predict_wrote_into_its_input_is_no_film(predict: Predict, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    save(folder, body())
    films = folder / "CHECK"
    first = predict(Network(shares()), films, out=films / "predictions", pictures=True)
    second = predict(Network(shares()), films, out=films / "T00/again")
    third = predict(Network(shares()), films, out=tmp_path / "elsewhere")
    for table in (second, third):
        pd.testing.assert_frame_equal(table, first)
    assert first["file"].tolist() == ["T00/1_T00_APO.dcm"] * 2


def test_hidden_and_system_files_are_passed_over(predict: Predict, tmp_path: Path) -> None:
    film, films = save(tmp_path / "made", body()), tmp_path / "in"
    names = ["a/film.dcm", ".snapshot/film.dcm", "a/.cache/film.dcm", "a/._film.dcm", ".DS_Store", "a/Thumbs.db",
             "desktop.ini", "a/film.dcm.pts"]  # fmt: skip
    for name in names:
        (films / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(film, films / name)
    assert predict(Network(shares()), films)["file"].tolist() == ["a/film.dcm"] * 2


def test_a_folder_below_a_hidden_one_can_be_the_input(predict: Predict, tmp_path: Path) -> None:
    film = save(tmp_path / ".hidden/in", body())
    assert len(predict(Network(shares()), tmp_path / ".hidden/in/CHECK")) == 2
    assert len(predict(Network(shares()), film, out=tmp_path / "one")) == 2


def test_linked_folders_are_followed_once(predict: Predict, tmp_path: Path) -> None:
    film, films = save(tmp_path / "made", body()), tmp_path / "in"
    films.mkdir()
    (films / "disk").symlink_to(film.parent)
    (films / "again").symlink_to(".")
    table = predict(Network(shares()), films)
    assert table["file"].tolist() == [f"disk/{film.name}"] * 2


def test_a_folder_of_hidden_files_alone_holds_no_film(
    predict: Predict, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in/.git").mkdir(parents=True)
    (tmp_path / "in/.git/config").write_text("x")
    with pytest.raises(SystemExit):
        predict(Network(shares()), tmp_path / "in")
    assert "input: " in message(capsys)


def test_both_sides_are_judged_in_their_order(predict: Predict, tmp_path: Path) -> None:
    table = predict(Network(shares()), save(tmp_path / "in", body()))
    assert table["side"].tolist() == list(SIDES)
    assert table["status"].tolist() == ["ok", "ok"]
    np.testing.assert_allclose(table["mjsw_mm"].astype(float), reference_width(RIGHT).mjsw_mm, atol=0.15)
    assert table["mjsw_unreliable_mm"].tolist() == ["", ""]
