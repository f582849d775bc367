from __future__ import annotations

from collections import Counter, defaultdict
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hipseg.data.split import SUBSETS, By, largest_remainder, make_split, read_split, subset_samples
from hipseg.errors import HipsegError


def subject_of(key: str) -> str:
    return "/".join(key.split("/")[:2])


def random_samples(rng: np.random.Generator) -> pd.DataFrame:
    """Hips of up to 30 subjects, one to four visits, some hips unusable; a number may occur in both cohorts."""
    rows = []
    for cohort in ("CHECK", "OAI"):
        for subject in rng.choice(40, int(rng.integers(3, 16)), replace=False):
            for visit in range(int(rng.integers(1, 5))):
                for side in ("right", "left"):
                    rows.append((f"{cohort}/{subject:03d}/T{visit:02d}/{side}", bool(rng.random() < 0.9)))
    return pd.DataFrame(rows, columns=["key", "usable"]).sample(frac=1, random_state=int(rng.integers(2**31)))


def hamilton(count: int, ratios: list[int]) -> tuple[list[int], bool]:
    """Largest remainders in exact fractions, and whether two equal ones competed for a seat."""
    exact = [Fraction(ratio * count, sum(ratios)) for ratio in ratios]
    whole = [int(value) for value in exact]
    rest = [value - int(value) for value in exact]
    seats = count - sum(whole)
    order = sorted(range(3), key=lambda i: -rest[i])
    for i in order[:seats]:
        whole[i] += 1
    return whole, 0 < seats < 3 and rest[order[seats - 1]] == rest[order[seats]]


def test_a_thousand_random_cohorts() -> None:
    rng = np.random.default_rng(0)
    exact = 0
    for _ in range(1000):
        samples, seed = random_samples(rng), int(rng.integers(1000))
        ratios = [int(n) for n in rng.integers(1, 10, 3)]
        usable = sorted(samples.loc[samples["usable"], "key"])
        expected, tie = hamilton(len({subject_of(key) for key in usable}), ratios)
        if min(expected) == 0:
            continue
        table = make_split(samples, "subject", ratios, seed)
        subsets = defaultdict(set)
        for key, subset in zip(table["sample"], table["subset"], strict=True):
            subsets[subject_of(key)].add(subset)
        assert all(len(of_subject) == 1 for of_subject in subsets.values())
        assert sorted(table["sample"]) == usable
        if not tie:
            counts = Counter(next(iter(of_subject)) for of_subject in subsets.values())
            assert [counts[subset] for subset in SUBSETS] == expected
            exact += 1
    assert exact > 700


@pytest.mark.parametrize(
    ("count", "ratios", "expected"),
    [
        (10, (0.8, 0.1, 0.1), [8, 1, 1]),
        (12, (0.8, 0.1, 0.1), [10, 1, 1]),
        (13, (0.8, 0.1, 0.1), [11, 1, 1]),
        (14, (0.8, 0.1, 0.1), [11, 2, 1]),  # 11.2, 1.4, 1.4: the first of equals
        (7, (1, 1, 1), [3, 2, 2]),
        (5, (1, 0, 0), [5, 0, 0]),
        (9, (2, 0, 1), [6, 0, 3]),
        (100, (1, 2, 3), [17, 33, 50]),
        (10, (7, 7, 7), [4, 3, 3]),
        (0, (1, 1, 1), [0, 0, 0]),
    ],
)
def test_largest_remainder(count: int, ratios: tuple[float, ...], expected: list[int]) -> None:
    assert largest_remainder(count, ratios) == expected


@pytest.fixture
def samples() -> pd.DataFrame:
    """Twenty subjects, two visits, every seventh hip unusable."""
    keys = [f"CHECK/{s:02d}/T{v:02d}/{side}" for s in range(20) for v in (0, 2) for side in ("left", "right")]
    usable = [i % 7 != 0 for i in range(len(keys))]
    return pd.DataFrame({"key": keys, "usable": usable, "reason": np.where(usable, "", "side_missing")})


@pytest.mark.parametrize("by", ["subject", "sample"])
def test_the_seed_decides(samples: pd.DataFrame, by: By) -> None:
    one = make_split(samples, by, (0.8, 0.1, 0.1), 5)
    shuffled = samples.sample(frac=1, random_state=0)
    assert one.equals(make_split(shuffled, by, (8, 1, 1), 5))
    assert not one.equals(make_split(samples, by, (0.8, 0.1, 0.1), 6))


def test_by_sample_scatters_hips_in_the_given_shares(samples: pd.DataFrame) -> None:
    table = make_split(samples, "sample", (0.5, 0.25, 0.25), 0)
    usable = int(samples["usable"].sum())
    assert usable == 68
    assert [int((table["subset"] == subset).sum()) for subset in SUBSETS] == [34, 17, 17]
    films = table.assign(film=table["sample"].str.rsplit("/", n=1).str[0]).groupby("film")["subset"].nunique()
    assert (films > 1).sum() > 10


def test_unusable_hips_never_enter(samples: pd.DataFrame) -> None:
    unusable = set(samples.loc[~samples["usable"], "key"])
    for by in ("subject", "sample"):
        assert not unusable & set(make_split(samples, by, (8, 1, 1), 0)["sample"])  # type: ignore[arg-type]


