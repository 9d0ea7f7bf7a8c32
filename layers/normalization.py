"""Normalization: numbers brought to mean 0 and variance 1, then scaled and shifted as the network learns.

All of these layers are one chain of gates, and differ in what they take the mean over:

    BatchNorm      each feature, over all examples and positions      batch_norm.py
    LayerNorm      each example and position, over the features
    RMSNorm        the same, without the mean
    GroupNorm      each example, over positions and a group of features      group_norm.py
    InstanceNorm   each example and feature, over the positions

Step by step, with M values in each mean: on the left what forward does, from the top down, on the right what backward
sends through each gate, to be read from the bottom up:

    mean        mean = sum(x) / M
    difference  difference = x - mean                 dx = ddifference - sum(ddifference) / M
    square      square = difference * difference      ddifference += 2 * difference * dsquare
    sum         variance = sum(square) / M            dsquare = dvariance / M, the same for all
    root        root = sqrt(variance + epsilon)       dvariance = droot / (2 * root)
    product     normalized = difference / root        ddifference = dnormalized / root
                                                      droot = -sum(dnormalized * difference) / root**2
                out = gain * normalized + bias        dnormalized = gain * dout

`examples/batchnorm_by_hand.py` walks this long way, gate by gate. Put into one another from the bottom up, the seven
lines on the right become two, and the second of them, with the first put in, is the closed form:

    ddifference = dnormalized / root - difference * mean(dnormalized * difference) / root**3
    dx          = (dnormalized - mean(dnormalized) - normalized * mean(dnormalized * normalized)) / root

What is taken away are the two directions in which x can move without changing normalized: all values up together, and
all away from their mean together.

`plain_norm` is all of this as code. The layers compute the same in another order, which reads memory less often and
keeps the digits of float32, and `extremes.py` what is too large or too small for that; tests hold them together.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from .contract import Array, Rng, Shape, as_shape, checks
from .extremes import Careful, Normalized
from .speed import as_rows, repeat_channels, sum_columns, sum_rows_into, sum_to_shape, weigh_rows


def plain_norm(
    x: Array, dout: Array, gain: Array, bias: Array, axes: int | tuple[int, ...], epsilon: float
) -> tuple[Array, Array, Array, Array]:
    """Return out, dx, dgain, dbias of the norm whose means are over `axes`: the definition, in plain NumPy.

    A LayerNorm takes its means over the axis -1, a BatchNorm over all axes but the last, (0,) or (0, 1, 2), an
    InstanceNorm over all but the first and the last, (1,) or (1, 2); a GroupNorm needs an axis more, see
    `plain_group_norm`. gain and bias broadcast to x, so that their gradients are sums over the copies.

    Examples
    --------
    >>> x, dout = np.array([[1.0, 3.0], [10.0, 10.0]]), np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> out, dx, dgain, dbias = plain_norm(x, dout, np.ones(2), np.zeros(2), axes=-1, epsilon=1.0)
    >>> out.round(3), dx
    (array([[-0.707,  0.707],
           [ 0.   ,  0.   ]]), array([[ 0.1767767, -0.1767767],
           [-0.5      ,  0.5      ]]))
    """

    def mean(values: Array) -> Array:
        return values.mean(axis=axes, keepdims=True)

    difference = x - mean(x)
    root = np.sqrt(mean(difference * difference) + epsilon)
    normalized = difference / root
    out = gain * normalized + bias

    dnormalized = gain * dout
    dx = (dnormalized - mean(dnormalized) - normalized * mean(dnormalized * normalized)) / root
    dgain = sum_to_shape(dout * normalized, gain.shape)
    dbias = sum_to_shape(dout, bias.shape)
    return out, dx, dgain, dbias


class Normalization(Careful):
    """What the layers of this family share: gain and bias, one of each for every feature, and the checks of x."""

    last_axis = "n_features", "n_features"
    gain: Array
    dgain: Array

    def __init__(self, n_features: int, epsilon: float, has_bias: bool = True) -> None:
        who = type(self).__name__
        self.n_features = checks.whole(who, "n_features", n_features)
        self.epsilon = checks.positive(who, "epsilon", epsilon)  # equal values have variance 0
        if has_bias:
            super().__init__(gain=(self.n_features,), bias=(self.n_features,))
        else:
            super().__init__(gain=(self.n_features,))
        self.initialize()

    def initialize(self, rng: Rng = None) -> None:
        super().initialize(rng)
        self.gain = np.ones(self.n_features)
        if "bias" in self.shapes:
            self.bias = np.zeros(self.n_features)

    def _check_features(self, x: ArrayLike, n_features: int) -> Array:
        """Return x in the dtype of this layer, or its own if that is wider, its last axis checked."""
        x = self._check_x(x)
        if x.ndim < 2 or x.shape[-1] != n_features:
            hint = self._hint(x.shape[1:])
            raise ValueError(f"{self.who}: x must have shape (N, ..., {n_features}), got {x.shape}{hint}")
        return x if x.dtype == self._dtype else x.astype(np.result_type(x.dtype, self._dtype), copy=False)

    def _check_feature_shape(self, input_shape: Shape, n_features: int) -> Shape:
        shape = as_shape(input_shape, self)
        if not shape or shape[-1] != n_features:
            hint = self._hint(shape)
            raise ValueError(f"{self.who}: input_shape must be (..., {n_features}), got {shape}{hint}")
        return shape

    def _hint(self, shape: Shape) -> str:
        return "; channels come last" if len(shape) > 1 and shape[0] == self.n_features else ""

    def output_shape(self, input_shape: Shape) -> Shape:
        return self._check_feature_shape(input_shape, self.n_features)


class LayerNorm(Normalization):
    """Normalize the features of each example: out = gain * (x - mean) / sqrt(variance + epsilon) + bias.

    No example sees another one, so that training and inference are the same.

    Parameters
    ----------
    n_features : int
        Length of the last axis, over which the mean and the variance are taken.
    epsilon : float, default 1e-5
    use_bias : bool, default True

    Shapes
    ------
    x (N, ..., n_features); gain and bias (n_features,), ones and zeros at first. Of a sequence
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

    step_by_step = True

    bias: Array
    dbias: Array

    def __init__(self, n_features: int, *, epsilon: float = 1e-5, use_bias: bool = True) -> None:
        self.use_bias = checks.flag("LayerNorm", "use_bias", use_bias)
        super().__init__(n_features, epsilon, has_bias=self.use_bias)

    @np.errstate(over="ignore", invalid="ignore")
    def forward(self, x: ArrayLike) -> Array:
        x = self._check_features(x, self.n_features)
        rows = x.reshape(-1, self.n_features)
        mean = sum_columns(rows) / self.n_features
        difference = rows - mean
        root = np.sqrt(sum_columns(difference, difference) / self.n_features + self.epsilon)
        if (np.abs(mean) > 10 * root).any():
            # Far from zero a rounded mean misses by too much: around 1e4 a float32 is 1e-3 from the next one.
            difference -= sum_columns(difference) / self.n_features
            root = np.sqrt(sum_columns(difference, difference) / self.n_features + self.epsilon)
        if not self._is_usual(root):
            return self._careful_forward(x, rows.shape, (1,))[0]
        self._cache = difference, root, x.shape
        out = as_rows((difference * (1 / root)).reshape(x.shape))
        out *= repeat_channels(self.gain, out.shape[1])
        if self.use_bias:
            out += repeat_channels(self.bias, out.shape[1])
        return out.reshape(x.shape)

    @np.errstate(over="ignore", invalid="ignore")
    def backward(self, dout: ArrayLike, input_gradient: bool = True) -> Array | None:
        # dx of plain_norm, in few passes over memory. A mean over the features of a row is a product with gain:
        # sum_j gain[j] * dout[i, j] is dout @ gain. And normalized, difference / root, is never made: where it would
        # stand, the roots are divided out of what has one number for each row.
        cache = self._recall()
        if isinstance(cache, Normalized):
            return self._careful_backward(cache, dout, input_gradient)
        difference, root, shape = cache
        dout_rows = self._check_dout(dout, shape).reshape(difference.shape)
        product = dout_rows * difference
        inverse = 1 / root
        self.dgain = weigh_rows(inverse[:, 0], product)  # sum_i dout[i, j] * normalized[i, j]
        if self.use_bias:
            sum_rows_into(self.dbias, dout_rows)
        if not math.isfinite(self.gradients.dot(self.gradients)):
            return self._careful_backward(Normalized.of(difference, root, (1,), shape), dout, input_gradient)
        if not input_gradient:
            return None
        mean = (dout_rows @ self.gain)[:, np.newaxis] / self.n_features  # of dnormalized
        slope = (product @ self.gain)[:, np.newaxis] / self.n_features  # the mean of dnormalized * difference
        dx = np.multiply(dout_rows, self.gain, out=product)  # dnormalized
        dx -= mean
        difference *= slope * inverse**2  # normalized * mean(dnormalized * normalized), in memory that is ours alone
        dx -= difference
        dx *= inverse
        return dx.reshape(shape)
