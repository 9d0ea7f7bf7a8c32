"""Layers that change the size of images without learning anything: copied pixels, and a frame of zeros."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..contract import Array, Shape
from ..speed import sum_rows
from .extremes import FEW, quiet
from .frames import crop, pad
from .sliding import ImageLayer, PadsLike, PairLike, python_numbers


class Upsample2D(ImageLayer):
    """Every pixel becomes a block of equal pixels: out[i, j] = x[i // factor, j // factor], the nearest.

    Parameters
    ----------
    factor : int or (rows, columns), default 2

    Shapes
    ------
    x (N, H, W, C), out (N, H * factor, W * factor, C)

    Raises
    ------
    ValueError
        If x does not have four axes.

    Examples
    --------
    >>> layer = Upsample2D((1, 2))
    >>> layer.forward(np.array([1.0, 2.0]).reshape(1, 1, 2, 1)).ravel()
    array([1., 1., 2., 2.])
    >>> layer.backward(np.array([10.0, 20.0, 30.0, 40.0]).reshape(1, 1, 4, 1)).ravel()
    array([30., 70.])
    """

    def __init__(self, factor: PairLike = 2) -> None:
        self.factor, self._factor = python_numbers(factor), self._pair("factor", factor)
        super().__init__()

    def forward(self, x: ArrayLike) -> Array:
        images = self._check_images(x)
        n, height, width, channels = self._cache = images.shape
        down, right = self._factor
        blocks = np.broadcast_to(images[:, :, None, :, None], (n, height, down, width, right, channels))
        return blocks.reshape(n, height * down, width * right, channels)

    @quiet
    def backward(self, dout: ArrayLike) -> Array:
        n, height, width, channels = self._recall()
        down, right = self._factor
        dout = self._check_dout(dout, (n, height * down, width * right, channels))
        blocks = dout.reshape(n, height, down, width, right, channels)
        if down * right > FEW:
            rows = sum_rows(blocks).reshape(n, height, down, width * channels)
            return sum_rows(rows).reshape(n, height, width, channels)
        dx: Array = blocks.sum(axis=(2, 4), dtype=np.promote_types(dout.dtype, np.float32))
        return dx.astype(dout.dtype, copy=False)

    def output_shape(self, input_shape: Shape) -> Shape:
        height, width, channels = self._check_image_shape(input_shape)
        return height * self._factor[0], width * self._factor[1], channels


class ZeroPad2D(ImageLayer):
    """Zeros around every image: out[top + i, left + j] = x[i, j], else 0.

    Parameters
    ----------
    padding : int, (rows, columns) or ((top, bottom), (left, right)), default 1

    Shapes
    ------
    x (N, H, W, C), out (N, top + H + bottom, left + W + right, C)

    Raises
    ------
    ValueError
        If x does not have four axes.

    Examples
    --------
    >>> layer = ZeroPad2D(((0, 0), (1, 2)))
    >>> layer.forward(np.array([1.0, 2.0]).reshape(1, 1, 2, 1)).ravel()
    array([0., 1., 2., 0., 0.])
    >>> layer.backward(np.arange(5.0).reshape(1, 1, 5, 1)).ravel()
    array([1., 2.])
    """

    def __init__(self, padding: PadsLike = 1) -> None:
        self.padding, self._pads = python_numbers(padding), self._sides(padding)
        super().__init__()

    def forward(self, x: ArrayLike) -> Array:
        images = self._check_images(x)
        self._cache = images.shape
        out = pad(images, self._pads)
        return out if out is not images else images.copy()

    def backward(self, dout: ArrayLike) -> Array:
        shape = self._recall()
        return crop(self._check_dout(dout, (shape[0], *self.output_shape(shape[1:]))), self._pads)

    def output_shape(self, input_shape: Shape) -> Shape:
        height, width, channels = self._check_image_shape(input_shape)
        return height + sum(self._pads[0]), width + sum(self._pads[1]), channels
