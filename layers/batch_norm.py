"""Normalization of each feature over the batch."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from .contract import Array, Rng, checks
from .extremes import Normalized
from .normalization import Normalization
from .speed import as_rows, repeat_channels, sum_over_pixels, sum_rows, sum_rows_into


def plain_batch_norm(
    x: Array, dout: Array, gain: Array, bias: Array, epsilon: float
) -> tuple[Array, Array, Array, Array]:
    """Return out, dx, dgain, dbias of a BatchNorm in training: the definition, in plain NumPy.

    It is `plain_norm`, derived gate by gate in `normalization.py`, over all axes but the last. Here all M values of a
    mean have the same gain, so that gain / root stands before the bracket, and the two means in it are dbias / M and
    dgain / M.

    Examples
    --------
    >>> x, dout = np.array([[1.0], [3.0]]), np.array([[1.0], [0.0]])
    >>> out, dx, dgain, dbias = plain_batch_norm(x, dout, np.ones(1), np.zeros(1), epsilon=3.0)
    >>> out.T, dx.T, dgain, dbias
    (array([[-0.5,  0.5]]), array([[ 0.1875, -0.1875]]), array([-0.5]), array([1.]))
    """
    axes = tuple(range(x.ndim - 1))
    difference = x - x.mean(axes)
    root = np.sqrt(np.mean(difference * difference, axes) + epsilon)
    normalized = difference / root
    out = gain * normalized + bias

    n_values = x.size // x.shape[-1]
    dbias = dout.sum(axes)
    dgain = np.sum(dout * normalized, axes)
    dx = gain / root * (dout - dbias / n_values - normalized * dgain / n_values)
    return out, dx, dgain, dbias


class BatchNorm(Normalization):
    """Normalize each feature over the batch: out = gain * (x - mean) / sqrt(variance + epsilon) + bias.

    The mean and the variance are taken over all axes but the last. `predict` uses running averages of them, which
    `forward` keeps: an example by itself has no batch.

    Parameters
    ----------
    n_features : int
        Length of the last axis: features, or channels of images.
    momentum : float in [0, 1], default 0.1
        The weight of the new value: running = (1 - momentum) * running + momentum * new. With `layer.momentum = 1`,
        a forward of all the training data makes the averages exact.
    epsilon : float, default 1e-5

    Attributes
    ----------
    running_mean, running_variance : array (n_features,)
        Buffers, zeros and ones at first: not learned, but in the `state_dict`.

    Shapes
    ------
    x (N, n_features), (N, T, n_features) or (N, H, W, n_features); gain and bias (n_features,), ones and zeros at first

    Raises
    ------
    ValueError
        If the last axis of x is not n_features, or, in `forward`, each feature has one value only, whose variance is 0,
        or a variance that the running one cannot hold.

    References
    ----------
    Ioffe, Szegedy (2015), "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
    Shift", arXiv:1502.03167. As there and in PyTorch, with M values of a feature, out takes the biased variance,
    divided by M, and the running variance the unbiased one, divided by M - 1.

    Examples
    --------
    >>> layer = BatchNorm(2)
    >>> layer.forward(np.array([[1.0, 10.0], [3.0, 50.0]])).round(3)
    array([[-1., -1.],
           [ 1.,  1.]])
    >>> layer.running_mean, layer.running_variance  # 0.1 * [2, 30], 0.9 * 1 + 0.1 * [2, 800]
    (array([0.2, 3. ]), array([ 1.1, 80.9]))
    """

    buffers = ("running_mean", "running_variance")
    nonnegative = ("running_variance",)
    training_only = ("momentum",)
    knows_rest = True
    running_mean: Array
    running_variance: Array
    bias: Array
    dbias: Array

    def __init__(self, n_features: int, *, momentum: float = 0.1, epsilon: float = 1e-5) -> None:
        self.momentum = checks.fraction("BatchNorm", "momentum", momentum, one=True)
        super().__init__(n_features, epsilon)

    def initialize(self, rng: Rng = None) -> None:
        super().initialize(rng)
        self.running_mean, self.running_variance = np.zeros(self.n_features), np.ones(self.n_features)

    @np.errstate(over="ignore", invalid="ignore")
    def forward(self, x: ArrayLike) -> Array:
        if self.resting:
            out = self.predict(x)
            self._cache = out.shape
            return out
        x = self._check_features(x, self.n_features)
        n_values = x.size // self.n_features
        if n_values < 2:
            raise ValueError(f"{self.who}: x must hold two values of a feature in training, got shape {x.shape}")
        rows = as_rows(x)
        width = rows.shape[1]
        # The mean in two steps, mean = first + rest: sums of float32 numbers far from zero lose digits. So one value of
        # each feature, any of them, is taken from all first. What is left is as large as these values differ.
        first = rows[0, : self.n_features]
        difference = rows - repeat_channels(first, width)
        rest = sum_over_pixels(sum_rows(difference), self.n_features) / n_values
        difference -= repeat_channels(rest, width)
        variance = sum_over_pixels(sum_rows(difference, difference), self.n_features) / n_values
        root = np.sqrt(variance + self.epsilon)
        if not self._is_usual(root):
            return self._from_careful(x)
        out = difference * repeat_channels(self.gain / root, width)
        out += repeat_channels(self.bias, width)
        old, old_variance = self.running_mean, self.running_variance
        old += self.momentum * (first + rest - old)
        old_variance += self.momentum * (variance * (n_values / (n_values - 1)) - old_variance)
        self._cache = difference, root, x.shape
        return out.reshape(x.shape)

    @np.errstate(over="ignore", invalid="ignore")
    def backward(self, dout: ArrayLike, input_gradient: bool = True) -> Array | None:
        # dx of plain_batch_norm, with scale = gain / root and normalized = difference / root:
        # dx = scale * dout - scale * dbias / M - difference * scale / root * dgain / M, the last term first
        cache = self._recall()
        if self.resting:
            dout = self._check_dout(dout, cache)
            return self._backward_at_rest(dout) if input_gradient else None
        if isinstance(cache, Normalized):
            return self._careful_backward(cache, dout, input_gradient)
        difference, root, shape = cache
        dout_rows = self._check_dout(dout, shape).reshape(difference.shape)
        sum_rows_into(self.dbias, sum_rows(dout_rows).reshape(-1, self.n_features))
        self.dgain = sum_over_pixels(sum_rows(dout_rows, difference), self.n_features) / root
        if not math.isfinite(self.gradients.dot(self.gradients)):
            difference = difference.reshape(-1, self.n_features)
            return self._careful_backward(Normalized.of(difference, root, (0,), shape), dout, input_gradient)
        if not input_gradient:
            return None
        width, n_values = difference.shape[1], difference.size // self.n_features
        scale = self.gain / root
        dx = difference  # it is ours alone, and read once: turn it into dx in place
        dx *= repeat_channels(-scale / root * self.dgain / n_values, width)
        dx -= repeat_channels(scale * self.dbias / n_values, width)
        dx += dout_rows * repeat_channels(scale, width)
        return dx.reshape(shape)

    def _from_careful(self, x: Array) -> Array:
        """Return out where the values are too large or too small for the usual way."""
        n_values = x.size // self.n_features
        out, mean, variance = self._careful_forward(x, (n_values, self.n_features), (0,))
        variance *= n_values / (n_values - 1)
        running = [
            old + self.momentum * (new[0] - old)
            for old, new in ((self.running_mean, mean), (self.running_variance, variance))
        ]
        if np.any(np.isinf(np.array(running).astype(self._dtype)) & np.isfinite(mean[0])):
            self.forget()
            held = f"the variance of x must be one that {self._dtype} holds, for running_variance"
            raise ValueError(f"{self.who}: {held}, got {np.nanmax(variance):.3g}")
        if np.isfinite(running).all():  # a batch with NaN in it moves nothing
            self.running_mean, self.running_variance = running
        return out

    def predict(self, x: ArrayLike) -> Array:
        x = self._check_features(x, self.n_features)
        rows = as_rows(x)
        width = rows.shape[1]
        out = rows - repeat_channels(self.running_mean, width)
        out *= repeat_channels(self.gain / np.sqrt(self.running_variance + self.epsilon), width)
        out += repeat_channels(self.bias, width)
        return out.reshape(x.shape)

    def _backward_at_rest(self, dout: Array) -> Array:
        # out = (x - running_mean) * scale + bias, with a scale that does not depend on x
        rows = as_rows(dout)
        dx = rows * repeat_channels(self.gain / np.sqrt(self.running_variance + self.epsilon), rows.shape[1])
        return dx.reshape(dout.shape)
