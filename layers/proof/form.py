"""What the contract asks of a layer besides right numbers, each with the words that say what to write."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from ..contract import Array, Container, Layer, hidden
from .gradient_report import GradientError


def check_is_one(layer: Any) -> None:
    """Check that this is a layer or a loss, and an object, made by an `__init__` that did its part."""
    if isinstance(layer, type):
        raise TypeError(f"check_gradients: layer must be an object, got the class {layer.__name__}: write its ()")
    if not isinstance(layer, Layer) and not (hasattr(layer, "forward") and hasattr(layer, "backward")):
        raise TypeError(f"check_gradients: layer must have forward and backward, got {type(layer).__name__}")
    if isinstance(layer, Layer) and "parameters" not in vars(layer):
        raise TypeError(f"check_gradients: {type(layer).__name__}.__init__ must call super().__init__()")


def _all_inside(layer: Layer) -> Iterator[Layer]:
    """Yield the layer and, of a container, all that is inside it."""
    yield layer
    if isinstance(layer, Container):
        for _, inner in layer.named():
            yield from _all_inside(inner)


def check_hidden(layer: Layer) -> None:
    """Check that no layer with parameters is where nothing looks for it."""
    for each in _all_inside(layer):
        for name in hidden(each):
            raise GradientError(
                f"{each.who}: must be a Container, since the layer in its {name!r} has parameters; they would not be "
                "checked or learned, and stay in the dtype that they have"
            )


def arrays_not_declared(layer: Layer) -> dict[tuple[int, str], Array]:
    """Return the floating arrays of a layer and of those inside that it did not declare, before it has run."""
    found = {}
    for i, each in enumerate(_all_inside(layer)):
        known = {"parameters", "gradients", *each.shapes, *(f"d{name}" for name in each.shapes), *each.buffers}
        for name, value in vars(each).items():
            if isinstance(value, np.ndarray) and value.dtype.kind == "f" and name not in known:
                found[i, name] = value
    return found


def check_declared(layer: Any, suspects: dict[tuple[int, str], Array]) -> None:
    """Check that none of these arrays is still there, with a gradient beside it: weights that nothing would learn."""
    if not suspects:
        return
    inside = list(_all_inside(layer))
    for (i, name), before in suspects.items():
        now = vars(inside[i])
        if now.get(name) is before and f"d{name}" in now and np.shape(now[f"d{name}"]) == before.shape:
            raise GradientError(
                f"{inside[i].who}: {name} must be declared, super().__init__({name}={before.shape}), since there is a "
                f"d{name}; as it is, nothing checks or learns it"
            )


def who_remembers(layer: Layer) -> list[str]:
    """Return the names of the layers that remember something for backward."""
    return [each.who for each in _all_inside(layer) if vars(each).get("_cache") is not None]


def why_not_recalled(layer: Layer, remembering: list[str], error: RuntimeError) -> str:
    """Return why a backward found nothing to recall, although forward ran; raise what is another error."""
    who, found, _ = str(error).partition(": backward() needs a forward() before it")
    if not found:
        raise error
    if who in remembering:
        return f"{who}: backward must call self._recall() once and keep what it returns, but it came again"
    return f"{who}: forward must set self._cache, which backward recalls; it ran and did not"


def check_input_gradient(
    layer: Layer, run: Callable[[], Any], expected: Iterable[tuple[str, Array, Array, Array]], n_terms: int
) -> None:
    """Check that backward leaves out dx when it is told so, and sets the same gradients.

    They may be added up in another order: the difference is held to the rounding of each number. `run` is
    backward(dout, input_gradient=False) after forward; `expected` has the name of each gradient, its values, their
    rounding and the memory in which they are to be.
    """
    accepted = inspect.signature(layer.backward).parameters.values()
    if not any(p.name == "input_gradient" or p.kind is p.VAR_KEYWORD for p in accepted):
        raise GradientError(
            f"{layer.who}: backward of a layer with parameters must take input_gradient: write "
            "`def backward(self, dout, input_gradient=True)` and `return dx if input_gradient else None`"
        )
    layer.gradients[...] = np.nan
    start = f"{layer.who}: backward(dout, input_gradient=False) must"
    if run() is not None:
        raise GradientError(f"{start} return None, got an array: write `return dx if input_gradient else None`")
    for name, values, rounding, memory in expected:
        allowed = 1e-12 * np.abs(values) + 10 * (1 + np.sqrt(n_terms)) * rounding
        differ = ~(np.abs(memory - values) <= allowed)
        if differ.any():
            at = tuple(int(i) for i in np.argwhere(differ)[0])
            raise GradientError(
                f"{start} set the same gradients, but d{name} at {list(at)} is {memory[at]:.9g} instead of "
                f"{values[at]:.9g}"
            )
