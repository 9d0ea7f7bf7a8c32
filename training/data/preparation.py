"""Data made ready: split into parts, encoded, padded. How they are scaled is in `scaling`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from layers.contract import Array, Padded, Rng, checks

from ..calls import answering
from .arrays import cure_of, described, plain_array, real_array, rows_of
from .examples import by_rows, paired, rows


@answering
def train_test_split(
    x: ArrayLike | Mapping[str, ArrayLike],
    y: ArrayLike,
    test_size: float = 0.2,
    *,
    stratify: bool = False,
    rng: Rng = None,
) -> tuple[Any, Any, Array, Array]:
    """Return (x_train, x_test, y_train, y_test), the examples shuffled and divided.

    Parameters
    ----------
    x, y : array (N, ...) or Padded
        x may be a dict of them, for a network of several inputs; both its parts are too.
    test_size : float in (0, 1) or int, default 0.2
        A share, rounded, or a number of examples.
    stratify : bool, default False
        Keep the shares of the classes in y, up to one example each.
    rng : int or numpy.random.Generator, optional

    Raises
    ------
    ValueError
        If the lengths differ, a part would be empty, or, stratified, y does not hold classes.

    Examples
    --------
    >>> x, y = np.zeros((10, 2)), np.repeat([0, 1], 5)
    >>> x_train, x_test, y_train, y_test = train_test_split(x, y, stratify=True, rng=0)
    >>> len(x_train), np.bincount(y_test)
    (8, array([1, 1]))
    """
    x = by_rows(x, partial(rows_of, "train_test_split", "x"))
    y = rows_of("train_test_split", "y", y)
    stratify = checks.flag("train_test_split", "stratify", stratify)
    n = paired("train_test_split", x, y, least=0)
    if isinstance(test_size, int | np.integer) and not isinstance(test_size, bool):
        n_test = int(test_size)
    else:
        share = checks.number("train_test_split", "test_size", test_size)
        n_test = round(n * share) if 0 < share < 1 else 0
    if not 0 < n_test < n:
        raise ValueError(f"train_test_split: both parts must hold examples, got test_size {test_size} of {n}")
    rng = checks.generator("train_test_split", rng)
    order = rng.permutation(n)
    if stratify:
        order = order[_stratified(y[order], n_test)]
    test, train = order[:n_test], order[n_test:]
    return rows(x, train), rows(x, test), y[train], y[test]


def _stratified(y: Array, n_test: int) -> Array:
    """Return an order of these shuffled labels whose first n_test have the shares of all."""
    if y.dtype.kind == "O" and all(isinstance(each, str) for each in y.flat):
        y = y.astype(str)  # names, as pandas has them
    if y.ndim != 1 or y.dtype.kind not in "iubUT":  # a Padded has two axes
        raise ValueError(f"train_test_split: to stratify, y must be classes (N,), got {y.dtype} of shape {y.shape}")
    # The j-th of the n examples of a class stands at (j + 1/2) / n: sorted by that, every beginning has fair shares.
    place = np.empty(len(y))
    for label in np.unique(y):
        members = np.flatnonzero(y == label)
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
    return np.argsort(place, kind="stable")


def one_hot(y: ArrayLike, n_classes: int | None = None, *, dtype: DTypeLike = np.float32) -> Array:
    """Return rows with a 1 at the class: (N, ...) of integers becomes (N, ..., n_classes).

    Parameters
    ----------
    y : array of int
    n_classes : int, optional
        Default: the largest class and one more.
    dtype : dtype, default np.float32

    Raises
    ------
    TypeError, ValueError
        If y does not hold integers 0 .. n_classes - 1.

    Examples
    --------
    >>> one_hot([0, 2])
    array([[1., 0., 0.],
           [0., 0., 1.]], dtype=float32)
    """
    y = plain_array("one_hot", "y", y)
    if y.dtype.kind not in "iu":
        cure = ": y.astype(int)" if y.dtype.kind in "fb" else cure_of("y", y)
        raise TypeError(f"one_hot: y must hold integers, got {described(y, y)}{cure}")
    if y.size == 0:
        raise ValueError(f"one_hot: y must hold at least one class, got shape {y.shape}")
    n_classes = int(y.max()) + 1 if n_classes is None else checks.whole("one_hot", "n_classes", n_classes)
    if y.min() < 0 or y.max() >= n_classes:
        raise ValueError(f"one_hot: y must hold classes 0 .. {n_classes - 1}, got {y.min()} .. {y.max()}")
    return (y[..., np.newaxis] == np.arange(n_classes)).astype(_number_dtype("one_hot", dtype))


def _number_dtype(who: str, dtype: Any) -> np.dtype[Any]:
    try:
        checked = np.dtype(dtype)
    except TypeError:
        checked = np.dtype(object)
    if checked.kind not in "fiub" or dtype is None or isinstance(dtype, np.generic):
        raise TypeError(f"{who}: dtype must be one of numbers, such as np.float32, got {dtype!r}")
    return checked


def padded(rows: Sequence[ArrayLike]) -> Padded:
    """Return rows of unequal length as one array, zeros behind the end of each, with their lengths: a `Padded`.

    Parameters
    ----------
    rows : list of arrays (T, ...)
        Alike but in T, which may be 0.

    Raises
    ------
    ValueError, TypeError
        If there is no row, one holds no numbers, or they differ in more than their lengths.

    Examples
    --------
    >>> rows = padded([[5, 6, 7], [8]])
    >>> rows.x, rows.lengths
    (array([[5, 6, 7],
           [8, 0, 0]]), array([3, 1]))
    """
    if not isinstance(rows, list | tuple):
        raise TypeError(f"padded: rows must be a list of arrays, got {type(rows).__name__}")
    if not rows:
        raise ValueError("padded: rows must hold at least one, got none")
    arrays = [real_array("padded", f"rows[{i}]", row, empty=True) for i, row in enumerate(rows)]
    first = next((row for row in arrays if row.size), arrays[0])  # of a row without steps nobody knows what it holds
    for i, row in enumerate(arrays):
        if row.ndim == 0 or (len(row) and row.shape[1:] != first.shape[1:]):
            shapes = f"{first.shape} and, of rows[{i}], {row.shape}"
            raise ValueError(f"padded: rows must have shapes (T, ...), alike but in T, got {shapes}")
    lengths = [len(row) for row in arrays]
    dtype = np.result_type(*(row.dtype for row in arrays if row.size or row is first))
    x = np.zeros((len(arrays), max(1, *lengths), *first.shape[1:]), dtype.newbyteorder("="))
    for place, row in zip(x, arrays, strict=True):
        place[: len(row)] = row if len(row) else 0
    return Padded(x, lengths)
