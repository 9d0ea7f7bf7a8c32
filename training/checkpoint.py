"""Save a training and go on with it, exactly."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .archive import Path, read, write
from .history import History
from .protocols import Model, OptimizerLike, Stateful


def save(
    path: Path,
    model: Model,
    *,
    optimizer: OptimizerLike | None = None,
    history: History | None = None,
    callbacks: Iterable[object] = (),
    rng: np.random.Generator | None = None,
) -> None:
    """Write the state of a training to one `.npz` file, in place of the one that was there.

    There are: the model's parameters and buffers and the streams of its layers that draw, such as Dropout; steps,
    state vectors and, if it is a number, the learning rate of the optimizer; the history; the state of rng; what the
    callbacks have in their `state_dict()`. There is no pickle in it, and `numpy.load` can look inside.

    The file is written beside the old one, brought to the disk and renamed: a crash, or a full disk, leaves the old
    file or the new one, whole.

    Parameters
    ----------
    path : path of a file
    model : Layer
    optimizer, history, callbacks, rng : optional

    Raises
    ------
    OSError
        If the file cannot be written; the old one is as it was.
    TypeError
        If the state of a callback is not made of numbers, strings, arrays, and lists and dicts of them.

    Examples
    --------
    >>> model = Sequential([Dense(2, 3)], rng=0)
    >>> save("model.npz", model)
    >>> other = Sequential([Dense(2, 3)], rng=1)
    >>> load("model.npz", other)
    History()
    >>> np.array_equal(model.parameters, other.parameters)
    True
    """
    write("save", path, _state(model, optimizer, history, _with_state(callbacks), rng))


def load(
    path: Path,
    model: Model,
    *,
    optimizer: OptimizerLike | None = None,
    callbacks: Iterable[object] | None = None,
    rng: np.random.Generator | None = None,
) -> History:
    """Put a model, and what else is given, into the state that was saved; return the saved history.

    The file is read and checked as a whole before anything is changed. If it does not fit, nothing is.

    Parameters
    ----------
    path : path of a file
    model : Layer
        Of the same architecture and dtype.
    optimizer, callbacks, rng : optional
        Of the same kinds as those that were saved; callbacks without a `state_dict` do not count.

    Raises
    ------
    ValueError
        If the file is damaged, foreign or from a newer version, or does not fit; it names the first array that
        does not.
    OSError
        If there is no such file.

    Examples
    --------
    >>> model, optimizer = Sequential([Dense(2, 3)], rng=0), SGD(0.1, momentum=0.9)
    >>> save("model.npz", model, optimizer=optimizer)
    >>> load("model.npz", Sequential([Dense(2, 4)]), optimizer=SGD(0.5))
    Traceback (most recent call last):
    ValueError: load: 'model.npz' does not fit: 0.weights must have shape (2, 4), got (2, 3)
    """
    state = read("load", path)
    stateful = [] if callbacks is None else _with_state(callbacks)
    try:
        _check_model(model, state)
        _check_optimizer(model, optimizer, state)
        _check_generator("rng", rng, state["rng"])
        if callbacks is not None:
            _check_callbacks(stateful, state["callbacks"])
        before = _state(model, optimizer, None, stateful, rng)
        before["callbacks"] = copy.deepcopy(before["callbacks"])
        try:
            _restore(state, model, optimizer, stateful, rng)
        except Exception:  # what no check could foresee, such as a callback that refuses its state
            _restore(before, model, optimizer, stateful, rng)
            raise
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"load: {os.fspath(path)!r} does not fit: {error}") from error
    return History(state["history"]["columns"], state["history"]["unit"]) if state["history"] else History()


def _state(
    model: Model,
    optimizer: OptimizerLike | None,
    history: History | None,
    callbacks: Sequence[Stateful],
    rng: np.random.Generator | None,
) -> dict[str, Any]:
    """Return the tree that a file keeps, as `_restore` reads it."""
    state: dict[str, Any] = {
        "model": model.state_dict(),
        "generators": {name: generator.bit_generator.state for name, generator in model.generators()},
        "optimizer": None,
        "history": None,
        "rng": None if rng is None else rng.bit_generator.state,
        "callbacks": [{"kind": type(c).__name__, "state": c.state_dict()} for c in callbacks],
    }
    if optimizer is not None:
        rate = optimizer.learning_rate
        kept = {"learning_rate": None if callable(rate) else rate, "state": optimizer.state_dict()}
        state["optimizer"] = {"kind": type(optimizer).__name__, **kept}
    if history is not None:
        state["history"] = {"unit": history.unit, "columns": {name: history[name] for name in history.names}}
    return state


def _restore(
    state: Mapping[str, Any],
    model: Model,
    optimizer: OptimizerLike | None,
    callbacks: Sequence[Stateful],
    rng: np.random.Generator | None,
) -> None:
    """Put all of them into this state; callbacks first, whose states nobody could check."""
    for callback, saved in zip(callbacks, state["callbacks"], strict=False):
        callback.load_state_dict(saved["state"])
    if optimizer is not None:
        optimizer.load_state_dict(state["optimizer"]["state"])
        rate = state["optimizer"]["learning_rate"]
        if rate is not None and not callable(optimizer.learning_rate):
            optimizer.learning_rate = rate
    model.load_state_dict(state["model"])
    for name, generator in model.generators():
        generator.bit_generator.state = state["generators"][name]
    if rng is not None:
        rng.bit_generator.state = state["rng"]


def _with_state(callbacks: Iterable[Any]) -> list[Stateful]:
    """Return the callbacks that have something to be kept."""
    return [c for c in callbacks if hasattr(c, "state_dict") and hasattr(c, "load_state_dict")]


def _check_model(model: Model, state: Mapping[str, Any]) -> None:
    mine, saved = model.state_dict(), state["model"]
    for name in (*mine, *saved):
        if name not in saved or name not in mine:
            raise ValueError(f"{name} {'is missing in the file' if name in mine else 'is not in the model'}")
        for what in ("shape", "dtype"):
            wanted, got = getattr(mine[name], what), getattr(saved[name], what)
            if wanted != got:
                raise ValueError(f"{name} must have {what} {wanted}, got {got}")
    streams, drawn = dict(model.generators()), state["generators"]
    for name in (*streams, *drawn):
        if name not in drawn or name not in streams:
            raise ValueError(f"{name}, a stream of random numbers, is not in both the file and the model")
        _check_generator(name, streams[name], drawn[name])


def _check_optimizer(model: Model, optimizer: OptimizerLike | None, state: Mapping[str, Any]) -> None:
    if optimizer is None:
        return
    saved = state["optimizer"]
    if saved is None or saved["kind"] != type(optimizer).__name__:
        got = "no optimizer" if saved is None else saved["kind"]
        raise ValueError(f"optimizer must be the one that was saved, {type(optimizer).__name__}, got {got}")
    for name, vector in saved["state"].items():
        if isinstance(vector, np.ndarray) and vector.ndim and vector.shape != model.parameters.shape:
            shape = model.parameters.shape
            raise ValueError(f"the optimizer's {name} must have shape {shape}, as the parameters, got {vector.shape}")


def _check_generator(name: str, generator: np.random.Generator | None, saved: Mapping[str, Any] | None) -> None:
    if generator is None:
        return
    kind = type(generator.bit_generator).__name__
    if saved is None or saved["bit_generator"] != kind:
        raise ValueError(f"{name} must be a stream of {kind}, got {saved['bit_generator'] if saved else 'none'}")


def _check_callbacks(callbacks: Sequence[Stateful], saved: Sequence[Mapping[str, Any]]) -> None:
    mine, theirs = [type(callback).__name__ for callback in callbacks], [one["kind"] for one in saved]
    if mine != theirs:
        raise ValueError(f"callbacks with a state must be those that were saved, {theirs}, got {mine}")
