"""Where a window lands: kernel, stride, padding and dilation of every layer that slides one over an image.

Along one axis of n pixels, padded to p = before + n + after, a kernel of k pixels that are `dilation` apart spans
span = dilation * (k - 1) + 1 pixels. It is placed every `stride` pixels as long as it fits:

    n_windows = (p - span) // stride + 1

"valid" pads nothing. "same" pads so that n_windows = ceil(n / stride), the odd pixel after the image, as TensorFlow
does it.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .layer import Array, Layer, Shape, _as_shape

Pair: TypeAlias = tuple[int, int]
Pads: TypeAlias = tuple[Pair, Pair]  # ((top, bottom), (left, right))


class Placement(NamedTuple):
    """How a window slides over the images of one size: everything in pairs, (rows, columns)."""

    kernel: Pair
    stride: Pair
    dilation: Pair
    pads: Pads
    size: Pair  # how many windows there are: the height and width of out

    @property
    def span(self) -> Pair:
        """The pixels from the first to the last that a window sees."""
        (height, width), (down, right) = self.kernel, self.dilation
        return down * (height - 1) + 1, right * (width - 1) + 1


class SlidingLayer(Layer):
    """A layer that looks at images (N, H, W, C) through a window: its arguments, checked, and what follows from them.

    A layer on sequences (N, T, C) has `n_axes` 1. It sees them as images of one row, so that all work is written
    once, for images.
    """

    n_axes = 2

    def _set_window(self, kernel_size: Any, stride: Any, padding: Any, dilation: Any = 1) -> None:
        """Keep the arguments as they are given, for the repr, and as pairs, for the work."""
        self.kernel_size, self.stride, self.padding, self.dilation = kernel_size, stride, padding, dilation
        self._kernel = self._pair("kernel_size", kernel_size)
        self._stride = self._pair("stride", stride)
        self._dilation = self._pair("dilation", dilation)
        self._pads = self._fixed_pads(padding)

    # ---- arguments -----------------------------------------------------------------------------------------------

    def _pair(self, name: str, value: Any, least: int = 1) -> Pair:
        """Return (rows, columns), given a number for both or one for each axis."""
        who, numbers = type(self).__name__, tuple(value) if isinstance(value, tuple | list) else (value,) * self.n_axes
        if not all(_is_whole(n) for n in numbers):
            raise TypeError(f"{who}: {name} must hold whole numbers, got {value!r}")
        if len(numbers) != self.n_axes:
            wanted = "a whole number" + " or a pair (rows, columns)" * (self.n_axes == 2)
            raise ValueError(f"{who}: {name} must be {wanted}, got {value!r}")
        if min(numbers) < least:
            raise ValueError(f"{who}: {name} must be at least {least}, got {value!r}")
        rows, columns = (least, *map(int, numbers))[-2:]
        return rows, columns

    def _fixed_pads(self, padding: Any) -> Pads | None:
        """Return ((top, bottom), (left, right)), or None for "same", which depends on the image."""
        who = type(self).__name__
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(f"{who}: padding must be 'same', 'valid' or whole numbers, got {padding!r}")
            return None if padding == "same" else ((0, 0), (0, 0))
        axes = padding if self.n_axes == 2 and isinstance(padding, tuple | list) else (padding,) * self.n_axes
        sides = [tuple(side) if isinstance(side, tuple | list) else (side, side) for side in axes]
        if not all(_is_whole(n) for side in sides for n in side):
            raise TypeError(f"{who}: padding must hold whole numbers, got {padding!r}")
        if len(sides) != self.n_axes or any(len(side) != 2 for side in sides):
            pairs = (
                "a pair (rows, columns) or ((top, bottom), (left, right))" if self.n_axes == 2 else "(before, after)"
            )
            raise ValueError(f"{who}: padding must be a whole number, {pairs}, 'same' or 'valid', got {padding!r}")
        if min(map(min, sides)) < 0:
            raise ValueError(f"{who}: padding must be at least 0, got {padding!r}")
        (top, bottom), (left, right) = [(0, 0), *sides][-2:]
        return (int(top), int(bottom)), (int(left), int(right))

    def _window_options(self) -> list[str]:
        """The arguments of the window that differ from their defaults, as one would type them."""
        defaults = {"stride": 1, "padding": 0, "dilation": 1}
        return [f"{name}={value!r}" for name, default in defaults.items() if (value := getattr(self, name)) != default]

    # ---- images --------------------------------------------------------------------------------------------------

    def _place(self, height: int, width: int) -> Placement:
        """Return where the window lands on images of this size."""
        pads = self._pads or self._same_pads(height, width)
        (top, bottom), (left, right) = pads
        placed = Placement(self._kernel, self._stride, self._dilation, pads, (0, 0))
        free = top + height + bottom - placed.span[0], left + width + right - placed.span[1]
        if min(free) < 0:
            padded, spanned = (free[0] + placed.span[0], free[1] + placed.span[1]), placed.span
            raise ValueError(
                f"{self._who}: the padded image must be at least as large as the kernel, {_by(spanned, self.n_axes)}, "
                f"got {_by(padded, self.n_axes)}"
            )
        return placed._replace(size=(free[0] // self._stride[0] + 1, free[1] // self._stride[1] + 1))

    def _same_pads(self, height: int, width: int) -> Pads:
        (top, bottom), (left, right) = map(_same, (height, width), self._kernel, self._stride, self._dilation)
        return (top, bottom), (left, right)

    def _images(self, x: Any, n_channels: int | None = None) -> Array:
        """Return x as floating numbers of shape (N, H, W, C), checked."""
        x = self._as_floats(x)
        if x.ndim != self.n_axes + 2 or (n_channels is not None and x.shape[-1] != n_channels):
            axes = "N, H, W" if self.n_axes == 2 else "N, T"
            wanted = f"x must have shape ({axes}, {n_channels or 'C'})"
            raise ValueError(f"{self._who}: {wanted}, got {x.shape}{self._hint(x.shape, n_channels)}")
        return x if self.n_axes == 2 else x[:, np.newaxis]

    def _hint(self, shape: Shape, n_channels: int | None) -> str:
        """What may be meant by images of a wrong shape."""
        if len(shape) == self.n_axes + 2 and shape[1] == n_channels:
            axes = (0, *range(2, self.n_axes + 2), 1)
            return f": channels come last here, as x.transpose{axes} has them"
        if len(shape) == self.n_axes + 1 and n_channels in (None, 1):
            return ": x[..., np.newaxis] has one channel"
        if len(shape) == self.n_axes + 1 and shape[-1] == n_channels:
            return ": x[np.newaxis] is a batch of one"
        return ""

    def _image_shape(self, input_shape: Shape, n_channels: int | None = None) -> tuple[int, int, int]:
        """Return (H, W, C) of one example, checked."""
        shape = _as_shape(input_shape)
        if len(shape) != self.n_axes + 1 or (n_channels is not None and shape[-1] != n_channels):
            axes = "H, W" if self.n_axes == 2 else "T"
            hint = self._hint((1, *shape), n_channels).replace("x.transpose", "transpose")
            raise ValueError(f"{self._who}: input_shape must be ({axes}, {n_channels or 'C'}), got {shape}{hint}")
        height, width, channels = (1, *shape)[-3:]
        return height, width, channels

    def _outward(self, shape: Shape) -> Shape:
        """Return a shape (..., H, W, C) as the caller knows it: sequences have no H."""
        return shape if self.n_axes == 2 else (*shape[:-3], *shape[-2:])


def _same(n: int, kernel: int, stride: int, dilation: int) -> Pair:
    total = max((-(-n // stride) - 1) * stride + dilation * (kernel - 1) + 1 - n, 0)
    return total // 2, total - total // 2


def _is_whole(n: Any) -> bool:
    return isinstance(n, int | np.integer) and not isinstance(n, bool)


def _by(size: Pair, n_axes: int) -> str:
    return f"{size[0]} x {size[1]}" if n_axes == 2 else str(size[1])
