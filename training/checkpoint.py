"""Save a training and go on with it, exactly.

`save` writes one tree, `snapshot`; `load` looks at the tree of a file as `schema` demands it, reads the arrays, looks
again, and puts them in their places: all, or none.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from layers.contract import checks

from .archive import Archive, opened, write
from .history import History
from .protocols import Model, OptimizerLike, Stateful
from .replacement import Path, as_text, told
from .restoring import Before, restore
from .schema import (
    MOST,
    Weights,
    check_callbacks,
    check_history,
    check_kinds,
    check_noises,
    check_optimizer,
    check_stream,
    check_streams,
    fields,
    shown,
    whole,
)
from .snapshot import holds_best, is_read, kinds_of, last_epoch, noises_of, snapshot, with_noise

FIELDS = ("model", "generators", "optimizer", "history", "rng", "callbacks")
SINCE = {"layers": 2, "weights": 2, "noise": 3, "parts": 4}  # the version of the format that first had a field
SMALLEST_BOUND = 1 << 30  # bytes that a file may have for any model, and 64 times the model beyond


def save(
    path: Path,
    model: Model,
    *,
    optimizer: OptimizerLike | None = None,
    history: History | None = None,
    callbacks: Iterable[object] = (),
    parts: int | None = None,
    rng: np.random.Generator | None = None,
) -> None:
    """Write the state of a training to one `.npz` file, in place of the one that was there.

    There are: the kinds of the model's layers, its parameters and buffers, seed and step of its layers that make noise,
    such as Dropout, and the streams of those that draw in another way; steps, state vectors and, if it is a number, the
    learning rate of the optimizer; the history; the state of rng; what the callbacks have in their `state_dict()`; of
    which epoch the weights are, which in a training that was stopped early may be the last one or the best one; and in
    how many parts each batch was computed, if that is known.
    There is no pickle in it, and `numpy.load` can look inside.

    The file is written beside the old one, brought to the disk and renamed: a crash, or a full disk, leaves the old
    file or the new one, whole. What `load` would refuse, such as parameters that are no longer finite, is not written.

    Parameters
    ----------
    path : path of a file
    model : Layer
    optimizer, history, callbacks, rng : optional
    parts : int, optional
        In how many parts each batch was computed, as in `fit`: as many give the same bits again, others the same up to
        rounding.

    Raises
    ------
    OSError
        If the file cannot be written; the old one is as it was.
    TypeError, ValueError
        If a layer draws from something whose state cannot be kept, such as a `RandomState`, the state of a callback is
        not made of numbers, strings, arrays, and lists and dicts of them, or something is not finite that must be.

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
    name = as_text("save: path", path)
    _check_kept("save", model, optimizer, callbacks, rng, history)
    stateful, weights = with_state(callbacks), Weights(model)
    parts = None if parts is None else checks.whole("save", "parts", parts)
    state = snapshot(model, optimizer, history, stateful, rng, parts)
    with _naming("save", name):
        _check(state, model, weights, optimizer, stateful, rng)
    write("save", name, state)


