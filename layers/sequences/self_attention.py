"""Attention of a sequence to itself: every step of a row looks at all of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..contract import Array, Rng, Shape, as_shape, check_lengths, checks, real_steps
from ..initializers import glorot_uniform
from ..weighted import Initializer
from .attending import Shown
from .heads import Attention

STATE = ("keys", "values", "real")


class SelfAttention(Attention):
    """Multi-head self-attention: out = attention(q, k, v) @ output_weights, where q, k and v are made of x.

    Every step of a row takes from all steps of it what fits:

        [q | k | v] = x @ weights + bias,   out = attention(q, k, v) of each head @ output_weights + output_bias

    where attention is that of `ScaledDotProduct`, over the D / n_heads features of a head.

    Parameters
    ----------
    n_features : int
        Number of features of x and of out, D.
    n_heads : int
        It divides D.
    causal : bool, default False
        No step looks at a later one.
    dropout : float in [0, 1), default 0
        The probability of zeroing a probability, in training.
    use_bias : bool, default True
    initializer : callable (rng, shape) -> array, default glorot_uniform
        Draws the weights of queries, keys, values and of the way out, each by themselves.
    rng : int or numpy.random.Generator, optional

    Shapes
    ------
    x (N, T, D), weights (D, 3D), bias (3D,), output_weights (D, D), output_bias (D,), out (N, T, D).

    `forward(x, lengths=None, mask=None)`: with lengths (N,), nobody attends to padding, and out and dx are 0 there. A
    mask of booleans, (T, T), (N, T, T) or (N, H, T, T), is True where step t may attend to step s.
    `probabilities(x)`, with the same options, is (N, H, T, T), to look at.

    `advance(x, state)` goes on behind the steps that the state has seen: it holds their keys, their values and, where
    rows are of unequal length, which of them are real. Only a causal layer can: in another one a step changes what came
    before it.

    Raises
    ------
    ValueError, TypeError
        If n_heads does not divide n_features, or x, lengths, a mask or a state do not fit.

    References
    ----------
    Vaswani et al. (2017), "Attention Is All You Need", arXiv:1706.03762, section 3.2. The arrays are those of PyTorch's
    `MultiheadAttention`, in_proj_weight and out_proj.weight, transposed.

    Examples
    --------
    >>> layer = SelfAttention(8, 2, causal=True, rng=0)
    >>> x = np.random.default_rng(0).normal(size=(3, 5, 8))
    >>> layer.forward(x).shape
    (3, 5, 8)
    >>> first, state = layer.advance(x[:, :2])
    >>> rest, state = layer.advance(x[:, 2:], state)  # in two pieces, the same
    >>> np.allclose(np.concatenate([first, rest], axis=1), layer.predict(x))
    True
    """

    last_axis = "n_features", "n_features"
    grid = True
    takes_lengths = knows_rest = True
    weights: Array
    dweights: Array
    bias: Array
    dbias: Array

    def __init__(
        self,
        n_features: int,
        n_heads: int,
        *,
        causal: bool = False,
        dropout: float = 0.0,
        use_bias: bool = True,
        initializer: Initializer = glorot_uniform,
        rng: Rng = None,
    ) -> None:
        self.causal = checks.flag("SelfAttention", "causal", causal)
        width = checks.whole("SelfAttention", "n_features", n_features)
        super().__init__(
            n_features,
            n_heads,
            dropout=dropout,
            use_bias=use_bias,
            initializer=initializer,
            weights=(width, 3 * width),
            bias=(3 * width,),
        )
        self.initialize(rng)

    def forward(self, x: Any, lengths: Any = None, mask: Any = None) -> Array:
        return self._pass(x, lengths, mask, training=True)

    def predict(self, x: Any, lengths: Any = None, mask: Any = None) -> Array:
        twin: SelfAttention = self.twin()
        return twin._pass(x, lengths, mask, training=False)

    def probabilities(self, x: Any, lengths: Any = None, mask: Any = None) -> Array:
        """Return what each step takes from each other one, (N, H, T, T): how the attention of `predict` is spread."""
        _, lengths, (q, k, _), shown = self._entered(x, lengths, mask)
        found = self._spread(q, k, shown)
        if lengths is not None:
            found *= real_steps(lengths, q.shape[2])[:, np.newaxis, :, np.newaxis]
        return found

    def _pass(self, x: Any, lengths: Any, mask: Any, training: bool) -> Array:
        x, lengths, projected, shown = self._entered(x, lengths, mask)
        found, heads = self._attended(projected, shown, training)
        self._cache = x, lengths, found, heads
        return self._padding_zero(self._way_out(heads), lengths)

    def _entered(self, x: Any, lengths: Any, mask: Any) -> tuple[Array, Array | None, list[Array], Shown]:
        """Return x and lengths, checked, queries, keys and values of each head, and who may attend to what."""
        x = self._check_steps("x", x, self.n_features)
        n, n_steps, _ = x.shape
        lengths = None if lengths is None else check_lengths(self.who, lengths, n, n_steps)
        x = self._padding_zero(x, lengths)
        shown = Shown(self.causal, self._shown(mask, lengths, (n, self.n_heads, n_steps, n_steps)))
        return x, lengths, self._projected(x, "weights", "bias", 3), shown

    def backward(self, dout: Any, input_gradient: bool = True) -> Array | None:
        x, lengths, found, heads = self._recall()
        dout = self._padding_zero(self._check_dout(dout, x.shape), lengths)
        dheads = self._project_back(heads, dout, "output_weights", "output_bias")
        n, n_steps, _ = x.shape
        cut = (n, n_steps, self.n_heads, -1)
        drows = np.empty((n, n_steps, 3, self.n_heads, self.n_features // self.n_heads), dheads.dtype)
        into = tuple(drows[:, :, i].transpose(0, 2, 1, 3) for i in range(3))
        found.back(dheads.reshape(cut).transpose(0, 2, 1, 3), drows.dtype, into)
        return self._project_back(x, drows, "weights", "bias", input_gradient)

    def advance(self, x: Any, state: Any = None, lengths: Any = None) -> tuple[Array, Any]:
        if not self.causal:
            raise TypeError(f"{self.who}: causal must be True to advance, or a step changes those before it, got False")
        x = self._check_steps("x", x, self.n_features)
        n, n_steps, _ = x.shape
        lengths = None if lengths is None else check_lengths(self.who, lengths, n, n_steps)
        x = self._padding_zero(x, lengths)
        q, k, v = self._projected(x, "weights", "bias", 3)
        keys, values, real = self._check_state(state, n)
        if real is not None or lengths is not None:
            new = np.ones((n, n_steps), bool) if lengths is None else real_steps(lengths, n_steps)
            old = np.ones((n, keys.shape[2]), bool) if real is None else real
            real = np.concatenate([old, new], axis=1)
        keys, values = np.concatenate([keys, k], axis=2), np.concatenate([values, v], axis=2)
        shown = Shown(True, None if real is None else real[:, np.newaxis, np.newaxis])
        _, heads = self._attended((q, keys, values), shown, training=False)
        return self._padding_zero(self._way_out(heads), lengths), (keys, values, real)

    def _check_state(self, state: Any, n: int) -> tuple[Array, Array, Array | None]:
        """Return the keys and values that a state holds, and which are real; of none, no keys."""
        empty = (n, self.n_heads, 0, self.n_features // self.n_heads)
        if state is None:
            return np.empty(empty, self._dtype), np.empty(empty, self._dtype), None
        if not isinstance(state, tuple | list) or len(state) != 3:
            got = f"{len(state)} of them" if isinstance(state, tuple | list) else type(state).__name__
            raise TypeError(f"{self.who}: state must be a tuple ({', '.join(STATE)}), got {got}")
        keys, values = (
            self._check_real(f"state {name}", part) for name, part in zip(STATE[:2], state[:2], strict=True)
        )
        shape = (*empty[:2], keys.shape[2] if keys.ndim == 4 else 0, empty[3])
        for name, part in (("keys", keys), ("values", values)):
            if part.shape != shape:
                wanted = f"({n}, {self.n_heads}, S, {empty[3]})"
                raise ValueError(f"{self.who}: state {name} must have shape {wanted}, got {part.shape}")
        real = None if state[2] is None else checks.array(self, "state real", state[2])
        if real is not None and (real.dtype.kind != "b" or real.shape != (n, shape[2])):
            wanted, got = f"booleans {(n, shape[2])}", f"{real.dtype} of {real.shape}"
            raise ValueError(f"{self.who}: state real must be {wanted}, got {got}")
        return keys, values, real

    def output_lengths(self, lengths: Array) -> Array:
        return lengths

    def output_shape(self, input_shape: Shape) -> Shape:
        shape = as_shape(input_shape, self)
        if len(shape) != 2 or shape[-1] != self.n_features:
            raise ValueError(f"{self.who}: input_shape must be (T, {self.n_features}), got {shape}")
        return shape
