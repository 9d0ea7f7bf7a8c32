"""One number for each channel, applied to every pixel, at the speed of the memory.

Channels are the last axis, so that `x * scale` with scale (C,) is all it takes. But NumPy then works in runs of C
numbers, and with 8 channels it spends its time between the runs. The same memory, seen as long rows of many pixels, and
the C numbers repeated to such a row, make one long run of each row:

    x (N, H, W, C)  ->  as_rows(x)                     (N, H * W * C)     no copy
    scale (C,)      ->  repeat_channels(scale, width)  (H * W * C,)       scale scale scale ...

Sums go the other way: over the rows first, where each addition is a long run too, then, by `sum_over_pixels`, over the
pixels of the one row that is left. This is also more accurate than one long sum. On 64 images of 28 x 28 with 8
channels, float32, two cores, a difference takes 47 microseconds in place of 200, and a sum 48 in place of 829.
"""

from __future__ import annotations

import numpy as np

from ..contract import Array
from .sums import sum_rows

ENOUGH = 8192  # elements of a row beyond which nothing is gained: the repeated numbers should stay in the cache


def as_rows(x: Array, kept: int = 0) -> Array:
    """Return x (N, ..., C) as rows of whole pixels (n_rows, width), or, with kept=1, the rows of each example apart.

    Examples
    --------
    >>> as_rows(np.zeros((64, 28, 28, 8))).shape, as_rows(np.zeros((64, 28, 28, 8)), kept=1).shape
    ((64, 6272), (64, 28, 224))
    """
    width = x.shape[-1]
    for n in reversed(x.shape[kept + 1 : -1]):
        if width >= ENOUGH:
            break
        width *= n
    return x.reshape(*x.shape[:kept], -1, width)


def repeat_channels(values: Array, width: int) -> Array:
    """Return values (..., C) repeated to (..., width): the number of its channel for every pixel of a row.

    Examples
    --------
    >>> repeat_channels(np.array([1, 2, 3]), 6)
    array([1, 2, 3, 1, 2, 3])
    """
    if values.shape[-1] == width:
        return values
    pixels = values[..., np.newaxis, :].repeat(width // values.shape[-1], axis=-2)  # half the time of np.tile
    return pixels.reshape(*values.shape[:-1], width)


def sum_over_pixels(row: Array, n_channels: int) -> Array:
    """Return (..., C), given a row (..., width): each channel summed over the pixels; the adjoint of `repeat_channels`.

    Examples
    --------
    >>> sum_over_pixels(np.array([1, 2, 3, 10, 20, 30]), 3)
    array([11, 22, 33])
    """
    if row.shape[-1] == n_channels:
        return row
    return sum_rows(row.reshape(*row.shape[:-1], -1, n_channels))
