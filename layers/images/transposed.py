"""The transposed convolution: every pixel paints a kernel, where in a convolution it is seen through one."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..contract import Array, Rng, Shape, checks
from ..initializers import he_normal
from ..speed import sum_rows_into
from ..weighted import Initializer, Weighted
from .sliding import Placement, SlidingLayer, plain
from .unfolding import convolve, image_gradient, weights_gradient


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
        Draws the weights; the bias starts at zero.
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

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        *,
        output_padding: Any = 0,
        dilation: Any = 1,
        use_bias: bool = True,
        initializer: Initializer = he_normal,
        rng: Rng = None,
    ) -> None:
        self.n_inputs = checks.whole("ConvTranspose2D", "n_inputs", n_inputs)
        self.n_outputs = checks.whole("ConvTranspose2D", "n_outputs", n_outputs)
        self._set_window(kernel_size, stride, padding, dilation)
        self.output_padding = plain(output_padding)
        self._further = self._pair("output_padding", output_padding, least=0)
        if any(further >= step for further, step in zip(self._further, self._stride, strict=True)):
            raise ValueError(
                f"ConvTranspose2D: output_padding must be less than the stride, {stride!r}, got {output_padding!r}"
            )
        if padding == "same" and any(self._further):
            raise ValueError(
                f"ConvTranspose2D: output_padding must be 0 with padding='same', which gives out the size H * stride, "
                f"got {output_padding!r}"
            )
        shape = *self._kernel, self.n_inputs, self.n_outputs
        super().__init__(shape, self.n_outputs, use_bias=use_bias, initializer=initializer, rng=rng)

    def _out_size(self, height: int, width: int) -> tuple[int, int]:
        rows, columns = (self._out_length(axis, n) for axis, n in enumerate((height, width)))
        if min(rows, columns) < 1:
            raise ValueError(f"{self.who}: padding must leave at least one pixel of out, got {rows} x {columns}")
        return rows, columns

    def _out_length(self, axis: int, n: int) -> int:
        stride = self._stride[axis]
        if self._pads is None:
            return n * stride
        span = self._dilation[axis] * (self._kernel[axis] - 1) + 1
        return (n - 1) * stride + span - sum(self._pads[axis]) + self._further[axis]

    def _place_on_out(self, height: int, width: int) -> Placement:
        """Return where the window of the convolution from out to x lands on out."""
        return self._place(*self._out_size(height, width))

    @property
    def _filters(self) -> Array:
        """The weights of the convolution from out to x, (kernel_h, kernel_w, n_outputs, n_inputs)."""
        return self.weights.swapaxes(2, 3)

    def forward(self, x: Any) -> Array:
        x = self._cache = self._check_images(x, self.n_inputs)
        size = x.shape[1:3]
        out = image_gradient(x, self._filters, self._out_size(*size), self._place_on_out(*size))
        if self.use_bias:
            rows = out.reshape(*out.shape[:2], -1)
            rows += np.tile(self.bias, out.shape[2])  # whole rows at once: faster than pixel by pixel
        return out

    def backward(self, dout: Any, input_gradient: bool = True) -> Array | None:
        # out = T(x) with T the transposed of the convolution C from out to x: <dout, T(x)> = <C(dout), x>. Hence
        # dx = C(dout), and dweights is that of C for the input dout and the gradient x, its channels exchanged.
        x = self._recall()
        size = x.shape[1:3]
        dout = self._check_dout(dout, (len(x), *self._out_size(*size), self.n_outputs))
        place = self._place_on_out(*size)
        self.dweights = weights_gradient(dout, x, place)[0].swapaxes(2, 3)
        if self.use_bias:
            sum_rows_into(self.dbias, dout.reshape(-1, self.n_outputs))
        return convolve(dout, self._filters, None, place) if input_gradient else None

    def output_shape(self, input_shape: Shape) -> Shape:
        height, width, _ = self._image_shape(input_shape, self.n_inputs)
        return (*self._out_size(height, width), self.n_outputs)
