"""What layers of attention share: heads, the dropout of their probabilities, and the way out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..contract import Array, Layer, Noise, Rng, Shape, checks, real_steps, without_padding
from ..initializers import check_initializer, drawn
from ..speed import multiply_into, sum_rows_into
from ..weighted import Initializer
from .attending import Dropped, Shown
from .dot_product import Attended, as_mask, attended


class Attention(Layer):
    """The base class of `SelfAttention` and `CrossAttention`.

    The features of a step are cut into heads, each of which attends by itself; out = [head | head | ...] @
    output_weights + output_bias.
    """

    training_only = ("initializer", "dropout")

    output_weights: Array
    doutput_weights: Array
    output_bias: Array
    doutput_bias: Array
    noise: Noise | None = None

    def __init__(
        self,
        n_features: int,
        n_heads: int,
        *,
        dropout: float,
        use_bias: bool,
        initializer: Initializer,
        **shapes: Shape,
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

    def _project_back(self, x: Array, drows: Array, weights: str, bias: str, input_gradient: bool = True) -> Any:
        """Set the gradients of a projection, given that of its rows, and return that of x."""
        drows = drows.reshape(-1, getattr(self, weights).shape[1])
        multiply_into(getattr(self, f"d{weights}"), x.reshape(-1, x.shape[-1]).T, drows)
        if self.use_bias:
            sum_rows_into(getattr(self, f"d{bias}"), drows)
        return drows.dot(getattr(self, weights).T).reshape(x.shape) if input_gradient else None

    def _attended(self, heads: Sequence[Array], shown: Shown, training: bool) -> tuple[Attended, Array]:
        """Return the pass of all heads, and their outs side by side, (N, T, D)."""
        q, k, v = heads
        n, n_heads, n_queries, head = q.shape
        dropped = None
        if training and self.dropout and not self.resting:
            self.noise = Noise(rng=0) if self.noise is None else self.noise  # the rate was assigned later
            dropped = Dropped(self.noise, self.dropout, n, n_heads, n_queries, k.shape[2])
        out = np.empty((n, n_queries, n_heads, head), q.dtype)
        found = attended(self.who, (q, k, v), shown, dropped, out.transpose(0, 2, 1, 3))
        return found, out.reshape(n, n_queries, self.n_features)

    def _spread(self, q: Array, k: Array, shown: Shown) -> Array:
        """Return the probabilities, (N, H, T, S): attention to values which are the rows of an identity matrix."""
        n, n_heads, n_keys, _ = k.shape
        each = np.broadcast_to(np.eye(n_keys, dtype=q.dtype), (n, n_heads, n_keys, n_keys))
        found: Array = attended(self.who, (q, k, each), shown).out
        return found.astype(self._dtype, copy=False)

    def _way_out(self, heads: Array) -> Array:
        out: Array = heads.reshape(-1, self.n_features).dot(self.output_weights)
        if self.use_bias:
            out += self.output_bias
        return out.reshape(heads.shape)

    # ---- checks --------------------------------------------------------------------------------------------------

    def _check_steps(self, name: str, x: Any, width: int) -> Array:
        """Return x as floating numbers (N, T, width), with at least one row and one step."""
        x = self._check_real(name, x)
        if x.ndim == 3 and len(x) == 0:
            self._check_examples(x)
        if x.ndim != 3 or x.shape[-1] != width or not x.size:
            wanted = f"(N, T, {width}) with at least one step"
            raise ValueError(f"{self.who}: {name} must have shape {wanted}, got {x.shape}")
        return x

    def _shown(self, mask: Any, lengths: Array | None, shape: Shape) -> Array | None:
        """Return which keys may be attended to, (N or 1, H or 1, T or 1, S), given a mask and the keys' lengths."""
        found = None
        if mask is not None:
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
