"""What a batch goes through before the network trains on it: other crops, other noise, in every epoch."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from layers.contract import Padded

from .sources import Batch

Transform: TypeAlias = Callable[[Any, Any, np.random.Generator], Any]  # transform(x, y, rng) -> (x, y)


def check_transform(who: str, transform: Any) -> None:
    """Raise unless this can be called with (x, y, rng)."""
    if isinstance(transform, type):
        raise TypeError(f"{who}: transform must be a function, got the class {transform.__name__}")
    if not callable(transform) or hasattr(transform, "backward"):
        hint = "; a layer belongs into the network" if hasattr(transform, "backward") else ""
        raise TypeError(f"{who}: transform must be a function of (x, y, rng), got {transform!r:.80}{hint}")
    try:
        signature = inspect.signature(transform)
    except (TypeError, ValueError):
        return  # of what is not written in Python nobody knows
    try:
        signature.bind(None, None, None)
    except TypeError:
        raise TypeError(f"{who}: transform must be a function of (x, y, rng), got one of {signature}") from None


def rng_of_epoch(rng: np.random.Generator, epoch: int) -> np.random.Generator:
    """Return a stream for the transforms of an epoch, which follows from the state in which this one is.

    That state is in every checkpoint, so that a resumed training transforms as it would have; and it stays as it is, so
    that the examples are shuffled as without a transform.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> a, b, c = (int(rng_of_epoch(rng, epoch).integers(1000)) for epoch in (1, 1, 2))
    >>> a == b, a == c
    (True, False)
    """
    words = copy.deepcopy(rng).integers(2**32, size=4)
    return np.random.default_rng([*words.tolist(), epoch])


def transformed(who: str, transform: Transform, batch: Batch, rng: np.random.Generator) -> Batch:
    """Return a batch as the transform makes it of a copy; raise where that is nothing to train on.

    Examples
    --------
    >>> transformed("fit", lambda x, y, rng: (-x, y), (np.ones((2, 1)), np.zeros(2)), np.random.default_rng(0))
    (array([[-1.],
           [-1.]]), array([0., 0.]))
    """
    x, y, *weights = copy.deepcopy(batch)  # which it may change in place
    returned = transform(x, y, rng)
    if not isinstance(returned, tuple | list) or len(returned) not in (2, 3):
        got = f"{len(returned)} things" if isinstance(returned, tuple | list) else repr(type(returned).__name__)
        got = "None: a return is missing?" if returned is None else got
        raise TypeError(f"{who}: transform must return (x, y), got {got}")
    made = [_arrays(part) for part in (*returned, *weights)[: max(2, len(batch), len(returned))]]
    _check_same(who, batch[0], made[0])
    sizes = [len(array) for part in made for array in _each(part).values()]
    if len(set(sizes)) > 1:
        raise ValueError(f"{who}: transform must return as many x as y, got lengths {sizes}")
    return tuple(made)


def _arrays(part: Any) -> Any:
    if isinstance(part, Mapping):
        return {name: _arrays(value) for name, value in part.items()}
    return part if isinstance(part, Padded) else np.asarray(part)


def _each(part: Any) -> Mapping[str, Any]:
    return part if isinstance(part, Mapping) else {"x": part}


def _check_same(who: str, before: Any, after: Any) -> None:
    """Raise unless x is still of its kind: the network is measured on x as it was."""
    before, after = _each(_arrays(before)), _each(after)
    if before.keys() != after.keys():
        raise ValueError(f"{who}: transform must return the x {list(before)}, got {list(after)}")
    for name, array in before.items():
        new = after[name]
        if isinstance(array, Padded) or isinstance(new, Padded):
            continue
        hint = "the network is measured on x as it is; what belongs to every x belongs into the data"
        if new.ndim == 0 or new.shape[1:] != array.shape[1:]:
            wanted = f"(N, {', '.join(map(str, array.shape[1:]))})" if array.ndim > 1 else "(N,)"
            raise ValueError(f"{who}: transform must return {name} of shape {wanted}, got {new.shape}: {hint}")
        if new.dtype.kind != array.dtype.kind:
            raise TypeError(f"{who}: transform must return {name} of {array.dtype}, got {new.dtype}: {hint}")
