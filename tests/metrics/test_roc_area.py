"""Areas under the ROC curve: DeLong's and Obuchowski's variances against their definitions, and how often they hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm
from sklearn import metrics

from hipseg.metrics.roc_area import auc_difference, auc_interval, newcombe_interval


def _cases(seed: int, n: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < 0.4
    score = np.round(1 / (1 + np.exp(-(rng.normal(0, 1, n) + 1.2 * truth))), 1)
    return truth, score, score >= 0.6


def _kernel(truth: np.ndarray, score: np.ndarray) -> np.ndarray:
    upper, lower = score[truth][:, None], score[~truth][None]
    return (upper > lower) + 0.5 * (upper == lower)


def test_delong_is_its_own_definition() -> None:
    truth, first, _ = _cases(5, 40)
    second = np.round(first + np.random.default_rng(1).normal(0, 0.2, 40), 1)
    found = auc_difference(truth, first, second, np.arange(40))
    kernels = []
    for score in (first, second):
        kernels.append(_kernel(truth, score))
    v10, v01 = np.stack([k.mean(axis=1) for k in kernels]), np.stack([k.mean(axis=0) for k in kernels])
    s = np.cov(v10) / v10.shape[1] + np.cov(v01) / v01.shape[1]
    variance = s[0, 0] + s[1, 1] - 2 * s[0, 1]
    assert found.difference == pytest.approx(
        metrics.roc_auc_score(truth, first) - metrics.roc_auc_score(truth, second), abs=1e-12
    )
    assert found.error == pytest.approx(math.sqrt(variance), abs=1e-12)
    assert found.low < found.difference < found.high and 0 < found.p <= 1


def test_delong_rejects_equal_classifiers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    ps = []
    for _ in range(400):
        truth = np.repeat([True, False], 40)
        shared = rng.normal(0, 1, 80) + truth
        scores = (shared + rng.normal(0, 1, 80) for _ in range(2))
        ps.append(auc_difference(truth, *scores, np.arange(80)).p)
    assert 0.02 < np.mean(np.array(ps) < 0.05) < 0.09


def test_a_classifier_does_not_differ_from_itself() -> None:
    truth, score, _ = _cases(2)
    assert auc_difference(truth, score, score, np.arange(60)).p == 1
    assert math.isnan(auc_difference(np.arange(5) == 0, score[:5], score[:5], np.arange(5)).p)


def test_the_error_of_clustered_cases_is_obuchowskis_written_out() -> None:
    """Her equations, subject by subject, with loops."""
    truth, score, _ = _cases(7, 45)
    subjects = np.random.default_rng(7).integers(0, 20, 45)
    kernel = _kernel(truth, score)
    area, m, n = kernel.mean(), *kernel.shape
    above, below = kernel.mean(axis=1), kernel.mean(axis=0)
    s10 = s01 = s11 = 0.0
    for subject in set(subjects.tolist()):
        of_upper, of_lower = above[subjects[truth] == subject], below[subjects[~truth] == subject]
        x, y = of_upper.sum() - len(of_upper) * area, of_lower.sum() - len(of_lower) * area
        s10, s01, s11 = s10 + x**2, s01 + y**2, s11 + x * y
    kinds = [len(set(part.tolist())) for part in (subjects[truth], subjects[~truth], subjects)]
    i10, i01, i = (count / (count - 1) for count in kinds)
    variance = i10 * s10 / m**2 + i01 * s01 / n**2 + 2 * i * s11 / (m * n)
    low, high = auc_interval(truth, score, subjects)
    logit = math.log(area / (1 - area))
    reach = 1.959964 * math.sqrt(variance) / (area * (1 - area))
    assert low == pytest.approx(1 / (1 + math.exp(reach - logit)), rel=1e-5)
    assert high == pytest.approx(1 / (1 + math.exp(-reach - logit)), rel=1e-5)


def test_cases_twice_over_say_no_more_than_once() -> None:
    truth, score, _ = _cases(6, 80)
    once = auc_interval(truth, score, np.arange(80))
    twice = auc_interval(*(np.repeat(part, 2) for part in (truth, score, np.arange(80))))
    assert twice == pytest.approx(once, abs=1e-12)
    blind = auc_interval(*(np.repeat(part, 2) for part in (truth, score)), np.arange(160))
    assert blind[1] - blind[0] < 0.75 * (once[1] - once[0])


@pytest.mark.parametrize("alike", [0.0, 0.9])
def test_intervals_hold_the_true_area_about_as_often_as_they_say(alike: float) -> None:
    rng, held, true = np.random.default_rng(11), [], 0.85
    for _ in range(600):
        subjects = np.arange(100) // 2
        disease, noise = (
            np.sqrt(alike) * rng.normal(size=50)[subjects] + np.sqrt(1 - alike) * rng.normal(size=100) for _ in range(2)
        )
        truth = disease > 0.2
        low, high = auc_interval(truth, noise + truth * np.sqrt(2) * norm.ppf(true), subjects)
        held.append(low <= true <= high)
    assert 0.92 < np.mean(held) < 0.975


def test_one_class_has_no_interval_and_a_lone_case_of_a_class_has_newcombes() -> None:
    assert all(math.isnan(end) for end in auc_interval(np.ones(4) > 0, np.arange(4.0), np.arange(4)))
    truth = np.arange(6) == 5
    assert auc_interval(truth, np.arange(6.0), np.arange(6)) == newcombe_interval(1.0, 1, 5)


def test_the_interval_of_a_perfect_area_is_the_published_one() -> None:
    """Hanley and McNeil's variance with n* = (m + n) / 2 - 1, put into its own equation at both ends."""
    auc, m, n = 0.85, 20, 30
    for end in newcombe_interval(auc, m, n):
        star = (m + n) / 2 - 1
        variance = end * (1 - end) * (1 + star * (1 - end) / (2 - end) + star * end / (1 + end)) / (m * n)
        assert abs(auc - end) == pytest.approx(1.959964 * math.sqrt(variance), rel=1e-6)
    low, high = newcombe_interval(1.0, 7, 4)
    assert 0.4 < low < 0.8 and high == 1
    assert newcombe_interval(0.0, 7, 4) == pytest.approx((0.0, 1 - low))
