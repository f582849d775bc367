"""What finds heads, with a stand-in that answers by brightness, so that every answer is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from hipseg.geometry.crop import Crop, HeadCrop
from hipseg.networks.head_finder import HeadFinder, cut_window
from hipseg.transforms.intensity import FilmPercentiles, Image, Intensity
from hipseg.transforms.overview import glance_at

FIELD = HeadCrop(rows=24, columns=20, below_mm=1.8, lateral_mm=0.9, shrink=4)
THESIS = FilmPercentiles((5.0, 95.0))  # which makes nothing of a window


class ByBrightness(nn.Module):
    """Logits that rise with the grey value; those of no head are even."""

    def __init__(self, absent: float = 0.0) -> None:
        super().__init__()
        self.absent = absent

    def forward(self, overview: Tensor) -> Tensor:
        return torch.cat([200 * overview, torch.full_like(overview, self.absent)], dim=1)


def finder(absent: float = 20.0, features: tuple[int, ...] = (4, 8, 8), intensity: Intensity = THESIS) -> HeadFinder:
    made = HeadFinder(FIELD, spacing_mm=0.9, features=features, least=0.5, intensity=intensity)
    made.network = ByBrightness(absent)  # type: ignore[assignment]
    return made.eval()


def film(x: float, y: float, size: tuple[int, int] = (160, 200), grey: float = 1.0) -> Tensor:
    """A soft spot on black, (1, 1, rows, columns)."""
    rows, columns = torch.arange(size[0])[:, None], torch.arange(size[1])
    return grey * torch.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 8.0**2))[None, None]


@pytest.mark.parametrize("size", [(160, 200), (163, 198), (512, 512), (1333, 478)])
@pytest.mark.parametrize(("x", "y"), [(50.0, 60.0), (90.3, 121.7), (3.0, 5.0)])
@pytest.mark.parametrize("zoom", [1.0, 0.85, 1.18])
def test_a_spot_is_found_on_films_of_any_size(x: float, y: float, size: tuple[int, int], zoom: float) -> None:
    (found,) = finder().candidates(film(x, y, size), zoom)
    assert found.places[0][:2] == pytest.approx((x, y), abs=3.0)  # an overview's pixel is four
    assert found.places[0].sure > 0.9
    assert found.absent < 0.1


def test_each_film_of_a_batch_has_its_own_answer() -> None:
    found = finder().candidates(torch.cat([film(50, 60), film(120, 30)]))
    places = [one.places[0][:2] for one in found]
    assert places == [pytest.approx((50, 60), abs=3), pytest.approx((120, 30), abs=3)]


def test_places_are_listed_best_first_and_are_no_neighbours() -> None:
    image = film(50.0, 60.0) + 0.999 * film(150.0, 60.0)
    (found,) = finder().candidates(image)
    assert [place.sure for place in found.places] == sorted((place.sure for place in found.places), reverse=True)
    near = [[torch.dist(torch.tensor(place[:2]), torch.tensor([x, 60.0])) < 10 for place in found.places]
            for x in (50.0, 150.0)]  # fmt: skip
    assert [sum(at) for at in near] == [1, 1]
    assert sum(place.sure for place in found.places) + found.absent == pytest.approx(1, abs=0.01)


def test_a_black_film_has_no_head() -> None:
    assert finder().fields(torch.zeros(1, 1, 160, 200)) == [None]


def test_the_window_lies_below_and_lateral_of_the_head() -> None:
    (field,) = finder().fields(film(50.0, 60.0) + 0.9 * film(150.0, 60.0))
    assert field is not None
    # 1.8 mm are 2 pixels, 0.9 mm are 1; the middle of 24 rows is 11.5 behind the first.
    assert (field.row, field.column) == (pytest.approx(60 + 2 - 11.5, abs=3), pytest.approx(50 - 1 - 9.5, abs=3))
    assert (field.rows, field.columns) == (24, 20)


class Sided(ByBrightness):
    """Surer of what lies on the right half, as a network is of a left hip in the mirror; or else on the left half."""

    def __init__(self, absent: float, own: bool = True) -> None:
        super().__init__(absent)
        self.own = own

    def forward(self, overview: Tensor) -> Tensor:
        factor = torch.linspace(0.2, 1, overview.shape[-1])
        return super().forward(overview * (factor if self.own else factor.flip(0)))


def test_a_head_that_is_rather_the_other_hips_is_left_out() -> None:
    """A spot on the left, of which the network is surer in the mirror; on the right it is its own."""
    made = finder()
    made.network = Sided(70.0)  # type: ignore[assignment]
    assert made.fields(film(40.0, 60.0)) == [None]
    assert made.fields(film(160.0, 60.0)) != [None]


class OfOneSize(ByBrightness):
    """Knows spots on overviews of so many columns alone."""

    def __init__(self, columns: int) -> None:
        super().__init__(20.0)
        self.columns = columns

    def forward(self, overview: Tensor) -> Tensor:
        return super().forward(overview * (overview.shape[-1] == self.columns))


@pytest.mark.parametrize("columns", [44, 52, 60])
def test_heads_are_looked_for_on_films_of_three_sizes(columns: int) -> None:
    """Of 42, 50 and 59 columns, 200 by fours and 0.85 and 1.18 times as many; each filled up to a multiple of four."""
    made = finder()
    made.network = OfOneSize(columns)  # type: ignore[assignment]
    (field,) = made.fields(film(50.0, 60.0))
    assert field is not None
    assert (field.row, field.column) == (pytest.approx(60 + 2 - 11.5, abs=3), pytest.approx(50 - 1 - 9.5, abs=3))


class Inverse:
    """Shows a window's negative."""

    def of_film(self, image: Image, quantiles: Image) -> Image:
        raise AssertionError("whole films are given as they are to be shown")

    def of_window(self, image: Image, head: tuple[float, float], spacing_mm: float) -> Image:
        assert (image.shape, head, spacing_mm) == ((24, 20), (10.5, 9.5), 0.9)
        return 1 - image


