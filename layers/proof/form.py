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


def check_is_loss(loss: Any) -> None:
    """Check that this is a loss, and an object, or None."""
    if isinstance(loss, type):
        raise TypeError(f"check_gradients: loss must be an object, got the class {loss.__name__}: write its ()")
    if loss is not None and not (hasattr(loss, "forward") and hasattr(loss, "backward")):
        raise TypeError(f"check_gradients: loss must have forward and backward, got {type(loss).__name__}")


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
    """Return the floating arrays of a layer and of those inside that it did not declare, before it has run.

    They may be in dicts and lists too: "params.W".
    """
    suspects = {}
    for i, each in enumerate(_all_inside(layer)):
        for name, value in _arrays_of(each).items():
            if value.dtype.kind == "f" and value.size:
                suspects[i, name] = value
    return suspects


def _arrays_of(layer: Layer) -> dict[str, Array]:
    """Return the arrays that a layer holds beside those that it declares."""
    known = {"parameters", "gradients", *layer.shapes, *(f"d{name}" for name in layer.shapes), *layer.buffers}
    own = {name: value for name, value in vars(layer).items() if name not in known and not name.startswith("_")}
    return _flat(own, "")


def _flat(thing: Any, name: str) -> dict[str, Array]:
    if isinstance(thing, np.ndarray):
        return {name: thing}
    pairs = thing.items() if isinstance(thing, dict) else enumerate(thing) if isinstance(thing, list | tuple) else ()
    return {
        n: array for key, value in pairs for n, array in _flat(value, f"{name}.{key}" if name else str(key)).items()
    }


def check_declared(layer: Any, suspects: dict[tuple[int, str], Array]) -> None:
    """Check that none of these arrays is still there, with a gradient beside it: weights that nothing would learn."""
    if not suspects:
        return
    inside = list(_all_inside(layer))
    for (i, name), before in suspects.items():
        now = _arrays_of(inside[i])
        beside = [other for other in _gradients_of(name) if other in now and now[other].shape == before.shape]
        if now.get(name) is before and beside:
            declared = name.rpartition(".")[2]
            raise GradientError(
                f"{inside[i].who}: {name} must be declared, super().__init__({declared}={before.shape}), since there "
                f"is a {beside[0]}; as it is, nothing checks or learns it"
            )


def _gradients_of(name: str) -> list[str]:
    """Return the names under which the gradient of an array that is not declared may stand."""
    folder, dot, last = name.rpartition(".")
    beside = [f"d{last}", f"grad_{last}", f"{last}_grad", f"d_{last}", f"{last}_gradient"]
    folders = [f"{each}.{last}" for each in ("grads", "gradients", "grad", f"d{folder}")] if folder else []
    return [*(f"{folder}{dot}{each}" for each in beside), *beside, *folders]


def constants(forward: Callable[[], Array], suspects: dict[tuple[int, str], Array]) -> list[str]:
    """Return the names of these arrays on which forward depends: nobody learns them, and somebody may have meant to."""
    names, out = [], forward()
    for (_, name), array in suspects.items():
        before = array.copy()
        try:
            array += 0.5
            if not np.array_equal(forward(), out, equal_nan=True):
                names.append(name)
        except (ValueError, TypeError):
            continue  # not to be moved
        finally:
            if array.flags.writeable:
                array[...] = before
    return names


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
