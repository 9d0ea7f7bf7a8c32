"""Callbacks that act when training no longer gets better."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from layers.contract import checks
from optimizers.options import Option
from optimizers.schedule import not_negative

from .calls import answering
from .run import Run
from .schema import MOST, Weights, fields, real, whole
from .watching import Watching


class _Plateau(Watching):
    """Watches a number: how many epochs since it was best?

    An epoch without the number, or in which it is NaN, is one in which it was not better.
    """

    sees_predictions = False
    patience = Option(checks.whole)
    improvement = Option(not_negative)

    def __init__(self, monitor: str, *, patience: int, improvement: float, mode: str | None) -> None:
        self.patience, self.improvement = patience, improvement
        self._watch(monitor, mode)
        self._start()

    def _check(self, monitor: Any, mode: str | None) -> None:
        if monitor is None or type(monitor) is int:
            hint = "" if monitor is None else f": write patience={monitor}?"
            raise TypeError(f"{type(self).__name__}: monitor must be a name in the history, got {monitor}{hint}")
        super()._check(monitor, mode)

    def _start(self) -> None:
        self.best, self.best_epoch, self.waited = math.nan, 0, 0

    def on_train_begin(self, run: Run) -> None:
        if run.epoch == 0:  # else it goes on where it was
            self._start()
            if self.monitor in run.record:  # before training, if that was measured
                self._look(run)
                self.waited = 0

    def _look(self, run: Run) -> bool:
        """Return whether the number is better than ever."""
        value = run.record.get(self.monitor, math.nan)
        gain = self.best - value if self.mode == "min" else value - self.best
        improved = gain > self.improvement or (math.isnan(self.best) and not math.isnan(value))
        if improved:
            self.best, self.best_epoch = value, run.epoch
        self.waited = 0 if improved else self.waited + 1
        return improved

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {"best": self.best, "best_epoch": self.best_epoch, "waited": self.waited}

    def check_state(self, what: str, state: Any, weights: Weights | None = None, last: int | None = None) -> None:
        """Raise unless this callback could have such a state, of a training whose last epoch, if known, was `last`."""
        fields(what, state, list(self.state_dict()))
        worst = math.inf if self.mode == "min" else -math.inf
        if real(what, "best", state["best"]) == -worst:
            raise ValueError(f"{what}: best must be finite or {worst}, got {-worst}")
        bound = MOST if last is None else last + 1
        whole(what, "best_epoch", state["best_epoch"], bound)
        whole(what, "waited", state["waited"], bound + 1)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where the callback of this `state_dict` was."""
        self.check_state(type(self).__name__, state)
        self.best, self.best_epoch, self.waited = state["best"], state["best_epoch"], state["waited"]