def test_windows_are_shown_as_the_intensity_makes_them() -> None:
    image = 0.9 * film(120.0, 80.0) + 0.05
    made = finder(intensity=Inverse())
    made.network = Sided(100.0)  # type: ignore[assignment]
    (field,) = made.fields(image)
    assert field is not None
    shown: list[Tensor] = []

    def segment(windows: Tensor) -> Tensor:
        shown.append(windows)
        return torch.cat([1 - windows, windows], dim=1)

    made.look(image, segment)
    assert torch.equal(shown[0][0], 1 - cut_window(image[0], field))


@pytest.mark.parametrize(("x", "y"), [(120.0, 80.0), (2.0, 80.0), (120.0, 158.0), (198.0, 1.0)])
def test_windows_are_laid_back_where_they_were_cut(x: float, y: float) -> None:
    """A network that says its grey values of one label: the film again within the window, background elsewhere."""
    image = (0.9 * film(x, y) + 0.05).clamp(0, 1)
    made = finder()
    made.network = Sided(100.0, own=x > 100)  # type: ignore[assignment]
    (field,) = made.fields(image)
    assert field is not None
    said = made.look(image, lambda seen: torch.cat([1 - seen, seen], dim=1))
    _, outer = field.overlap(image.shape[2:])
    within = torch.zeros(image.shape[2:], dtype=torch.bool)
    within[outer] = True
    assert 0 < within.sum() <= 24 * 20
    assert torch.equal(said[0, 1][within], image[0, 0][within])
    assert (said[0, 1][~within] == 0).all()
    assert torch.allclose(said.sum(dim=1), torch.ones(1, *image.shape[2:]))


def test_a_film_without_a_head_is_all_background() -> None:
    said = finder().look(torch.zeros(2, 1, 160, 200), lambda seen: torch.cat([1 - seen, seen, seen], dim=1))
    assert said.shape == (2, 3, 160, 200)
    assert (said[:, 0] == 1).all()
    assert (said[:, 1:] == 0).all()


WIDE = HeadCrop(rows=72, columns=64, below_mm=7.2, lateral_mm=3.6, shrink=4)
CENTRE = (130.0, 70.0)
"""Of a head of 12 pixels under a roof, x and y."""


def drawn() -> Tensor:
    """(160, 200): a hip's labels 1, 2 and 3 as grey values of a tenth each."""
    rows, columns = torch.meshgrid(torch.arange(160), torch.arange(200), indexing="ij")
    across, down = columns - CENTRE[0], rows - CENTRE[1]
    away, above = torch.hypot(across, down), (down < 0) & (across.abs() < 8)
    grey = torch.zeros(160, 200)
    grey[(away < 21) & above] = 0.2
    grey[(away < 16) & above] = 0.3
    grey[away < 12] = 0.1
    grey[(across.abs() < 5) & (down > 8) & (down < 30)] = 0.1  # a neck
    return grey


def by_grey(seen: Tensor) -> Tensor:
    """What `drawn` means; anything brighter is background."""
    labels = (10 * seen).round().long()[:, 0]
    return nn.functional.one_hot(torch.where(labels > 3, 0, labels), 4).movedim(-1, 1).float()


