"""The transposed convolution: every pixel paints a kernel, where in a convolution it is seen through one.

The pixel (i, j) of x adds x[i, j] @ weights[a, b] to the pixel (i * stride + a, j * stride + b) of out, for all (a, b):

    out[n, i * stride + a, j * stride + b, k] += sum_c x[n, i, j, c] * weights[a, b, c, k]    and bias[k], everywhere

Each such product gets back the dout of the pixel where it was painted, times the factor beside it:

    dweights[a, b, c, k] = sum_nij x[n, i, j, c] * dout[n, i * stride + a, j * stride + b, k]
    dx[n, i, j, c]       = sum_abk dout[n, i * stride + a, j * stride + b, k] * weights[a, b, c, k]

`plain_transposed` and `plain_transposed_backward` are these lines, position by position of the window on out. They are
those of a convolution from out to x with x and out exchanged: T(x) is the transposed of C(dout), <dout, T(x)> =
<C(dout), x>. So the layer computes the same, several times faster, by the convolution of `unfolding.py`: out as its dx,
dx as its out, and dweights as its dweights for the input dout and the gradient x, with the channels exchanged.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from ..contract import Array, Rng, Shape, checks
from ..initializers import he_normal
from ..weighted import Initializer, Weighted
from .extremes import all_finite, quiet
from .frames import crop, pad, padded_shape, sum_pixels_into
from .sliding import PadsLike, Pair, PairLike, SlidingLayer, Windows, python_numbers, span
from .unfolding import convolve, image_gradient, weights_gradient


def plain_transposed(x: Array, weights: Array, bias: Array | float, windows: Windows, out_size: Pair) -> Array:
    """Return out (N, *out_size, K) of images x (N, H, W, C), by the definition. The windows are those on out."""
    painted = np.zeros(padded_shape((len(x), *out_size, weights.shape[-1]), windows.pads), x.dtype)
    for a, b in windows.positions:
        painted[windows.at(a, b)] += x @ weights[a, b]
    return crop(painted, windows.pads) + bias


def plain_transposed_backward(x: Array, dout: Array, weights: Array, windows: Windows) -> tuple[Array, Array, Array]:
    """Return dweights, dbias and dx, given dout of the shape of out, by the definition."""
    dpainted = pad(dout, windows.pads)  # what was cut off got no gradient
    dweights, dx = np.zeros_like(weights), np.zeros_like(x)
    for a, b in windows.positions:
        seen = windows.at(a, b)
        dweights[a, b] = np.einsum("nijc,nijk->ck", x, dpainted[seen])
        dx += dpainted[seen] @ weights[a, b].T
    return dweights, dout.sum(axis=(0, 1, 2)), dx


class ConvTranspose2D(Weighted, SlidingLayer):
    """Transposed convolution of images: out[i * stride + a, j * stride + b] += x[i, j] @ weights[a, b], plus a bias.

    It makes images larger. The matrix that it multiplies x with is the transposed one of a `Conv2D` from out to x,
    so that its forward is the other's dx, and its dx the other's forward.

    Parameters
    ----------
    n_inputs, n_outputs : int
        Number of channels of x and of out.
    kernel_size : int or (rows, columns)
    stride : int or (rows, columns), default 1
        Pixels of out from what one pixel of x paints to what the next one paints.
    padding : int, (rows, columns), ((top, bottom), (left, right)), "same" or "valid", default 0
        Pixels cut off from the sides of out. "same" gives out the size H * stride.
    output_padding : int or (rows, columns), default 0
        Further pixels at the bottom and right of out, less than the stride: sizes that a convolution with this
        stride would take to the same H.
    dilation : int or (rows, columns), default 1
        Pixels of out from one row of the kernel to the next.
    use_bias : bool, default True
    initializer : callable (rng, shape) -> array, default he_normal
        Draws the weights; the bias starts at zero. Of the kernels that pixels of x paint, a stride apart, a pixel of
        out stands in as many as fit, on average: it is a sum over kernel_h * kernel_w * n_inputs / (stride_h *
        stride_w) numbers, the fan that it draws by. One of x stands in kernel_h * kernel_w * n_outputs of out.
    rng : int or numpy.random.Generator, optional

    Shapes
    ------
    x (N, H, W, n_inputs), weights (kernel_h, kernel_w, n_inputs, n_outputs), bias (n_outputs,),
    out (N, rows, columns, n_outputs),
    rows = (H - 1) * stride + dilation * (kernel_h - 1) + 1 - top - bottom + output_padding

    Raises
    ------
    ValueError
        If the padding leaves nothing of out, output_padding is not less than the stride, or x has another shape.

    References
    ----------
    Zeiler, Krishnan, Taylor, Fergus (2010), "Deconvolutional networks", CVPR. Dumoulin, Visin (2016), "A guide to
    convolution arithmetic for deep learning", arXiv:1603.07285.

    Examples
    --------
    >>> layer = ConvTranspose2D(1, 1, (1, 3), stride=(1, 2))
    >>> layer.weights[0, :, 0, 0] = [1.0, 2.0, 1.0]
    >>> layer.forward(np.array([1.0, 10.0]).reshape(1, 1, 2, 1)).ravel()
    array([ 1.,  2., 11., 20., 10.])
    >>> layer.backward(np.ones((1, 1, 5, 1))).ravel()
    array([4., 4.])
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
        output_padding: PairLike = 0,
        dilation: PairLike = 1,
        use_bias: bool = True,
        initializer: Initializer = he_normal,
        rng: Rng = None,
    ) -> None:
        self.n_inputs = checks.whole("ConvTranspose2D", "n_inputs", n_inputs)
        self.n_outputs = checks.whole("ConvTranspose2D", "n_outputs", n_outputs)
        self._set_window(kernel_size, stride, padding, dilation)
        self.output_padding = python_numbers(output_padding)
        self._further = self._pair("output_padding", output_padding, least=0)
        if any(further >= step for further, step in zip(self._further, self._stride, strict=True)):
            raise ValueError(
                f"ConvTranspose2D: output_padding must be less than the stride, {stride!r}, got {output_padding!r}"
            )
        if isinstance(padding, str) and padding == "same" and any(self._further):
            raise ValueError(
                f"ConvTranspose2D: output_padding must be 0 with padding='same', which gives out the size H * stride, "
                f"got {output_padding!r}"
            )
        shape = *self._kernel, self.n_inputs, self.n_outputs
        pixels = math.prod(self._kernel)
        fans = pixels * self.n_inputs / math.prod(self._stride), pixels * self.n_outputs
        super().__init__(shape, self.n_outputs, use_bias=use_bias, initializer=initializer, fans=fans, rng=rng)

    def _out_size(self, height: int, width: int) -> Pair:
        """Return the height and width of out for images of this size."""
        rows, columns = self._out_length(0, height), self._out_length(1, width)
        if min(rows, columns) < 1:
            raise ValueError(f"{self.who}: padding must leave at least one pixel of out, got {rows} x {columns}")
        return rows, columns

    def _out_length(self, axis: int, n: int) -> int:
        stride = self._stride[axis]
        if self._pads is None:
            return n * stride
        painted = (n - 1) * stride + span(self._kernel[axis], self._dilation[axis])
        return painted - sum(self._pads[axis]) + self._further[axis]

    def _windows_on_out(self, height: int, width: int) -> Windows:
        """Return the windows on out of the convolution from out to x: one for each pixel of x."""
        return self._windows_on(*self._out_size(height, width))

    @property
    def _filters(self) -> Array:
        """The weights of the convolution from out to x, (kernel_h, kernel_w, n_outputs, n_inputs)."""
        return self.weights.swapaxes(2, 3)

    def forward(self, x: ArrayLike) -> Array:
        images = self._check_images(x, self.n_inputs)
        finite = all_finite(images)
        self._cache = images, finite
        paint = self._paint if finite else quiet(self._paint)
        return paint(images, finite)

    def _paint(self, x: Array, finite: bool) -> Array:
        size = x.shape[1], x.shape[2]
        out = image_gradient(x, self._filters, self._out_size(*size), self._windows_on_out(*size), finite=finite)
        if self.use_bias:
            rows = out.reshape(*out.shape[:2], -1)
            rows += np.tile(self.bias, out.shape[2])  # whole rows at once: faster than pixel by pixel
        return out

    def backward(self, dout: ArrayLike, input_gradient: bool = True) -> Array | None:
        x, finite = self._recall()
        dout = self._check_dout(dout, (len(x), *self._out_size(*x.shape[1:3]), self.n_outputs))
        finite = finite and all_finite(dout)
        set_gradients = self._set_gradients if finite else quiet(self._set_gradients)
        return set_gradients(x, dout, input_gradient, finite)

    def _set_gradients(self, x: Array, dout: Array, input_gradient: bool, finite: bool) -> Array | None:
        """Set the gradients and return dx, if it is asked for."""
        windows = self._windows_on_out(*x.shape[1:3])
        self.dweights = weights_gradient(dout, x, windows).swapaxes(2, 3)
        if self.use_bias:
            sum_pixels_into(self.dbias, dout)
        return convolve(dout, self._filters, None, windows, finite=finite) if input_gradient else None

    def output_shape(self, input_shape: Shape) -> Shape:
        height, width, _ = self._check_image_shape(input_shape, self.n_inputs)
        return (*self._out_size(height, width), self.n_outputs)
