"""Rows of unequal length on their way through a graph: which values have lengths, and what a layer is told of them.

input    Padded(x, lengths)    opened at the door, zeros put into the padding; lengths go along with it
layer    of one input          is handed the lengths where it takes them; its out has its `output_lengths`
gate     of several inputs     those that have lengths must have the same ones, and so has its out
output                         a Padded again, where lengths have come so far; its dout has zeros in the padding
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .contract import Array, Layer, Padded, check_steps, without_padding
from .named import Named


class Lengths:
    """The lengths of the values of one pass, by their places: known before any layer works, None where there are none.

    Parameters
    ----------
    entering : list of (array or None)
        Those of the values that are there at the beginning; as long as the list of all values.
    steps : iterable of (layer, sources, place)
        The layers, in order, with the places of what they read, and of their out.

    Raises
    ------
    TypeError, ValueError
        If a layer cannot say what becomes of them, or its inputs have other ones each.
    """

    def __init__(self, entering: Sequence[Array | None], steps: Iterable[tuple[Layer, Sequence[int], int]]) -> None:
        self.known = list(entering)
        for layer, sources, place in steps:
            given = [self.known[i] for i in sources]
            if any(each is not None for each in given):
                self.known[place] = layer.lengths_of_out(*given)

    def call(self, layer: Layer, method: Callable[..., Any], values: Sequence[Any], sources: Sequence[int]) -> Any:
        """Return what the method of a layer gives for the values that it reads, told of their lengths."""
        own = [self.known[i] for i in sources]
        if len(sources) == 1 and own[0] is not None and layer.takes_lengths:
            return method(values[sources[0]], lengths=own[0])
        if layer.takes_padded:
            pairs = zip(sources, own, strict=True)
            out = method(*[values[i] if each is None else Padded(values[i], each) for i, each in pairs])
            return out.x if isinstance(out, Padded) else out
        return method(*[values[i] for i in sources])

    def closed(self, value: Any, place: int) -> Any:
        """Return an out as a Padded, where it has lengths."""
        lengths = self.known[place]
        return value if lengths is None else Padded(getattr(value, "x", value), lengths)

    def zeroed(self, dout: Array, place: int) -> Array:
        """Return a dout with zeros in the padding of its out."""
        lengths = self.known[place]
        return dout[()] if lengths is None else without_padding(dout, lengths)


class Padding(Named):
    """The part of a graph that opens what is padded, and tells its layers of the lengths."""

    _start: tuple[Any, ...]
    _steps: tuple[Any, ...]
    _exits: tuple[int, ...]

    @property
    def _casts(self) -> bool:
        """Whether values are cast at the door: where there are parameters, or other layers around it."""
        return bool(self.parameters.size) or self.holder is not None

    def _opened(self, values: list[Any]) -> Lengths | None:
        """Put what is in each Padded in its place; return the lengths of all values, None where there is none."""
        if Padded not in map(type, values[: len(self.inputs)]):  # as nearly always, at next to no cost
            return None
        known: list[Array | None] = [None] * len(values)
        for i, value in enumerate(values[: len(self.inputs)]):
            if isinstance(value, Padded):
                x = check_steps(self.who, self._at_the_door(value.x) if self._casts else value.x)
                values[i], known[i] = without_padding(x, value.lengths), value.lengths
        return self._lengths(known)

    def _lengths(self, known: Sequence[Array | None]) -> Lengths:
        pairs = zip(self.layers, self._steps, strict=True)
        return Lengths(known, [(layer, sources, place) for layer, (sources, place, *_) in pairs])

    def output_lengths(self, lengths: Array) -> Array | None:
        if len(self.inputs) != 1 or len(self._exits) != 1:
            return super().output_lengths(lengths)
        return self._lengths([lengths, *[None] * (len(self._start) - 1)]).known[self._exits[0]]

    def lengths_of_out(self, *lengths: Array | None) -> Array | None:
        if len(self._exits) != 1:
            return super().lengths_of_out(*lengths)
        return self._lengths([*lengths, *[None] * (len(self._start) - len(lengths))]).known[self._exits[0]]

    @property
    def takes_padded(self) -> bool:  # type: ignore[override]
        """Whether it is a gate, and opens what is padded itself."""
        return len(self.inputs) > 1

    @property
    def takes_lengths(self) -> bool:  # type: ignore[override]
        """Whether it is a layer of a chain, and hands lengths to its layers."""
        return len(self.inputs) == 1

    def _in_a_chain(self, method: Callable[..., Any], inputs: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Return what a method gives for x and lengths, as a chain hands them to its layers: out without them."""
        (x,), lengths = inputs, named["lengths"]
        out = method(x if lengths is None else Padded(x, lengths))
        return out.x if isinstance(out, Padded) else out
