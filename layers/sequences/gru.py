"""The gated recurrent unit: a new state that is a mean of the old one and a candidate, unit by unit."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..activations import sigmoid
from ..contract import Array, Rng, checks
from ..initializers import glorot_uniform, orthogonal
from ..speed import sum_rows_into
from ..weighted import Initializer
from .packing import Packing
from .recurrent import Recurrent


class GRU(Recurrent):
    """A state of one array behind two gates: h = z * h + (1 - z) * n, step after step.

    z is the share of the old state, r what the candidate n sees of it. In the order r, z, n, their blocks are

        u = h @ recurrent_weights + recurrent_bias
        r, z = sigmoid(x @ weights + bias + u),  n = tanh(x @ weights + bias + r * u)

    and with `reset_after=False`, which needs one bias only, n = tanh(x @ weights + bias + (r * h) @ recurrent_weights).

    Parameters
    ----------
    n_inputs, n_units : int
        Number of features of x, D, and of the state, H.
    reset_after : bool, default True
        Whether r acts after the recurrent product, as in cuDNN, or before it, as in the paper.
    reverse : bool, default False
        From the last step to the first; out[:, t] is still that of x[:, t].
    initializer : callable (rng, shape) -> array, default glorot_uniform
        Draws the weights, those of each gate by themselves; the biases start at zero.
    recurrent_initializer : callable (rng, shape) -> array, default orthogonal
        Draws the recurrent weights of each gate.
    rng : int or numpy.random.Generator, optional

    Shapes
    ------
    x (N, T, D), weights (D, 3H), recurrent_weights (H, 3H), bias and recurrent_bias (3H,), state (N, H), out (N, T, H):
    h after every step. Lengths, state and dstate are those of every recurrent layer, see `LSTM`.

    Raises
    ------
    ValueError, TypeError
        If x has another shape, or lengths or a state do not fit.

    References
    ----------
    Cho, van Merriënboer, Gulcehre, Bahdanau, Bougares, Schwenk, Bengio (2014), "Learning Phrase Representations using
    RNN Encoder-Decoder for Statistical Machine Translation", arXiv:1406.1078. The order of the gates, and z as the
    share of the old state, are those of PyTorch and cuDNN; Keras has the order z, r, n.

    Examples
    --------
    >>> layer = GRU(1, 1, initializer=constant(0.0), recurrent_initializer=constant(0.0))
    >>> out = layer.forward(np.zeros((1, 3, 1)), state=np.array([[1.0]]))  # z = 1/2, n = 0: half remains
    >>> out[0, :, 0], layer.state
    (array([0.5  , 0.25 , 0.125]), array([[0.125]]))
    """

    n_gates = 3
    recurrent_bias: Array
    drecurrent_bias: Array

    def __init__(
        self,
        n_inputs: int,
        n_units: int,
        *,
        reset_after: bool = True,
        reverse: bool = False,
        initializer: Initializer = glorot_uniform,
        recurrent_initializer: Initializer = orthogonal,
        rng: Rng = None,
    ) -> None:
        self.reset_after = checks.flag("GRU", "reset_after", reset_after)
        n_biases = 3 * n_units if isinstance(n_units, int | np.integer) else 1  # another kind is refused below
        super().__init__(
            n_inputs,
            n_units,
            reverse=reverse,
            initializer=initializer,
            recurrent_initializer=recurrent_initializer,
            rng=rng,
            **({"recurrent_bias": (n_biases,)} if self.reset_after else {}),
        )

    def initialize(self, rng: Rng = None) -> None:
        super().initialize(rng)
        if self.reset_after:
            self.recurrent_bias = np.zeros(self.recurrent_bias.shape)

    def _run(self, steps: Packing, packed: Array, records: list[Array]) -> tuple[Array, Array, Array]:
        # `plain_gru`, faster: all in place. The sigmoid is 1 / (1 + exp(-a)): right in all digits also where a gate is
        # nearly closed, and where exp overflows it is 0, as it should be. So is 1 - z = 1 / (1 + exp(a)), of which a
        # subtraction would leave no digits where z is nearly 1. What x gives the gates is made as -a, as exp wants it.
        (hidden,), units = records, self.n_units
        dtype, two = hidden.dtype, 2 * units
        recurrent = self.recurrent_weights.astype(dtype, copy=False)
        gates = self._project(packed, dtype, sign=-1)
        inner = np.empty((len(packed), units), dtype)  # what r multiplies: u of n, or h
        shares = np.empty_like(inner)  # 1 - z, that of the candidate
        if self.reset_after:
            gates[:, :two] -= self.recurrent_bias[:two]  # that of n stands inside of r * u
            own = self.recurrent_bias[two:].astype(dtype, copy=False)
        else:
            of_gates, of_n = recurrent[:, :two].copy(), recurrent[:, two:].copy()
        products, smalls = np.empty((steps.n, 3 * units), dtype), np.empty((steps.n, units), dtype)
        two_products = np.empty((steps.n, two), dtype)
        with np.errstate(over="ignore"):
            for rows, before, after in steps.blocks():
                size = rows.stop - rows.start
                old, new, small = hidden[before], hidden[after], smalls[:size]
                u, share = inner[rows], shares[rows]
                both, n = gates[rows, :two], gates[rows, two:]
                r, z = both[:, :units], both[:, units:]
                if self.reset_after:
                    product = products[:size]
                    np.dot(old, recurrent, out=product)
                    both -= product[:, :two]
                    np.add(product[:, two:], own, out=u)
                else:
                    np.dot(old, of_gates, out=two_products[:size])
                    both -= two_products[:size]
                np.negative(z, out=share)
                for part in (share, both):
                    np.exp(part, out=part)
                    part += 1
                    np.divide(1, part, out=part)
                if self.reset_after:
                    np.multiply(r, u, out=small)
                else:
                    np.multiply(r, old, out=u)
                    np.dot(u, of_n, out=small)
                np.subtract(small, n, out=n)
                np.tanh(n, out=n)
                np.multiply(z, old, out=new)
                np.multiply(share, n, out=small)
                new += small
        return gates, inner, shares

    def _run_back(self, steps: Packing, dout: Array, records: list[Array], kept: Any, ends: list[Array]) -> Array:
        # A step, all (n, H):  h = z * before + (1 - z) * n,  and back, with dh from the step after it:
        #     dh = dh + dout
        #     da_n = dh * (1 - z) * (1 - n**2)             tanh' = 1 - n**2
        #     da_z = dh * (before - n) * z * (1 - z)       sigmoid' = z * (1 - z)
        #     before_dh = dh * z + what comes through the gates:
        # reset after:   a_n = x @ weights_n + bias_n + r * u,  u = before @ recurrent_weights_n + recurrent_bias_n
        #     da_r = da_n * u * r * (1 - r)
        #     du = da_n * r
        #     before_dh += [da_r | da_z | du] @ recurrent_weights.T
        # before:        a_n = x @ weights_n + bias_n + v @ recurrent_weights_n,  v = r * before
        #     dv = da_n @ recurrent_weights_n.T
        #     da_r = dv * before * r * (1 - r)
        #     before_dh += dv * r + [da_r | da_z] @ recurrent_weights_rz.T
        # [da_r | da_z] and what the third block of the recurrent weights saw, du or da_n, are written over the gates.
        (hidden,), (gates, inner, shares), (dh_ends,), units = records, kept, ends, self.n_units
        two = 2 * units
        transposed = self._transposed(self.recurrent_weights, hidden.dtype)
        of_gates, of_n = transposed[:two], transposed[two:]
        da_ns, slopes = dout, np.empty((steps.n, two), hidden.dtype)
        products, smalls = np.empty_like(dh_ends), np.empty_like(dh_ends)
        for rows, before, _ in reversed(steps.blocks()):
            size = rows.stop - rows.start
            old, u, share, da_n, dh = hidden[before], inner[rows], shares[rows], da_ns[rows], dh_ends[:size]
            gate, slope, product, small = gates[rows], slopes[:size], products[:size], smalls[:size]
            r, z, n = gate[:, :units], gate[:, units:two], gate[:, two:]
            da_r, da_z = slope[:, :units], slope[:, units:]
            dh += da_n  # which is dout until now
            np.subtract(1, r, out=da_r)
            da_r *= r
            np.multiply(z, share, out=da_z)
            np.multiply(dh, share, out=da_n)
            np.subtract(old, n, out=small)
            small *= dh
            da_z *= small
            np.multiply(n, n, out=small)
            np.subtract(1, small, out=small)
            da_n *= small
            dh *= z
            if self.reset_after:
                np.multiply(da_n, u, out=small)
                da_r *= small
                np.multiply(da_n, r, out=n)  # du
                gate[:, :two] = slope
                np.dot(gate, transposed, out=product)
            else:
                np.dot(da_n, of_n, out=product)  # dv
                np.multiply(product, old, out=small)
                da_r *= small
                product *= r
                dh += product
                n[...] = da_n
                gate[:, :two] = slope
                np.dot(slope, of_gates, out=product)
            dh += product
        if self.reset_after:
            self._set_recurrent(steps, hidden, gates)
            sum_rows_into(self.drecurrent_bias, gates)
            gates[:, two:] = da_ns  # into the candidate goes x by itself, not by r
        else:
            through_gates, through_n = np.ascontiguousarray(gates[:, :two]), da_ns
            self.drecurrent_weights[:, :two] = hidden[steps.before].T @ through_gates
            self.drecurrent_weights[:, two:] = inner.T @ through_n
        return gates


def plain_gru(
    x: Array, h: Array, weights: Array, recurrent_weights: Array, bias: Array, recurrent_bias: Array | None
) -> tuple[Array, Array]:
    """Return out (N, T, H) and the last state of a `GRU`, by its definition: what the fast form computes.

    Without a recurrent_bias, r acts before the product, as in Cho et al. (2014).

    Examples
    --------
    >>> x, h, *ones = np.ones((1, 1, 1)), np.zeros((1, 1)), *(np.ones(s) for s in ((1, 3), (1, 3), 3, 3))
    >>> plain_gru(x, h, *ones)[1].round(4)  # (1 - sigmoid(3)) * tanh(2 + sigmoid(3) * 1)
    array([[0.0472]])
    """
    out = []
    weights_n = np.split(recurrent_weights, 3, axis=1)[2]
    for t in range(x.shape[1]):
        x_r, x_z, x_n = np.split(x[:, t] @ weights + bias, 3, axis=1)
        u_r, u_z, u_n = np.split(h @ recurrent_weights + (0 if recurrent_bias is None else recurrent_bias), 3, axis=1)
        r, z = sigmoid(x_r + u_r), sigmoid(x_z + u_z)
        n = np.tanh(x_n + (r * u_n if recurrent_bias is not None else (r * h) @ weights_n))
        h = z * h + (1 - z) * n
        out.append(h)
    return np.stack(out, axis=1), h
