"""Rows of unequal length in one array, with their lengths: what stands behind a row's end is padding.

    x        [[a, b, c],        lengths   [3,          real steps   [[True, True,  True ],
              [d, -, -]]                   1]                        [True, False, False]]

A container opens a `Padded` at its door, puts zeros into the padding, since 0 times NaN is NaN, and hands the lengths
to those of its layers that take them. Nothing computed for a real step ever depends on what stands in the padding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import checks
from .storage import Array, Shape


class Padded:
    """Rows padded at the end, and how many steps of each are real: Padded(x, lengths) -> rows by x and lengths.

    It is cut by rows like an array, so that `fit`, `evaluate`, `predict` and batches take it where they take x; a
    container that is given one returns one, as long as its out has steps.

    Parameters
    ----------
    x : array (N, T, ...)
        What stands in row i from step lengths[i] on is of no account, NaN neither.
    lengths : array of int (N,)
        From 0, for a row without steps, to T.

    Raises
    ------
    ValueError, TypeError
        If x has no steps, or the lengths are not whole numbers from 0 to T, one for each row.

    Examples
    --------
    >>> x = Padded(np.array([[5, 6, 7], [8, 0, 0]]), [3, 1])
    >>> x
    Padded(<array of shape (2, 3)>, lengths=[3, 1])
    >>> len(x), x.shape, x[1:].lengths
    (2, (2, 3), array([1]))
    >>> model = Sequential([Embedding(9, 4), LSTM(4, 2), LastStep(), Dense(2, 1)], rng=0)
    >>> model.predict(x).shape
    (2, 1)
    """

    def __init__(self, x: Any, lengths: Any) -> None:
        self.x = x if isinstance(x, np.memmap) else checks.array("Padded", "x", x)
        if self.x.dtype.kind not in "fiub":
            raise TypeError(f"Padded: x must hold real numbers, got dtype {self.x.dtype}")
        if self.x.ndim < 2 or self.x.shape[1] == 0:
            raise ValueError(f"Padded: x must have shape (N, T, ...) with at least one step, got {self.x.shape}")
        self.lengths = check_lengths("Padded", lengths, *self.x.shape[:2])

    @property
    def shape(self) -> Shape:
        """The shape of x, padding included."""
        return self.x.shape

    @property
    def ndim(self) -> int:
        """The number of axes of x."""
        return self.x.ndim

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of x."""
        return self.x.dtype

    @property
    def steps(self) -> Array:
        """The real steps alone, one row after the other, (M, ...)."""
        steps: Array = self.x[real_steps(self.lengths, self.x.shape[1])]
        return steps

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: Any) -> Padded:
        if not isinstance(rows, slice):
            chosen = np.asarray(rows, dtype=object if isinstance(rows, tuple) else None)  # a tuple is for several axes
            if chosen.ndim != 1 or chosen.dtype.kind not in "iub":
                raise TypeError("Padded: it is cut by rows, with a slice or an array of one axis, such as padded[:32]")
            rows = chosen
        return Padded(self.x[rows], self.lengths[rows])

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        raise TypeError(
            "Padded: as an array it would lose its lengths: give it to a container, or take its x; a layer by itself "
            "takes layer.forward(padded.x, lengths=padded.lengths), if it minds them"
        )

    def __repr__(self) -> str:
        lengths = self.lengths.tolist() if len(self) <= 16 else f"<array of shape ({len(self)},)>"
        return f"Padded(<array of shape {self.shape}>, lengths={lengths})"


def as_examples(x: Any) -> Array:
    """Return x as what can be cut by rows: an array, memory-mapped ones too, or a Padded as it is.

    Examples
    --------
    >>> as_examples([[1, 2], [3, 4]]).shape, as_examples(Padded([[1, 2], [3, 4]], [2, 1])).lengths
    ((2, 2), array([2, 1]))
    """
    examples: Any = x if isinstance(x, Padded) else np.asanyarray(x)  # either is cut by rows: x[rows]
    return examples


def as_numbers(x: Any) -> Array:
    """Return the numbers of an array, or those of the real steps of a Padded.

    Examples
    --------
    >>> as_numbers(Padded([[1, 2], [3, 4]], [2, 1]))
    array([1, 2, 3])
    """
    return x.steps if isinstance(x, Padded) else np.asarray(x)


def stacked(outs: Sequence[Any]) -> Any:
    """Return the outs of several batches as one array, or Padded.

    Examples
    --------
    >>> stacked([np.array([1, 2]), np.array([3])]), stacked([Padded([[1, 2]], [1]), Padded([[3, 4]], [2])]).lengths
    (array([1, 2, 3]), array([1, 2]))
    """
    if not isinstance(outs[0], Padded):
        return np.concatenate(outs)
    return Padded(np.concatenate([out.x for out in outs]), np.concatenate([out.lengths for out in outs]))


def check_lengths(who: str, lengths: Any, n: int, n_steps: int) -> Array:
    """Return lengths as an array (n,) of whole numbers; raise unless it is one for each row, from 0 to n_steps.

    Examples
    --------
    >>> check_lengths("LSTM", [3, 0], n=2, n_steps=3)
    array([3, 0])
    """
    given = checks.array(who, "lengths", lengths)
    if given.dtype.kind not in "iu":
        raise TypeError(f"{who}: lengths must hold whole numbers, got dtype {given.dtype}")
    if given.shape != (n,):
        raise ValueError(f"{who}: lengths must have shape ({n},), one for each row, got {given.shape}")
    if n and (given.min() < 0 or given.max() > n_steps):
        raise ValueError(
            f"{who}: lengths must be from 0 to the number of steps, {n_steps}, got {_outside(given, n_steps)}"
        )
    return given.astype(np.intp)


def _outside(lengths: Array, n_steps: int) -> str:
    """Return the first of the lengths that is out of range, and where it is."""
    row = int(np.argmax((lengths < 0) | (lengths > n_steps)))
    return f"{lengths[row]} in row {row}"


def check_steps(who: str, x: Array) -> Array:
    """Return x; raise unless it has steps: (N, T, D), or tokens (N, T), where numbers of (N, T) would be features.

    Examples
    --------
    >>> check_steps("Sequential", np.array([[1, 2]])).shape
    (1, 2)
    """
    if x.ndim < (3 if x.dtype.kind == "f" else 2):
        raise ValueError(f"{who}: x must have shape (N, T, D) where there are lengths, got {x.shape}")
    return x


def real_steps(lengths: Array, n_steps: int) -> Array:
    """Return where a step is real and not padding, (N, T).

    Examples
    --------
    >>> real_steps(np.array([2, 0]), n_steps=3)
    array([[ True,  True, False],
           [False, False, False]])
    """
    real: Array = np.arange(n_steps) < lengths[:, np.newaxis]
    return real


def without_padding(x: Array, lengths: Array) -> Array:
    """Return x (N, T, ...) with zeros in the padding: itself, where they stand there already.

    Examples
    --------
    >>> without_padding(np.array([[1.0, 2.0], [3.0, np.nan]]), np.array([2, 1]))
    array([[1., 2.],
           [3., 0.]])
    """
    padding = ~real_steps(lengths, x.shape[1])
    behind = x[padding]
    if not behind.any() and not (x.dtype.kind == "f" and np.signbit(behind).any()):
        return x
    x = x.copy()
    x[padding] = 0
    return x
