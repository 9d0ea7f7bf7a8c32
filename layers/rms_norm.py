"""Root mean square normalization: a LayerNorm that leaves the mean where it is; the gates are in `normalization.py`."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from .contract import Array
from .extremes import Normalized
from .normalization import Normalization
from .speed import sum_columns, sum_to_shape, weigh_rows


def plain_rms_norm(x: Array, dout: Array, gain: Array, epsilon: float) -> tuple[Array, Array, Array]:
    """Return out, dx, dgain of an RMSNorm: `plain_norm` without the gate that takes the mean away, and its derivative.

    Examples
    --------
    >>> x, dout = np.array([[1.0, 7.0]]), np.array([[1.0, 0.0]])  # sqrt((1 + 49) / 2) is 5
    >>> out, dx, dgain = plain_rms_norm(x, dout, np.ones(2), epsilon=0.0)
    >>> out, dx.round(3), dgain
    (array([[0.2, 1.4]]), array([[ 0.196, -0.028]]), array([0.2, 0. ]))
    """

    def mean(values: Array) -> Array:
        return values.mean(axis=-1, keepdims=True)

    root = np.sqrt(mean(x * x) + epsilon)
    normalized = x / root
    out = gain * normalized

    dnormalized = gain * dout
    dx = (dnormalized - normalized * mean(dnormalized * normalized)) / root
    dgain = sum_to_shape(dout * normalized, gain.shape)
    return out, dx, dgain


class RMSNorm(Normalization):
    """Scale each example to a mean square of 1: out = gain * x / sqrt(mean(x²) + epsilon).

    A LayerNorm that leaves the mean where it is; it has no bias.

    Parameters
    ----------
    n_features : int
        Length of the last axis, over which the mean is taken.
    epsilon : float, default 1e-5

    Shapes
    ------
    x (N, ..., n_features); gain (n_features,), ones at first

    Raises
    ------
    ValueError
        If the last axis of x is not n_features.

    References
    ----------
    Zhang, Sennrich (2019), "Root Mean Square Layer Normalization", arXiv:1910.07467, with epsilon added as in a
    LayerNorm. PyTorch's default epsilon is the smallest step of the dtype.

    Examples
    --------
    >>> RMSNorm(2).forward(np.array([[1.0, 7.0], [100.0, 700.0]])).round(3)  # sqrt((1 + 49) / 2) is 5
    array([[0.2, 1.4],
           [0.2, 1.4]])
    """

    step_by_step = True

    def __init__(self, n_features: int, *, epsilon: float = 1e-5) -> None:
        super().__init__(n_features, epsilon, has_bias=False)

    @np.errstate(over="ignore", invalid="ignore")
    def forward(self, x: ArrayLike) -> Array:
        x = self._check_features(x, self.n_features)
        rows = x.reshape(-1, self.n_features)
        root = np.sqrt(sum_columns(rows, rows) / self.n_features + self.epsilon)
        if not self._is_usual(root):
            return self._careful_forward(x, rows.shape, (1,), centered=False)[0]
        out = rows * (1 / root)
        out *= self.gain
        self._cache = rows, root, x.shape
        return out.reshape(x.shape)

    @np.errstate(over="ignore", invalid="ignore")
    def backward(self, dout: ArrayLike, input_gradient: bool = True) -> Array | None:
        # dx of plain_rms_norm, in few passes, as in a LayerNorm
        cache = self._recall()
        if isinstance(cache, Normalized):
            return self._careful_backward(cache, dout, input_gradient)
        rows, root, shape = cache
        dout_rows = self._check_dout(dout, shape).reshape(rows.shape)
        product = dout_rows * rows
        inverse = 1 / root
        self.dgain = weigh_rows(inverse[:, 0], product)
        if not math.isfinite(self.gradients.dot(self.gradients)):
            return self._careful_backward(Normalized.of(rows, root, (1,), shape, False), dout, input_gradient)
        if not input_gradient:
            return None
        slope = (product @ self.gain)[:, np.newaxis] / self.n_features  # the mean of dnormalized * x
        dx = np.multiply(dout_rows, self.gain, out=product)  # dnormalized
        dx -= rows * (slope * inverse**2)
        dx *= inverse
        return dx.reshape(shape)
