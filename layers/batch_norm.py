"""Normalization of each feature over the batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from .contract import Array, Rng, checks
from .normalization import Normalization
from .speed import as_rows, gather, spread


class BatchNorm(Normalization):
    """Normalize each feature over the batch: out = gain * (x - mean) / sqrt(variance + epsilon) + bias.

    The mean and the variance are taken over all axes but the last. `predict` uses running averages of them, that
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
    x (N, n_features), (N, T, n_features) or (N, H, W, n_features), out the same; gain and bias (n_features,), ones
    and zeros at first

    Raises
    ------
    ValueError
        If the last axis of x is not n_features, or, in `forward`, each feature has one value only: its variance is 0.

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
    running_mean: Array
    running_variance: Array
    bias: Array
    dbias: Array

    def __init__(self, n_features: int, *, momentum: float = 0.1, epsilon: float = 1e-5) -> None:
        self.momentum = checks.fraction("BatchNorm", "momentum", momentum, one=True)
        super().__init__(n_features, epsilon)

    def initialize(self, rng: Rng = None) -> None:
        super().initialize()
        self.running_mean, self.running_variance = np.zeros(self.n_features), np.ones(self.n_features)

    def forward(self, x: Any) -> Array:
        x = self._check_values(x)
        n_values = x.size // self.n_features
        if n_values < 2:
            raise ValueError(f"{self.who}: x must hold two values of a feature in training, got shape {x.shape}")
        rows = as_rows(x)
        width = rows.shape[1]
        # One value, any, taken from all: what is left is as large as the spread of x, not as its offset, so that
        # float32 sums keep their digits. The mean follows in a second step.
        first = rows[0, : self.n_features]
        difference = rows - spread(first, width)
        mean = gather(difference.sum(axis=0), self.n_features) / n_values
        difference -= spread(mean, width)
        variance = gather(np.einsum("rw,rw->w", difference, difference), self.n_features) / n_values
        root = np.sqrt(variance + self.epsilon)
        out = difference * spread(self.gain / root, width)
        out += spread(self.bias, width)
        self.running_mean += self.momentum * (first + mean - self.running_mean)
        self.running_variance += self.momentum * (variance * (n_values / (n_values - 1)) - self.running_variance)
        self._cache = difference, root, x.shape
        return out.reshape(x.shape)

    def backward(self, dout: Any, input_gradient: bool = True) -> Array | None:
        # The gates of the forward pass, the last one first; sums and means run over the M values of a feature:
        # out = gain * normalized + bias       dbias = sum(dout), dgain = sum(dout * normalized)
        # normalized = difference / root       ddifference = gain * dout / root, droot = -gain * dgain / root
        # root = sqrt(sum(square) / M + eps)   dsquare = droot / (2 * root) / M
        # square = difference * difference     ddifference += 2 * difference * dsquare
        # difference = x - sum(x) / M          dx = ddifference - sum(ddifference) / M; with sum(normalized) = 0:
        # dx = gain / root * (dout - dbias / M - normalized * dgain / M)
        difference, root, shape = self._recall()
        dout = self._check_dout(dout, shape).reshape(difference.shape)
        self.dbias = gather(dout.sum(axis=0), self.n_features)
        self.dgain = gather(np.einsum("rw,rw->w", dout, difference), self.n_features) / root
        if not input_gradient:
            return None
        width, n_values = difference.shape[1], difference.size // self.n_features
        scale = self.gain / root
        dx = difference  # it is ours alone, and read once: turn it into dx in place
        dx *= spread(-scale / root * self.dgain / n_values, width)
        dx -= spread(scale * self.dbias / n_values, width)
        dx += dout * spread(scale, width)
        return dx.reshape(shape)

    def predict(self, x: Any) -> Array:
        x = self._check_values(x)
        rows = as_rows(x)
        width = rows.shape[1]
        out = rows - spread(self.running_mean, width)
        out *= spread(self.gain / np.sqrt(self.running_variance + self.epsilon), width)
        out += spread(self.bias, width)
        return out.reshape(x.shape)
