"""What a checkpoint must hold: just what `save` would write of the objects that are given, in other numbers.

Nothing here changes anything, and nothing needs an array itself: where a file is looked at before it is read, an
`Entry` with dtype and shape stands in its place, and all but the values is checked. The same checks then go over the
arrays, and over what `save` is about to write: what would be refused is not written.

Each error says what must hold and what came; who asks, and of which file, is put before it by `checkpoint`.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping, Sequence
from operator import lt
from typing import Any

import numpy as np

from layers.contract import checks
from layers.contract.noise import SEEDS
from optimizers import Optimizer

from .entries import Entry
from .protocols import Model, OptimizerLike, Stateful

Array = np.ndarray[Any, Any]

MOST = 2**53  # no counter comes so far
# What the fields of the streams of NumPy can be, each below its bound.
STREAMS = {"state": 2**128, "inc": 2**128, "has_uint32": 2, "uinteger": 2**32, "pos": 625, "buffer_pos": 5}


class Weights:
    """What the arrays of a model must be, wherever they stand in a file: its own names, shapes and dtypes.

    They are finite; of buffers those that are finite in this model: a running maximum may start at -inf.

    Attributes
    ----------
    mine : dict of str to array
        The state of the model when it was asked.
    """

    def __init__(self, model: Model) -> None:
        self.mine = model.state_dict()
        arrays = model.arrays() if hasattr(model, "arrays") else ()
        owners = {full: (layer, name) for full, layer, name in arrays}
        self._nonnegative = {full for full, (layer, name) in owners.items() if name in layer.nonnegative}
        buffers = {full for full, (layer, name) in owners.items() if name in layer.buffers}
        self._free = {full for full in buffers if not is_finite(self.mine[full])}

    @property
    def nbytes(self) -> int:
        """The bytes of all of them."""
        return sum(array.nbytes for array in self.mine.values())

    def check(self, saved: Any, what: str = "model") -> None:
        """Raise unless this could be a state of the model."""
        if not isinstance(saved, Mapping):
            raise ValueError(f"{what} must be a dict of arrays, got {shown(saved)}")
        for name in (*self.mine, *saved):
            if name not in saved or name not in self.mine:
                there = "is missing in the file" if name in self.mine else "is not in the model"
                raise ValueError(f"{what} must have the arrays of the model, but {name[:80]} {there}")
            check_array(name, saved[name], self.mine[name].shape, self.mine[name].dtype)
        for name, array in saved.items():
            if isinstance(array, np.ndarray):
                if name not in self._free:
                    check_finite(name, array)
                if name in self._nonnegative:
                    check_nonnegative(name, array)


def shown(value: Any) -> str:
    """Return a value in a few words, however large it is."""
    if isinstance(value, Entry | np.ndarray):
        return f"an array of {value.dtype} in shape {value.shape}"
    if isinstance(value, dict):
        return f"a dict with {[str(key)[:40] for key in list(value)[:8]]}"
    return reprlib.repr(value)


def fields(what: str, value: Any, names: Sequence[str]) -> None:
    """Raise unless the value is a dict with exactly these keys."""
    if not isinstance(value, Mapping) or set(value) != set(names):
        raise ValueError(f"{what} must have the fields {list(names)}, got {shown(value)}")


def whole(what: str, name: str, value: Any, below: int = MOST) -> int:
    """Return the value; raise unless it is a whole number from 0 to below this bound."""
    if type(value) is not int or not 0 <= value < below:
        raise ValueError(f"{what}: {name} must be a whole number in [0, {below:,}), got {shown(value)}")
    return value


def real(what: str, name: str, value: Any) -> float:
    """Return the value; raise unless it is a number, NaN and infinity included."""
    if type(value) not in (int, float):
        raise ValueError(f"{what}: {name} must be a number, got {shown(value)}")
    return float(value)


def check_array(name: str, value: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Raise unless this is an array, or the entry of one, of this shape and dtype."""
    if not isinstance(value, Entry | np.ndarray) or (isinstance(value, Entry) and value.listed):
        raise ValueError(f"{name} must be an array, got {shown(value)}")
    for what, wanted, got in (("shape", shape, value.shape), ("dtype", dtype, value.dtype)):
        if wanted != got:
            raise ValueError(f"{name} must have {what} {wanted}, got {got}")


