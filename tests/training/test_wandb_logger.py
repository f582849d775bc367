"""A W&B run holds what compares runs, and nothing that names a person, a machine, a place or a file."""

from __future__ import annotations

import getpass
import json
import os
import re
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import matplotlib
import pandas as pd
import pytest
import wandb
from test_one_run import tiny, trained
from wandb.proto.wandb_internal_pb2 import Record

import hipseg
from hipseg.commands import main
from hipseg.data.store import Store
from hipseg.loggers import PrivateWandbLogger, hashed_sample

REMOTE = "https://git.st-elsewhere.example/secret/hips.git"
USER = "doctorwho"


class Logged(NamedTuple):
    """A W&B run and where it was made."""

    folder: Path
    home: Path
    place: Path
    stderr: str

    @property
    def synced(self) -> bytes:
        """What `wandb sync` reads: the transaction log, also with its framing taken out, and the run's files."""
        (run,) = self.folder.glob("wandb/offline-run-*")
        parts = [path.read_bytes() for path in run.rglob("*") if path.is_file() and "logs" not in path.parts]
        return b"\n".join([*parts, *_payloads(self.folder)])

    @property
    def local(self) -> bytes:
        """Everything else below the run's W&B folder."""
        (run,) = self.folder.glob("wandb/offline-run-*")
        files = [path for path in (self.folder / "wandb").rglob("*") if path.is_file()]
        return b"\n".join(path.read_bytes() for path in files if run not in path.parents or "logs" in path.parts)


