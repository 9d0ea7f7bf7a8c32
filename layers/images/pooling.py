"""Pooling: one number for all that a window sees of a channel, the largest or the mean."""

from __future__ import annotations

import math
from collections.abc import Iterable
from operator import gt
from typing import Any

import numpy as np

from ..contract import Array, Shape, typed
from .frames import chunks, copy_pixels, crop, pad, seen_at
from .sliding import Placement, SlidingLayer


class _Pooling(SlidingLayer):
    """A window that slides by its own size, if not told otherwise, over every channel for itself."""

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        self._set_window(kernel_size, kernel_size if stride is None else stride, padding)
        for (before, after), size in zip(self._pads or (), self._kernel, strict=False):
            if max(before, after) >= size:
                raise ValueError(
                    f"{type(self).__name__}: padding must be smaller than the kernel, {kernel_size!r}, got {padding!r}"
                )
        super().__init__()

    def output_shape(self, input_shape: Shape) -> Shape:
        height, width, channels = self._image_shape(input_shape)
        return self._outward((*self._place(height, width).size, channels))

    def _images_and_place(self, x: Any) -> tuple[Array, Placement]:
        x = self._check_images(x)
        return x, self._place(*x.shape[1:3])

    def _spread(self, dx: Array, place: Placement, parts: Iterable[Array]) -> None:
        """Set dx of some images, given what the windows give to each of their positions."""
        (top, bottom), (left, right) = place.pads
        n, height, width, channels = dx.shape
        framed, overlap = any(map(any, place.pads)), any(map(gt, place.kernel, place.stride))
        dpadded = np.empty((n, top + height + bottom, left + width + right, channels), dx.dtype) if framed else dx
        if place.kernel != place.stride or place.covered != dpadded.shape[1:3]:
            dpadded[...] = 0
        for (a, b), part in zip(self._positions(), parts, strict=True):
            seen = seen_at(dpadded, a, b, place)
            if overlap:
                seen += part
            else:
                copy_pixels(part, seen)
        if framed:
            dx[...] = crop(dpadded, place.pads)

    def _positions(self) -> list[tuple[int, int]]:
        """The positions (a, b) in the window, row by row."""
        return list(np.ndindex(self._kernel))

    def __repr__(self) -> str:
        return typed(self, stride=self.kernel_size)


class _MaxPool(_Pooling):
    def forward(self, x: Any) -> Array:
        x, place = self._images_and_place(x)
        out = np.empty((len(x), *place.size, x.shape[-1]), x.dtype)
        winners = np.zeros(out.shape, np.min_scalar_type(math.prod(self._kernel) - 1))
        for here in chunks(len(x), out[0].nbytes):
            padded = np.ascontiguousarray(pad(x[here], place.pads, -np.inf))
            largest, winner = out[here], winners[here]
            other = np.empty_like(largest)
            copy_pixels(seen_at(padded, 0, 0, place), largest)
            for i, (a, b) in enumerate(self._positions()[1:], 1):
                copy_pixels(seen_at(padded, a, b, place), other)
                # Position i wins where it is larger than all before it; i itself is the largest number so far.
                np.maximum(winner, (other > largest) * winner.dtype.type(i), out=winner)
                np.maximum(largest, other, out=largest)
        self._cache = x.shape, x.dtype, winners
        return out.reshape(self._outward(out.shape))

    def backward(self, dout: Any) -> Array:
        # Each dout goes to the pixel that won its window: of several that are the largest, the first, row by row.
        # Windows that overlap add at their common pixels.
        shape, dtype, winners = self._recall()
        place = self._place(*shape[1:3])
        dout = self._check_dout(dout, self._outward(winners.shape)).reshape(winners.shape)
        dx = np.empty(shape, np.result_type(dout, dtype))
        for here in chunks(len(dx), dout[0].nbytes):
            given, winner = dout[here], winners[here]
            self._spread(dx[here], place, (given * (winner == i) for i in range(math.prod(self._kernel))))
        return dx.reshape(self._outward(shape))


class MaxPool2D(_MaxPool):
    """The largest number of a channel in a window: out[i, j] = max over (a, b) of x[i * stride + a, j * stride + b].

    Where several are the largest, the gradient goes to the first of them alone, row by row.

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


class MaxPool1D(_MaxPool):
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


class _AveragePool(_Pooling):
    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0, *, count_padding: bool = False) -> None:
        super().__init__(kernel_size, stride, padding)
        self.count_padding = bool(count_padding)

    def _shares(self, height: int, width: int, place: Placement, dtype: Any) -> Array:
        """Return the share of one pixel in the mean of each window, 1 / count, (rows, columns, 1)."""
        if self.count_padding:
            return np.full((1, 1, 1), 1 / math.prod(self._kernel), dtype)
        counts = [
            np.minimum(first + kernel, n) - np.maximum(first, 0)  # the pixels from first on that are on the image
            for n, size, kernel, stride, (before, _) in zip(
                (height, width), place.size, place.kernel, place.stride, place.pads, strict=True
            )
            for first in [np.arange(size) * stride - before]
        ]
        return (1 / np.multiply.outer(*counts)[..., np.newaxis]).astype(dtype)

    def forward(self, x: Any) -> Array:
        x, place = self._images_and_place(x)
        self._cache = x.shape, x.dtype
        out = np.empty((len(x), *place.size, x.shape[-1]), x.dtype)
        shares = self._shares(x.shape[1], x.shape[2], place, out.dtype)
        for here in chunks(len(x), out[0].nbytes):
            padded = np.ascontiguousarray(pad(x[here], place.pads))
            total = out[here]
            other = np.empty_like(total)
            copy_pixels(seen_at(padded, 0, 0, place), total)
            for a, b in self._positions()[1:]:
                copy_pixels(seen_at(padded, a, b, place), other)
                total += other
            total *= shares
        return out.reshape(self._outward(out.shape))

    def backward(self, dout: Any) -> Array:
        shape, dtype = self._recall()
        place = self._place(*shape[1:3])
        out_shape = shape[0], *place.size, shape[-1]
        dout = self._check_dout(dout, self._outward(out_shape)).reshape(out_shape)
        dx = np.empty(shape, np.result_type(dout, dtype))
        shares = self._shares(shape[1], shape[2], place, dx.dtype)
        for here in chunks(len(dx), dout[0].nbytes):
            self._spread(dx[here], place, [dout[here] * shares] * math.prod(self._kernel))
        return dx.reshape(self._outward(shape))


class AveragePool2D(_AveragePool):
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


class AveragePool1D(_AveragePool):
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
