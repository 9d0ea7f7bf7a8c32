"""Named layers and who reads whom: what a graph is made of, without the passes through it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .contract import Container, Layer, Padded, Part, Shape, as_examples, checks, stacked
from .contract.gate import with_examples, without_examples
from .contract.typed import in_words
from .wiring import Wiring


class Named(Container):
    """A container whose layers have names, and read what they are told to read by name.

    Examples
    --------
    >>> graph = Graph({"a": (Dense(4, 3), "x"), "b": (Dense(4, 3), "y"), "sum": (Add(), "a", "b")})
    >>> graph.inputs, graph.outputs, graph["a"]
    (('x', 'y'), ('sum',), Dense(4, 3))
    >>> graph.output_shape((4,), (4,)), graph.output_shape(x=(5, 4), y=(1, 4))
    ((3,), (5, 3))
    """

    _wiring: Wiring

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
        self._check_each(layers, [repr(name) for name in self._wiring.sources])
        return tuple(layers)

    def named(self) -> Iterator[tuple[str, Layer]]:
        return zip(self._wiring.sources, self.layers, strict=True)

    def __getitem__(self, index: Any) -> Any:
        if not isinstance(index, str):
            return self.layers[index]
        found = dict(self.named())
        if index not in found:
            raise KeyError(f"{self.who}: there is no layer {index!r} among {', '.join(found)}")
        return found[index]

    def wiring(self) -> Iterator[Part]:
        yield from map(Part, self.inputs)
        for name, value in self._wiring.constants.items():
            yield Part(name, value=value)
        for name, layer in self.named():
            yield Part(name, layer, self._wiring.sources[name], name in self.outputs, label=self._label(name))

    def _label(self, name: str) -> str:
        return ""

    def reads(self, name: str) -> tuple[str, ...]:
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
            input_shapes = tuple(self.entering(input_shapes, named).values())
        shapes = self._shapes(with_examples(self, input_shapes))
        outs = [without_examples(self, shapes[name]) for name in self.outputs]
        return outs[0] if len(outs) == 1 else tuple(outs)

    def entering(self, inputs: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
        if len(inputs) == 1 and not named and isinstance(inputs[0], Mapping):
            named, inputs = dict(inputs[0]), inputs[:0]
        given = dict(zip(self.inputs, inputs, strict=False))
        if len(inputs) > len(self.inputs) or given.keys() & named.keys() or {*given, *named} != {*self.inputs}:
            raise self._not_the_inputs(inputs, named)
        given |= named
        return {name: given[name] for name in self.inputs}

    def _not_the_inputs(self, inputs: tuple[Any, ...], named: Mapping[str, Any]) -> Exception:
        n = len(self.inputs)
        wanted = (
            f"{self.who}: forward must be given {n} input{'' if n == 1 else 's'}, {', '.join(map(str, self.inputs))}"
        )
        got = [f"{len(inputs)} by position"] if inputs or not named else []
        got += [f"{', '.join(map(str, named))} by name"] if named else []
        return TypeError(f"{wanted.removesuffix(', ')}, got {' and '.join(got)}")

    def _by_name(self, values: Sequence[Any]) -> dict[str, Any]:
        """Return the values of all places, inputs, constants and layers, by name."""
        return dict(zip(self._wiring.names, values, strict=True))

    # ---- in words ------------------------------------------------------------------------------------------------

    def _settings(self) -> Iterator[str]:
        for name, value in self._wiring.constants.items():
            yield f"{name}={in_words(value)}"
        for name, sources in self._wiring.sources.items():
            yield f"{name}=({', '.join(sources)})"
        yield f"outputs=({', '.join(self.outputs)})"

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

    def _each(self, dout: Any) -> Sequence[Any]:
        """Return the dout of each output."""
        _, shapes, *_ = self._cache
        n, number = len(shapes), len(shapes) == 1 and math.prod(shapes[0]) == 1
        if n == 1:
            if dout is None and not number:
                raise TypeError(
                    f"{self.who}: dout must hold real numbers, got dtype object; it may be left out where out is one "
                    f"number, and out has shape {shapes[0]}"
                )
            return [np.ones(shapes[0]) if dout is None else checks.array(self, "dout", dout)]
        if not isinstance(dout, tuple | list) or len(dout) != n or all(each is None for each in dout):
            got = (
                f"{len(dout)}, {[None if d is None else '...' for d in dout]}"
                if isinstance(dout, tuple | list)
                else type(dout).__name__
            )
            raise ValueError(
                f"{self.who}: dout must be a tuple of {n}, for {', '.join(self.outputs)}, with None for an output that "
                f"has no loss, but not for all, got {got}"
            )
        return dout

    def _predict_in_batches(self, inputs: dict[str, Any], batch_size: int) -> Any:
        batch_size = checks.whole(self.who, "batch_size", batch_size)
        examples: dict[str, Any] = {name: as_examples(value) for name, value in inputs.items()}
        for each in examples.values():
            if not isinstance(each, Padded):
                self._check_examples(each)
        lengths = {name: len(each) for name, each in examples.items()}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"{self.who}: the inputs must have the same length, got {lengths}")
        starts = range(0, next(iter(lengths.values())), batch_size)
        outs = [self.predict(*(each[i : i + batch_size] for each in examples.values())) for i in starts]
        return tuple(map(stacked, zip(*outs, strict=True))) if self.n_outs > 1 else stacked(outs)
