"""A chain of layers: the output of each is the input of the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .contract import Container, Layer, Part, Rng, Shape, as_shape


class Sequential(Container):
    """Layers one after the other: out = layers[-1](... layers[1](layers[0](x))).

    Backward is the chain rule: each layer turns the gradient of its output into the gradient of its input, which
    is the output of the layer before it.

    Parameters
    ----------
    layers : sequence of Layer
        In the order of the forward pass. The Sequential takes over their values, and owns their memory from then on.
    dtype : floating dtype, default np.float32
        Of the parameters, of everything computed, and of out. A floating x is cast to it; integers pass, since an
        Embedding wants them.
    rng : int or numpy.random.Generator, optional
        If given, every layer is drawn afresh, in order, from this one generator: one seed, one network.

    Shapes
    ------
    x as the first layer takes it, out as the last one gives it

    Raises
    ------
    TypeError, ValueError
        If anything other than layers is given, none, one twice, or one that is already part of a network.

    Examples
    --------
    >>> model = Sequential([Dense(2, 64), ReLU(), Residual([Dense(64, 64), ReLU()]), Dense(64, 3)], rng=0)
    >>> model.forward(np.zeros((5, 2))).shape
    (5, 3)
    >>> model.parameters.size, model[0].weights.shape
    (4547, (2, 64))
    >>> print(model.summary((2,)))
         layer                 output shape  parameters
         x                     (N, 2)
    0    Dense(2, 64)          (N, 64)              192
    1    ReLU()                (N, 64)                0
    2    Residual of 2 layers  (N, 64)            4,160
    2.0    Dense(64, 64)       (N, 64)            4,160
    2.1    ReLU()              (N, 64)                0
    3    Dense(64, 3)          (N, 3)               195
         total                                    4,547
    """

    def __init__(self, layers: Sequence[Layer], *, dtype: Any = np.float32, rng: Rng = None) -> None:
        generator = None if rng is None else np.random.default_rng(rng)
        super().__init__(layers, dtype)
        if generator is not None:
            self.initialize(generator)

    def _gather(self, dtype: np.dtype[Any]) -> None:
        super()._gather(dtype)
        # The first layer that has something to learn: training reads no gradient of what comes before it.
        self._first = next((i for i, layer in enumerate(self.layers) if layer.parameters.size), len(self.layers))

    def forward(self, x: Any) -> Any:
        self._cache = None
        out = self._at_the_door(x)
        for layer in self.layers:
            out = layer.forward(out)
        self._cache = True  # every layer has its cache of this same pass
        return out

    def backward(self, dout: Any, input_gradient: bool = True) -> Any:
        self._recall()
        dout = self._at_the_door(dout)
        stop = -1 if input_gradient else self._first
        for i, layer in reversed([*enumerate(self.layers)]):
            if i < stop or (dout is None and not layer.parameters.size):
                layer.forget()  # no gradient is asked for, or, before an Embedding, whose x are integers, there is none
            elif i == stop:
                layer.backward(dout, input_gradient=False)  # type: ignore[call-arg]  # a layer with parameters takes it
            else:
                dout = layer.backward(dout)
        return dout if input_gradient else None

    def predict(self, x: Any, batch_size: int | None = None) -> Any:
        if batch_size is not None:
            return super().predict(x, batch_size)
        out = self._at_the_door(x)
        for layer in self.layers:  # each by itself: what one remembers is gone when the next one begins
            out = layer.predict(out)
        return out

    def output_shape(self, input_shape: Shape) -> Shape:
        shape = as_shape(input_shape)
        for layer in self.layers:
            shape = layer.output_shape(shape)
        return shape

    def inside(self, *input_shapes: Shape) -> Iterator[tuple[str, Layer, tuple[Shape, ...]]]:
        shapes = input_shapes
        for i, layer in enumerate(self.layers):
            yield str(i), layer, shapes
            shapes = (layer.shape_of_out(*shapes),) if shapes else ()

    def wiring(self) -> Iterator[Part]:
        yield Part("x")
        before = "x"
        for i, layer in enumerate(self.layers):
            yield Part(str(i), layer, (before,), output=i == len(self.layers) - 1)
            before = str(i)
