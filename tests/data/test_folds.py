"""Folds of a cross-validation, and splits that a dataset itself gives."""

from __future__ import annotations

import io

import pandas as pd
import pytest

from hipseg.data.split import Fold, choose_fold, make_split, with_folds
from hipseg.errors import HipsegError


def _keys(subjects: int, films: int = 3) -> list[str]:
    return [f"set/subject{subject:02d}/case{film}" for subject in range(subjects) for film in range(films)]


def _table(training: int = 11, testing: int = 4) -> pd.DataFrame:
    keys = _keys(training + testing)
    subsets = ["train" if number < training * 3 else "test" for number in range(len(keys))]
    return pd.DataFrame({"sample": keys, "subset": subsets})


def _subject(sample: str) -> str:
    return sample.split("/")[1]


def _as_read(table: pd.DataFrame) -> pd.DataFrame:
    """As it comes back from its file."""
    return pd.read_csv(io.StringIO(table.to_csv(index=False)), dtype=str)


@pytest.mark.parametrize("folds", [2, 3, 5, 11])
def test_every_training_sample_is_in_one_fold_and_what_tests_in_none(folds: int) -> None:
    table = with_folds(_table(), folds, seed=0)
    assert table["sample"].tolist() == _table()["sample"].tolist()
    learns = table["subset"] == "train"
    assert set(table.loc[learns, "fold"]) == set(range(folds))
    assert set(table.loc[~learns, "fold"]) == {-1}


@pytest.mark.parametrize("folds", [2, 3, 5])
def test_a_subject_is_in_one_fold_and_folds_differ_by_one_subject_at_most(folds: int) -> None:
    table = with_folds(_table(), folds, seed=1)
    learnt = table[table["subset"] == "train"]
    of_subject = learnt.groupby(learnt["sample"].map(_subject))["fold"]
    assert (of_subject.nunique() == 1).all()
    sizes = of_subject.first().value_counts()
    assert sizes.sum() == 11
    assert sizes.max() - sizes.min() <= 1


def test_subjects_of_two_datasets_with_one_name_are_two_subjects() -> None:
    keys = [f"{name}/001/case" for name in ("a", "b")]
    table = with_folds(pd.DataFrame({"sample": keys, "subset": "train"}), 2, seed=0)
    assert sorted(table["fold"]) == [0, 1]


def test_validation_samples_join_those_that_train() -> None:
    table = _table()
    table.loc[:5, "subset"] = "val"
    folded = with_folds(table, 3, seed=0)
    assert (folded.loc[folded["subset"] != "test", "fold"] >= 0).all()
    assert folded["subset"].tolist() == table["subset"].tolist()


def test_the_seed_alone_decides() -> None:
    first = with_folds(_table(), 5, seed=4)
    assert first.equals(with_folds(_table(), 5, seed=4))
    shuffled = with_folds(_table().sample(frac=1, random_state=0), 5, seed=4)
    assert dict(zip(first["sample"], first["fold"], strict=True)) == dict(
        zip(shuffled["sample"], shuffled["fold"], strict=True)
    )
    assert len({tuple(with_folds(_table(), 5, seed=seed)["fold"]) for seed in range(4)}) == 4


@pytest.mark.parametrize("folds", [0, 1, 12])
def test_more_folds_than_subjects_and_fewer_than_two_are_refused(folds: int) -> None:
    with pytest.raises(HipsegError, match=f"^folds: 11 subjects that train can make 2 to 11 folds, not {folds}$"):
        with_folds(_table(), folds, seed=0)


@pytest.mark.parametrize("fold", [0, 1, 2])
def test_the_chosen_fold_validates_and_the_others_train(fold: int) -> None:
    table = _as_read(with_folds(_table(), 3, seed=0))
    chosen = choose_fold(table, fold)
    by_subset = {subset: set(rows["sample"]) for subset, rows in chosen.groupby("subset")}
    assert by_subset["val"] == set(table.loc[table["fold"] == str(fold), "sample"])
    assert by_subset["train"] == set(table.loc[~table["fold"].isin([str(fold), "-1"]), "sample"])
    assert by_subset["test"] == set(_keys(15)[33:])
    assert len(chosen) == len(table)


def test_all_trains_and_validates_on_everything_that_does_not_test() -> None:
    table = _as_read(with_folds(_table(), 3, seed=0))
    table.loc[:5, "subset"] = "val"
    chosen = choose_fold(table, "all")
    by_subset = {subset: rows["sample"].tolist() for subset, rows in chosen.groupby("subset")}
    assert by_subset == {"train": _keys(15)[:33], "val": _keys(15)[:33], "test": _keys(15)[33:]}


def test_without_a_fold_the_split_stays() -> None:
    table = _as_read(with_folds(_table(), 3, seed=0))
    assert choose_fold(table, None).equals(table)


@pytest.mark.parametrize("fold", [3, -1])
def test_a_fold_that_there_is_not_is_refused(fold: Fold) -> None:
    with pytest.raises(HipsegError, match=rf"^data\.fold: the split has no fold {fold}; it has 0, 1, 2"):
        choose_fold(_as_read(with_folds(_table(), 3, seed=0)), fold)


def test_a_fold_of_a_split_without_folds_is_refused() -> None:
    with pytest.raises(HipsegError, match=r"it has none, see 'hipseg split folds=5'$"):
        choose_fold(_as_read(_table()), 0)


def _samples(*subsets: str, usable: bool = True) -> pd.DataFrame:
    keys = [f"set/s{number}/c{number}" for number in range(len(subsets))]
    return pd.DataFrame({"key": keys, "subset": subsets, "usable": usable})


def test_a_given_split_is_the_datasets() -> None:
    table = make_split(_samples("test", "train", "test", "train"), "given", (0.5, 0.25, 0.25), seed=0)
    assert list(table) == ["sample", "subset"]
    assert dict(zip(table["sample"], table["subset"], strict=True)) == {
        "set/s0/c0": "test", "set/s1/c1": "train", "set/s2/c2": "test", "set/s3/c3": "train",
    }  # fmt: skip


def test_a_given_split_leaves_out_what_has_no_mask() -> None:
    samples = _samples("train", "test", "test")
    samples.loc[2, "usable"] = False
    assert make_split(samples, "given", (1, 0, 0), seed=0)["sample"].tolist() == ["set/s0/c0", "set/s1/c1"]


@pytest.mark.parametrize("samples", [_samples("train", ""), _samples("train").drop(columns="subset")])
def test_a_given_split_of_a_dataset_that_gives_none_is_refused(samples: pd.DataFrame) -> None:
    with pytest.raises(HipsegError, match=r"^by: the store's dataset does not say what trains and tests"):
        make_split(samples, "given", (0.5, 0.25, 0.25), seed=0)
