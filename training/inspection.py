"""A look inside a model: where each layer's parameters are, and what each layer puts out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np

from layers import Layer

Array: TypeAlias = np.ndarray[Any, Any]


def layer_slices(model: Layer) -> dict[str, slice]:
    """Return where in the flat vectors each layer with parameters lives, by its name.

    Examples
    --------
    >>> layer_slices(Sequential([Dense(2, 3), ReLU(), Dense(3, 1)]))
    {'0': slice(0, 9, None), '2': slice(9, 13, None)}
    """
    slices: dict[str, slice] = {}
    for full, part in model.layout.items():
        name = full.rpartition(".")[0]
        slices[name] = slice(slices[name].start if name in slices else part.start, part.stop)
    return slices


def activations(model: Layer, x: Any) -> Iterator[tuple[str, Layer, Array]]:
    """Yield (name, layer, out) of every layer, as x goes through the network in its inference pass.

    Examples
    --------
    >>> model = Sequential([Dense(2, 3), ReLU()], rng=0)
    >>> [(name, out.shape) for name, layer, out in activations(model, np.ones((4, 2)))]
    [('0', (4, 3)), ('1', (4, 3))]
    """
    found: list[tuple[str, Layer, Array]] = []
    with _recorded(model, found):
        model.predict(x)
    yield from found


@contextmanager
def _recorded(model: Layer, found: list[tuple[str, Layer, Array]]) -> Iterator[None]:
    """Have every layer put its out into a list while predict runs."""

    def recording(name: str, layer: Layer) -> Any:
        def predict(x: Any) -> Any:
            out = type(layer).predict(layer, x)
            found.append((name, layer, out))
            return out

        return predict

    leaves = list(model.leaves())
    try:
        for name, layer in leaves:
            layer.__dict__["predict"] = recording(name, layer)  # in front of the method of its class
        yield
    finally:
        for _, layer in leaves:
            layer.__dict__.pop("predict", None)
