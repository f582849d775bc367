"""Both heads of a film are looked for together, with a stand-in that says given places."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from hipseg.geometry.crop import HeadCrop
from hipseg.networks.head_finder import Candidate, Candidates, HeadFinder
from hipseg.transforms.intensity import FilmPercentiles

FIELD = HeadCrop(rows=24, columns=20, below_mm=1.8, lateral_mm=0.9, shrink=4)
WIDTH = 400  # 360 mm


class Told(HeadFinder):
    """Says what it is told of the film and of its mirror image, whatever it sees."""

    def __init__(self, right: Candidates, left: Candidates) -> None:
        super().__init__(
            FIELD, spacing_mm=0.9, features=(4, 8), least=0.5, intensity=FilmPercentiles((5.0, 95.0))
        )  # fmt: skip
        self.right, self.left = right, left

    def candidates(self, image: Tensor, zoom: float = 1.0) -> list[Candidates]:
        """The film's own has a bright first column."""
        return [self.right if film[0, 0, 0] == 1 else self.left for film in image]


def found(right: list[Candidate], left: list[Candidate], absent: tuple[float, float] = (0.1, 0.1)) -> Candidate | None:
    """The right head that is chosen; places of the left one are those in the mirror."""
    film = torch.zeros(1, 1, 300, WIDTH)
    film[..., 0] = 1
    (field,) = Told(Candidates(right, absent[0]), Candidates(left, absent[1])).fields(film)
    if field is None:
        return None
    return next(one for one in right if FIELD.around(one.x, one.y, 0.9) == field)


def other(x: float, y: float, sure: float) -> Candidate:
    """A left head at such a place of the film."""
    return Candidate(WIDTH - 1 - x, y, sure)


def test_two_sure_heads_are_found() -> None:
    one = Candidate(100, 120, 0.9)
    assert found([one], [other(300, 122, 0.9)]) == one


def test_a_doubtful_head_is_found_where_the_sure_one_says() -> None:
    astray, there = Candidate(160, 280, 0.45), Candidate(102, 118, 0.25)
    assert found([astray, there], [other(300, 122, 0.9)], absent=(0.3, 0.05)) == there


@pytest.mark.parametrize(("x", "y"), [(130, 122), (440, 122), (300, 200)], ids=["close", "far", "lower"])
def test_places_that_do_not_lie_as_hips_do_are_no_pair(x: float, y: float) -> None:
    doubtful = Candidate(100, 120, 0.3)
    assert found([doubtful], [other(x, y, 0.9)], absent=(0.6, 0.1)) is None
    assert found([doubtful], [other(300, 122, 0.9)], absent=(0.6, 0.1)) == doubtful


def test_one_head_alone_is_found_if_it_is_sure() -> None:
    sure, doubtful = Candidate(100, 120, 0.9), Candidate(100, 120, 0.4)
    assert found([sure], [], absent=(0.05, 0.98)) == sure
    assert found([doubtful], [], absent=(0.05, 0.98)) is None


def test_of_one_head_that_both_sides_claim_the_surer_keeps_it() -> None:
    here = Candidate(300, 120, 0.7)
    assert found([here], [other(300, 120, 0.9)], absent=(0.25, 0.05)) is None
    sure = Candidate(100, 120, 0.95)
    assert found([sure], [other(100, 120, 0.6)], absent=(0.02, 0.35)) == sure


def test_a_film_without_hips_has_none() -> None:
    assert found([Candidate(100, 120, 0.05)], [other(300, 120, 0.05)], absent=(0.95, 0.95)) is None
    assert found([], [], absent=(0.99, 0.99)) is None
