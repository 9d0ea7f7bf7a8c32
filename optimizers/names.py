"""Which arrays of a model are meant by a name, and where they lie in its vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from .blocks import Array


class Model(Protocol):
    """What is optimized: anything with two flat vectors of the same length."""

    @property
    def parameters(self) -> Array: ...

    @property
    def gradients(self) -> Array: ...


def check_model(who: Any, model: Any) -> None:
    """Raise unless this has the two vectors of a model, and is an object."""
    if isinstance(model, type) or not all(hasattr(model, name) for name in ("parameters", "gradients")):
        raise TypeError(f"{who!r}: model must have parameters and gradients, got {model!r:.80}")


def names(who: str, name: str, value: Sequence[str]) -> tuple[str, ...]:
    """Return value as a tuple of strings; raise if it is a single string, which is a tuple of letters to Python."""
    if isinstance(value, str):
        raise TypeError(f"{who}: {name} must be a tuple of names, got the string {value!r}")
    if isinstance(value, Mapping):
        raise TypeError(f"{who}: {name} must be a tuple of names, got a dict")
    try:
        found = tuple(value)
    except TypeError:
        raise TypeError(f"{who}: {name} must be a tuple of names, got {value!r}") from None
    if not all(isinstance(each, str) for each in found):
        raise TypeError(f"{who}: {name} must be a tuple of names, got {found!r}")
    return found


def resting(model: Any) -> tuple[str, ...]:
    """Return the full names of the arrays of a model that are at rest; none of a model that does not say."""
    return tuple(model.arrays_at_rest()) if hasattr(model, "arrays_at_rest") else ()


def fits(name: str, wanted: Sequence[str]) -> bool:
    """Whether an array's full name, such as "0.bias", is meant by "0.bias", by "bias" or by "0".

    Examples
    --------
    >>> fits("0.bias", ("bias",)), fits("10.bias", ("1",))
    (True, False)
    """
    return any(name == each or name.rsplit(".", 1)[-1] == each or name.startswith(f"{each}.") for each in wanted)


def runs(layout: Mapping[str, slice], without: Sequence[str], apart: Sequence[str]) -> list[tuple[slice, bool]]:
    """Return the stretches but those of `without`, each as long as it can be, and whether it is none of `apart`.

    Examples
    --------
    >>> layout = {"0.weights": slice(0, 6), "0.bias": slice(6, 8), "1.weights": slice(8, 9)}
    >>> runs(layout, ("bias",), ())
    [(slice(0, 6, None), True), (slice(8, 9, None), True)]
    >>> runs(layout, (), ("1",))
    [(slice(0, 8, None), True), (slice(8, 9, None), False)]
    """
    found: list[tuple[slice, bool]] = []
    for name, here in layout.items():
        if fits(name, without):
            continue
        together = not fits(name, apart)
        if found and found[-1] == (slice(found[-1][0].start, here.start), together):
            here = slice(found.pop()[0].start, here.stop)
        found.append((here, together))
    return found
