"""Softmax and its logarithm: scores become probabilities."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from .activations import as_floats
from .contract import Array, Layer, Shape, as_shape, checks
from .speed import sum_columns, sum_rows


def softmax(x: ArrayLike, axis: int = -1) -> Array:
    """Return exp(x) / sum(exp(x)) along an axis, stable: the largest x is subtracted first, which changes nothing.

    Parameters
    ----------
    x : array
        Real numbers, the scores; float32 gives float32, integers and lists give float64.
    axis : int, default -1
        The axis whose elements become probabilities, and sum to 1.

    Examples
    --------
    >>> softmax([1000.0, 1000.0])
    array([0.5, 0.5])
    """
    x, axis = _with_axis("softmax", x, axis)
    out = np.exp(_shifted("softmax", x, axis))
    out /= _sum_along(out, axis)
    return out


def log_softmax(x: ArrayLike, axis: int = -1) -> Array:
    """Return x - log(sum(exp(x))) along an axis, stable: log(softmax(x)) without the log of a zero.

    Parameters
    ----------
    x : array
        Real numbers, the scores; float32 gives float32, integers and lists give float64.
    axis : int, default -1
        The axis whose elements become log-probabilities, in nats.

    Examples
    --------
    >>> log_softmax([0.0, 1000.0])
    array([-1000.,     0.])
    """
    x, axis = _with_axis("log_softmax", x, axis)
    shifted = _shifted("log_softmax", x, axis)
    shifted -= np.log(_sum_along(np.exp(shifted), axis))
    return shifted


def _with_axis(who: str, x: ArrayLike, axis: int) -> tuple[Array, int]:
    """Return x as floating numbers, and the axis, which it must have."""
    numbers = as_floats(who, x)
    axis = checks.whole(who, "axis", axis, least=-MOST_AXES)
    if not -numbers.ndim <= axis < numbers.ndim:
        raise ValueError(f"{who}: x must have an axis {axis}, got shape {numbers.shape}")
    return numbers, axis


def _shifted(who: str, x: Array, axis: int) -> Array:
    """Return x less its largest along the axis, which must be finite; -inf stays -inf, the score of what is masked."""
    top = np.max(x, axis=axis, keepdims=True)
    try:
        with np.errstate(over="ignore", invalid="raise"):  # inf - inf
            shifted: Array = x - top
    except FloatingPointError:
        raise ValueError(
            f"{who}: the largest x along axis {axis} must be finite, got {top[np.isinf(top)][0]}"
        ) from None
    return shifted


def _sum_along(x: Array, axis: int, other: Array | None = None) -> Array:
    """Return the sum along the axis, kept with length 1, of x or of the product of two."""
    if axis in (-1, x.ndim - 1):
        return sum_columns(x, other)
    axis %= x.ndim
    n = math.prod(x.shape[axis + 1 :])
    factors = [part.reshape(-1, x.shape[axis], n) for part in (x, other) if part is not None]
    return sum_rows(*factors).reshape(*x.shape[:axis], 1, *x.shape[axis + 1 :])


MOST_AXES = 64  # that an array of NumPy can have


class _AlongAxis(Layer):
    """A layer that works along one axis of x, each of the other positions by itself."""

    last_axis = None, None

    def __init__(self, axis: int = -1) -> None:
        self.axis = checks.whole(type(self).__name__, "axis", axis, least=-MOST_AXES)
        if self.axis == 0:
            raise ValueError(f"{type(self).__name__}: axis must not be 0, the axis of the examples, got 0")
        super().__init__()

    @property
    def step_by_step(self) -> bool:  # type: ignore[override]  # along the features: along the steps it mixes them
        """Whether every step of a sequence goes through by itself."""
        return self.axis == -1

    def _check_axis(self, x: ArrayLike) -> Array:
        """Return x as floating numbers; it must have the axis, and this must not be that of the examples."""
        x = self._check_x(x)
        if not -x.ndim < self.axis < x.ndim:
            raise ValueError(f"{self.who}: x must have an axis {self.axis} that is not the first, got shape {x.shape}")
        return x

    def output_shape(self, input_shape: Shape) -> Shape:
        shape = as_shape(input_shape, self)
        if not -len(shape) <= self.axis <= len(shape):
            raise ValueError(f"{self.who}: input_shape must have the axis {self.axis}, N counted as 0, got {shape}")
        return shape


class Softmax(_AlongAxis):
    """Probabilities: out_i = exp(x_i) / sum_j exp(x_j).

    In front of a cross-entropy use the fused `SoftmaxCrossEntropy` on the logits instead: it is stabler and faster.

    Parameters
    ----------
    axis : int, default -1
        The axis whose elements become probabilities; not the first, which counts examples.

    Raises
    ------
    ValueError
        If x has no such axis.

    Examples
    --------
    >>> Softmax().forward(np.log([[7.0, 1.0, 2.0]]))
    array([[0.7, 0.1, 0.2]])
    """

    def forward(self, x: ArrayLike) -> Array:
        out = self._cache = softmax(self._check_axis(x), self.axis)
        return out

    def backward(self, dout: ArrayLike) -> Array:
        # The Jacobian of one row is d out_i / d x_j = out_i * (1{i = j} - out_j) = diag(out) - out outᵀ, so that
        # dx_j = sum_i dout_i * out_i * (1{i = j} - out_j)
        #      = out_j * (dout_j - sum_i dout_i * out_i)
        # and no Jacobian, C x C for every example, needs to be built.
        out = self._recall()
        dout = self._check_dout(dout, out.shape)
        return out * (dout - _sum_along(dout, self.axis, out))


class LogSoftmax(_AlongAxis):
    """Log-probabilities: out_i = x_i - log(sum_j exp(x_j)), in nats.

    Parameters
    ----------
    axis : int, default -1
        The axis whose elements become log-probabilities; not the first, which counts examples.

    Raises
    ------
    ValueError
        If x has no such axis.

    Examples
    --------
    >>> LogSoftmax().forward(np.array([[0.0, 1000.0]]))
    array([[-1000.,     0.]])
    """

    def forward(self, x: ArrayLike) -> Array:
        out = self._cache = log_softmax(self._check_axis(x), self.axis)
        return out

    def backward(self, dout: ArrayLike) -> Array:
        # d out_i / d x_j = 1{i = j} - softmax_j, so that dx_j = dout_j - softmax_j * sum_i dout_i
        out = self._recall()
        dout = self._check_dout(dout, out.shape)
        return dout - np.exp(out) * _sum_along(dout, self.axis)
