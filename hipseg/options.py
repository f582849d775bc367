"""Checking options against the signatures of what they are for, before any work starts."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

from hipseg.errors import HipsegError

_ANYTHING = ConfigDict(arbitrary_types_allowed=True)


def first_complaint(error: ValidationError, key: str) -> str:
    """A validation error as one sentence that names the key."""
    errors = error.errors()
    place = ".".join([key, *(str(part) for part in errors[0]["loc"] if not _names_a_type(part))])
    if errors[0]["type"] in ("missing", "too_long", "too_short", "missing_argument", "unexpected_positional_argument"):
        given = errors[0]["input"]
        if isinstance(given, (list, tuple)):
            return f"{key}: {list(given)} can't be taken; give as many values as --help shows"
        return f"{place}: no value is given"
    messages = dict.fromkeys(part["msg"].removeprefix("Value error, ") for part in errors)
    said = " or ".join(f"{message[:1].lower()}{message[1:]}" for message in messages)
    return f"{place}: {said}, not {errors[0]['input']!r}"


def _names_a_type(part: int | str) -> bool:
    """Whether a part of an error's place is a member of a union rather than a key or an index."""
    return isinstance(part, str) and (part in ("int", "float", "str", "bool", "none") or not part.isidentifier())


def check_value(hint: Any, value: Any, key: str) -> Any:
    """A value as its type hint wants it.

    Raises:
        HipsegError: If it can't be had; the sentence names the key.
    """
    try:
        adapter = TypeAdapter(hint, config=_ANYTHING)
    except (PydanticUserError, TypeError, NameError):
        try:
            adapter = TypeAdapter(hint)
        except (PydanticUserError, TypeError, NameError):
            return value  # a hint that only a type checker understands
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        if all(part["type"].startswith(("is_instance_of", "callable")) for part in error.errors()):
            return value
        raise HipsegError(first_complaint(error, key)) from None


def signature(function: Callable[..., Any]) -> dict[str, tuple[Any, bool]]:
    """Parameters of a function or class: hint (Any if unknown) and whether it is required."""
    target = function.__init__ if inspect.isclass(function) else function
    try:
        hints = get_type_hints(target, include_extras=True)
    except (NameError, TypeError, AttributeError):
        hints = {}
    parameters = inspect.signature(function).parameters.values()
    return {
        p.name: (Any if p.kind is p.VAR_KEYWORD else hints.get(p.name, Any), p.default is p.empty) for p in parameters
    }


def check_arguments(function: Callable[..., Any], given: Mapping[str, Any], prefix: str, partial: bool) -> None:
    """Refuse arguments that a function doesn't take, lacks, or can't use.

    Args:
        function: What will be called.
        given: Arguments by name; a value that describes an object (a mapping with `_target_`) is not looked into.
        prefix: Of the keys in messages.
        partial: Whether missing arguments come later.

    Raises:
        HipsegError: Naming the key.
    """
    parameters = signature(function)
    open_ended = any(p.kind is p.VAR_KEYWORD for p in inspect.signature(function).parameters.values())
    for name, value in given.items():
        key = f"{prefix}.{name}" if prefix else name
        if name not in parameters:
            if open_ended:
                continue
            raise HipsegError(f"{key}: there is no such option; known are {', '.join(sorted(parameters))}")
        if not _describes_objects(value):
            check_value(parameters[name][0], value, key)
    if not partial and not open_ended:
        for name, (_, required) in parameters.items():
            if required and name not in given and name != "self":
                raise HipsegError(f"{prefix}.{name}: no value is given" if prefix else f"{name}: no value is given")


def _describes_objects(value: Any) -> bool:
    """Whether a value is, or holds, the description of an object."""
    if isinstance(value, Mapping):
        return "_target_" in value or any(_describes_objects(part) for part in value.values())
    return isinstance(value, list) and any(_describes_objects(part) for part in value)
