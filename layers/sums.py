"""Sums over the examples: the gradient of whatever all of them share."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from .layer import Array


def sum_rows(rows: Array, out: Array | None = None) -> Array:
    """Return the sum of the rows, (N, M) -> (M,), as the product of a row of ones with them.

    It is `rows.sum(axis=0)`, but a product of matrices: twice as fast for a few rows, and for the many short ones of
    an image batch, (25088, 8), 20 times, because NumPy adds one short row after the other.

    Examples
    --------
    >>> sum_rows(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([4., 6.])
    """
    return np.matmul(_ones(len(rows), rows.dtype), rows, out=out)


@lru_cache(maxsize=16)
def _ones(n: int, dtype: np.dtype[Any]) -> Array:
    ones = np.ones(n, dtype)
    ones.flags.writeable = False  # every sum over n rows shares it
    return ones
