"""Checkpoints: plain data that says enough to be used again and nothing of whom it was trained on."""

from __future__ import annotations

import getpass
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pandas as pd
import pytest
import torch
from test_one_run import trained

import hipseg
from hipseg.commands import main
from hipseg.errors import HipsegError

Change = Callable[[dict[str, Any]], None]
THESIS = {"_target_": "hipseg.transforms.intensity.FilmPercentiles", "percentiles": [5.0, 95.0]}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, store: Path, split: Path) -> Path:
    return trained(tmp_path_factory, store, split)


@pytest.fixture
def changed(run: Path, tmp_path: Path) -> Callable[[Change], Path]:
    """Writes a checkpoint that differs in one thing."""

    def write(change: Change) -> Path:
        content = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)
        change(content)
        torch.save(content, tmp_path / "changed.ckpt")
        return tmp_path / "changed.ckpt"

    return write


def test_load_from_another_working_directory(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    task = hipseg.load(str(run / "checkpoints" / "best.ckpt"))
    saved = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
    weights = {name: value for name, value in task.state_dict().items() if name.startswith("network.")}
    assert weights
    assert all(torch.equal(value, saved[name]) for name, value in weights.items())
    assert not task.training
    with torch.inference_mode():
        probabilities = task(torch.rand(2, 1, 64, 64))
    assert probabilities.shape == (2, 4, 64, 64)
    assert torch.allclose(probabilities.sum(1), torch.ones(2, 64, 64), atol=1e-5)


def test_record_says_what_images_must_be(run: Path) -> None:
    record = hipseg.load(run / "checkpoints" / "best.ckpt").record
    assert record["label_names"] == ["background", "femoral_head", "acetabular_roof", "joint_space"]
    crop = {"row": 230, "column": 100, "rows": 64, "columns": 64}
    assert {name: record["dataset"]["crop"][name] for name in crop} == crop
    assert record["model"]["_target_"] == "monai.networks.nets.UNet"
    assert record["model"]["channels"] == [4, 8]
    expected = {"rows": 512, "columns": 512, "spacing_mm": 0.9}
    assert record["preprocessing"].items() >= expected.items()
    assert record["dataset"]["intensity"] == THESIS
    assert record["training"]["seed"] == 0


def _bytes(path: Path) -> bytes:
    """Everything in a checkpoint, as stored and unpacked."""
    with zipfile.ZipFile(path) as archive:
        return path.read_bytes() + b"".join(archive.read(name) for name in archive.namelist())


@pytest.mark.parametrize("name", ["best", "last"])
def test_no_subject_in_a_checkpoint(name: str, run: Path, split: Path) -> None:
    content = _bytes(run / "checkpoints" / f"{name}.ckpt")
    samples = pd.read_csv(split)["sample"]
    needles = {*samples, *samples.str.split("/").str[1]}
    assert [needle for needle in sorted(needles) if needle.encode() in content] == []


@pytest.mark.parametrize("name", ["best", "last"])
def test_no_path_in_a_checkpoint(name: str, run: Path, store: Path, split: Path) -> None:
    content = _bytes(run / "checkpoints" / f"{name}.ckpt")
    paths = {str(path) for path in (run, run.parent, store, split, store.name, split.name, Path.cwd())}
    needles = paths | {str(Path.home()) + "/", f"/{getpass.getuser()}/"}
    assert [needle for needle in sorted(needles) if needle.encode() in content] == []


@pytest.mark.parametrize("name", ["best", "last"])
def test_plain_data_loads_without_running_code(name: str, run: Path) -> None:
    content = torch.load(run / "checkpoints" / f"{name}.ckpt", weights_only=True)
    assert content["hipseg"]["version"] == 3
    plain = (str, int, float, bool, type(None))

    def walk(part: Any) -> None:
        if isinstance(part, dict):
            assert all(isinstance(key, str) for key in part)
        for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
            walk(inner)
        assert isinstance(part, (dict, list, *plain))

    walk(content["hipseg"])


def _drop_weight(content: dict[str, Any]) -> None:
    content["state_dict"].pop(next(name for name in content["state_dict"] if name.startswith("network.")))


def _widen(content: dict[str, Any]) -> None:
    content["hipseg"]["model"]["channels"] = [8, 8]


def _name(key: str, target: str, **arguments: str) -> Change:
    return lambda content: content["hipseg"].update({key: {"_target_": target, **arguments}})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_drop_weight, ""),
        (_widen, ""),
        (lambda content: content["hipseg"].pop("model"), ""),
        (lambda content: content["hipseg"].update(version=99), "has version 99, this hipseg reads 3"),
        (_name("activation", "os.system", command="false"), "it names 'os.system', which is not trusted"),
        (_name("model", "torch.nn.Conv2d"), "it names 'torch.nn.Conv2d', which is not trusted"),
    ],
    ids=["weight_missing", "weight_of_another_shape", "no_model", "version", "system", "torch"],
)
def test_unfit_record_is_refused(change: Change, said: str, changed: Callable[[Change], Path]) -> None:
    path = changed(change)
    with pytest.raises(HipsegError, match=f"^checkpoint: .*{said}") as caught:
        hipseg.load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["activation", "model"])
