"""A pass over the data, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np

from layers.contract import check_sizes

Array: TypeAlias = np.ndarray[Any, Any]
Rng: TypeAlias = int | np.random.Generator | None


def batches(x: Any, y: Any, size: int, rng: Rng = None, shuffle: bool = True) -> Iterator[tuple[Array, Array]]:
    """Yield (x, y) of `size` examples at a time, in random order, each example once.

    The last batch has what is left, so that none is dropped. Give a Generator, not a seed, when there are several
    epochs: a seed shuffles each of them alike.

    Parameters
    ----------
    x, y : array (N, ...)
        Neither is changed or copied whole.
    size : int
        Examples in a batch.
    rng : int or numpy.random.Generator, optional
    shuffle : bool, default True
        False keeps the order.

    Raises
    ------
    ValueError
        If x and y differ in length or are empty, or the size is below 1.
    TypeError
        If the size is not a whole number.

    Examples
    --------
    >>> [len(x) for x, y in batches(np.zeros((10, 2)), np.zeros(10), size=4, rng=0)]
    [4, 4, 2]
    """
    x, y = np.asanyarray(x), np.asanyarray(y)
    check_sizes("batches", size=size)
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y) or len(x) == 0:
        shapes = f"{x.shape} and {y.shape}"
        raise ValueError(f"batches: x and y must have the same length of at least 1, got shapes {shapes}")
    return _batches(x, y, size, np.random.default_rng(rng) if shuffle else None)


def _batches(x: Array, y: Array, size: int, rng: np.random.Generator | None) -> Iterator[tuple[Array, Array]]:
    order = None if rng is None else rng.permutation(len(x))
    for start in range(0, len(x), size):
        chosen = slice(start, start + size) if order is None else order[start : start + size]
        yield x[chosen], y[chosen]
