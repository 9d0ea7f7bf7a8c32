"""A chain of layers: the output of each is the input of the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .contract import (
    Array,
    End,
    Layer,
    Padded,
    Part,
    Relay,
    Rng,
    Shape,
    as_shape,
    blame,
    checks,
    follow,
    returned_nothing,
    through,
)


class Sequential(Relay):
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
    x as the first layer takes it, out as the last one gives it. Of a `Padded` out is one too, as long as it has steps.

    `forward(x, lengths=None, state=None)` hands to its layers the lengths of rows of x that are padded, and to each its
    entry of the state, which is a tuple; `state` is the last one, and with `backward(dout, dstate=...)` `dstate` is the
    gradient of the first. `advance(x, state) -> (out, state)` is predict with memory.

    Raises
    ------
    TypeError, ValueError
        If anything other than layers is given, none, one twice, one that is already part of a network, or one that
        must be given another last axis than those before it give.

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

    knows_rest = True

    def __init__(self, layers: Sequence[Layer], *, dtype: Any = np.float32, rng: Rng = None) -> None:
        generator = None if rng is None else checks.generator("Sequential", rng)
        super().__init__(layers, dtype)
        if generator is not None:
            self.initialize(generator)

    def _checked(self, layers: Sequence[Layer]) -> tuple[Layer, ...]:
        checked = super()._checked(layers)
        if type(self).forward is Sequential.forward:  # else nobody knows what goes through them
            follow(checked, type(self).__name__)
        return checked

    def end_after(self, end: End, kind: str, place: str) -> End:
        return follow(self.layers, kind, end, f"{place}.")

    def _gather(self, dtype: np.dtype[Any]) -> None:
        super()._gather(dtype)
        self._look()

    def _look(self) -> None:
        # The first layer that has something to learn: training reads no gradient of what comes before it.
        self._first = next((i for i, layer in enumerate(self.layers) if layer.learns), len(self.layers))

    def changed(self) -> None:
        self._look()
        super().changed()

    def forward(self, x: Any, lengths: Any = None, state: Any = None) -> Any:
        if isinstance(x, Padded):
            return self._opened(self.forward, x, lengths, state)
        self._cache, begun = None, len(self.layers)
        if lengths is None and state is None:  # as nearly always, at no further cost
            out = self._at_the_door(x)
            try:
                for layer in self.layers:
                    out = layer.forward(out)
            except Exception as error:
                blame(error, layer, "forward", out, self._before(layer))
                raise
        else:
            out, handed = self._entered(x, lengths, state)
            for layer, options in zip(self.layers, handed, strict=True):
                out = layer.forward(out, **options)
            begun = next((i for i, options in enumerate(handed) if "state" in options), begun)
        if out is None:
            returned_nothing(self.layers[-1], "forward")
        self._end_with(lengths)
        self._cache = begun  # every layer has its cache of this same pass; this is the first that was given a state
        return out

    def _entered(self, x: Any, lengths: Any, state: Any) -> tuple[Array, list[dict[str, Any]]]:
        """Return x, and what to hand to each layer beside its own x."""
        handed = self._options("state", state)
        if lengths is None:
            return self._at_the_door(x), handed
        x, lengths = self._at_the_door_of_steps(x, lengths)
        return x, [{**own, **steps} for own, steps in zip(handed, through(self.layers, lengths), strict=True)]

    def backward(self, dout: Any, input_gradient: bool = True, *, dstate: Any = None) -> Any:
        begun = self._recall()
        dout = self._at_the_door(dout) if self._out_lengths is None else self._dout_at_the_door(dout)
        handed = None if dstate is None else self._options("dstate", dstate)
        stop = -1 if input_gradient else min(self._first, begun)  # the gradient of a state that was given is wanted
        silent = None  # which layer returned no dx
        for i, layer in reversed([*enumerate(self.layers)]):
            if i < stop or (dout is None and not layer.parameters.size):
                layer.forget()  # no gradient is asked for, or, before an Embedding, whose x are integers, there is none
                if dout is None and silent is None:
                    silent = i + 1
                continue
            try:
                options = {} if handed is None else handed[i]
                if i == stop:
                    layer.backward(dout, input_gradient=False, **options)  # type: ignore[call-arg]  # has parameters
                elif options:
                    dout = layer.backward(dout, **options)
                else:  # as nearly always, and faster
                    dout = layer.backward(dout)
            except Exception as error:
                after = i + 1 if silent is None else silent
                blame(error, layer, "backward", dout, self.layers[after] if after < len(self.layers) else None)
                raise
        return dout if input_gradient else None

    def predict(self, x: Any, batch_size: int | None = None, *, lengths: Any = None, state: Any = None) -> Any:
        if batch_size is not None:
            return super().predict(x, batch_size, lengths=lengths, state=state)
        if isinstance(x, Padded):
            return self._opened(self.predict, x, lengths, state)
        out, handed = self._entered(x, lengths, state)
        for layer, options in zip(self.layers, handed, strict=True):
            try:
                out = layer.predict(out, **options)  # by itself: what one remembers is gone when the next one begins
            except Exception as error:
                blame(error, layer, "predict", out, self._before(layer))
                raise
        if out is None:
            returned_nothing(self.layers[-1], "predict")
        return out

    def _before(self, layer: Layer) -> Layer | None:
        """Return the layer whose out this one reads; None for the first."""
        i = self.layers.index(layer)
        return self.layers[i - 1] if i else None

    def advance(self, x: Any, state: Any = None, lengths: Any = None) -> tuple[Any, Any]:
        if isinstance(x, Padded):
            return self._opened(self.advance, x, lengths, state)
        entries = self._entries("state", state)
        out, handed = self._entered(x, lengths, None)
        after = []
        for layer, own, options in zip(self.layers, entries, handed, strict=True):
            out, own = layer.advance(out, own, **options)
            after.append(own)
        return out, tuple(after)

    def output_lengths(self, lengths: Array) -> Array | None:
        after: Array | None = lengths
        for layer in self.layers:
            if after is not None:
                after = layer.output_lengths(after)
        return after

    def output_shape(self, input_shape: Shape) -> Shape:
        shape = as_shape(input_shape, self)
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
