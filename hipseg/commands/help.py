"""What `hipseg COMMAND --help` prints: its groups, and its keys as composed with the comments of their files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from hipseg.config import conf_folder, defaults_list

_HIDDEN: Final = ("shell", "hydra")
_KEY: Final = re.compile(r"^(?P<indent> *)(?P<key>[\w.]+):(?P<rest>.*)$")
_COMMENTED: Final = re.compile(r"\s#\s(?P<comment>.*)$")

Path_ = tuple[str, ...]


def help_page(command: str, what: str, overrides: Sequence[str]) -> str:
    """The page.

    Args:
        command: Its name.
        what: It does.
        overrides: Choices whose keys are to be shown.

    Raises:
        HydraException: If an override can't be taken.
    """
    groups = [group for group in defaults_list(command) if group not in _HIDDEN]
    lines = [f"hipseg {command} key=value ...", "", f"  {what}", ""]
    if groups:
        lines += ["Groups, as in group=option; the keys below are of the options chosen now", ""]
        lines += [f"  {group}: {', '.join(_options(group))}" for group in groups]
        lines += [""]
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        config = compose(command, overrides=list(overrides), return_hydra_config=True)
    chosen = {name.split("@")[0]: str(option) for name, option in config.hydra.runtime.choices.items()}
    OmegaConf.set_struct(config, False)
    config.pop("hydra")
    GlobalHydra.instance().clear()
    comments = _comments(conf_folder() / f"{command}.yaml", ())
    for group in groups:
        for option in _chosen(chosen.get(group), group):
            comments |= _of_option(group, option, command)
    lines += ["Keys, as in key=value or key.inner=value; ??? must be given", ""]
    return "\n".join([*lines, *_annotated(OmegaConf.to_yaml(config), comments)])


def _options(group: str) -> list[str]:
    return sorted(path.stem for path in (conf_folder() / group).glob("*.yaml"))


def _chosen(option: str | None, group: str) -> list[str]:
    if option is None or option == "None":
        return []
    return [name for name in re.findall(r"\w+", option) if name in _options(group)]


def _of_option(group: str, option: str, command: str) -> dict[Path_, str]:
    """Comments of an option's file and of those that it builds on."""
    path = conf_folder() / group / f"{option}.yaml"
    header = re.match(r"# @package (\S+)", path.read_text(encoding="utf-8"))
    place_given = defaults_list(command).get(group)
    if header and (not place_given or place_given.endswith(f".{group}")):  # which is how Hydra names a nested group
        place_given = header[1]
    package = place_given or group
    place = () if package == "_global_" else tuple(package.split("."))
    found: dict[Path_, str] = {}
    for entry in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("defaults", []):
        if isinstance(entry, str) and entry != "_self_" and not entry.startswith("override"):
            found |= _of_option(group, entry, command)
        elif isinstance(entry, dict):
            found |= {k: v for name, of in entry.items() for k, v in _overridden(str(name), of, command).items()}
    return found | _comments(path, place)


def _overridden(name: str, option: Any, command: str) -> dict[Path_, str]:
    group = name.removeprefix("override ").lstrip("/").split("@")[0]
    return _of_option(group, str(option), command) if option in _options(group) else {}


def _comments(path: Path, place: Path_) -> dict[Path_, str]:
    """The comments of a file by the path of their key."""
    found, above = {}, list[tuple[int, str]]()
    for line in path.read_text(encoding="utf-8").splitlines():
        if match := _KEY.match(line):
            indent = len(match["indent"])
            above = [(depth, key) for depth, key in above if depth < indent] + [(indent, match["key"])]
            if comment := _COMMENTED.search(match["rest"]):
                found[(*place, *(key for _, key in above))] = comment["comment"]
    return found


def _annotated(text: str, comments: dict[Path_, str]) -> list[str]:
    """YAML lines, each with its key's comment."""
    lines, above = [], list[tuple[int, str]]()
    for line in text.rstrip().splitlines():
        if match := _KEY.match(line):
            indent = len(match["indent"])
            above = [(depth, key) for depth, key in above if depth < indent] + [(indent, match["key"])]
            if comment := comments.get(tuple(key for _, key in above)):
                line += f"  # {comment}"
        lines.append(line)
    return lines
