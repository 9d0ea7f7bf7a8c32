"""Which predictions count: of rows that are padded the real steps, and of targets those that are not to be ignored.

    predictions (N, T, C), lengths (N,)     where (N, T)     what counts (M, C)     gradient (N, T, C), 0 elsewhere

What does not count is taken out before anything is computed with it, so that it can be anything, and the mean is
divided by what is left. Padded rows are known by what they have, an `x` and its `lengths`, whoever made them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from . import checks
from .extremes import Array

Forward = TypeVar("Forward", bound=Callable[..., float])


def is_padded(thing: Any) -> bool:
    """Return whether this is an array with the lengths of its rows, such as a `layers.Padded`.

    Examples
    --------
    >>> is_padded(Padded(np.zeros((2, 3)), [3, 1])), is_padded(np.zeros((2, 3)))
    (True, False)
    """
    return hasattr(thing, "lengths") and hasattr(thing, "x")


def what_counts(who: str, predictions: Any, y: Any, ignore: int | None = None) -> tuple[Any, Any, Array | None]:
    """Return predictions and y as they are without lengths, and which of the predictions count; None for all.

    Examples
    --------
    >>> what_counts("loss", Padded(np.zeros((2, 3, 5)), [3, 1]), np.array([[0, -1, 1], [0, 0, 0]]), ignore=-1)[2]
    array([[ True, False,  True],
           [ True, False, False]])
    """
    where = None
    if is_padded(predictions):
        if is_padded(y) and not np.array_equal(y.lengths, predictions.lengths):
            raise ValueError(
                f"{who}: predictions and y must have the same lengths, got {_few(predictions.lengths)} and "
                f"{_few(y.lengths)}"
            )
        lengths, predictions, y = predictions.lengths, np.asarray(predictions.x), _array_of(y)
        if y.shape[:2] != predictions.shape[:2]:
            raise ValueError(
                f"{who}: y must have the rows and steps of predictions, {predictions.shape[:2]}, got {y.shape}"
            )
        where = np.arange(predictions.shape[1]) < lengths[:, np.newaxis]
    elif is_padded(y):
        raise TypeError(f"{who}: predictions must have lengths, as y has, got {type(predictions).__name__}")
    if ignore is not None:
        predictions, y = checks.array(who, "predictions", predictions), checks.array(who, "y", y)
        if y.shape == np.shape(predictions)[:-1] and y.dtype.kind in "iu":  # rows of probabilities ignore nothing
            kept = y != ignore
            if where is not None:
                where = kept & where.reshape(where.shape + (1,) * (kept.ndim - 2))
            elif not kept.all():
                where = kept
    return predictions, y, where


def counting(forward: Forward) -> Forward:
    """Let the forward of a loss take rows that are padded, and targets to be ignored: it is given what counts.

    Examples
    --------
    >>> loss = MeanSquaredError()
    >>> loss.forward(Padded(np.array([[3.0, 9.0], [5.0, 6.0]]), [1, 2]), np.array([[1.0, 0.0], [5.0, 6.0]]))  # 4 / 3
    1.3333333333333333
    >>> loss.backward().round(3)
    array([[1.333, 0.   ],
           [0.   , 0.   ]])
    """

    @wraps(forward)
    def of_what_counts(self: Any, predictions: Any, y: Any, sample_weights: Any = None) -> float:
        if self.ignore is self.spread is None and type(predictions) is type(y) is np.ndarray:  # as nearly always
            return forward(self, predictions, y, sample_weights)
        self.spread, ignore = None, self.ignore
        if ignore is None and not is_padded(predictions) and not is_padded(y):
            return forward(self, predictions, y, sample_weights)
        predictions, y, where = what_counts(repr(self), predictions, y, ignore)
        if where is None:
            return forward(self, predictions, y, sample_weights)
        if not where.any():
            raise ValueError(f"{self!r}: at least one prediction must count, got none of {where.size}")
        predictions, y = np.asarray(predictions), np.asarray(y)
        if sample_weights is not None:
            sample_weights = _weights_of(self, sample_weights, where)
        value = forward(self, predictions[where], y[where], sample_weights)
        self.spread = Spread(predictions.shape, where)
        return value

    return of_what_counts  # type: ignore[return-value]


class Spread:
    """The way back: the gradient of what counts into its places, and 0 everywhere else.

    Examples
    --------
    >>> Spread((2, 2), np.array([[True, False], [True, True]])).of(np.array([1.0, 2.0, 3.0]))
    array([[1., 0.],
           [2., 3.]])
    """

    def __init__(self, shape: tuple[int, ...], where: Array) -> None:
        self.shape, self.where = shape, where

    def of(self, gradient: Array) -> Array:
        """Return the gradient of all predictions, given that of those that count."""
        whole = np.zeros(self.shape, gradient.dtype)
        whole[self.where] = gradient
        return whole


def _weights_of(loss: Any, sample_weights: Any, where: Array) -> Array:
    """Return the weights of the predictions that count: those of their examples, or their own."""
    weights = checks.array(loss, "sample_weights", sample_weights)
    if weights.shape == where.shape[:1]:
        weights = np.broadcast_to(weights.reshape(-1, *(1,) * (where.ndim - 1)), where.shape)
    if weights.shape[: where.ndim] != where.shape:
        either = f" or {where.shape}" if where.ndim > 1 else ""
        raise ValueError(f"{loss!r}: sample_weights must have shape {where.shape[:1]}{either}, got {weights.shape}")
    return weights[where]


def _array_of(y: Any) -> Array:
    return np.asarray(y.x if is_padded(y) else y)


def _few(lengths: Array) -> str:
    return str(lengths.tolist()) if len(lengths) <= 8 else f"{lengths[:8].tolist()[:-1]} ..."