def _payloads(folder: Path) -> Iterator[bytes]:
    """The records of a transaction log: LevelDB's framing, blocks of 32 KiB, behind a header of seven bytes."""
    (path,) = folder.glob("wandb/offline-run-*/*.wandb")
    content, position, record = path.read_bytes(), 7, b""
    while position + 7 <= len(content):
        if (left := 32768 - position % 32768) < 7:
            position += left
            continue
        length, kind = struct.unpack_from("<HB", content, position + 4)
        record += content[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield record
            record = b""


def _items(folder: Path, kind: str, field: str) -> list[dict[str, Any]]:
    """Key-value pairs of all records of a kind."""
    records = [Record.FromString(payload) for payload in _payloads(folder)]
    found = [getattr(record, kind) for record in records if record.WhichOneof("record_type") == kind]
    return [
        {"/".join(item.nested_key) or item.key: json.loads(item.value_json) for item in attrgetter(field)(part)}
        for part in found
    ]


def _repository(folder: Path) -> Path:
    """A git repository with a remote and a commit."""
    identity = ("-c", "user.name=Dr Who", "-c", "user.email=who@st-elsewhere.example", "-c", "commit.gpgsign=false")
    for command in (("init", "-q"), ("remote", "add", "origin", REMOTE), ("commit", "-q", "--allow-empty", "-m", "x")):
        subprocess.run(["git", *identity, *command], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory, store: Path, split: Path) -> Logged:
    """A tiny run logged offline, in a process of its own, by a user with an empty home from within a repository."""
    home, place = tmp_path_factory.mktemp("home"), _repository(tmp_path_factory.mktemp("repository"))
    folder = tmp_path_factory.mktemp("logged") / "run"
    who = dict.fromkeys(("USER", "LOGNAME", "USERNAME"), USER) | {"HOME": str(home)}
    fonts = {"MPLCONFIGDIR": matplotlib.get_cachedir()}  # or matplotlib reads all fonts anew
    command = [sys.executable, "-c", "from hipseg.commands import main; main()", "train"]
    given = [*command, *tiny(store, split, "logger=wandb", f"out={folder}")]
    done = subprocess.run(given, cwd=place, env=os.environ | who | fonts, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return Logged(folder, home, place, done.stderr)


NEEDLES = (
    "host", "user", "login", "home", "working directory", "run folder", "store", "split", "interpreter", "remote",
    "commit", "author", "subjects", "samples", "source files",
)  # fmt: skip


def _needles(what: str, logged: Logged, store: Path, split: Path) -> set[str]:
    samples = pd.read_csv(split)["sample"]
    sources = {path.name for path in Path(hipseg.__file__).parent.rglob("*.py")}
    git = ("git", "rev-parse", "HEAD")
    found: dict[str, set[str]] = {
        "host": {socket.gethostname()},
        "user": {USER},
        "login": {getpass.getuser()},
        "home": {str(logged.home), str(Path.home())},
        "working directory": {str(logged.place), logged.place.name},
        "run folder": {str(logged.folder), str(logged.folder.parent)},
        "store": {str(store), store.name},
        "split": {str(split), split.name},
        "interpreter": {sys.executable, sys.prefix},
        "remote": {REMOTE, "st-elsewhere"},
        "commit": {subprocess.run(git, cwd=logged.place, capture_output=True, text=True, check=True).stdout.strip()},
        "author": {"Dr Who"},
        "subjects": set(samples.str.split("/").str[1]),
        "samples": set(samples),
        "source files": sources | {Path(__file__).name, Path(sys.argv[0]).name},
    }
    return found[what]


def _found(needles: set[str], content: bytes) -> list[str]:
    """Those that occur; numbers and short names, which decimals and identifiers may hold by chance, only as words."""
    words = {needle: re.escape(needle).encode() for needle in needles}
    edges = {n: rb"(?<!\d)%s(?!\d)" if n.isdigit() else rb"\b%s\b" if len(n) < 6 else rb"%s" for n in needles}
    content = content.replace(b"pytest-of-" + getpass.getuser().encode(), b"")  # in the folders of the tests themselves
    return [needle for needle in sorted(needles) if re.search(edges[needle] % words[needle], content)]


@pytest.mark.parametrize("what", NEEDLES)
def test_what_can_be_synced_does_not_hold(what: str, logged: Logged, store: Path, split: Path) -> None:
    assert _found(_needles(what, logged, store, split), logged.synced) == []


@pytest.mark.parametrize("what", NEEDLES)
def test_what_stays_in_the_run_folder_does_not_hold(what: str, logged: Logged, store: Path, split: Path) -> None:
    assert _found(_needles(what, logged, store, split), logged.local) == []


def test_nothing_is_written_elsewhere(logged: Logged) -> None:
    assert list(logged.home.iterdir()) == []
    assert [path.name for path in logged.place.iterdir()] == [".git"]


def test_nothing_is_said(logged: Logged) -> None:
    assert [line for line in logged.stderr.splitlines() if not line.startswith("epoch ")] == []


def test_no_image_and_nothing_packed(logged: Logged) -> None:
    assert list((logged.folder / "wandb").rglob("*.png")) == []
    assert b"\x89PNG" not in logged.synced
    for magic in (b"\x1f\x8b\x08", b"PK\x03\x04", b"\x28\xb5\x2f\xfd"):  # what the search above would not see into
        assert magic not in logged.synced


def test_configuration_is_logged(logged: Logged) -> None:
    (config,) = _items(logged.folder, "run", "config.update")
    assert config["loss"]["_target_"] == "hipseg.losses.overlap.Dice"
    assert config["model"]["channels"] == [4, 8]
    assert config["data"]["batch_size"] == 4
    assert config["data"]["dataset"]["crop"]["row"] == 230
    assert config["seed"] == 0
    assert not {"store", "split"} & set(config["data"])


def test_curves_are_those_of_the_csv_file(logged: Logged) -> None:
    metrics = pd.read_csv(logged.folder / "metrics.csv")
    history = _items(logged.folder, "history", "item")
    for name in ("train/loss", "val/loss", "val/dice/mean", "val/dice/joint_space"):
        curve = [step[name] for step in history if name in step]
        assert curve == pytest.approx(metrics[name].dropna().tolist())
        assert len(curve) == 1


def test_summary_is_that_of_the_run(logged: Logged) -> None:
    said: dict[str, Any] = {}
    for update in _items(logged.folder, "summary", "update"):
        said |= update
    summary = json.loads((logged.folder / "summary.json").read_text())
    assert {name: said[name] for name in summary} == summary


def test_table_of_hips_has_hashed_subjects_and_no_place(logged: Logged, store: Path) -> None:
    (path,) = logged.folder.glob("wandb/offline-run-*/files/media/table/*.table.json")
    table = json.loads(path.read_text())
    hips = pd.read_csv(logged.folder / "test_hips.csv")
    rows = pd.DataFrame(table["data"], columns=table["columns"])
    key = Store(store).identity_key
    assert rows["sample"].tolist() == [hashed_sample(sample, key) for sample in hips["sample"]]
    assert list(rows.columns) == [name for name in hips.columns if not name.endswith(("_x_mm", "_y_mm"))]
    assert rows["mjsw_reference_mm"].tolist() == pytest.approx(hips["mjsw_reference_mm"].tolist(), rel=1e-5)


def test_hash_keeps_subjects_apart_and_needs_the_key() -> None:
    samples = ["CHECK/1/T00/left", "CHECK/1/T08/right", "CHECK/2/T00/left", "OAI/1/V00/left"]
    hashed = [hashed_sample(sample, "00ff") for sample in samples]
    subjects = [sample.split("/")[1] for sample in hashed]
    assert subjects[0] == subjects[1]
    assert len({*subjects[1:]}) == 3
    assert all(re.fullmatch("[0-9a-f]{16}", subject) for subject in subjects)
    assert [sample.split("/")[2:] for sample in hashed] == [sample.split("/")[2:] for sample in samples]
    assert hashed_sample(samples[0], "00fe") != hashed[0]


@pytest.mark.parametrize("allowed", [False, True])
def test_images_and_subjects_leave_only_if_asked(allowed: bool, logged: Logged, tmp_path: Path) -> None:
    figure = logged.folder / "figures" / "hips.png"
    hips = pd.DataFrame({"sample": ["CHECK/0001234/T00/left"], "error_mm": [0.5], "head_x_mm": [61.25]})
    with mock.patch.dict(os.environ):
        told = {"entity": None, "name": None, "group": None, "job_type": None, "tags": [], "notes": None}
        leave = {"images": allowed, "subjects": allowed}
        logger = PrivateWandbLogger(tmp_path / "run", {}, "00ff", "offline", "x", **told, **leave)
        logger.log_evaluation({"test/hips": 1}, "hips", hips, [figure])
        logger.finish()
    files = [path for path in (tmp_path / "run").glob("wandb/offline-run-*/files/**/*") if path.is_file()]
    assert (figure.read_bytes() in [path.read_bytes() for path in files]) == allowed
    content = Logged(tmp_path / "run", tmp_path, tmp_path, "").synced
    assert (b"0001234" in content) == allowed
    assert b"61.25" not in content


def test_evaluation_closes_its_run(
    tmp_path_factory: pytest.TempPathFactory, store: Path, split: Path, tmp_path: Path
) -> None:
    checkpoint = trained(tmp_path_factory, store, split) / "checkpoints" / "best.ckpt"
    given = [f"checkpoint={checkpoint}", f"data.store={store}", f"data.split={split}", "data.workers=0"]
    with mock.patch.dict(os.environ):
        main(["evaluate", *given, "logger=wandb", f"out={tmp_path}/out"])
        still_open = wandb.run is not None
        wandb.finish()
    assert not still_open
