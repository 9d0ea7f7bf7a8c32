"""Containers through which lengths and states pass: what they hand to their layers, and collect from them.

    x  = Padded(x, lengths)     opened at the door, zeros put into the padding
    lengths                     handed to each layer that takes them; after it they are its `output_lengths`
    state                       a tuple of one entry for each layer, None for a layer without memory, again a tuple
                                for a container; in a Residual or a Concatenate one entry for each branch

There is no memory between calls: what a pass shall begin with is given to it, and where it ended is `state`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .container import Container
from .layer import Layer
from .padded import Padded, check_lengths, check_steps, without_padding
from .storage import Array


class Relay(Container):
    """A container that hands lengths and states on, and has both collected from its layers."""

    takes_lengths = True
    _out_lengths: Array | None = None  # of the last forward, where rows of its out have padding

    @property
    def takes_state(self) -> bool:  # type: ignore[override]  # as one of its layers does, or none
        """Whether there is a layer with memory in here."""
        return any(layer.takes_state for layer in self._layers)

    @property
    def state(self) -> tuple[Any, ...]:
        """The state in which the last forward left each layer, None for a layer without memory."""
        return self._collected("state")

    @property
    def dstate(self) -> tuple[Any, ...]:
        """The gradients of the states that the last forward began with, as the last backward left them."""
        return self._collected("dstate")

    def _collected(self, name: str) -> tuple[Any, ...]:
        return tuple(getattr(layer, name) if layer.takes_state else None for layer in self._layers)

    def _entries(self, name: str, state: Any) -> tuple[Any, ...]:
        """Return a state of this container as a tuple of one entry for each layer."""
        n = len(self._layers)
        if state is None:
            return (None,) * n
        if not isinstance(state, tuple | list):
            raise TypeError(f"{self.who}: {name} must be a tuple, one entry for each layer, got {type(state).__name__}")
        if len(state) != n:
            raise ValueError(f"{self.who}: {name} must have {n} entries, one for each layer, got {len(state)}")
        return tuple(state)

    def _options(self, name: str, state: Any) -> list[dict[str, Any]]:
        """Return what to hand to each layer: its entry of the state, under this name, where it has one."""
        if state is None:  # as nearly always: at no cost
            return [{}] * len(self._layers)
        entries = [None if _is_empty(own) else own for own in self._entries(name, state)]
        for layer, own in zip(self._layers, entries, strict=True):
            if own is not None and not layer.takes_state:
                kind = type(own).__name__
                raise TypeError(f"{layer.who}: {name} must be None, since this layer has no memory, got {kind}")
        return [{} if own is None else {name: own} for own in entries]

    def _opened(self, method: Callable[..., Any], x: Padded, lengths: Any, state: Any) -> Any:
        """Return what a method gives for a Padded: one again, as long as there are steps in its out."""
        if lengths is not None:
            raise TypeError(f"{self.who}: lengths must be None where x is a Padded, which has its own")
        given = method(x.x, lengths=x.lengths, state=state)
        after = self.output_lengths(x.lengths)
        if after is None:
            return given
        return (Padded(given[0], after), given[1]) if isinstance(given, tuple) else Padded(given, after)

    def _at_the_door_of_steps(self, x: Any, lengths: Any) -> tuple[Array, Array]:
        """Return x as any container takes it, with zeros in the padding, and the lengths, checked."""
        x = check_steps(self.who, self._at_the_door(x))
        lengths = check_lengths(self.who, lengths, *x.shape[:2])
        self.output_lengths(lengths)  # which raises where a layer cannot say: before any of them has worked
        return without_padding(x, lengths), lengths

    def _end_with(self, lengths: Any) -> None:
        """Note which lengths out has, given those of x, for the way back."""
        if lengths is not None:
            self._out_lengths = self.output_lengths(np.asarray(lengths))
        elif self._out_lengths is not None:
            self._out_lengths = None

    def _dout_at_the_door(self, dout: Any) -> Any:
        """Return dout as any container takes it, with zeros in the padding of out."""
        dout, lengths = self._at_the_door(dout), self._out_lengths
        if lengths is None or dout.ndim < 2 or len(dout) != len(lengths):
            return dout
        return without_padding(dout, lengths)


def _is_empty(state: Any) -> bool:
    """Return whether there is no memory in a state: of a container without any, `advance` gives (None, None)."""
    return state is None or (isinstance(state, tuple | list) and all(_is_empty(entry) for entry in state))


def through(layers: Iterable[Layer], lengths: Array | None) -> list[dict[str, Any]]:
    """Return the lengths to hand to each layer of a chain, as an option where it takes them."""
    handed = []
    for layer in layers:
        handed.append({"lengths": lengths} if lengths is not None and layer.takes_lengths else {})
        lengths = None if lengths is None else layer.output_lengths(lengths)
    return handed
