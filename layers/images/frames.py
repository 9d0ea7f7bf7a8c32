"""Images in a frame of pixels: putting it around them, taking it off, and going over many images in small chunks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..contract import Array, Shape
from ..speed import sum_rows, sum_rows_into
from .extremes import FEW
from .sliding import Pads

CACHE_SIZE = 2 << 20  # bytes, about the second-level caches of two cores; the rows of a chunk fill it


def padded_shape(shape: Shape, pads: Pads) -> tuple[int, int, int, int]:
    """Return the shape of images (N, H, W, C) with their frame."""
    (top, bottom), (left, right) = pads
    n, height, width, channels = shape
    return n, top + height + bottom, left + width + right, channels


def pad(x: Array, pads: Pads, value: float = 0.0) -> Array:
    """Return images (N, H, W, C) with a frame of `value`; without a frame, x itself."""
    (top, bottom), (left, right) = pads
    if not (top or bottom or left or right):
        return x
    _, height, width, _ = x.shape
    padded = np.empty(padded_shape(x.shape, pads), x.dtype)
    padded[:, :top] = padded[:, top + height :] = value
    padded[:, top : top + height, :left] = padded[:, top : top + height, left + width :] = value
    padded[:, top : top + height, left : left + width] = x
    return padded


def crop(padded: Array, pads: Pads) -> Array:
    """Return the images without their frame: a view."""
    (top, bottom), (left, right) = pads
    return padded[:, top : padded.shape[1] - bottom, left : padded.shape[2] - right]


def copy_pixels(source: Array, target: Array) -> None:
    """Copy images, a pixel with all its channels as one item: where they are not contiguous, twice as fast."""
    if source.strides[-1] != source.itemsize or target.strides[-1] != target.itemsize or source.dtype != target.dtype:
        target[...] = source  # channels that do not lie side by side are no item, nor those of another dtype
        return
    pixel = np.dtype((np.void, source.shape[-1] * source.itemsize))
    target.view(pixel)[...] = source.view(pixel)


def sum_pixels_into(out: Array, images: Array) -> None:
    """Set out (C,) to the sum over all pixels of images (N, H, W, C): over long rows first, which is faster."""
    n, height, width, channels = images.shape
    if n * height > FEW:
        row = sum_rows(images.reshape(n * height, width * channels))
        images = row.astype(np.promote_types(row.dtype, np.float64), copy=False)
    sum_rows_into(out, images.reshape(-1, channels))


def chunks(n: int, bytes_each: int) -> Iterator[slice]:
    """Cut n things into chunks of as many as have room in the cache, at least one."""
    size = max(CACHE_SIZE // max(bytes_each, 1), 1)
    for first in range(0, n, size):
        yield slice(first, min(first + size, n))
