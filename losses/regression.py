"""Losses of real-valued targets.

The mean is over all N * D elements; with sample_weights each element weighs as much as its example.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .loss import Array, Loss, as_number


class _ElementwiseLoss(Loss):
    """A loss of the error, element by element."""

    def _start(self, y_hat: Any, y: Any, sample_weights: Any) -> tuple[Array, Any]:
        """Return the error and the factor of each element's loss."""
        self._cache = None
        y_hat, y = self._same_shape("y_hat", y_hat, y)
        return y_hat - y, np.asarray(self._scale(y_hat.shape, sample_weights), y_hat.dtype)


class MeanSquaredError(_ElementwiseLoss):
    """loss = (y_hat - y)², averaged over all elements. Its derivative is 2 * (y_hat - y), with no 1/2 hidden in front.

    Parameters
    ----------
    reduction : "mean" or "sum", default "mean"

    Shapes
    ------
    y_hat (N, ...), y the same, sample_weights (N,) or as y

    Raises
    ------
    ValueError
        If the shapes differ, (N, 1) against (N,) too.

    Examples
    --------
    >>> loss = MeanSquaredError()
    >>> loss.forward(np.array([[1.0, 2.0]]), np.array([[0.0, 5.0]]))  # (1 + 9) / 2
    5.0
    >>> loss.backward()
    array([[ 1., -3.]])
    """

    def forward(self, y_hat: Any, y: Any, sample_weights: Any = None) -> float:
        error, scale = self._start(y_hat, y, sample_weights)
        self._cache = error, scale
        return self._add_up(error * error, scale)

    def backward(self) -> Array:
        error, scale = self._recall()
        return 2 * error * scale


class MeanAbsoluteError(_ElementwiseLoss):
    """loss = |y_hat - y|, averaged over all elements. Its derivative is sign(y_hat - y), 0 where they are equal.

    Parameters
    ----------
    reduction : "mean" or "sum", default "mean"

    Shapes
    ------
    y_hat (N, ...), y the same, sample_weights (N,) or as y

    Raises
    ------
    ValueError
        If the shapes differ, (N, 1) against (N,) too.

    Examples
    --------
    >>> loss = MeanAbsoluteError()
    >>> loss.forward(np.array([[1.0, 2.0]]), np.array([[0.0, 5.0]]))  # (1 + 3) / 2
    2.0
    >>> loss.backward()
    array([[ 0.5, -0.5]])
    """

    def forward(self, y_hat: Any, y: Any, sample_weights: Any = None) -> float:
        error, scale = self._start(y_hat, y, sample_weights)
        self._cache = error, scale
        return self._add_up(np.abs(error), scale)

    def backward(self) -> Array:
        error, scale = self._recall()
        return np.sign(error) * scale


class Huber(_ElementwiseLoss):
    """Squared near zero, absolute far away: loss = error²/2 if |error| <= delta else delta * (|error| - delta/2).

    Parameters
    ----------
    delta : float, default 1
        Where the parabola goes over into the line, in the units of y.
    reduction : "mean" or "sum", default "mean"

    Shapes
    ------
    y_hat (N, ...), y the same, sample_weights (N,) or as y

    Raises
    ------
    ValueError
        If the shapes differ, (N, 1) against (N,) too, or delta is not positive.

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

    def __init__(self, delta: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.delta = as_number(self, "delta", delta)
        if not 0 < self.delta < np.inf:
            raise ValueError(f"Huber: delta must be positive and finite, got {delta}")

    def forward(self, y_hat: Any, y: Any, sample_weights: Any = None) -> float:
        error, scale = self._start(y_hat, y, sample_weights)
        self._cache = error, scale
        near = np.minimum(np.abs(error), self.delta)
        # near * (|error| - near/2) is error²/2 inside and delta * (|error| - delta/2) outside
        return self._add_up(near * (np.abs(error) - near / 2), scale)

    def backward(self) -> Array:
        error, scale = self._recall()
        return np.clip(error, -self.delta, self.delta) * scale

    def _options(self) -> list[str]:
        return [*([] if self.delta == 1 else [f"delta={self.delta:g}"]), *super()._options()]