def is_finite(array: Array) -> bool:
    """Whether an array is finite, without another array of its size."""
    if array.dtype.kind != "f" or not array.size:
        return True
    return bool(np.isfinite(array.min()) and np.isfinite(array.max()))


def check_finite(name: str, array: Array) -> None:
    """Raise unless the array is finite."""
    if not is_finite(array):
        raise ValueError(f"{name} must be finite, got {array[~np.isfinite(array)].flat[0]}")


def check_nonnegative(name: str, array: Array) -> None:
    """Raise if something in the array is below 0."""
    if array.size and array.min() < 0:
        raise ValueError(f"{name} must be >= 0, got {array.min()}")


def check_kinds(mine: Any, saved: Any) -> None:
    """Raise unless a file lists the layers of this model."""
    theirs = saved if isinstance(saved, list) else [saved]
    for i, (name, kind) in enumerate(mine or ()):
        got = theirs[i] if i < len(theirs) else "nothing"
        if got != [name, kind]:
            where = f"layer {name}" if name else "the model"
            there = got[1] if isinstance(got, list) and len(got) == 2 and got[0] == name else got
            raise ValueError(f"{where} must be {kind}, got {there if isinstance(there, str) else shown(there)}")
    if saved != mine:
        raise ValueError(f"layers must be those of the model, {len(mine or ())}, got {shown(saved)}")


def check_streams(mine: Mapping[str, np.random.Generator], saved: Any) -> None:
    """Raise unless these are the states of the streams from which the layers draw."""
    if not isinstance(saved, Mapping):
        raise ValueError(f"generators must be a dict, got {shown(saved)}")
    for name in (*mine, *saved):
        if name not in saved or name not in mine:
            raise ValueError(f"{name[:80]}, a stream of random numbers, must be in both the file and the model")
        check_stream(name, mine[name], saved[name])


def check_noises(mine: Iterable[str], saved: Any) -> None:
    """Raise unless these are seed, step and number of draws of the noise that layers make."""
    fields("noise", saved, list(mine))
    for name, place in saved.items():
        if not isinstance(place, list) or len(place) != 3:
            raise ValueError(f"{name} must be a seed, a step and a number of draws, got {shown(place)}")
        whole(name, "seed", place[0], SEEDS)
        whole(name, "step", place[1])
        if place[2] is not None:
            whole(name, "n_draws", place[2])


def check_stream(name: str, generator: np.random.Generator, saved: Any) -> None:
    """Raise unless this is a state of such a stream: NumPy takes over fields that lead it out of its memory."""
    mine = generator.bit_generator.state
    kind = saved.get("bit_generator") if isinstance(saved, Mapping) else None
    if kind != mine["bit_generator"]:
        raise ValueError(f"{name} must be a stream of {mine['bit_generator']}, got {shown(saved if saved else 'none')}")
    _check_fields(name, mine, saved)
    if kind.startswith("PCG64") and not saved["state"]["inc"] % 2:
        raise ValueError(f"{name}: inc must be odd, got {saved['state']['inc']}")


def _check_fields(name: str, mine: Mapping[str, Any], saved: Any) -> None:
    fields(name, saved, list(mine))
    for key, value in mine.items():
        if isinstance(value, Mapping):
            _check_fields(f"{name}: {key}", value, saved[key])
        elif isinstance(value, np.ndarray):
            check_array(f"{name}: {key}", saved[key], value.shape, value.dtype)
        elif isinstance(value, int):
            whole(name, key, saved[key], STREAMS.get(key, 2**64))
        elif saved[key] != value:
            raise ValueError(f"{name}: {key} must be {value!r}, got {shown(saved[key])}")


def check_history(saved: Any) -> None:
    """Raise unless this is a record of epochs, or None: columns of numbers, of equal length."""
    if saved is None:
        return
    fields("history", saved, ("unit", "columns"))
    if not isinstance(saved["unit"], str) or not isinstance(saved["columns"], Mapping):
        raise ValueError(f"history must have a unit and columns, got {shown(saved['unit'])}, {shown(saved['columns'])}")
    lengths = set()
    for name, column in saved["columns"].items():
        listed = isinstance(column, Entry) and column.listed
        if not listed and not isinstance(column, list):
            raise ValueError(f"history: {name[:80]} must be a list of numbers, got {shown(column)}")
        lengths.add(column.shape[0] if isinstance(column, Entry) else len(column))
        if isinstance(column, list) and not set(map(type, column)) <= {int, float}:
            for value in column:
                real("history", name[:80], value)
    if len(lengths) > 1:
        raise ValueError(f"history: columns must have the same length, got lengths {sorted(lengths)[:8]}")
    epochs = saved["columns"].get("epoch", [])
    if isinstance(epochs, list) and epochs:
        for epoch in epochs if set(map(type, epochs)) != {int} else (epochs[0], epochs[-1]):
            whole("history", "epoch", epoch)
        if not all(map(lt, epochs, epochs[1:])):
            raise ValueError(f"history: epoch must increase, got {shown(epochs)}")


