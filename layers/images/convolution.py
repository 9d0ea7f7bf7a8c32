"""Convolutions: the same weights at every place of an image or a sequence.

The window (i, j) sees at its position (a, b) one pixel of the padded image, a row of C numbers. With weights
(kernel_h, kernel_w, C, K), and a stride and a dilation of 1 to keep the indices short:

    out[n, i, j, k] = sum_abc x[n, i + a, j + b, c] * weights[a, b, c, k] + bias[k]

out is linear in x, in the weights and in the bias. So the gradient of each number is a sum over all products that it
stands in: dout of the product, times the factor beside it.

    dweights[a, b, c, k] = sum_nij  x[n, i + a, j + b, c] * dout[n, i, j, k]
    dbias[k]             = sum_nij  dout[n, i, j, k]
    dx[n, p, q, c]       = sum_abk  dout[n, p - a, q - b, k] * weights[a, b, c, k]    where there is such a window

With a stride s and a dilation d, the pixel under the position (a, b) of the window (i, j) is another one. In out and
in dweights read x[n, s*i + d*a, s*j + d*b, c]. A pixel gets its gradient from the windows that have it under one of
their positions, those whose two indices are whole and within dout:

    dx[n, p, q, c]       = sum_abk  dout[n, (p - d*a) / s, (q - d*b) / s, k] * weights[a, b, c, k]

`plain_convolution` and `plain_convolution_backward` are these lines, position by position: at (a, b) all windows
together see a slice of the image, which is multiplied by weights[a, b], and gets back dout @ weights[a, b].T. Stride
and dilation only say which slice it is. The layers compute the same by `unfolding.py`, several times faster.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from ..contract import Array, Rng, Shape, checks
from ..initializers import he_normal
from ..weighted import Initializer, Weighted
from .extremes import all_finite, quiet
from .frames import crop, pad, sum_pixels_into
from .sliding import PadsLike, PairLike, SlidingLayer, Windows
from .unfolding import convolve, gradients, weights_gradient


def plain_convolution(x: Array, weights: Array, bias: Array | float, windows: Windows) -> Array:
    """Return out (N, rows, columns, K) of images x (N, H, W, C), by the definition.

    With n_groups there are that many such convolutions side by side, each on its own part of the arrays: all are cut
    along their last axis.
    """
    padded = pad(x, windows.pads)
    out = np.zeros((len(x), *windows.size, weights.shape[-1]), x.dtype) + bias
    for a, b in windows.positions:
        out += padded[windows.at(a, b)] @ weights[a, b]
    return out


def plain_convolution_backward(x: Array, dout: Array, weights: Array, windows: Windows) -> tuple[Array, Array, Array]:
    """Return dweights, dbias and dx, given dout (N, rows, columns, K), by the definition."""
    padded = pad(x, windows.pads)
    dpadded, dweights = np.zeros_like(padded), np.zeros_like(weights)
    for a, b in windows.positions:
        seen = windows.at(a, b)
        dweights[a, b] = np.einsum("nijc,nijk->ck", padded[seen], dout)
        dpadded[seen] += dout @ weights[a, b].T  # several windows see a pixel: their gradients add
    return dweights, dout.sum(axis=(0, 1, 2)), crop(dpadded, windows.pads)


class Conv2D(Weighted, SlidingLayer):
    """Convolution of images: out[i, j] = sum over (a, b) of x[i + a, j + b] @ weights[a, b], plus a bias.

    As in every toolkit the kernel is not flipped: a cross-correlation.

    Parameters
    ----------
    n_inputs, n_outputs : int
        Number of channels of x and of out.
    kernel_size : int or (rows, columns)
        How many pixels the window sees.
    stride : int or (rows, columns), default 1
        Pixels from one window to the next.
    padding : int, (rows, columns), ((top, bottom), (left, right)), "same" or "valid", default 0
        Zeros around the image. "same" gives out the size ceil(H / stride), the odd zero at the bottom and right, as
        TensorFlow; "valid" is 0.
    dilation : int or (rows, columns), default 1
        Pixels from one that the window sees to the next.
    n_groups : int, default 1
        Cuts the channels into that many parts; each part of out sees its own part of x only.
    use_bias : bool, default True
    initializer : callable (rng, shape) -> array, default he_normal
        Draws the weights; the bias starts at zero. One number of out is a sum over kernel_h * kernel_w * n_inputs /
        n_groups of x, the fan that it draws by, whatever the dilation; one of x stands in kernel_h * kernel_w *
        n_outputs / n_groups of out, at stride 1.
    rng : int or numpy.random.Generator, optional

    Shapes
    ------
    x (N, H, W, n_inputs), weights (kernel_h, kernel_w, n_inputs / n_groups, n_outputs), bias (n_outputs,),
    out (N, rows, columns, n_outputs), rows = (top + H + bottom - dilation * (kernel_h - 1) - 1) // stride + 1

    Raises
    ------
    ValueError
        If the kernel is larger than the padded image, the groups do not divide the channels, or x has another shape.

    References
    ----------
    LeCun, Bottou, Bengio, Haffner (1998), "Gradient-Based Learning Applied to Document Recognition", Proc. IEEE.
    Dumoulin, Visin (2016), "A guide to convolution arithmetic for deep learning", arXiv:1603.07285.

    Examples
    --------
    >>> layer = Conv2D(1, 1, (1, 2))  # the difference of neighbors finds edges
    >>> layer.weights[0, :, 0, 0] = [-1.0, 1.0]
    >>> image = np.array([[0.0, 0.0, 5.0, 5.0]])
    >>> layer.forward(image.reshape(1, 1, 4, 1)).ravel()
    array([0., 5., 0.])
    >>> layer.backward(np.ones((1, 1, 3, 1))).ravel()
    array([-1.,  0.,  0.,  1.])
    """

    last_axis = "n_inputs", "n_outputs"

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        kernel_size: PairLike,
        stride: PairLike = 1,
        padding: PadsLike | str = 0,
        *,
        dilation: PairLike = 1,
        n_groups: int = 1,
        use_bias: bool = True,
        initializer: Initializer = he_normal,
        rng: Rng = None,
    ) -> None:
        who = type(self).__name__
        self.n_inputs = checks.whole(who, "n_inputs", n_inputs)
        self.n_outputs = checks.whole(who, "n_outputs", n_outputs)
        self.n_groups = checks.whole(who, "n_groups", n_groups)
        if n_inputs % n_groups or n_outputs % n_groups:
            raise ValueError(
                f"{who}: n_groups must divide n_inputs {n_inputs} and n_outputs {n_outputs}, got {n_groups}"
            )
        self._set_window(kernel_size, stride, padding, dilation)
        shape = *self._kernel[-self.n_axes :], self.n_inputs // self.n_groups, self.n_outputs
        pixels = math.prod(self._kernel)
        fans = pixels * self.n_inputs // self.n_groups, pixels * self.n_outputs // self.n_groups
        super().__init__(shape, self.n_outputs, use_bias=use_bias, initializer=initializer, fans=fans, rng=rng)

    def forward(self, x: ArrayLike) -> Array:
        images = self._check_images(x, self.n_inputs)
        finite = all_finite(images)
        self._cache = images, finite
        see = self._convolve if finite else quiet(self._convolve)
        out = see(images, self._windows_on(*images.shape[1:3]), finite)
        return out.reshape(self._outward(out.shape))

    def backward(self, dout: ArrayLike, input_gradient: bool = True) -> Array | None:
        x, finite = self._recall()
        windows = self._windows_on(*x.shape[1:3])
        out_shape = len(x), *windows.size, self.n_outputs
        dout = self._check_dout(dout, self._outward(out_shape)).reshape(out_shape)
        finite = finite and all_finite(dout)
        set_gradients = self._set_gradients if finite else quiet(self._set_gradients)
        dx = set_gradients(x, dout, windows, input_gradient, finite)
        return None if dx is None else dx.reshape(self._outward(dx.shape))

    def _set_gradients(
        self, x: Array, dout: Array, windows: Windows, input_gradient: bool, finite: bool
    ) -> Array | None:
        """Set the gradients and return dx, if it is asked for."""
        dweights, dx = self._gradients(x, dout, windows, input_gradient, finite)
        self.dweights = dweights.reshape(self.weights.shape)
        if self.use_bias:
            sum_pixels_into(self.dbias, dout)
        return dx

    @property
    def _filters(self) -> Array:
        """The weights as those of images, (kernel_h, kernel_w, n_inputs / n_groups, n_outputs)."""
        return self.weights.reshape(*self._kernel, *self.weights.shape[-2:])

    # The fast form of `plain_convolution` and `plain_convolution_backward`.

    def _convolve(self, x: Array, windows: Windows, finite: bool) -> Array:
        """Return out of images x."""
        return convolve(x, self._filters, self.bias if self.use_bias else None, windows, self.n_groups, finite)

    def _gradients(
        self, x: Array, dout: Array, windows: Windows, input_gradient: bool, finite: bool
    ) -> tuple[Array, Array | None]:
        """Return dweights and, if it is asked for, dx."""
        if input_gradient:
            return gradients(x, dout, self._filters, windows, self.n_groups, finite)
        return weights_gradient(x, dout, windows, self.n_groups), None

    def output_shape(self, input_shape: Shape) -> Shape:
        height, width, _ = self._check_image_shape(input_shape, self.n_inputs)
        return self._outward((*self._windows_on(height, width).size, self.n_outputs))


class Conv1D(Conv2D):
    """Convolution of sequences: out[t] = sum over a of x[t + a] @ weights[a], plus a bias.

    Parameters
    ----------
    n_inputs, n_outputs : int
        Number of features of a step of x and of out.
    kernel_size : int
    stride : int, default 1
    padding : int, (before, after), "same" or "valid", default 0
        (kernel_size - 1, 0) is causal: no step of out sees a later step of x.
    dilation : int, default 1
    n_groups : int, default 1
    use_bias : bool, default True
    initializer : callable (rng, shape) -> array, default he_normal
    rng : int or numpy.random.Generator, optional
        All as in `Conv2D`.

    Shapes
    ------
    x (N, T, n_inputs), weights (kernel_size, n_inputs / n_groups, n_outputs), bias (n_outputs,),
    out (N, steps, n_outputs)

    Raises
    ------
    ValueError
        As `Conv2D`.

    Examples
    --------
    >>> layer = Conv1D(1, 1, 2, padding=(1, 0))
    >>> layer.weights[:, 0, 0] = [-1.0, 1.0]
    >>> layer.forward(np.array([[[1.0], [3.0], [6.0]]])).ravel()
    array([1., 2., 3.])
    """

    n_axes = 1