def test_trusted_module_does_not_vouch_for_what_it_imports(
    key: str, changed: Callable[[Change], Path], tmp_path: Path
) -> None:
    path = changed(_name(key, "hipseg.loggers.os.mkdir", path=str(tmp_path / "made")))
    with pytest.raises(HipsegError, match=r"not trusted"):
        hipseg.load(path)
    assert not (tmp_path / "made").exists()


def test_nested_name_is_not_trusted_either(changed: Callable[[Change], Path]) -> None:
    def nest(content: dict[str, Any]) -> None:
        content["hipseg"]["model"]["act"] = ["PRELU", {"_target_": "os.getcwd"}]

    with pytest.raises(HipsegError, match=r"model\.act is no plain argument"):
        hipseg.load(changed(nest))


def test_own_networks_can_be_trusted(changed: Callable[[Change], Path]) -> None:
    def replace(content: dict[str, Any]) -> None:
        convolution = {"in_channels": 1, "kernel_size": 1, "bias": False}
        content["hipseg"]["model"] = {"_target_": "torch.nn.Conv2d", "_partial_": True, **convolution}
        content["state_dict"] = {"network.weight": torch.full((4, 1, 1, 1), 2.0)}

    task = hipseg.load(changed(replace), trusted=("torch.nn.",))
    assert task.network.weight.flatten().tolist() == [2.0] * 4


