"""What `--help` prints is true: every group=option as printed, every key with its comment; no answer imports torch."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from hipseg.commands import COMMANDS, main
from hipseg.config import conf_folder


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["pytest"])
    return tmp_path


def _said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What a command that goes well prints."""
    capsys.readouterr()
    code: object = 0
    try:
        main(list(arguments))
    except SystemExit as ended:
        code = ended.code or 0
    printed = capsys.readouterr()
    assert (code, printed.err) == (0, ""), arguments
    return printed.out


def _composed(capsys: pytest.CaptureFixture[str], command: str, *overrides: str) -> dict[str, Any]:
    """The configuration that a command would run with."""
    content: dict[str, Any] = yaml.safe_load(_said(capsys, command, *overrides, "--cfg", "job"))
    return content


def _printed_groups(page: str) -> dict[str, list[str]]:
    """Group to options, as a help page prints them."""
    found = re.findall(r"(?m)^\s*(\S+): (\w+(?:, \w+)*)$", page.split("\nKeys")[0].split("== Config ==")[0])
    return {group: options.split(", ") for group, options in found if (conf_folder() / group.split("@")[0]).is_dir()}


def _leaves(node: Any, name: str = "") -> set[tuple[str, str]]:
    """Names and values of nested content, wherever they stand."""
    if not isinstance(node, dict):
        return {(name, str(node))}
    return {leaf for inner, part in node.items() for leaf in _leaves(part, inner)}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_works_as_printed(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    page = _said(capsys, command, "--help")
    groups = _printed_groups(page)
    for group, options in groups.items():
        assert re.fullmatch(r"[\w/]+", group), "a group is printed by its bare name"
        assert options == sorted(path.stem for path in (conf_folder() / group).glob("*.yaml"))
    several = {"cohort"}  # of which a list is taken
    for i in range(max(map(len, groups.values()), default=0)):
        chosen = {group: options[i % len(options)] for group, options in groups.items()}
        chosen = {group: option for group, option in chosen.items() if group not in ALONE}
        if chosen.get("evaluation") in (
            "classification",
            "overlap",
            "femur",
        ):  # which have no joint space to be measured
            chosen = {group: option for group, option in chosen.items() if group not in ("jsw_method", "plausibility")}
        given = [f"{g}=[{o}]" if g in several else f"{g}={o}" for g, o in chosen.items()]
        have = _leaves(_composed(capsys, command, *given))
        for group, option in chosen.items():
            own = yaml.safe_load((conf_folder() / group / f"{option}.yaml").read_text()) or {}
            wanted = {(k, str(v)) for k, v in own.items() if isinstance(v, (str, int, float)) and "${" not in str(v)}
            assert wanted <= have, (group, option)
    for group in ("experiment", "debug", "mixture"):
        for option in groups.get(group, []):
            _composed(capsys, command, f"{group}={option}")


# Options of these choose or change those of other groups.
ALONE = ("experiment", "debug", "scale", "mixture")
SHORT = {
    "augmentation=light": ("data.dataset.augmentation.rotation_deg", 7.0),
    "crop=half": ("data.dataset.crop.rows", 256),
    "labels_for_loss=soft": ("data.dataset.labels_for_loss.fineness", 8),
    "loss_mask=annotated_bone": ("data.dataset.loss_mask.path", "hipseg.labels.weight_map.described_bone"),
    "jsw_method=border": ("evaluation.joint_space.method", "border"),
    "plausibility=adult": ("evaluation.joint_space.plausibility.bridged_deg", 15.0),
}


@pytest.mark.parametrize("short", SHORT)
def test_a_group_is_chosen_by_its_bare_name_wherever_its_content_lies(
    short: str, capsys: pytest.CaptureFixture[str]
) -> None:
    key, value = SHORT[short]
    found: Any = _composed(capsys, "train", short)
    for name in key.split("."):
        found = found[name]
    assert found == value


BEFORE = {
    "field=half": "crop=half",
    "target@data.target=soft": "labels_for_loss=soft",
    "data.field.rows=64": "data.dataset.crop.rows=64",
    "weight=described": "loss_mask=annotated_bone",
    "passes=4": "inferer.passes=4",
    "init=x.ckpt": "pretrained=x.ckpt",
    "callbacks.joint_space_width.pictures=0": "evaluation.joint_space.pictures=0",
    "experiment=hour": "experiment=first_stage",
    "scheduler.max_lr=0.1": "optimizer.lr=0.1",
}


@pytest.mark.parametrize("old", BEFORE)
def test_what_had_another_name_before_is_named(old: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["train", "data.store=x", "data.split=x", old])
    assert stopped.value.code == 1
    assert capsys.readouterr().err == f"hipseg: {old.split('=')[0]}: it has another name now; give {BEFORE[old]}\n"


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_where_the_inferer_is_a_checkpoints_it_is_chosen_with_its_passes(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([command, "checkpoint=x", "passes=8"])
    given = "inferer=shift_average inferer.passes=8"
    assert capsys.readouterr().err == f"hipseg: passes: it has another name now; give {given}\n"
    content = _composed(capsys, command, *given.split())
    assert content["inferer"] == {"_target_": "hipseg.inference.shifts.ShiftAverage", "passes": 8}


@pytest.mark.parametrize(
    ("given", "key"),
    [("postprocess=null", "postprocess"), ("crop=null", "crop"), ("augmentation=null", "augmentation")],
)
def test_null_is_none_of_a_groups_options(given: str, key: str, capsys: pytest.CaptureFixture[str]) -> None:
    content = _composed(capsys, "train", "experiment=first_stage", given)
    assert key not in (content if key == "postprocess" else content["data"]["dataset"])


def test_a_wrong_option_of_a_short_group_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["train", "data.store=x", "data.split=x", "augmentation=strong"])
    assert stopped.value.code == 1
    known = "crops, crops_study, exposure, femur_study, light, none, patches"
    assert capsys.readouterr().err == f"hipseg: augmentation: there is no option 'strong'; choose {known}\n"


def test_an_option_wins_over_an_experiments_choice(capsys: pytest.CaptureFixture[str]) -> None:
    content = _composed(capsys, "train", "experiment=first_stage", "augmentation=none", "crop=whole")
    assert content["data"]["dataset"]["augmentation"] == {"_target_": "hipseg.transforms.augment.NoAugmentation"}
    assert content["data"]["dataset"]["crop"]["rows"] == 512


def _comments(path: Path) -> list[tuple[str, str]]:
    """Keys of a file and the comments behind them."""
    return re.findall(r"(?m)^\s*(\w+):.*\S\s+# (.+)$", path.read_text())


@pytest.mark.parametrize("command", COMMANDS)
def test_keys_come_with_their_comments(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    page = _said(capsys, command, "--help")
    files = [conf_folder() / f"{command}.yaml"]
    defaults = yaml.safe_load(files[0].read_text())["defaults"]
    for entry in defaults:
        for name, option in entry.items() if isinstance(entry, dict) else ():
            if not name.startswith("override"):
                options = option if isinstance(option, list) else [option] if option else []
                files += [conf_folder() / name.split("@")[0] / f"{chosen}.yaml" for chosen in options]
    comments = [(key, said) for path in files for key, said in _comments(path) if "shell" not in path.parts]
    for key, said in comments:
        assert re.search(rf"(?m)^\s*{key}:.*{re.escape(said)}", page), (key, said)
    assert comments or command in ("report",)


def test_the_comments_are_those_of_what_is_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    page = _said(capsys, "train", "labels_for_loss=soft", "activation=sigmoid", "--help")
    assert re.search(r"(?m)^\s*fineness: 8\s+# parts of a pixel's side$", page)
    assert re.search(r"(?m)^\s*threshold: 0\.5", page)


WITHOUT_TORCH = [
    "--help", "trian", "train --help", "evaluate --help", "predict --help", "preprocess --help", "train",
    "train data.store=none.h5 data.split=none.csv", "train loss=dicce data.store=x data.split=x",
    "train trainer.max_epoch=1 data.store=x data.split=x", "train +ckpt_path=x data.store=x data.split=x",
    "train data.split=[", "evaluate checkpoint=none.ckpt data.store=none.h5 data.split=none.csv",
    "predict checkpoint=none.ckpt input=. out=o", "phantom out=o subjects=many", "report runs=[nowhere] out=r.html",
    "split store=none.h5 out=s.csv", "train resume=nowhere",
]  # fmt: skip
PROBE = """
import contextlib, io, shlex, sys
from hipseg.commands import main
for line in sys.argv[1:]:
    said = io.StringIO()
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        main(shlex.split(line))
    assert "Traceback" not in said.getvalue(), (line, said.getvalue())
    heavy = [name for name in ("torch", "monai", "pytorch_lightning", "wandb") if name in sys.modules]
    if heavy:
        sys.exit(f"'hipseg {line}' imports {', '.join(heavy)} before it answers: {said.getvalue()}")
"""


def test_help_and_mistakes_are_answered_without_torch(elsewhere: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *WITHOUT_TORCH], cwd=elsewhere, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
