"""Images in a frame: padding and cropping, and what all windows see at one of their positions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..contract import Array
from .sliding import Pads, Placement

CACHE_SIZE = 2 << 20  # bytes, about the second-level caches of two cores; the rows of a chunk fill it


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


def seen_at(padded: Array, a: int, b: int, place: Placement) -> Array:
    """Return a view of what all windows see at their position (a, b): (N, rows, columns, C)."""
    (rows, columns), (down, right), (dilate_down, dilate_right) = place.size, place.stride, place.dilation
    top, left = a * dilate_down, b * dilate_right
    return padded[:, top : top + down * (rows - 1) + 1 : down, left : left + right * (columns - 1) + 1 : right]


def copy_pixels(source: Array, target: Array) -> None:
    """Copy images, a pixel with all its channels as one item: where they are not contiguous, twice as fast."""
    pixel = np.dtype((np.void, source.shape[-1] * source.itemsize))
    target.view(pixel)[...] = source.view(pixel)


def chunks(n: int, bytes_each: int) -> Iterator[slice]:
    """Cut n things into chunks of as many as have room in the cache, at least one."""
    size = max(CACHE_SIZE // max(bytes_each, 1), 1)
    for first in range(0, n, size):
        yield slice(first, min(first + size, n))
