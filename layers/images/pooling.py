"""Pooling: one number for all that a window sees of a channel, here the largest; the mean is in `average_pooling.py`.

A window (i, j) sees at its position (a, b) the pixel x[i * stride + a, j * stride + b] of the padded image.

    the largest: out[i, j] = max over (a, b) of what it sees. Only the pixel that is the largest moves out: it gets
                 dout[i, j], the first of several that are equal, and the others nothing. A NaN counts as the largest;
                 the frame of -inf around the image is no pixel, and gets nothing where all pixels are -inf too.

Where windows overlap, a pixel gets the sum of what they give. The plain forms are these lines, position by position,
for all windows at once; the layers compute the same, faster, and remember no more than they need.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from operator import gt

import numpy as np
from numpy.typing import ArrayLike

from ..contract import Array, Shape, typed
from .extremes import all_finite
from .frames import chunks, copy_pixels, crop, pad, padded_shape
from .sliding import PadsLike, PairLike, SlidingLayer, Windows


def plain_max(x: Array, windows: Windows) -> Array:
    """Return the largest number of each window of images x (N, H, W, C), by the definition."""
    padded = pad(x, windows.pads, -np.inf)
    return np.max([padded[windows.at(a, b)] for a, b in windows.positions], axis=0)


def plain_max_backward(x: Array, dout: Array, windows: Windows) -> Array:
    """Return dx of the largest numbers, by the definition."""
    dpadded = np.zeros(padded_shape(x.shape, windows.pads), x.dtype)
    winners = plain_winners(x, plain_max(x, windows), windows)
    for i, (a, b) in enumerate(windows.positions):
        dpadded[windows.at(a, b)] += np.where(winners == i, dout, 0)
    return crop(dpadded, windows.pads)


def plain_winners(x: Array, largest: Array, windows: Windows) -> Array:
    """Return the number of the first position of each window that sees a pixel of the image that is the largest."""
    padded, inside = pad(x, windows.pads), pad(np.ones((1, *x.shape[1:3], 1), bool), windows.pads)
    winners = np.zeros(largest.shape, int)
    for i, (a, b) in reversed([*enumerate(windows.positions)]):
        seen = padded[windows.at(a, b)]
        winners[((seen == largest) | np.isnan(seen)) & inside[windows.at(a, b)]] = i
    return winners


class Pooling(SlidingLayer):
    """A window that slides by its own size, if not told otherwise, over every channel for itself."""

    def __init__(self, kernel_size: PairLike, stride: PairLike | None = None, padding: PadsLike | str = 0) -> None:
        self._set_window(kernel_size, kernel_size if stride is None else stride, padding)
        for (before, after), size in zip(self._pads or (), self._kernel, strict=False):
            if max(before, after) >= size:
                raise ValueError(
                    f"{type(self).__name__}: padding must be smaller than the kernel, {kernel_size!r}, got {padding!r}"
                )
        super().__init__()

    def output_shape(self, input_shape: Shape) -> Shape:
        height, width, channels = self._check_image_shape(input_shape)
        return self._outward((*self._windows_on(height, width).size, channels))

    def _look(self, x: Array, windows: Windows, frame: float, first: Array) -> Iterator[tuple[int, Array]]:
        """Set `first` to what the windows see at position 0; yield (i, what they see at i), in memory used again."""
        padded = np.ascontiguousarray(pad(x, windows.pads, frame))
        copy_pixels(padded[windows.at(0, 0)], first)
        other = np.empty_like(first)
        for i, (a, b) in enumerate(windows.positions[1:], 1):
            copy_pixels(padded[windows.at(a, b)], other)
            yield i, other

    def _scatter(self, parts: Iterable[Array], dx: Array, windows: Windows) -> None:
        """Set dx of some images to the sum of the parts that each position of the windows gives to what it sees."""
        framed, overlap = any(map(any, windows.pads)), any(map(gt, windows.kernel, windows.stride))
        dpadded = np.empty(padded_shape(dx.shape, windows.pads), dx.dtype) if framed else dx
        if windows.kernel != windows.stride or windows.covered != dpadded.shape[1:3]:
            dpadded[...] = 0  # elsewhere every pixel is seen once, and set below
        for (a, b), part in zip(windows.positions, parts, strict=True):
            seen = windows.at(a, b)
            if overlap:
                dpadded[seen] += part
            else:
                copy_pixels(part, dpadded[seen])
        if framed:
            dx[...] = crop(dpadded, windows.pads)

    def __repr__(self) -> str:
        return typed(self, stride=self.kernel_size)


class MaxPool2D(Pooling):
    """The largest number of a channel in a window: out[i, j] = max over (a, b) of x[i * stride + a, j * stride + b].

    Where several are the largest, the gradient goes to the first of them alone, row by row.
    NaN is larger than any number.

    Parameters
    ----------
    kernel_size : int or (rows, columns)
    stride : int or (rows, columns), default kernel_size
        Smaller than the kernel, windows overlap; their gradients add.
    padding : int, (rows, columns), ((top, bottom), (left, right)), "same" or "valid", default 0
        Around the image, with -inf, which no maximum takes. Smaller than the kernel.

    Shapes
    ------
    x (N, H, W, C), out (N, rows, columns, C), rows = (top + H + bottom - kernel_h) // stride + 1

    Raises
    ------
    ValueError
        If the kernel is larger than the padded image.

    Examples
    --------
    >>> layer = MaxPool2D(2)
    >>> layer.forward(np.array([[1.0, 2.0, 5.0, 5.0], [3.0, 4.0, 0.0, 5.0]]).reshape(1, 2, 4, 1)).ravel()
    array([4., 5.])
    >>> layer.backward(np.array([10.0, 20.0]).reshape(1, 1, 2, 1))[0, :, :, 0]
    array([[ 0.,  0., 20.,  0.],
           [ 0., 10.,  0.,  0.]])
    """

    def forward(self, x: ArrayLike) -> Array:
        images = self._check_images(x)
        windows = self._windows_on(*images.shape[1:3])
        out = np.empty((len(images), *windows.size, images.shape[-1]), images.dtype)
        winners = np.zeros(out.shape, np.min_scalar_type(math.prod(self._kernel) - 1))
        for here in chunks(len(images), out[0].nbytes):
            largest, winner = out[here], winners[here]
            for i, other in self._look(images[here], windows, -np.inf, first=largest):
                # Position i wins where it is larger than all before it; i itself is the largest number so far.
                np.maximum(winner, (other > largest).view(np.uint8) * winner.dtype.type(i), out=winner)
                np.maximum(largest, other, out=largest)
            if not all_finite(largest):  # NaN is larger than nothing, and -inf may be that of the frame
                winner[...] = plain_winners(images[here], largest, windows)
        self._cache = images.shape, images.dtype, winners
        return out.reshape(self._outward(out.shape))

    def backward(self, dout: ArrayLike) -> Array:
        shape, dtype, winners = self._recall()
        windows = self._windows_on(*shape[1:3])
        out_shape = shape[0], *windows.size, shape[-1]
        dout = self._check_dout(dout, self._outward(out_shape)).reshape(out_shape)
        dx = np.empty(shape, np.result_type(dout, dtype))
        dout = dout.astype(dx.dtype, copy=False)
        for here in chunks(len(dx), dout[0].nbytes):
            given, winner = dout[here], winners[here]
            self._scatter(self._given(given, winner), dx[here], windows)
        return dx.reshape(self._outward(shape))

    def _given(self, dout: Array, winners: Array) -> Iterator[Array]:
        """Yield for each position what it gets: dout where it wins, else 0; in memory that is used again."""
        finite, part = all_finite(dout), np.empty_like(dout)
        for i in range(math.prod(self._kernel)):
            wins = winners == i
            yield np.multiply(dout, wins, out=part) if finite else np.where(wins, dout, dout.dtype.type(0))


class MaxPool1D(MaxPool2D):
    """The largest number in a window of steps: out[t] = max over a of x[t * stride + a].

    Parameters
    ----------
    kernel_size : int
    stride : int, default kernel_size
    padding : int, (before, after), "same" or "valid", default 0
        All as in `MaxPool2D`.

    Shapes
    ------
    x (N, T, C), out (N, steps, C)

    Raises
    ------
    ValueError
        If the kernel is longer than the padded sequence.

    Examples
    --------
    >>> MaxPool1D(2).forward(np.array([[[1.0], [3.0], [6.0], [2.0]]])).ravel()
    array([3., 6.])
    """

    n_axes = 1
