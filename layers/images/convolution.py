"""Convolutions: the same weights at every place of an image or a sequence."""

from __future__ import annotations

from typing import Any

from ..contract import Array, Rng, Shape, checks
from ..initializers import he_normal
from ..weighted import Initializer, Weighted
from .sliding import Placement, SlidingLayer
from .unfolding import convolve, gradients, weights_gradient


class Convolution(Weighted, SlidingLayer):
    """What the convolutions share; a sequence is an image of one row."""

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        *,
        dilation: Any = 1,
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
        super().__init__(shape, self.n_outputs, use_bias=use_bias, initializer=initializer, rng=rng)

    def forward(self, x: Any) -> Array:
        x = self._cache = self._check_images(x, self.n_inputs)
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
        """The weights as (kernel_h, kernel_w, n_inputs / n_groups, n_outputs)."""
        return self.weights.reshape(*self._kernel, *self.weights.shape[-2:])

    def _convolve(self, x: Array, place: Placement) -> Array:
        return convolve(x, self._filters, self.bias if self.use_bias else None, place, self.n_groups)

    def _gradients(self, x: Array, dout: Array, place: Placement, input_gradient: bool) -> Array | None:
        """Set the gradients of the parameters and return dx, if it is asked for."""
        dx = None
        if input_gradient:
            dweights, dbias, dx = gradients(x, dout, self._filters, place, self.n_groups)
        else:
            dweights, dbias = weights_gradient(x, dout, place, self.n_groups)
        self._set_gradients(dweights, dbias)
        return dx

    def _set_gradients(self, dweights: Array, dbias: Array) -> None:
        self.dweights = dweights.reshape(self.weights.shape)
        if self.use_bias:
            self.dbias = dbias

    def output_shape(self, input_shape: Shape) -> Shape:
        height, width, _ = self._image_shape(input_shape, self.n_inputs)
        return self._outward((*self._place(height, width).size, self.n_outputs))


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
    n_groups : int, default 1
        Cuts the channels into that many parts; each part of out sees its own part of x only.
    use_bias : bool, default True
    initializer : callable (rng, shape) -> array, default he_normal
        Draws the weights; the bias starts at zero.
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
