"""Average pooling: the mean of all that a window sees of a channel.

A window (i, j) sees at its position (a, b) the pixel x[i * stride + a, j * stride + b] of the padded image.

    out[i, j] = sum over (a, b) of what it sees / count. Each of the pixels gets dout[i, j] / count.

Where windows overlap, a pixel gets the sum of what they give. The plain forms are these lines, position by position,
for all windows at once; the layers compute the same, faster.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from ..contract import Array, Shape, checks
from .extremes import quiet, wider, with_room
from .frames import chunks, crop, pad, padded_shape
from .pooling import Pooling
from .sliding import PadsLike, PairLike, Windows


def plain_mean(x: Array, windows: Windows, count_padding: bool = False) -> Array:
    """Return the mean of each window of images x (N, H, W, C), by the definition."""
    padded = pad(x, windows.pads)
    total = np.sum([padded[windows.at(a, b)] for a, b in windows.positions], axis=0)
    return total / plain_count(x.shape, windows, count_padding)


def plain_mean_backward(x: Array, dout: Array, windows: Windows, count_padding: bool = False) -> Array:
    """Return dx of the means, by the definition."""
    dpadded = np.zeros(padded_shape(x.shape, windows.pads), x.dtype)
    share = dout / plain_count(x.shape, windows, count_padding)
    for a, b in windows.positions:
        dpadded[windows.at(a, b)] += share
    return crop(dpadded, windows.pads)


def plain_count(shape: Shape, windows: Windows, count_padding: bool) -> Array:
    """Return how many pixels count in the mean of each window: what it sees of an image of ones, added up."""
    counted = pad(np.ones(shape), windows.pads, float(count_padding))
    return np.sum([counted[windows.at(a, b)] for a, b in windows.positions], axis=0)


@lru_cache(maxsize=64)
def counts(size: Shape, windows: Windows, count_padding: bool) -> Array:
    """Return how many pixels count in the mean of each window, (rows, columns, 1): a read-only array."""
    if count_padding:
        counted = np.full((1, 1, 1), math.prod(windows.kernel))
    else:
        on_the_image = []  # of the pixels of a window, along each axis
        for axis, ((before, _), n) in enumerate(zip(windows.pads, size, strict=True)):
            first = np.arange(windows.size[axis]) * windows.stride[axis] - before
            on_the_image.append(np.minimum(first + windows.kernel[axis], n) - np.maximum(first, 0))
        counted = np.multiply.outer(*on_the_image)[..., np.newaxis]
    counted.flags.writeable = False
    return counted


class AveragePool2D(Pooling):
    """The mean of a channel in a window: out[i, j] = mean over (a, b) of x[i * stride + a, j * stride + b].

    Parameters
    ----------
    kernel_size : int or (rows, columns)
    stride : int or (rows, columns), default kernel_size
    padding : int, (rows, columns), ((top, bottom), (left, right)), "same" or "valid", default 0
        Around the image; smaller than the kernel.
    count_padding : bool, default False
        Whether the zeros around the image count in the mean: True is PyTorch's default, False that of TensorFlow.

    Shapes
    ------
    x (N, H, W, C), out (N, rows, columns, C), rows = (top + H + bottom - kernel_h) // stride + 1

    Raises
    ------
    ValueError
        If the kernel is larger than the padded image.

    Examples
    --------
    >>> layer = AveragePool2D(2)
    >>> layer.forward(np.array([[1.0, 2.0], [3.0, 6.0]]).reshape(1, 2, 2, 1)).ravel()
    array([3.])
    >>> layer.backward(np.array([8.0]).reshape(1, 1, 1, 1)).ravel()
    array([2., 2., 2., 2.])
    """

    def __init__(
        self,
        kernel_size: PairLike,
        stride: PairLike | None = None,
        padding: PadsLike | str = 0,
        *,
        count_padding: bool = False,
    ) -> None:
        super().__init__(kernel_size, stride, padding)
        self.count_padding = checks.flag(type(self).__name__, "count_padding", count_padding)

    @np.errstate(over="raise", invalid="ignore")
    def forward(self, x: ArrayLike) -> Array:
        images = self._check_images(x)
        windows = self._windows_on(*images.shape[1:3])
        dtype = images.dtype
        self._cache = images.shape, dtype
        images = with_room(images, math.prod(self._kernel))
        out = np.empty((len(images), *windows.size, images.shape[-1]), images.dtype)
        shares = (1 / counts(images.shape[1:3], windows, self.count_padding)).astype(out.dtype)
        for here in chunks(len(images), out[0].nbytes):
            total = out[here]
            try:
                for _, other in self._look(images[here], windows, 0.0, first=total):
                    total += other
                total *= shares
            except FloatingPointError:  # the sum of numbers near the largest one has no room, but their mean has
                total[...] = self._mean_in_parts(images[here], windows)
        return out.astype(dtype, copy=False).reshape(self._outward(out.shape))

    @quiet
    def backward(self, dout: ArrayLike) -> Array:
        shape, dtype = self._recall()
        windows = self._windows_on(*shape[1:3])
        out_shape = shape[0], *windows.size, shape[-1]
        dout = self._check_dout(dout, self._outward(out_shape)).reshape(out_shape)
        dtype, dout = np.result_type(dout, dtype), with_room(dout, math.prod(self._kernel))
        dx = np.empty(shape, np.result_type(dout, dtype))
        shares = (1 / counts(shape[1:3], windows, self.count_padding)).astype(dx.dtype)
        for here in chunks(len(dx), dout[0].nbytes):
            self._scatter([dout[here] * shares] * math.prod(self._kernel), dx[here], windows)
        return dx.astype(dtype, copy=False).reshape(self._outward(shape))

    def _mean_in_parts(self, images: Array, windows: Windows) -> Array:
        """Return the means once more, each number divided by the count before it is added."""
        padded = pad(wider(images), windows.pads)
        count = counts(images.shape[1:3], windows, self.count_padding).astype(padded.dtype)
        return np.sum([padded[windows.at(a, b)] / count for a, b in windows.positions], axis=0)


class AveragePool1D(AveragePool2D):
    """The mean of a window of steps: out[t] = mean over a of x[t * stride + a].

    Parameters
    ----------
    kernel_size : int
    stride : int, default kernel_size
    padding : int, (before, after), "same" or "valid", default 0
    count_padding : bool, default False
        All as in `AveragePool2D`.

    Shapes
    ------
    x (N, T, C), out (N, steps, C)

    Raises
    ------
    ValueError
        If the kernel is longer than the padded sequence.

    Examples
    --------
    >>> AveragePool1D(2).forward(np.array([[[1.0], [3.0], [6.0], [2.0]]])).ravel()
    array([2., 4.])
    """

    n_axes = 1