def load(
    path: Path,
    model: Model,
    *,
    optimizer: OptimizerLike | None = None,
    callbacks: Iterable[object] | None = None,
    best: bool = False,
    rng: np.random.Generator | None = None,
) -> History:
    """Put a model, and what else is given, into the state that was saved; return the saved history.

    The model gets the weights that it had when it was saved: in a checkpoint of `fit` those of the last epoch, whatever
    the best one was, since training goes on from there. In a file that was saved after an `EarlyStopping` has restored
    its best epoch, it gets those. `best=True` gives the best ones in both.

    The file is read and checked as a whole before anything is changed, and need not be one that is trusted: it must
    hold what `save` would write of these objects, in other numbers, see `schema`. If it does not fit, nothing is
    changed, nor if anything else comes up, Ctrl-C included. Memory is needed for twice the file at most.

    Parameters
    ----------
    path : path of a file
    model : Layer
        Of the same architecture and dtype. Layers are the same if they are of one kind, and agree in all arguments on
        which `predict` depends.
    optimizer, callbacks, rng : optional
        Of the same kinds as those that were saved; callbacks without a `state_dict` do not count.
    best : bool, default False
        Give the model the weights of the epoch that an `EarlyStopping` found to be the best one, if the file has them.
        Without optimizer, callbacks and rng, whose states are those of the last epoch.

    Raises
    ------
    ValueError
        If the file is damaged, foreign or from a newer version, or does not fit; it names the first array that
        does not.
    OSError
        If there is no such file, or it is a directory, a pipe or a device.

    Examples
    --------
    >>> model, optimizer = Sequential([Dense(2, 3), Tanh()], rng=0), SGD(0.1, momentum=0.9)
    >>> save("model.npz", model, optimizer=optimizer)
    >>> load("model.npz", Sequential([Dense(2, 4), Tanh()]), optimizer=SGD(0.5))
    Traceback (most recent call last):
    ValueError: load: 'model.npz': 0.weights must have shape (2, 4), got (2, 3)
    >>> load("model.npz", Sequential([Dense(2, 3), ReLU()]))
    Traceback (most recent call last):
    ValueError: load: 'model.npz': layer 1 must be ReLU(), got Tanh()
    """
    best = checks.flag("load", "best", best)
    if best and not (optimizer is callbacks is rng is None):
        raise ValueError("load: best=True must come without optimizer, callbacks and rng, those of the last epoch")
    return _load(path, model, optimizer, callbacks, rng, best=best)[0]


def resume(
    path: Path, model: Model, optimizer: OptimizerLike, callbacks: Iterable[object], rng: np.random.Generator
) -> tuple[History, int | None]:
    """Load everything, as `fit` goes on with it, and return the history, and in how many parts its batches were.

    The history of the file must say which epoch was its last.
    """
    return _load(path, model, optimizer, callbacks, rng, epochs=True)


def _load(
    path: Path,
    model: Model,
    optimizer: OptimizerLike | None,
    callbacks: Iterable[object] | None,
    rng: np.random.Generator | None,
    *,
    best: bool = False,
    epochs: bool = False,
) -> tuple[History, int | None]:
    name = as_text("load: path", path)
    _check_kept("load", model, optimizer, callbacks, rng)
    stateful = None if callbacks is None else with_state(callbacks)
    weights = Weights(model)
    with opened("load", name, largest=SMALLEST_BOUND + 64 * weights.nbytes) as archive, _naming("load", name):
        tree = _wanted(archive, model, optimizer, stateful, rng, best)
        _check(tree, model, weights, optimizer, stateful or (), rng)
        state = archive.filled(tree)
        del tree
        _check(state, model, weights, optimizer, stateful or (), rng)
    saved = state["history"]
    history = History(saved["columns"], saved["unit"]) if saved else History()
    if epochs and len(history) and "epoch" not in history:
        raise ValueError(f"load: {name!r}: history must have the column epoch to go on, got {list(history.names)[:8]}")
    before = Before(model, weights, optimizer, stateful or (), rng)
    try:
        with _naming("load", name):
            restore(state, model, optimizer, stateful or (), rng)
        return history, state.get("parts")
    except BaseException:  # a callback that refuses its state, Ctrl-C
        before.restore()
        raise


@contextlib.contextmanager
def _naming(who: str, name: str) -> Iterator[None]:
    """Say of which file an error speaks, unless it does."""
    start = f"{who}: {name!r}: "
    try:
        yield
    except Exception as error:
        if str(error).startswith(start):
            raise
        if isinstance(error, OSError):
            raise told(error, f"{start}must be readable") from error
        raise ValueError(f"{start}{error}") from error


