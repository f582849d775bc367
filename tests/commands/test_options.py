from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from hipseg.errors import HipsegError
from hipseg.options import check_arguments, check_value, signature


class Thing:
    def __init__(self, size: Annotated[int, Field(ge=1)], name: str = "x", *, parts: list[float] | None = None) -> None:
        self.size = size


def takes_anything(first: int, **rest: Any) -> None:
    pass


def unhinted(first, second=2):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    pass


@pytest.mark.parametrize(
    ("hint", "value", "wanted"),
    [
        (int, "3", 3),
        (int, 3.0, 3),
        (float, 1, 1.0),
        (bool, "yes", True),
        (Path, "a/b", Path("a/b")),
        (tuple[float, float], [1, 2], (1.0, 2.0)),
        (tuple[str, ...], ["CR", "DX"], ("CR", "DX")),
        (Annotated[int, Field(ge=1)] | None, None, None),
        (Literal["subject", "sample"], "sample", "sample"),
        (Any, {"a": 1}, {"a": 1}),
        (Thing, "left to whoever is called", "left to whoever is called"),
        (Callable[[int], int], "so too", "so too"),
    ],
)
def test_values_as_their_hints_want_them(hint: Any, value: Any, wanted: Any) -> None:
    made = check_value(hint, value, "key")
    assert made == wanted
    assert type(made) is type(wanted)


@pytest.mark.parametrize(
    ("hint", "value", "said"),
    [
        (int, "many", "a.b: input should be a valid integer, unable to parse string as an integer, not 'many'"),
        (Annotated[int, Field(ge=1)], 0, "a.b: input should be greater than or equal to 1, not 0"),
        (Annotated[float, Field(gt=0)] | None, -1.0, "a.b: input should be greater than 0, not -1.0"),
        (Literal["one", "two"], "three", "a.b: input should be 'one' or 'two', not 'three'"),
        (tuple[int, bool], [1, "x"], "a.b.1: input should be a valid boolean, unable to interpret input, not 'x'"),
        (tuple[float, float], [1], "a.b: [1] can't be taken; give as many values as --help shows"),
        (str, 5, "a.b: input should be a valid string, not 5"),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_refused_by_its_key(hint: Any, value: Any, said: str) -> None:
    with pytest.raises(HipsegError) as caught:
        check_value(hint, value, "a.b")
    assert str(caught.value) == said


def test_signatures() -> None:
    hints = signature(Thing)
    assert {name: required for name, (_, required) in hints.items()} == {"size": True, "name": False, "parts": False}
    assert hints["name"][0] is str
    assert signature(unhinted) == {"first": (Any, True), "second": (Any, False)}


@pytest.mark.parametrize(
    ("function", "given", "partial"),
    [
        (Thing, {"size": 2}, False),
        (Thing, {"size": 2, "parts": [1, 2.5]}, False),
        (Thing, {}, True),
        (Thing, {"size": {"_target_": "of.an.object"}}, False),
        (Thing, {"size": 1, "parts": [{"_target_": "of.an.object"}]}, False),
        (takes_anything, {"first": 1, "whatever": object()}, False),
        (unhinted, {"first": "anything"}, False),
    ],
)
def test_arguments_that_fit(function: Callable[..., Any], given: dict[str, Any], partial: bool) -> None:
    check_arguments(function, given, "part", partial)


@pytest.mark.parametrize(
    ("given", "prefix", "partial", "said"),
    [
        ({"sise": 2}, "part", False, "part.sise: there is no such option; known are name, parts, size"),
        ({"sise": 2}, "", True, "sise: there is no such option; known are name, parts, size"),
        ({"name": "y"}, "part", False, "part.size: no value is given"),
        ({"name": "y"}, "", False, "size: no value is given"),
        ({"size": 0}, "part", True, "part.size: input should be greater than or equal to 1, not 0"),
        ({"size": 1, "parts": [1, "x"]}, "part", False, "part.parts.1: "),
    ],
)
def test_arguments_that_do_not(given: dict[str, Any], prefix: str, partial: bool, said: str) -> None:
    with pytest.raises(HipsegError) as caught:
        check_arguments(Thing, given, prefix, partial)
    assert str(caught.value).startswith(said)
