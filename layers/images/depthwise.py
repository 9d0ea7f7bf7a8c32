"""The depthwise convolution: a kernel for every channel, and no sum over channels."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..contract import Array, Rng, Shape, checks
from ..initializers import he_normal
from ..weighted import Initializer
from .convolution import Convolution
from .frames import chunks, crop, pad, seen_at
from .sliding import Placement


class DepthwiseConv2D(Convolution):
    """Convolution channel by channel: out[i, j, c] = sum over (a, b) of x[i + a, j + b, c] * weights[a, b, 0, c].

    A `Conv2D` with as many groups as channels. Followed by a `Conv2D` with kernel 1, which mixes the channels, it is
    the separable convolution.

    Parameters
    ----------
    n_inputs : int
        Number of channels of x.
    kernel_size, stride, padding, dilation
        As in `Conv2D`.
    multiplier : int, default 1
        Channels of out for each one of x; those of the first come first.
    use_bias : bool, default True
    initializer : callable (rng, shape) -> array, default he_normal
    rng : int or numpy.random.Generator, optional

    Shapes
    ------
    x (N, H, W, n_inputs), weights (kernel_h, kernel_w, 1, n_inputs * multiplier), bias (n_inputs * multiplier,),
    out (N, rows, columns, n_inputs * multiplier)

    Raises
    ------
    ValueError
        As `Conv2D`.

    References
    ----------
    Chollet (2016), "Xception: Deep Learning with Depthwise Separable Convolutions", arXiv:1610.02357.

    Examples
    --------
    >>> layer = DepthwiseConv2D(2, (1, 2))
    >>> layer.weights[0, :, 0] = [[1.0, 10.0], [2.0, 20.0]]
    >>> layer.forward(np.ones((1, 1, 2, 2))).ravel()
    array([ 3., 30.])
    """

    def __init__(
        self,
        n_inputs: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        *,
        dilation: Any = 1,
        multiplier: int = 1,
        use_bias: bool = True,
        initializer: Initializer = he_normal,
        rng: Rng = None,
    ) -> None:
        n_inputs = checks.whole("DepthwiseConv2D", "n_inputs", n_inputs)
        self.multiplier = checks.whole("DepthwiseConv2D", "multiplier", multiplier)
        options: dict[str, Any] = {"use_bias": use_bias, "initializer": initializer, "rng": rng}
        n_outputs, window = n_inputs * self.multiplier, (kernel_size, stride, padding)
        super().__init__(n_inputs, n_outputs, *window, dilation=dilation, n_groups=n_inputs, **options)

    # out[n, i, j, c] = sum_ab x[n, i + a, j + b, c] * weights[a, b, c]: no matrix product, but for each position in
    # the window one multiplication of whole images. With a multiplier, every channel of x is there several times.

    def _convolve(self, x: Array, place: Placement) -> Array:
        weights = self._weights_in_rows(place)
        out = np.empty((len(x), *place.size, self.n_outputs), np.result_type(x, weights))
        for here in chunks(len(x), out[0].nbytes):
            padded, total = pad(x[here].repeat(self.multiplier, axis=-1), place.pads), out[here]
            total[...] = self.bias if self.use_bias else 0
            for a, b in np.ndindex(self._kernel):
                total += seen_at(padded, a, b, place) * weights[a, b]
        return out

    def _gradients(self, x: Array, dout: Array, place: Placement, input_gradient: bool) -> Array | None:
        dweights = np.zeros((*place.kernel, *dout.shape[2:]), np.result_type(x, dout))  # for every column of out
        for here in chunks(len(x), dout[0].nbytes):
            padded = pad(x[here].repeat(self.multiplier, axis=-1), place.pads)
            for a, b in np.ndindex(self._kernel):
                dweights[a, b] += np.einsum("nijc,nijc->jc", seen_at(padded, a, b, place), dout[here])
        self._set_gradients(dweights.sum(axis=2), dout.sum(axis=(0, 1)).sum(axis=0))
        return self._image_gradient(dout, place, x.shape) if input_gradient else None

    def _image_gradient(self, dout: Array, place: Placement, x_shape: Shape) -> Array:
        (top, bottom), (left, right), weights = *place.pads, self._weights_in_rows(place)
        dx = np.empty(x_shape, np.result_type(dout, weights))
        for here in chunks(len(dout), dout[0].nbytes):
            n, height, width, _ = dx[here].shape
            dpadded = np.zeros((n, top + height + bottom, left + width + right, self.n_outputs), dx.dtype)
            for a, b in np.ndindex(self._kernel):
                seen_at(dpadded, a, b, place)[...] += dout[here] * weights[a, b]
            dx[here] = crop(dpadded, place.pads).reshape(n, height, width, -1, self.multiplier).sum(axis=-1)
        return dx

    def _weights_in_rows(self, place: Placement) -> Array:
        """Return the weights as often as out has columns, (kernel_h, kernel_w, columns, n_outputs).

        With few channels the product of a whole row is much faster than one pixel after the other.
        """
        return np.repeat(self.weights, place.size[1], axis=2)
