"""A damaged store ends in one sentence that names it, whoever reads or continues it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from bad_stores import bad_stores
from cases import FileCase
from children import command
from small_films import film_settings
from sound import Sound

from hipseg.data.split import make_split
from hipseg.data.store import Store
from hipseg.data.store_writer import StoreWriter
from hipseg.errors import HipsegError

MUST = (
    "missing",
    "a group",
    "one rank more",
    "of text",
    "external link",
    "raw file",
    "virtual",
    "to itself",
    "references",
)


@pytest.fixture(scope="module")
def cases(sound: Sound) -> list[FileCase]:
    return list(bad_stores(sound.store, np.random.default_rng(0)))


def read_all(path: Path) -> None:
    """Everything that commands read of a store."""
    store = Store(path)
    make_split(store.samples, "subject", [0.34, 0.33, 0.33], 0)
    for row in range(len(store.samples)):
        store.image(row), store.label(row), store.landmarks(row), store.grid(row), store.polarity(row)
        store.quantiles(row)


def continue_it(path: Path) -> None:
    """What `preprocess` does first with a store that is there."""
    with StoreWriter(path, film_settings(modalities=("CR", "DX", "DR", "RG"))):
        pass


def escapes(cases: list[FileCase], folder: Path, use: Callable[[Path], None], must: Callable[[str], bool]) -> list[str]:
    """Cases whose use ends otherwise than in one sentence with the file's path, or does not end where it must."""
    found = []
    for number, case in enumerate(cases):
        path = folder / f"store{number}.h5"
        case.write(path)
        try:
            use(path)
        except HipsegError as error:
            if str(path) not in str(error) or "\n" in str(error):
                found.append(f"{case.name}: says '{error}'")
        except Exception as error:
            found.append(f"{case.name}: {type(error).__name__}: {error}")
        else:
            if must(case.name):
                found.append(f"{case.name}: is taken")
        for made in folder.glob(f"{path.stem}*"):
            made.unlink()
    return found


@pytest.mark.parametrize("kind", ["dataset", "table", "attribute", "bytes"])
@pytest.mark.parametrize("use", [read_all, continue_it])
def test_every_damage_ends_in_one_sentence(
    kind: str, use: Callable[[Path], None], cases: list[FileCase], tmp_path: Path
) -> None:
    of = [case for case in cases if case.kind == kind and "10000000 rows" not in case.name]

    def must(name: str) -> bool:
        return kind == "dataset" and any(part in name for part in MUST)

    found = escapes(of, tmp_path, use, must)
    assert not found, "\n".join(found)


TAKEN = {
    "films states 1000000000 rows", "films.spacing_mm 0 in every row", "films.spacing_mm nan in every row",
    "samples.image beyond in every row", "samples.image is 1000000", "samples.image is -1", "format 2", "format 4",
    "films without quantiles", "films.quantiles of kind f4", "films.quantiles nan in every row",
    "films.quantiles above 1 in every row", "films.quantiles below 0 in every row", "films.quantiles fall in every row",
    "films.quantiles as uint16 in every row", "format missing", "preprocessing '[]'", "preprocessing '{}'",
    "preprocessing.rows 0", "preprocessing.curves 'os.system'", "identity_key 'not hexadecimal'", "label_names 7",
    "labels empty", "images empty", "landmarks of 79 points",
}  # fmt: skip


def test_impossible_content_is_not_taken(cases: list[FileCase], tmp_path: Path) -> None:
    of = [case for case in cases if case.name in TAKEN]
    assert len(of) == len(TAKEN)
    found = escapes(of, tmp_path, read_all, lambda name: True)
    assert not found, "\n".join(found)


def test_what_a_damaged_store_says_can_be_printed_anywhere(cases: list[FileCase], tmp_path: Path) -> None:
    path = tmp_path / "store.h5"
    next(case for case in cases if case.name == r"format b'\xff'").write(path)
    with pytest.raises(HipsegError) as caught:
        Store(path)
    assert str(caught.value).isascii()


@pytest.mark.parametrize("door", ["train", "evaluate"])
def test_hips_are_not_measured_by_other_label_names(
    door: str, cases: list[FileCase], sound: Sound, tmp_path: Path, complaint: Callable[[Callable[[], object]], str]
) -> None:
    path = tmp_path / "store.h5"
    next(case for case in cases if case.name == "label_names 'background'").write(path)
    line = complaint(COMMANDS[door](sound, path, tmp_path))
    assert (line.startswith("evaluation: ") and str(path) in line) or "the store has b, a, c, k" in line


def test_a_link_to_another_file_is_refused_and_not_followed(sound: Sound, tmp_path: Path) -> None:
    """The other file holds what a store needs, and is none of the user's business."""
    store, other = tmp_path / "store.h5", tmp_path / "other.h5"
    store.write_bytes(sound.store.read_bytes())
    with h5py.File(store, "a") as file, h5py.File(other, "w") as away:
        away["images"] = file["images"][()]
        del file["images"]
        file["images"] = h5py.ExternalLink(str(other), "/images")
    with pytest.raises(HipsegError) as caught:
        read_all(store)
    assert str(store) in str(caught.value)


COMMANDS = {
    "split": lambda sound, path, out: command("split", f"store={path}", f"out={out}/s.csv", "ratios=[0.34,0.33,0.33]"),
    "preprocess": lambda sound, path, out: sound.preprocess(path),
    "train": lambda sound, path, out: sound.train(out / "run", store=path),
    "evaluate": lambda sound, path, out: sound.evaluate(out / "run", store=path),
}
STANDING_FOR_ALL = ["samples of text", "preprocessing '[]'", "films an external link"]


@pytest.mark.parametrize("name", STANDING_FOR_ALL)
@pytest.mark.parametrize("door", COMMANDS)
def test_commands_name_the_store(
    door: str, name: str, cases: list[FileCase], sound: Sound, tmp_path: Path,
    complaint: Callable[[Callable[[], object]], str],
) -> None:  # fmt: skip
    path = tmp_path / "damaged.h5"
    next(case for case in cases if case.name == name).write(path)
    assert str(path) in complaint(COMMANDS[door](sound, path, tmp_path))
