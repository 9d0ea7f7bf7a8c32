"""The state of a training as one tree: what a checkpoint keeps."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from layers.contract import Noise
from layers.contract.noise import SEEDS

from .history import History
from .protocols import Model, OptimizerLike, Stateful


def snapshot(
    model: Model,
    optimizer: OptimizerLike | None,
    history: History | None,
    callbacks: Sequence[Stateful],
    rng: np.random.Generator | None,
    parts: int | None = None,
) -> dict[str, Any]:
    """Return the tree that a file keeps, as `restore` reads it."""
    state: dict[str, Any] = {
        "layers": kinds_of(model),
        "model": model.state_dict(),
        "generators": {name: generator.bit_generator.state for name, generator in _streams(model)},
        "noise": {name: [noise.seed, noise.step, noise.n_draws] for name, noise in noises_of(model).items()},
        "optimizer": None,
        "history": None,
        "rng": None if rng is None else rng.bit_generator.state,
        "parts": parts,
        "callbacks": [{"kind": type(c).__name__, "state": c.state_dict()} for c in callbacks],
    }
    if optimizer is not None:
        rate = optimizer.learning_rate
        kept = {"learning_rate": None if callable(rate) else rate, "state": optimizer.state_dict()}
        state["optimizer"] = {"kind": type(optimizer).__name__, **kept}
    if history is not None:
        columns = {name: _plain(history[name]) for name in history.names}
        state["history"] = {"unit": history.unit, "columns": columns}
    state["weights"] = _epochs(state)
    return state


def _streams(model: Model) -> Iterator[tuple[str, np.random.Generator]]:
    """Yield the streams of the layers that draw; raise where one could not be put back where it was."""
    names = set()
    for name, source in model.sources() if hasattr(model, "sources") else model.generators():
        if not isinstance(source, np.random.Generator | Noise):
            raise TypeError(
                f"{name} must be a Generator of numpy.random, or a Noise, whose state can be kept, got {source!r:.80}"
            )
        if name in names:
            raise TypeError(f"{name} must be one source of random numbers, got several: keep them in a list, not a set")
        names.add(name)
        if isinstance(source, np.random.Generator):
            yield name, source


def noises_of(model: Model) -> dict[str, Noise]:
    """Return the noises of the layers by name; none of a model that does not say."""
    return dict(model.noises()) if hasattr(model, "noises") else {}


def with_noise(tree: Mapping[str, Any], model: Model) -> dict[str, Any]:
    """Return the tree of a file from the time when a Dropout had a stream, `_rng`, in the place of its `noise`.

    Its seed is then read off the state of the stream: a training goes on with other masks, as random as those.
    """
    streams = dict(tree["generators"]) if isinstance(tree["generators"], Mapping) else {}
    noise = {}
    for name in noises_of(model):
        stream = streams.pop(name.removesuffix("noise") + "_rng", None)
        with contextlib.suppress(LookupError, TypeError):  # what else may be there is not believed: it is missing then
            noise[name] = [int(stream["state"]["state"]) % SEEDS, 0, None]
    return {
        **tree,
        "generators": streams if isinstance(tree["generators"], Mapping) else tree["generators"],
        "noise": noise,
    }


def _epochs(state: Mapping[str, Any]) -> dict[str, int | None]:
    """Return of which epoch the weights are that the model has, and which is the best one, as far as is known."""
    epoch, best_epoch = last_epoch(state["history"]), None
    for one in state["callbacks"]:
        if holds_best(one["state"]):
            best, mine = one["state"]["best_state"], state["model"]
            best_epoch = one["state"]["best_epoch"]
            if best.keys() == mine.keys() and all(np.array_equal(best[name], mine[name]) for name in mine):
                epoch = best_epoch  # restored at the end, or the last is the best
    return {"epoch": epoch, "best_epoch": best_epoch}


def holds_best(state: Any) -> bool:
    """Whether the state of a callback has the best weights so far, as that of EarlyStopping."""
    return isinstance(state, Mapping) and isinstance(state.get("best_state"), Mapping) and "best_epoch" in state


def last_epoch(history: Any) -> int | None:
    """Return the last epoch of a history in a file, None where it is not known or not read yet."""
    epochs = history["columns"].get("epoch") if history else None
    return epochs[-1] if isinstance(epochs, list) and epochs else None


def is_read(history: Any) -> bool:
    """Whether the epochs of a history in a file have been read, if there are any."""
    return not history or isinstance(history["columns"].get("epoch", []), list)


def _plain(column: list[Any]) -> list[Any]:
    """Return a column of a history in Python's own numbers."""
    if set(map(type, column)) <= {int, float}:
        return column
    numbers = [value.item() if isinstance(value, np.generic) else value for value in column]
    return [int(value) if isinstance(value, bool) else value for value in numbers]


def kinds_of(model: Model) -> list[list[str]] | None:
    """Return name and kind of each layer; None of a model that does not say."""
    return [list(pair) for pair in model.kinds()] if hasattr(model, "kinds") else None
