"""A training that runs: how far it is, what callbacks see of it, and how Ctrl-C ends it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from .checkpoint import save
from .data.examples import first_row, not_finite
from .history import History
from .interruption import said
from .protocols import LossLike, Model, OptimizerLike
from .record import Record
from .replacement import Path


class CallbackError(RuntimeError):
    """A callback raised: the message says which one and where, and `__cause__` is the error itself.

    Attributes
    ----------
    history : History
        The epochs so far, as on every error that leaves `fit`. The model is as the last whole step left it.

    Examples
    --------
    >>> def broken(run):
    ...     raise KeyError("lost")
    >>> model, x = Sequential([Dense(1, 1)], rng=0), np.ones((4, 1))
    >>> try:
    ...     fit(model, MeanSquaredError(), SGD(0.1), x, x, epochs=3, callbacks=[broken], verbose=False)
    ... except CallbackError as error:
    ...     print(error, error.history.epoch)
    fit: callback broken failed in on_epoch_end, epoch 1: KeyError: 'lost' [0, 1]
    """

    history: History


class Run:
    """What a callback is told: the training, and how far it is.

    The loop of `fit` writes it, callbacks read it. They change three things: they may put another `batch` in the place
    of the one that comes, add numbers to the `record`, and `stop()` the training.

    Attributes
    ----------
    model, loss, optimizer
        As given to `fit`.
    callbacks : tuple
        All of them, those that print included.
    rng : numpy.random.Generator
        What shuffles the examples.
    history : History
        A row for every epoch that is over; in `on_epoch_end` this epoch's row is the last.
    record : dict of str to float
        That last row. `run.record["mine"] = 1.0` adds a number to it in `on_epoch_end`, and in `on_train_begin` where
        the row before training is the last: a column of the history, in checkpoints, and something to `monitor`.
        At any other time the row is over, and it is refused. Empty before the first row.
    epoch, epochs : int
        The epoch that runs, counted from 1, and the one after which training ends.
    batch : tuple (x, y) or (x, y, sample_weights)
        Of this step. `on_batch_begin` may put another one in its place: there augmentation belongs.
    batch_index, n_batches : int
        The batch of the epoch that runs, counted from 0, and how many there are: None as long as nobody knows.
    predictions, batch_loss : array, float
        What the network made of the batch and what the loss says, from `on_backward_end` on.
    error : Exception or None
        In `on_error`, what went wrong.
    parts, rank : int
        In how many parts a batch is computed, and in which process this is: 0, but in `Processes`. What only one of
        them shall do, such as writing a file, is done `if run.rank == 0`.

    Examples
    --------
    >>> def report(run):
    ...     print(f"epoch {run.epoch} of {run.epochs}, {run.n_batches} batches:", list(run.record))
    >>> model, x = Sequential([Dense(1, 1)], rng=0), np.ones((4, 1))
    >>> history = fit(model, MeanSquaredError(), SGD(0.1), x, x, epochs=1, callbacks=[report], verbose=False)
    epoch 1 of 1, 1 batches: ['epoch', 'loss', 'learning_rate', 'seconds']
    """

    def __init__(
        self,
        model: Model,
        loss: LossLike,
        optimizer: OptimizerLike,
        *,
        epochs: int,
        callbacks: Sequence[object] = (),
        n_batches: int | None = None,
        parts: int = 1,
        rank: int = 0,
        rng: np.random.Generator,
    ) -> None:
        # Any, not what fit asks of them: a callback knows which they are, and may ask for more.
        self.model: Any = model
        self.loss: Any = loss
        self.optimizer: Any = optimizer
        self.callbacks = tuple(callbacks)
        self.rng = rng
        self.history = History(unit=getattr(loss, "unit", ""))
        self.record = Record({})
        self.epoch, self.epochs = 0, epochs
        self.batch: tuple[Any, ...] = ()
        self.batch_index, self.n_batches = 0, n_batches
        self.predictions: Any = None
        self.batch_loss = float("nan")
        self.error: Exception | None = None
        self.of = ""  # whose batch it is, in words, where it is not one to train on
        self.parts, self.rank = parts, rank
        self.parts_before = parts  # of the training that goes on
        self.stopped = False

    def stop(self) -> None:
        """End the training after this epoch."""
        self.stopped = True

    def save(self, path: Path) -> None:
        """Write a checkpoint that `fit` can resume; of several processes only the first one does."""
        if self.rank:
            return
        save(
            path,
            self.model,
            optimizer=self.optimizer,
            history=self.history,
            callbacks=self.callbacks,
            rng=self.rng,
            parts=self.parts,
        )

    def note(self, record: dict[str, float]) -> None:
        """Make this the last row of the history."""
        self.history.append(record)
        row = self.history.row(-1)
        self.record = Record({name: row[name] for name in record}, self.history)

    def go_on_after(self, history: History) -> None:
        """Stand where the last epoch of this history ended."""
        self.history = history
        self.record = Record(history.row(-1) if history else {})
        self.epoch = int(self.record.get("epoch", 0))

    def explained(self, error: Exception) -> Exception:
        """Return a clearer error where training has diverged or x is not finite, elsewhere this one."""
        if self.of and type(error) in (ValueError, TypeError) and "finite" not in said(error):
            where = f"epoch {self.epoch}, batch {self.batch_index}{self.of}"
            return type(error)(f"fit: in {where}: {said(error)}")
        if not isinstance(error, ValueError):
            return error
        outs = self.predictions if isinstance(self.predictions, tuple) else (self.predictions,)
        lost = self.predictions is not None and any(not_finite(out) for out in outs)
        if not lost and "finite" not in said(error):
            return error
        where = f"epoch {self.epoch}, batch {self.batch_index}{self.of}"
        if spoiled := _spoiled(self.batch):
            name, row = spoiled
            return ValueError(f"fit: {name} must be finite, but is not in {where}, row {row} ({said(error)})")
        if not lost:
            return error
        return FloatingPointError(
            f"fit: training has diverged in {where}: the output of the network is not finite; a smaller learning "
            f"rate, clipped gradients or standardized inputs may help ({said(error)})"
        )


class Seen:
    """Batches on their way to be measured; where an error comes up, the last one is known.

    Examples
    --------
    >>> seen = Seen(iter([(np.array([[1.0], [np.nan]]), np.zeros(2))]))
    >>> _ = list(seen)
    >>> seen.explained("evaluate", ValueError("loss: y_hat must be finite"))
    ValueError('evaluate: x must be finite, but is not in batch 0, row 1 (loss: y_hat must be finite)')
    """

    def __init__(self, batches: Iterable[tuple[Any, ...]]) -> None:
        self._batches, self.index = batches, 0
        self.batch: tuple[Any, ...] = ()

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        for index, batch in enumerate(self._batches):
            self.index, self.batch = index, batch
            yield batch

    def explained(self, who: str, error: ValueError) -> ValueError:
        """Return a clearer error where x or y is not finite, elsewhere this one."""
        spoiled = _spoiled(self.batch) if "finite" in said(error) else None
        if spoiled is None:
            return error
        name, row = spoiled
        return ValueError(f"{who}: {name} must be finite, but is not in batch {self.index}, row {row} ({said(error)})")


def _spoiled(batch: tuple[Any, ...]) -> tuple[str, int] | None:
    """Return the name of what is not finite in a batch, x or y, and its first row that is not."""
    for name, array in zip(("x", "y"), batch, strict=False):
        if found := not_finite(array):
            return (found if name == "x" else name), first_row(array)
    return None
