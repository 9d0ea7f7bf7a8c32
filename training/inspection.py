"""A look inside a model: where each layer's parameters are, and what each layer puts out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from layers import Container, Layer, LogSoftmax, Sigmoid, Softmax
from layers.contract import Array
from losses import SigmoidBinaryCrossEntropy, SoftmaxCrossEntropy


def layer_slices(model: Layer) -> dict[str, slice]:
    """Return where in the flat vectors each layer with parameters lives, by its name.

    Examples
    --------
    >>> layer_slices(Sequential([Dense(2, 3), ReLU(), Dense(3, 1)]))
    {'0': slice(0, 9, None), '2': slice(9, 13, None)}
    """
    _check_layer("layer_slices", model)
    slices: dict[str, slice] = {}
    for full, part in model.layout.items():
        name = full.rpartition(".")[0]
        slices[name] = slice(slices[name].start if name in slices else part.start, part.stop)
    return slices


def layer_outputs(model: Layer, x: Any) -> Iterator[tuple[str, Layer, Array]]:
    """Yield (name, layer, out) of every layer, as x goes through the network in its inference pass.

    A twin of the model records: the model itself is not touched, and may train meanwhile.

    Examples
    --------
    >>> model = Sequential([Dense(2, 3), ReLU()], rng=0)
    >>> [(name, out.shape) for name, layer, out in layer_outputs(model, np.ones((4, 2)))]
    [('0', (4, 3)), ('1', (4, 3))]
    """
    _check_layer("layer_outputs", model)
    return _outputs(model, x)


def _outputs(model: Layer, x: Any) -> Iterator[tuple[str, Layer, Array]]:
    found: list[tuple[str, Layer, Array]] = []
    twin = model.twin()
    for (name, layer), (_, inner) in zip(model.leaves(), twin.leaves(), strict=True):
        inner.predict = inner.forward = _recording(found, name, layer, inner.predict)
    twin.predict(x)
    yield from found


def applied_twice(model: Any, loss: Any) -> str:
    """Return, in words, that a softmax or a sigmoid stands in front of a loss that applies its own; or "".

    Examples
    --------
    >>> applied_twice(Sequential([Dense(2, 3), Softmax()]), SoftmaxCrossEntropy())
    'softmax is applied twice: SoftmaxCrossEntropy() contains it; leave out the Softmax()'
    """
    last = _last(model)
    if isinstance(loss, SoftmaxCrossEntropy) and (
        isinstance(last, Softmax | LogSoftmax) or type(last).__name__.lower().endswith("softmax")
    ):
        return f"softmax is applied twice: {loss!r} contains it; leave out the {last!r}"
    if isinstance(loss, SigmoidBinaryCrossEntropy) and (
        isinstance(last, Sigmoid) or type(last).__name__.lower().endswith("sigmoid")
    ):
        return f"sigmoid is applied twice: {loss!r} contains it; leave out the {last!r}"
    return ""


def gives_probabilities(loss: Any, predictions: Any) -> str:
    """Return, in words, that predictions are probabilities where the loss takes logits; or "".

    Examples
    --------
    >>> gives_probabilities(SoftmaxCrossEntropy(), np.array([[0.2, 0.8], [0.5, 0.5]]))
    'softmax is applied twice: SoftmaxCrossEntropy() contains it, but the rows it is given sum to 1 already'
    """
    rows = predictions
    if not isinstance(loss, SoftmaxCrossEntropy) or not isinstance(rows, np.ndarray) or len(rows) < 2:
        return ""
    if not (rows.min() >= 0 and np.abs(rows.sum(axis=-1) - 1).max() <= 1e-4 and np.ptp(rows) > 0):  # NaN is none
        return ""
    return f"softmax is applied twice: {loss!r} contains it, but the rows it is given sum to 1 already"


def _last(model: Any) -> Any:
    """Return the layer whose out is that of the model; where several are joined, the container that joins them."""
    while isinstance(model, Container):
        outs = [part.layer for part in model.wiring() if part.output]
        if len(outs) != 1 or outs[0] is None:
            return model
        (model,) = outs
    return model


activations = layer_outputs  # its name of before


def _check_layer(who: str, model: Any) -> None:
    if not isinstance(model, Layer):
        got = f"the class {model.__name__}" if isinstance(model, type) else type(model).__name__
        raise TypeError(f"{who}: model must be a layer, got {got}")


def _recording(
    found: list[tuple[str, Layer, Array]], name: str, layer: Layer, predict: Callable[..., Any]
) -> Callable[..., Any]:
    """Return predict, which also puts its out into a list."""

    def recorded(*inputs: Any, **options: Any) -> Any:
        out = predict(*inputs, **options)
        found.append((name, layer, out))
        return out

    return recorded
