"""How fast patches of volumes are read, and how small they lie: `python experiments/store_speed/patches.py FEMURS`.

The same image and label are read from the store, from uncompressed arrays that are mapped into memory, and from
compressed NIfTI files, which can only be read whole: in the same random places, by one process with a warm cache, the
forms by turns.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd

from hipseg.data.image_store import ImageStore

HERE = Path(__file__).parent
ROUNDS, CASES = 5, 12
PATCHES = {"64 x 64 x 64": ((64, 64, 64), 60), "64 x 192 x 192": ((64, 192, 192), 24)}
WHOLE = 3  # patches a round where a file must be read whole

Read = Callable[[int, tuple[slice, ...]], tuple[np.ndarray, np.ndarray]]


def forms_of(store: ImageStore, rows: list[int], folder: Path) -> dict[str, tuple[Read, float]]:
    """How each form is read, and its MB a case."""
    for row in rows:
        for kind, values in (("image", store.image(row)[0]), ("label", store.label(row))):
            np.save(folder / f"{row}_{kind}.npy", values)
            nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), folder / f"{row}_{kind}.nii.gz")

    def mapped(row: int, part: tuple[slice, ...]) -> tuple[np.ndarray, np.ndarray]:
        image, label = (np.load(folder / f"{row}_{kind}.npy", mmap_mode="r") for kind in ("image", "label"))
        return np.array(image[part]), np.array(label[part])

    def whole(row: int, part: tuple[slice, ...]) -> tuple[np.ndarray, np.ndarray]:
        image, label = (nibabel.load(folder / f"{row}_{kind}.nii.gz") for kind in ("image", "label"))
        return np.asarray(image.dataobj)[part], np.asarray(label.dataobj)[part]

    def megabytes(pattern: str) -> float:
        return sum(path.stat().st_size for path in folder.glob(pattern)) / 1e6 / len(rows)

    stored = store.path.stat().st_size / 1e6 / len(store.samples)
    return {
        "hipseg": (lambda row, part: (store.image(row, part)[0], store.label(row, part)), stored),
        "uncompressed, mapped": (mapped, megabytes("*.npy")),
        "NIfTI, gzip": (whole, megabytes("*.nii.gz")),
    }


def main(path: Path) -> None:
    """Print and write the table."""
    store = ImageStore(path)
    rows, results = list(range(min(CASES, len(store.samples)))), []
    with tempfile.TemporaryDirectory() as made:
        forms = forms_of(store, rows, Path(made))
        for name, (patch, count) in PATCHES.items():
            seconds: dict[str, list[float]] = {form: [] for form in forms}
            for turn in range(ROUNDS + 1):  # the first warms the cache
                rng = np.random.default_rng(turn)
                places = []
                for row in rng.choice(rows, count).tolist():
                    first = [
                        int(rng.integers(max(n - edge, 0) + 1)) for n, edge in zip(store.size(row), patch, strict=True)
                    ]
                    places.append((row, tuple(slice(a, a + edge) for a, edge in zip(first, patch, strict=True))))
                read = {}
                for form, (reader, _) in forms.items():
                    chosen = places[:WHOLE] if form.startswith("NIfTI") else places
                    start = time.perf_counter()
                    parts = [reader(*place) for place in chosen]
                    seconds[form].append((time.perf_counter() - start) / len(chosen))
                    read[form] = parts[0]
                for first, *others in zip(*read.values(), strict=True):
                    assert all(np.array_equal(first, other) for other in others)
            for form, (_, size) in forms.items():
                speed = 1 / float(np.median(seconds[form][1:]))
                results.append({"patch": name, "form": form, "MB a case": size, "patches/s": speed})
    table = pd.DataFrame(results)
    print(table.to_string(index=False, float_format="{:.2f}".format))
    table.to_csv(HERE / "patches.csv", index=False, float_format="%.3f")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
