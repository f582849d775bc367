"""A line an epoch where no terminal shows a bar."""

from __future__ import annotations

import sys
import time

from pytorch_lightning import Callback, LightningModule, Trainer

_SHOWN = {
    "train/loss": "loss",
    "val/loss": "val loss",
    "val/dice/mean": "val Dice",
    "val/roc_auc": "val AUC",
}


class EpochLines(Callback):
    """Says on standard error what each epoch came to; silent where that is a terminal, which has a bar."""

    def __init__(self) -> None:
        self._start = 0.0

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the epoch's clock."""
        self._start = time.perf_counter()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print the line."""
        known = trainer.callback_metrics  # asked for by all processes, which compute it together
        if not trainer.is_global_zero or sys.stderr.isatty():
            return
        numbers = [f"{said} {float(known[name]):.4f}" for name, said in _SHOWN.items() if name in known]
        epochs = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
        took = f"{time.perf_counter() - self._start:.0f} s"
        print("  ".join([epochs, *numbers, took]), file=sys.stderr, flush=True)
