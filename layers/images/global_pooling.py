"""Global pooling: one number for a whole channel, the largest or the mean."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from ..contract import Array, Layer, Shape, as_shape
from ..speed import sum_rows
from .extremes import all_finite, quiet, wider, with_room


class GlobalPool(Layer):
    """A pool over all axes between the first and the last."""

    def _check_places(self, x: ArrayLike) -> Array:
        """Return x as floating numbers of shape (N, places, C)."""
        images = self._check_x(x)
        if images.ndim < 3:
            raise ValueError(f"{self.who}: x must have shape (N, H, W, C) or (N, T, C), got {images.shape}")
        return images.reshape(len(images), -1, images.shape[-1])

    def output_shape(self, input_shape: Shape) -> Shape:
        shape = as_shape(input_shape)
        if len(shape) < 2:
            raise ValueError(f"{self.who}: input_shape must be (H, W, C) or (T, C), got {shape}")
        return shape[-1:]


class GlobalAveragePool(GlobalPool):
    """The mean of every channel over its whole image or sequence: out = mean over (h, w) of x.

    Shapes
    ------
    x (N, H, W, C) or (N, T, C), out (N, C)

    Raises
    ------
    ValueError
        If x has no axes between the first and the last.

    References
    ----------
    Lin, Chen, Yan (2013), "Network In Network", arXiv:1312.4400.

    Examples
    --------
    >>> layer = GlobalAveragePool()
    >>> layer.forward(np.array([[[1.0, 10.0], [3.0, 20.0]]]))
    array([[ 2., 15.]])
    >>> layer.backward(np.array([[1.0, 2.0]]))
    array([[[0.5, 1. ],
            [0.5, 1. ]]])
    """

    @quiet
    def forward(self, x: ArrayLike) -> Array:
        places = self._check_places(x)
        self._cache, dtype, places = np.shape(x), places.dtype, with_room(places)
        out = sum_rows(places) / places.shape[1]
        if not all_finite(out):  # the sum of numbers near the largest one has no room, but their mean has
            np.copyto(out, sum_rows(wider(places) / places.shape[1]), "same_kind", ~np.isfinite(out))
        return out.astype(dtype, copy=False)

    def backward(self, dout: ArrayLike) -> Array:
        # Each place has the share 1 / n_places in the mean.
        shape = self._recall()
        n, n_places, n_channels = shape[0], math.prod(shape[1:-1]), shape[-1]
        dout = self._check_dout(dout, (n, n_channels))
        share = (with_room(dout) / n_places).astype(dout.dtype, copy=False)
        return np.broadcast_to(share[:, np.newaxis], (n, n_places, n_channels)).copy().reshape(shape)


class GlobalMaxPool(GlobalPool):
    """The largest number of every channel in its whole image or sequence: out = max over (h, w) of x.

    Where several are the largest, the gradient goes to the first of them alone. NaN is larger than any number.

    Shapes
    ------
    x (N, H, W, C) or (N, T, C), out (N, C)

    Raises
    ------
    ValueError
        If x has no axes between the first and the last.

    Examples
    --------
    >>> layer = GlobalMaxPool()
    >>> layer.forward(np.array([[[1.0, 20.0], [3.0, 20.0]]]))
    array([[ 3., 20.]])
    >>> layer.backward(np.array([[1.0, 2.0]]))
    array([[[0., 2.],
            [1., 0.]]])
    """

    def forward(self, x: ArrayLike) -> Array:
        places = self._check_places(x)
        first = places.argmax(axis=1, keepdims=True)
        self._cache = np.shape(x), first
        return np.take_along_axis(places, first, axis=1)[:, 0]

    def backward(self, dout: ArrayLike) -> Array:
        # Only the place that is the largest moves out, one for one.
        shape, first = self._recall()
        dout = self._check_dout(dout, (shape[0], shape[-1]))
        dx = np.zeros((shape[0], math.prod(shape[1:-1]), shape[-1]), dout.dtype)
        np.put_along_axis(dx, first, dout[:, np.newaxis], axis=1)
        return dx.reshape(shape)
