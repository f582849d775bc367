"""Agreement statistics against published examples and independent formulas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from hipseg.measure.agreement import (
    Statistics,
    agreement_statistics,
    change_statistics,
    repeatability_statistics,
    with_intervals,
)

# Peak expiratory flow (l/min) of 17 subjects by two meters, two readings each: Bland and Altman, Lancet 1986, table 1.
WRIGHT = np.array([494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427], dtype=float)
WRIGHT_AGAIN = np.array(
    [490, 397, 512, 401, 470, 611, 415, 431, 638, 429, 420, 633, 275, 492, 165, 372, 421], dtype=float
)
MINI = np.array([512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451], dtype=float)


def values(statistics: Statistics, n: int) -> pd.Series:
    return with_intervals(statistics, range(n), resamples=50).set_index("statistic")["value"]


def test_bland_and_altmans_example() -> None:
    found = values(agreement_statistics(WRIGHT, MINI), 17)
    assert found["bias_mm"] == pytest.approx(-2.1, abs=0.05)
    assert found["sd_mm"] == pytest.approx(38.8, abs=0.05)
    # The paper takes two standard deviations for 1.96: -79.7 and 75.5.
    assert found["bias_mm"] + (found["loa_low_mm"] - found["bias_mm"]) * 2 / 1.96 == pytest.approx(-79.7, abs=0.1)
    assert found["bias_mm"] + (found["loa_high_mm"] - found["bias_mm"]) * 2 / 1.96 == pytest.approx(75.5, abs=0.1)
    assert found["pearson_r"] == pytest.approx(0.94, abs=0.005)


def test_bland_and_altmans_repeatability() -> None:
    """Within-subject SD of the Wright meter: 15.3 l/min (Bland and Altman, Stat Methods Med Res 1999, section 2.1)."""
    found = values(repeatability_statistics(WRIGHT, WRIGHT_AGAIN), 17)
    assert found["within_sd_mm"] == pytest.approx(15.3, abs=0.05)
    assert found["repeatability_mm"] == pytest.approx(1.96 * np.sqrt(2) * 15.3, abs=0.15)


# Six targets rated by four judges: Shrout and Fleiss, Psychol Bull 1979, table 2; ICC(2,1) is 0.29.
JUDGES = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=float)


def anova_icc(ratings: np.ndarray) -> float:
    """ICC(2,1) by a two-way analysis of variance of any number of raters, in sums of squares."""
    n, k = ratings.shape
    grand = ratings.mean()
    rows = k * ((ratings.mean(axis=1) - grand) ** 2).sum()
    columns = n * ((ratings.mean(axis=0) - grand) ** 2).sum()
    rest = ((ratings - grand) ** 2).sum() - rows - columns
    targets, judges, error = rows / (n - 1), columns / (k - 1), rest / ((n - 1) * (k - 1))
    return float((targets - error) / (targets + (k - 1) * error + k * (judges - error) / n))


def test_icc_is_shrout_and_fleisss() -> None:
    assert anova_icc(JUDGES) == pytest.approx(0.29, abs=0.005)
    for i, j in ((0, 1), (0, 2), (1, 3), (2, 3)):
        found = values(agreement_statistics(JUDGES[:, i], JUDGES[:, j]), 6)
        assert found["icc"] == pytest.approx(anova_icc(JUDGES[:, [i, j]]))
    rng = np.random.default_rng(0)
    x = rng.normal(3, 1, 80)
    y = x + rng.normal(0.2, 0.4, 80)
    assert values(agreement_statistics(x, y), 80)["icc"] == pytest.approx(anova_icc(np.stack([x, y], axis=1)))


def test_the_rest_by_numpy_and_scipy() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(3, 1, 50)
    y = x + rng.normal(0.1, 0.5, 50)
    found = values(agreement_statistics(x, y), 50)
    assert found["mae_mm"] == pytest.approx(np.abs(x - y).mean())
    assert found["rmse_mm"] == pytest.approx(np.sqrt(((x - y) ** 2).mean()))
    assert found["pearson_r"] == pytest.approx(stats.pearsonr(x, y).statistic)
    assert found["within_half_mm"] == pytest.approx((np.abs(x - y) <= 0.5).mean())
    assert found["sd_mm"] == pytest.approx(np.std(x - y, ddof=1))


def test_change_takes_the_errors_difference() -> None:
    first, second = np.array([0.1, -0.2, 0.3, 0.0]), np.array([0.2, 0.0, 0.0, 0.1])
    found = values(change_statistics(first, second), 4)
    assert found["change_bias_mm"] == pytest.approx(0.025)
    assert found["smallest_detectable_change_mm"] == pytest.approx(1.96 * np.std(second - first, ddof=1))


def test_interval_of_a_mean_is_the_known_one_and_subjects_are_drawn_whole() -> None:
    rng = np.random.default_rng(2)
    shift = np.repeat(rng.normal(0, 1, 60), 4)  # a subject's four hips err alike
    y = rng.normal(3, 1, 240)
    x = y + shift
    table = with_intervals(agreement_statistics(x, y), np.repeat(np.arange(60), 4)).set_index("statistic")
    half = 1.96 * shift[::4].std(ddof=1) / np.sqrt(60)
    low, high = table.loc["bias_mm", ["low", "high"]]
    assert high - low == pytest.approx(2 * half, rel=0.12)
    assert table.loc["bias_mm", "value"] == pytest.approx((low + high) / 2, abs=0.03)
    assert (table["hips"] == 240).all() and (table["subjects"] == 60).all()
    alone = with_intervals(agreement_statistics(x, y), np.arange(240)).set_index("statistic").loc["bias_mm"]
    assert alone["high"] - alone["low"] == pytest.approx((high - low) / 2, rel=0.15)


def test_one_subject_has_values_and_no_interval() -> None:
    table = with_intervals(agreement_statistics(np.array([1.0, 2.0]), np.array([1.5, 2.0])), ["a", "a"])
    assert table["value"].notna().all()
    assert table[["low", "high"]].isna().all(axis=None)


def test_one_hip_or_pair_has_no_spread() -> None:
    one, other = np.array([3.0]), np.array([3.5])
    found = pd.concat([values(agreement_statistics(one, other), 1), values(change_statistics(one, other), 1)])
    assert found["bias_mm"] == found["mae_mm"] * -1 == -0.5
    spread = ["sd_mm", "loa_low_mm", "loa_high_mm", "icc", "pearson_r", "smallest_detectable_change_mm"]
    assert found[spread].isna().all()


def test_same_seed_same_interval() -> None:
    first, second = (with_intervals(agreement_statistics(WRIGHT, MINI), range(17), seed=4) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


X = np.array([3.1, 2.2, 4.8, 3.3, 1.9, 5.2, 3.7])
Y = np.array([2.9, 2.6, 4.1, 3.4, 1.2, 5.9, 3.0])
DRAWS = np.array([[1, 1, 1, 1, 1, 1, 1], [3, 0, 1, 0, 2, 0, 1], [0, 0, 0, 5, 1, 1, 0], [0, 4, 0, 0, 0, 3, 0]])


@pytest.mark.parametrize("draw", DRAWS)
def test_a_weight_counts_a_hip_so_many_times(draw: np.ndarray) -> None:
    """Weighted statistics are those of the sample written out, by numpy and scipy."""
    x, y = np.repeat(X, draw), np.repeat(Y, draw)
    found = {name: float(of[0]) for name, of in agreement_statistics(X, Y)(draw[None].astype(float)).items()}
    sd = np.std(x - y, ddof=1)
    assert found == {
        "bias_mm": pytest.approx(np.mean(x - y)),
        "sd_mm": pytest.approx(sd),
        "loa_low_mm": pytest.approx(np.mean(x - y) - 1.96 * sd),
        "loa_high_mm": pytest.approx(np.mean(x - y) + 1.96 * sd),
        "mae_mm": pytest.approx(np.mean(np.abs(x - y))),
        "rmse_mm": pytest.approx(np.sqrt(np.mean((x - y) ** 2))),
        "icc": pytest.approx(anova_icc(np.stack([x, y], axis=1))),
        "pearson_r": pytest.approx(stats.pearsonr(x, y).statistic),
        "within_half_mm": pytest.approx(np.mean(np.abs(x - y) <= 0.5)),
    }
    again = {name: float(of[0]) for name, of in repeatability_statistics(X, Y)(draw[None].astype(float)).items()}
    within = np.sqrt(np.mean((x - y) ** 2) / 2)
    assert again == {
        "within_sd_mm": pytest.approx(within), "repeatability_mm": pytest.approx(1.96 * np.sqrt(2) * within)
    }  # fmt: skip
    change = {name: float(of[0]) for name, of in change_statistics(X, Y)(draw[None].astype(float)).items()}
    assert change == {
        "change_bias_mm": pytest.approx(np.mean(y - x)), "smallest_detectable_change_mm": pytest.approx(1.96 * sd)
    }  # fmt: skip


def test_draws_are_rows_and_half_a_millimetre_is_within_half_a_millimetre() -> None:
    found = agreement_statistics(X, Y)(DRAWS.astype(float))
    assert all(of.shape == (4,) for of in found.values())
    np.testing.assert_allclose(found["bias_mm"], [np.mean(np.repeat(X - Y, draw)) for draw in DRAWS])
    reference = np.array([2.0, 3.0, 4.0, 1.0])
    edge = agreement_statistics(np.array([2.5, 2.5, 4.75, 1.25]), reference)(np.ones((1, 4)))
    assert edge["within_half_mm"][0] == 0.75


@pytest.mark.parametrize("far", [0.0, 1e7])
def test_large_numbers_cancel_nothing(far: float) -> None:
    found = change_statistics(np.zeros(4), far + np.array([0.1, -0.2, 0.3, 0.0]))(np.ones((1, 4)))
    expected = 1.96 * np.std([0.1, -0.2, 0.3, 0.0], ddof=1)
    assert found["smallest_detectable_change_mm"][0] == pytest.approx(expected, rel=1e-6)


def test_the_interval_leaves_out_two_and_a_half_percent_of_the_resamples_on_either_side() -> None:
    """The mean of n subjects' errors is nearly normal; its spread is theirs over the square root of n."""
    errors = np.random.default_rng(7).normal(0, 1, 400)
    table = with_intervals(agreement_statistics(3 + errors, np.full(400, 3.0)), range(400), resamples=8000)
    row = table.set_index("statistic").loc["bias_mm"]
    standard_error = errors.std() / np.sqrt(400)
    assert (row["value"] - row["low"]) / standard_error == pytest.approx(1.96, abs=0.08)
    assert (row["high"] - row["value"]) / standard_error == pytest.approx(1.96, abs=0.08)


