"""Convolutions: the same weights at every place of an image or a sequence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..contract import Array, Rng, Shape, check_sizes
from ..initializers import he_normal, name_of
from .sliding import Placement, SlidingLayer
from .unfolding import convolve, gradients, weights_gradient


class Convolution(SlidingLayer):
    """What the convolutions share; a sequence is an image of one row."""

    weights: Array
    dweights: Array
    bias: Array
    dbias: Array

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        use_bias: bool = True,
        initializer: Callable[[np.random.Generator, Shape], Any] = he_normal,
        rng: Rng = None,
    ) -> None:
        who = type(self).__name__
        check_sizes(who, n_inputs=n_inputs, n_outputs=n_outputs, groups=groups)
        if n_inputs % groups or n_outputs % groups:
            raise ValueError(f"{who}: groups must divide n_inputs {n_inputs} and n_outputs {n_outputs}, got {groups}")
        self.n_inputs, self.n_outputs, self.groups = n_inputs, n_outputs, groups
        self.use_bias, self.initializer = use_bias, initializer
        self._set_window(kernel_size, stride, padding, dilation)
        kernel = self._kernel[-self.n_axes :]
        bias: dict[str, Shape] = {"bias": (n_outputs,)} if use_bias else {}
        super().__init__(weights=(*kernel, n_inputs // groups, n_outputs), **bias)
        self.initialize(rng)

    def initialize(self, rng: Rng = None) -> None:
        self.weights = self.initializer(np.random.default_rng(rng), self.weights.shape)
        if self.use_bias:
            self.bias = np.zeros(self.n_outputs)

    def forward(self, x: Any) -> Array:
        x = self._cache = self._images(x, self.n_inputs)
        out = self._convolve(x, self._place(*x.shape[1:3]))
        return out.reshape(self._outward(out.shape))

    def backward(self, dout: Any, input_gradient: bool = True) -> Array | None:
        # out is linear in x, in the weights and in the bias: each gradient is a sum of products of dout with the
        # factors that stand beside them, over all places where they stand; written out in windows.py.
        x = self._recall()
        place = self._place(*x.shape[1:3])
        out_shape = len(x), *place.size, self.n_outputs
        dout = self._check_dout(dout, self._outward(out_shape)).reshape(out_shape)
        dx = self._gradients(x, dout, place, input_gradient)
        return None if dx is None else dx.reshape(self._outward(dx.shape))

    # Between images (N, H, W, C), with the weights as those of images; what a kind of convolution does in its own way.

    @property
    def _filters(self) -> Array:
        """The weights as (kernel_h, kernel_w, n_inputs / groups, n_outputs)."""
        return self.weights.reshape(*self._kernel, *self.weights.shape[-2:])

    def _convolve(self, x: Array, place: Placement) -> Array:
        return convolve(x, self._filters, self.bias if self.use_bias else None, place, self.groups)

    def _gradients(self, x: Array, dout: Array, place: Placement, input_gradient: bool) -> Array | None:
        """Set the gradients of the parameters and return dx, if it is asked for."""
        dx = None
        if input_gradient:
            dweights, dbias, dx = gradients(x, dout, self._filters, place, self.groups)
        else:
            dweights, dbias = weights_gradient(x, dout, place, self.groups)
        self._set_gradients(dweights, dbias)
        return dx

    def _set_gradients(self, dweights: Array, dbias: Array) -> None:
        self.dweights = dweights.reshape(self.weights.shape)
        if self.use_bias:
            self.dbias = dbias

    def output_shape(self, input_shape: Shape) -> Shape:
        height, width, _ = self._image_shape(input_shape, self.n_inputs)
        return self._outward((*self._place(height, width).size, self.n_outputs))

    def __repr__(self) -> str:
        arguments = self._arguments() + ["use_bias=False"] * (not self.use_bias)
        arguments += [f"initializer={name_of(self.initializer)}"] * (self.initializer is not he_normal)
        return f"{type(self).__name__}({', '.join(arguments)})"

    def _arguments(self) -> list[str]:
        sizes = [f"{self.n_inputs}", f"{self.n_outputs}", f"{self.kernel_size}"]
        return sizes + self._window_options() + [f"groups={self.groups}"] * (self.groups > 1)


class Conv2D(Convolution):
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
    groups : int, default 1
        Cuts the channels into so many parts; each part of out sees its own part of x only.
    use_bias : bool, default True
    initializer : callable (rng, shape) -> array, default he_normal
        Draws the weights; the bias starts at zero.
    rng : int or numpy.random.Generator, optional

    Shapes
    ------
    x (N, H, W, n_inputs), weights (kernel_h, kernel_w, n_inputs / groups, n_outputs), bias (n_outputs,),
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


class Conv1D(Convolution):
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
    groups : int, default 1
    use_bias : bool, default True
    initializer : callable (rng, shape) -> array, default he_normal
    rng : int or numpy.random.Generator, optional
        All as in `Conv2D`.

    Shapes
    ------
    x (N, T, n_inputs), weights (kernel_size, n_inputs / groups, n_outputs), bias (n_outputs,),
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
