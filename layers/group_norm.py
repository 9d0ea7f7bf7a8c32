"""Normalization of each image by itself: its channels in groups, or one by one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .contract import Array, Shape, checks
from .normalization import Normalization
from .speed import as_rows, gather, spread


class GroupNorm(Normalization):
    """Normalize groups of channels in each example: out = gain * (x - mean) / sqrt(variance + epsilon) + bias.

    The mean and the variance are taken over all positions and the channels of a group, of one example: they do not
    depend on the batch, and training and inference are the same.

    Parameters
    ----------
    n_features : int
        Length of the last axis, the channels.
    n_groups : int
        Groups of n_features / n_groups neighboring channels.
    epsilon : float, default 1e-5

    Shapes
    ------
    x (N, ..., n_features), out the same; gain and bias (n_features,), ones and zeros at first

    Raises
    ------
    ValueError
        If the groups do not divide the channels, the last axis of x is not n_features, or a group holds a single
        value: its variance is 0.

    References
    ----------
    Wu, He (2018), "Group Normalization", arXiv:1803.08494.

    Examples
    --------
    >>> layer = GroupNorm(4, n_groups=2)
    >>> layer.forward(np.array([[1.0, 3.0, 10.0, 50.0]])).round(3)
    array([[-1.,  1., -1.,  1.]])
    """

    bias: Array
    dbias: Array

    def __init__(self, n_features: int, n_groups: int, *, epsilon: float = 1e-5) -> None:
        who = type(self).__name__
        n_features = checks.whole(who, "n_features", n_features)
        self.n_groups = checks.whole(who, "n_groups", n_groups)
        if n_features % n_groups:
            raise ValueError(f"{who}: n_groups must divide n_features, {n_features}, got {n_groups}")
        super().__init__(n_features, epsilon)

    def output_shape(self, input_shape: Shape) -> Shape:
        shape = super().output_shape(input_shape)
        if math.prod(shape) == self.n_groups:
            raise ValueError(f"{self.who}: each group must hold two values or more, got an example of shape {shape}")
        return shape

    def forward(self, x: Any) -> Array:
        x = self._check_values(x)
        self.output_shape(x.shape[1:])
        rows = as_rows(x, kept=1)  # (N, n_rows, width)
        width = rows.shape[2]
        # One value of each group, any, is taken from all of it: the offset goes before float32 loses digits to it.
        first = rows[:, 0, : self.n_features : self.n_features // self.n_groups]
        difference = rows - self._spread(self._of_channels(first), width)
        mean = self._mean(gather(difference.sum(axis=1), self.n_features), x.shape)
        difference -= self._spread(mean, width)
        square = np.einsum("nrw,nrw->nw", difference, difference)
        root = np.sqrt(self._mean(gather(square, self.n_features), x.shape) + self.epsilon)
        out = difference * self._spread(self.gain / root, width)
        out += spread(self.bias, width)
        self._cache = difference, root, x.shape
        return out.reshape(x.shape)

    def backward(self, dout: Any, input_gradient: bool = True) -> Array | None:
        # The gates are those of a BatchNorm: product with gain, root, sum, square, difference, mean. But the gain
        # differs between the channels of one mean, so that it stays inside, in dnormalized = gain * dout:
        # dx = (dnormalized - mean(dnormalized) - normalized * mean(dnormalized * normalized)) / root
        # Both means are over the positions first, where the gain is the same, then over the channels of a group.
        difference, root, shape = self._recall()  # (N, n_rows, width), (N, n_features)
        dout = self._check_dout(dout, shape).reshape(difference.shape)
        sums = gather(dout.sum(axis=1), self.n_features)
        products = gather(np.einsum("nrw,nrw->nw", dout, difference), self.n_features) / root
        self.dbias = sums.sum(axis=0)
        self.dgain = products.sum(axis=0)
        if not input_gradient:
            return None
        width = difference.shape[2]
        dx = difference  # it is ours alone, and read once: turn it into dx in place
        dx *= self._spread(-self._mean(self.gain * products, shape) / root**2, width)
        dx -= self._spread(self._mean(self.gain * sums, shape) / root, width)
        dx += dout * self._spread(self.gain / root, width)
        return dx.reshape(shape)

    def _mean(self, sums: Array, shape: Shape) -> Array:
        """Return the mean of its group for each channel, (N, C), given each channel's sum over the positions."""
        n_values = math.prod(shape[1:]) // self.n_groups
        return self._of_channels(sums.reshape(len(sums), self.n_groups, -1).sum(axis=2) / n_values)

    def _of_channels(self, groups: Array) -> Array:
        """Return (N, C), given (N, n_groups): to each channel the number of its group."""
        return np.repeat(groups, self.n_features // self.n_groups, axis=1)

    @staticmethod
    def _spread(values: Array, width: int) -> Array:
        """Return (N, 1, width), given (N, C): for all rows of an example."""
        return spread(values, width)[:, np.newaxis]


class InstanceNorm(GroupNorm):
    """Normalize each channel of each example: out = gain * (x - mean) / sqrt(variance + epsilon) + bias.

    The mean and the variance are taken over the positions: the contrast of an image goes. A GroupNorm whose groups
    are single channels.

    Parameters
    ----------
    n_features : int
        Length of the last axis, the channels.
    epsilon : float, default 1e-5

    Shapes
    ------
    x (N, H, W, n_features) or (N, T, n_features), out the same; gain and bias (n_features,), ones and zeros at first

    Raises
    ------
    ValueError
        If the last axis of x is not n_features, or there is a single position: its variance is 0.

    References
    ----------
    Ulyanov, Vedaldi, Lempitsky (2016), "Instance Normalization: The Missing Ingredient for Fast Stylization",
    arXiv:1607.08022.

    Examples
    --------
    >>> layer = InstanceNorm(1)
    >>> layer.forward(np.array([[[1.0], [3.0]], [[10.0], [50.0]]])).round(3)[..., 0]
    array([[-1.,  1.],
           [-1.,  1.]])
    """

    def __init__(self, n_features: int, *, epsilon: float = 1e-5) -> None:
        super().__init__(n_features, n_features, epsilon=epsilon)
