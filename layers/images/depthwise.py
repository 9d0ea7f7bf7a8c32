"""The depthwise convolution: a kernel for every channel, and no sum over channels.

With x and the weights of `plain_convolution`, but one channel for itself, each matrix product becomes a product of
numbers. At the position (a, b) of the window, for all windows at once, with seen = windows.at(a, b):

    out           += padded[seen] * weights[a, b]
    dweights[a, b] = sum_nij padded[seen] * dout
    dpadded[seen] += dout * weights[a, b]

With a multiplier, every channel of x is there several times, and what these copies get back is added up.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..contract import Array, Rng, Shape, checks
from ..initializers import he_normal
from ..weighted import Initializer
from .convolution import Conv2D
from .frames import chunks, crop, pad, padded_shape
from .sliding import PadsLike, PairLike, Windows

BLOCK = 512  # rows that one sum in the dtype of the images may run over


class DepthwiseConv2D(Conv2D):
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
        Each number of out is a sum over kernel_h * kernel_w of x, the fan that it draws by; one of x stands in
        kernel_h * kernel_w * multiplier of out.
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
        kernel_size: PairLike,
        stride: PairLike = 1,
        padding: PadsLike | str = 0,
        *,
        dilation: PairLike = 1,
        multiplier: int = 1,
        use_bias: bool = True,
        initializer: Initializer = he_normal,
        rng: Rng = None,
    ) -> None:
        n_inputs = checks.whole("DepthwiseConv2D", "n_inputs", n_inputs)
        self.multiplier = checks.whole("DepthwiseConv2D", "multiplier", multiplier)
        super().__init__(
            n_inputs,
            n_inputs * self.multiplier,
            kernel_size,
            stride,
            padding,
            dilation=dilation,
            n_groups=n_inputs,
            use_bias=use_bias,
            initializer=initializer,
            rng=rng,
        )

    def _convolve(self, x: Array, windows: Windows, finite: bool) -> Array:
        weights = self._weights_in_rows(windows)
        out = np.empty((len(x), *windows.size, self.n_outputs), np.result_type(x, weights))
        for here in chunks(len(x), out[0].nbytes):
            padded, total = pad(x[here].repeat(self.multiplier, axis=-1), windows.pads), out[here]
            total[...] = self.bias if self.use_bias else 0
            for a, b in windows.positions:
                total += padded[windows.at(a, b)] * weights[a, b]
        return out

    def _gradients(
        self, x: Array, dout: Array, windows: Windows, input_gradient: bool, finite: bool
    ) -> tuple[Array, Array | None]:
        # For every column of out; sums over at most `BLOCK` pixels are added up in float64 at least.
        shape = *windows.kernel, *dout.shape[2:]
        dweights = np.zeros(shape, np.result_type(x, dout, np.float64))
        for here in chunks(len(x), dout[0].nbytes):
            padded = pad(x[here].repeat(self.multiplier, axis=-1), windows.pads)
            for part in _parts(*dout[here].shape[:2]):
                given = dout[here][part[:2]]
                for a, b in windows.positions:
                    dweights[a, b] += _sum_of_products(padded[windows.at(a, b)][part[:2]], given, part[2])
        dx = self._image_gradient(dout, windows, x.shape) if input_gradient else None
        return dweights.sum(axis=2), dx

    def _image_gradient(self, dout: Array, windows: Windows, x_shape: Shape) -> Array:
        weights = self._weights_in_rows(windows)
        dx = np.empty(x_shape, np.result_type(dout, weights))
        for here in chunks(len(dout), dout[0].nbytes):
            n, height, width, _ = dx[here].shape
            copies = n, height, width, self.n_outputs  # the shape of x repeated
            dpadded = np.zeros(padded_shape(copies, windows.pads), dx.dtype)
            for a, b in windows.positions:
                dpadded[windows.at(a, b)] += dout[here] * weights[a, b]
            dx[here] = crop(dpadded, windows.pads).reshape(n, height, width, -1, self.multiplier).sum(axis=-1)
        return dx

    def _weights_in_rows(self, windows: Windows) -> Array:
        """Return the weights as often as out has columns, (kernel_h, kernel_w, columns, n_outputs).

        With few channels the product of a whole row is much faster than one pixel after the other.
        """
        return np.repeat(self.weights, windows.size[1], axis=2)


def _parts(n: int, n_rows: int) -> Iterator[tuple[slice, slice, int]]:
    """Cut n images of so many rows: yield some images, some of their rows, and how many images make up a block."""
    together = min(max(BLOCK // n_rows, 1), n)
    whole = n - n % together
    for j in range(0, n_rows, BLOCK):
        yield slice(whole), slice(j, j + BLOCK), together
        if whole < n:
            yield slice(whole, n), slice(j, j + BLOCK), n - whole


def _sum_of_products(a: Array, b: Array, together: int) -> Array:
    """Return the sum of a * b over images and rows, (columns, C), by blocks of so many images."""
    shape = -1, together, *a.shape[1:]  # views: only the axis of the images is cut
    blocks: Array = np.einsum("bnijc,bnijc->bjc", a.reshape(shape), b.reshape(shape))
    return blocks[0] if len(blocks) == 1 else blocks.sum(axis=0, dtype=np.result_type(a, b, np.float64))
