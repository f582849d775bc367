"""Every notebook runs, from its own folder, on a checkpoint trained here."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from graded_pictures import write_graded
from nbclient import NotebookClient

from hipseg.commands import main

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory, store: Path, split: Path) -> Path:
    folder = tmp_path_factory.mktemp("notebook") / "run"
    small = ["trainer.max_epochs=1", "data.train_size=4", "data.val_size=2", "data.batch_size=2", "data.workers=0"]
    main(["train", "experiment=demo", f"data.store={store}", f"data.split={split}", f"out={folder}", *small])
    return folder


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A store of graded pictures, and a network trained on them for an epoch."""
    folder = tmp_path_factory.mktemp("graded")
    made, split = folder / "g.h5", folder / "split.csv"
    table = write_graded(folder / "pictures", 12)
    main(["convert", "source=graded", "source.subject=subject", f"input={table}", f"store={made}", "workers=0"])
    main(["split", f"store={made}", f"out={split}", "ratios=[0.5,0.25,0.25]"])
    small = ["trainer.max_epochs=1", "data.dataset.pixels=48", "data.batch_size=8", "data.workers=0", "model.width=8"]
    main(
        [
            "train",
            "experiment=osteoarthritis",
            f"data.store={made}",
            f"data.split={split}",
            f"out={folder / 'run'}",
            *small,
        ]
    )
    return folder / "run", made


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_it_runs_and_is_stored_without_outputs(
    path: Path, run_folder: Path, store: Path, graded: tuple[Path, Path]
) -> None:
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    for cell in code:
        cell.source = cell.source.replace('"../demo/run"', repr(str(run_folder)))
        cell.source = cell.source.replace('"../demo/hips.h5"', repr(str(store)))
        cell.source = cell.source.replace('"../run"', repr(str(graded[0])))
        cell.source = cell.source.replace('"../graded.h5"', repr(str(graded[1])))
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(NOTEBOOKS)}}).execute()
    assert any(output.output_type == "display_data" for cell in code for output in cell.outputs)
