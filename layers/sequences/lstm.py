"""The long short-term memory: a state whose old part is kept by a factor, so that gradients live through many steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..activations import sigmoid
from ..contract import Array, Rng
from ..initializers import glorot_uniform, orthogonal
from ..weighted import Initializer
from .packing import Packing
from .recurrent import Recurrent


class LSTM(Recurrent):
    """Memory cells c behind gates: c = f * c + i * g, h = o * tanh(c), step after step.

    The gates of a step are four blocks of one product, in the order i, f, g, o:

        x @ weights + h @ recurrent_weights + bias, where i, f, o are its sigmoid and g, the candidate, is its tanh.

    Parameters
    ----------
    n_inputs, n_units : int
        Number of features of x, D, and of cells, H.
    reverse : bool, default False
        From the last step to the first; out[:, t] is still that of x[:, t].
        `Concatenate([LSTM(8, 16)], [LSTM(8, 16, reverse=True)])` is the bidirectional layer.
    initializer : callable (rng, shape) -> array, default glorot_uniform
        Draws the weights, those of each gate by themselves. The bias starts at zero, that of f at 1: at first the
        cells remember.
    recurrent_initializer : callable (rng, shape) -> array, default orthogonal
        Draws the recurrent weights of each gate.
    rng : int or numpy.random.Generator, optional

    Shapes
    ------
    x (N, T, D), weights (D, 4H), recurrent_weights (H, 4H), bias (4H,), out (N, T, H): h after every step.

    `forward(x, lengths=None, state=None)` begins with a state (h, c), each (N, H), zeros if there is none, and leaves
    the last one in `state`. `backward(dout, input_gradient=True, dstate=None)` takes the gradient of the last state and
    leaves that of the first in `dstate`. Nothing is remembered from one call to the next: to go on, hand the state
    back, or use `advance(x, state) -> (out, state)`, which is predict with memory.

    With lengths (N,), row i has lengths[i] steps, and the rest of it is padding: there out and dx are 0, and the state
    stays what it is. A layer that goes in reverse begins at each row's own last step; of a sequence in pieces it is
    given the last piece first.

    Raises
    ------
    ValueError, TypeError
        If x has another shape, or lengths or a state do not fit.

    References
    ----------
    Hochreiter, Schmidhuber (1997), "Long Short-Term Memory", Neural Computation 9; with the forget gate of Gers,
    Schmidhuber, Cummins (2000), whose bias of 1 is that of Jozefowicz, Zaremba, Sutskever (2015). The order of the
    gates is that of PyTorch, which has two biases, whose sum is this one, and of Keras.

    Examples
    --------
    >>> layer = LSTM(3, 4, rng=0)
    >>> x = np.ones((2, 5, 3))
    >>> layer.forward(x).shape, [part.shape for part in layer.state]
    ((2, 5, 4), [(2, 4), (2, 4)])
    >>> first, state = layer.advance(x[:, :2])
    >>> rest, state = layer.advance(x[:, 2:], state)  # in two pieces, the same
    >>> np.allclose(np.concatenate([first, rest], axis=1), layer.predict(x))
    True
    """

    n_gates = 4
    parts = ("h", "c")

    def __init__(
        self,
        n_inputs: int,
        n_units: int,
        *,
        reverse: bool = False,
        initializer: Initializer = glorot_uniform,
        recurrent_initializer: Initializer = orthogonal,
        rng: Rng = None,
    ) -> None:
        super().__init__(
            n_inputs,
            n_units,
            reverse=reverse,
            initializer=initializer,
            recurrent_initializer=recurrent_initializer,
            rng=rng,
        )

    def initialize(self, rng: Rng = None) -> None:
        super().initialize(rng)
        self.bias[self.n_units : 2 * self.n_units] = 1  # of f

    def _run(self, steps: Packing, packed: Array, records: list[Array]) -> tuple[Array, Array]:
        # `plain_lstm`, faster: all in place, in blocks that lie in one piece. The sigmoid is 1 / (1 + exp(-a)), right
        # also in the digits of a gate that is nearly closed, and where exp overflows it is 0, as it should be. exp of
        # all four blocks takes half the time of exp of three that do not lie side by side: tanh(a_g) waits aside.
        (hidden, cells), units = records, self.n_units
        dtype = hidden.dtype
        recurrent = self.recurrent_weights.astype(dtype, copy=False)
        gates = self._project(packed, dtype, sign=-1)
        tanhs = np.empty((len(packed), units), dtype)
        products, smalls = np.empty((steps.n, 4 * units), dtype), np.empty((steps.n, units), dtype)
        with np.errstate(over="ignore"):
            for rows, before, after in steps.blocks():
                n = rows.stop - rows.start
                gate, c, tanh_c, small = gates[rows], cells[after], tanhs[rows], smalls[:n]
                i, f, g, o = (gate[:, k : k + units] for k in range(0, 4 * units, units))
                np.dot(hidden[before], recurrent, out=products[:n])
                gate -= products[:n]
                np.tanh(g, out=small)
                np.exp(gate, out=gate)
                gate += 1
                np.divide(1, gate, out=gate)
                np.negative(small, out=g)
                np.multiply(f, cells[before], out=c)
                small *= i
                c -= small
                np.tanh(c, out=tanh_c)
                np.multiply(o, tanh_c, out=hidden[after])
        return gates, tanhs

    def _run_back(self, steps: Packing, dout: Array, records: list[Array], kept: Any, ends: list[Array]) -> Array:
        # A step, all (n, H) but the four blocks of gates, (n, 4H):
        #     i, f, o = sigmoid(a_i), sigmoid(a_f), sigmoid(a_o),   g = tanh(a_g)
        #     c = f * before_c + i * g,   h = o * tanh(c),   a = x @ weights + before_h @ recurrent_weights + bias
        # and back, with dh and dc from the step after it, or of the last state:
        #     dh = dh + dout
        #     dc = dc + dh * o * (1 - tanh(c)**2)          c reaches the loss through h and through the next c
        #     da_i = dc * g * i * (1 - i)                  sigmoid' = i * (1 - i)
        #     da_f = dc * before_c * f * (1 - f)
        #     da_g = dc * i * (1 - g**2)                   tanh' = 1 - g**2
        #     da_o = dh * tanh(c) * o * (1 - o)
        #     before_dc = dc * f
        #     before_dh = da @ recurrent_weights.T         (n, 4H) @ (4H, H)
        # Since h = o * tanh(c), dh * o * (1 - tanh(c)**2) is dh * (o - h * tanh(c)). The four slopes are made at once,
        # as (one - gate) * gate + (1 - one), with one 1 for a sigmoid and 0 for g. da is written over the gates, each
        # in its own place as soon as nothing reads that any more.
        (hidden, cells), (gates, tanhs), (dh_ends, dc_ends), units = records, kept, ends, self.n_units
        transposed = self._transposed(self.recurrent_weights, hidden.dtype)
        ones = np.ones((steps.n, 4 * units), hidden.dtype)
        ones[:, 2 * units : 3 * units] = 0
        slopes, smalls, others = np.empty_like(ones), np.empty_like(dh_ends), np.empty_like(dh_ends)
        for rows, before, after in reversed(steps.blocks()):
            n = rows.stop - rows.start
            gate, tanh_c, dh, dc = gates[rows], tanhs[rows], dh_ends[:n], dc_ends[:n]
            slope, small, other = slopes[:n], smalls[:n], others[:n]
            i, f, g, o = (gate[:, k : k + units] for k in range(0, 4 * units, units))
            slope_i, slope_f, slope_g, slope_o = (slope[:, k : k + units] for k in range(0, 4 * units, units))
            np.subtract(ones[:n], gate, out=slope)
            slope *= gate
            slope_g += 1
            dh += dout[rows]
            np.multiply(hidden[after], tanh_c, out=small)
            np.subtract(o, small, out=small)
            small *= dh
            dc += small
            dh *= tanh_c
            np.multiply(dh, slope_o, out=o)
            np.multiply(dc, g, out=small)
            np.multiply(dc, i, out=other)
            np.multiply(small, slope_i, out=i)
            np.multiply(other, slope_g, out=g)
            np.multiply(dc, cells[before], out=small)
            dc *= f
            np.multiply(small, slope_f, out=f)
            np.dot(gate, transposed, out=dh)
        self._set_recurrent(steps, hidden, gates)
        return gates


def plain_lstm(
    x: Array, h: Array, c: Array, weights: Array, recurrent_weights: Array, bias: Array
) -> tuple[Array, tuple[Array, Array]]:
    """Return out (N, T, H) and the last state (h, c) of an `LSTM`, by its definition: what the fast form computes.

    Examples
    --------
    >>> out, (h, c) = plain_lstm(*(np.ones(s) for s in ((1, 1, 1), (1, 1), (1, 1), (1, 4), (1, 4), 4)))
    >>> c.round(4), h.round(4)  # sigmoid(3) + sigmoid(3) * tanh(3), sigmoid(3) * tanh(c)
    (array([[1.9004]]), array([[0.9109]]))
    """
    out = []
    for t in range(x.shape[1]):
        a_i, a_f, a_g, a_o = np.split(x[:, t] @ weights + h @ recurrent_weights + bias, 4, axis=1)
        c = sigmoid(a_f) * c + sigmoid(a_i) * np.tanh(a_g)
        h = sigmoid(a_o) * np.tanh(c)
        out.append(h)
    return np.stack(out, axis=1), (h, c)
