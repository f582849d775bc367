"""How long a run took, on what."""

from __future__ import annotations

import json
import platform
import time
from pathlib import Path

import torch
from pytorch_lightning import Callback, LightningModule, Trainer


class Timing(Callback):
    """Writes `timing.json`: seconds of fit, mean epoch and test, samples a second, device, threads and versions.

    Args:
        folder: The run folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = Path(folder)
        self._start = self._epoch = 0.0
        self._epochs: list[float] = []
        self._times: dict[str, float | str | int] = {}

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self._start, self._epochs = time.perf_counter(), []

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the epoch's clock."""
        self._epoch = time.perf_counter()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop the epoch's clock."""
        self._epochs.append(time.perf_counter() - self._epoch)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write what the fit took."""
        epoch = sum(self._epochs) / max(len(self._epochs), 1)
        samples = len(getattr(trainer.train_dataloader, "dataset", ()))
        self._times |= {
            "fit_seconds": round(time.perf_counter() - self._start, 2),
            "epoch_seconds": round(epoch, 3),
            "training_samples_per_second": round(samples / epoch, 2) if epoch else 0.0,
        }
        self._write(trainer)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the test's clock."""
        self._start = time.perf_counter()

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write what the test took, measurements and figures included if this callback comes last."""
        self._times["test_seconds"] = round(time.perf_counter() - self._start, 2)
        self._write(trainer)

    def _write(self, trainer: Trainer) -> None:
        if not trainer.is_global_zero:
            return
        device = trainer.strategy.root_device
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
        about = {
            "device": f"{device.type} ({name})", "processes": trainer.world_size,
            "threads": torch.get_num_threads(), "torch": torch.__version__,
        }  # fmt: skip
        (self._folder / "timing.json").write_text(json.dumps(self._times | about, indent=2) + "\n")
