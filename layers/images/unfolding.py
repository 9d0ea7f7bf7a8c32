"""Convolutions made fast: windows as the rows of a matrix, and the three products of a convolution with them.

It computes the same as the plain form in `convolution.py`, which says what the three products are and why. There they
go position by position through the window; here each is one matrix product:

    out      = windows @ weights       (places, kernel_h * kernel_w * C) @ (kernel_h * kernel_w * C, K)
    dweights = windows.T @ dout
    dwindows = dout @ weights.T        and dx of a pixel is the sum of dwindows over all windows that see it

once the windows lie in memory as the rows of a matrix. Making these rows, and adding dwindows up, is what must be fast.
Four things help:

1. Runs. Pixels that are neighbors in a row are neighbors in memory, with all their channels. A window is copied as
   kernel_h runs, and a run as a single item of NumPy, many times faster than number by number.
2. Blocks. Windows next to one another share most of their pixels. One row of the matrix serves a block of them, with
   the kernel once for each in the other factor. Kernel 3 x 3 and a block of 2, with a last number 1 for the bias:

       image   . . . . . . .             row of the matrix (one number stands for a pixel)
               . p q r s . .
               . t u v w . .             [ p q r s | t u v w | x y z o | 1 ]
               . x y z o . .
                                                    | w00  0  |
       windows   p q r   q r s                      | w01 w00 |
                 t u v   u v w     times            | w02 w01 |  =  out at both of them
                 x y z   y z o                      |  0  w02 |
                                                    | w10  0  |
                                                    |   ...   |
                                                    |bias bias|

   Less is copied, 12 pixels instead of 18, and the product is wider, which suits it when channels are few; the
   zeros are wasted work. `best_block` weighs the two. With many channels a block is one window. And where a pixel is
   not finite it is one too: 0 times infinity is NaN, and would spoil windows of the block that do not see it.
3. Chunks. The rows are made for so many images, or rows of a large image, that they are still in the processor's
   cache when the product reads them; the memory for them is small and used again.
4. dx as a convolution. Where the stride is 1, the gradient of a pixel is a sum over a window of dout: dx is the
   convolution of dout, padded, with the kernel turned by 180 degrees. That needs no addition window by window, and
   the windows of dout give dweights as well.

What holds of the sums: those over windows are BLAS's. In float32, dweights is off by some 2e-6 of the sum of its
absolute terms over a million pixels, as everywhere; dbias, by `sum_rows`, by 1e-7 however many there are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..contract import Array
from .frames import chunks, crop, pad, padded_shape
from .sliding import Pair, Windows

# What matrix products and copies cost, for the choice of a block: measured, in multiply-adds, and far from critical.
COST_OF_A_RUN = 75  # to copy one, however short
MISSING_COLUMNS = 12  # a product of K columns takes the time of K + 12
MORE_PIXELS = 1.5  # a convolution for dx visits all pixels of x, not only those of out: worth it up to this ratio


# ---- windows as the rows of a matrix ---------------------------------------------------------------------------------


class Unfolding:
    """The windows of images as the rows of a matrix, a block of windows a row, and the weights that go with them.

    A block is one window where the numbers that meet the zeros in the other factor are not all finite.
    """

    def __init__(self, windows: Windows, n_inputs: int, n_outputs: int, n_groups: int = 1, finite: bool = True) -> None:
        self.windows, self.n_groups = windows, n_groups
        self.n_inputs, self.n_outputs = n_inputs // n_groups, n_outputs // n_groups  # of each group
        (kernel_h, kernel_w), (_, right), (down, apart) = windows.kernel, windows.stride, windows.dilation
        if apart == 1 and n_groups == 1:
            self.block = best_block(windows, self.n_inputs, self.n_outputs) if finite else 1
            self.width = (self.block - 1) * right + kernel_w  # pixels that the windows of a block see in one row
            self.runs, self.run_length = [(a * down, 0) for a in range(kernel_h)], self.width
        else:  # pixels or channels in between are not seen: each pixel is a run of its own
            self.block, self.width = 1, kernel_w
            self.runs, self.run_length = [(a * down, b * apart) for a in range(kernel_h) for b in range(kernel_w)], 1
        self.n_columns = kernel_h * self.width * self.n_inputs + 1  # and the 1
        self.blocks_in_row = windows.size[1] // self.block

    def chunks(self, n: int, itemsize: int) -> Iterator[tuple[slice, list[slice]]]:
        """Cut n images into chunks: yield some images and, one after the other, some of their rows."""
        row = self.blocks_in_row * self.n_columns * itemsize
        for images in chunks(n, self.windows.size[0] * row):
            yield images, list(chunks(self.windows.size[0], (images.stop - images.start) * row))

    def make_buffer(self, n: int, dtype: np.dtype[Any]) -> Array:
        """Return memory for the rows of the largest chunk; its ones stay."""
        images, rows = next(self.chunks(n, dtype.itemsize))
        n_rows = (images.stop - images.start) * (rows[0].stop - rows[0].start) * self.blocks_in_row
        buffer = np.empty((n_rows, self.n_columns), dtype)
        buffer[:, -1] = 1
        return buffer

    def unfold(self, padded: Array, rows: slice, group: int, buffer: Array) -> Array:
        """Return the windows of these rows of out as a matrix, in the memory of the buffer."""
        n, n_rows, item = len(padded), rows.stop - rows.start, padded.itemsize
        run = np.dtype((np.void, self.run_length * self.n_inputs * item))
        shape = n, n_rows, self.blocks_in_row
        image, row, pixel, _ = padded.strides
        down, right = self.windows.stride
        strides_from = image, down * row, self.block * right * pixel
        line = buffer.strides[0]
        strides_to = n_rows * self.blocks_in_row * line, self.blocks_in_row * line, line
        first = rows.start * down * row + group * self.n_inputs * item
        for i, (a, b) in enumerate(self.runs):
            seen = np.ndarray(shape, run, padded, first + a * row + b * pixel, strides_from)
            np.ndarray(shape, run, buffer, i * run.itemsize, strides_to)[...] = seen
        return buffer[: math.prod(shape)]

    def unfolded(self, x: Array, dtype: np.dtype[Any]) -> Iterator[tuple[tuple[slice, slice], int, Array]]:
        """Yield ((images, rows), group, matrix): chunk by chunk the windows of x, in memory that is used again."""
        buffer = self.make_buffer(len(x), dtype)
        for images, all_rows in self.chunks(len(x), dtype.itemsize):
            padded = np.ascontiguousarray(pad(x[images], self.windows.pads), dtype)
            for rows in all_rows:
                for group in range(self.n_groups):
                    yield (images, rows), group, self.unfold(padded, rows, group, buffer)

    def fold(self, matrix: Array, dpadded: Array, rows: slice, group: int) -> None:
        """Add to every pixel what the windows of these rows have for it: the reverse of `unfold`."""
        n, n_rows, item = len(dpadded), rows.stop - rows.start, dpadded.itemsize
        parts = matrix.reshape(n, n_rows, self.blocks_in_row, len(self.runs), -1)
        image, row, pixel, _ = dpadded.strides
        (down, right), channels = self.windows.stride, slice(group * self.n_inputs, (group + 1) * self.n_inputs)
        step = self.block * right
        apart = -(-self.run_length // step)  # runs of blocks so far from one another have no pixel in common
        for i, (a, b) in enumerate(self.runs):
            for j in range(min(apart, self.blocks_in_row)):
                part = parts[:, :, j::apart, i]
                corner = dpadded[:, rows.start * down + a :, b + j * step :, channels]
                seen = as_strided(corner, part.shape, (image, down * row, apart * step * pixel, item))
                seen += part

    def matrix(self, weights: Array, group: int, bias: Array | None = None) -> Array:
        """Return the weights of a group as the other factor, (n_columns, block * n_outputs): the kernel, shifted."""
        outputs = slice(group * self.n_outputs, (group + 1) * self.n_outputs)
        matrix = np.zeros((self.n_columns, self.block, self.n_outputs), weights.dtype)
        for j, shifted in enumerate(self._kernels(matrix)):
            shifted[...] = weights[..., outputs]
            matrix[-1, j] = 0 if bias is None else bias[outputs]
        return matrix.reshape(self.n_columns, -1)

    def zeros(self, dtype: np.dtype[Any]) -> Array:
        """Return the gradients of the matrices of all groups before anything is added to them."""
        return np.zeros((self.n_groups, self.n_columns, self.block * self.n_outputs), dtype)

    def dweights(self, dmatrices: Array) -> Array:
        """Return dweights, given the gradients of the matrices of all groups."""
        split = dmatrices.reshape(self.n_groups, self.n_columns, self.block, self.n_outputs)
        dweights = [np.sum(self._kernels(dmatrix), axis=0) for dmatrix in split]
        return np.concatenate(dweights, axis=-1)

    def as_product(self, out: Array, group: int) -> Array:
        """Return the outputs of a group as the product with its matrix has them, (n_rows, block * n_outputs)."""
        return out.reshape(-1, self.n_groups, self.block * self.n_outputs)[:, group]

    def _kernels(self, matrix: Array) -> list[Array]:
        """Return views (kernel_h, kernel_w, n_inputs, n_outputs) of where in a matrix the kernel stands."""
        (kernel_h, kernel_w), (_, right) = self.windows.kernel, self.windows.stride
        seen = matrix[:-1].reshape(kernel_h, self.width, self.n_inputs, self.block, self.n_outputs)
        return [seen[:, j * right : j * right + kernel_w, :, j] for j in range(self.block)]


@lru_cache(maxsize=256)
def best_block(windows: Windows, n_inputs: int, n_outputs: int) -> int:
    """Return how many windows of a row of out to take together: a divisor of their number, the one of least work."""
    (_, kernel_w), (_, right), (_, n_columns) = windows.kernel, windows.stride, windows.size

    def work(block: int) -> float:  # for one window and one row of the kernel
        width = (block - 1) * right + kernel_w
        return COST_OF_A_RUN / block + width * n_inputs * (n_outputs + MISSING_COLUMNS / block)

    return min((block for block in range(1, n_columns + 1) if n_columns % block == 0), key=work)


# ---- the three products; whether x and dout are all finite is for the caller to say ---------------------------------


def convolve(
    x: Array, weights: Array, bias: Array | None, windows: Windows, n_groups: int = 1, finite: bool = True
) -> Array:
    """Return out (N, rows, columns, K) of images (N, H, W, C) and weights (kernel_h, kernel_w, C / n_groups, K)."""
    plan = Unfolding(windows, x.shape[-1], weights.shape[-1], n_groups, finite)
    matrices = [plan.matrix(weights, group, bias) for group in range(n_groups)]
    out = np.empty((len(x), *windows.size, weights.shape[-1]), np.result_type(x, weights))
    for here, group, matrix in plan.unfolded(x, out.dtype):
        np.matmul(matrix, matrices[group], out=plan.as_product(out[here], group))
    return out


def weights_gradient(x: Array, dout: Array, windows: Windows, n_groups: int = 1) -> Array:
    """Return dweights (kernel_h, kernel_w, C / n_groups, K) of x and dout (N, rows, columns, K)."""
    plan = Unfolding(windows, x.shape[-1], dout.shape[-1], n_groups)  # in a block no number meets a 0 of the weights
    dmatrices = plan.zeros(np.result_type(x, dout))
    for here, group, matrix in plan.unfolded(x, dmatrices.dtype):
        dmatrices[group] += matrix.T @ plan.as_product(dout[here], group)
    return plan.dweights(dmatrices)


def image_gradient(
    dout: Array, weights: Array, x_size: Pair, windows: Windows, n_groups: int = 1, finite: bool = True
) -> Array:
    """Return dx (N, H, W, C) of images of the size (H, W): the transposed of `convolve` without a bias."""
    turned = _turned_windows(windows, x_size)
    if turned:
        return convolve(dout, _turned(weights, n_groups), None, turned, n_groups, finite)
    n_inputs, n_outputs = weights.shape[2] * n_groups, weights.shape[3]
    plan = Unfolding(windows, n_inputs, n_outputs, n_groups, finite)
    matrices = [plan.matrix(weights, group)[:-1].T for group in range(n_groups)]
    dx = np.empty((len(dout), *x_size, n_inputs), np.result_type(dout, weights))
    for images, all_rows in plan.chunks(len(dout), dx.itemsize):
        dpadded = np.zeros(padded_shape(dx[images].shape, windows.pads), dx.dtype)
        for rows in all_rows:
            for group, matrix in enumerate(matrices):
                dwindows = plan.as_product(dout[images, rows], group) @ matrix
                plan.fold(dwindows, dpadded, rows, group)
        dx[images] = crop(dpadded, windows.pads)
    return dx


def gradients(
    x: Array, dout: Array, weights: Array, windows: Windows, n_groups: int = 1, finite: bool = True
) -> tuple[Array, Array]:
    """Return dweights and dx. Where dx is a convolution, one unfolding of dout serves both products.

    In the sum of dweights, move x to (i, j): sum_nij x[n, i, j, c] * dout[n, i - a, j - b, k], and there is the window
    of dout that dx takes as well. So the unfolded dout is multiplied with the turned weights, which gives dx, and with
    x, which gives dweights, turned. Then the frame of zeros is around dout, not x, and numbers that are not finite
    would meet other zeros.
    """
    x_size = x.shape[1], x.shape[2]
    turned = _turned_windows(windows, x_size) if finite else None
    if not turned:
        dx = image_gradient(dout, weights, x_size, windows, n_groups, finite)
        return weights_gradient(x, dout, windows, n_groups), dx
    plan = Unfolding(turned, dout.shape[-1], x.shape[-1], n_groups)
    matrices = [plan.matrix(_turned(weights, n_groups), group) for group in range(n_groups)]
    dx = np.empty(x.shape, np.result_type(dout, weights))
    dmatrices = plan.zeros(np.result_type(x, dout))
    for here, group, matrix in plan.unfolded(dout, np.result_type(dx, dmatrices)):
        np.matmul(matrix, matrices[group], out=plan.as_product(dx[here], group))
        dmatrices[group] += matrix.T @ plan.as_product(x[here], group)
    return _turned(plan.dweights(dmatrices), n_groups), dx


def _turned_windows(windows: Windows, x_size: Pair) -> Windows | None:
    """Return the windows on dout whose convolution is dx; None where it is no convolution, or that is slower."""
    (top, bottom), (left, right) = windows.pads
    height, width = windows.span[0] - 1, windows.span[1] - 1
    pads = (height - top, height - bottom), (width - left, width - right)
    few_more_pixels = math.prod(x_size) <= MORE_PIXELS * math.prod(windows.size)
    if windows.stride != (1, 1) or min(map(min, pads)) < 0 or not few_more_pixels:
        return None
    return Windows(windows.kernel, (1, 1), windows.dilation, pads, x_size)


def _turned(weights: Array, n_groups: int) -> Array:
    """Return the kernels turned by 180 degrees, inputs and outputs exchanged: (kernel_h, kernel_w, K / n_groups, C)."""
    height, width, n_inputs, n_outputs = weights.shape
    split = weights[::-1, ::-1].reshape(height, width, n_inputs, n_groups, n_outputs // n_groups)
    return split.transpose(0, 1, 4, 3, 2).reshape(height, width, n_outputs // n_groups, n_inputs * n_groups)
