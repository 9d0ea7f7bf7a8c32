"""Layers on images, and where their windows land: kernel, stride, padding and dilation, checked in one place.

Along one axis of n pixels, padded to p = before + n + after, a kernel of k pixels that are `dilation` apart spans
span = dilation * (k - 1) + 1 pixels. It is placed every `stride` pixels as long as it fits:

    n_windows = (p - span) // stride + 1

    pixel       0 1 2 3 4 5 6 7 8 9     p = 10
    window 0    a . b . c               kernel 3 with dilation 2: span 5
    window 1        a . b . c           stride 2
    window 2            a . b . c       (10 - 5) // 2 + 1 = 3 windows; pixel 9 is seen by none

What all windows see at one of their positions is a slice of the padded image: at `a` the pixels 0, 2, 4, at `b` the
pixels 2, 4, 6, at `c` the pixels 4, 6, 8. Convolutions and pools are written with these slices, `Windows.at`.

"valid" pads nothing. "same" pads so that n_windows = ceil(n / stride), the odd pixel after the image, as TensorFlow
does it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from ..contract import Array, Layer, Shape, as_shape

Pair: TypeAlias = tuple[int, int]  # (rows, columns)
Pads: TypeAlias = tuple[Pair, Pair]  # ((top, bottom), (left, right))
# The same as they are given: one number for both axes, or one for each; of padding also one for each side, or a name.
PairLike: TypeAlias = int | Sequence[int]
PadsLike: TypeAlias = int | Sequence[int | Sequence[int]]


# ---- images ----------------------------------------------------------------------------------------------------------


class ImageLayer(Layer):
    """A layer on images (N, H, W, C), channels last: the checks of shapes, and of arguments that come in pairs.

    A layer on sequences (N, T, C) has `n_axes` 1. It sees them as images of one row, (N, 1, T, C), so that all work is
    written once, for images: what comes in grows an axis in `_check_images`, what goes out loses it by `_outward`.
    """

    last_axis: tuple[str | None, str | None] | None = (None, None)
    grid = True
    n_axes = 2

    def _pair(self, name: str, value: Any, least: int = 1) -> Pair:
        """Return (rows, columns), given a number for both or one for each axis; of sequences, (1, steps)."""
        who = type(self).__name__
        numbers = tuple(value) if isinstance(value, tuple | list) else (value,) * self.n_axes
        if not all(_is_whole(number) for number in numbers):
            raise TypeError(f"{who}: {name} must hold whole numbers, got {value!r}")
        if len(numbers) != self.n_axes:
            wanted = "a whole number or a pair (rows, columns)" if self.n_axes == 2 else "a whole number"
            raise ValueError(f"{who}: {name} must be {wanted}, got {value!r}")
        if min(numbers) < least:
            raise ValueError(f"{who}: {name} must be at least {least}, got {value!r}")
        rows = int(numbers[0]) if self.n_axes == 2 else 1
        return rows, int(numbers[-1])

    def _sides(self, padding: Any) -> Pads:
        """Return ((top, bottom), (left, right)), given one number, one for each axis, or one for each side."""
        who = type(self).__name__
        # The two axes of images may have a value each; the one axis of sequences may have a pair (before, after).
        one_for_each = self.n_axes == 2 and isinstance(padding, tuple | list)
        axes = tuple(padding) if one_for_each else (padding,) * self.n_axes
        sides = [tuple(axis) if isinstance(axis, tuple | list) else (axis, axis) for axis in axes]
        if not all(_is_whole(number) for side in sides for number in side):
            raise TypeError(f"{who}: padding must hold whole numbers, got {padding!r}")
        if len(sides) != self.n_axes or any(len(side) != 2 for side in sides):
            pairs = "(rows, columns) or ((top, bottom), (left, right))" if self.n_axes == 2 else "(before, after)"
            raise ValueError(f"{who}: padding must be a whole number or {pairs}, got {padding!r}")
        if min(map(min, sides)) < 0:
            raise ValueError(f"{who}: padding must be at least 0, got {padding!r}")
        top, bottom = sides[0] if self.n_axes == 2 else (0, 0)
        left, right = sides[-1]
        return (int(top), int(bottom)), (int(left), int(right))

    def _check_images(self, x: ArrayLike, n_channels: int | None = None) -> Array:
        """Return x as floating numbers of shape (N, H, W, C); sequences (N, T, C) as images of one row."""
        images = self._check_x(x)
        shape = images.shape
        if len(shape) != self.n_axes + 2 or n_channels not in (None, shape[-1]):
            axes = "N, H, W" if self.n_axes == 2 else "N, T"
            wanted, hint = f"({axes}, {n_channels or 'C'})", self._hint(shape, n_channels)
            raise ValueError(f"{self.who}: x must have shape {wanted}, got {shape}{hint}")
        return images if self.n_axes == 2 else images[:, np.newaxis]

    def _hint(self, shape: Shape, n_channels: int | None) -> str:
        """Return what the caller may have done to images that have another shape, and the cure."""
        one_axis_is_missing = len(shape) == self.n_axes + 1
        if one_axis_is_missing and shape[-1] == n_channels:
            return f"; a batch of one {'image' if self.n_axes == 2 else 'sequence'}: x[np.newaxis]"
        if len(shape) == self.n_axes + 2 and shape[1] == n_channels:
            return f"; channels come last: x.transpose{(0, *range(2, len(shape)), 1)}"
        if one_axis_is_missing and n_channels is None and shape[-1] in (1, 3):
            return "; a batch of one: x[np.newaxis]"
        if one_axis_is_missing and n_channels in (None, 1):
            return "; an axis for the one channel: x[..., np.newaxis]"
        return ""

    def _check_image_shape(self, input_shape: Shape, n_channels: int | None = None) -> tuple[int, int, int]:
        """Return (H, W, C) of one example; a sequence (T, C) as an image of one row."""
        shape = as_shape(input_shape, self)
        if len(shape) != self.n_axes + 1 or n_channels not in (None, shape[-1]):
            axes = "H, W" if self.n_axes == 2 else "T"
            channels_first = len(shape) == self.n_axes + 1 and shape[0] == n_channels
            wanted, hint = f"({axes}, {n_channels or 'C'})", "; channels come last" if channels_first else ""
            raise ValueError(f"{self.who}: input_shape must be {wanted}, got {shape}{hint}")
        height = shape[0] if self.n_axes == 2 else 1
        return height, shape[-2], shape[-1]

    def _setting(self, name: str) -> Any:
        value = super()._setting(name)
        return 0 if value == "valid" and name == "padding" else _shortest(value)

    def _outward(self, shape: Shape) -> Shape:
        """Return a shape (..., H, W, C) as the caller knows it: a sequence has no H."""
        return shape if self.n_axes == 2 else (*shape[:-3], *shape[-2:])


# ---- windows ---------------------------------------------------------------------------------------------------------


class Windows(NamedTuple):
    """The windows on images of one size: everything in pairs, (rows, columns).

    Examples
    --------
    >>> windows = Windows(kernel=(1, 3), stride=(1, 2), dilation=(1, 2), pads=((0, 0), (0, 0)), size=(1, 3))
    >>> windows.positions
    [(0, 0), (0, 1), (0, 2)]
    >>> pixels = np.arange(10).reshape(1, 1, 10, 1)
    >>> pixels[windows.at(0, 1)].ravel()
    array([2, 4, 6])
    """

    kernel: Pair
    stride: Pair
    dilation: Pair
    pads: Pads
    size: Pair  # how many windows: the height and width of out

    @property
    def positions(self) -> list[Pair]:
        """The positions (a, b) in a window, row by row."""
        return list(itertools.product(range(self.kernel[0]), range(self.kernel[1])))

    def at(self, a: int, b: int) -> tuple[slice, slice, slice]:
        """Return the index of the pixels that all windows see at their position (a, b).

        `padded[windows.at(a, b)]` is a view (N, rows, columns, C) of padded images: their pixels
        (i * stride + a * dilation, j * stride + b * dilation) for the windows (i, j).
        """
        (rows, columns), (down, right) = self.size, self.stride
        top, left = a * self.dilation[0], b * self.dilation[1]
        return (
            slice(None),
            slice(top, top + down * (rows - 1) + 1, down),
            slice(left, left + right * (columns - 1) + 1, right),
        )

    @property
    def span(self) -> Pair:
        """The pixels from the first to the last that one window sees."""
        return span(self.kernel[0], self.dilation[0]), span(self.kernel[1], self.dilation[1])

    @property
    def covered(self) -> Pair:
        """The height and width of what all windows see together, gaps between them included."""
        return (self.size[0] - 1) * self.stride[0] + self.span[0], (self.size[1] - 1) * self.stride[1] + self.span[1]


def span(kernel: int, dilation: int) -> int:
    """Return the pixels from the first to the last that a kernel sees along one axis."""
    return dilation * (kernel - 1) + 1


class SlidingLayer(ImageLayer):
    """A layer that looks at images through windows."""

    def _instead(self, padding: str) -> str:
        """Return what to write for a padding that others have by name: no step sees one that comes after it."""
        if padding != "causal" or self.n_axes != 1:
            return ""
        return f": write ({self._dilation[1] * (self._kernel[1] - 1)}, 0), so that no step sees one after it"

    def _set_window(
        self, kernel_size: PairLike, stride: PairLike, padding: PadsLike | str, dilation: PairLike = 1
    ) -> None:
        """Keep the arguments as they are given, for the repr, and as pairs, for the work."""
        self.kernel_size, self.stride = python_numbers(kernel_size), python_numbers(stride)
        self.padding, self.dilation = python_numbers(padding), python_numbers(dilation)
        self._kernel = self._pair("kernel_size", kernel_size)
        self._stride = self._pair("stride", stride)
        self._dilation = self._pair("dilation", dilation)
        if isinstance(padding, str) and padding not in ("same", "valid"):
            raise ValueError(
                f"{type(self).__name__}: padding must be 'same', 'valid' or whole numbers, got {padding!r}"
                f"{self._instead(padding)}"
            )
        # What "same" means depends on the image.
        by_name = padding if isinstance(padding, str) else ""
        self._pads = None if by_name == "same" else self._sides(0 if by_name == "valid" else padding)

    def _windows_on(self, height: int, width: int) -> Windows:
        """Return the windows on images of this size: pad them, and count how often the kernel fits."""
        top_and_bottom, left_and_right = self._pads or (self._same(0, height), self._same(1, width))
        padded_height, padded_width = sum(top_and_bottom) + height, sum(left_and_right) + width
        span_down = span(self._kernel[0], self._dilation[0])
        span_right = span(self._kernel[1], self._dilation[1])
        if padded_height < span_down or padded_width < span_right:
            what, needed, there = "image", f"{span_down} x {span_right}", f"{padded_height} x {padded_width}"
            if self.n_axes == 1:
                what, needed, there = "sequence", f"{span_right}", f"{padded_width}"
            raise ValueError(
                f"{self.who}: the padded {what} must be at least as large as the kernel, {needed}, got {there}"
            )
        rows = (padded_height - span_down) // self._stride[0] + 1
        columns = (padded_width - span_right) // self._stride[1] + 1
        pads = top_and_bottom, left_and_right
        return Windows(self._kernel, self._stride, self._dilation, pads, (rows, columns))

    def _same(self, axis: int, n: int) -> Pair:
        """Return the padding (before, after) of this axis with which ceil(n / stride) windows fit exactly."""
        stride = self._stride[axis]
        n_windows = -(-n // stride)
        needed = (n_windows - 1) * stride + span(self._kernel[axis], self._dilation[axis])
        total = max(needed - n, 0)  # a stride larger than the kernel may leave out the last pixels
        return total // 2, total - total // 2


def _shortest(value: Any) -> Any:
    """Return one number for the same number on all axes and sides."""
    if not isinstance(value, tuple | list) or not value:
        return value
    short = tuple(map(_shortest, value))
    return short[0] if all(each == short[0] for each in short) else short


def _is_whole(n: Any) -> bool:
    return isinstance(n, int | np.integer) and not isinstance(n, bool) and bool(-(2**31) < n < 2**31)


def python_numbers(value: Any) -> Any:
    """Return whole numbers of NumPy, and tuples or lists of them, as Python's own; anything else as it is."""
    if isinstance(value, tuple | list):
        return type(value)(map(python_numbers, value))
    return int(value) if isinstance(value, np.integer) else value
