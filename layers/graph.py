"""Layers with names, each told where its inputs come from: whatever a chain cannot say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .contract import Array, Layer, Padded, Rng, Shape, Trace, blame, checks, each_input
from .lengths import Lengths, Padding
from .wiring import wired


class Graph(Padding):
    """Layers and gates as named nodes: out of each = layer(the outs of its sources).

    Backward is the chain rule in reverse order. Where a value forks, the gradients that come back add up. There is no
    tape: the order is fixed here, once, and each node's backward is that of its layer.

    With one input and one output it is a layer like any other. With several inputs it is a gate: `forward(a, b)`, and
    `backward` returns a dict of their gradients.

    Parameters
    ----------
    nodes : dict of str to (layer, source, ...), or to a number or an array
        A layer or gate with the names of what it reads, in the order of its inputs; or a constant, which is not
        learned. Names hold no dot. A node may stand before those that it reads.
    inputs : sequence of str, optional
        Left out, the names that are read and that no node has, in the order of their first appearance.
    outputs : sequence of str, optional
        Left out, the nodes that nobody reads.
    keep : bool, default False
        Keep all values and gradients of the last pass in `kept`. Otherwise a value is let go as soon as the last node
        that reads it has it.
    dtype : floating dtype, default np.float32
        As in `Sequential`; a Graph without parameters casts nothing.
    rng : int or numpy.random.Generator, optional
        As in `Sequential`.

    Attributes
    ----------
    inputs, outputs : tuple of str
    kept : Trace or None
        What `keep` kept.

    Shapes
    ------
    Inputs come by position, by name, or as one dict. out is a tuple if there are several outputs; then dout is one as
    well, with None for an output that has no loss. dout may be left out where out is one number.

    Raises
    ------
    TypeError, ValueError
        If nodes read in a circle, a name is unknown, doubled or holds a dot, nobody reads an input, nobody computes an
        output, a node leads to none, the number of inputs is not that of the layer, or a layer is placed twice.

    Examples
    --------
    >>> circuit = Graph({"q": (Add(), "x", "y"), "f": (Multiply(), "q", "z")})
    >>> float(circuit.forward(x=-2.0, y=5.0, z=-4.0))
    -12.0
    >>> {name: float(gradient) for name, gradient in circuit.backward().items()}
    {'x': -4.0, 'y': -4.0, 'z': 3.0}

    A block with two ways through it, which joins a network as any layer does:

    >>> block = Graph({"a": (Dense(4, 8), "x"), "b": (Tanh(), "a"), "c": (Dense(4, 8), "x"), "out": (Add(), "b", "c")})
    >>> model = Sequential([block, Dense(8, 2)], rng=0)
    >>> list(model.layout)
    ['0.a.weights', '0.a.bias', '0.c.weights', '0.c.bias', '1.weights', '1.bias']
    """

    training_only = ("initializer", "keep")
    knows_rest = True
    _kept: tuple[dict[str, Any], dict[str, Any]] | None = None

    def __init__(
        self,
        nodes: Mapping[str, Any],
        *,
        inputs: Any = None,
        outputs: Any = None,
        keep: bool = False,
        dtype: Any = np.float32,
        rng: Rng = None,
    ) -> None:
        generator = None if rng is None else checks.generator("Graph", rng)
        self._wiring, layers = wired(nodes, inputs, outputs)
        self.keep = checks.flag("Graph", "keep", keep)
        super().__init__(layers, dtype)
        if generator is not None:
            self.initialize(generator)

    # ---- the plan: names become places in a list of values ---------------------------------------------------------

    def _gather(self, dtype: np.dtype[Any]) -> None:
        learned = any(layer.parameters.size for layer in self.layers)
        super()._gather(dtype if learned else np.dtype(np.float64))
        self._exits = tuple(map(self._wiring.names.index, self.outputs))
        self._look()

    def _look(self) -> None:
        steps = self._wiring.steps([layer.learns for layer in self.layers])
        self._steps, self._steps_back = tuple(steps), tuple(reversed(steps))

    def changed(self) -> None:
        self._look()
        super().changed()

    def move(self, parameters: Array, gradients: Array) -> None:
        super().move(parameters, gradients)
        self._set_constants()

    def settle(self, holder: str | None, path: str | None) -> None:
        super().settle(holder, path)
        self._set_constants()

    def _set_constants(self) -> None:
        """Put the constants where each pass begins, in the dtype of this graph, if it casts."""
        constants = [*self._wiring.constants.values()]
        for i, value in enumerate(constants):
            if isinstance(value, np.ndarray):
                constants[i] = self._at_the_door(value) if self._casts else value
                constants[i].flags.writeable = False  # an out may be a view of it
        self._start = *[None] * len(self.inputs), *constants, *[None] * len(self._wiring.sources)

    # ---- the passes ------------------------------------------------------------------------------------------------

    def _begun(self, inputs: tuple[Any, ...], named: dict[str, Any]) -> list[Any]:
        """Return the list of values at the beginning of a pass: inputs and constants are there."""
        if named or len(inputs) != len(self.inputs) or (inputs and isinstance(inputs[0], Mapping)):
            inputs = tuple(self.entering(inputs, named).values())
        values: list[Any] = list(self._start)
        values[: len(inputs)] = map(self._let_in, inputs) if self._casts else inputs
        return values

    def _let_in(self, x: Any) -> Any:
        """Return x as any container takes it; a Padded is opened by `_opened`."""
        return x if isinstance(x, Padded) else self._at_the_door(x)

    def _finished(self, values: list[Any], lengths: Lengths | None = None) -> Any:
        if lengths is None:
            return values[self._exits[0]] if len(self._exits) == 1 else tuple([values[i] for i in self._exits])
        outs = [lengths.closed(values[i], i) for i in self._exits]
        return outs[0] if len(outs) == 1 else tuple(outs)

    def forward(self, /, *inputs: Any, **named: Any) -> Any:
        self._cache = self._kept = None
        if "lengths" in named and "lengths" not in self.inputs:
            return self._in_a_chain(self.forward, inputs, named)
        values = self._begun(inputs, named)
        lengths = self._opened(values)
        entered = [_form(value) for value in values[: len(self.inputs)]]
        for layer, (sources, place, last, _, _) in zip(self.layers, self._steps, strict=True):
            try:
                if lengths is not None:
                    values[place] = lengths.call(layer, layer.forward, values, sources)
                elif len(sources) == 1:  # as nearly always, and faster
                    values[place] = layer.forward(values[sources[0]])
                else:
                    values[place] = layer.forward(*[values[i] for i in sources])
            except Exception as error:
                self._blame(error, layer, values, sources)
                raise
            for i in () if self.keep else last:
                values[i] = None
        self._cache = entered, [np.shape(values[i]) for i in self._exits], lengths
        if self.keep:
            self._kept = self._by_name(values), {}
        return self._finished(values, lengths)

    def backward(self, dout: Any = None, input_gradient: bool = True) -> Any:
        douts = self._arriving(dout)
        entered, *_ = self._recall()
        for layer, (sources, place, _, before, learns) in zip(reversed(self.layers), self._steps_back, strict=True):
            dout = douts[place]
            if not self.keep:
                douts[place] = None
            if dout is None or not (input_gradient or learns):
                layer.forget()
                if dout is None and layer.parameters.size:
                    layer.gradients[...] = 0  # no loss depends on it
            elif not (input_gradient or before):
                layer.backward(dout, input_gradient=False)  # type: ignore[call-arg]  # a layer with parameters takes it
            elif len(sources) == 1:
                dx = layer.backward(dout)
                if dx is not None:
                    here = douts[sources[0]]
                    douts[sources[0]] = dx if here is None else here + dx  # never in place: others may read it
            else:
                for i, dx in zip(sources, each_input(layer.backward(dout)), strict=False):
                    if dx is not None:
                        douts[i] = dx if douts[i] is None else douts[i] + dx
        dinputs = [_zero(form) if dx is None else dx for dx, form in zip(douts, entered, strict=False)]
        if self.keep:
            douts[: len(dinputs)] = dinputs
            self._kept = self._kept[0] if self._kept else {}, self._by_name(douts)
        if not input_gradient:
            return None
        return dinputs[0] if len(dinputs) == 1 else dict(zip(self.inputs, dinputs, strict=True))

    def _arriving(self, dout: Any) -> list[Any]:
        """Return the list of gradients at the beginning of backward: those of the outputs are there."""
        if self._cache is None:
            self._recall()  # which says that there was no forward
        _, shapes, lengths = self._cache
        douts: list[Any] = [None] * len(self._start)
        for name, place, each, shape in zip(self.outputs, self._exits, self._each(dout), shapes, strict=True):
            if each is None:
                continue
            each = self._check_real("dout", self._at_the_door(each) if self._casts else each)
            if each.shape != shape:
                of = "out" if len(shapes) == 1 else repr(name)
                raise ValueError(f"{self.who}: dout must have the shape of {of}, {shape}, got {each.shape}")
            douts[place] = each[()] if lengths is None else lengths.zeroed(each, place)
        return douts

    def predict(self, /, *inputs: Any, batch_size: int | None = None, **named: Any) -> Any:
        if "batch_size" in self.inputs and batch_size is not None:  # it is one of the inputs
            named, batch_size = {**named, "batch_size": batch_size}, None
        if len(inputs) == 2 and len(self.inputs) == 1 and batch_size is None:  # as any container takes it
            batch_size, inputs = inputs[-1], inputs[:1]
        if "lengths" in named and "lengths" not in self.inputs:
            return self._in_a_chain(self.predict, inputs, named)
        if batch_size is not None:
            return self._predict_in_batches(self.entering(inputs, named), batch_size)
        values = self._begun(inputs, named)
        lengths = self._opened(values)
        for layer, (sources, place, last, _, _) in zip(self.layers, self._steps, strict=True):
            try:
                if lengths is not None:
                    values[place] = lengths.call(layer, layer.predict, values, sources)
                else:
                    values[place] = layer.predict(*[values[i] for i in sources])
            except Exception as error:
                self._blame(error, layer, values, sources, "predict")
                raise
            for i in last:
                values[i] = None
        return self._finished(values, lengths)

    def advance(self, x: Any, state: Any = None, lengths: Any = None) -> tuple[Any, Any]:
        """Return out and the states after it, a dict by the names of the layers with memory, given those before.

        Several inputs come as one dict. A layer of several inputs has no memory: it sees what is given now.
        """
        if lengths is not None:
            out, ended = self.advance(Padded(x, lengths), state)
            return (out.x if isinstance(out, Padded) else out), ended
        before = {} if state is None else checks.mapping(self.who, "state", state)
        unknown = [name for name in before if name not in self._wiring.sources]
        if unknown:
            raise ValueError(
                f"{self.who}: state must have names of layers, {list(self._wiring.sources)}, got {unknown}"
            )
        values = self._begun((x,), {})
        told = self._opened(values)
        after: dict[str, Any] = {}
        for (name, layer), (sources, place, last, _, _) in zip(self.named(), self._steps, strict=True):
            inputs = [values[i] for i in sources]
            if layer.n_operands == 1:
                steps = {} if told is None or not layer.takes_lengths else {"lengths": told.known[sources[0]]}
                values[place], own = layer.advance(inputs[0], before.get(name), **steps)
                after |= {} if own is None else {name: own}
            elif told is None:
                values[place] = layer.predict(*inputs)
            else:
                values[place] = told.call(layer, layer.predict, values, sources)
            for i in last:
                values[i] = None
        return self._finished(values, told), after or None

    def _blame(
        self, error: Exception, layer: Layer, values: list[Any], sources: Sequence[int], method: str = "forward"
    ) -> None:
        """Raise a clearer error, if there is one, of a layer that came to no out, or of one that it reads."""
        silent = next((i for i in sources if values[i] is None), None)
        givers = {place: each for each, (_, place, *_) in zip(self.layers, self._steps, strict=True)}
        if silent in givers:
            blame(error, layer, method, None, givers[silent])
        blame(error, layer, method, values)

    # ---- what was kept ---------------------------------------------------------------------------------------------

    @property
    def kept(self) -> Trace | None:
        """What the last forward, and the backward after it, left, if `keep` says so."""
        return None if self._kept is None else Trace(self, *self._kept)

    def records(self) -> list[dict[str, Any]]:
        return super().records() if self._kept is None else Trace(self, *self._kept).records()

    def forget(self) -> None:
        super().forget()
        self._kept = None

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state.pop("_kept", None)
        return state


def _form(value: Any) -> tuple[Shape, np.dtype[Any]] | None:
    """Return shape and dtype of an input, None where there is no gradient: of integers that go into a table."""
    dtype = getattr(value, "dtype", np.dtype(type(value)) if isinstance(value, float) else None)
    return (np.shape(value), dtype) if dtype is not None and dtype.kind == "f" else None


def _zero(form: tuple[Shape, np.dtype[Any]] | None) -> Any:
    return None if form is None else np.zeros(*form)[()]