def _wanted(
    archive: Archive,
    model: Model,
    optimizer: OptimizerLike | None,
    callbacks: Sequence[Stateful] | None,
    rng: np.random.Generator | None,
    best: bool,
) -> dict[str, Any]:
    """Return the tree of a file without what is not asked for; of an older version without what that did not have."""
    fields("it", archive.tree, [*FIELDS, *(name for name, first in SINCE.items() if first <= archive.version)])
    tree = with_noise(archive.tree, model) if archive.version < SINCE["noise"] else dict(archive.tree)
    for name, kind in (("optimizer", dict), ("rng", dict), ("callbacks", list)):
        if not isinstance(tree[name], kind) and (tree[name] is not None or kind is list):
            raise ValueError(f"{name} must be a {kind.__name__}, got {shown(tree[name])}")
    if best:
        tree["model"] = _best(tree)
    for name, asked in (("optimizer", optimizer), ("rng", rng), ("callbacks", callbacks)):
        if asked is None:
            tree[name] = [] if name == "callbacks" else None
    return tree


def _best(tree: Mapping[str, Any]) -> Any:
    """Return the best weights in a file."""
    states = [one.get("state") for one in tree["callbacks"] if isinstance(one, dict)]
    found: list[Any] = [state["best_state"] for state in states if state and holds_best(state)]
    if len(found) != 1:
        raise ValueError(
            f"best=True must find the weights that one EarlyStopping(restore_best=True) has kept, got {len(found)}"
        )
    return found[0]


def _check(
    state: Mapping[str, Any],
    model: Model,
    weights: Weights,
    optimizer: OptimizerLike | None,
    callbacks: Sequence[Stateful],
    rng: np.random.Generator | None,
) -> None:
    """Raise unless `save` could have written this of these objects."""
    weights.check(state["model"])
    if "layers" in state:
        check_kinds(kinds_of(model), state["layers"])
    check_streams(dict(model.generators()), state["generators"])
    check_noises(noises_of(model), state["noise"])
    check_history(state["history"])
    if state.get("parts") is not None and whole("it", "parts", state["parts"]) == 0:
        raise ValueError("it: parts must be at least 1, got 0")
    last = last_epoch(state["history"])
    if "weights" in state:
        fields("weights", state["weights"], ("epoch", "best_epoch"))
        for name, epoch in state["weights"].items():
            if epoch is not None:
                whole("weights", name, epoch, MOST if last is None else last + 1)
        epoch, best_epoch = state["weights"]["epoch"], state["weights"]["best_epoch"]
        if epoch not in (last, best_epoch) and is_read(state["history"]):
            raise ValueError(
                f"weights: epoch must be the last one or the best one, {last} or {best_epoch}, got {epoch}"
            )
    if optimizer is not None:
        check_optimizer(model, optimizer, state["optimizer"])
    if rng is not None:
        check_stream("rng", rng, state["rng"])
    check_callbacks(callbacks, state["callbacks"], weights, last)


def with_state(callbacks: Iterable[Any]) -> list[Stateful]:
    """Return the callbacks that have something to be kept."""
    return [c for c in callbacks if hasattr(c, "state_dict") and hasattr(c, "load_state_dict")]


def _check_kept(who: str, model: Any, optimizer: Any, callbacks: Any, rng: Any, history: Any = None) -> None:
    """Raise unless these are what a file can keep the state of."""
    state = "load_state_dict" if who == "load" else "state_dict"
    members = {
        "model": (model, (state, "generators")),
        "optimizer": (optimizer, (state, "learning_rate")),
        "history": (history, ("names", "row")),
        "rng": (rng, ("bit_generator",)),
    }
    for name, (part, needed) in members.items():
        missing = isinstance(part, type) or not all(hasattr(part, each) for each in needed)
        if missing and (part is not None or name == "model"):
            raise TypeError(f"{who}: {name} must have {', '.join(needed)}, got {_got(part)}")
    if callbacks is None and who == "load":
        return
    if isinstance(callbacks, str | bytes | Mapping | set) or not isinstance(callbacks, Iterable):
        raise TypeError(f"{who}: callbacks must be a list of them, got {_got(callbacks)}")
    for each in callbacks:
        if isinstance(each, type) or not (callable(each) or any(name.startswith("on_") for name in dir(each))):
            raise TypeError(f"{who}: callbacks must be those of a training, got {_got(each)} among them")


def _got(part: Any) -> str:
    return f"the class {part.__name__}" if isinstance(part, type) else f"{part!r:.80}"
