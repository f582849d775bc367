"""The command line as a user starts it: a console script in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import matplotlib

SCRIPT = "import sys\nfrom hipseg.commands import main\nif __name__ == '__main__':\n    sys.exit(main())\n"


def script(folder: Path) -> Path:
    """The console script that installing hipseg makes, in a folder."""
    path = folder / "hipseg"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!{sys.executable}\n{SCRIPT}")
        path.chmod(0o755)
    return path


def start(place: Path, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Start a command in a working directory."""
    fonts = {"MPLCONFIGDIR": matplotlib.get_cachedir()}  # or matplotlib reads all fonts anew
    return subprocess.Popen(
        [str(script(place / "bin")), *arguments],
        cwd=place, env={**os.environ, **fonts, **(env or {})}, text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def ended(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    """A started command's exit code and what it said."""
    out, err = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def console(place: Path, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command in a working directory to its end."""
    return ended(start(place, *arguments, env=env))


def sentence(text: str, key: str) -> str:
    """The one line of standard error that a refusal is; it names the key."""
    said = [line for line in text.splitlines() if line.startswith("hipseg: ")]
    assert "Traceback" not in text
    assert len(said) == 1, text
    assert re.search(rf"(?<!\w){re.escape(key)}(?!\w)", said[0]), said[0]
    return said[0]
