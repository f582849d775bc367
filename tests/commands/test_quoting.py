"""Values with spaces, commas, equals signs, brackets and hashes: they work quoted, and unquoted the answer says how."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest

from hipseg.commands import main

NAMES = ["a b.csv", "a,b.csv", "a=b.csv", "[a].csv", "a#b.csv", "{a}.csv", "a (1): b, c=[d]{e}#f.csv", "größe.csv"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["pytest"])
    return tmp_path


@pytest.mark.parametrize("quote", "\"'")
@pytest.mark.parametrize("name", NAMES)
def test_quoted_within_the_value(name: str, quote: str, store: Path) -> None:
    main(["split", f"store={store}", f"out={quote}{name}{quote}", "ratios=[0.5,0.25,0.25]"])
    assert len(pd.read_csv(name)) == 39


@pytest.mark.parametrize("name", NAMES)
def test_a_store_so_named_is_read(name: str, store: Path) -> None:
    shutil.copy(store, name)
    main(["split", f"store='{name}'", "out=s.csv", "ratios=[0.5,0.25,0.25]"])
    assert len(pd.read_csv("s.csv")) == 39


@pytest.mark.parametrize("name", NAMES)
def test_unquoted_it_works_or_the_answer_says_how(
    name: str, store: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    try:
        main(["split", f"store={store}", f"out={name}", "ratios=[0.5,0.25,0.25]"])
    except SystemExit as ended:
        assert ended.code == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("hipseg: ")
        assert "out" in line
        assert "quot" in line
        assert "--multirun" not in line  # split can't sweep
        assert list(here.iterdir()) == []
    else:
        assert [path.name for path in here.iterdir()] == [name]


@pytest.mark.parametrize(
    "text", ["out", "out =x", "=x", "out=[1", "out={a", "out='x", '"out=x"', "out=x y=z", "out=$(x)"]
)
def test_what_can_not_be_read_is_said_in_a_line(
    text: str, store: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    try:
        main(["split", f"store={store}", text, "ratios=[0.5,0.25,0.25]"])
    except SystemExit as ended:
        assert ended.code == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("hipseg: ")


JARGON = ("Field required", "field required", "type=", "pydantic",
          "LexerNoViableAlt", "mismatched input", "is_instance", "ConfigComposition", "hydra.errors")  # fmt: skip
WRONG = {
    "split store=STORE out=s.csv ratios=[0.5,0.5]": "ratios",
    "split store=STORE out=s.csv ratios=[0.5,0.5,0.1,0.1]": "ratios",
    "split store=STORE out=s.csv ratios=0.5": "ratios",
    "split store=STORE out=s.csv ratios=[]": "ratios",
    "split store=STORE out=s.csv ratios=[a,b,c]": "ratios",
    "split store=STORE out=s.csv ratios=null": "ratios",
    "split store=STORE out=s.csv ratios={a:1}": "ratios",
    "split store=STORE out=s.csv seed=x": "seed",
    "split store=STORE out=s.csv seed=1.5": "seed",
    "split store=STORE out=s.csv seed=-1": "seed",
    "split store=STORE out=[s.csv]": "out",
    "split store=STORE out=3": "out",
    "preprocess input=. store=a.h5 intensity_bits=[5]": "intensity_bits",
    "preprocess input=. store=a.h5 modalities=CR": "modalities",
    "preprocess input=. store=a.h5 workers=all": "workers",
    "preprocess input=. store=a.h5 spacing_mm=0": "spacing_mm",
    "phantom out=o preset.joint.width_mm=[1,2,3]": "preset.joint.width_mm",
    "phantom out=o preset.joint.width_mm=[1]": "preset.joint.width_mm",
    "phantom out=o plants=maybe": "plants",
    "report runs=RUN out=o.html": "runs",
    "report runs=[1] out=o.html": "runs",
}


@pytest.mark.parametrize("given", WRONG)
def test_a_value_that_does_not_fit_is_refused_without_jargon(
    given: str, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    try:
        main(given.replace("STORE", str(store)).split())
    except SystemExit as ended:
        assert ended.code == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("hipseg: ")
        assert WRONG[given] in line
        assert [word for word in JARGON if word in line] == []
    else:  # a number may be a file's name
        assert given.endswith("out=3")


@pytest.mark.parametrize("given", [
    "split store=STORE out=s.csv +seed=1", "phantom out=o +subjects=3", "preprocess input=. store=a.h5 +rows=12",
    "report runs=[x] out=o.html +out=p.html", "predict checkpoint=x input=. out=o +out=p",
])  # fmt: skip
def test_a_plus_too_many_is_named_as_such(given: str, store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(given.replace("STORE", str(store)).split())
    assert ended.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"hipseg: {given.split('+')[1].split('=')[0]}: ")
    assert "no such key" not in line
    assert "+" in line
