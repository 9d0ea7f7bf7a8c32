"""Layers with names, each told where its inputs come from: whatever a chain cannot say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .contract import Array, Container, Layer, Part, Rng, Shape, Trace, checks, each_input
from .contract.gate import with_examples, without_examples
from .contract.typed import in_words
from .wiring import wired


class Graph(Container):
    """Layers and gates as named nodes: out of each = layer(the outs of its sources).

    Backward is the chain rule in reverse order. Where a value forks, the gradients that come back add up. There is no
    tape: the order is fixed here, once, and each node's backward is that of its layer.

    With one input and one output it is a layer like any other. With several inputs it is a gate: `forward(a, b)`, and
    `backward` returns a dict of their gradients.

    Parameters
    ----------
    nodes : dict of str to (layer, source, ...), or to a number or an array
        A layer or gate with the names of what it reads, in the order of its inputs; or a constant, which is not
        learned. Names hold no dot. The order of the dict does not matter.
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
        generator = None if rng is None else np.random.default_rng(rng)
        self._wiring, layers = wired(nodes, inputs, outputs)
        self.keep = bool(keep)
        super().__init__(layers, dtype)
        if generator is not None:
            self.initialize(generator)

    # ---- what it is made of --------------------------------------------------------------------------------------

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the inputs, in order."""
        return self._wiring.inputs

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the nodes whose outs are the out of the graph, in order."""
        return self._wiring.outputs

    @property
    def n_operands(self) -> int:  # type: ignore[override]
        """The number of inputs."""
        return len(self.inputs)

    @property
    def n_outs(self) -> int:  # type: ignore[override]
        """The number of outputs."""
        return len(self.outputs)

    def _checked(self, layers: Any) -> tuple[Layer, ...]:
        self._check_each(layers)
        return tuple(layers)

    def named(self) -> Iterator[tuple[str, Layer]]:
        return zip(self._wiring.sources, self.layers, strict=True)

    def __getitem__(self, index: Any) -> Any:
        return dict(self.named())[index] if isinstance(index, str) else self.layers[index]

    def wiring(self) -> Iterator[Part]:
        yield from map(Part, self.inputs)
        for name, value in self._wiring.constants.items():
            yield Part(name, value=value)
        for name, layer in self.named():
            yield Part(name, layer, self._wiring.sources[name], name in self.outputs, label=self._label(name))

    def _label(self, name: str) -> str:
        return ""

    def sources(self, name: str) -> tuple[str, ...]:
        return self._wiring.sources[name]

    def inside(self, *input_shapes: Shape) -> Iterator[tuple[str, Layer, tuple[Shape, ...]]]:
        shapes = self._shapes(input_shapes) if input_shapes else {}
        for name, layer in self.named():
            yield name, layer, tuple(shapes[source] for source in self._wiring.sources[name]) if shapes else ()

    def _shapes(self, input_shapes: Sequence[Shape]) -> dict[str, Shape]:
        """Return the shape of every value by name, N included."""
        shapes = dict(zip(self.inputs, input_shapes, strict=True))
        shapes |= {name: np.shape(value) for name, value in self._wiring.constants.items()}
        for name, layer in self.named():
            shapes[name] = layer.shape_of_out(*(shapes[source] for source in self._wiring.sources[name]))
        return shapes

    def shape_of_out(self, *shapes: Shape) -> Shape:
        (name,) = self.outputs
        return self._shapes(shapes)[name]

    def output_shape(self, *input_shapes: Shape, **named: Shape) -> Any:
        """Return the shape of one example's out, without N, or a tuple of them; shapes as `forward` takes inputs."""
        if named:
            input_shapes = tuple(self._entering(input_shapes, named).values())
        shapes = self._shapes(with_examples(self, input_shapes))
        outs = [without_examples(self, shapes[name]) for name in self.outputs]
        return outs[0] if len(outs) == 1 else tuple(outs)

    # ---- the plan: names become places in a list of values ---------------------------------------------------------

    def _gather(self, dtype: np.dtype[Any]) -> None:
        learned = any(layer.parameters.size for layer in self.layers)
        super()._gather(dtype if learned else np.dtype(np.float64))
        names = [*self.inputs, *self._wiring.constants, *self._wiring.sources]
        place = {name: i for i, name in enumerate(names)}
        last: dict[int, int] = {}  # the last node that reads a value
        for i, sources in enumerate(self._wiring.sources.values()):
            last |= dict.fromkeys((place[name] for name in sources), i)
        self._exits = tuple(place[name] for name in self.outputs)
        self._plan, learns = [], set()
        for i, (name, layer) in enumerate(self.named()):
            sources = tuple(place[source] for source in self._wiring.sources[name])
            free = tuple(j for j in set(sources) if last[j] == i and j not in self._exits)
            before = any(j in learns for j in sources)  # whether anything before it has something to learn
            if before or layer.parameters.size:
                learns.add(place[name])
            self._plan.append((sources[0] if len(sources) == 1 else sources, place[name], free, before))
        self._plan_back = [(*step[:2], step[3], step[1] in learns) for step in reversed(self._plan)]


    def move(self, parameters: Array, gradients: Array) -> None:
        super().move(parameters, gradients)
        self._set_constants()

    def settle(self, holder: str | None, path: str) -> None:
        super().settle(holder, path)
        self._set_constants()

    def _set_constants(self) -> None:
        """Put the constants where each pass begins, in the dtype of this graph, if it casts."""
        constants = self._wiring.constants.values()
        arrays = [self._at_the_door(value) if isinstance(value, np.ndarray) and self._casts else value for value in constants]
        self._start = [None] * len(self.inputs) + arrays + [None] * len(self._wiring.sources)

    @property
    def _casts(self) -> bool:
        """Whether values are cast at the door: where there are parameters, or other layers around it."""
        return bool(self.parameters.size) or self.holder is not None

    # ---- the passes ------------------------------------------------------------------------------------------------

    def _entering(self, inputs: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
        if len(inputs) == 1 and not named and isinstance(inputs[0], Mapping):
            inputs, named = (), dict(inputs[0])
        given = dict(zip(self.inputs, inputs, strict=False))
        if len(inputs) > len(self.inputs) or given.keys() & named.keys() or {*given, *named} != {*self.inputs}:
            raise self._not_the_inputs(inputs, named)
        given |= named
        return {name: given[name] for name in self.inputs}

    def _not_the_inputs(self, inputs: tuple[Any, ...], named: Mapping[str, Any]) -> Exception:
        n = len(self.inputs)
        wanted = f"{self.who}: forward must be given {n} input{'' if n == 1 else 's'}, {', '.join(map(str, self.inputs))}"
        got = [f"{len(inputs)} by position"] if inputs or not named else []
        got += [f"{', '.join(map(str, named))} by name"] if named else []
        return TypeError(f"{wanted.removesuffix(', ')}, got {' and '.join(got)}")

    def _begun(self, inputs: tuple[Any, ...], named: dict[str, Any]) -> list[Any]:
        """Return the list of values at the beginning of a pass: inputs and constants are there."""
        if named or len(inputs) != len(self.inputs) or (inputs and isinstance(inputs[0], Mapping)):
            inputs = tuple(self._entering(inputs, named).values())
        values = self._start.copy()
        values[: len(inputs)] = map(self._at_the_door, inputs) if self._casts else inputs
        return values

    def _finished(self, values: list[Any]) -> Any:
        return values[self._exits[0]] if len(self._exits) == 1 else tuple([values[i] for i in self._exits])

    def forward(self, /, *inputs: Any, **named: Any) -> Any:
        self._cache = self._kept = None
        values = self._begun(inputs, named)
        entered = [_form(value) for value in values[: len(self.inputs)]]
        for layer, (sources, place, free, _) in zip(self.layers, self._plan, strict=True):
            if isinstance(sources, int):
                values[place] = layer.forward(values[sources])
            else:
                values[place] = layer.forward(*[values[i] for i in sources])
            for i in () if self.keep else free:
                values[i] = None
        self._cache = entered, [np.shape(values[i]) for i in self._exits]
        if self.keep:
            self._kept = self._by_name(values), {}
        return self._finished(values)

    def backward(self, dout: Any = None, input_gradient: bool = True) -> Any:
        douts = self._arriving(dout)
        entered, _ = self._recall()
        for layer, (sources, place, before, learns) in zip(reversed(self.layers), self._plan_back, strict=True):
            dout = douts[place]
            if not self.keep:
                douts[place] = None
            if dout is None or not (input_gradient or learns):
                layer.forget()
                if dout is None and layer.parameters.size:
                    layer.gradients[...] = 0  # no loss depends on it
            elif not (input_gradient or before):
                layer.backward(dout, input_gradient=False)  # type: ignore[call-arg]  # a layer with parameters takes it
            elif isinstance(sources, int):
                dx = layer.backward(dout)
                if dx is not None:
                    douts[sources] = dx if douts[sources] is None else douts[sources] + dx
            else:
                for i, dx in zip(sources, each_input(layer.backward(dout)), strict=False):
                    if dx is not None:
                        douts[i] = dx if douts[i] is None else douts[i] + dx  # never in place: others may read it
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
        _, shapes = self._cache
        if dout is None:
            if len(shapes) > 1 or np.prod(shapes[0], dtype=int) != 1:
                raise ValueError(f"{self.who}: backward must be given dout, since out is not one number, got none")
            dout = np.ones(shapes[0])
        if len(shapes) == 1 and not isinstance(dout, tuple | list):
            dout = [dout]
        elif len(shapes) > 1 and (not isinstance(dout, tuple | list) or len(dout) != len(shapes)):
            got = f"{len(dout)} of them" if isinstance(dout, tuple | list) else type(dout).__name__
            raise ValueError(
                f"{self.who}: dout must be a tuple of {len(shapes)}, one for each of {', '.join(self.outputs)}, with None "
                f"for an output that has no loss, got {got}"
            )
        elif len(shapes) == 1:
            dout = [np.asarray(dout)]
        if all(each is None for each in dout):
            raise ValueError(f"{self.who}: dout must be there for at least one output, got None for all")
        douts: list[Any] = [None] * len(self._start)
        for name, place, each, shape in zip(self.outputs, self._exits, dout, shapes, strict=True):
            if each is None:
                continue
            each = self._check_real("dout", self._at_the_door(each) if self._casts else each)
            if each.shape != shape:
                of = "out" if len(shapes) == 1 else f"{name!r}"
                raise ValueError(f"{self.who}: dout must have the shape of {of}, {shape}, got {each.shape}")
            douts[place] = each[()]
        return douts

    def predict(self, /, *inputs: Any, batch_size: int | None = None, **named: Any) -> Any:
        if batch_size is not None:
            return self._predict_in_batches(self._entering(inputs, named), batch_size)
        values = self._begun(inputs, named)
        for layer, (sources, place, free, _) in zip(self.layers, self._plan, strict=True):
            values[place] = layer.predict(*[values[i] for i in ((sources,) if isinstance(sources, int) else sources)])
            for i in free:
                values[i] = None
        return self._finished(values)

    def _predict_in_batches(self, inputs: dict[str, Any], batch_size: int) -> Any:
        batch_size = checks.whole(self.who, "batch_size", batch_size)
        arrays = {name: self._check_examples(np.asarray(value)) for name, value in inputs.items()}
        lengths = {name: len(array) for name, array in arrays.items()}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"{self.who}: the inputs must have the same length, got {lengths}")
        starts = range(0, next(iter(lengths.values())), batch_size)
        outs = [self.predict(*(array[i : i + batch_size] for array in arrays.values())) for i in starts]
        return tuple(map(np.concatenate, zip(*outs, strict=True))) if self.n_outs > 1 else np.concatenate(outs)

    # ---- what was kept ---------------------------------------------------------------------------------------------

    def _by_name(self, values: list[Any]) -> dict[str, Any]:
        return dict(zip([*self.inputs, *self._wiring.constants, *self._wiring.sources], values, strict=True))

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

    def __repr__(self) -> str:
        nodes = {name: in_words(value) for name, value in self._wiring.constants.items()}
        for name, layer in self.named():
            nodes[name] = f"({', '.join([repr(layer), *map(repr, self._wiring.sources[name])])})"
        rows = [f"    {name!r}: {node},".replace("\n", "\n    ") for name, node in nodes.items()]
        return "\n".join(["Graph({", *rows, "})"])

    @property
    def title(self) -> str:
        n = len(self.layers)
        return f"{type(self).__name__} of {n} node{'' if n == 1 else 's'}"


def _form(value: Any) -> tuple[Shape, np.dtype[Any]] | None:
    """Return shape and dtype of an input, None where there is no gradient: of integers that go into a table."""
    dtype = getattr(value, "dtype", np.dtype(type(value)) if isinstance(value, float) else None)
    return (np.shape(value), dtype) if dtype is not None and dtype.kind == "f" else None


def _zero(form: tuple[Shape, np.dtype[Any]] | None) -> Any:
    return None if form is None else np.zeros(*form)[()]
