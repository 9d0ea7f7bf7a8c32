"""A training that runs: what callbacks are told, how they are called, and how Ctrl-C ends it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from .archive import Path
from .checkpoint import save
from .history import History

# In the order in which they come; Callback says what each is for.
HOOKS = (
    "on_train_begin",
    "on_epoch_begin",
    "on_batch_begin",
    "on_backward_end",
    "on_batch_end",
    "on_epoch_end",
    "on_train_end",
    "on_error",
)


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

    Attributes
    ----------
    model, loss, optimizer
        As given to `fit`.
    rng : numpy.random.Generator
        What shuffles the examples.
    history : History
        A row for every epoch that is over; in `on_epoch_end` this epoch's row is the last.
    record : dict of str to float
        That last row.
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
        model: Any,
        loss: Any,
        optimizer: Any,
        *,
        epochs: int,
        callbacks: Sequence[Any],
        rng: np.random.Generator,
        n_batches: int | None = None,
    ) -> None:
        self.model, self.loss, self.optimizer, self.rng = model, loss, optimizer, rng
        self.callbacks = tuple(callbacks)
        self.history = History(unit=getattr(loss, "unit", ""))
        self.record: dict[str, float] = {}
        self.epoch, self.epochs = 0, epochs
        self.batch: tuple[Any, ...] = ()
        self.batch_index, self.n_batches = 0, n_batches
        self.predictions: Any = None
        self.batch_loss = float("nan")
        self.error: BaseException | None = None
        self.stopped = False
        self.interruption = Interruption()
        self._hooks: dict[str, list[tuple[str, Callable[[Run], Any]]]] = {hook: [] for hook in HOOKS}
        # What saves the run comes last: it must find what the others made of the epoch.
        for callback in sorted(self.callbacks, key=lambda callback: getattr(callback, "comes_last", False)):
            for hook, method in _hooks_of(callback).items():
                self._hooks[hook].append((_name_of(callback), method))

    def stop(self) -> None:
        """End the training after this epoch."""
        self.stopped = True

    def seen(self, batches: Iterable[Any]) -> Iterator[Any]:
        """Yield the batches, each as `self.batch`, until Ctrl-C is pressed."""
        self.predictions = None
        for self.batch_index, self.batch in enumerate(self.interruption.between(batches)):  # noqa: B020
            yield self.batch

    def note(self, record: dict[str, float]) -> None:
        """Make this the last row of the history."""
        self.history.append(record)
        self.record = record

    def resume(self, history: History) -> None:
        """Go on after the last epoch of this history."""
        self.history = history
        if history:
            self.record = history.row(-1)
            self.epoch = int(self.record["epoch"])

    def save(self, path: Path) -> None:
        """Write a checkpoint that `fit` can resume."""
        save(
            path,
            self.model,
            optimizer=self.optimizer,
            history=self.history,
            rng=self.rng,
            callbacks=self.callbacks,
        )

    def check_monitors(self) -> None:
        """Raise if a callback wants to see a number that the history does not have."""
        for callback in self.callbacks:
            monitor = getattr(callback, "monitor", None)
            if monitor is not None and monitor not in self.history:
                names = list(self.history.names)
                raise ValueError(f"fit: {callback!r}: monitor must be one of {names}, got {monitor!r}")

    def interrupted(self, verbose: bool) -> None:
        """Forget the epoch in which Ctrl-C came."""
        if verbose:
            print(f"stopped by Ctrl-C in epoch {self.epoch}")
        self.resume(self.history)

    def fail(self, error: Exception) -> None:
        """Tell the callbacks of an error, and raise a clearer one where training has diverged."""
        self.error = diverged = self._diverged(error) or error
        diverged.history = self.history  # type: ignore[attr-defined]  # nothing is lost
        self.call("on_error")
        if diverged is not error:
            raise diverged from error

    def _diverged(self, error: Exception) -> Exception | None:
        finite = self.predictions is None or np.isfinite(self.predictions).all()
        if not isinstance(error, ValueError) or finite:
            return None
        where = f"epoch {self.epoch}, batch {self.batch_index}"
        if not np.isfinite(self.batch[0]).all():
            return ValueError(f"fit: x must be finite, but is not in {where}")
        return FloatingPointError(
            f"fit: training has diverged in {where}: the output of the network is not finite; a smaller learning "
            f"rate, clipped gradients or standardized inputs may help ({error})"
        )

    def call(self, hook: str) -> None:
        """Call this hook of every callback that has it."""
        for name, method in self._hooks[hook]:
            try:
                method(self)
            except Exception as error:
                where = f"{hook}, epoch {self.epoch}"
                raise CallbackError(
                    f"fit: callback {name} failed in {where}: {type(error).__name__}: {error}"
                ) from error


def _hooks_of(callback: Any) -> dict[str, Callable[[Run], Any]]:
    """Return the hooks that a callback has, without those that it inherits from Callback, which do nothing."""
    if isinstance(callback, type):
        raise TypeError(
            f"fit: callbacks must be objects, got the class {callback.__name__}: write {callback.__name__}()"
        )
    hooks = {hook: getattr(callback, hook) for hook in HOOKS if callable(getattr(callback, hook, None))}
    if not hooks and callable(callback):
        return {"on_epoch_end": callback}
    if not hooks:
        raise TypeError(f"fit: a callback must be a function or have a method such as on_epoch_end, got {callback!r}")
    return {hook: method for hook, method in hooks.items() if not hasattr(method, "does_nothing")}


def _name_of(callback: Any) -> str:
    return getattr(callback, "__name__", type(callback).__name__)


class Interruption:
    """Turns Ctrl-C into a KeyboardInterrupt between two batches, so that no step is left half done.

    A second Ctrl-C is not patient. Outside the main thread, or where the program has a handler of its own, it does
    nothing.
    """

    def __init__(self) -> None:
        self._pressed = self._installed = False

    def __enter__(self) -> Interruption:
        mine = threading.current_thread() is threading.main_thread()
        if mine and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._press)
            self._installed = True
        return self

    def __exit__(self, *_: object) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _press(self, *_: object) -> None:
        if self._pressed:
            raise KeyboardInterrupt
        self._pressed = True

    def between(self, batches: Iterable[Any]) -> Iterator[Any]:
        """Yield the batches until Ctrl-C is pressed."""
        for batch in batches:
            if self._pressed:
                raise KeyboardInterrupt
            yield batch
