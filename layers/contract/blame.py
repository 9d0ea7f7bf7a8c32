"""Whose mistake it is: an error that comes up in one layer, but was made by the one before it, or speaks of nobody."""

from __future__ import annotations

from typing import Any, NoReturn

# What NumPy raises where arrays do not fit. Whatever else comes up is the business of whoever raised it.
PLAIN = (ValueError, TypeError, IndexError)


def blame(error: Exception, layer: Any, method: str, given: Any, giver: Any = None) -> None:
    """Raise a clearer error, if there is one: of the layer that gave None, or of the place where it came up.

    `given` is what the method of the layer was called with, which `giver`, another layer, had returned. Nothing is
    raised where the error names its layer already.

    Examples
    --------
    >>> class Cut(Layer):
    ...     def forward(self, x):
    ...         return x @ np.ones((3, 3))
    >>> Sequential([Dense(2, 4), Cut()], rng=0).forward(np.ones((5, 2)))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    ValueError: Cut(), layer 1: forward: matmul: Input operand 1 has a mismatch in its core dimension 0, ...
    """
    if given is None and giver is not None:
        returned_nothing(giver, method, error)
    method = _written(layer, method)
    kind = next((kind for kind in PLAIN if isinstance(error, kind)), None)
    if kind is None or not (type(error) is kind or type(error).__module__.startswith("numpy")):
        return
    text = str(error)
    names = {name for _, each in layer.members() for name in (each.who, type(each).__name__)}
    if not any(text.startswith(name) for name in names):
        raise kind(f"{layer.who}: {method}: {text}") from error
    if method == "backward" and giver is not None and text.startswith(f"{layer.who}: dout must "):
        raise type(error)(f"{text}; it is what backward of {giver.who} returned") from error


def returned_nothing(layer: Any, method: str, error: Exception | None = None) -> NoReturn:
    """Raise the error of a layer whose method has no return.

    Examples
    --------
    >>> from layers.contract.blame import returned_nothing
    >>> returned_nothing(Tanh(), "forward")
    Traceback (most recent call last):
        ...
    TypeError: Tanh(): forward must return out, got None; is a return missing?
    """
    method = _written(layer, method)
    what = "dx" if method == "backward" else "out"
    raise TypeError(f"{layer.who}: {method} must return {what}, got None; is a return missing?") from error


def _written(layer: Any, method: str) -> str:
    """Return the method that somebody wrote: where predict is forward by a twin, forward."""
    generic = type(layer).predict.__qualname__ in ("Layer.predict", "Container.predict")
    return "forward" if method == "predict" and generic else method
