"""Every command of README, docs and experiments: it survives zsh as it stands, and its options exist."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hipseg.commands import COMMANDS, main

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "experiments").glob("*/README.md"))]
_COMMAND = rf"hipseg (?:{'|'.join(COMMANDS)})\b|make \w+"
ECHO = 'hipseg() { print -rl -- "$@"; print -r -- "<end>"; }; make() { hipseg "$@"; }'


def _lines(page: Path) -> list[str]:
    """The commands of a page: lines of its blocks of code, and short ones within the text."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"(?ms)^```(?:\w*)\n(.*?)^```", text)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    lines += re.findall(r"`((?:hipseg|make) [^`]+)`", re.sub(r"(?ms)^```.*?^```", "", text))
    return [line.strip() for line in lines if re.match(_COMMAND, line.strip())]


FOUND = [(page, line) for page in PAGES for line in _lines(page)]
LINES = [pytest.param(line, id=f"{page.relative_to(ROOT)}: {line[:60]}") for page, line in FOUND]


def test_commands_are_found() -> None:
    assert len([line for page, line in FOUND if page.name == "README.md" and page.parent == ROOT]) >= 13
    assert {line.split()[1] for _, line in FOUND if line.startswith("hipseg")} == set(COMMANDS)


def _unquoted(line: str) -> str:
    """What of a command the shell looks into."""
    return re.sub(r"\\.|'[^']*'|\"[^\"]*\"", "", line)


@pytest.mark.parametrize("line", LINES)
def test_nothing_is_left_to_globbing(line: str) -> None:
    bare = _unquoted(line.split("  #")[0])
    assert re.findall(r"[\[\]{}*?<>|&;()$~!^#]", bare) == [], "quote it, or zsh says 'no matches found'"


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("interactive", [False, True], ids=["script", "pasted"])
def test_zsh_hands_it_on_as_it_stands(line: str, interactive: bool, tmp_path: Path) -> None:
    zsh = shutil.which("zsh")
    if zsh is None:
        pytest.skip("zsh is not installed")
    # A pasted line is not a script's: there '#' begins no comment.
    options = ["-f", "-s", *(["-i", "-o", "no_zle", "-o", "no_prompt_sp", "-o", "no_prompt_cr"] if interactive else [])]
    done = subprocess.run(
        [zsh, *options], input=f"{ECHO}\n{line}\n", env={**os.environ, "PS1": "", "PS2": ""}, cwd=tmp_path,
        capture_output=True, text=True, check=False, start_new_session=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [*shlex.split(line, comments=True)[1:], "<end>"]


@pytest.mark.parametrize("line", [case for case in LINES if str(case.values[0]).startswith("hipseg")])
def test_its_options_exist(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["pytest"])
    (tmp_path / "FOLDER/cohort").mkdir(parents=True)
    documented = re.search(r"```yaml\n(.*?)```", (ROOT / "docs/data.md").read_text(), re.DOTALL)
    assert documented
    (tmp_path / "FOLDER/cohort/mine.yaml").write_text(documented[1])
    given = [part for part in shlex.split(line, comments=True)[1:] if part != "-m"]
    # Without -m a list of values is none, and its first shows that the key takes it.
    given = [re.sub(r"^([\w.@+]+=[^\[{'\",]+),.*", r"\1", part) for part in given]
    given = [part.replace("...", "x") for part in given if part != "..."]
    given = [part for part in given if not part.startswith("resume=")]
    code: object = 0
    try:
        main([*given, "--cfg", "job"])
    except SystemExit as ended:
        code = ended.code or 0
    assert (code, capsys.readouterr().err) == (0, "")