class _Runs:
    """Unpickled, it would make a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.mkdir, (self.folder,)


def test_pickled_code_is_not_run(tmp_path: Path) -> None:
    path, folder = tmp_path / "x.ckpt", tmp_path / "made"
    torch.save({"hipseg": _Runs(folder)}, path)
    with pytest.raises(HipsegError, match="is not a checkpoint that hipseg wrote"):
        hipseg.load(path)
    assert not folder.exists()


@pytest.mark.parametrize("content", [b"", b"hello", pickle.dumps({"hipseg": 1}), b"PK\x03\x04 but no archive"])
def test_another_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.ckpt").write_bytes(content)
    with pytest.raises(HipsegError, match=r"^checkpoint: .*x\.ckpt is not a checkpoint that hipseg wrote$"):
        hipseg.load(tmp_path / "x.ckpt")


@pytest.mark.parametrize("content", [{"state_dict": {}}, [1, 2], {"hipseg": 3}], ids=str)
def test_another_projects_checkpoint_is_refused(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "x.ckpt")
    with pytest.raises(HipsegError, match="is not a checkpoint that hipseg wrote"):
        hipseg.load(tmp_path / "x.ckpt")


def test_half_a_checkpoint_is_refused(run: Path, tmp_path: Path) -> None:
    content = (run / "checkpoints" / "best.ckpt").read_bytes()
    (tmp_path / "x.ckpt").write_bytes(content[: len(content) // 2])
    with pytest.raises(HipsegError, match="is not a checkpoint that hipseg wrote"):
        hipseg.load(tmp_path / "x.ckpt")


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(HipsegError, match=r"^checkpoint: there is no file .*x\.ckpt$"):
        hipseg.load(tmp_path / "x.ckpt")


@pytest.mark.parametrize(
    ("part", "value", "said"),
    [
        (
            "label_names",
            ["background", "a", "b", "c"],
            "knows the labels background, a, b, c, the store has background, ",
        ),
        ("spacing_mm", 0.5, "was trained on spacing_mm = 0.5, the store has 0.9"),
        ("rows", 256, "was trained on rows = 256, the store has 512"),
        ("columns", 256, "was trained on columns = 256, the store has 512"),
        ("region", "joint", "was trained on region = joint, the store has film"),
    ],
)
def test_evaluate_refuses_another_store(
    part: str,
    value: Any,
    said: str,
    changed: Callable[[Change], Path],
    store: Path,
    split: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def change(content: dict[str, Any]) -> None:
        record = content["hipseg"]
        (record if part in record else record["preprocessing"])[part] = value

    given = [f"checkpoint={changed(change)}", f"data.store={store}", f"data.split={split}", f"out={tmp_path}/out"]
    with pytest.raises(SystemExit) as stopped:
        main(["evaluate", *given])
    (line,) = capsys.readouterr().err.splitlines()
    assert stopped.value.code == 1
    assert line.startswith("hipseg: checkpoint: ")
    assert said in line
    assert not (tmp_path / "out" / "test_hips.csv").exists()


def test_evaluate_refuses_a_store_of_the_format_before(
    run: Path, store: Path, split: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = shutil.copy(store, tmp_path / "old.h5")
    with h5py.File(old, "a") as file:
        file.attrs["format"] = 2
    given = [f"checkpoint={run}/checkpoints/best.ckpt", f"data.store={old}", f"data.split={split}", f"out={tmp_path}/o"]
    with pytest.raises(SystemExit) as stopped:
        main(["evaluate", *given])
    said = f"hipseg: data.store: {old} has format 2, this hipseg reads 3; preprocess it again\n"
    assert (stopped.value.code, capsys.readouterr().err) == (1, said)


def _as_before(content: dict[str, Any]) -> None:
    """As version 2 was: its store had been clipped at percentiles, here other ones than the usual."""
    record = content["hipseg"]
    record["version"] = 2
    record["preprocessing"]["percentiles"] = [2.0, 98.0]
    del record["dataset"]["intensity"]


def test_a_record_of_version_2_has_the_percentiles_of_its_store(changed: Callable[[Change], Path]) -> None:
    record = hipseg.load(changed(_as_before)).record
    assert record["version"] == 3
    assert record["dataset"]["intensity"] == THESIS | {"percentiles": [2.0, 98.0]}
    assert "percentiles" not in record["preprocessing"]


IMPOSSIBLE = [None, [5.0], [5.0, 50.0, 95.0], [95.0, 5.0], [5.0, 950.0], "ab", {"_target_": "os.getcwd"}]


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("percentiles", IMPOSSIBLE, ids=str)
def test_a_record_with_impossible_percentiles_is_refused(
    percentiles: object, version: int, changed: Callable[[Change], Path]
) -> None:
    def change(content: dict[str, Any]) -> None:
        content["hipseg"]["dataset"]["intensity"]["percentiles"] = percentiles
        if version == 2:
            _as_before(content)
            content["hipseg"]["preprocessing"]["percentiles"] = percentiles

    with pytest.raises(HipsegError, match=r"^checkpoint: .*changed\.ckpt") as caught:
        hipseg.load(changed(change))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "intensity",
    [{}, {"_target_": "os.getcwd"}, {"_target_": "hipseg.geometry.crop.Crop", "row": 0, "column": 0, "rows": 64,
     "columns": 64}, {"_target_": "hipseg.transforms.intensity.to_uint16", "image": 1, "bits": 12}, [5.0, 95.0], None],
    ids=["empty", "system", "crop", "function", "list", "null"],
)  # fmt: skip
def test_a_record_whose_intensity_is_none_is_refused(intensity: object, changed: Callable[[Change], Path]) -> None:
    with pytest.raises(HipsegError, match=r"^checkpoint: .*changed\.ckpt") as caught:
        hipseg.load(changed(lambda content: content["hipseg"]["dataset"].update(intensity=intensity)))
    assert "\n" not in str(caught.value)


def test_a_record_of_version_2_whose_windows_follow_heads_is_refused(changed: Callable[[Change], Path]) -> None:
    """What finds the heads had seen films as they were clipped by their store."""
    crop = {"_target_": "hipseg.geometry.crop.HeadCrop", "rows": 64, "columns": 64, "below_mm": 0.0,
            "lateral_mm": 0.0, "shrink": 8}  # fmt: skip

    def change(content: dict[str, Any]) -> None:
        _as_before(content)
        content["hipseg"]["dataset"]["crop"] = crop
        finder = {"_target_": "hipseg.networks.head_finder.HeadFinder", "_partial_": True, "features": [4, 8]}
        content["hipseg"]["locator"] = {**finder, "field": crop, "least": 0.5}

    with pytest.raises(HipsegError, match=r"^checkpoint: .*changed\.ckpt has version 2, this hipseg reads 3") as caught:
        hipseg.load(changed(change))
    assert "\n" not in str(caught.value)
