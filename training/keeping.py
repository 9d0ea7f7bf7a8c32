"""Callbacks that write files: the whole training, or its numbers as a table."""

from __future__ import annotations

import math
import os
from typing import Any

from layers.contract import checks
from optimizers.options import Option

from .callbacks import Callback
from .calls import answering
from .replacement import Path, check_path
from .run import Run
from .watching import Watching


def _writable(who: str, name: str, value: Any) -> str:
    return check_path(f"{who}: {name}", value)


class Checkpoint(Watching):
    """Save the training every few epochs, by `save`: model, optimizer, history, shuffling and callbacks.

    `fit(..., checkpoint=path, resume=True)` goes on from such a file.

    Parameters
    ----------
    path : path of a file
    every : int, default 1
        Epochs.
    keep_best : bool, default False
        Also keep the best epoch so far in a file of its own: `run.best.npz` beside `run.npz`.
    monitor : str, default "validation_loss", or "loss" where there is no validation
        What the best epoch is best in. An epoch without this number, or in which it is NaN, is not.
    mode : "min" or "max", optional
        Which way is better; names like loss, ..._error, accuracy, f1 speak for themselves.

    Examples
    --------
    >>> x = np.ones((4, 1))
    >>> model = Sequential([Dense(1, 1, initializer=constant(0.0))])
    >>> saved = Checkpoint("run.npz", every=2, keep_best=True)
    >>> _ = fit(model, MeanSquaredError(), SGD(1.2), x, x, epochs=5, callbacks=[saved], verbose=False)
    >>> load("run.npz", model).epoch, load("run.best.npz", model).epoch
    ([0, 1, 2, 3, 4], [0])
    """

    comes_last = True
    sees_predictions = False
    every = Option(checks.whole)
    path = Option(_writable, then="_check_best_path")
    keep_best = Option(checks.flag, then="_check_best_path")

    @answering
    def __init__(
        self,
        path: Path,
        *,
        every: int = 1,
        keep_best: bool = False,
        monitor: str | None = None,
        mode: str | None = None,
    ) -> None:
        self.every, self.path, self.keep_best = every, path, keep_best
        self._watch(monitor, mode)

    def _check_best_path(self) -> None:
        if vars(self).get("keep_best"):
            check_path("Checkpoint: path of the best epoch", self._best_path)

    def on_train_begin(self, run: Run) -> None:
        if run.epoch == 0:
            self._keep_best(run)

    def on_epoch_end(self, run: Run) -> None:
        if run.epoch % self.every == 0:
            run.save(self.path)
        self._keep_best(run)

    def _keep_best(self, run: Run) -> None:
        name = self.monitor or ("validation_loss" if "validation_loss" in run.history else "loss")
        measured = not math.isnan(run.record.get(name, math.nan))
        if self.keep_best and measured and run.history.best(name, self.mode)["epoch"] == run.epoch:
            run.save(self._best_path)

    @property
    def _best_path(self) -> str:
        beginning, ending = os.path.splitext(self.path)
        return f"{beginning}.best{ending}"


class CSVLogger(Callback):
    """Write the history to a file while it grows: a line of names, and a row for each epoch, as soon as it is over.

    The file is that of `history.to_csv`, written anew each time and put in the place of the old one at once: whoever
    reads it meets whole rows, a column that appears later included, and so does who kills the training. A training
    that is resumed has the rows of its checkpoint, each once. The file of another training is replaced.

    Parameters
    ----------
    path : path of a file

    Examples
    --------
    >>> x = np.ones((4, 1))
    >>> model = Sequential([Dense(1, 1, initializer=constant(0.0))])
    >>> _ = fit(model, MeanSquaredError(), SGD(0.1), x, x, epochs=2, callbacks=[CSVLogger("run.csv")], verbose=False)
    >>> [round(loss, 4) for loss in History.from_csv("run.csv").loss]
    [1.0, 1.0, 0.36]
    """

    comes_last = True
    sees_predictions = False
    path = Option(_writable)

    @answering
    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_begin(self, run: Run) -> None:
        self._write(run)

    def on_epoch_end(self, run: Run) -> None:
        self._write(run)

    def _write(self, run: Run) -> None:
        if run.rank == 0:
            run.history.to_csv(self.path)
