"""Scores of classes against scikit-learn's, weighted and not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics
from sklearn.calibration import calibration_curve

from hipseg.measure.agreement import with_intervals
from hipseg.metrics.classification import best_threshold, class_statistics, confusion, weighted_kappa


def _cases(seed: int, n: int = 60, ties: bool = True) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < 0.4
    score = 1 / (1 + np.exp(-(rng.normal(0, 1, n) + 1.2 * truth)))
    score = np.round(score, 1) if ties else score
    return truth, score, score >= 0.6


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("ties", [True, False])
def test_every_number_is_scikit_learns_for_any_weights(seed: int, ties: bool) -> None:
    truth, score, called = _cases(seed, ties=ties)
    weights = np.random.default_rng(seed).integers(0, 4, (5, len(truth))).astype(float)
    found = class_statistics(truth, score, called)(weights)
    for number, weight in enumerate(weights):
        precision, recall, f1, _ = metrics.precision_recall_fscore_support(
            truth, called, average="binary", sample_weight=weight
        )
        wanted = {
            "roc_auc": metrics.roc_auc_score(truth, score, sample_weight=weight),
            "pr_auc": metrics.average_precision_score(truth, score, sample_weight=weight),
            "accuracy": metrics.accuracy_score(truth, called, sample_weight=weight),
            "balanced_accuracy": metrics.balanced_accuracy_score(truth, called, sample_weight=weight),
            "precision": precision,
            "recall": recall,
            "f1": f1,
            "specificity": metrics.recall_score(~truth, ~called, sample_weight=weight),
            "brier": metrics.brier_score_loss(truth, score, sample_weight=weight),
        }
        for name, value in wanted.items():
            assert found[name][number] == pytest.approx(value, abs=1e-9), name


def test_the_calibration_error_is_the_mean_gap_of_scikit_learns_curve() -> None:
    truth, score, called = _cases(9, 400, ties=False)
    found = class_statistics(truth, score, called)(np.ones((1, 400)))["calibration_error"][0]
    share, mean = calibration_curve(truth, score, n_bins=10)
    count = np.histogram(score, 10, (0, 1))[0]
    assert found == pytest.approx((np.abs(share - mean) * count[count > 0]).sum() / 400, abs=1e-9)


def test_one_class_has_no_area_and_an_accuracy() -> None:
    found = class_statistics(np.ones(5, dtype=bool), np.linspace(0, 1, 5), np.ones(5, dtype=bool))(np.ones((1, 5)))
    assert math.isnan(found["roc_auc"][0]) and math.isnan(found["balanced_accuracy"][0]) and found["accuracy"][0] == 1


@pytest.mark.parametrize(
    ("truth", "score", "threshold"),
    [
        ([0, 0, 1, 1], [0.1, 0.4, 0.6, 0.9], 0.5),
        ([0, 1, 0, 1], [0.2, 0.4, 0.6, 0.8], 0.7),  # 0.3 is as good: the higher one is taken
        ([1, 1, 0, 0], [0.1, 0.2, 0.3, 0.4], 0.1),  # scores the wrong way round: all are called
    ],
)
def test_the_threshold_of_a_hand_made_case(truth: list[int], score: list[float], threshold: float) -> None:
    assert best_threshold(np.array(truth), np.array(score)) == pytest.approx(threshold)


def test_ordinal_agreement_is_scikit_learns() -> None:
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 5, 200)
    found = np.clip(truth + rng.integers(-1, 2, 200), 0, 4)
    assert weighted_kappa(truth, found, 5) == pytest.approx(
        metrics.cohen_kappa_score(truth, found, weights="quadratic")
    )
    np.testing.assert_array_equal(confusion(truth, found, 5), metrics.confusion_matrix(truth, found))


def test_the_interval_of_an_area_draws_a_subjects_hips_together() -> None:
    truth, score, called = _cases(6, 80)
    doubled = [np.repeat(part, 2) for part in (truth, score, called)]
    own = with_intervals(class_statistics(truth, score, called), range(80)).set_index("statistic").loc["roc_auc"]
    pairs = with_intervals(class_statistics(*doubled), np.repeat(range(80), 2)).set_index("statistic").loc["roc_auc"]
    # The same subjects twice say no more than once.
    assert pairs["high"] - pairs["low"] == pytest.approx(own["high"] - own["low"], abs=1e-9)
