"""Small sound films, a store, a split and a run, made once a process, that the bad ones here are made of."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from sound import Sound, steps, write_films

Complaint = Callable[[Callable[[], object]], str]


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Sound:
    made = Sound(tmp_path_factory.mktemp("sound"))
    write_films(made)
    for door in steps(made, tmp_path_factory.mktemp("scratch")):
        door.call()
    return made


@pytest.fixture
def complaint(capfd: pytest.CaptureFixture[str]) -> Complaint:
    """The one line that a command must end with, exit code 1, without the program's name."""

    def end(call: Callable[[], object]) -> str:
        capfd.readouterr()
        with pytest.raises(SystemExit) as stopped:
            call()
        (line,) = capfd.readouterr().err.splitlines()
        assert stopped.value.code == 1
        assert re.match(r"hipseg: (?!(hipseg|torch|monai)\.)[\w.@/-]+: ", line), f"it names no key or file: {line}"
        return line.removeprefix("hipseg: ")

    return end
