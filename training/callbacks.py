"""What `fit` calls between its steps: the protocol of callbacks, and their calling."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Container, Iterable, Sequence
from typing import Any

from layers.contract.meant import did_you_mean, meant
from layers.contract.typed import typed

from .interruption import said
from .metrics import Metric
from .run import CallbackError, Run

PACKAGE = __name__.partition(".")[0]
VALIDATION = "validation_"  # before the name of what is measured on validation data


class Callback:
    """Something that `fit` calls at certain moments, with the `Run`: the training, and how far it is.

    A subclass writes the methods that it wants; the others cost nothing. Deriving from this class is not needed: any
    object with one of these methods is a callback, and so is a plain function of the run, called in `on_epoch_end`.

    - `on_train_begin`: before the first step. The history has epoch 0, if that was measured, or what was resumed.
    - `on_epoch_begin`: the epoch has its number, no batch is drawn yet.
    - `on_batch_begin`: `run.batch` is what the network will see; it may be replaced.
    - `on_backward_end`: gradients are there, parameters are as before the step.
    - `on_batch_end`: the step is made, gradients are still there.
    - `on_epoch_end`: `run.record` has the numbers of the epoch, validation too, and is the last row of the history.
      `run.record["mine"] = 1.0` adds one; to be watched, it must come before the callback that does.
    - `on_train_end`: after the last epoch, after `run.stop()`, or after Ctrl-C.
    - `on_error`: `run.error` is on its way to the caller; `run.batch` is where it came up.

    `run.stop()` ends training after the epoch. What a callback returns means nothing, and True or False, by which
    others end a training, is refused. If it raises, `fit` raises a `CallbackError` that says which. Methods that look
    like a hook and are none, `on_epoch_ends`, or want other arguments, `(epoch, logs)`, are refused beforehand.

    Attributes
    ----------
    monitor : str, optional
        The name of a number of the history that the callback needs. `fit` sees to it before it trains, or, where
        another callback may add it, after the first epoch.
    state_dict(), load_state_dict(state) : methods, optional
        What a checkpoint has to keep of the callback: numbers, strings, arrays, and lists and dicts of them.
    sees_predictions : bool, default True
        False says that it never looks at `run.predictions`, which `Processes` then need not send around.
    comes_last : bool, default False
        True calls it after the others, as what saves the run must be: it has to find what they made of the epoch.

    Examples
    --------
    >>> class Largest(Callback):
    ...     def on_train_begin(self, run):
    ...         self.gradient = 0.0
    ...     def on_backward_end(self, run):
    ...         self.gradient = max(self.gradient, float(abs(run.model.gradients).max()))
    >>> largest, x = Largest(), np.ones((4, 1))
    >>> model = Sequential([Dense(1, 1, initializer=constant(0.5))])
    >>> _ = fit(model, MeanSquaredError(), SGD(0.1), x, x, epochs=2, callbacks=[largest], verbose=False)
    >>> largest.gradient
    1.0
    """

    def on_train_begin(self, run: Run) -> None:
        """Before the first step."""

    def on_epoch_begin(self, run: Run) -> None:
        """Before the first batch of an epoch."""

    def on_batch_begin(self, run: Run) -> None:
        """Before the network sees `run.batch`."""

    def on_backward_end(self, run: Run) -> None:
        """Between backward and the optimizer's step."""

    def on_batch_end(self, run: Run) -> None:
        """After the optimizer's step."""

    def on_epoch_end(self, run: Run) -> None:
        """After validation, when `run.record` is complete."""

    def on_train_end(self, run: Run) -> None:
        """After the last epoch."""

    def on_error(self, run: Run) -> None:
        """When training ends with `run.error`."""

    def __repr__(self) -> str:
        return typed(self)


HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_"))  # in the order in which they come


class Hooks:
    """The callbacks of a training, ready to be called: for each hook the methods that are written, and no others."""

    def __init__(self, callbacks: Sequence[object]) -> None:
        self.callbacks = tuple(callbacks)
        self._hooks: dict[str, list[tuple[Any, Callable[[Run], Any]]]] = {hook: [] for hook in HOOKS}
        for callback in sorted(self.callbacks, key=lambda callback: getattr(callback, "comes_last", False)):
            for hook, method in _hooks_of(callback).items():
                self._hooks[hook].append((callback, method))

    def call(self, hook: str, run: Run) -> None:
        """Call this hook of every callback that has it; at the end of an epoch each must find what it watches."""
        too_early = []
        for callback, method in self._hooks[hook]:
            if hook == "on_epoch_end" and _watched(callback, run.record if run else ()) is not None:
                too_early.append(callback)
            try:
                returned = method(run)
                if isinstance(returned, bool | str):
                    raise TypeError(f"it must return nothing, got {returned!r}; run.stop() ends the training")
            except Exception as error:
                where = f"{hook}, epoch {run.epoch}"
                raise CallbackError(
                    f"fit: callback {_name_of(callback)} failed in {where}: {type(error).__name__}: {said(error)}"
                ) from error
        for callback in too_early:
            if _watched(callback, run.record) is None:
                raise ValueError(
                    f"fit: {callback!r}: monitor must be there before it is looked at, got {callback.monitor!r} from a "
                    "callback that comes later: put that one in front"
                )
            if missing := _watched(callback, run.history):
                raise _missing(callback, missing, run.history.names)

    def check_monitors(self, names: Iterable[str]) -> None:
        """Raise if a callback wants to see a number that will not be in the history, of which these names are known.

        Where there are callbacks that are not of this package, one may still add it: then the first epoch will tell.
        """
        names = list(names)
        measured = {*names, *(VALIDATION + name for name in names)}  # what only `fit` can give
        others = any(type(callback).__module__.partition(".")[0] != PACKAGE for callback in self.callbacks)
        for callback in self.callbacks:
            monitor = _watched(callback, names)
            if monitor is not None and (not others or _meant(monitor) in measured):
                raise _missing(callback, monitor, names)


