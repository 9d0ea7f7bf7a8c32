"""The protocol of callbacks, what `fit` calls between its steps, and the callback that saves them."""

from __future__ import annotations

import os
from collections.abc import Callable

from layers.contract import check_sizes

from .archive import Path, check_path
from .history import better
from .run import Run


def _nothing(hook: Callable[..., None]) -> Callable[..., None]:
    """Mark a hook that need not be called."""
    hook.does_nothing = True  # type: ignore[attr-defined]
    return hook


class Callback:
    """Something that `fit` calls at certain moments, with the `Run`: the training, and how far it is.

    A subclass writes the methods that it wants; the others cost nothing. Deriving from this class is not needed: any
    object with one of these methods is a callback, and so is a plain function of the run, called in `on_epoch_end`.

    - `on_train_begin`: before the first step. The history has epoch 0, or what was resumed.
    - `on_epoch_begin`: the epoch has its number, no batch is drawn yet.
    - `on_batch_begin`: `run.batch` is what the network will see; it may be replaced.
    - `on_backward_end`: gradients are there, parameters are as before the step.
    - `on_batch_end`: the step is made, gradients are still there.
    - `on_epoch_end`: `run.record` has the numbers of the epoch, validation too, and is the last row of the history.
    - `on_train_end`: after the last epoch, after `run.stop()`, or after Ctrl-C.
    - `on_error`: `run.error` is on its way to the caller; `run.batch` is where it came up.

    `run.stop()` ends training after the epoch. What a callback returns is ignored. If it raises, `fit` raises a
    `CallbackError` that says which.

    Attributes
    ----------
    monitor : str, optional
        The name of a number of the history that the callback needs: `fit` sees to it before it trains.
    state_dict(), load_state_dict(state) : methods, optional
        What a checkpoint has to keep of the callback: numbers, strings, arrays, and lists and dicts of them.

    Examples
    --------
    >>> class Largest(Callback):
    ...     def on_train_begin(self, run):
    ...         self.gradient = 0.0
    ...     def on_backward_end(self, run):
    ...         self.gradient = max(self.gradient, float(abs(run.model.gradients).max()))
    >>> largest, x = Largest(), np.ones((4, 1))
    >>> model = Sequential([Dense(1, 1, constant(0.5))])
    >>> _ = fit(model, MeanSquaredError(), SGD(0.1), x, x, epochs=2, callbacks=[largest], verbose=False)
    >>> largest.gradient
    1.0
    """

    @_nothing
    def on_train_begin(self, run: Run) -> None:
        """Before the first step."""

    @_nothing
    def on_epoch_begin(self, run: Run) -> None:
        """Before the first batch of an epoch."""

    @_nothing
    def on_batch_begin(self, run: Run) -> None:
        """Before the network sees `run.batch`."""

    @_nothing
    def on_backward_end(self, run: Run) -> None:
        """Between backward and the optimizer's step."""

    @_nothing
    def on_batch_end(self, run: Run) -> None:
        """After the optimizer's step."""

    @_nothing
    def on_epoch_end(self, run: Run) -> None:
        """After validation, when `run.record` is complete."""

    @_nothing
    def on_train_end(self, run: Run) -> None:
        """After the last epoch."""

    @_nothing
    def on_error(self, run: Run) -> None:
        """When training ends with `run.error`."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class Checkpoint(Callback):
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
        What the best epoch is best in.
    mode : "min" or "max", optional
        Which way is better; names like loss, ..._error, accuracy, f1 speak for themselves.

    Examples
    --------
    >>> x = np.ones((4, 1))
    >>> model = Sequential([Dense(1, 1, constant(0.0))])
    >>> saved = Checkpoint("run.npz", every=2, keep_best=True)
    >>> _ = fit(model, MeanSquaredError(), SGD(1.2), x, x, epochs=5, callbacks=[saved], verbose=False)
    >>> load("run.npz", model).epoch, load("run.best.npz", model).epoch
    ([0, 1, 2, 3, 4], [0])
    """

    comes_last = True

    def __init__(
        self,
        path: Path,
        every: int = 1,
        keep_best: bool = False,
        monitor: str | None = None,
        mode: str | None = None,
    ) -> None:
        check_sizes("Checkpoint", every=every)
        check_path("Checkpoint: path", path)
        if monitor is not None:
            better(monitor, mode)
        self.path, self.every, self.keep_best = os.fspath(path), every, keep_best
        self.monitor, self.mode = monitor, mode

    def on_train_begin(self, run: Run) -> None:
        if run.epoch == 0:
            self._keep_best(run)

    def on_epoch_end(self, run: Run) -> None:
        if run.epoch % self.every == 0:
            run.save(self.path)
        self._keep_best(run)

    def _keep_best(self, run: Run) -> None:
        if self.keep_best and run.history.best(self.monitor, self.mode)["epoch"] == run.epoch:
            beginning, ending = os.path.splitext(self.path)
            run.save(f"{beginning}.best{ending}")

    def __repr__(self) -> str:
        return f"Checkpoint({self.path!r}, every={self.every})"
