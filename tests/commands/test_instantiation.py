from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from hipseg.data.cohorts import Cohort
from hipseg.errors import HipsegError
from hipseg.instantiation import call, check, described, make, plain

GOOD = {"_target_": "hipseg.data.cohorts.Cohort", "name": "A", "film": "{subject}.dcm", "points": "{subject}.pts"}


def config(**content: Any) -> DictConfig:
    return OmegaConf.create(content)


def test_plain_resolves_interpolations() -> None:
    assert plain(config(a=1, b={"c": "${a}", "d": [1, "x${a}"]})) == {"a": 1, "b": {"c": 1, "d": [1, "x1"]}}


def test_a_missing_value_is_named() -> None:
    with pytest.raises(HipsegError, match=r"^a\.b: no value is given; add a\.b=\.\.\.$"):
        plain(config(z="???", a={"b": "???"}))


def test_described_finds_every_object() -> None:
    node = {"a": GOOD, "b": [1, {"_target_": "x", "inner": {"_target_": "y"}}], "c": {"d": 1}}
    assert [key for key, _ in described(node, "")] == ["a", "b.1", "b.1.inner"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"_target_": "hipseg.errors.Excludet"}, r"^part\._target_: there is no 'hipseg\.errors\.Excludet' to import$"),
        ({"_target_": "no_such_package.Thing"}, r"^part\._target_: there is no 'no_such_package\.Thing' to import$"),
        ({"nmae": "B"}, r"^part\.nmae: there is no such option; known are calibration, film, name, points$"),
        ({"name": 5}, r"^part\.name: input should be a valid string, not 5$"),
    ],
)  # fmt: skip
def test_a_wrong_description_is_refused_before_anything_is_built(change: dict[str, Any], said: str) -> None:
    with pytest.raises(HipsegError, match=said):
        check(config(part=GOOD | change))


def test_a_partial_description_may_lack_arguments() -> None:
    short = {name: value for name, value in GOOD.items() if name != "points"}
    assert check(config(part=short | {"_partial_": True}))["part"]["film"] == "{subject}.dcm"
    with pytest.raises(HipsegError, match=r"^part\.points: no value is given$"):
        check(config(part=short))


def test_make_builds_objects_and_completes_partials() -> None:
    cohort = make(GOOD)
    assert isinstance(cohort, Cohort)
    assert cohort.points == "{subject}.pts"
    assert make({"_target_": "fractions.Fraction", "_partial_": True}, numerator=1)(denominator=3) == Fraction(1, 3)


def test_an_objects_own_refusal_comes_through_as_it_is() -> None:
    with pytest.raises(HipsegError, match=r"^cohorts\.A\.film: 'x\.dcm' has no \{subject\}$"):
        make(GOOD | {"film": "x.dcm"})


def test_another_error_while_building_becomes_one_sentence() -> None:
    with pytest.raises(HipsegError) as caught:
        make({"_target_": "fractions.Fraction", "numerator": 1, "denominator": 0})
    assert str(caught.value) == "fractions.Fraction: Fraction(1, 0)"


def test_call_builds_what_is_described_and_checks_the_rest() -> None:
    received: dict[str, Any] = {}

    def command(cohorts: dict[str, Cohort], count: int, shape: tuple[int, int]) -> None:
        received.update(cohorts=cohorts, count=count, shape=shape)

    # Hints are looked up by name, and this module's are text.
    command.__annotations__ = {"cohorts": dict[str, Cohort], "count": int, "shape": tuple[int, int]}
    call(command, config(cohorts={"A": GOOD}, count="3", shape=[1, 2]))
    assert received == {"cohorts": {"A": Cohort("A", "{subject}.dcm", "{subject}.pts")}, "count": 3, "shape": (1, 2)}
    with pytest.raises(HipsegError, match=r"^count: input should be a valid integer"):
        call(command, config(cohorts={"A": GOOD}, count="x", shape=[1, 2]))
    with pytest.raises(HipsegError, match=r"^shape: no value is given$"):
        call(command, config(cohorts={"A": GOOD}, count=3))
    with pytest.raises(HipsegError, match=r"^cohorts"):
        call(command, config(cohorts={"A": {"name": "A"}}, count=3, shape=[1, 2]))
