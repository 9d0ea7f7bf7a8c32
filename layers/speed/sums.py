"""Sums over many numbers that lose no digits on the way: the one reduction of all gradients and statistics.

A sum of n float32 numbers, one added after the other, is off by up to n / 2 roundings; NumPy adds so along every axis
but the last. Over a million rows that has cost two of seven digits. Here rows are added in blocks of 256, each block as
the product of a row of ones with it, which BLAS does faster than NumPy sums, and the sums of the blocks are added in
float64. Measured on rows of float32 around 3, the error over the sum of the absolute values:

    rows          one after the other    here      PyTorch
    25,088 x 8    6e-6, 0.52 ms          6e-8, 0.03 ms    7e-8, 0.03 ms
    1e6 x 4       4e-5, 19 ms            3e-8, 1.6 ms     1e-7, 1.3 ms

The product of a matrix with its gradient, dweights = x.T @ dout, is left to BLAS: over a million rows its float32 is
off by 2e-6. Cut the batch where that matters.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from ..contract import Array, Shape

BLOCK = 256  # rows that one float32 sum may run over


def sum_rows(rows: Array, other: Array | None = None) -> Array:
    """Return the sum over the rows of (..., n, width), or of its product with another array of that shape.

    Examples
    --------
    >>> sum_rows(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([4., 6.])
    >>> sum_rows(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 1.0], [10.0, 10.0]]))
    array([31., 42.])
    """
    n, width = rows.shape[-2:]
    if rows.dtype.itemsize < 4:  # three digits of a float16 are none to lose
        return sum_rows(rows.astype(np.float32), other).astype(rows.dtype)
    if n <= BLOCK:
        return _block_sum(rows, other)
    blocks, whole = (*rows.shape[:-2], -1, BLOCK, width), n - n % BLOCK
    second = None if other is None else other[..., :whole, :].reshape(blocks)
    sums = _block_sum(rows[..., :whole, :].reshape(blocks), second)  # (..., n // BLOCK, width)
    if whole < n:
        rest = _block_sum(rows[..., whole:, :], None if other is None else other[..., whole:, :])
        sums = np.concatenate([sums, rest[..., np.newaxis, :]], axis=-2)
    return sum_rows(_widened(sums)).astype(rows.dtype, copy=False)


def sum_rows_into(out: Array, rows: Array) -> None:
    """Set out to the sum over the rows of (n, width).

    Examples
    --------
    >>> out = np.empty(2)
    >>> sum_rows_into(out, np.array([[1.0, 2.0], [3.0, 4.0]]))
    >>> out
    array([4., 6.])
    """
    if len(rows) <= BLOCK and rows.dtype == out.dtype:
        _ones(len(rows), rows.dtype).dot(rows, out)
    else:
        out[...] = sum_rows(rows)


def sum_columns(rows: Array, other: Array | None = None) -> Array:
    """Return the sum of each row, (..., 1), of one array (..., n) or of the product of two.

    `einsum` reads each row once, with no array for the product, and three times as fast as x.sum(axis=-1).

    Examples
    --------
    >>> sum_columns(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([[3.],
           [7.]])
    """
    n = rows.shape[-1]
    if rows.dtype.itemsize < 4:
        return sum_columns(rows.astype(np.float32), other).astype(rows.dtype)
    if n <= BLOCK:
        sums = np.einsum("...d->...", rows) if other is None else np.einsum("...d,...d->...", rows, other)
        return sums[..., np.newaxis]
    factors = [part for part in (rows, other) if part is not None]
    whole = n - n % BLOCK
    sums = sum_columns(*(part[..., :whole].reshape(*part.shape[:-1], -1, BLOCK) for part in factors))[..., 0]
    if whole < n:
        sums = np.concatenate([sums, sum_columns(*(part[..., whole:] for part in factors))], axis=-1)
    return sum_columns(_widened(sums)).astype(rows.dtype, copy=False)


def sum_axes(x: Array, axes: tuple[int, ...]) -> Array:
    """Return the sum over some axes of x, which are left out.

    Examples
    --------
    >>> sum_axes(np.ones((2, 3, 4)), (0, 2))
    array([8., 8., 8.])
    """
    if not axes:
        return x
    kept: Shape = tuple(n for i, n in enumerate(x.shape) if i not in axes)
    first, after = min(axes), max(axes) + 1
    if after - first > len(axes) or math.prod(x.shape[after:]) == 1:  # not side by side, or the last
        moved = np.moveaxis(x, axes, range(-len(axes), 0))
        return sum_columns(moved.reshape(math.prod(kept), -1))[:, 0].reshape(kept)
    blocks = math.prod(x.shape[:first]), math.prod(x.shape[first:after]), math.prod(x.shape[after:])
    return sum_rows(x.reshape(blocks)).reshape(kept)


def weigh_rows(weights: Array, rows: Array) -> Array:
    """Return the sum over the rows of (n, width), each times its weight of (n,): weights @ rows.

    Examples
    --------
    >>> weigh_rows(np.array([1.0, 10.0]), np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([31., 42.])
    """
    n, width = rows.shape
    if n <= BLOCK:
        return weights.dot(rows)
    whole = n - n % BLOCK
    sums = np.matmul(weights[:whole].reshape(-1, 1, BLOCK), rows[:whole].reshape(-1, BLOCK, width))[:, 0]
    if whole < n:
        sums = np.concatenate([sums, weights[whole:].dot(rows[whole:])[np.newaxis]])
    return sum_rows(_widened(sums)).astype(rows.dtype, copy=False)


def sum_to_shape(gradient: Any, shape: tuple[int, ...]) -> Any:
    """Return the gradient of an input of this shape, given that of its broadcast copy: the sum over the copies.

    Examples
    --------
    >>> sum_to_shape(np.ones((32, 64)), (1, 64)).shape
    (1, 64)
    """
    new_axes = np.ndim(gradient) - len(shape)
    repeated = tuple(i for i, n in enumerate(shape, new_axes) if n == 1 and gradient.shape[i] != 1)
    axes = (*range(new_axes), *repeated)
    return (sum_axes(gradient, axes).reshape(shape) if axes else np.asarray(gradient))[()]


def _block_sum(rows: Array, other: Array | None) -> Array:
    """Return the sum over the few rows of each block, (..., n, width) -> (..., width)."""
    if other is not None:
        product: Array = np.einsum("nw,nw->w" if rows.ndim == 2 else "...nw,...nw->...w", rows, other)
        return product
    if rows.ndim == 2:
        return _ones(len(rows), rows.dtype).dot(rows)
    return np.matmul(_ones(rows.shape[-2], rows.dtype), rows)


def _widened(sums: Array) -> Array:
    """Return sums in a dtype that adds up many of them: float64 at least."""
    return sums.astype(np.result_type(sums.dtype, np.float64), copy=False)


@lru_cache(maxsize=64)
def _ones(n: int, dtype: np.dtype[Any]) -> Array:
    ones = np.ones(n, dtype)
    ones.flags.writeable = False  # all sums over n rows share it
    return ones
