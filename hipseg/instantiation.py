"""Checked configuration to objects; Hydra's part of `hipseg.build`, without torch for the commands that need none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from hydra.errors import InstantiationException
from hydra.utils import get_object, instantiate
from omegaconf import DictConfig, ListConfig, OmegaConf

from hipseg.errors import HipsegError
from hipseg.options import check_arguments, check_value, signature

_FILES: Final = {
    "data.store": "; make it with 'hipseg preprocess'",
    "data.split": "; make it with 'hipseg split'",
    "checkpoint": "",
    "locator": "",
    "pretrained": "",
    "model.weights": "",
    "plan": "; make it with 'hipseg plan'",
    "annotations": "",
}


def _planned(key: str, _root_: DictConfig) -> Any:
    """A value of the plan that a configuration names: `${planned:patch}`."""
    from hipseg.planning import read_plan

    if "plan" not in _root_:
        raise HipsegError(f"inferer: there is no plan to take the {key} from; give inferer.window=[DOWN,ACROSS]")
    if _root_.plan is None:
        raise HipsegError("plan: no value is given; make one with 'hipseg plan' and add plan=FILE")
    plan = read_plan(Path(_root_.plan))
    if key not in plan:
        raise HipsegError(f"plan: it has no {key}; it has {', '.join(plan)}")
    return plan[key]


OmegaConf.register_new_resolver("planned", _planned, replace=True)

_HYDRA_KEYS = frozenset({"_target_", "_partial_", "_convert_", "_recursive_", "_args_"})


def require_values(config: DictConfig) -> None:
    """Refuse a configuration without a value that must be given.

    Raises:
        HipsegError: Naming the first.
    """
    missing = sorted(OmegaConf.missing_keys(config))
    if missing:
        raise HipsegError(f"{missing[0]}: no value is given; add {missing[0]}=...")


def require_files(config: DictConfig) -> None:
    """Refuse a configuration that names a file to read that is not there, before any time is spent.

    Raises:
        HipsegError: Naming the first.
    """
    for key, fix in _FILES.items():
        named = OmegaConf.select(config, key)
        for path in named if isinstance(named, ListConfig) else [named]:
            if isinstance(path, str) and not Path(path).exists():
                raise HipsegError(f"{key}: there is no file {path}{fix}")


def plain(config: DictConfig) -> dict[str, Any]:
    """A configuration as plain data, interpolations resolved.

    Raises:
        HipsegError: If a value that must be given is not.
    """
    require_values(config)
    return dict(OmegaConf.to_container(config, resolve=True))  # type: ignore[arg-type]


def described(node: Any, key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every description of an object in plain data, with its key."""
    if isinstance(node, Mapping):
        if "_target_" in node:
            yield key, node
        for name, part in node.items():
            yield from described(part, f"{key}.{name}" if key else str(name))
    elif isinstance(node, list):
        for index, part in enumerate(node):
            yield from described(part, f"{key}.{index}")


def check(config: DictConfig) -> dict[str, Any]:
    """Check every described object's options against its signature.

    Returns:
        The configuration as plain data.

    Raises:
        HipsegError: Naming the first key that is wrong.
    """
    content = plain(config)
    for key, node in described(content, ""):
        try:
            target = get_object(node["_target_"])
        except Exception:  # Hydra wraps whatever importing raises
            raise HipsegError(f"{key}._target_: there is no '{node['_target_']}' to import") from None
        given = {name: value for name, value in node.items() if name not in _HYDRA_KEYS}
        # Callbacks hold what stands in the configuration under a shorter name.
        shown = key.replace("callbacks.evaluation.evaluators.", "evaluation.")
        check_arguments(target, given, shown, partial=bool(node.get("_partial_")))
    return content


def make(node: Any, **more: Any) -> Any:
    """Build a described object, its own errors in front instead of Hydra's.

    Args:
        node: Plain data with `_target_`.
        more: Arguments that are not configuration.

    Raises:
        HipsegError: If it refuses its arguments, with what it said.
    """
    try:
        return instantiate(node, **more)
    except InstantiationException as error:
        cause = error.__cause__ or error
        if isinstance(cause, HipsegError):
            raise cause from None
        said = " ".join(str(cause).split())
        raise HipsegError(f"{node['_target_']}: {said or type(cause).__name__}") from cause


def call(function: Callable[..., None], config: DictConfig) -> None:
    """Call a command's function with its configuration: one key a parameter, described objects built."""
    content = check(config)
    check_arguments(function, content, "", partial=False)
    hints = signature(function)
    arguments = {}
    for name, value in content.items():
        is_object = any(True for _ in described(value, name))
        arguments[name] = check_value(hints[name][0], make(value, _convert_="all") if is_object else value, name)
    function(**arguments)