def test_rows_are_in_the_order_of_drawing_so_that_smaller_sets_are_prefixes(samples: pd.DataFrame) -> None:
    table = make_split(samples, "subject", (0.5, 0.25, 0.25), 1)
    whole = subset_samples(table, "train", None)
    assert [subset_samples(table, "train", n) for n in (1, 5, len(whole))] == [whole[:1], whole[:5], whole]
    drawn = list(dict.fromkeys(map(subject_of, whole)))
    assert [subject_of(key) for key in whole] == sorted(map(subject_of, whole), key=drawn.index)
    assert drawn != sorted(drawn)
    # A larger share of the same draw begins with the smaller one's subjects.
    larger = subset_samples(make_split(samples, "subject", (0.8, 0.1, 0.1), 1), "train", None)
    assert larger[: len(whole)] == whole


def test_a_subset_smaller_than_asked_is_refused(samples: pd.DataFrame) -> None:
    table = make_split(samples, "subject", (0.8, 0.1, 0.1), 1)
    held = int((table["subset"] == "val").sum())
    with pytest.raises(HipsegError, match=rf"^data\.val_size: {held + 1} .* has {held}$"):
        subset_samples(table, "val", held + 1)


@pytest.mark.parametrize(
    ("ratios", "said"),
    [
        ((1, -1, 1), "none negative"),
        ((0, 0, 0), "none negative"),
        ((1, 1), "give three shares"),
        ((float("nan"), 1, 1), ""),
        ((98, 1, 1), "20 subjects are too few to give val a share of 1"),
    ],
)
def test_impossible_ratios(samples: pd.DataFrame, ratios: tuple[float, ...], said: str) -> None:
    with pytest.raises(HipsegError, match=f"^ratios: .*{said}"):
        make_split(samples, "subject", ratios, 0)


def test_a_zero_share_is_an_empty_subset(samples: pd.DataFrame) -> None:
    assert set(make_split(samples, "subject", (3, 0, 1), 0)["subset"]) == {"train", "test"}


def test_a_written_split_reads_back(samples: pd.DataFrame, tmp_path: Path) -> None:
    table = make_split(samples, "subject", (8, 1, 1), 0)
    table.to_csv(tmp_path / "split.csv", index=False)
    assert read_split(tmp_path / "split.csv", samples).equals(table)


def test_a_split_may_name_what_a_locator_lost(samples: pd.DataFrame, tmp_path: Path) -> None:
    table = make_split(samples, "subject", (8, 1, 1), 0)
    table.to_csv(tmp_path / "split.csv", index=False)
    lost = samples["key"] == table["sample"][3]
    samples.loc[lost, ["usable", "reason"]] = [False, "not_located"]
    assert read_split(tmp_path / "split.csv", samples).equals(table)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "there is no file"),
        ("", "is not a CSV table"),
        ("key,subset\nCHECK/01/T00/left,train\n", "needs the columns sample and subset"),
        ("sample,subset\nCHECK/01/T00/left,trian\n", "has the subset 'trian'"),
        ("sample,subset\nCHECK/01/T00/left,\n", "has the subset ''"),
        ("sample,subset\nCHECK/01/T00/left,train\nCHECK/01/T00/left,test\n", "lists a sample twice"),
        ("sample,subset\nCHECK/01/T00/left,train\nCHECK/99/T00/left,test\n", "1 of 2 samples are not usable"),
        ("sample,subset\nCHECK/00/T00/left,train\n", "1 of 1 samples are not usable"),  # in the store, not usable
    ],
)
def test_a_split_that_does_not_fit_is_refused(
    samples: pd.DataFrame, tmp_path: Path, text: str | None, said: str
) -> None:
    path = tmp_path / "split.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(HipsegError) as caught:
        read_split(path, samples)
    assert str(caught.value).startswith("data.split: ")
    assert str(path) in str(caught.value)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_with_grades_every_subset_has_its_share_of_cohorts_and_highest_grades() -> None:
    rng = np.random.default_rng(2)
    rows = [
        (f"{cohort}/s{number:03d}/{side}", cohort, float(rng.choice([0, 0, 0, 2, 3])))
        for cohort, count in (("xray", 120), ("ct_ap", 40))
        for number in range(count)
        for side in ("left", "right")
    ]
    samples = pd.DataFrame({"key": [row[0] for row in rows], "usable": True})
    grades = np.array([row[2] for row in rows])
    grades[5] = np.nan
    table = make_split(samples, "subject", (0.5, 0.2, 0.3), 3, grades)
    assert table.equals(make_split(samples, "subject", (0.5, 0.2, 0.3), 3, grades))
    subject = samples["key"].str.rsplit("/", n=1).str[0]
    highest = pd.Series(grades).groupby(subject).max()
    subset = table.set_index(table["sample"].str.rsplit("/", n=1).str[0])["subset"].groupby(level=0)
    assert (subset.nunique() == 1).all()
    strata = highest.index.str.split("/").str[0] + highest.astype(str)
    counts = pd.crosstab(strata, subset.first().reindex(highest.index))
    shares = counts.div(counts.sum(axis=1), axis=0)
    for name, share in (("train", 0.5), ("val", 0.2), ("test", 0.3)):
        assert (counts[name] - share * counts.sum(axis=1)).abs().max() <= 1.0, shares
