"""What must hold of a split whatever the cohort."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

import pandas as pd
from hypothesis import assume, given
from hypothesis import strategies as st

from hipseg.data.split import SUBSETS, By, largest_remainder, make_split, subset_samples

RATIOS = st.tuples(*[st.integers(0, 20)] * 3).filter(any)
HIPS = st.tuples(
    st.sampled_from(["CHECK", "OAI"]), st.integers(0, 25), st.integers(0, 3), st.sampled_from(["left", "right"])
)
COHORTS = st.dictionaries(HIPS, st.booleans(), min_size=1, max_size=60)


def table(cohort: dict[tuple[str, int, int, str], bool]) -> pd.DataFrame:
    keys = [f"{name}/{subject:04d}/T{visit:02d}/{side}" for name, subject, visit, side in cohort]
    return pd.DataFrame({"key": keys, "usable": list(cohort.values()), "reason": ""})


def filled(count: int, ratios: tuple[int, ...]) -> bool:
    """Whether every subset that has a share gets at least one."""
    return all(share == 0 or got > 0 for share, got in zip(ratios, largest_remainder(count, ratios), strict=True))


@given(st.integers(0, 10_000), RATIOS)
def test_largest_remainders_miss_their_share_by_less_than_one_and_sum_up(count: int, ratios: tuple[int, ...]) -> None:
    exact = [Fraction(ratio * count, sum(ratios)) for ratio in ratios]
    found = largest_remainder(count, ratios)
    assert sum(found) == count
    assert all(abs(whole - share) < 1 for whole, share in zip(found, exact, strict=True))
    rest = [share - int(share) for share in exact]
    up = [whole > int(share) for whole, share in zip(found, exact, strict=True)]
    # None that was rounded down had a larger remainder than one that was rounded up.
    assert all(rest[i] >= rest[j] for i in range(3) for j in range(3) if up[i] and not up[j])


@given(COHORTS, RATIOS, st.integers(0, 1000), st.sampled_from(["subject", "sample"]))
def test_every_usable_hip_is_in_one_subset_and_a_subject_never_in_two(
    cohort: dict[tuple[str, int, int, str], bool], ratios: tuple[int, ...], seed: int, by: By
) -> None:
    samples = table(cohort)
    usable = sorted(samples.loc[samples["usable"], "key"])
    of = {key: key if by == "sample" else "/".join(key.split("/")[:2]) for key in usable}
    units = sorted(set(of.values()))
    assume(filled(len(units), ratios))
    split = make_split(samples, by, ratios, seed)
    assert sorted(split["sample"]) == usable
    subsets = defaultdict(set)
    for key, subset in zip(split["sample"], split["subset"], strict=True):
        subsets[of[key]].add(subset)
    assert all(len(one) == 1 for one in subsets.values())
    counts = [sum(one == {subset} for one in subsets.values()) for subset in SUBSETS]
    assert counts == largest_remainder(len(units), ratios)
    assert split.equals(make_split(samples.iloc[::-1], by, [3 * ratio for ratio in ratios], seed))


@given(COHORTS, st.integers(0, 1000), st.integers(1, 8), st.data())
def test_a_smaller_set_is_the_beginning_of_a_larger_one(
    cohort: dict[tuple[str, int, int, str], bool], seed: int, share: int, data: st.DataObject
) -> None:
    samples = table(cohort)
    subjects = {key.rsplit("/", 2)[0] for key in samples.loc[samples["usable"], "key"]}
    small, large = (share, 10 - share, 0), (share + 1, 9 - share, 0)
    assume(filled(len(subjects), small) and filled(len(subjects), large))
    fewer, more = (subset_samples(make_split(samples, "subject", of, seed), "train", None) for of in (small, large))
    assert more[: len(fewer)] == fewer
    size = data.draw(st.integers(0, len(more)))
    assert subset_samples(make_split(samples, "subject", large, seed), "train", size) == more[:size]
