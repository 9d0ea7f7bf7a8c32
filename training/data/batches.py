"""A pass over the data, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from layers.contract import Array, Padded, Rng, checks

from .arrays import rows_of
from .examples import Examples, by_rows, paired, rows


def batches(
    x: ArrayLike | Mapping[str, ArrayLike],
    y: ArrayLike,
    batch_size: int,
    *,
    by_length: bool = False,
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
    by_length : bool, default False
        Of a Padded x, rows of about the same length in each batch, and every Padded of a batch, y too, cut behind its
        longest row: the same gradients with less padding to compute. The order is random within a length, and that
        of the batches is.
    drop_last : bool, default False
        Leave out the last batch, if it is smaller than the others; by length, as many rows, at random.
    shuffle : bool, default True
        False keeps the order.
    rng : int or numpy.random.Generator, optional

    Raises
    ------
    ValueError
        If x and y differ in length or are empty, or batch_size is below 1.
    TypeError
        If batch_size is not a whole number, or by_length is asked for of an x without lengths.

    Examples
    --------
    >>> [len(x) for x, y in batches(np.zeros((10, 2)), np.zeros(10), batch_size=4, rng=0)]
    [4, 4, 2]
    >>> x = padded([[1, 2, 3], [4], [5, 6, 7], [8]])
    >>> [x_batch.shape for x_batch, y in batches(x, np.arange(4), batch_size=2, by_length=True, shuffle=False)]
    [(2, 1), (2, 3)]
    """
    x = by_rows(x, partial(rows_of, "batches", "x"))
    y = rows_of("batches", "y", y)
    batch_size, shuffle = checks.whole("batches", "batch_size", batch_size), checks.flag("batches", "shuffle", shuffle)
    paired("batches", x, y)
    check_dropping("batches", checks.flag("batches", "drop_last", drop_last), batch_size, len(y))
    lengths = _lengths_of(x) if checks.flag("batches", "by_length", by_length) else None
    return _batches(x, y, batch_size, drop_last, lengths, checks.generator("batches", rng) if shuffle else None)


def check_dropping(who: str, drop_last: bool, batch_size: int, n_examples: int) -> None:
    """Raise if nothing would be left."""
    if drop_last and n_examples < batch_size:
        raise ValueError(
            f"{who}: batch_size must be at most the number of examples where drop_last is True, {n_examples}, got "
            f"{batch_size}"
        )


def _lengths_of(x: Examples) -> Array:
    """Return the lengths of the rows; of a dict, those of the longest among the Padded in it."""
    found = [array.lengths for array in (x.values() if isinstance(x, dict) else [x]) if isinstance(array, Padded)]
    if not found:
        raise TypeError(
            f"batches: x must be Padded, or a dict that holds one, where by_length is True, got {type(x).__name__}"
        )
    longest: Array = np.max(found, axis=0)
    return longest


def _batches(
    x: Examples, y: Array, batch_size: int, drop_last: bool, lengths: Array | None, rng: np.random.Generator | None
) -> Iterator[tuple[Examples, Array]]:
    stop = len(y) - len(y) % batch_size * drop_last
    order = None if rng is None else rng.permutation(len(y))
    starts = np.arange(0, stop, batch_size)
    if lengths is not None:
        order = np.arange(stop) if order is None else order[:stop]
        order = order[np.argsort(lengths[order], kind="stable")]
        starts = starts if rng is None else rng.permutation(starts)
    for start in starts.tolist():
        chosen = slice(start, start + batch_size) if order is None else order[start : start + batch_size]
        batch = rows(x, chosen), y[chosen]
        yield batch if lengths is None else (_cut(batch[0]), _cut(batch[1]))


def _cut(batch: Examples) -> Examples:
    """Return the batch, each Padded of it cut behind its longest row."""
    if isinstance(batch, dict):
        return {name: _cut(array) for name, array in batch.items()}
    if not isinstance(batch, Padded):
        return batch
    return Padded(batch.x[:, : max(1, batch.lengths.max())], batch.lengths)
