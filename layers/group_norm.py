"""Normalization of each image by itself: its channels in groups, or one by one."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from .contract import Array, Shape, checks
from .extremes import Normalized
from .normalization import Normalization, plain_norm
from .speed import as_rows, repeat_channels, sum_over_pixels, sum_rows


def plain_group_norm(
    x: Array, dout: Array, gain: Array, bias: Array, n_groups: int, epsilon: float
) -> tuple[Array, Array, Array, Array]:
    """Return out, dx, dgain, dbias of a GroupNorm: the definition, in plain NumPy.

    With the channels as (groups, channels of a group) it is `plain_norm` over the positions and the last axis; that
    function, and where it comes from, stand in `normalization.py`. An InstanceNorm has as many groups as channels.

    Examples
    --------
    >>> x, dout = np.array([[1.0, 3.0, 10.0, 50.0]]), np.array([[1.0, 0.0, 0.0, 0.0]])
    >>> out, dx, dgain, dbias = plain_group_norm(x, dout, np.ones(4), np.zeros(4), n_groups=2, epsilon=3.0)
    >>> out.round(3), dx
    (array([[-0.5  ,  0.5  , -0.996,  0.996]]), array([[ 0.1875, -0.1875,  0.    ,  0.    ]]))
    """
    n_examples, n_features = len(x), x.shape[-1]
    grouped = (n_examples, -1, n_groups, n_features // n_groups)  # (N, positions, groups, channels of a group)
    out, dx, dgain, dbias = plain_norm(
        x.reshape(grouped),
        dout.reshape(grouped),
        gain.reshape(n_groups, -1),
        bias.reshape(n_groups, -1),
        axes=(1, 3),
        epsilon=epsilon,
    )
    return out.reshape(x.shape), dx.reshape(x.shape), dgain.reshape(n_features), dbias.reshape(n_features)


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
    x (N, ..., n_features); gain and bias (n_features,), ones and zeros at first

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
        if n_features % self.n_groups:
            raise ValueError(f"{who}: n_groups must divide n_features, {n_features}, got {n_groups}")
        super().__init__(n_features, epsilon)

    def output_shape(self, input_shape: Shape) -> Shape:
        shape = super().output_shape(input_shape)
        if math.prod(shape) == self.n_groups:
            raise ValueError(f"{self.who}: each group must hold two values or more, got an example of shape {shape}")
        return shape

    @np.errstate(over="ignore", invalid="ignore")
    def forward(self, x: ArrayLike) -> Array:
        x = self._check_features(x, self.n_features)
        self.output_shape(x.shape[1:])
        # (N, n_rows, width), rows of many pixels: see speed/channels.py. One value per channel or group has shape
        # (N, 1, ...).
        rows = as_rows(x, kept=1)
        width = rows.shape[2]
        # The mean in two steps, mean = first + rest, as in a BatchNorm: one value of each group, any of them, is taken
        # from all of it first, before float32 sums lose digits to an offset.
        first = rows[:, :1, : self.n_features : self.n_features // self.n_groups]
        difference = rows - repeat_channels(self._of_channels(first), width)
        rest = self._group_mean(sum_over_pixels(sum_rows(difference)[:, np.newaxis], self.n_features), x.shape)
        difference -= repeat_channels(rest, width)
        squares = sum_rows(difference, difference)[:, np.newaxis]
        root = np.sqrt(self._group_mean(sum_over_pixels(squares, self.n_features), x.shape) + self.epsilon)
        if not self._is_usual(root):
            return self._careful_forward(x, self._grouped(x.shape), (1, 3))[0]
        out = difference * repeat_channels(self.gain / root, width)
        out += repeat_channels(self.bias, width)
        self._cache = difference, root, x.shape
        return out.reshape(x.shape)

    @np.errstate(over="ignore", invalid="ignore")
    def backward(self, dout: ArrayLike, input_gradient: bool = True) -> Array | None:
        # dx of plain_norm, with normalized = difference / root, from right to left:
        # dx = (gain * dout - mean(gain * dout) - difference / root * mean(gain * dout * normalized)) / root
        # Both means are over the positions first, where the gain is the same and can wait, then over the channels of a
        # group, where it differs. What the positions sum to, before the gain, gives dbias and dgain on the way.
        cache = self._recall()
        if isinstance(cache, Normalized):
            return self._careful_backward(cache, dout, input_gradient)
        difference, root, shape = cache  # (N, n_rows, width), (N, 1, C)
        dout_rows = self._check_dout(dout, shape).reshape(difference.shape)
        dout_sums = sum_over_pixels(sum_rows(dout_rows)[:, np.newaxis], self.n_features)
        products = sum_rows(dout_rows, difference)[:, np.newaxis]
        dout_normalized_sums = sum_over_pixels(products, self.n_features) / root
        self.dbias = sum_rows(dout_sums[:, 0])
        self.dgain = sum_rows(dout_normalized_sums[:, 0])
        if not math.isfinite(self.gradients.dot(self.gradients)):
            grouped = self._grouped(shape)
            groups = root.reshape(len(root), 1, self.n_groups, -1)
            cache = Normalized.of(difference.reshape(grouped), groups, (1, 3), shape)
            return self._careful_backward(cache, dout, input_gradient)
        if not input_gradient:
            return None
        width = difference.shape[2]
        dx = difference  # it is ours alone, and read once: turn it into dx in place
        dx *= repeat_channels(-self._group_mean(self.gain * dout_normalized_sums, shape) / root**2, width)
        dx -= repeat_channels(self._group_mean(self.gain * dout_sums, shape) / root, width)
        dx += dout_rows * repeat_channels(self.gain / root, width)
        return dx.reshape(shape)

    def _grouped(self, shape: Shape) -> Shape:
        """Return the shape (N, positions, groups, channels of a group) of an x of this shape."""
        channels = self.n_features // self.n_groups
        return shape[0], math.prod(shape[1:-1]), self.n_groups, channels

    def _group_mean(self, sums: Array, shape: Shape) -> Array:
        """Return the mean of its group for each channel, (N, 1, C), given each channel's sum over the positions."""
        n_values = math.prod(shape[1:]) // self.n_groups
        return self._of_channels(sums.reshape(len(sums), 1, self.n_groups, -1).sum(axis=3) / n_values)

    def _of_channels(self, groups: Array) -> Array:
        """Return (N, 1, C), given (N, 1, n_groups): to each channel the number of its group."""
        return np.repeat(groups, self.n_features // self.n_groups, axis=2)


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
    x (N, H, W, n_features) or (N, T, n_features); gain and bias (n_features,), ones and zeros at first

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
