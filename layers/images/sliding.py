"""Layers on images, and where a sliding window lands: kernel, stride, padding and dilation, checked in one place.

Along one axis of n pixels, padded to p = before + n + after, a kernel of k pixels that are `dilation` apart spans
span = dilation * (k - 1) + 1 pixels. It is placed every `stride` pixels as long as it fits:

    n_windows = (p - span) // stride + 1

"valid" pads nothing. "same" pads so that n_windows = ceil(n / stride), the odd pixel after the image, as TensorFlow
does it.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..contract import Array, Layer, Shape, as_shape

Pair: TypeAlias = tuple[int, int]
Pads: TypeAlias = tuple[Pair, Pair]  # ((top, bottom), (left, right))


class ImageLayer(Layer):
    """A layer on images (N, H, W, C), channels last: the checks of shapes, and of arguments that come in pairs.

    A layer on sequences (N, T, C) has `n_axes` 1. It sees them as images of one row, so that all work is written
    once, for images.
    """

    n_axes = 2

    def _pair(self, name: str, value: Any, least: int = 1) -> Pair:
        """Return (rows, columns), given a number for both or one for each axis."""
        who = type(self).__name__
        numbers = tuple(value) if isinstance(value, tuple | list) else (value,) * self.n_axes
        if not all(_is_whole(n) for n in numbers):
            raise TypeError(f"{who}: {name} must hold whole numbers, got {value!r}")
        if len(numbers) != self.n_axes:
            wanted = "a whole number or a pair (rows, columns)" if self.n_axes == 2 else "a whole number"
            raise ValueError(f"{who}: {name} must be {wanted}, got {value!r}")
        if min(numbers) < least:
            raise ValueError(f"{who}: {name} must be at least {least}, got {value!r}")
        rows, columns = (1, *map(int, numbers))[-2:]
        return rows, columns

    def _sides(self, padding: Any) -> Pads:
        """Return ((top, bottom), (left, right)), given one number, one for each axis, or one for each side."""
        who = type(self).__name__
        axes = padding if self.n_axes == 2 and isinstance(padding, tuple | list) else (padding,) * self.n_axes
        sides = [tuple(side) if isinstance(side, tuple | list) else (side, side) for side in axes]
        if not all(_is_whole(n) for side in sides for n in side):
            raise TypeError(f"{who}: padding must hold whole numbers, got {padding!r}")
        if len(sides) != self.n_axes or any(len(side) != 2 for side in sides):
            pairs = "(before, after)" if self.n_axes == 1 else "(rows, columns) or ((top, bottom), (left, right))"
            raise ValueError(f"{who}: padding must be a whole number or {pairs}, got {padding!r}")
        if min(map(min, sides)) < 0:
            raise ValueError(f"{who}: padding must be at least 0, got {padding!r}")
        (top, bottom), (left, right) = [(0, 0), *sides][-2:]
        return (int(top), int(bottom)), (int(left), int(right))

    def _check_images(self, x: Any, n_channels: int | None = None) -> Array:
        """Return x as floating numbers of shape (N, H, W, C), checked."""
        x = self._check_x(x)
        if x.ndim != self.n_axes + 2 or n_channels not in (None, x.shape[-1]):
            wanted = f"({'N, H, W' if self.n_axes == 2 else 'N, T'}, {n_channels or 'C'})"
            raise ValueError(f"{self.who}: x must have shape {wanted}, got {x.shape}{self._hint(x.shape, n_channels)}")
        return x if self.n_axes == 2 else x[:, np.newaxis]

    def _hint(self, shape: Shape, n_channels: int | None) -> str:
        """What the caller may have done to images that have another shape."""
        if len(shape) == self.n_axes + 2 and shape[1] == n_channels:
            return f"; channels come last: x.transpose{(0, *range(2, len(shape)), 1)}"
        if len(shape) == self.n_axes + 1 and n_channels in (None, 1):
            return "; an axis for the one channel: x[..., np.newaxis]"
        if len(shape) == self.n_axes + 1 and shape[-1] == n_channels:
            return "; a batch of one image: x[np.newaxis]"
        return ""

    def _image_shape(self, input_shape: Shape, n_channels: int | None = None) -> tuple[int, int, int]:
        """Return (H, W, C) of one example, checked."""
        shape = as_shape(input_shape)
        if len(shape) != self.n_axes + 1 or n_channels not in (None, shape[-1]):
            wanted = f"({'H, W' if self.n_axes == 2 else 'T'}, {n_channels or 'C'})"
            last = "; channels come last" if len(shape) == self.n_axes + 1 and shape[0] == n_channels else ""
            raise ValueError(f"{self.who}: input_shape must be {wanted}, got {shape}{last}")
        height, width, channels = (1, *shape)[-3:]
        return height, width, channels

    def _outward(self, shape: Shape) -> Shape:
        """Return a shape (..., H, W, C) as the caller knows it: a sequence has no H."""
        return shape if self.n_axes == 2 else (*shape[:-3], *shape[-2:])


class Placement(NamedTuple):
    """Where a window lands on images of one size: everything in pairs, (rows, columns)."""

    kernel: Pair
    stride: Pair
    dilation: Pair
    pads: Pads
    size: Pair  # how many windows: the height and width of out

    @property
    def span(self) -> Pair:
        """The pixels from the first to the last that one window sees."""
        (height, width), (down, right) = self.kernel, self.dilation
        return down * (height - 1) + 1, right * (width - 1) + 1

    @property
    def covered(self) -> Pair:
        """The height and width of what all windows see together, gaps between them included."""
        return (self.size[0] - 1) * self.stride[0] + self.span[0], (self.size[1] - 1) * self.stride[1] + self.span[1]


class SlidingLayer(ImageLayer):
    """A layer that looks at images through a window."""

    def _set_window(self, kernel_size: Any, stride: Any, padding: Any, dilation: Any = 1) -> None:
        """Keep the arguments as they are given, for the repr, and as pairs, for the work."""
        self.kernel_size, self.stride, self.padding = plain(kernel_size), plain(stride), plain(padding)
        self.dilation = plain(dilation)
        self._kernel = self._pair("kernel_size", kernel_size)
        self._stride = self._pair("stride", stride)
        self._dilation = self._pair("dilation", dilation)
        if isinstance(padding, str) and padding not in ("same", "valid"):
            raise ValueError(
                f"{type(self).__name__}: padding must be 'same', 'valid' or whole numbers, got {padding!r}"
            )
        # What "same" means depends on the image.
        self._pads = None if padding == "same" else self._sides(0 if padding == "valid" else padding)

    def _place(self, height: int, width: int) -> Placement:
        """Return where the window lands on images of this size."""
        pads = self._pads or (self._same(0, height), self._same(1, width))
        place = Placement(self._kernel, self._stride, self._dilation, pads, (0, 0))
        padded, span = (sum(pads[0]) + height, sum(pads[1]) + width), place.span
        if padded[0] < span[0] or padded[1] < span[1]:
            what, seen, there = "image", f"{span[0]} x {span[1]}", f"{padded[0]} x {padded[1]}"
            if self.n_axes == 1:
                what, seen, there = "sequence", f"{span[1]}", f"{padded[1]}"
            raise ValueError(
                f"{self.who}: the padded {what} must be at least as large as the kernel, {seen}, got {there}"
            )
        down, right = self._stride
        return place._replace(size=((padded[0] - span[0]) // down + 1, (padded[1] - span[1]) // right + 1))

    def _same(self, axis: int, n: int) -> Pair:
        """Return the padding (before, after) of this axis with which ceil(n / stride) windows fit exactly."""
        kernel, stride, dilation = self._kernel[axis], self._stride[axis], self._dilation[axis]
        total = max((-(-n // stride) - 1) * stride + dilation * (kernel - 1) + 1 - n, 0)
        return total // 2, total - total // 2


def _is_whole(n: Any) -> bool:
    return isinstance(n, int | np.integer) and not isinstance(n, bool)


def plain(value: Any) -> Any:
    """Return whole numbers, and tuples or lists of them, as Python's own; anything else as it is."""
    if isinstance(value, tuple | list):
        return type(value)(map(plain, value))
    return int(value) if isinstance(value, np.integer) else value
