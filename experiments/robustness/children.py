"""Calls that may end their process, each in a child of bounded memory, with what became of it."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

MEMORY_MB: Final = 3000
SECONDS: Final = 90
SECRET_NAME: Final = "HIPSEG_ROBUSTNESS_SECRET"
SECRET: Final = "5e93c2f0a1"
_NAMED: Final = re.compile(r"(?!(hipseg|torch|monai|pytorch_lightning)\.)[\w.@/-]+: ")  # a key or file, not a class


@dataclass(frozen=True)
class Ending:
    """What became of a call.

    Attributes:
        how: `done`, `refused` (exit code 1 and one line `hipseg: ...`), `unnamed` (the same, but it names no key),
            `traceback`, `signal`, `timeout` or `payload` (planted code was run or a secret told).
        said: The line, or the exception's kind and place.
        mb: The most memory that the call's process or one of its children held, with what the parent handed down.
    """

    how: str
    said: str
    mb: float


@dataclass(frozen=True)
class Door:
    """A way in.

    Attributes:
        name: Of the command or function.
        call: What is called, in a child.
        marker: What planted code would make; its presence afterwards is a `payload`.
    """

    name: str
    call: Callable[[], Any]
    marker: Path | None = None


def command(*arguments: str) -> Callable[[], None]:
    """A call of the command line."""

    def call() -> None:
        from hipseg.commands import main

        main(list(arguments))

    return call


def run(doors: Sequence[Door], scratch: Path, memory_mb: int = MEMORY_MB, seconds: int = SECONDS) -> list[Ending]:
    """Call one after the other in a child; where one ends the child, the next goes on in a new one.

    Args:
        doors: What to call.
        scratch: An empty folder, the working directory.
        memory_mb: Of data that a process may hold.
        seconds: Until a call is ended.
    """
    endings: list[Ending] = []
    while len(endings) < len(doors):
        endings += _run_until_one_ends(doors[len(endings) :], scratch, memory_mb, seconds)
    return endings


def _run_until_one_ends(doors: Sequence[Door], scratch: Path, memory_mb: int, seconds: int) -> list[Ending]:
    log = scratch / "endings.jsonl"
    log.write_text("")
    child = os.fork()
    if child == 0:
        _be_a_child(doors, scratch, log, memory_mb)
    since, known, status = time.monotonic(), 0, None
    while status is None:
        pid, found, usage = os.wait4(child, os.WNOHANG)
        status = found if pid else None
        if (now := len(log.read_bytes().splitlines())) > known:
            since, known = time.monotonic(), now
        if status is None and time.monotonic() - since > seconds:
            os.killpg(child, signal.SIGKILL)
            _, _, usage = os.wait4(child, 0)
            return [*_read(log), Ending("timeout", f"longer than {seconds} s", usage.ru_maxrss / 1024)]
        time.sleep(0.005)
    endings = _read(log)
    if len(endings) < len(doors):
        name = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else f"exit {os.WEXITSTATUS(status)}"
        endings.append(Ending("signal", name, usage.ru_maxrss / 1024))
    return endings


def _read(log: Path) -> list[Ending]:
    return [Ending(**json.loads(line)) for line in log.read_text().splitlines()]


def _be_a_child(doors: Sequence[Door], scratch: Path, log: Path, memory_mb: int) -> None:
    os.setpgid(0, 0)
    os.chdir(scratch)
    os.environ[SECRET_NAME] = SECRET
    bound_memory(memory_mb)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sink = os.open(scratch / "said.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
    for door in doors:
        os.ftruncate(sink, 0)
        os.lseek(sink, 0, os.SEEK_SET)
        how, said = _call(door, scratch / "said.txt")
        with log.open("a") as stream:
            stream.write(json.dumps({"how": how, "said": said, "mb": _peak_mb()}) + "\n")
    os._exit(0)


def bound_memory(memory_mb: int) -> None:
    """Let this process and its children hold so much data, each."""
    resource.setrlimit(resource.RLIMIT_DATA, (memory_mb << 20, memory_mb << 20))


def _peak_mb() -> float:
    return max(resource.getrusage(whose).ru_maxrss for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024


def _call(door: Door, output: Path) -> tuple[str, str]:
    """How a call ends, and what it says."""
    told = ""
    try:
        told = repr(door.call())
        how, said = "done", ""
    except SystemExit as ended:
        sys.stderr.flush()
        how, said = judge_exit(ended.code, output.read_text(errors="replace"))
    except BaseException as error:
        how, said = _judge_error(error)
    if door.marker is not None:
        if door.marker.exists():
            shutil.rmtree(door.marker) if door.marker.is_dir() else door.marker.unlink()
            return "payload", f"planted code was run; then {how} {said}"
        if SECRET in told + said + _written(output.parent):
            return "payload", f"an environment variable's value was told; then {how} {said}"
    return how, said


def _written(folder: Path) -> str:
    """Everything in text files below a folder."""
    files = [path for path in folder.rglob("*") if path.suffix in (".csv", ".json", ".txt", ".yaml") and path.is_file()]
    return "".join(path.read_text(errors="replace") for path in files)


def judge_exit(code: object, output: str) -> tuple[str, str]:
    """Whether an exit is a refusal: code 1 and one line that begins with the program's name."""
    if code in (0, None):
        return "done", ""
    lines = [line for line in output.splitlines() if line.strip()]
    said = [line for line in lines if line.startswith("hipseg: ")]
    if code == 1 and len(said) == 1 and lines[-1] == said[0] and "Traceback" not in output:
        sentence = said[0].removeprefix("hipseg: ")
        return ("refused" if _NAMED.match(sentence) else "unnamed"), sentence
    return "traceback", f"exit {code}: {' | '.join(lines)[-300:]}"


def _judge_error(error: BaseException) -> tuple[str, str]:
    """`hipseg.load` refuses by HipsegError; anything else is a traceback, told by its kind and where hipseg was."""
    from hipseg.errors import HipsegError

    text = " ".join(str(error).split())
    if isinstance(error, HipsegError):
        return ("refused", text) if "\n" not in str(error) else ("traceback", f"several lines: {text[:200]}")
    places = traceback.extract_tb(error.__traceback__)
    own = [
        place
        for place in places
        if "hipseg/" in place.filename.replace(os.sep, "/") and "commands/__init__" not in place.filename
    ]
    where = f"{own[-1].filename.rpartition('hipseg/')[2]}:{own[-1].name}" if own else "?"
    return "traceback", f"{type(error).__name__} in {where}: {text[:160]}"
