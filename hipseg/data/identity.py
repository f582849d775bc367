"""Subjects without their numbers: keyed hashes for loggers and checkpoints, and whom a checkpoint has seen."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any, Final

from hipseg.data.stores import AnyStore

_DIGITS: Final = 16


def _hashed(subject: str, key: str) -> str:
    """HMAC-SHA-256 of `cohort/subject`, which can't be found again by trying all numbers without the store's key."""
    return hmac.new(bytes.fromhex(key), subject.encode(), hashlib.sha256).hexdigest()[:_DIGITS]


def hashed_sample(sample: str, key: str) -> str:
    """A hip's key with a keyed hash in place of the subject; the hash's key never leaves the store."""
    cohort, subject, *rest = sample.split("/")
    return "/".join([cohort, _hashed(f"{cohort}/{subject}", key), *rest])


def _subject(sample: str) -> str:
    return "/".join(sample.split("/")[:2])


def _film(sha256: str) -> str:
    return hashlib.sha256(sha256.encode()).hexdigest()[:_DIGITS]


def seen_subjects(store: AnyStore, samples: Sequence[str]) -> dict[str, list[str]]:
    """What a checkpoint keeps of the subjects it learnt from.

    Args:
        store: Where they lie.
        samples: Keys of hips it was trained or chosen on.

    Returns:
        `subjects`, keyed hashes that only this store can compare; and `films`, hashes of the files' hashes, by which
        another store made of the same files knows them.
    """
    subjects = {_hashed(_subject(sample), store.identity_key) for sample in samples}
    films = {_film(store.source_sha256(store.rows_by_key[sample])) for sample in samples}
    return {"subjects": sorted(subjects), "films": sorted(films)}


def already_seen(training: Mapping[str, Any], store: AnyStore, samples: Sequence[str]) -> set[str]:
    """Those of some hips whose subjects a checkpoint has learnt from; a record that names none has seen none.

    Args:
        training: Of the checkpoint's record.
        store: Where the hips lie.
        samples: Their keys.
    """
    subjects, films = set(training.get("subjects", ())), set(training.get("films", ()))
    known = {
        _subject(sample)
        for sample, row in store.rows_by_key.items()
        if _film(store.source_sha256(row)) in films or _hashed(_subject(sample), store.identity_key) in subjects
    }
    return {sample for sample in samples if _subject(sample) in known}