def test_what_the_bootstrap_draws_by_default() -> None:
    """2000 resamples, seed 0: written out once more, subject by subject."""
    rng = np.random.default_rng(3)
    names = [f"{i:02d}" for i in range(30)]
    subjects = rng.permutation(names + names[:17])
    x, y = rng.normal(3, 1, (2, 47))
    table = with_intervals(agreement_statistics(x, y), list(subjects)).set_index("statistic")
    drawn = np.random.default_rng(0).multinomial(30, [1 / 30] * 30, size=2000)
    sums = np.array([(x - y)[subjects == name].sum() for name in names])
    hips = np.array([(subjects == name).sum() for name in names])
    means = [(draw * sums).sum() / (draw * hips).sum() for draw in drawn]
    assert table.loc["bias_mm", ["low", "high"]].tolist() == pytest.approx(np.percentile(means, [2.5, 97.5]), rel=1e-9)
    assert table.loc["bias_mm", "value"] == pytest.approx(np.mean(x - y))


def test_two_hips_have_a_spread_and_one_drawn_again_and_again_has_none() -> None:
    two = change_statistics(np.zeros(2), np.array([1.0, 2.0]))(np.ones((1, 2)))
    assert two["smallest_detectable_change_mm"][0] == pytest.approx(1.96 * np.sqrt(0.5))
    errors = np.random.default_rng(0).normal(3, 1, 40)
    again = change_statistics(np.zeros(40), errors)(7 * np.eye(40))  # rounding may leave less than nothing
    np.testing.assert_allclose(again["smallest_detectable_change_mm"], 0, atol=1e-6)


def test_two_subjects_are_enough_for_an_interval_and_a_draw_without_spread_is_left_out() -> None:
    table = with_intervals(agreement_statistics(X[:2], Y[:2]), ["a", "b"]).set_index("statistic")
    assert table.loc["bias_mm", ["low", "high"]].tolist() == pytest.approx(sorted((X - Y)[:2]))
    assert np.isfinite(table.loc["pearson_r", ["low", "high"]].astype(float)).all()
