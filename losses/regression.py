"""Losses of real-valued targets: of the error, y_hat - y, element by element.

y_hat and y have the same shape, (N, ...), and sample_weights are (N,) or one for each element. The mean is over all
N * D elements.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .checks import positive
from .counted import counting
from .loss import SLIGHT, Array, Loss
from .options import Option


class _ElementwiseLoss(Loss):
    """A loss of the error alone, which a class gives by two formulas: `value` and its `slope`."""

    def value(self, error: Array) -> Array:
        """Return the loss of each element."""
        raise NotImplementedError(f"{type(self).__name__} must define value(self, error)")

    def slope(self, error: Array) -> Array:
        """Return the derivative of `value` with respect to the error, and so to y_hat."""
        raise NotImplementedError(f"{type(self).__name__} must define slope(self, error)")

    @counting
    def forward(self, y_hat: ArrayLike, y: ArrayLike, sample_weights: ArrayLike | None = None) -> float:
        y_hat, y = self._same_shape("y_hat", y_hat, y)
        return self._reduce(y_hat, y, self._scale(y_hat.shape, sample_weights))

    def _losses(self, y_hat: Array, y: Array) -> tuple[Array, Array]:
        error = y_hat - y.astype(y_hat.dtype, copy=False)
        return self.value(error), error

    def backward(self) -> Array:
        error, scale = self._recall()
        return self._times(self.slope(error), scale)


class MeanSquaredError(_ElementwiseLoss):
    """loss = (y_hat - y)², averaged over all elements. Its derivative is 2 * (y_hat - y), with no 1/2 hidden in front.

    Examples
    --------
    >>> loss = MeanSquaredError()
    >>> loss.forward(np.array([[1.0, 2.0]]), np.array([[0.0, 5.0]]))  # (1 + 9) / 2
    5.0
    >>> loss.backward()
    array([[ 1., -3.]])
    """

    def value(self, error: Array) -> Array:
        return error * error

    def slope(self, error: Array) -> Array:
        return 2 * error


class MeanAbsoluteError(_ElementwiseLoss):
    """loss = |y_hat - y|, averaged over all elements. Its derivative is sign(y_hat - y), 0 where they are equal.

    Examples
    --------
    >>> loss = MeanAbsoluteError()
    >>> loss.forward(np.array([[1.0, 2.0]]), np.array([[0.0, 5.0]]))  # (1 + 3) / 2
    2.0
    >>> loss.backward()
    array([[ 0.5, -0.5]])
    """

    def value(self, error: Array) -> Array:
        return np.abs(error)

    def slope(self, error: Array) -> Array:
        return np.sign(error)


class Huber(_ElementwiseLoss):
    """Squared near zero, absolute far away: loss = error²/2 if |error| <= delta else delta * (|error| - delta/2).

    Parameters
    ----------
    delta : float, default 1
        Where the parabola goes over into the line, in the units of y.
    reduction : "mean" or "sum", default "mean"

    References
    ----------
    Huber (1964), "Robust Estimation of a Location Parameter", Annals of Mathematical Statistics 35.

    Examples
    --------
    >>> loss = Huber(delta=1.0, reduction="sum")
    >>> loss.forward(np.array([0.5, 3.0]), np.array([0.0, 0.0]))  # 0.125 + 2.5
    2.625
    >>> loss.backward()
    array([0.5, 1. ])
    """

    delta = Option(positive)

    def __init__(self, delta: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.delta = delta

    def value(self, error: Array) -> Array:
        # near * (|error| - near/2) is error²/2 inside and delta * (|error| - delta/2) outside
        near = np.minimum(np.abs(error), self.delta)
        return near * (np.abs(error) - near / 2)

    def slope(self, error: Array) -> Array:
        return np.clip(error, -self.delta, self.delta)

    def _reduce(self, predictions: Array, y: Array, scale: float | Array) -> float:
        if not SLIGHT <= self.delta <= 1 / SLIGHT:
            self._ordinary, self._far = False, True
        return super()._reduce(predictions, y, scale)
