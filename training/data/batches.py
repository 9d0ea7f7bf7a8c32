"""A pass over the data, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from layers.contract import Array, Rng, checks

from .arrays import rows_of
from .examples import Examples, by_rows, paired, rows


def batches(
    x: ArrayLike | Mapping[str, ArrayLike],
    y: ArrayLike,
    batch_size: int,
    *,
    drop_last: bool = False,
    shuffle: bool = True,
    rng: Rng = None,
) -> Iterator[tuple[Any, Array]]:
    """Yield (x, y) of `batch_size` examples at a time, in random order, each example once.

    The last batch has what is left, so that none is dropped, unless drop_last says so. Give a Generator, not a seed,
    when there are several epochs: a seed shuffles each of them alike.

    Parameters
    ----------
    x, y : array (N, ...) or Padded
        Neither is changed or copied whole. x may be a dict of them, for a network of several inputs.
    batch_size : int
    drop_last : bool, default False
        Leave out the last batch, if it is smaller than the others.
    shuffle : bool, default True
        False keeps the order.
    rng : int or numpy.random.Generator, optional

    Raises
    ------
    ValueError
        If x and y differ in length or are empty, or batch_size is below 1.
    TypeError
        If batch_size is not a whole number.

    Examples
    --------
    >>> [len(x) for x, y in batches(np.zeros((10, 2)), np.zeros(10), batch_size=4, rng=0)]
    [4, 4, 2]
    """
    x = by_rows(x, partial(rows_of, "batches", "x"))
    y = rows_of("batches", "y", y)
    batch_size, shuffle = checks.whole("batches", "batch_size", batch_size), checks.flag("batches", "shuffle", shuffle)
    paired("batches", x, y)
    check_dropping("batches", checks.flag("batches", "drop_last", drop_last), batch_size, len(y))
    return _batches(x, y, batch_size, drop_last, checks.generator("batches", rng) if shuffle else None)


def check_dropping(who: str, drop_last: bool, batch_size: int, n_examples: int) -> None:
    """Raise if nothing would be left."""
    if drop_last and n_examples < batch_size:
        raise ValueError(
            f"{who}: batch_size must be at most the number of examples where drop_last is True, {n_examples}, got "
            f"{batch_size}"
        )


def _batches(
    x: Examples, y: Array, batch_size: int, drop_last: bool, rng: np.random.Generator | None
) -> Iterator[tuple[Examples, Array]]:
    order = None if rng is None else rng.permutation(len(y))
    for start in range(0, len(y) - len(y) % batch_size * drop_last, batch_size):
        chosen = slice(start, start + batch_size) if order is None else order[start : start + batch_size]
        yield rows(x, chosen), y[chosen]
