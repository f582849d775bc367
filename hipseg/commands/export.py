"""`hipseg export`: a store as an nnU-Net dataset folder."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from omegaconf import DictConfig

from hipseg.data.convert import export_nnunet
from hipseg.data.split import read_split
from hipseg.data.stores import open_store
from hipseg.instantiation import call


def export(store: Path, split: Path, out: Path) -> None:
    """Write `imagesTr`, `labelsTr`, `imagesTs`, `labelsTs`, `dataset.json` and `cases.csv`.

    Args:
        store: HDF5 file of `hipseg convert` or `hipseg preprocess`.
        split: CSV file of `hipseg split`; what validates trains here.
        out: New folder named as nnU-Net wants it, as in `Dataset001_hips`; `cases.csv` beside it tells the cases' keys.
    """
    opened = open_store(store, "store")
    table = read_split(split, opened.samples, "split")
    subsets = {
        str(key): "test" if subset == "test" else "train"
        for key, subset in zip(table["sample"], table["subset"], strict=True)
    }
    names = export_nnunet(opened, out, subsets)
    cases = pd.DataFrame({"case": list(names.values()), "sample": list(names)})
    # Beside it, for a dataset folder is handed on and holds no subject.
    cases.to_csv(out.parent / f"{out.name}.cases.csv", index=False)
    print(f"{len(names)} cases in {out}, their keys in {out.parent / f'{out.name}.cases.csv'}")


def run(config: DictConfig) -> None:
    """Run the command on its configuration."""
    call(export, config)