def check_optimizer(model: Model, mine: OptimizerLike, saved: Any) -> None:
    """Raise unless this is what `save` writes of such an optimizer."""
    fields("optimizer", saved or {"kind": "no optimizer"}, ("kind", "learning_rate", "state")) if saved else None
    kind = type(mine).__name__
    if not saved or saved["kind"] != kind:
        got = shown(saved["kind"]) if saved else "no optimizer"
        raise ValueError(f"optimizer must be the one that was saved, {kind}, got {got.strip(chr(39))}")
    state, rate = saved["state"], saved["learning_rate"]
    if not isinstance(mine, Optimizer):
        check_alike("optimizer: state", mine.state_dict(), state)
        return
    if rate is not None:
        checks.number("optimizer", "learning_rate", real("optimizer", "learning_rate", rate), 0)
    if getattr(type(mine), "state_dict", None) is not Optimizer.state_dict:
        check_alike("optimizer: state", mine.state_dict(), state)
        return
    fresh = isinstance(state, Mapping) and state.get("steps") == 0
    fields("optimizer: state", state, ("steps",) if fresh else ("steps", *mine.state_names))
    whole("optimizer", "steps", state["steps"])
    for name in () if fresh else mine.state_names:
        vector, full = state[name], f"optimizer: {name}"
        check_array(full, vector, model.parameters.shape, model.parameters.dtype)
        if isinstance(vector, np.ndarray):
            check_finite(full, vector)
            if "square" in name:  # a mean or a sum of squares
                check_nonnegative(full, vector)


def check_callbacks(mine: Sequence[Stateful], saved: Any, weights: Weights, last: int | None) -> None:
    """Raise unless these are states that such callbacks could have; `last` is the last epoch in the file, if any."""
    if not isinstance(saved, list):
        raise ValueError(f"callbacks must be a list, got {shown(saved)}")
    for i, one in enumerate(saved):
        fields(f"callbacks: {i}", one, ("kind", "state"))
    kinds, theirs = [type(callback).__name__ for callback in mine], [one["kind"] for one in saved]
    if kinds != theirs:
        raise ValueError(f"callbacks with a state must be those that were saved, {theirs}, got {kinds}")
    for i, (callback, one) in enumerate(zip(mine, saved, strict=True)):
        what = f"callbacks: {i}, {one['kind']}"
        check_alike(what, callback.state_dict(), one["state"])
        if hasattr(callback, "check_state"):
            callback.check_state(what, one["state"], weights, last)


def check_alike(what: str, mine: Any, saved: Any, *, exactly: bool = False) -> None:
    """Raise unless two states are of one kind: numbers where there are numbers, and so on inwards.

    None may become anything, and lists and arrays may grow; with exactly=True the keys must be the same, too.
    """
    if mine is None or saved is None:
        return
    if isinstance(mine, Mapping) and isinstance(saved, Mapping):
        if exactly:
            fields(what, saved, list(mine))
        for key in (key for key in mine if key in saved):
            check_alike(f"{what}: {key[:40]}", mine[key], saved[key], exactly=exactly)
        return
    kinds = [_kind(value) for value in (mine, saved)]
    if kinds[0] != kinds[1]:
        raise ValueError(f"{what} must be {kinds[0]}, got {shown(saved)}")


def _kind(value: Any) -> str:
    if value.listed if isinstance(value, Entry) else isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, np.ndarray | Entry) and value.ndim:
        return f"an array of {value.dtype} with {value.ndim} axes"
    if isinstance(value, np.generic | np.ndarray | Entry):
        return {"b": "True or False"}.get(value.dtype.kind, "a number")
    if isinstance(value, bool | str | Mapping):
        return {bool: "True or False", str: "a string"}.get(type(value), "a dict")
    return "a number" if isinstance(value, int | float) else type(value).__name__
