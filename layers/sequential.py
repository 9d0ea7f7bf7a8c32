"""A chain of layers: the output of each is the input of the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .contract import Container, Layer, Rng, Shape, as_shape, check_sizes


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
        If something else than layers is given, none, one twice, or one that is already part of a network.

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

    def __init__(self, layers: Sequence[Layer], dtype: Any = np.float32, rng: Rng = None) -> None:
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
        if input_gradient:
            for layer in reversed(self.layers):
                if dout is None and not layer.parameters.size:
                    layer._forget()  # it stands before an Embedding, whose x are integers and have no gradient
                else:
                    dout = layer.backward(dout)
            return dout
        for layer in self.layers[: self._first : -1]:
            dout = layer.backward(dout)
        for layer in self.layers[self._first : self._first + 1]:
            layer.backward(dout, input_gradient=False)  # type: ignore[call-arg]  # a layer with parameters takes it
        for layer in self.layers[: self._first]:
            layer._forget()
        return None

    def predict(self, x: Any, batch_size: int | None = None) -> Any:
        """Return out, the inference pass; with a batch_size, so many examples at a time, in bounded memory."""
        if batch_size is not None:
            check_sizes(self._who, batch_size=batch_size)
            x = np.asarray(x)
            if x.ndim == 0:
                raise ValueError(f"{self._who}: x must have shape (N, ...) with at least one example, got {x.shape}")
            starts = range(0, max(len(x), 1), batch_size)
            return np.concatenate([self.predict(x[i : i + batch_size]) for i in starts])
        out = self._at_the_door(x)
        for layer in self.layers:
            out = layer.predict(out)
        return out

    def output_shape(self, input_shape: Shape) -> Shape:
        shape = as_shape(input_shape)
        for layer in self.layers:
            shape = layer.output_shape(shape)
        return shape

    def _inside(self, input_shape: Shape | None) -> Iterator[tuple[str, Layer, Shape | None]]:
        shape = input_shape
        for i, layer in enumerate(self.layers):
            yield str(i), layer, shape
            shape = None if shape is None else layer.output_shape(shape)

    def summary(self, input_shape: Shape) -> str:
        """Return a table of the layers, the shapes of their outputs and the numbers of their parameters.

        `input_shape` is the shape of one example, without N. A row of a container counts the layers inside it, which
        follow, indented.
        """
        shape = as_shape(input_shape)
        rows = [
            ("", "layer", "output shape", "parameters"),
            ("", "x", _with_n(shape), ""),
            *_rows(self, shape),
            ("", "total", "", f"{self.parameters.size:,}"),
        ]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            f"{i:<{widths[0]}}  {name:<{widths[1]}}  {out:<{widths[2]}}  {count:>{widths[3]}}".rstrip()
            for i, name, out, count in rows
        )


def _rows(container: Container, input_shape: Shape | None, prefix: str = "") -> Iterator[tuple[str, str, str, str]]:
    """Yield the rows of a summary for the layers inside; without shapes, where the container does not tell them."""
    indent = "  " * prefix.count(".")
    for name, layer, shape in container._inside(input_shape):
        out = "" if shape is None else _with_n(layer.output_shape(shape))
        yield f"{prefix}{name}", indent + layer._who, out, f"{layer.parameters.size:,}"
        if isinstance(layer, Container):
            yield from _rows(layer, shape, f"{prefix}{name}.")


def _with_n(shape: Shape) -> str:
    return f"({', '.join(['N', *map(str, shape)])})"
