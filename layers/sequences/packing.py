"""The order in which a recurrent layer goes through the steps of rows of unequal length.

The rows are sorted, the longest first, so that those that have a step t are the first sizes[t] of them; their numbers
are laid one step after the other, without what is padding:

    lengths [2, 3, 0]     order [1, 0, 2]     sizes [2, 2, 1]     x[1, 0], x[0, 0] | x[1, 1], x[0, 1] | x[1, 2]

So each step is one block of memory, all steps are one matrix, and a row that has ended is touched no more. Padding is
never read: nothing in it, NaN neither, can reach a result.
"""

from __future__ import annotations

from itertools import accumulate

import numpy as np

from ..contract import Array


class Packing:
    """The steps of N rows, in the order of time: pack(x)[starts[t] : starts[t + 1]] = x[order, t] of rows still going.

    Parameters
    ----------
    n, n_steps : int
        N and T.
    lengths : array of int (N,), optional
        How many steps each row has; without, all have T.
    reverse : bool
        Each row from its own last step to its first.

    Examples
    --------
    >>> steps = Packing(3, 3, np.array([2, 3, 0]), reverse=False)
    >>> packed = steps.pack(np.array([[[1], [2], [-1]], [[3], [4], [5]], [[-1], [-1], [-1]]]))
    >>> packed[:, 0], steps.starts
    (array([3, 1, 4, 2, 5]), [0, 2, 4, 5])
    >>> steps.unpack(packed)[..., 0]
    array([[1, 2, 0],
           [3, 4, 5],
           [0, 0, 0]])
    """

    def __init__(self, n: int, n_steps: int, lengths: Array | None, *, reverse: bool) -> None:
        self.n, self.n_steps, self.reverse = n, n_steps, reverse
        self.full = lengths is None or bool((lengths == n_steps).all())
        rows = np.arange(n)
        if lengths is None or self.full:
            self.sizes, last = [n] * n_steps, np.full(n, n_steps)
        else:
            self.order = np.argsort(-lengths, kind="stable")
            last = lengths[self.order]
            going = np.arange(last[0])[:, np.newaxis] < last  # (longest, N)
            step, row = np.nonzero(going)
            self.sizes = going.sum(axis=1).tolist()
            self.places = self.order[row] * n_steps + (last[row] - 1 - step if reverse else step)  # in x as (N * T, D)
        self.starts = [0, *accumulate(self.sizes)]
        # A record of states: the N that the rows begin with, and below them those after each step, packed.
        blocks = np.array([0, *(n + start for start in self.starts)])  # where the states after 0, 1, 2, ... steps begin
        self.last = blocks[last] + rows
        self.before = slice(0, self.starts[-1]) if self.full else blocks[step] + row

    def __len__(self) -> int:
        return len(self.sizes)

    def blocks(self) -> list[tuple[slice, slice, slice]]:
        """Return where each step is: its rows, and in a record of states those before it and those after it."""
        before = [0, *(self.n + start for start in self.starts)]
        return [
            (slice(start, start + size), slice(before[t], before[t] + size), slice(before[t + 1], before[t + 1] + size))
            for t, (start, size) in enumerate(zip(self.starts, self.sizes, strict=False))
        ]

    def pack(self, x: Array) -> Array:
        """Return a copy of the real steps of x (N, T, D), one after the other, (M, D)."""
        if not self.full:
            return x.reshape(self.n * self.n_steps, -1)[self.places]
        steps = x.transpose(1, 0, 2)
        return np.array(steps[::-1] if self.reverse else steps, order="C").reshape(self.n * self.n_steps, -1)

    def unpack(self, packed: Array) -> Array:
        """Return (N, T, D) of which `pack` gives the packed rows, with zeros in the padding."""
        width = packed.shape[1]
        if not self.full:
            out = np.zeros((self.n * self.n_steps, width), packed.dtype)
            out[self.places] = packed
            return out.reshape(self.n, self.n_steps, width)
        steps = packed.reshape(self.n_steps, self.n, width)
        return np.array((steps[::-1] if self.reverse else steps).transpose(1, 0, 2), order="C")

    def sort(self, rows: Array) -> Array:
        """Return a copy of rows (N, ...) in the order of the packing."""
        return rows.copy() if self.full else rows[self.order]

    def unsort(self, rows: Array) -> Array:
        """Return a copy of sorted rows (N, ...) in the order of x."""
        if self.full:
            return rows.copy()
        out = np.empty_like(rows)
        out[self.order] = rows
        return out
