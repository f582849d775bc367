"""A store of images: what is put in comes out, and a damaged one is refused with a sentence."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray
from small_images import dataset_json, grey, mask, write

from hipseg.commands import main
from hipseg.data.image_store import ImageStore, ImageStoreWriter, StoredImage
from hipseg.data.sources.case_files import Reading, read_cases
from hipseg.data.sources.nnunet_folder import NnunetFolder
from hipseg.data.store import Store
from hipseg.data.stores import open_store
from hipseg.errors import HipsegError

NAMES = ("background", "head", "neck")


def _stored(
    name: str, pixels: NDArray[Any], labels: NDArray[np.uint8] | None, spacing: tuple[float, ...], subset: str = "train"
) -> StoredImage:
    return StoredImage(f"set/{name}/{name}", name, subset, -1, pixels, labels, spacing, f"{name}.png", "0" * 64)


def _cases() -> list[StoredImage]:
    rng = np.random.default_rng(0)
    return [
        _stored("small", grey(5, 7)[None], mask(5, 7), (0.1, 0.2)),
        _stored("large", rng.integers(0, 60000, (2, 130, 90)).astype(np.uint16), mask(130, 90), (0.15, 0.15), "test"),
        _stored("solid", rng.normal(size=(1, 6, 70, 8)).astype(np.float32), np.ones((6, 70, 8), np.uint8), (3, 0.5, 1)),
        _stored("bare", rng.integers(-900, 900, (3, 9, 4)).astype(np.int16), None, (1.0, 1.0)),
    ]


def _write(path: Path, cases: list[StoredImage] | None = None) -> Path:
    with ImageStoreWriter(path, NAMES, {"dataset": "set"}) as writer:
        for case in _cases() if cases is None else cases:
            writer.put(case)
    return path


def test_everything_comes_back(tmp_path: Path) -> None:
    store = ImageStore(_write(tmp_path / "new" / "s.h5"))
    assert store.label_names == NAMES
    assert store.preprocessing == {"kind": "images", "dataset": "set"}
    for row, case in enumerate(_cases()):
        assert store.rows_by_key[case.key] == row
        assert store.image(row).dtype == case.pixels.dtype
        assert np.array_equal(store.image(row), case.pixels)
        assert store.size(row) == case.pixels.shape[1:]
        assert store.channels(row) == case.pixels.shape[0]
        assert store.spacing_mm(row) == case.spacing_mm
        if case.labels is not None:
            assert np.array_equal(store.label(row), case.labels)
    samples = store.samples
    assert samples["usable"].tolist() == [True, True, True, False]
    assert samples["reason"].tolist() == ["", "", "", "mask_missing"]
    assert samples["subset"].tolist() == ["train", "test", "train", "train"]
    assert samples["subject"].tolist() == ["small", "large", "solid", "bare"]
    assert samples["cohort"].tolist() == ["set"] * 4
    assert samples["source"].tolist() == ["small.png", "large.png", "solid.png", "bare.png"]


def test_names_in_any_script_come_back(tmp_path: Path) -> None:
    store = ImageStore(_write(tmp_path / "s.h5", [_stored("Hüfte_左", grey()[None], mask(), (1.0, 1.0))]))
    assert store.samples["key"].tolist() == ["set/Hüfte_左/Hüfte_左"]
    assert store.samples["source"].tolist() == ["Hüfte_左.png"]


LONG = "a" * 90


def test_long_names_stay_different_or_are_refused(tmp_path: Path) -> None:
    cases = [_stored(f"{LONG}{side}", grey()[None], mask(), (1.0, 1.0)) for side in ("left", "right")]
    try:
        store = ImageStore(_write(tmp_path / "s.h5", cases))
    except HipsegError:
        return
    assert store.samples["key"].tolist() == [case.key for case in cases]


def test_a_store_of_long_names_in_any_script_can_be_read(tmp_path: Path) -> None:
    case = _stored("a", grey()[None], mask(), (1.0, 1.0))._replace(source="x" + "ü" * 70 + ".png")
    ImageStore(_write(tmp_path / "s.h5", [case]))


def test_a_store_is_opened_by_what_it_is(tmp_path: Path, store: Path) -> None:
    assert isinstance(open_store(_write(tmp_path / "s.h5")), ImageStore)
    assert isinstance(open_store(store), Store)
    with pytest.raises(HipsegError):
        open_store(tmp_path / "none.h5")


def test_a_store_in_use_goes_to_another_process(tmp_path: Path) -> None:
    store = ImageStore(_write(tmp_path / "s.h5"))
    store._file = None
    again = pickle.loads(pickle.dumps(store))
    assert np.array_equal(again.image(0), grey(5, 7)[None])


def test_a_store_that_was_read_goes_to_another_process(tmp_path: Path) -> None:
    store = ImageStore(_write(tmp_path / "s.h5"))
    store.image(0)
    again = pickle.loads(pickle.dumps(store))
    assert np.array_equal(again.image(0), grey(5, 7)[None])


# Writing


def test_a_writer_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), ImageStoreWriter(tmp_path / "s.h5", NAMES, {}) as writer:
        writer.put(_cases()[0])
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_writer_that_breaks_off_leaves_the_store_that_was_there(tmp_path: Path) -> None:
    before = _write(tmp_path / "s.h5").read_bytes()
    with pytest.raises(KeyboardInterrupt), ImageStoreWriter(tmp_path / "s.h5", NAMES, {}) as writer:
        writer.put(_cases()[1])
        raise KeyboardInterrupt
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"s.h5": before}


def test_until_it_is_closed_there_is_no_store(tmp_path: Path) -> None:
    with ImageStoreWriter(tmp_path / "s.h5", NAMES, {}) as writer:
        writer.put(_cases()[0])
        assert not (tmp_path / "s.h5").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["s.h5"]


def test_a_place_that_can_not_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s.h5.making").mkdir()
    with pytest.raises(HipsegError, match=r"^store: .*s\.h5 can't be written"):
        ImageStoreWriter(tmp_path / "s.h5", NAMES, {})


# Damaged stores


def _rows(file: h5py.File, **changed: Any) -> None:
    rows = file["samples"][:]
    for name, value in changed.items():
        rows[name][0] = value
    del file["samples"]
    file["samples"] = rows


def _replaced(file: h5py.File, place: str, with_: Any) -> None:
    del file[place]
    if with_ is not None:
        file[place] = with_


def _external_data(file: h5py.File) -> None:
    del file["images/000000"]
    outside = [("/etc/hostname", 0, h5py.h5f.UNLIMITED)]
    file["images"].create_dataset("000000", (1, 5, 7), "u1", external=outside)


def _virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((1, 5, 7), "u1")
    layout[:] = h5py.VirtualSource("other.h5", "secret", (1, 5, 7))
    del file["images/000000"]
    file.create_virtual_dataset("images/000000", layout)


DAMAGES: dict[str, Callable[[h5py.File], object]] = {
    "an external link to an image": lambda f: _replaced(f, "images/000000", h5py.ExternalLink("o.h5", "/x")),
    "a soft link to an image": lambda f: _replaced(f, "images/000000", h5py.SoftLink("/labels/000000")),
    "an image in another file": _external_data,
    "a virtual image": _virtual,
    "no image": lambda f: _replaced(f, "images/000000", None),
    "no label map": lambda f: _replaced(f, "labels/000000", None),
    "a folder for an image": lambda f: (_replaced(f, "images/000000", None), f["images"].create_group("000000")),
    "text for an image": lambda f: _replaced(f, "images/000000", np.full((1, 5, 7), b"x")),
    "complex numbers for an image": lambda f: _replaced(f, "images/000000", np.ones((1, 5, 7), complex)),
    "an image of another size": lambda f: _replaced(f, "images/000000", np.ones((1, 5, 8), np.uint8)),
    "a label map of another size": lambda f: _replaced(f, "labels/000000", np.ones((5, 8), np.uint8)),
    "no table": lambda f: _replaced(f, "samples", None),
    "a linked table": lambda f: _replaced(f, "samples", h5py.ExternalLink("o.h5", "/samples")),
    "another table": lambda f: _replaced(f, "samples", np.zeros(3)),
    "a spacing of 0": lambda f: _rows(f, spacing_mm=0.0),
    "a spacing that is no number": lambda f: _rows(f, spacing_mm=np.nan),
    "a size of 0": lambda f: _rows(f, size=0),
    "a huge size": lambda f: _rows(f, size=1 << 40),
    "no axes": lambda f: _rows(f, axes=0),
    "many axes": lambda f: _rows(f, axes=9),
    "letters that are none": lambda f: _rows(f, key=b"\xff\xfe"),
    "another format": lambda f: f.attrs.__setitem__("format", 99),
    "no label names": lambda f: f.attrs.__delitem__("label_names"),
    "a description that is none": lambda f: f.attrs.__setitem__("preprocessing", "{"),
    "a key that is none": lambda f: f.attrs.__setitem__("identity_key", "secret"),
}  # fmt: skip
UNNOTICED: dict[str, Callable[[h5py.File], object]] = {
    "an image without channels": lambda f: _replaced(f, "images/000000", np.ones((5, 7), np.uint8)),
    "a label map with channels": lambda f: _replaced(f, "labels/000000", np.ones((2, 5, 7), np.uint8)),
    "a label map of fractions": lambda f: _replaced(f, "labels/000000", np.full((5, 7), 0.5)),
    "two samples of one key": lambda f: _rows(f, key=b"set/large/large"),
}


@pytest.mark.parametrize(
    "damage",
    [*DAMAGES.items(), *(pytest.param(damage) for damage in UNNOTICED.items())],
    ids=[*DAMAGES, *UNNOTICED],
)
def test_a_damaged_store_is_refused(damage: tuple[str, Callable[[h5py.File], object]], tmp_path: Path) -> None:
    path = _write(tmp_path / "s.h5")
    with h5py.File(path, "r+") as file:
        damage[1](file)
    with pytest.raises(HipsegError, match=r"^data\.store: .*s\.h5 is not a store that can be read .*convert it again$"):
        ImageStore(path)


def test_a_file_cut_in_half_is_refused(tmp_path: Path) -> None:
    path = _write(tmp_path / "s.h5")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(HipsegError, match="is not a store that can be read"):
        ImageStore(path)


def test_a_chunk_that_is_damaged_is_refused_when_it_is_read(tmp_path: Path) -> None:
    path = _write(tmp_path / "s.h5")
    with h5py.File(path, "r+") as file:
        file["images/000001"].id.write_direct_chunk((0, 0, 0), b"rubbish")
    store = ImageStore(path, "store")
    with pytest.raises(HipsegError, match=r"^store: .*s\.h5 is damaged, images 1 can't be read"):
        store.image(1)


# By the commands, and back to nnU-Net


def _dataset(folder: Path, channels: int = 2) -> Path:
    dataset_json(folder, ".png", channels)
    for number, (part, name) in enumerate((("Tr", "a"), ("Tr", "b"), ("Ts", "c"), ("Ts", "bare"))):
        for channel in range(channels):
            write(folder / f"images{part}" / f"{name}_{channel:04d}.png", grey(10 + number, 70, 10 * number + channel))
        if name != "bare":
            write(folder / f"labels{part}" / f"{name}.png", mask(10 + number, 70))
    write(folder / "imagesTr" / "lost_0000.png", grey())
    return folder


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("converted")
    _dataset(folder / "Dataset001_set")
    options = ["spacing_mm=[0.5,0.25]", "workers=1"]
    main(["convert", f"input={folder / 'Dataset001_set'}", f"store={folder / 's.h5'}", *options])
    main(["split", f"store={folder / 's.h5'}", f"out={folder / 'split.csv'}", "by=given", "folds=2"])
    return folder


def test_convert_stores_what_it_can_and_names_the_rest(converted: Path) -> None:
    store = ImageStore(converted / "s.h5")
    assert store.samples["key"].tolist() == [f"Dataset001_set/{name}/{name}" for name in ("a", "b", "bare", "c")]
    assert store.samples["usable"].tolist() == [True, True, False, True]
    excluded = pd.read_csv(converted / "s.h5.exclusions.csv", keep_default_na=False)
    assert excluded.to_dict("records") == [
        {"file": "lost_0000.png", "side": "", "reason": "channel_missing", "detail": "its channel 0001 is missing"}
    ]


def test_a_dataset_of_which_nothing_can_be_stored_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    folder = _dataset(tmp_path / "Dataset001_set")
    with pytest.raises(SystemExit):
        main(["convert", f"input={folder}", f"store={tmp_path / 's.h5'}", "workers=1"])
    said = capsys.readouterr().err
    assert "none of its 4 cases can be stored" in said
    assert "lost_0000.png" in said or "spacing" in said
    assert not (tmp_path / "s.h5").exists()


def _read_back(folder: Path) -> dict[str, StoredImage]:
    found = NnunetFolder().find(folder)
    assert found.exclusions == ()
    cases = [read_cases(Reading(files, "x", len(found.label_names), None))[0] for files in found.cases]
    assert all(isinstance(case, StoredImage) for case in cases)
    return {files.name: case for files, case in zip(found.cases, cases, strict=True) if isinstance(case, StoredImage)}


def test_an_exported_store_is_read_again_as_it_was(converted: Path, tmp_path: Path) -> None:
    out = tmp_path / "Dataset009_back"
    main(["export", f"store={converted / 's.h5'}", f"split={converted / 'split.csv'}", f"out={out}"])
    keys = pd.read_csv(tmp_path / "Dataset009_back.cases.csv").set_index("case")["sample"]
    back = _read_back(out)
    assert set(back) == set(keys.index)
    assert sorted(keys) == [f"Dataset001_set/{name}/{name}" for name in ("a", "b", "c")]
    for name, case in back.items():
        letter = keys[name].rsplit("/")[-1]
        number = "abc".index(letter)
        assert np.array_equal(case.pixels, [grey(10 + number, 70, 10 * number + channel) for channel in range(2)])
        assert case.labels is not None
        assert np.array_equal(case.labels, mask(10 + number, 70))
        assert case.spacing_mm == pytest.approx((0.5, 0.25))
        assert case.subset == ("test" if letter == "c" else "train")
    assert NnunetFolder().find(out).label_names == NAMES
    # The folder itself names no subject and no case of the dataset.
    assert {path.name for path in out.iterdir()} == {"imagesTr", "imagesTs", "labelsTr", "labelsTs", "dataset.json"}


def test_a_folder_in_use_is_not_exported_to(
    converted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    (tmp_path / "kept.txt").write_text("mine")
    with pytest.raises(SystemExit):
        main(["export", f"store={converted / 's.h5'}", f"split={converted / 'split.csv'}", f"out={tmp_path}"])
    assert "is not empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


def test_exported_hips_are_right_ones(store: Path, split: Path, tmp_path: Path) -> None:
    out = tmp_path / "Dataset001_hips"
    main(["export", f"store={store}", f"split={split}", f"out={out}"])
    cases = pd.read_csv(tmp_path / "Dataset001_hips.cases.csv")
    subsets = pd.read_csv(split).set_index("sample")["subset"]
    assert sorted(cases["sample"]) == sorted(subsets.index)
    opened = Store(store)
    sides = set()
    for name, key in zip(cases["case"], cases["sample"], strict=True):
        part = "Ts" if subsets[key] == "test" else "Tr"
        image, label = (
            sitk.ReadImage(str(out / f"{folder}{part}" / f"{name}{channel}.nii.gz"))
            for folder, channel in (("images", "_0000"), ("labels", ""))
        )
        row = opened.rows_by_key[key]
        sides.add(key.rsplit("/", 1)[-1])
        expected = [opened.image(row), opened.label(row)]
        if key.endswith("left"):
            expected = [np.fliplr(pixels) for pixels in expected]
        assert np.array_equal(sitk.GetArrayFromImage(image), expected[0]), key
        assert np.array_equal(sitk.GetArrayFromImage(label), expected[1]), key
        assert image.GetSpacing() == pytest.approx([float(opened.films["spacing_mm"].iloc[0])] * 2, rel=1e-5)
    assert sides == {"left", "right"}
