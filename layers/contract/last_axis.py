"""The last axis along a chain: what each layer must be given, as far as it tells, against what the ones before it give.

A container asks this when it is made, before there is any x. What cannot be known is not guessed: a layer that does not
tell what its last axis becomes ends the look, and the next one that tells begins another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

PACKAGE = __name__.partition(".")[0]


class End(NamedTuple):
    """What is known of the shape that comes out of a layer.

    Attributes
    ----------
    size : int or None
        Of the last axis, if it is known.
    grid : bool
        Whether there surely are axes between N and the last one, as in images: then a `Flatten` may be what is missing,
        which forward can tell with all the numbers.
    giver : str
        The layer of which the size is.
    """

    size: int | None = None
    grid: bool = False
    giver: str = ""


UNKNOWN = End()


def follow(layers: Sequence[Any], kind: str, end: End = UNKNOWN, prefix: str = "") -> End:
    """Return the end of a chain of layers, given what comes into it.

    Raises ValueError, in the name of the `kind` of container, where a layer must be given another last axis.

    Examples
    --------
    >>> follow([Dense(2, 3), ReLU()], "Sequential")
    End(size=3, grid=False, giver='Dense(2, 3) at 0')
    >>> follow([Dense(2, 3), ReLU(), Dense(4, 5)], "Sequential")
    Traceback (most recent call last):
        ...
    ValueError: Sequential: Dense(4, 5) at 2 must be given (N, ..., 4), got (N, ..., 3) from Dense(2, 3) at 0
    """
    for i, layer in enumerate(layers):
        end = layer.end_after(end, kind, f"{prefix}{i}") if _tells(layer) else UNKNOWN
    return end


def passed(layer: Any, end: End, kind: str, place: str) -> End:
    """Return the end after one layer by its `last_axis`, given the one before."""
    takes, gives = (None if name is None else getattr(layer, name) for name in layer.last_axis or (None, None))
    mine = f"{layer.title} at {place}"
    if takes is not None and end.size not in (None, takes):
        if end.grid and takes % end.size == 0:
            return UNKNOWN
        raise ValueError(f"{kind}: {mine} must be given (N, ..., {takes}), got (N, ..., {end.size}) from {end.giver}")
    size, giver = (end.size, end.giver) if gives is None else (gives, mine)
    if size is None and takes is not None:
        size, giver = takes, mine  # it gives what it is given, and that is known now
    return End(size, end.grid if layer.grid is None else layer.grid, giver)


def _tells(layer: Any) -> bool:
    """Return whether what a class tells is of the forward that it has: of another one's nobody knows what it gives."""
    kind = type(layer)
    told, forward = (next(each for each in kind.__mro__ if name in vars(each)) for name in ("last_axis", "forward"))
    ours = forward.__module__.partition(".")[0] == PACKAGE
    return "forward" not in vars(layer) and (ours or issubclass(told, forward))
