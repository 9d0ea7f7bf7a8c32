"""The recurrent layer of one gate: the new state is a nonlinear function of x and the old state."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..contract import Array, Rng, checks
from ..initializers import glorot_uniform, orthogonal
from ..weighted import Initializer
from .packing import Packing
from .recurrent import Recurrent

ACTIVATIONS = ("tanh", "relu")


class SimpleRNN(Recurrent):
    """A state of one array, h = tanh(x @ weights + h @ recurrent_weights + bias), step after step.

    Parameters
    ----------
    n_inputs, n_units : int
        Number of features of x, D, and of the state, H.
    activation : "tanh" or "relu", default "tanh"
    reverse : bool, default False
        From the last step to the first; out[:, t] is still that of x[:, t].
    initializer : callable (rng, shape) -> array, default glorot_uniform
        Draws the weights; the bias starts at zero.
    recurrent_initializer : callable (rng, shape) -> array, default orthogonal
        Draws the recurrent weights.
    rng : int or numpy.random.Generator, optional

    Shapes
    ------
    x (N, T, D), weights (D, H), recurrent_weights (H, H), bias (H,), state (N, H), out (N, T, H): h after every step.
    Lengths, state and dstate are those of every recurrent layer, see `LSTM`.

    Raises
    ------
    ValueError, TypeError
        If x has another shape, lengths or a state do not fit, or the activation is another one.

    References
    ----------
    Elman (1990), "Finding Structure in Time", Cognitive Science 14. PyTorch's RNN has two
    biases, whose sum is this one.

    Examples
    --------
    >>> layer = SimpleRNN(1, 1, activation="relu", initializer=constant(1.0), recurrent_initializer=constant(0.5))
    >>> layer.forward(np.array([[[1.0], [1.0], [1.0]]]))[0, :, 0]  # 1, 1 + 1/2, 1 + 3/4
    array([1.  , 1.5 , 1.75])
    >>> layer.backward(np.array([[[0.0], [0.0], [1.0]]]))[0, :, 0]
    array([0.25, 0.5 , 1.  ])
    """

    def __init__(
        self,
        n_inputs: int,
        n_units: int,
        *,
        activation: str = "tanh",
        reverse: bool = False,
        initializer: Initializer = glorot_uniform,
        recurrent_initializer: Initializer = orthogonal,
        rng: Rng = None,
    ) -> None:
        self.activation = checks.choice("SimpleRNN", "activation", activation, tuple(ACTIVATIONS))
        super().__init__(
            n_inputs,
            n_units,
            reverse=reverse,
            initializer=initializer,
            recurrent_initializer=recurrent_initializer,
            rng=rng,
        )

    def _run(self, steps: Packing, packed: Array, records: list[Array]) -> None:
        (hidden,) = records
        recurrent = self.recurrent_weights.astype(hidden.dtype, copy=False)
        # What x gives is written where the states will be, and each step works there, in place.
        hidden[steps.n :] = self._project(packed, hidden.dtype)
        product = np.empty((steps.n, self.n_units), hidden.dtype)
        for rows, before, after in steps.blocks():
            h, product = hidden[after], product[: rows.stop - rows.start]
            np.dot(hidden[before], recurrent, out=product)
            h += product
            if self.activation == "tanh":
                np.tanh(h, out=h)
            else:
                np.maximum(h, 0, out=h)

    def _run_back(self, steps: Packing, dout: Array, records: list[Array], kept: Any, ends: list[Array]) -> Array:
        # h = f(gate), gate = x @ weights + before @ recurrent_weights + bias, all (n, H), from the last step back:
        # dh      = dout + what the step after it has sent back
        # dgate   = dh * f'(gate): of tanh 1 - h**2, of relu 1 where h > 0
        # dbefore = dgate @ recurrent_weights.T
        # The gradients of weights, bias and x need no order: they are sums over all steps, in `backward`.
        (hidden,), (dh_ends,) = records, ends
        transposed = self._transposed(self.recurrent_weights, hidden.dtype)
        dgates, slope = dout, np.empty_like(dh_ends)
        for rows, _, after in reversed(steps.blocks()):
            n = rows.stop - rows.start
            h, dgate, dh = hidden[after], dgates[rows], dh_ends[:n]
            dgate += dh
            if self.activation == "tanh":
                np.multiply(h, h, out=slope[:n])
                np.subtract(1, slope[:n], out=slope[:n])
                dgate *= slope[:n]
            else:
                dgate *= h > 0
            np.dot(dgate, transposed, out=dh)
        self._set_recurrent(steps, hidden, dgates)
        return dgates


def plain_rnn(x: Array, h: Array, weights: Array, recurrent_weights: Array, bias: Array) -> tuple[Array, Array]:
    """Return out (N, T, H) and the last state of a tanh `SimpleRNN`, by its definition: what the fast form computes.

    Examples
    --------
    >>> out, h = plain_rnn(np.ones((1, 2, 1)), np.zeros((1, 1)), np.ones((1, 1)), np.ones((1, 1)), np.zeros(1))
    >>> out[0, :, 0].round(4), h.round(4)  # tanh(1), tanh(1 + tanh(1))
    (array([0.7616, 0.9427]), array([[0.9427]]))
    """
    out = []
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] @ weights + h @ recurrent_weights + bias)
        out.append(h)
    return np.stack(out, axis=1), h
