"""Global pooling: one number for a whole channel, the largest or the mean."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..contract import Array, Layer, Shape, as_shape, check_lengths, real_steps
from ..speed import sum_rows
from .extremes import all_finite, quiet, wider, with_room


class GlobalPool(Layer):
    """A pool over all axes between the first and the last, or over the real steps of rows that are padded."""

    last_axis = None, None
    grid = False
    takes_lengths = True

    def _check_places(self, x: ArrayLike, lengths: Any = None) -> tuple[Array, Array | None]:
        """Return x as floating numbers of shape (N, places, C), and which of its places are real; None for all."""
        images = self._check_x(x)
        if images.ndim < 3:
            raise ValueError(f"{self.who}: x must have shape (N, H, W, C) or (N, T, C), got {images.shape}")
        places = images.reshape(len(images), -1, images.shape[-1])
        if lengths is None:
            return places, None
        if images.ndim > 3:
            raise ValueError(f"{self.who}: x must have shape (N, T, C) where there are lengths, got {images.shape}")
        return places, real_steps(check_lengths(self.who, lengths, *places.shape[:2]), places.shape[1])

    def output_lengths(self, lengths: Array) -> None:
        return None

    def output_shape(self, input_shape: Shape) -> Shape:
        shape = as_shape(input_shape, self)
        if len(shape) < 2:
            raise ValueError(f"{self.who}: input_shape must be (H, W, C) or (T, C), got {shape}")
        return shape[-1:]


class GlobalAveragePool(GlobalPool):
    """The mean of every channel over its whole image or sequence: out = mean over (h, w) of x.

    Shapes
    ------
    x (N, H, W, C) or (N, T, C), out (N, C). With lengths (N,), the mean is over the real steps of each row; of a row of
    length 0 it is 0.

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
    def forward(self, x: ArrayLike, lengths: Any = None) -> Array:
        places, real = self._check_places(x, lengths)
        self._cache, dtype, places = (np.shape(x), real), places.dtype, with_room(places)
        n_places: Any = places.shape[1]
        if real is not None:
            n_places = _numbers_of_places(real, places.dtype)
            places = np.where(real[..., np.newaxis], places, 0)
        out = sum_rows(places) / n_places
        if not all_finite(out):  # the sum of numbers near the largest one has no room, but their mean has
            shares = wider(places) / (n_places if real is None else n_places[:, np.newaxis])
            np.copyto(out, sum_rows(shares), "same_kind", ~np.isfinite(out))
        return out.astype(dtype, copy=False)

    def backward(self, dout: ArrayLike) -> Array:
        # Each place has the share 1 / n_places in the mean.
        shape, real = self._recall()
        n, n_places, n_channels = shape[0], math.prod(shape[1:-1]), shape[-1]
        dout = self._check_dout(dout, (n, n_channels))
        wide = with_room(dout)
        share = wide / (n_places if real is None else _numbers_of_places(real, wide.dtype))
        share = share.astype(dout.dtype, copy=False)[:, np.newaxis]
        if real is not None:
            return np.where(real[..., np.newaxis], share, 0)
        return np.broadcast_to(share, (n, n_places, n_channels)).copy().reshape(shape)


class GlobalMaxPool(GlobalPool):
    """The largest number of every channel in its whole image or sequence: out = max over (h, w) of x.

    Where several are the largest, the gradient goes to the first of them alone. NaN is larger than any number.

    Shapes
    ------
    x (N, H, W, C) or (N, T, C), out (N, C). With lengths (N,), the largest is that of the real steps of each row; of a
    row of length 0 it is 0.

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

    def forward(self, x: ArrayLike, lengths: Any = None) -> Array:
        places, real = self._check_places(x, lengths)
        if real is not None:
            places = np.where(real[..., np.newaxis], places, -np.inf)
        first = places.argmax(axis=1, keepdims=True)
        self._cache = np.shape(x), first, real
        out = np.take_along_axis(places, first, axis=1)[:, 0]
        return out if real is None else np.where(real[:, :1], out, 0)  # its first step is real, if any is

    def backward(self, dout: ArrayLike) -> Array:
        # Only the place that is the largest moves out, one for one.
        shape, first, real = self._recall()
        dout = self._check_dout(dout, (shape[0], shape[-1]))
        if real is not None:
            dout = np.where(real[:, :1], dout, 0)
        dx = np.zeros((shape[0], math.prod(shape[1:-1]), shape[-1]), dout.dtype)
        np.put_along_axis(dx, first, dout[:, np.newaxis], axis=1)
        return dx.reshape(shape)


def _numbers_of_places(real: Array, dtype: Any) -> Array:
    """Return how many places of each row are real, (N, 1); 1 where none is, and their sum is 0."""
    return np.maximum(real.sum(axis=1, keepdims=True), 1).astype(dtype)
