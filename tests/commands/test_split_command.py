from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest

from hipseg.commands import main
from hipseg.data.split import largest_remainder, make_split, read_split
from hipseg.data.store import Store


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["pytest"])
    return tmp_path


def test_the_split_of_the_session(split: Path, store: Path) -> None:
    samples = Store(store).samples
    table = read_split(split, samples)
    assert sorted(table["sample"]) == sorted(samples.loc[samples["usable"], "key"])
    by_subject = table.groupby(table["sample"].str.rsplit("/", n=2).str[0])["subset"].unique()
    assert (by_subject.str.len() == 1).all()
    counts = by_subject.str[0].value_counts()
    assert [counts[name] for name in ("train", "val", "test")] == largest_remainder(len(by_subject), [0.5, 0.25, 0.25])


@pytest.mark.parametrize("by", ["subject", "sample"])
def test_the_command_writes_one_file_and_says_its_sizes(
    here: Path, store: Path, by: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["split", f"store={store}", "out=new/split.csv", f"by={by}", "ratios=[2,1,1]", "seed=4"])
    printed = capsys.readouterr()
    table = pd.read_csv("new/split.csv")
    assert table.equals(make_split(Store(store).samples, by, [2, 1, 1], 4))  # type: ignore[arg-type]
    assert [path.relative_to(here).as_posix() for path in here.rglob("*")] == ["new", "new/split.csv"]
    train = table.loc[table["subset"] == "train", "sample"]
    subjects = train.str.rsplit("/", n=2).str[0].nunique()
    assert printed.out.startswith(f"new/split.csv, by {by}: train {len(train)} samples of {subjects} subjects, val ")
    assert printed.err == ""


def test_the_same_seed_writes_the_same_bytes(here: Path, store: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        main(["split", f"store={store}", f"out={name}.csv", "ratios=[2,1,1]", f"seed={seed}"])
    a, b, c = (Path(f"{name}.csv").read_bytes() for name in "abc")
    assert a == b != c


def test_films_without_grades_are_not_stratified(here: Path, store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["split", f"store={store}", "out=s.csv", "stratify=true"])
    assert "stratify: the store holds no grades" in capsys.readouterr().err
    assert not Path("s.csv").exists()
