"""Where in its row a step stands: attention by itself does not know, these layers add it to x."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..contract import Array, Layer, Rng, Shape, as_shape, check_lengths, checks
from ..initializers import normal
from ..speed import sum_rows
from ..weighted import Initializer, Weighted

SMALL_NORMAL = normal(0.02)


class _Positions(Layer):
    """What both layers share: out[i, t] = x[i, t] + the row of a table for the position of that step.

    The state of `advance` is the position of the next step of each row, (N,).
    """

    last_axis = "n_features", "n_features"
    grid = True
    n_features: int
    step_by_step = takes_lengths = True

    def _rows(self, first: int, last: int) -> Array:
        """Return the rows of the table from the position `first` to before `last`."""
        raise NotImplementedError

    def _check_steps(self, x: Any, lengths: Any = None) -> tuple[Array, Array | None]:
        x = self._check_real("x", x)
        if x.ndim == 3 and len(x) == 0:
            self._check_examples(x)
        if x.ndim != 3 or x.shape[-1] != self.n_features or not x.size:
            wanted = f"(N, T, {self.n_features}) with at least one step"
            raise ValueError(f"{self.who}: x must have shape {wanted}, got {x.shape}")
        return x, None if lengths is None else check_lengths(self.who, lengths, *x.shape[:2])

    def forward(self, x: Any, lengths: Any = None) -> Array:
        x, _ = self._check_steps(x, lengths)
        self._cache = x.shape
        out: Array = x + self._rows(0, x.shape[1])
        return out

    def advance(self, x: Any, state: Any = None, lengths: Any = None) -> tuple[Array, Any]:
        x, lengths = self._check_steps(x, lengths)
        n, n_steps, _ = x.shape
        before = np.zeros(n, np.intp) if state is None else self._check_state(state, n)
        first, last = int(before.min()), int(before.max()) + n_steps
        rows = self._rows(first, last)
        out = x + (rows if last - first == n_steps else rows[before[:, np.newaxis] - first + np.arange(n_steps)])
        return out, before + (n_steps if lengths is None else lengths)

    def _check_state(self, state: Any, n: int) -> Array:
        before = checks.array(self, "state", state)
        if before.dtype.kind not in "iu" or before.shape != (n,) or before.min() < 0:
            raise ValueError(f"{self.who}: state must hold {n} positions, whole numbers from 0, got {state!r:.80}")
        return before.astype(np.intp)

    def output_shape(self, input_shape: Shape) -> Shape:
        shape = as_shape(input_shape, self)
        if len(shape) != 2 or shape[-1] != self.n_features:
            raise ValueError(f"{self.who}: input_shape must be (T, {self.n_features}), got {shape}")
        return shape


class PositionalEmbedding(_Positions, Weighted):
    """Add a learned row for each position: out[:, t] = x[:, t] + weights[t].

    Parameters
    ----------
    n_positions : int
        The longest row that there may be.
    n_features : int
    initializer : callable (rng, shape) -> array, default normal(0.02)
    rng : int or numpy.random.Generator, optional

    Shapes
    ------
    x (N, T, n_features) with T up to n_positions, weights (n_positions, n_features), out as x.

    Raises
    ------
    ValueError
        If x has another shape, or more steps, also in pieces, than there are positions.

    References
    ----------
    Gehring et al. (2017), "Convolutional Sequence to Sequence Learning", arXiv:1705.03122, section 3.1. The initializer
    is that of GPT-2.

    Examples
    --------
    >>> layer = PositionalEmbedding(3, 1, initializer=constant(0.0))
    >>> layer.weights = [[10.0], [20.0], [30.0]]
    >>> layer.forward(np.ones((1, 2, 1)))[0]
    array([[11.],
           [21.]])
    >>> layer.backward(np.ones((1, 2, 1))).shape, layer.dweights[:, 0]
    ((1, 2, 1), array([1., 1., 0.]))
    """

    def __init__(
        self, n_positions: int, n_features: int, *, initializer: Initializer = SMALL_NORMAL, rng: Rng = None
    ) -> None:
        self.n_positions = checks.whole("PositionalEmbedding", "n_positions", n_positions)
        self.n_features = checks.whole("PositionalEmbedding", "n_features", n_features)
        Weighted.__init__(self, (self.n_positions, self.n_features), initializer=initializer, rng=rng)

    def _rows(self, first: int, last: int) -> Array:
        if last > self.n_positions:
            raise ValueError(
                f"{self.who}: x must end before position {self.n_positions}, the last of which is "
                f"{self.n_positions - 1}, got a step at {last - 1}"
            )
        return self.weights[first:last]

    def backward(self, dout: Any, input_gradient: bool = True) -> Array | None:
        shape = self._recall()
        dout = self._check_dout(dout, shape)
        n, n_steps, _ = shape
        self.dweights[:n_steps] = sum_rows(dout.reshape(n, -1)).reshape(n_steps, -1)  # every row has used each once
        self.dweights[n_steps:] = 0
        return dout if input_gradient else None


class SinusoidalPositions(_Positions):
    """Add waves, a pair for each two features: out[:, t, 2i] = x + sin(t / 10000^(2i / D)), and cos beside it.

    There is nothing to learn, and no last position.

    Parameters
    ----------
    n_features : int
        D. An odd one has one sine more.

    Shapes
    ------
    x (N, T, n_features), out as x.

    Raises
    ------
    ValueError
        If x has another shape.

    References
    ----------
    Vaswani et al. (2017), "Attention Is All You Need", arXiv:1706.03762, section 3.5.

    Examples
    --------
    >>> SinusoidalPositions(2).forward(np.zeros((1, 3, 2)))[0].round(3)
    array([[ 0.   ,  1.   ],
           [ 0.841,  0.54 ],
           [ 0.909, -0.416]])
    """

    def __init__(self, n_features: int) -> None:
        self.n_features = checks.whole("SinusoidalPositions", "n_features", n_features)
        super().__init__()

    def _rows(self, first: int, last: int) -> Array:
        waves = 10000.0 ** (-np.arange(0, self.n_features, 2) / self.n_features)
        angles = np.arange(first, last)[:, np.newaxis] * waves
        rows = np.empty((last - first, self.n_features))
        rows[:, 0::2] = np.sin(angles)
        rows[:, 1::2] = np.cos(angles[:, : self.n_features // 2])
        return rows

    def forward(self, x: Any, lengths: Any = None) -> Array:
        x, _ = self._check_steps(x, lengths)
        return super().forward(x).astype(x.dtype, copy=False)

    def advance(self, x: Any, state: Any = None, lengths: Any = None) -> tuple[Array, Any]:
        x, _ = self._check_steps(x)
        out, after = super().advance(x, state, lengths)
        return out.astype(x.dtype, copy=False), after

    def backward(self, dout: Any) -> Array:
        return self._check_dout(dout, self._recall())
