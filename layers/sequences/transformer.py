"""The block that transformers are stacked from, as a composition of what there is."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..activations import GELU
from ..branches import Residual
from ..contract import Layer, Rng, checks
from ..contract.typed import typed
from ..dense import Dense
from ..dropout import Dropout
from ..initializers import glorot_uniform
from ..normalization import LayerNorm
from ..sequential import Sequential
from ..weighted import Initializer
from .self_attention import SelfAttention


class TransformerBlock(Sequential):
    """A pre-norm block: x = x + attention(norm(x)), then x = x + dense(gelu(dense(norm(x)))).

    It is a `Sequential` of two `Residual`, and nothing else: look inside with `block.summary((T, D))`.

    Parameters
    ----------
    n_features : int
        Number of features of x and of out, D.
    n_heads : int
        It divides D.
    n_hidden : int, optional
        Width between the two dense layers; 4 D, if left out.
    causal : bool, default False
        No step looks at a later one.
    dropout : float in [0, 1), default 0
        Of the probabilities, and of what is added to x.
    use_bias : bool, default True
        In all the layers, the norms too.
    exact : bool, default False
        Of the `GELU`.
    initializer : callable (rng, shape) -> array, default glorot_uniform
    dtype : floating dtype, default np.float32
    rng : int or numpy.random.Generator, optional
        As in `Sequential`.

    Shapes
    ------
    x (N, T, D), out (N, T, D); lengths, and the state of `advance`, as in any `Sequential`.

    Raises
    ------
    ValueError, TypeError
        If n_heads does not divide n_features, or another argument is out of its range.

    References
    ----------
    Vaswani et al. (2017), "Attention Is All You Need", arXiv:1706.03762; with the norms in front, as in Xiong et al.
    (2020), "On Layer Normalization in the Transformer Architecture", arXiv:2002.04745, and in GPT-2.

    Examples
    --------
    >>> block = TransformerBlock(8, 2, causal=True, rng=0)
    >>> block.forward(np.ones((2, 5, 8))).shape, block.parameters.size
    ((2, 5, 8), 872)
    >>> len(block), type(block[0]).__name__
    (2, 'Residual')
    """

    training_only = ("initializer", "dropout")

    def __init__(
        self,
        n_features: int,
        n_heads: int,
        *,
        n_hidden: int | None = None,
        causal: bool = False,
        dropout: float = 0.0,
        use_bias: bool = True,
        exact: bool = False,
        initializer: Initializer = glorot_uniform,
        dtype: Any = np.float32,
        rng: Rng = None,
    ) -> None:
        self.n_features = checks.whole("TransformerBlock", "n_features", n_features)
        self.n_heads, self.causal, self.use_bias, self.exact = n_heads, causal, use_bias, exact
        default = 4 * self.n_features
        self.n_hidden = default if n_hidden is None else checks.whole("TransformerBlock", "n_hidden", n_hidden)
        self.dropout, self.initializer = checks.fraction("TransformerBlock", "dropout", dropout), initializer
        options: dict[str, Any] = {"use_bias": use_bias, "initializer": initializer}
        noise: list[Layer] = [Dropout(self.dropout)] if self.dropout else []
        attention = SelfAttention(self.n_features, n_heads, causal=causal, dropout=dropout, **options)
        wide = Dense(self.n_features, self.n_hidden, **options)
        narrow = Dense(self.n_hidden, self.n_features, **options)
        norms = [LayerNorm(self.n_features, use_bias=use_bias) for _ in range(2)]
        more: list[Layer] = [Dropout(self.dropout)] if self.dropout else []
        super().__init__(
            [
                Residual([norms[0], attention, *noise]),
                Residual([norms[1], wide, GELU(exact=exact), narrow, *more]),
            ],
            dtype=dtype,
            rng=rng,
        )

    @property
    def dtype(self) -> Any:
        """Of the parameters."""
        return self._dtype.type

    def __repr__(self) -> str:
        return typed(self, n_hidden=4 * self.n_features)
