"""Layers in which every step of a sequence looks at others: at those of its own row, or of another sequence."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..contract import Array, Layer, Noise, Rng, Shape, as_shape, check_lengths, checks, real_steps, without_padding
from ..initializers import check_initializer, drawn, glorot_uniform
from ..speed import multiply_into, sum_rows_into
from ..weighted import Initializer
from .attending import Dropped, Shown
from .dot_product import Attended, as_mask, attended


class Attention(Layer):
    """What `SelfAttention` and `CrossAttention` share: heads, a dropout of the probabilities, the way out.

    The features of a step are cut into heads, each of which attends by itself; out = [head | head | ...] @
    output_weights + output_bias.
    """

    training_only = ("initializer", "dropout")
    knows_rest = True

    output_weights: Array
    doutput_weights: Array
    output_bias: Array
    doutput_bias: Array
    noise: Noise | None = None

    def __init__(
        self, n_features: int, n_heads: int, *, dropout: float, use_bias: bool, initializer: Initializer, **shapes: Shape
    ) -> None:
        kind = type(self).__name__
        self.n_features = checks.whole(kind, "n_features", n_features)
        self.n_heads = checks.whole(kind, "n_heads", n_heads)
        if self.n_features % self.n_heads:
            raise ValueError(f"{kind}: n_heads must divide n_features, {n_features}, got {n_heads}")
        self.dropout = checks.fraction(kind, "dropout", dropout)
        self.use_bias = checks.flag(kind, "use_bias", use_bias)
        check_initializer(kind, initializer)
        self.initializer = initializer
        shapes |= {"output_weights": (self.n_features, self.n_features), "output_bias": (self.n_features,)}
        super().__init__(**{name: each for name, each in shapes.items() if self.use_bias or not name.endswith("bias")})

    def initialize(self, rng: Rng = None) -> None:
        rng = checks.generator(self, rng)
        for name, shape in self.shapes.items():
            blocks = shape[-1] // self.n_features  # of queries, keys and values, each drawn as if it were a layer
            if name.endswith("bias"):
                setattr(self, name, np.zeros(shape))
            else:
                one = (shape[0], self.n_features)
                draws = [drawn(type(self).__name__, self.initializer, rng, one) for _ in range(blocks)]
                setattr(self, name, np.concatenate(draws, axis=1))
        self.noise = Noise(rng=rng) if self.dropout else None

    # ---- heads ---------------------------------------------------------------------------------------------------

    def _projected(self, x: Array, weights: str, bias: str, n_blocks: int) -> list[Array]:
        """Return x @ weights + bias as blocks, each cut into heads, (N, H, T, d)."""
        (n, n_steps, width), head = x.shape, self.n_features // self.n_heads
        rows = x.reshape(-1, width).dot(getattr(self, weights))
        if self.use_bias:
            rows += getattr(self, bias)
        cut = rows.reshape(n, n_steps, n_blocks, self.n_heads, head)
        return [cut[:, :, i].transpose(0, 2, 1, 3) for i in range(n_blocks)]

    def _project_back(self, x: Array, drows: Array, weights: str, bias: str, input_gradient: bool) -> Array | None:
        """Set the gradients of a projection, given that of its rows, and return that of x."""
        drows = drows.reshape(-1, getattr(self, weights).shape[1])
        multiply_into(getattr(self, f"d{weights}"), x.reshape(-1, x.shape[-1]).T, drows)
        if self.use_bias:
            sum_rows_into(getattr(self, f"d{bias}"), drows)
        return drows.dot(getattr(self, weights).T).reshape(x.shape) if input_gradient else None

    def _attended(self, q: Array, k: Array, v: Array, shown: Shown, training: bool) -> tuple[Attended, Array]:
        """Return the pass of all heads, and their outs side by side, (N, T, D)."""
        n, n_heads, n_queries, head = q.shape
        dropped = None
        if training and self.dropout and not self.resting:
            self.noise = Noise(rng=0) if self.noise is None else self.noise  # the rate was assigned later
            dropped = Dropped(self.noise, self.dropout, n, n_heads, n_queries, k.shape[2])
        heads = np.empty((n, n_queries, n_heads, head), q.dtype)
        found = attended(self.who, q, k, v, shown, dropped, heads.transpose(0, 2, 1, 3))
        return found, heads.reshape(n, n_queries, self.n_features)

    def _way_out(self, heads: Array) -> Array:
        out: Array = heads.reshape(-1, self.n_features).dot(self.output_weights)
        if self.use_bias:
            out += self.output_bias
        return out.reshape(heads.shape)

    # ---- checks --------------------------------------------------------------------------------------------------

    def _check_steps(self, name: str, x: Any, width: int) -> Array:
        """Return x as floating numbers (N, T, width), with at least one row and one step."""
        x = self._check_real(name, x)
        if x.ndim != 3 or x.shape[-1] != width or not x.size:
            raise ValueError(f"{self.who}: {name} must have shape (N, T, {width}) with at least one step, got {x.shape}")
        return x

    def _shown(self, mask: Any, lengths: Array | None, shape: Shape) -> Array | None:
        """Return which keys may be attended to, (N or 1, H or 1, T or 1, S), given a mask and the lengths of the keys."""
        found = None
        if mask is not None:
            n, n_heads, n_queries, n_keys = shape
            given = checks.array(self, "mask", mask)
            if given.ndim == 3:  # one for each row, the same in all heads
                given = given[:, np.newaxis]
            found = as_mask(self.who, given, shape)
            found = found.reshape((1,) * (4 - found.ndim) + found.shape)
        if lengths is not None:
            real = real_steps(lengths, shape[3])[:, np.newaxis, np.newaxis]
            found = real if found is None else found & real
        return found

    @staticmethod
    def _padding_zero(x: Array, lengths: Array | None) -> Array:
        return x if lengths is None else without_padding(x, lengths)


class SelfAttention(Attention):
    """Multi-head self-attention: every step of a row takes from all steps of it what fits.

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

    takes_lengths = True
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

    def _pass(self, x: Any, lengths: Any, mask: Any, training: bool) -> Array:
        x = self._check_steps("x", x, self.n_features)
        n, n_steps, _ = x.shape
        lengths = None if lengths is None else check_lengths(self.who, lengths, n, n_steps)
        x = self._padding_zero(x, lengths)
        shown = Shown(self.causal, self._shown(mask, lengths, (n, self.n_heads, n_steps, n_steps)))
        found, heads = self._attended(*self._projected(x, "weights", "bias", 3), shown, training)
        self._cache = x, lengths, found, heads
        return self._padding_zero(self._way_out(heads), lengths)

    def backward(self, dout: Any, input_gradient: bool = True) -> Array | None:
        x, lengths, found, heads = self._recall()
        dout = self._padding_zero(self._check_dout(dout, x.shape), lengths)
        dheads = self._project_back(heads, dout, "output_weights", "output_bias", True)
        n, n_steps, _ = x.shape
        cut = (n, n_steps, self.n_heads, -1)
        drows = np.empty((n, n_steps, 3, self.n_heads, self.n_features // self.n_heads), dheads.dtype)
        into = tuple(drows[:, :, i].transpose(0, 2, 1, 3) for i in range(3))
        found.back(dheads.reshape(cut).transpose(0, 2, 1, 3), drows.dtype, into)
        return self._project_back(x, drows, "weights", "bias", input_gradient)

    def advance(self, x: Any, state: Any = None, lengths: Any = None) -> tuple[Array, Any]:
        if not self.causal:
            raise TypeError(f"{self.who}: causal must be True to advance, since a step would change those before it, got False")
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
        _, heads = self._attended(q, keys, values, shown, training=False)
        return self._padding_zero(self._way_out(heads), lengths), (keys, values, real)

    def _check_state(self, state: Any, n: int) -> tuple[Array, Array, Array | None]:
        """Return the keys and values that a state holds, and which are real; of none, no keys."""
        empty = (n, self.n_heads, 0, self.n_features // self.n_heads)
        if state is None:
            return np.empty(empty, self._dtype), np.empty(empty, self._dtype), None
        if not isinstance(state, tuple | list) or len(state) != 3:
            got = f"{len(state)} of them" if isinstance(state, tuple | list) else type(state).__name__
            raise TypeError(f"{self.who}: state must be a tuple (keys, values, real), got {got}")
        keys, values = (self._check_real(f"state {name}", part) for name, part in zip(("keys", "values"), state, strict=False))
        shape = (*empty[:2], keys.shape[2] if keys.ndim == 4 else 0, empty[3])
        for name, part in (("keys", keys), ("values", values)):
            if part.shape != shape:
                raise ValueError(f"{self.who}: state {name} must have shape {(*empty[:2], 'S', empty[3])}, got {part.shape}")
        real = None if state[2] is None else checks.array(self, "state real", state[2])
        if real is not None and (real.dtype.kind != "b" or real.shape != (n, shape[2])):
            raise ValueError(f"{self.who}: state real must be booleans {(n, shape[2])}, got {real.dtype} of {real.shape}")
        return keys, values, real

    def output_lengths(self, lengths: Array) -> Array:
        return lengths

    def output_shape(self, input_shape: Shape) -> Shape:
        shape = as_shape(input_shape, self)
        if len(shape) != 2 or shape[-1] != self.n_features:
            raise ValueError(f"{self.who}: input_shape must be (T, {self.n_features}), got {shape}")
        return shape


class CrossAttention(Attention):
    """Multi-head attention of one sequence to another: each step of x takes from the memory what fits.

        q = x @ weights + bias,   [k | v] = memory @ memory_weights + memory_bias

    A layer of two inputs, for a `Graph`: in a decoder, memory is what the encoder has made of the other sequence.

    Parameters
    ----------
    n_features : int
        Number of features of x and of out, D.
    n_heads : int
        It divides D.
    n_memory : int, optional
        Number of features of the memory, M; that of x, if left out.
    dropout : float in [0, 1), default 0
        The probability of zeroing a probability, in training.
    use_bias : bool, default True
    initializer : callable (rng, shape) -> array, default glorot_uniform
        Draws the weights of queries, keys, values and of the way out, each by themselves.
    rng : int or numpy.random.Generator, optional

    Shapes
    ------
    x (N, T, D), memory (N, S, M), weights (D, D), memory_weights (M, 2D), output_weights (D, D), out (N, T, D), and
    biases bias (D,), memory_bias (2D,), output_bias (D,). `backward` returns dx and dmemory.

    `forward(x, memory, mask=None, memory_lengths=None)`: nobody attends to the padding of the memory; a mask of
    booleans, (T, S), (N, T, S) or (N, H, T, S), is True where step t of x may attend to step s of the memory.

    Raises
    ------
    ValueError, TypeError
        If n_heads does not divide n_features, or x, memory, lengths or a mask do not fit.

    References
    ----------
    Vaswani et al. (2017), "Attention Is All You Need", arXiv:1706.03762, section 3.2.3.

    Examples
    --------
    >>> layer = CrossAttention(4, 2, rng=0)
    >>> layer.forward(np.ones((2, 3, 4)), np.ones((2, 5, 4))).shape
    (2, 3, 4)
    >>> dx, dmemory = layer.backward(np.ones((2, 3, 4)))
    >>> dmemory.shape
    (2, 5, 4)
    """

    n_operands = 2
    weights: Array
    dweights: Array
    bias: Array
    dbias: Array
    memory_weights: Array
    dmemory_weights: Array
    memory_bias: Array
    dmemory_bias: Array

    def __init__(
        self,
        n_features: int,
        n_heads: int,
        *,
        n_memory: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        initializer: Initializer = glorot_uniform,
        rng: Rng = None,
    ) -> None:
        width = checks.whole("CrossAttention", "n_features", n_features)
        self.n_memory = width if n_memory is None else checks.whole("CrossAttention", "n_memory", n_memory)
        super().__init__(
            n_features,
            n_heads,
            dropout=dropout,
            use_bias=use_bias,
            initializer=initializer,
            weights=(width, width),
            bias=(width,),
            memory_weights=(self.n_memory, 2 * width),
            memory_bias=(2 * width,),
        )
        self.initialize(rng)

    def forward(self, x: Any, memory: Any, mask: Any = None, memory_lengths: Any = None) -> Array:
        return self._pass(x, memory, mask, memory_lengths, training=True)

    def predict(self, x: Any, memory: Any, mask: Any = None, memory_lengths: Any = None) -> Array:
        twin: CrossAttention = self.twin()
        return twin._pass(x, memory, mask, memory_lengths, training=False)

    def _pass(self, x: Any, memory: Any, mask: Any, memory_lengths: Any, training: bool) -> Array:
        x, memory = self._check_steps("x", x, self.n_features), self._check_steps("memory", memory, self.n_memory)
        n, n_steps, _ = memory.shape
        if len(x) != n:
            raise ValueError(f"{self.who}: x and memory must have the same rows, got {len(x)} and {n}")
        lengths = None if memory_lengths is None else check_lengths(self.who, memory_lengths, n, n_steps)
        memory = self._padding_zero(memory, lengths)
        shown = Shown(False, self._shown(mask, lengths, (n, self.n_heads, x.shape[1], n_steps)))
        (q,), (k, v) = self._projected(x, "weights", "bias", 1), self._projected(memory, "memory_weights", "memory_bias", 2)
        dtype = np.result_type(q, k)
        found, heads = self._attended(*(part.astype(dtype, copy=False) for part in (q, k, v)), shown, training)
        self._cache = x, memory, found, heads
        return self._way_out(heads)

    def backward(self, dout: Any, input_gradient: bool = True) -> Any:
        x, memory, found, heads = self._recall()
        dout = self._check_dout(dout, x.shape)
        dheads = self._project_back(heads, dout, "output_weights", "output_bias", True)
        n, n_steps, _ = x.shape
        head = self.n_heads, self.n_features // self.n_heads
        dq_rows, drows = np.empty((n, n_steps, *head), dheads.dtype), np.empty((n, memory.shape[1], 2, *head), dheads.dtype)
        into = dq_rows.transpose(0, 2, 1, 3), *(drows[:, :, i].transpose(0, 2, 1, 3) for i in range(2))
        found.back(dheads.reshape(n, n_steps, *head).transpose(0, 2, 1, 3), drows.dtype, into)
        dx = self._project_back(x, dq_rows, "weights", "bias", input_gradient)
        dmemory = self._project_back(memory, drows, "memory_weights", "memory_bias", input_gradient)
        return (dx, dmemory) if input_gradient else None

    def shape_of_out(self, *shapes: Shape) -> Shape:
        x, memory = shapes
        fits = len(x) == len(memory) == 3 and (x[0], x[2], memory[2]) == (memory[0], self.n_features, self.n_memory)
        if not fits:
            wanted = f"(N, T, {self.n_features}) and (N, S, {self.n_memory})"
            raise ValueError(f"{self.who}: x and memory must have shapes {wanted}, got {x} and {memory}")
        return x
