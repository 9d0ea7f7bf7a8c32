"""Layers made of layers: the storage of a whole network.

A container owns one vector of parameters and one of gradients, and moves each of its layers into a slice of them:

    parameters   [ 0.weights | 0.bias | 2.weights | 2.bias ]
                   layer 0 ----------   layer 2 ----------     (layer 1, a ReLU, has an empty slice)

Containers nest: the slice that an inner container is given is cut further by its own layers.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from . import checks
from .gate import N, with_examples
from .layer import Layer
from .noise import found
from .padded import Padded, stacked
from .storage import Array, Rng, Shape, dotted, native
from .table import LEFT, RIGHT, Table
from .trace import Part, Traced


class Container(Traced, Layer):
    """A layer made of layers, whose parameters are those of its layers, one after the other.

    Parameters
    ----------
    layers : sequence of Layer
        At least one. Each may be placed in one container only.
    dtype : floating dtype, default float64
        Of the parameters, whatever it was in the layers.

    Raises
    ------
    TypeError, ValueError
        If anything other than a layer is given, a layer twice, one that is placed already, or none.

    Examples
    --------
    A layer of one's own made of layers chains their methods as it likes:

    >>> class Doubled(Container):
    ...     def forward(self, x):
    ...         return 2 * self.layers[0].forward(x)
    ...     def backward(self, dout, input_gradient=True):
    ...         return self.layers[0].backward(2 * dout, input_gradient)
    >>> layer = Doubled([Dense(3, 2)])
    >>> list(layer.layout), check_gradients(layer, np.ones((4, 3))).largest < 1e-7
    (['0.weights', '0.bias'], True)
    """

    _arguments = frozenset()  # the layers cannot be exchanged
    knows_rest = True  # its forward is that of its layers

    def __init__(self, layers: Sequence[Layer], dtype: Any = np.float64) -> None:
        self._layers = self._checked(layers)
        dtype = checks.floating(type(self).__name__, dtype)
        super().__init__()
        self._gather(dtype)

    @property
    def resting(self) -> bool:  # type: ignore[override]  # as all the layers are, or not
        """Whether every layer inside is at rest."""
        return all(layer.resting for _, layer in self.named())

    @property
    def learns(self) -> bool:
        return any(layer.learns for _, layer in self.named())

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, in order. They cannot be exchanged: their memory is that of the container."""
        return self._layers

    def _checked(self, layers: Sequence[Layer]) -> tuple[Layer, ...]:
        self._check_each(layers)
        kind = type(self).__name__
        for i, layer in enumerate(layers):
            if layer.n_operands != 1:
                raise TypeError(
                    f"{kind}: layers must take one input, but {layer.title} at {i} takes {layer.n_operands}"
                )
        return tuple(layers)

    def _check_each(self, layers: Sequence[Layer], places: Sequence[object] = ()) -> None:
        """Check that these are layers, with one out each, whose memory can be that of this container.

        `places` are their names, if they have any, for the errors.
        """
        kind = type(self).__name__
        if not isinstance(layers, list | tuple):
            raise TypeError(f"{kind}: layers must be a list or tuple of layers, got {_described(layers)}")
        if not layers:
            raise ValueError(f"{kind}: layers must hold at least one layer, got none")
        before: set[int] = set()
        for place, layer in zip(places or range(len(layers)), layers, strict=True):
            if not isinstance(layer, Layer):
                raise TypeError(f"{kind}: layers must be Layer objects, got {_described(layer)} at {place}")
            if "parameters" not in layer.__dict__:
                raise TypeError(f"{kind}: {type(layer).__name__}.__init__ must call super().__init__()")
            if layer.n_outs != 1:
                raise TypeError(f"{kind}: layers must give one out, but {layer.title} at {place} gives {layer.n_outs}")
            for name in hidden(layer):
                raise TypeError(
                    f"{kind}: {layer.title} at {place} must be a Container, since the layer in its {name!r} has "
                    "parameters; they would not be learned"
                )
            if id(layer) in before or layer.holder:
                where = layer.holder or f"this {kind}"
                raise ValueError(
                    f"{kind}: each layer must be placed once, but {layer.title} at {place} is already in {where}; "
                    "make a second layer, or use copy.deepcopy(layer)"
                )
            before.add(id(layer))

    def named(self) -> Iterator[tuple[str, Layer]]:
        """Yield (name, layer) of all that lives in this container: its layers by their numbers."""
        for i, layer in enumerate(self.layers):
            yield str(i), layer

    def wiring(self) -> Iterator[Part]:
        yield from map(Part, self.input_names())
        for name, layer in self.named():
            yield Part(name, layer)

    def inside(self, *input_shapes: Shape) -> Iterator[tuple[str, Layer, tuple[Shape, ...]]]:
        """Yield (name, layer, shapes of its inputs) of all that lives in here, N included; none where not known."""
        for name, layer in self.named():
            yield name, layer, ()

    def reads(self, name: str) -> tuple[str, ...]:
        """Return what a layer reads, by name, where a summary has to say it: not in a chain."""
        return ()

    def _gather(self, dtype: np.dtype[Any]) -> None:
        """Make the two vectors of all the layers and move each layer into its slices."""
        size = sum(layer.parameters.size for _, layer in self.named())
        self.move(np.empty(size, dtype), np.empty(size, dtype))
        for name, layer in self.named():
            layer.settle(f"a {type(self).__name__}, as layer {name}", name)
            layer.__dict__["_outer"] = weakref.ref(self)

    def settle(self, holder: str | None, path: str | None) -> None:
        super().settle(holder, path)
        for name, layer in self.named():
            layer.settle(layer.holder, dotted(path or "", name))

    def move(self, parameters: Array, gradients: Array) -> None:
        self._link(parameters, gradients)
        start = 0
        for outer, layer in self.named():
            here = slice(start, start + layer.parameters.size)
            layer.move(parameters[here], gradients[here])
            for name, part in layer.layout.items():
                self.layout[dotted(outer, name)] = slice(start + part.start, start + part.stop)
            start = here.stop

    def kinds(self, prefix: str = "") -> Iterator[tuple[str, str]]:
        yield from super().kinds(prefix)
        for name, layer in self.named():
            yield from layer.kinds(dotted(prefix, name))

    def _setting(self, name: str) -> Any:
        value = super()._setting(name)
        # The layers inside speak for themselves.
        inside = value if isinstance(value, list | tuple) else [value]
        return ... if any(isinstance(each, Layer) for each in inside) else value

    def leaves(self, prefix: str = "") -> Iterator[tuple[str, Layer]]:
        for name, layer in self.named():
            yield from layer.leaves(dotted(prefix, name))

    def members(self, prefix: str = "") -> Iterator[tuple[str, Layer]]:
        yield prefix, self
        for name, layer in self.named():
            yield from layer.members(dotted(prefix, name))

    def _at_the_door(self, x: Any) -> Array:
        """Return x in the dtype of this container, integers as they are."""
        if type(x) is not np.ndarray:
            x = checks.array(self, "x", x)
        if x.dtype == self._dtype:
            return native(x)
        return x.astype(self._dtype, order="C") if x.dtype.kind == "f" else native(x)

    def forget(self) -> None:
        super().forget()
        for _, layer in self.named():
            layer.forget()

    def initialize(self, rng: Rng = None) -> None:
        rng = checks.generator(self, rng)
        for _, layer in self.named():
            layer.initialize(rng)

    def predict(self, x: Any, batch_size: int | None = None, *, lengths: Any = None, state: Any = None) -> Any:
        """Return out, the inference pass; with a batch_size, that many examples at a time, in bounded memory."""
        if batch_size is None:
            handed = {"lengths": lengths, "state": state}  # which a Relay takes, see there
            return super().predict(x, **{name: value for name, value in handed.items() if value is not None})
        if lengths is not None or state is not None:
            raise TypeError(f"{self.who}: with a batch_size x must be a Padded, which has its lengths, without a state")
        batch_size = checks.whole(self.who, "batch_size", batch_size)
        if not isinstance(x, Padded):
            x = self._check_examples(checks.array(self, "x", x))
        return stacked([self.predict(x[i : i + batch_size]) for i in range(0, len(x), batch_size)])

    def inner_twin(self) -> Any:
        twin = super().inner_twin()
        if type(self).predict is Container.predict:
            del twin.__dict__["forward"]  # predict is forward by a twin, and this is one
        return twin

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state["parameters"] = state["gradients"] = np.empty(0, self._dtype)  # the layers carry the values
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._gather(self._dtype)

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, index: Any) -> Any:
        return self.layers[index]

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def summary(self, *input_shapes: Shape) -> Table:
        """Return a table of the layers, the shapes of their outputs and the numbers of their parameters.

        It is a text, and a table in a notebook.

        `input_shapes` has the shape of one example, without N, for each input. A row of a container counts the layers
        inside it, which follow, indented.
        """
        if not input_shapes:
            n = self.n_operands
            wanted = "the shape of one example" if n == 1 else f"{n} shapes, those of one example"
            raise TypeError(f"{self.who}: summary must be given {wanted}, such as summary((64,)), got nothing")
        shapes = with_examples(self, input_shapes)
        names = (part.name for part in self.wiring())
        rows = [
            ("", "layer", "from", "output shape", "parameters"),
            *(("", name, "", _in_words(shape), "") for name, shape in zip(names, shapes, strict=False)),
            *_rows(self, shapes),
            ("", "total", "", "", f"{self.parameters.size:,}"),
        ]
        if not any(row[2] for row in rows[1:]):
            rows = [(*row[:2], *row[3:]) for row in rows]  # a chain, where each reads the one before
        return Table(rows, [*[LEFT] * (len(rows[0]) - 1), RIGHT])

    @property
    def title(self) -> str:
        n = len(self.layers)
        return f"{type(self).__name__} of {n} layer{'' if n == 1 else 's'}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({listed(self.layers)})"


