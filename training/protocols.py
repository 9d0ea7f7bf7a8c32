"""What a training needs of its parts: of the model, the loss, the optimizer, a metric. Nobody has to derive from these.

Layers, losses and optimizers of handgrad have all of it, and so may a class of one's own. The type checker sees to it,
and `check_parts`, before anything happens, to what no training can do without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, TypeAlias

import numpy as np

from layers.contract import Array
from losses import Loss

MetricLike: TypeAlias = Callable[[Any, Any], float]  # metric(predictions, y), of a whole epoch


class Model(Protocol):
    """A layer with parameters; a `Sequential`, as a rule.

    `fit` calls the first three methods; the parameters are for the optimizer, the rest is for what saves a training.
    """

    parameters: Array
    gradients: Array

    def forward(self, x: Any, /) -> Any:
        """Return the predictions, and remember what `backward` needs."""

    def backward(self, dout: Any, /, input_gradient: bool = True) -> Any:
        """Set the gradients; with input_gradient=False no dx is asked for."""

    def predict(self, x: Any, /) -> Any:
        """Return the predictions, and remember nothing."""

    def state_dict(self) -> dict[str, Array]:
        """Return copies of the parameters and buffers by name."""

    def load_state_dict(self, state: Mapping[str, Any], /) -> None:
        """Take them over."""

    def generators(self) -> Iterator[tuple[str, np.random.Generator]]:
        """Yield the streams of the layers that draw, by name."""


class LossLike(Protocol):
    """A number to make small, and its derivative.

    It may also have `reduction`, `divisor` and `unit`, as `Loss` explains them. Without, it is taken for a mean over
    the examples.
    """

    def forward(self, predictions: Any, y: Any, sample_weights: Any = None, /) -> float:
        """Return the loss; sample_weights only come where `fit` is given some."""

    def backward(self) -> Any:
        """Return its derivative with respect to the predictions."""


class OptimizerLike(Protocol):
    """A rule that changes the parameters of a model by their gradients.

    `fit` calls `step`; the rest is for what saves a training. It may also have `rate()` and `gradient_norm`, for the
    history.
    """

    learning_rate: Any

    def step(self, model: Any, /) -> None:
        """Update `model.parameters` in place by `model.gradients`."""

    def state_dict(self) -> dict[str, Any]:
        """Return all that changes from step to step."""

    def load_state_dict(self, state: Mapping[str, Any], /) -> None:
        """Go on where the optimizer of this state was."""


class Tallied(Protocol):
    """A metric that counts batch by batch, so that an epoch's predictions need not be kept; see `metrics.Metric`."""

    def start(self) -> Any:
        """Return an empty tally."""

    def add(self, tally: Any, predictions: Any, y: Any, /) -> None:
        """Count a batch into the tally."""

    def result(self, tally: Any, /) -> float:
        """Return the value of everything in the tally."""


class Stateful(Protocol):
    """A callback that a checkpoint keeps: its state is numbers, strings, arrays, and lists and dicts of them."""

    def state_dict(self) -> dict[str, Any]:
        """Return what has to be kept."""

    def load_state_dict(self, state: Mapping[str, Any], /) -> None:
        """Go on from there."""


NEEDED = {"model": ("forward", "backward", "predict"), "loss": ("forward", "backward"), "optimizer": ("step",)}


def _has(part: object, name: str) -> bool:
    return all(callable(getattr(part, method, None)) for method in NEEDED[name])


def _got(part: object, parts: Mapping[str, object]) -> str:
    """Return what came in the place of a part, and what may have happened to it."""
    if isinstance(part, str):
        return f"{part!r}: write an object, such as Adam() or MeanSquaredError()"
    fits = [name for name in parts if _has(part, name)]
    return f"{type(part).__name__}{': exchanged with the ' + fits[0] + '?' if fits else ''}"


def check_parts(who: str, **parts: object) -> None:
    """Raise if a part of a training is not what it should be: exchanged with another one, or a class."""
    for name, part in parts.items():
        if isinstance(part, type):
            raise TypeError(f"{who}: {name} must be an object, got the class {part.__name__}: write {part.__name__}()")
        if not _has(part, name):
            raise TypeError(f"{who}: {name} must have {', '.join(NEEDED[name])}, got {_got(part, parts)}")
        if hasattr(part, "param_groups"):
            kind = f"{type(part).__module__.partition('.')[0]}.{type(part).__name__}"
            raise TypeError(f"{who}: {name} must be an optimizer of handgrad, such as Adam(), got {kind}")
    model, loss = parts.get("model"), parts.get("loss")
    if isinstance(loss, Loss) and getattr(model, "n_outs", 1) != 1:
        raise TypeError(
            f"{who}: model must give one out for {loss!r}, got {', '.join(getattr(model, 'outputs', ()))}; several "
            "losses are a loop of one's own: outs = model.forward(x), each loss, model.backward((dout, ...)), a step"
        )