def misled(x: float, y: float) -> tuple[HeadFinder, Tensor]:
    """A finder that takes a bright spot at a place for the head, and a film with it beside the hip."""
    made = HeadFinder(WIDE, spacing_mm=0.9, features=(4, 8, 8), least=0.5, intensity=THESIS).eval()
    made.network = Sided(140.0)  # type: ignore[assignment]
    spot = film(x, y)[0, 0]
    return made, torch.where(spot > 0.35, spot, drawn())[None, None]


@pytest.mark.parametrize("place", [(142.0, 86.0), (152.0, 72.0)])
def test_a_window_is_laid_again_where_the_network_outlines_the_head(place: tuple[float, float]) -> None:
    made, image = misled(*place)
    looked: list[int] = []

    def segment(windows: Tensor) -> Tensor:
        looked.append(len(windows))
        return by_grey(windows)

    (first,) = made.fields(image)
    (look,) = made.follow(image, segment)
    assert first is not None and look is not None and 2 <= len(looked) <= 3
    right = WIDE.around(*CENTRE, 0.9)
    assert abs(first.row - right.row) + abs(first.column - right.column) > 20
    assert abs(look.field.row - right.row) <= 2 and abs(look.field.column - right.column) <= 2
    assert torch.equal(look.shown, cut_window(image[0], look.field))
    assert torch.equal(look.said, by_grey(look.shown[None])[0])
    whole = made.look(image, by_grey)[0].argmax(dim=0)
    _, outer = look.field.overlap(image.shape[2:])
    assert torch.equal(whole[outer], look.said.argmax(dim=0))


def test_a_window_in_which_no_head_is_outlined_stays() -> None:
    made, image = misled(142.0, 86.0)
    (look,) = made.follow(image, lambda seen: by_grey(torch.zeros_like(seen)))
    assert look is not None and [look.field] == made.fields(image)


def test_a_window_that_brings_the_head_no_nearer_is_not_taken() -> None:
    made, image = misled(142.0, 86.0)
    always = by_grey(cut_window(drawn()[None], WIDE.around(*CENTRE, 0.9).shifted(9, 9))[None])
    looked: list[int] = []

    def segment(windows: Tensor) -> Tensor:
        looked.append(len(windows))
        return always

    (look,) = made.follow(image, segment)
    assert look is not None and [look.field] == made.fields(image) and len(looked) == 2


def test_what_lies_beyond_the_film_is_black_in_a_window() -> None:
    image = torch.arange(1.0, 13.0).reshape(1, 3, 4)
    window = cut_window(image, Crop(-1, 2, 3, 4))
    assert window[0].tolist() == [[0, 0, 0, 0], [3, 4, 0, 0], [7, 8, 0, 0]]


def test_the_loss_is_least_where_the_head_is() -> None:
    """Of a certain answer at (12, 15): less at the place than beside it, and most where there is said to be none."""
    made = finder()
    overview = torch.zeros(1, 1, 40, 50)
    overview[0, 0, 15, 12] = 1.0
    places = torch.tensor([[12.0, 15.0], [14.0, 15.0], [12.0, 19.0], [float("nan")] * 2])
    losses = [float(made.loss(overview, place[None])) for place in places]
    assert losses[0] < losses[1] < losses[2]
    empty = torch.zeros(1, 1, 40, 50)
    assert float(made.loss(empty, places[3:])) < 0.01 < float(made.loss(empty, places[:1]))


def test_it_learns_which_of_two_spots_is_meant() -> None:
    """The one left of the other, at places that it has not seen."""
    torch.manual_seed(0)
    made = HeadFinder(FIELD, spacing_mm=0.9, features=(8, 16, 16), least=0.5, intensity=THESIS)
    optimizer = torch.optim.Adam(made.parameters(), lr=1e-2)
    generator = torch.Generator().manual_seed(0)

    def draw(count: int) -> tuple[Tensor, Tensor]:
        at = torch.rand(count, 3, generator=generator) * torch.tensor([60.0, 40.0, 100.0]) + torch.tensor([20, 60, 30])
        films = [film(float(x), float(y)) + film(float(x + gap), float(y)) for x, gap, y in at]
        return torch.cat(films).clamp(0, 1), at[:, [0, 2]]

    for _ in range(60):
        films, heads = draw(4)
        loss = made.loss(glance_at(films, 4), (heads - 1.5) / 4)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    films, heads = draw(8)
    places = torch.tensor([found.places[0][:2] for found in made.eval().candidates(films)])
    assert torch.linalg.norm(places - heads, dim=1).median() < 4
