"""Normalization: numbers brought to mean 0 and variance 1, then scaled and shifted as the network likes.

All of these layers are one chain of gates, and differ in what they take the mean over:

    BatchNorm      each feature, over all examples and positions      batch_norm.py
    LayerNorm      each example and position, over the features
    RMSNorm        the same, without the mean
    GroupNorm      each example, over positions and a group of features      group_norm.py
    InstanceNorm   each example and feature, over the positions

Step by step, with M values in each mean, what the forward pass does and what backward sends through each gate:

    mean        mean = sum(x) / M
    difference  difference = x - mean                 dx = ddifference - sum(ddifference) / M
    square      square = difference * difference      ddifference += 2 * difference * dsquare
    sum         variance = sum(square) / M            dsquare = dvariance / M, the same for all
    root        root = sqrt(variance + epsilon)       dvariance = droot / (2 * root)
    product     normalized = difference / root        ddifference = dnormalized / root
                                                      droot = -sum(dnormalized * difference) / root**2
                out = gain * normalized + bias        dnormalized = gain * dout

`examples/batchnorm_by_hand.py` walks this long way, gate by gate. Put into one another, the last line first, the six
lines on the right become one, the closed form that `backward` computes here:

    ddifference = dnormalized / root - difference * mean(dnormalized * difference) / root**3
    dx          = (dnormalized - mean(dnormalized) - normalized * mean(dnormalized * normalized)) / root

What is taken away are the two directions in which x can move without changing normalized: all values up together, and
all away from their mean together.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .contract import Array, Layer, Rng, Shape, as_shape, checks
from .speed import as_rows, gather, spread


class Normalization(Layer):
    """What the layers of this family share: gain and bias, one of each for every feature, and the checks of x."""

    gain: Array
    dgain: Array

    def __init__(self, n_features: int, epsilon: float, has_bias: bool = True) -> None:
        who = type(self).__name__
        self.n_features = checks.whole(who, "n_features", n_features)
        self.epsilon = checks.positive(who, "epsilon", epsilon)  # equal values have variance 0
        super().__init__(gain=(self.n_features,), **({"bias": (self.n_features,)} if has_bias else {}))
        self.initialize()

    def initialize(self, rng: Rng = None) -> None:
        self.gain = np.ones(self.n_features)
        if "bias" in self.shapes:
            self.bias = np.zeros(self.n_features)

    def _check_values(self, x: Any) -> Array:
        """Return x in the dtype of this layer, or its own if that is wider, its last axis checked."""
        x = self._check_x(x)
        if x.ndim < 2 or x.shape[-1] != self.n_features:
            hint = self._hint(x.shape[1:])
            raise ValueError(f"{self.who}: x must have shape (N, ..., {self.n_features}), got {x.shape}{hint}")
        return x.astype(np.result_type(x.dtype, self._dtype), copy=False)

    def _hint(self, shape: Shape) -> str:
        """What the caller may have done to examples of another shape."""
        return "; channels come last" if len(shape) > 1 and shape[0] == self.n_features else ""

    def output_shape(self, input_shape: Shape) -> Shape:
        shape = as_shape(input_shape)
        if not shape or shape[-1] != self.n_features:
            raise ValueError(
                f"{self.who}: input_shape must be (..., {self.n_features}), got {shape}{self._hint(shape)}"
            )
        return shape


class LayerNorm(Normalization):
    """Normalize the features of each example: out = gain * (x - mean) / sqrt(variance + epsilon) + bias.

    No example sees another one, so that training and inference are the same.

    Parameters
    ----------
    n_features : int
        Length of the last axis, over which the mean and the variance are taken.
    epsilon : float, default 1e-5

    Shapes
    ------
    x (N, ..., n_features), out the same; gain and bias (n_features,), ones and zeros at first. Of a sequence
    (N, T, n_features) every step is normalized by itself.

    Raises
    ------
    ValueError
        If the last axis of x is not n_features.

    References
    ----------
    Ba, Kiros, Hinton (2016), "Layer Normalization", arXiv:1607.06450. The variance is the biased one, divided by
    n_features.

    Examples
    --------
    >>> layer = LayerNorm(2)
    >>> layer.forward(np.array([[1.0, 3.0], [10.0, 10.0]])).round(3)
    array([[-1.,  1.],
           [ 0.,  0.]])
    """

    bias: Array
    dbias: Array

    def __init__(self, n_features: int, *, epsilon: float = 1e-5) -> None:
        super().__init__(n_features, epsilon)

    def forward(self, x: Any) -> Array:
        x = self._check_values(x)
        rows = x.reshape(-1, self.n_features)
        mean = _mean(rows)
        difference = rows - mean
        root = np.sqrt(_mean(difference, difference) + self.epsilon)
        if np.any(np.abs(mean) > 10 * root):
            # Far from zero a rounded mean misses by too much: around 1e4 a float32 is 1e-3 from the next one.
            difference -= _mean(difference)
            root = np.sqrt(_mean(difference, difference) + self.epsilon)
        self._cache = difference, root, x.shape
        out = as_rows((difference * (1 / root)).reshape(x.shape))
        out *= spread(self.gain, out.shape[1])
        out += spread(self.bias, out.shape[1])
        return out.reshape(x.shape)

    def backward(self, dout: Any, input_gradient: bool = True) -> Array | None:
        # At the top: dx = (dnormalized - mean(dnormalized) - normalized * mean(dnormalized * normalized)) / root,
        # with dnormalized = dout * gain, normalized = difference / root, and each mean over the features of a row.
        # The means are products with gain: sum_j dout[i, j] * gain[j] is dout @ gain.   (M, n_features) @ (n_features,)
        difference, root, shape = self._recall()
        dout = self._check_dout(dout, shape).reshape(difference.shape)
        product = dout * difference
        inverse = 1 / root
        self.dgain = inverse[:, 0] @ product  # sum_i dout[i, j] * normalized[i, j]
        self.dbias = gather(as_rows(dout.reshape(shape)).sum(axis=0), self.n_features)
        if not input_gradient:
            return None
        mean, slope = ((a @ self.gain)[:, np.newaxis] / self.n_features for a in (dout, product))
        dx = np.multiply(dout, self.gain, out=product)
        dx -= mean
        difference *= slope * inverse**2  # ours alone, and read once: no array for the product
        dx -= difference
        dx *= inverse
        return dx.reshape(shape)


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
    x (N, ..., n_features), out the same; gain (n_features,), ones at first

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

    def __init__(self, n_features: int, *, epsilon: float = 1e-5) -> None:
        super().__init__(n_features, epsilon, has_bias=False)

    def forward(self, x: Any) -> Array:
        x = self._check_values(x)
        rows = x.reshape(-1, self.n_features)
        root = np.sqrt(_mean(rows, rows) + self.epsilon)
        out = rows * (1 / root)
        out *= self.gain
        self._cache = rows, root, x.shape
        return out.reshape(x.shape)

    def backward(self, dout: Any, input_gradient: bool = True) -> Array | None:
        # The gates square, sum, root, product alone, with x in place of difference: no mean was taken away, so that
        # dx = (dnormalized - normalized * mean(dnormalized * normalized)) / root
        rows, root, shape = self._recall()
        dout = self._check_dout(dout, shape).reshape(rows.shape)
        product = dout * rows
        inverse = 1 / root
        self.dgain = inverse[:, 0] @ product
        if not input_gradient:
            return None
        slope = (product @ self.gain)[:, np.newaxis] / self.n_features
        dx = np.multiply(dout, self.gain, out=product)
        dx -= rows * (slope * inverse**2)
        dx *= inverse
        return dx.reshape(shape)


def _mean(*factors: Array) -> Array:
    """Return the mean of each row (M, 1), of one array or of the product of two."""
    # einsum reads each row once, with no array for the product, and three times as fast as x.sum(axis=1)
    sums = np.einsum("md->m" if len(factors) == 1 else "md,md->m", *factors)
    return sums[:, np.newaxis] / factors[0].shape[1]
