"""Who trains and who tests: a CSV of samples and their subset, whole subjects together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hipseg.data.exclusions import NOT_LOCATED
from hipseg.errors import HipsegError
from hipseg.io.tables import read_table

Subset = Literal["train", "val", "test"]
SUBSETS: Final[tuple[Subset, ...]] = get_args(Subset)
By = Literal["subject", "sample", "given"]
Fold = int | Literal["all"] | None


def subjects_of(samples: pd.Series) -> pd.Series:
    """Whose each sample is: cohort and subject, the first two parts of its key."""
    return samples.str.split("/").str[:2].str.join("/")


def cohorts_of(samples: pd.Series) -> pd.Series:
    """The cohort of each sample, the first part of its key."""
    return samples.str.split("/").str[0]


def largest_remainder(count: int, ratios: Sequence[float]) -> list[int]:
    """Whole numbers in the given proportions that add up to `count` (Hamilton's method)."""
    exact = np.asarray(ratios, dtype=float) / sum(ratios) * count
    whole = np.floor(exact).astype(int)
    order = np.argsort(-(exact - whole), kind="stable")
    whole[order[: count - whole.sum()]] += 1
    return [int(n) for n in whole]


def make_split(
    samples: pd.DataFrame,
    by: By,
    ratios: Sequence[float],
    seed: int,
    grades: NDArray[np.float64] | None = None,
) -> pd.DataFrame:
    """Draw a split.

    Args:
        samples: A store's samples; only usable ones enter.
        by: `subject` keeps a subject's films and visits in one subset; `sample` scatters hips, as the thesis does;
            `given` takes training and test samples as the store's dataset says, and only folds are drawn.
        ratios: Shares of train, val and test, counted in what `by` says.
        seed: The same seed draws the same split.
        grades: Of every sample, NaN where there is none: each subset gets its share of every cohort, and there of every
            highest grade that a unit has. Chance alone decides if None.

    Returns:
        `sample`, `subset`; rows within a subset are in the order of drawing, so that its first rows are a smaller
        subset of the same kind.

    Raises:
        HipsegError: If a ratio is negative or there are too few to fill every subset that has a share.
    """
    if len(ratios) != len(SUBSETS) or not (np.isfinite(ratios).all() and min(ratios) >= 0 < sum(ratios)):
        raise HipsegError(f"ratios: give three shares of train, val and test, none negative; got {list(ratios)}")
    keys = sorted(samples.loc[samples["usable"], "key"])
    if by == "given":
        return _given_subsets(samples)
    units = keys if by == "sample" else ["/".join(key.split("/")[:2]) for key in keys]
    unique = np.array(sorted(set(units)))
    drawn = np.random.default_rng(seed).permutation(unique)
    if grades is not None:
        grade_of = dict(zip(samples["key"], np.nan_to_num(grades, nan=-1.0), strict=True))
        drawn = _alike(drawn, pd.Series([grade_of[key] for key in keys]).groupby(units).max())
    counts = largest_remainder(len(drawn), ratios)
    for subset, share, count in zip(SUBSETS, ratios, counts, strict=True):
        if share > 0 and count == 0:
            raise HipsegError(f"ratios: {len(drawn)} {by}s are too few to give {subset} a share of {share:g}")
    ends = np.cumsum(counts)
    subset_of = {str(unit): SUBSETS[int(np.searchsorted(ends, i, side="right"))] for i, unit in enumerate(drawn)}
    order = {str(unit): i for i, unit in enumerate(drawn)}
    table = pd.DataFrame({"sample": keys, "subset": [subset_of[unit] for unit in units]})
    return table.iloc[np.argsort([order[unit] for unit in units], kind="stable")].reset_index(drop=True)


def _alike(drawn: NDArray[np.str_], highest: pd.Series) -> NDArray[np.str_]:
    """Drawn units in an order in which every stretch has its share of each cohort and highest grade."""
    strata = pd.Series([f"{unit.split('/')[0]}/{highest.loc[str(unit)]}" for unit in drawn])
    place = (strata.groupby(strata).cumcount() + 0.5) / strata.map(strata.value_counts())
    return drawn[np.argsort(place.to_numpy(), kind="stable")]


def _given_subsets(samples: pd.DataFrame) -> pd.DataFrame:
    usable = samples[samples["usable"]]
    usable = usable.assign(subset=usable.get("subset", pd.Series("", index=usable.index)))
    # A fold is of what trains.
    usable.loc[(usable["subset"] == "") & (usable.get("fold", -1) >= 0), "subset"] = "train"
    if not usable["subset"].isin(["train", "test"]).all():
        raise HipsegError("by: the store's dataset does not say what trains and tests; split by subject")
    table = pd.DataFrame({"sample": usable["key"], "subset": usable["subset"]})
    if "fold" in usable and (usable["fold"] >= 0).any():  # as the dataset's table says
        table["fold"] = usable["fold"].where(usable["subset"] != "test", -1)
    return table.sort_values(["subset", "sample"], ascending=[False, True]).reset_index(drop=True)


def with_folds(table: pd.DataFrame, folds: int, seed: int) -> pd.DataFrame:
    """Add a column `fold`: what trains shared out over folds, whole subjects together; -1 for what tests.

    Args:
        table: `sample` and `subset`; validation samples join those that train.
        folds: How many.
        seed: The same seed draws the same folds.

    Raises:
        HipsegError: If there are fewer subjects than folds.
    """
    learns = table["subset"] != "test"
    subjects = subjects_of(table["sample"])
    unique = np.array(sorted(set(subjects[learns])))
    if not 2 <= folds <= len(unique):
        raise HipsegError(f"folds: {len(unique)} subjects that train can make 2 to {len(unique)} folds, not {folds}")
    drawn = np.random.default_rng(seed).permutation(unique)
    fold_of = {str(subject): number % folds for number, subject in enumerate(drawn)}
    fold = [fold_of[subject] if learnt else -1 for subject, learnt in zip(subjects, learns, strict=True)]
    return table.assign(fold=fold)


def choose_fold(table: pd.DataFrame, fold: Fold) -> pd.DataFrame:
    """A split in which one fold validates and the others train; with `all` everything trains and validates.

    Raises:
        HipsegError: If the split has no such fold.
    """
    if fold is None:
        return table
    learns = table["subset"] != "test"
    if fold == "all":
        everything = table[learns].assign(subset="train")
        return pd.concat([everything, everything.assign(subset="val"), table[~learns]])
    if "fold" not in table or str(fold) not in set(table.loc[learns, "fold"]):
        known = ", ".join(sorted(set(table.loc[learns, "fold"]))) if "fold" in table else "none"
        raise HipsegError(f"data.fold: the split has no fold {fold}; it has {known}, see 'hipseg split folds=5'")
    return table.assign(subset=np.where(learns, np.where(table["fold"] == str(fold), "val", "train"), "test"))


def read_split(path: Path, samples: pd.DataFrame, option: str = "data.split") -> pd.DataFrame:
    """Read a split and check it against the store it will be used with.

    Args:
        path: CSV with `sample`, `subset`.
        samples: The store's samples; one that no locator found may be named, so that it can be counted.
        option: That names it.

    Raises:
        HipsegError: If the file is missing, malformed, or names samples that the store lacks or marks unusable.
    """
    try:
        table = read_table(path, dtype=str)
    except FileNotFoundError:
        raise HipsegError(f"{option}: there is no file {path}; make it with 'hipseg split'") from None
    except (OSError, ValueError, OverflowError) as error:
        said = " ".join(str(error).split())[:160]
        raise HipsegError(f"{option}: {path} is not a CSV table ({said})") from None
    if not {"sample", "subset"} <= set(table.columns):
        raise HipsegError(f"{option}: {path} needs the columns sample and subset")
    if strange := set(table["subset"].fillna("")) - set(SUBSETS):
        raise HipsegError(f"{option}: {path} has the subset '{min(strange)[:40]}'; it must be train, val or test")
    if table["sample"].duplicated().any():
        raise HipsegError(f"{option}: {path} lists a sample twice; make it again with 'hipseg split'")
    known = set(samples.loc[samples["usable"] | (samples["reason"] == NOT_LOCATED), "key"])
    if absent := [sample for sample in table["sample"] if sample not in known]:
        said = f"{len(absent)} of {len(table)} samples are not usable samples of the store"
        raise HipsegError(f"{option}: {path} does not match the store: {said}; make it with 'hipseg split'")
    return table


def subset_samples(table: pd.DataFrame, subset: Subset, size: int | None) -> list[str]:
    """The samples of a subset, or its first `size`.

    Raises:
        HipsegError: If the subset has fewer.
    """
    samples = [str(sample) for sample in table.loc[table["subset"] == subset, "sample"]]
    if size is not None and size > len(samples):
        raise HipsegError(f"data.{subset}_size: {size} samples are asked for, the split has {len(samples)}")
    return samples[:size]