def _hooks_of(callback: object) -> dict[str, Callable[[Run], Any]]:
    """Return the hooks that a callback has, without those that it inherits from Callback, which do nothing."""
    if isinstance(callback, type):
        raise TypeError(
            f"fit: callbacks must be objects, got the class {callback.__name__}: write {callback.__name__}()"
        )
    _check_names(callback)
    hooks = {hook: getattr(callback, hook) for hook in HOOKS if callable(getattr(callback, hook, None))}
    if not hooks and callable(callback) and not hasattr(callback, "forward"):
        hooks = {"on_epoch_end": callback}
    if not hooks:
        raise TypeError(f"fit: a callback must be a function or have a method such as on_epoch_end, got {callback!r}")
    written = {hook: m for hook, m in hooks.items() if getattr(m, "__func__", m) is not getattr(Callback, hook)}
    for hook, method in written.items():
        _check_arguments(callback, hook, method)
    return written


def _check_names(callback: object) -> None:
    """Raise where a method looks like a hook and is none: nobody would call it."""
    for name in dir(callback):
        if name in HOOKS or name.startswith("__") or not name.strip("_"):
            continue
        close = meant(name, HOOKS)
        missing = close and getattr(type(callback), close, None) in (None, getattr(Callback, close))
        if (name.startswith("on_") or missing) and callable(getattr(callback, name, None)):
            hint = f": did you mean {close}?" if close else f"; there are {', '.join(HOOKS)}"
            raise TypeError(f"fit: callback {_name_of(callback)}: there is no hook {name}{hint}")


def _check_arguments(callback: object, hook: str, method: Callable[..., Any]) -> None:
    """Raise unless a hook takes one argument, the run, and does something when it is called."""
    who = f"fit: callback {_name_of(callback)}"
    if inspect.iscoroutinefunction(method) or inspect.isgeneratorfunction(method):
        raise TypeError(f"{who}: {hook} must be a plain function, got one with async or yield, which would not run")
    if isinstance(callback, Metric):
        raise TypeError(f"{who}: a metric must be given as metrics=[{callback!r}], got it among the callbacks")
    try:
        taken = inspect.signature(method).parameters
    except (TypeError, ValueError):
        return  # of what is not written in Python nobody knows
    by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [name for name, p in taken.items() if p.kind in by_position]
    needed = [name for name, p in taken.items() if p.default is p.empty and p.kind in (*by_position, p.KEYWORD_ONLY)]
    none_fits = not names and not any(p.kind == p.VAR_POSITIONAL for p in taken.values())
    if none_fits or len(needed) > 1 or needed not in ([], names[:1]) or {"logs", "epoch", "batch"} & {*names}:
        raise TypeError(
            f"{who}: {hook} must take one argument, the run, got ({', '.join(taken)}); run.epoch and run.record have "
            "the epoch and its numbers"
        )


def _watched(callback: Any, names: Container[str]) -> str | None:
    """Return the number that a callback watches, if it is not among these names."""
    monitor = getattr(callback, "monitor", None)
    return None if monitor is None or monitor in names else str(monitor)


def _missing(callback: object, monitor: str, names: Iterable[str]) -> ValueError:
    """Return the error that the history lacks a number; say why it may, and what would give it."""
    names, full = list(names), _meant(monitor)
    if full.startswith(VALIDATION) and full not in names and not any(n.startswith(VALIDATION) for n in names):
        hint = '; give validation=(x, y), or watch another number, such as monitor="loss"'
    else:
        hint = f": did you mean {full}?" if full in names else did_you_mean(monitor, names)
    return ValueError(f"fit: {callback!r}: monitor must be one of {names}, got {monitor!r}{hint}")


def _meant(monitor: str) -> str:
    """Return the name in a history of what Keras calls val_loss."""
    return VALIDATION + monitor.removeprefix("val_") if monitor.startswith("val_") else monitor


def _name_of(callback: object) -> str:
    return getattr(callback, "__name__", type(callback).__name__)
