"""What flows through a container, as plain data: the records that pictures draw, and a trace of one pass.

A container says in `wiring` what its parts are and where each gets its inputs from. A trace runs a copy in which every
layer notes what comes by, forward and backward, so that nothing about the container itself changes.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from .drawn import Drawn
from .gate import Gate
from .layer import Layer
from .padded import Padded
from .storage import dotted
from .typed import in_words


class Part(NamedTuple):
    """A part of a container: an input, a constant, a layer, or the place where branches join."""

    name: str
    layer: Layer | None = None
    sources: tuple[str, ...] = ()
    output: bool = False
    value: Any = None  # of a constant
    label: str = ""  # the text of a formula that it computes
    join: tuple[str, str] | None = None  # sign and operation of a join, which is no layer of its own


class Passage:
    """What one layer was given and gave, on the way forth and on the way back."""

    inputs: tuple[Any, ...] = ()
    out: Any = None
    dout: Any = None
    dinputs: tuple[Any, ...] = ()


class Traced(Drawn, Layer):
    """A layer whose parts can be watched and drawn."""

    def wiring(self) -> Iterator[Part]:
        """Yield the parts: inputs first, each layer after those it reads."""
        raise NotImplementedError

    def records(self) -> list[dict[str, Any]]:
        """Return what there is to draw, one plain dict for each part, in order: inputs first.

        A record holds name, sign, kind ("input", "constant", "gate", "layer" or "container"), label, sources (names),
        shape, value, gradient, output, parameters (their number), inside (records of a container) and operation (the
        name of the class). Values are there where a Graph kept them, or a `trace` saw them, and None otherwise.
        """
        return _records(self, {}, {}, "")

    def trace(self, /, *inputs: Any, dout: Any = None, **named: Any) -> Trace:
        """Return the value and the gradient of every part, from one training pass of a copy, forth and back.

        The layer itself is not touched: no gradient, no running mean, no stream of random numbers.

        Parameters
        ----------
        *inputs, **named
            As `forward` takes them.
        dout : array, optional
            As `backward` takes it. Left out, it is 1 for every number of out: the gradients are those of out.sum().

        Examples
        --------
        >>> trace = Sequential([Dense(2, 1, initializer=constant(1.0)), ReLU()]).trace(np.array([[2.0, 3.0]]))
        >>> trace.values["0"], trace.gradients["x"]
        (array([[5.]], dtype=float32), array([[1., 1.]], dtype=float32))
        """
        if dout is not None and any(part.name == "dout" and part.layer is None for part in self.wiring()):
            named, dout = {**named, "dout": dout}, None  # it is one of the inputs
        return _traced(self, inputs, named, dout)

    def entering(self, inputs: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
        """Return the inputs by name, given as `forward` takes them."""
        _, *bound = inspect.signature(type(self).forward).bind(self, *inputs, **named).arguments.items()
        return dict(bound)

    def input_names(self) -> list[str]:
        """Return the names of the inputs, as `forward` has them."""
        return list(inspect.signature(type(self).forward).parameters)[1:]


class Trace:
    """The values and gradients of one pass through a container, by the names of its parts.

    Attributes
    ----------
    values, gradients : dict of str to array
        Of inputs, constants and layers; "2.0" is the first layer inside layer 2. The gradient is that of the loss with
        respect to the value, the sum of all that read it. What has none, such as an integer, is not in `gradients`.

    Examples
    --------
    >>> circuit = Graph({"q": (Add(), "x", "y"), "f": (Multiply(), "q", "z")})
    >>> trace = circuit.trace(x=-2.0, y=5.0, z=-4.0)
    >>> {name: float(value) for name, value in trace.values.items()}
    {'x': -2.0, 'y': 5.0, 'z': -4.0, 'q': 3.0, 'f': -12.0}
    >>> {name: float(gradient) for name, gradient in trace.gradients.items()}
    {'x': -4.0, 'y': -4.0, 'z': 3.0, 'q': -4.0, 'f': 1.0}
    """

    def __init__(self, container: Traced, values: dict[str, Any], gradients: dict[str, Any]) -> None:
        values, gradients = ({name: _number(v) for name, v in all_.items()} for all_ in (values, gradients))
        self._container, self._all_values, self._all_gradients = container, values, gradients
        names = list(_names(container, ""))
        self.values = {name: values[name] for name in names if values.get(name) is not None}
        self.gradients = {name: gradients[name] for name in names if gradients.get(name) is not None}

    def records(self) -> list[dict[str, Any]]:
        """Return the records of the container, see there, with these values and gradients."""
        return _records(self._container, self._all_values, self._all_gradients, "")


def _number(value: Any) -> Any:
    """Return an array without axes as a number."""
    return value[()] if isinstance(value, np.ndarray) and not value.ndim else value


def each_input(dinputs: Any) -> tuple[Any, ...]:
    """Return what backward returned as a tuple, one gradient for each input in order.

    Examples
    --------
    >>> each_input(1.0), each_input((1.0, 2.0)), each_input({"x": 1.0, "y": 2.0})
    ((1.0,), (1.0, 2.0), (1.0, 2.0))
    """
    if isinstance(dinputs, dict):
        return tuple(dinputs.values())
    return dinputs if isinstance(dinputs, tuple) else (dinputs,)


def _traced(container: Traced, inputs: tuple[Any, ...], named: dict[str, Any], dout: Any) -> Trace:
    model, seen = copy.deepcopy(container), {"": Passage()}
    _watch(model, "", seen)
    whole = seen[""]
    out = whole.out = model.forward(*inputs, **named)
    if dout is None:
        dout = tuple(map(_ones, out)) if isinstance(out, tuple) else _ones(out)
    whole.dout = dout
    entering = container.entering(inputs, named)
    whole.inputs, whole.dinputs = tuple(entering.values()), each_input(model.backward(dout))
    values: dict[str, Any] = {}
    gradients: dict[str, Any] = {}
    _collect(model, "", seen, values, gradients)
    return Trace(container, values, gradients)


def _ones(out: Any) -> Any:
    return np.ones_like(out.x if isinstance(out, Padded) else out)


def _watch(container: Traced, prefix: str, seen: dict[str, Passage]) -> None:
    """Let every layer inside note what it is given and gives."""
    for part in container.wiring():
        if part.layer is not None:
            name = dotted(prefix, part.name)
            seen[name] = Passage()
            layer: Any = part.layer
            layer.forward = _noting_forward(seen[name], layer.forward)
            layer.backward = _noting_backward(seen[name], layer.backward)
            if isinstance(layer, Traced):
                _watch(layer, name, seen)


def _noting_forward(passage: Passage, forward: Callable[..., Any]) -> Callable[..., Any]:
    def noted(*inputs: Any, **options: Any) -> Any:
        passage.inputs = inputs
        passage.out = forward(*inputs, **options)
        return passage.out

    return noted


def _noting_backward(passage: Passage, backward: Callable[..., Any]) -> Callable[..., Any]:
    def noted(dout: Any, *arguments: Any, **options: Any) -> Any:
        passage.dout = dout
        dinputs = backward(dout, *arguments, **options)
        passage.dinputs = each_input(dinputs)
        return dinputs

    return noted


def _collect(
    container: Traced, prefix: str, seen: dict[str, Passage], values: dict[str, Any], gradients: dict[str, Any]
) -> None:
    """Put the value and the gradient of every part under its full name."""
    whole, parts = seen[prefix], list(container.wiring())
    entering = iter(zip(whole.inputs, (*whole.dinputs, *[None] * len(whole.inputs)), strict=False))
    for part in parts:
        name = dotted(prefix, part.name)
        if part.layer is not None:
            values[name], gradients[name] = seen[name].out, seen[name].dout
            if isinstance(part.layer, Traced):
                _collect(part.layer, name, seen, values, gradients)
        elif part.join is not None:
            values[name], gradients[name] = whole.out, whole.dout
        elif part.value is not None:
            values[name], gradients[name] = part.value, _of_a_constant(part.name, parts, prefix, seen)
        else:
            values[name], gradients[name] = next(entering, (None, None))


def _of_a_constant(name: str, parts: list[Part], prefix: str, seen: dict[str, Passage]) -> Any:
    """Return the gradient of a constant, which nobody asks for but a drawing: the sum of all that read it."""
    total = None
    for part in (part for part in parts if part.layer is not None):
        for source, dx in zip(part.sources, seen[dotted(prefix, part.name)].dinputs, strict=False):
            if source == name and dx is not None:
                total = dx if total is None else total + dx
    return total


def _names(container: Traced, prefix: str) -> Iterator[str]:
    """Yield the full names of all parts, but for the inputs of what is inside, which are those of other parts."""
    for part in container.wiring():
        name = dotted(prefix, part.name)
        if part.layer is not None or part.join or part.value is not None or not prefix:
            yield name
        if isinstance(part.layer, Traced):
            yield from _names(part.layer, name)


def _records(container: Traced, values: dict[str, Any], gradients: dict[str, Any], prefix: str) -> list[dict[str, Any]]:
    found = []
    for part in container.wiring():
        name, layer = dotted(prefix, part.name), part.layer
        value = part.value if part.value is not None else values.get(name)
        sign, kind, operation = _described(part)
        found.append(
            {
                "name": part.name,
                "sign": sign,
                "kind": kind,
                "label": part.label,
                "sources": part.sources,
                "shape": None if value is None else np.shape(value),
                "value": value,
                "gradient": gradients.get(name),
                "output": part.output,
                "parameters": 0 if layer is None else int(layer.parameters.size),
                "inside": _records(layer, values, gradients, name) if isinstance(layer, Traced) else None,
                "operation": operation,
            }
        )
    return found


def _described(part: Part) -> tuple[str, str, str]:
    """Return the sign, the kind and the operation of a part."""
    layer = part.layer
    if part.join is not None:
        return part.join[0], "gate", part.join[1]
    if layer is None:
        if part.value is None:
            return part.name, "input", ""
        return in_words(part.value) if np.size(part.value) == 1 else str(np.shape(part.value)), "constant", ""
    if isinstance(layer, Gate):
        return layer.sign or layer.title, "gate", layer.operation
    return layer.title, "container" if isinstance(layer, Traced) else "layer", type(layer).__name__
