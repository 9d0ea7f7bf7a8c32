"""What `fit` prints while it trains."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .callbacks import Callback
from .run import Run


def say(text: str) -> None:
    """Print a line at once, also where the output goes into a file."""
    print(text, flush=True)


class Lines(Callback):
    """Print one line for each epoch: the numbers of the history, and the seconds.

    Examples
    --------
    >>> Lines.text({"epoch": 3, "loss": 0.25, "validation_loss": 0.5, "learning_rate": 0.1, "seconds": 1.5}, 20)
    'epoch  3/20   loss 0.2500   validation loss 0.5000   1.5 s'
    """

    comes_last = True  # with the numbers that other callbacks have added
    sees_predictions = False

    def __init__(self, write: Callable[[str], Any] = say) -> None:
        self.write = write

    def on_train_begin(self, run: Run) -> None:
        if run.epoch:
            parts = f"batches were in {run.parts_before} parts, now in {run.parts}: the same up to rounding"
            self.write(f"resumed after epoch {run.epoch}{f'; {parts}' if run.parts != run.parts_before else ''}")
        elif run.record:
            self.write(self.text(run.record, run.epochs))

    def on_epoch_end(self, run: Run) -> None:
        self.write(self.text(run.record, run.epochs))

    @staticmethod
    def text(record: dict[str, float], epochs: int) -> str:
        """Return the line for one row of the history."""
        numbers = {name: value for name, value in record.items() if name not in ("epoch", "learning_rate", "seconds")}
        words = [f"{name.replace('_', ' ')} {_tidy(value)}" for name, value in numbers.items()]
        epoch = f"epoch {record['epoch']:{len(str(epochs))}}/{epochs}"
        return "   ".join([epoch, *words, f"{record['seconds']:.1f} s"])


class Bar(Callback):
    """Show batches a second and the time left, in a bar over the whole training."""

    sees_predictions = False

    def __init__(self, tqdm: Any) -> None:
        self.tqdm = tqdm
        self.bar: Any = None

    def on_train_begin(self, run: Run) -> None:
        self.bar = self.tqdm(total=self._total(run), unit="batch", leave=False, dynamic_ncols=True)

    @staticmethod
    def _total(run: Run) -> int | None:
        return None if run.n_batches is None else run.n_batches * (run.epochs - run.epoch)

    def on_epoch_begin(self, run: Run) -> None:
        self.bar.set_description(f"epoch {run.epoch}/{run.epochs}")

    def on_batch_end(self, run: Run) -> None:
        self.bar.update()

    def on_epoch_end(self, run: Run) -> None:
        if self.bar.total is None:  # a generator: now it is known how much it gives
            self.bar.total = self.bar.n + self._total(run)
        self.bar.set_postfix_str(f"loss {_tidy(run.record['loss'])}")

    def on_train_end(self, run: Run) -> None:
        self.bar.close()

    def on_error(self, run: Run) -> None:
        if self.bar is not None:
            self.bar.close()


def output(verbose: bool, progress: bool) -> list[Callback]:
    """Return the callbacks that `fit` prints with."""
    if not progress:
        return [Lines()] if verbose else []
    try:
        from tqdm.auto import tqdm  # in a notebook its own, elsewhere that of a terminal
    except ImportError as error:
        hint = 'python -m pip install tqdm, or handgrad with its extra "progress"'
        raise ImportError(f"fit: progress=True needs tqdm, which is not installed: {hint}") from error
    return [Bar(tqdm), Lines(tqdm.write)] if verbose else [Bar(tqdm)]


def _tidy(value: float) -> str:
    """Return a number in about as much room as any other."""
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e4 or math.isnan(value) else f"{value:.1e}"
