"""A mistake ends in one line that names the key, exit code 1, and nothing written."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import h5py
import pytest

from hipseg.commands import main

COHORT = "+cohorts.MINE={_target_:hipseg.data.cohorts.Cohort,name:MINE"


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Path, split: Path) -> Path:
    """A working directory with folders, a text file, a foreign HDF5 file, a store and its split, and an old store."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full/text").write_text("text")
    (tmp_path / "other.csv").write_text("key,mjsw_mm\nOTHER/1/T00/left,3.5\n")
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["precious"] = [1, 2, 3]
    shutil.copy(store, tmp_path / "store.h5")
    shutil.copy(store, tmp_path / "old.h5")
    with h5py.File(tmp_path / "old.h5", "a") as file:
        file.attrs["format"] = 2
    shutil.copy(split, tmp_path / "split.csv")
    (tmp_path / "in").mkdir()
    (tmp_path / "in/scan.dcm").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["pytest"])
    return tmp_path


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every path below a folder, with the bytes of its own files."""
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")}


def exit_code(arguments: list[str]) -> object:
    """How a command ends; the error itself, which may hold files open, is let go."""
    try:
        main(arguments)
    except SystemExit as ended:
        return ended.code
    return 0


PHANTOM = {
    "no value": ("phantom", "out: no value is given"),
    "unknown key": ("phantom out=o subject=3", "subject: there is no such key"),
    "unknown inner key": ("phantom out=o preset.joint.widht_mm=[1,2]", "preset.joint.widht_mm: there is no such key"),
    "added key": ("phantom out=o +subject=3", "subject: there is no such option"),
    "removed key": ("phantom out=o ~seed", "seed: no value is given"),
    "unknown option": (
        "phantom out=o preset=easy",
        "preset: there is no option 'easy'; choose arthritis, hard, projected, random, standard",
    ),
    "no number": ("phantom out=o subjects=many", "subjects: input should be a valid integer"),
    "no whole number": ("phantom out=o subjects=1.5", "subjects: input should be a valid integer"),
    "null": ("phantom out=o seed=null", "seed: input should be a valid integer"),
    "too small": ("phantom out=o subjects=0", "subjects: input should be greater than or equal to 1, not 0"),
    "too large": ("phantom out=o exposures=3", "exposures: input should be less than or equal to 2, not 3"),
    "negative": ("phantom out=o landmark_error_mm=-1", "landmark_error_mm: input should be greater than or equal to 0"),
    "no truth value": ("phantom out=o plants=maybe", "plants: input should be a valid boolean"),
    "list too long": ("phantom out=o preset.joint.width_mm=[1,2,3]", "preset.joint.width_mm: "),
    "no list": ("phantom out=o preset.joint.width_mm=wide", "preset.joint.width_mm: input should be a valid tuple"),
    "sweep without -m": ("phantom out=o subjects=1,2", "subjects=1,2"),
    "unreadable": ("phantom out=o subjects=[1", "subjects=[1"),
    "no equals sign": ("phantom out=o subjects", "subjects"),
    "option with dashes": ("phantom out=o --subjects 3", "--subjects"),
    "full folder": ("phantom out=full", "out: full is not empty"),
    "out is a file": ("phantom out=full/text", "out: "),
    "out below a file": ("phantom out=full/text/o", "out: "),
    "-m": ("phantom out=o -m", "-m: only evaluate and train can sweep"),
}
PREPROCESS = {
    "no input": ("preprocess store=a.h5", "input: no value is given"),
    "no store": ("preprocess input=in", "store: no value is given"),
    "no such input": ("preprocess input=nowhere store=a.h5", "input: there is no folder nowhere"),
    "empty input": ("preprocess input=empty store=a.h5", "input: empty holds no film"),
    "input is a file": ("preprocess input=full/text store=a.h5", "input: there is no folder full/text"),
    "unknown outline": ("preprocess input=in store=a.h5 outline=round", "outline: there is no option 'round'"),
    "unknown cohort": ("preprocess input=in store=a.h5 cohort=[check,qct]", "cohort"),
    "no number": ("preprocess input=in store=a.h5 rows=ten", "rows: input should be a valid integer"),
    "percentiles": ("preprocess input=in store=a.h5 percentiles=[5,95]",
                    "hipseg: percentiles: it has another name now; "
                    "give data.dataset.intensity.percentiles=[5,95] to hipseg train"),
    "percentiles with a plus": ("preprocess input=in store=a.h5 +percentiles=[1,99]",
                                "give data.dataset.intensity.percentiles=[1,99] to hipseg train"),
    "intensity": ("preprocess input=in store=a.h5 intensity=wide", "intensity: "),
    "store is text": ("preprocess input=in store=full/text", "store: full/text can't be continued"),
    "store is foreign": ("preprocess input=in store=foreign.h5", "store: "),
    "store is a folder": ("preprocess input=in store=empty", "store: empty can't be continued"),
    "store of old": ("preprocess input=in store=old.h5",
                     "store: old.h5 has format 2, this hipseg reads 3; preprocess it again"),
    "store below a file": ("preprocess input=in store=full/text/a.h5", "store: "),
    "other settings": ("preprocess input=in store=store.h5 spacing_mm=0.5", "spacing_mm = 0.9, not 0.5"),
    "no subject": (f"preprocess input=in store=a.h5 {COHORT},film:MINE/x.dcm,points:x}}",
                   "cohorts.MINE.film: 'MINE/x.dcm' has no {subject}"),
    "unknown field": (f"preprocess input=in store=a.h5 {COHORT},film:'{{subject}}.dcm',points:'{{subjct}}.pts'}}",
                      "cohorts.MINE.points: the film's pattern has no {subjct}"),
    "broken field": (f"preprocess input=in store=a.h5 {COHORT},film:'{{subject}}.dcm',points:'{{sub-ject}}.pts'}}",
                     "cohorts.MINE.points: "),
    "no points pattern": (f"preprocess input=in store=a.h5 {COHORT},film:'{{subject}}.dcm'}}",
                          "cohorts.MINE.points: no value is given"),
    "misspelt pattern": (f"preprocess input=in store=a.h5 {COHORT},flim:'{{subject}}.dcm',points:x}}",
                         "cohorts.MINE.flim: there is no such option"),
    "no target": ("preprocess input=in store=a.h5 +cohorts.MINE={name:MINE,film:'{subject}.dcm'}",
                  "cohorts.MINE"),
    "unquoted braces": ("preprocess input=in store=a.h5 cohorts.OAI.film=OAI/{subject}.dcm", "cohorts.OAI.film"),
    "--multirun": ("preprocess input=in store=a.h5 --multirun", "-m: only evaluate and train can sweep"),
}  # fmt: skip
SPLIT = {
    "no out": ("split store=store.h5", "out: no value is given"),
    "no such store": ("split store=none.h5 out=s.csv", " store: there is no file none.h5"),
    "store is text": ("split store=full/text out=s.csv", " store: full/text is not a store"),
    "store is foreign": (
        "split store=foreign.h5 out=s.csv",
        " store: foreign.h5 is an HDF5 file but not a hipseg store",
    ),
    "by what": (
        "split store=store.h5 out=s.csv by=film",
        "by: input should be 'subject', 'sample' or 'given', not 'film'",
    ),
    "two ratios": ("split store=store.h5 out=s.csv ratios=[1,2]", "ratios"),
    "negative ratio": ("split store=store.h5 out=s.csv ratios=[1,-1,1]", "ratios: give three shares"),
    "ratio is nan": ("split store=store.h5 out=s.csv ratios=[nan,1,1]", "ratios"),
    "too few subjects": ("split store=store.h5 out=s.csv ratios=[98,1,1]", "ratios: 10 subjects are too few"),
    "no seed": ("split store=store.h5 out=s.csv seed=x", "seed: input should be a valid integer"),
    "out is a folder": ("split store=store.h5 out=empty", "out: "),
    "out below a file": ("split store=store.h5 out=full/text/s.csv", "out: "),
    "-m": ("split -m store=store.h5 out=s.csv seed=1,2", "-m: only evaluate and train can sweep, not split"),
}
TRAIN = {
    "unknown key": ("train data.store=store.h5 data.split=split.csv out=r trainer.max_epoch=2",
                    "trainer.max_epoch: there is no such key"),
    "unknown option": ("train data.store=store.h5 data.split=split.csv out=r loss=dicce",
                       "loss: there is no option 'dicce'; choose ce, class_ce, dice, dice_ce"),
    "no store": ("train data.split=split.csv out=r", "data.store: no value is given"),
    "old store": ("train data.store=old.h5 data.split=split.csv out=r",
                  "data.store: old.h5 has format 2, this hipseg reads 3; preprocess it again"),
    "one percentile": (
        "train data.store=store.h5 data.split=split.csv out=r data.dataset.intensity.percentiles=[5]",
        "data.dataset.intensity.percentiles",
    ),
    "percentiles the wrong way round": (
        "train data.store=store.h5 data.split=split.csv out=r data.dataset.intensity.percentiles=[95,5]",
        "hipseg: data.dataset.intensity",
    ),
    "percentiles beyond 100": (
        "train data.store=store.h5 data.split=split.csv out=r data.dataset.intensity.percentiles=[5,101]",
        "data.dataset.intensity.percentiles",
    ),
    "ends the wrong way round": (
        "train data.store=store.h5 data.split=split.csv out=r intensity=local data.dataset.intensity.ends=[0.9,0.1]",
        "hipseg: data.dataset.intensity",
    ),
    "no such intensity": ("train data.store=store.h5 data.split=split.csv out=r intensity=narrow",
                          "intensity: there is no option 'narrow'; choose local, thesis, wide"),
    "no such split": ("train data.store=store.h5 data.split=none.csv out=r", "data.split: there is no file none.csv"),
    "wrong type": ("train data.store=store.h5 data.split=split.csv out=r trainer.max_epochs=lots",
                   "trainer.max_epochs: input should be a valid integer"),
    "out is a file": ("train data.store=store.h5 data.split=split.csv out=full/text", "full/text"),
    "annotations of other hips": ("train data.store=store.h5 data.split=split.csv out=r annotations=other.csv",
                            "annotations: it knows none of the test hips; its keys must look like "),
    "no such checkpoint": ("evaluate checkpoint=none.ckpt data.store=store.h5 data.split=split.csv out=r",
                           "checkpoint: there is no file none.ckpt"),
}  # fmt: skip
PREDICT = {
    "no such checkpoint": ("predict checkpoint=none.ckpt input=in out=o", "checkpoint: there is no file none.ckpt"),
    "no such locator": ("preprocess input=in store=a.h5 roi=joint locator=none.ckpt",
                        "locator: there is no file none.ckpt"),
    "locator is text": ("preprocess input=in store=a.h5 roi=joint locator=full/text", "locator: full/text is not"),
    "report of nothing": ("report runs=[empty] out=p.html", "runs: "),
}  # fmt: skip
CASES = [
    pytest.param(arguments.split(), said, id=f"{arguments.split()[0]}: {name}")
    for command in (PHANTOM, PREPROCESS, SPLIT, TRAIN, PREDICT)
    for name, (arguments, said) in command.items()
]


@pytest.mark.parametrize(("arguments", "said"), CASES)
def test_one_line_exit_code_1_and_nothing_written(
    there: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    before = snapshot(there)
    code = exit_code(arguments)
    printed = capsys.readouterr()
    assert code == 1
    assert printed.out == ""
    assert printed.err.startswith("hipseg: ")
    assert printed.err.count("\n") == 1
    assert said in printed.err
    assert "Traceback" not in printed.err
    assert snapshot(there) == before


@pytest.mark.parametrize("arguments", [["frobnicate"], ["phantm", "out=o"], ["out=o"]])
def test_an_unknown_command(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    known = (
        "phantom, joints, preprocess, convert, split, plan, train, components, enclose, "
        "evaluate, predict, export, report"
    )
    assert ended.value.code == 1
    assert capsys.readouterr().err == f"hipseg: there is no command '{arguments[0]}'; choose {known}\n"


def test_an_interrupt_ends_in_one_line(
    there: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(config: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hipseg.commands.split.run", interrupt)
    with pytest.raises(SystemExit) as ended:
        main(["split", "store=store.h5", "out=s.csv"])
    assert ended.value.code == 130
    assert capsys.readouterr().err == "hipseg: interrupted\n"