class EarlyStopping(_Plateau):
    """Stop when a number has not improved for `patience` epochs.

    Parameters
    ----------
    monitor : str, default "validation_loss"
        A name in the history, or a number that a callback before this one adds to it. Its value before training, in
        epoch 0, is the first to be beaten, where there is one. NaN is never better.
    patience : int, default 10
    improvement : float, default 0
        A value must be better than the best by more than this to count.
    mode : "min" or "max", optional
        Which way is better; names like loss, ..._error, accuracy, f1 speak for themselves.
    restore_best : bool, default True
        At the end, parameters and buffers become those of the best epoch. A checkpoint written during the training has
        both: those of the last epoch, with which a resumed training goes on, and the best ones, which
        `load(path, model, best=True)` gives.

    References
    ----------
    Prechelt (1998), "Early Stopping - But When?", Neural Networks: Tricks of the Trade.

    Examples
    --------
    >>> x = np.ones((4, 1))
    >>> model = Sequential([Dense(1, 1, initializer=constant(0.0))])
    >>> early = EarlyStopping("loss", patience=2)
    >>> history = fit(model, MeanSquaredError(), SGD(1.2), x, x, epochs=50, callbacks=[early], verbose=False)
    >>> len(history) - 1, early.best_epoch, early.best  # a rate that is too high: it gets worse and worse
    (2, 0, 1.0)
    """

    restore_best = Option(checks.flag)

    @answering
    def __init__(
        self,
        monitor: str = "validation_loss",
        *,
        patience: int = 10,
        improvement: float = 0.0,
        mode: str | None = None,
        restore_best: bool = True,
    ) -> None:
        super().__init__(monitor, patience=patience, improvement=improvement, mode=mode)
        self.restore_best = restore_best

    def _start(self) -> None:
        super()._start()
        self._best_state: dict[str, Any] | None = None

    def _look(self, run: Run) -> bool:
        improved = super()._look(run)
        if improved and self.restore_best:
            self._best_state = run.model.state_dict()
        return improved

    def on_train_begin(self, run: Run) -> None:
        super().on_train_begin(run)
        self._stop_if_over(run)  # a resumed training may have stopped already

    def on_epoch_end(self, run: Run) -> None:
        self._look(run)
        self._stop_if_over(run)

    def _stop_if_over(self, run: Run) -> None:
        if self.waited >= self.patience:
            run.stop()

    def on_train_end(self, run: Run) -> None:
        if self._best_state is not None:
            run.model.load_state_dict(self._best_state)

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "best_state": self._best_state}

    def check_state(self, what: str, state: Any, weights: Weights | None = None, last: int | None = None) -> None:
        super().check_state(what, state, weights, last)
        if weights is not None and state["best_state"] is not None:
            weights.check(state["best_state"], f"{what}: best_state")

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self._best_state = state["best_state"]


class ReduceOnPlateau(_Plateau):
    """Multiply the learning rate by `factor` when a number has not improved for `patience` epochs.

    Parameters
    ----------
    monitor : str, default "validation_loss"
        A name in the history, or a number that a callback before this one adds to it. NaN is never better.
    factor : float in [0, 1), default 0.1
    minimum : float, default 0
        The rate goes no lower.
    patience : int, default 5
        Epochs since the number was best, and since the last cut.
    improvement : float, default 0
        A value must be better than the best by more than this to count.
    mode : "min" or "max", optional
        Which way is better; names like loss, ..._error, accuracy, f1 speak for themselves.

    Raises
    ------
    TypeError
        When training begins, if the optimizer's learning rate is not a number but a schedule.

    Examples
    --------
    >>> x = np.ones((4, 1))
    >>> model, optimizer = Sequential([Dense(1, 1, initializer=constant(0.0))]), SGD(1.2)
    >>> reduce = ReduceOnPlateau("loss", factor=0.5, patience=2)
    >>> history = fit(model, MeanSquaredError(), optimizer, x, x, epochs=4, callbacks=[reduce], verbose=False)
    >>> history.learning_rate
    [1.2, 1.2, 1.2, 0.6, 0.6]
    """

    factor = Option(checks.fraction)
    minimum = Option(not_negative)

    @answering
    def __init__(
        self,
        monitor: str = "validation_loss",
        *,
        factor: float = 0.1,
        minimum: float = 0.0,
        patience: int = 5,
        improvement: float = 0.0,
        mode: str | None = None,
    ) -> None:
        super().__init__(monitor, patience=patience, improvement=improvement, mode=mode)
        self.factor, self.minimum = factor, minimum

    def on_train_begin(self, run: Run) -> None:
        if callable(run.optimizer.learning_rate):
            raise TypeError(f"ReduceOnPlateau: learning_rate must be a number, got {run.optimizer.learning_rate!r}")
        super().on_train_begin(run)

    def on_epoch_end(self, run: Run) -> None:
        if not self._look(run) and self.waited >= self.patience:
            rate = run.optimizer.learning_rate
            run.optimizer.learning_rate = min(rate, max(rate * self.factor, self.minimum))
            self.waited = 0
