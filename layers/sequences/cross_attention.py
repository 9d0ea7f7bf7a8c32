"""Attention of a sequence to another one, the memory: a decoder reads what an encoder has made."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..contract import Array, Padded, Rng, Shape, check_lengths, checks, real_steps
from ..contract.gate import listed, with_examples, without_examples
from ..contract.typed import typed
from ..initializers import glorot_uniform
from ..weighted import Initializer
from .attending import Shown
from .heads import Attention


class CrossAttention(Attention):
    """Multi-head attention to a memory: out = attention(q, k, v) @ output_weights, k and v made of the memory.

    Each step of x takes from the memory, which is another sequence, what fits:

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

    `forward(x, memory, mask=None, memory_lengths=None)`: nobody attends to the padding of the memory, which may also
    come as a `Padded`; so may x, and out and dx are 0 in its padding; a mask of booleans, (T, S), (N, T, S) or (N, H,
    T, S), is True where step t of x may attend to step s of the memory. `probabilities(x, memory)`, with the same
    options, is (N, H, T, S), to look at.

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
    knows_rest = takes_padded = True
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

    def forward(  # type: ignore[override]
        self, x: Any, memory: Any, mask: Any = None, memory_lengths: Any = None
    ) -> Array:
        return self._pass(x, memory, mask, memory_lengths, training=True)

    def predict(self, x: Any, memory: Any, mask: Any = None, memory_lengths: Any = None) -> Array:
        twin: CrossAttention = self.twin()
        return twin._pass(x, memory, mask, memory_lengths, training=False)

    def probabilities(self, x: Any, memory: Any, mask: Any = None, memory_lengths: Any = None) -> Array:
        """Return what each step of x takes from each of the memory, (N, H, T, S), as `predict` attends."""
        _, _, (q, k, _), shown = self._entered(x, memory, mask, memory_lengths)
        found = self._spread(q, k, shown)
        if isinstance(x, Padded):
            found *= real_steps(x.lengths, q.shape[2])[:, np.newaxis, :, np.newaxis]
        return found

    def _pass(self, x: Any, memory: Any, mask: Any, memory_lengths: Any, training: bool) -> Array:
        lengths = x.lengths if isinstance(x, Padded) else None
        x, memory, projected, shown = self._entered(x, memory, mask, memory_lengths)
        found, heads = self._attended(projected, shown, training)
        self._cache = x, memory, lengths, found, heads
        return self._padding_zero(self._way_out(heads), lengths)

    def _entered(self, x: Any, memory: Any, mask: Any, memory_lengths: Any) -> tuple[Array, Array, list[Array], Shown]:
        """Return x and memory, checked, queries, keys and values of each head, and who may attend to what."""
        if isinstance(x, Padded):
            x = self._padding_zero(x.x, x.lengths)
        if isinstance(memory, Padded):
            if memory_lengths is not None:
                raise TypeError(f"{self.who}: memory_lengths must be None where memory is a Padded, which has its own")
            memory, memory_lengths = memory.x, memory.lengths
        x, memory = self._check_steps("x", x, self.n_features), self._check_steps("memory", memory, self.n_memory)
        n, n_steps, _ = memory.shape
        if len(x) != n:
            raise ValueError(f"{self.who}: x and memory must have the same rows, got {len(x)} and {n}")
        lengths = None if memory_lengths is None else check_lengths(self.who, memory_lengths, n, n_steps)
        memory = self._padding_zero(memory, lengths)
        shown = Shown(False, self._shown(mask, lengths, (n, self.n_heads, x.shape[1], n_steps)))
        parts = self._projected(x, "weights", "bias", 1) + self._projected(memory, "memory_weights", "memory_bias", 2)
        dtype = np.result_type(*parts)
        return x, memory, [part.astype(dtype, copy=False) for part in parts], shown

    def backward(self, dout: Any, input_gradient: bool = True) -> Any:
        x, memory, lengths, found, heads = self._recall()
        dout = self._padding_zero(self._check_dout(dout, x.shape), lengths)
        dheads = self._project_back(heads, dout, "output_weights", "output_bias")
        n, n_steps, _ = x.shape
        head = self.n_heads, self.n_features // self.n_heads
        dq_rows = np.empty((n, n_steps, *head), dheads.dtype)
        drows = np.empty((n, memory.shape[1], 2, *head), dheads.dtype)
        into = (dq_rows.transpose(0, 2, 1, 3), *(drows[:, :, i].transpose(0, 2, 1, 3) for i in range(2)))
        found.back(dheads.reshape(n, n_steps, *head).transpose(0, 2, 1, 3), drows.dtype, into)
        dx = self._project_back(x, dq_rows, "weights", "bias", input_gradient)
        dmemory = self._project_back(memory, drows, "memory_weights", "memory_bias", input_gradient)
        return (dx, dmemory) if input_gradient else None

    def lengths_of_out(self, *lengths: Array | None) -> Array | None:
        return lengths[0]  # those of the memory are another matter

    def output_shape(self, *input_shapes: Shape) -> Shape:
        return without_examples(self, self.shape_of_out(*with_examples(self, input_shapes)))

    def shape_of_out(self, *shapes: Shape) -> Shape:
        x, memory = shapes
        fits = len(x) == len(memory) == 3 and (x[0], x[2], memory[2]) == (memory[0], self.n_features, self.n_memory)
        if not fits:
            wanted = f"(N, T, {self.n_features}) and (N, S, {self.n_memory})"
            raise ValueError(f"{self.who}: x and memory must have shapes {wanted}, got {listed(shapes)}")
        return x

    def __repr__(self) -> str:
        return typed(self, hidden=self.shapes, n_memory=self.n_features)
