"""Windows of images, and the three products of a convolution.

The window at row i and column j sees the pixels x[n, i * stride + a * dilation, j * stride + b * dilation, :] of the
padded image. With weights (kernel_h, kernel_w, C, K):

    out[n, i, j, k] = sum_abc window[n, i, j, a, b, c] * weights[a, b, c, k]             convolve
    dweights[a, b, c, k] = sum_nij window[n, i, j, a, b, c] * dout[n, i, j, k]           weights_gradient
    dwindow[n, i, j, a, b, c] = sum_k dout[n, i, j, k] * weights[a, b, c, k]             image_gradient

and the gradient of a pixel is the sum over all windows that see it. As a convolution is called one in every toolkit,
though the kernel is not flipped.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .layer import Array, Shape
from .sliding import Pads, Pair, Placement

# Bytes that stay close to a core. Images are worked on in chunks, so that the windows of a chunk are still in the
# cache when the product reads them.
CACHE_SIZE = 1 << 20


def pad(x: Array, pads: Pads, value: float = 0.0) -> Array:
    """Return images (N, H, W, C) with a frame of `value`; without a frame, x itself."""
    (top, bottom), (left, right) = pads
    if not (top or bottom or left or right):
        return x
    n, height, width, channels = x.shape
    padded = np.empty((n, top + height + bottom, left + width + right, channels), x.dtype)
    padded[:, :top] = padded[:, top + height :] = value
    padded[:, top : top + height, :left] = padded[:, top : top + height, left + width :] = value
    padded[:, top : top + height, left : left + width] = x
    return padded


def crop(padded: Array, pads: Pads) -> Array:
    """Return the images without their frame: a view."""
    (top, bottom), (left, right) = pads
    return padded[:, top : padded.shape[1] - bottom, left : padded.shape[2] - right]


def windows(padded: Array, place: Placement) -> Array:
    """Return a view of padded images as their windows, (N, rows, columns, kernel_h, kernel_w, C). Only for reading."""
    n, _, _, channels = padded.shape
    per_image, per_row, per_column, per_channel = padded.strides
    (down, right), (dilate_down, dilate_right) = place.stride, place.dilation
    return as_strided(
        padded,
        (n, *place.size, *place.kernel, channels),
        (per_image, down * per_row, right * per_column, dilate_down * per_row, dilate_right * per_column, per_channel),
        writeable=False,
    )


def add_windows(dwindows: Array, dpadded: Array, place: Placement) -> None:
    """Add to every pixel what the windows that see it have for it: the reverse of `windows`."""
    for a in range(place.kernel[0]):
        for b in range(place.kernel[1]):
            seen_at(dpadded, a, b, place)[...] += dwindows[:, :, :, a, b]


def seen_at(padded: Array, a: int, b: int, place: Placement) -> Array:
    """Return a view of what all windows see at their position (a, b): (N, rows, columns, C)."""
    (rows, columns), (down, right), (dilate_down, dilate_right) = place.size, place.stride, place.dilation
    top, left = a * dilate_down, b * dilate_right
    return padded[:, top : top + down * (rows - 1) + 1 : down, left : left + right * (columns - 1) + 1 : right]


def chunks(n: int, bytes_each: int) -> Iterator[slice]:
    """Cut n images into chunks of as many as have room in the cache, at least one."""
    size = max(CACHE_SIZE // max(bytes_each, 1), 1)
    for first in range(0, n, size):
        yield slice(first, min(first + size, n))


def convolve(x: Array, weights: Array, place: Placement, groups: int = 1) -> Array:
    """Return out (N, rows, columns, K) of images (N, H, W, C) and weights (kernel_h, kernel_w, C / groups, K)."""
    matrices = _by_group(weights, groups)
    out = np.empty((len(x), *place.size, weights.shape[-1]), np.result_type(x, weights))
    for here in chunks(len(x), _window_bytes(x, place)):
        out[here] = _join(_columns(x[here], place, groups) @ matrices, out[here].shape)
    return out


def weights_gradient(x: Array, dout: Array, place: Placement, groups: int = 1) -> Array:
    """Return dweights (kernel_h, kernel_w, C / groups, K) of x and dout (N, rows, columns, K)."""
    n_inputs, n_outputs = x.shape[-1] // groups, dout.shape[-1]
    dmatrices = np.zeros((groups, math.prod(place.kernel) * n_inputs, n_outputs // groups), np.result_type(x, dout))
    for here in chunks(len(x), _window_bytes(x, place)):
        dmatrices += _columns(x[here], place, groups).swapaxes(1, 2) @ _split(dout[here], groups)
    return dmatrices.swapaxes(0, 1).reshape(*place.kernel, n_inputs, n_outputs)


def image_gradient(dout: Array, weights: Array, x_size: Pair, place: Placement, groups: int = 1) -> Array:
    """Return dx (N, H, W, C) of images of the size (H, W)."""
    matrices, ((top, bottom), (left, right)) = _by_group(weights, groups), place.pads
    n_inputs, (height, width) = weights.shape[2] * groups, x_size
    dx = np.empty((len(dout), height, width, n_inputs), np.result_type(dout, weights))
    for here in chunks(len(dout), math.prod((*place.size, *place.kernel, n_inputs)) * dout.itemsize):
        dcolumns = _split(dout[here], groups) @ matrices.swapaxes(1, 2)
        dwindows = _join(dcolumns, (-1, *place.size, *place.kernel, n_inputs))
        dpadded = np.zeros((len(dwindows), top + height + bottom, left + width + right, n_inputs), dx.dtype)
        add_windows(dwindows, dpadded, place)
        dx[here] = crop(dpadded, place.pads)
    return dx


def _by_group(weights: Array, groups: int) -> Array:
    """Return the weights as one matrix for each group, (groups, kernel_h * kernel_w * C / groups, K / groups)."""
    return weights.reshape(-1, groups, weights.shape[-1] // groups).swapaxes(0, 1)


def _columns(x: Array, place: Placement, groups: int) -> Array:
    """Return the windows as rows of one matrix for each group, (groups, N * rows * columns, window)."""
    seen = windows(pad(x, place.pads), place)
    split = seen.reshape(-1, math.prod(place.kernel), groups, x.shape[-1] // groups)
    return split.transpose(2, 0, 1, 3).reshape(groups, len(split), -1)


def _split(out: Array, groups: int) -> Array:
    """Return (..., K) as one matrix for each group, (groups, M, K / groups)."""
    return out.reshape(-1, groups, out.shape[-1] // groups).swapaxes(0, 1)


def _join(grouped: Array, shape: Shape) -> Array:
    """Bring what belongs to a group, (groups, M, ...), back to the channels: the last axis of this shape."""
    groups, n_rows = grouped.shape[:2]
    taps = grouped[0, 0].size * groups // shape[-1]
    return grouped.reshape(groups, n_rows, taps, -1).transpose(1, 2, 0, 3).reshape(shape)


def _window_bytes(x: Array, place: Placement) -> int:
    """The size of the windows of one image."""
    return math.prod((*place.size, *place.kernel, x.shape[-1])) * x.itemsize