def listed(layers: Sequence[Layer]) -> str:
    """Return layers as one would type their list, one on each line."""
    return "\n".join(["[", *(f"    {layer!r},".replace("\n", "\n    ") for layer in layers), "]"])


def hidden(layer: Layer) -> Iterator[str]:
    """Yield the attributes of a layer with layers in them that have parameters and are placed nowhere.

    They may be in lists, tuples, sets and dicts, one in the other, or in a function that was made around them.
    """
    placed = [each for _, each in layer.members()]
    for path, inner in found(vars(layer), Layer, passed=placed):
        if inner.parameters.size and inner.holder is None:
            yield path.partition(".")[0]


def _described(thing: Any) -> str:
    return f"the class {thing.__name__}" if isinstance(thing, type) else type(thing).__name__


def _rows(container: Container, input_shapes: Sequence[Shape], prefix: str = "") -> Iterator[tuple[str, ...]]:
    """Yield the rows of a summary for the layers inside; without shapes, where the container does not tell them."""
    indent = "  " * prefix.count(".")
    for name, layer, shapes in container.inside(*input_shapes):
        out = _in_words(layer.shape_of_out(*shapes)) if shapes else ""
        sources = ", ".join(container.reads(name))
        title = f"{layer.title}, at rest" if layer.resting else layer.title
        yield f"{prefix}{name}", indent + title, sources, out, f"{layer.parameters.size:,}"
        if isinstance(layer, Container):
            yield from _rows(layer, shapes, f"{prefix}{name}.")


def _in_words(shape: Shape) -> str:
    return f"({', '.join('N' if n == N else str(n) for n in shape)})"
