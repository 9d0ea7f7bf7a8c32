"""An embedding that is used twice: where tokens go in, and where logits come out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

import numpy as np

from ..contract import Array, Layer, Padded, Part, Relay, Rng, Shape
from ..embedding import Embedding
from ..sequential import Sequential
from ..speed import multiply_into


class Tied(Relay):
    """A network whose last product is with the embedding's own weights: out = body(embedding(x)) @ weights.T.

    The logit of a token is how well its own row fits what the body has made. The weights are one array, in one place,
    used twice, and their gradient is the sum of both uses.

    Parameters
    ----------
    embedding : Embedding
        Of n tokens into D features.
    body : Layer or sequence of Layer
        From (N, T, D) to (N, T, D).
    dtype : floating dtype, default np.float32
    rng : int or numpy.random.Generator, optional
        As in `Sequential`.

    Shapes
    ------
    x (N, ...) of integers, out (N, ..., n_tokens). The arrays are called `embedding.weights`, `body.0...`.

    Raises
    ------
    TypeError, ValueError
        If embedding is not one, or the body does not give back as many features as it is given.

    References
    ----------
    Press, Wolf (2016), "Using the Output Embedding to Improve Language Models", arXiv:1608.05859.

    Examples
    --------
    >>> model = Tied(Embedding(5, 4), [Dense(4, 4)], rng=0)
    >>> model.forward(np.array([[1, 2, 3]])).shape
    (1, 3, 5)
    >>> model.backward(np.ones((1, 3, 5)))
    >>> list(model.layout)
    ['embedding.weights', 'body.0.weights', 'body.0.bias']
    """

    def __init__(
        self, embedding: Any, body: Layer | Sequence[Layer], *, dtype: Any = np.float32, rng: Rng = None
    ) -> None:
        if not isinstance(embedding, Embedding):
            got = f"the class {embedding.__name__}" if isinstance(embedding, type) else type(embedding).__name__
            raise TypeError(f"Tied: embedding must be an Embedding, got {got}")
        chain = body if isinstance(body, Sequential) else Sequential([body] if isinstance(body, Layer) else body)
        super().__init__([embedding, chain], dtype)
        if rng is not None:
            self.initialize(rng)

    @property
    def embedding(self) -> Embedding:
        """What the tokens go through."""
        layer: Any = self._layers[0]
        return layer

    @property
    def body(self) -> Sequential:
        """What is between the two uses of the embedding."""
        layer: Any = self._layers[1]
        return layer

    def named(self) -> Iterator[tuple[str, Layer]]:
        return zip(("embedding", "body"), self._layers, strict=True)

    def inside(self, *input_shapes: Shape) -> Iterator[tuple[str, Layer, tuple[Shape, ...]]]:
        yield "embedding", self.embedding, input_shapes
        yield "body", self.body, (self.embedding.shape_of_out(*input_shapes),)

    def wiring(self) -> Iterator[Part]:
        yield Part("x")
        yield Part("embedding", self.embedding, ("x",))
        yield Part("body", self.body, ("embedding",))
        yield Part("logits", None, ("body",), output=True, join=("@ weights.T", "Tied"))

    def forward(self, x: Any, lengths: Any = None, state: Any = None) -> Any:
        if isinstance(x, Padded):
            return self._opened(self.forward, x, lengths, state)
        self._cache = None
        handed = self._options("state", state)[1]
        x, lengths = (self._at_the_door(x), None) if lengths is None else self._at_the_door_of_steps(x, lengths)
        steps = {} if lengths is None else {"lengths": lengths}
        features = self._checked_features(self.body.forward(self.embedding.forward(x), **steps, **handed))
        self._end_with(lengths)
        self._cache = features
        return self._logits(features)

    def _checked_features(self, features: Array) -> Array:
        if features.shape[-1] != self.embedding.n_outputs:
            self._refuse(features.shape[-1])
        return features

    def _refuse(self, width: int) -> NoReturn:
        n = self.embedding.n_outputs
        raise ValueError(f"{self.who}: body must give {n} features, as the embedding does, got {width}")

    def _logits(self, features: Array) -> Array:
        weights = self.embedding.weights
        out: Array = features.reshape(-1, features.shape[-1]).dot(weights.T)
        return out.reshape(*features.shape[:-1], len(weights))

    def backward(self, dout: Any, input_gradient: bool = True, *, dstate: Any = None) -> None:
        # features = body(weights[x]),  out = features @ weights.T, so that
        #     dfeatures = dout @ weights
        #     dweights  = dout.T @ features + what the embedding gets back through the body
        features = self._recall()
        weights = self.embedding.weights
        dout = self._check_dout(self._dout_at_the_door(dout), (*features.shape[:-1], len(weights)))
        drows = dout.reshape(-1, len(weights))
        used_last = np.empty_like(weights)
        multiply_into(used_last, drows.T, features.reshape(-1, features.shape[-1]))
        handed = self._options("dstate", dstate)[1]
        dbody = self.body.backward(drows.dot(weights).reshape(features.shape), **handed)
        self.embedding.backward(dbody)
        self.embedding.dweights += used_last

    def predict(self, x: Any, batch_size: int | None = None, *, lengths: Any = None, state: Any = None) -> Any:
        if batch_size is not None or isinstance(x, Padded):
            if batch_size is not None:
                return super().predict(x, batch_size, lengths=lengths, state=state)
            return self._opened(self.predict, x, lengths, state)
        handed = self._options("state", state)[1]
        x, lengths = (self._at_the_door(x), None) if lengths is None else self._at_the_door_of_steps(x, lengths)
        features = self.body.predict(self.embedding.predict(x), lengths=lengths, **handed)
        return self._logits(self._checked_features(features))

    def advance(self, x: Any, state: Any = None, lengths: Any = None) -> tuple[Any, Any]:
        if isinstance(x, Padded):
            return self._opened(self.advance, x, lengths, state)
        _, own = self._entries("state", state)
        x, lengths = (self._at_the_door(x), None) if lengths is None else self._at_the_door_of_steps(x, lengths)
        features, own = self.body.advance(self.embedding.predict(x), own, lengths=lengths)
        return self._logits(self._checked_features(features)), (None, own)

    def output_lengths(self, lengths: Array) -> Array | None:
        return self.body.output_lengths(lengths)

    def output_shape(self, input_shape: Shape) -> Shape:
        shape = self.body.output_shape(self.embedding.output_shape(input_shape))
        if shape[-1] != self.embedding.n_outputs:
            self._refuse(shape[-1])
        return *shape[:-1], self.embedding.n_inputs

    @property
    def title(self) -> str:
        return f"Tied of {len(self.body)} layers"

    def __repr__(self) -> str:
        return f"Tied({self.embedding!r}, {self.body!r})"
