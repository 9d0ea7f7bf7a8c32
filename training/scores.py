"""Loss and metrics of many batches, as if they were one."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import ArrayLike

from losses import Hinge, SigmoidBinaryCrossEntropy
from losses.counted import is_padded, what_counts

from .metrics import ClassMetric
from .protocols import LossLike, MetricLike, Tallied

Named: TypeAlias = Mapping[str, MetricLike]
Metrics: TypeAlias = MetricLike | Mapping[str, MetricLike] | Iterable[MetricLike | tuple[str, MetricLike]]

WORDS = {"mae": "mean_absolute_error", "acc": "accuracy", "r2": "r_squared", "auc": "roc_auc"}
TAKEN = ("epoch", "loss", "learning_rate", "gradient_norm", "seconds")  # names in a history


def by_name(who: str, metrics: Metrics | str) -> Named:
    """Return the metrics by name: of a callable, several, pairs (name, callable), or a dict."""
    if isinstance(metrics, Mapping):
        pairs = list(metrics.items())
    else:
        several: Any = [metrics] if callable(metrics) or isinstance(metrics, str) else metrics
        if not isinstance(several, Iterable):
            raise TypeError(f"{who}: metrics must be a callable, a list or a dict of them, got {metrics!r}")
        pairs = [m if isinstance(m, tuple) and len(m) == 2 else (getattr(m, "__name__", None), m) for m in several]
    for name, metric in pairs:
        if isinstance(metric, type):
            raise TypeError(f"{who}: metrics must be objects, got the class {metric.__name__}: {_made(metric)}")
        if not callable(metric) or hasattr(metric, "backward"):
            word = WORDS.get(metric, metric) if isinstance(metric, str) else ""
            hint = f", a word: write metrics=[{word}], the function" if word else ""
            hint = hint or f': write {{"name": {metric!r}.forward}}' * hasattr(metric, "backward")
            raise TypeError(f"{who}: metrics must be callable with (predictions, y), got {metric!r}{hint}")
        if not isinstance(name, str) or name == "<lambda>":
            raise TypeError(f'{who}: a metric must have a name, write metrics={{"name": ...}}, got {metric!r}')
        if name in TAKEN or name.startswith("validation_") or [n for n, _ in pairs].count(name) > 1:
            raise ValueError(f"{who}: names of metrics must be different and none of {TAKEN}, got {name!r}")
    return dict(pairs)


class Scores:
    """The loss and the metrics of the examples of many batches, exactly, whatever the sizes of the batches.

    The loss is what it would be for all of them at once: a mean weighs each batch by its predictions or by the sum of
    their weights, a sum adds up. A metric that can count batch by batch (`start`, `add`, `result`) does so; of any
    other one the predictions are kept until the end.

    Examples
    --------
    >>> loss, scores = MeanSquaredError(), Scores(MeanSquaredError(), {})
    >>> scores.add(3.0, np.zeros((4, 1)), np.zeros((4, 1)))  # 4 examples, 3.0 on average
    >>> scores.add(8.0, np.zeros((1, 1)), np.zeros((1, 1)))
    >>> scores.result()
    {'loss': 4.0}
    """

    def __init__(self, loss: LossLike, metrics: Named) -> None:
        self.loss = loss
        self._summed = is_sum(loss)
        self._total = self._divisor = 0.0
        self._metrics = metrics
        self._tallied = {name: _meant(metric, loss) for name, metric in metrics.items() if _counts(metric)}
        self._tallies = {name: metric.start() for name, metric in self._tallied.items()}
        self._kept: list[tuple[Any, Any]] = []

    def add(
        self,
        value: float,
        predictions: Any,
        y: Any,
        sample_weights: ArrayLike | None = None,
        *,
        divisor: float | None = None,
    ) -> None:
        """Count a batch: the value that the loss has computed, by which divisor, if not its last one, and the rest."""
        if self._summed:
            divisor = 1.0
        elif divisor is None:
            divisor = divisor_of(self.loss, predictions, sample_weights)
        self._total += value * divisor
        self._divisor += divisor
        if not self._metrics:
            return
        predictions, y, where = _counted(self.loss, predictions, y)
        if where is not None:
            predictions, y = predictions[where], y[where]
        for name, metric in self._tallied.items():
            metric.add(self._tallies[name], predictions, y)
        if len(self._tallied) < len(self._metrics):
            self._kept.append((predictions, y))

    def result(self) -> dict[str, float]:
        """Return the loss and the metrics by name."""
        if not self._divisor:
            raise ValueError(f"{self.loss!r}: the weights of all examples must not be zero")
        kept = [np.concatenate(part) for part in zip(*self._kept, strict=True)]
        values = {"loss": self._total if self._summed else self._total / self._divisor}
        for name, metric in self._metrics.items():
            tallied = self._tallied.get(name)
            value = metric(*kept) if tallied is None else tallied.result(self._tallies[name])
            values[name] = _number(name, value)
        return values


def is_sum(loss: LossLike) -> bool:
    """Return whether a loss adds up; one that does not say is a mean."""
    return getattr(loss, "reduction", "mean") == "sum"


def divisor_of(loss: LossLike, predictions: Any, sample_weights: ArrayLike | None = None) -> float:
    """Return what the last mean divided by; of a loss that does not say, as many as there are examples."""
    divisor = getattr(loss, "divisor", None)
    if divisor is None:
        divisor = len(predictions) if sample_weights is None else float(np.sum(sample_weights))
    return float(divisor)


def anything_counts(loss: LossLike, predictions: Any, y: Any) -> bool:
    """Return whether there is a prediction that counts: a batch without one, like one without weight, is left out."""
    where = _counted(loss, predictions, y)[2]
    return where is None or bool(where.any())


def _counted(loss: LossLike, predictions: Any, y: Any) -> tuple[Any, Any, Any]:
    """Return predictions and y without lengths, and which of them count; None for all."""
    ignore = getattr(loss, "ignore", None)
    ignore = ignore if isinstance(ignore, int) else None  # of a loss of one's own it may be something else
    if ignore is None and not is_padded(predictions):
        return predictions, y, None
    return what_counts(repr(loss), predictions, y, ignore)


def _meant(metric: Tallied, loss: LossLike) -> Tallied:
    """Return a metric of classes told that single scores are logits, where the loss takes them for that."""
    if isinstance(metric, ClassMetric) and isinstance(loss, SigmoidBinaryCrossEntropy | Hinge):
        return metric.of_logits()
    return metric


def _number(name: str, value: Any) -> float:
    """Return what a metric returned, which must be a number; NaN is one."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if np.ndim(value) > 0:
        raise TypeError(f"metric {name} must return a number, got an array of shape {np.shape(value)}")
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"metric {name} must return a number, got {value!r}")
    return float(value)


def _made(metric: type) -> str:
    """Return how an object of this class is made, in words: "write top_k(k)"."""
    try:
        taken = inspect.signature(metric).parameters.values()
    except ValueError:
        return f"write {metric.__name__}()"
    needed = [p.name for p in taken if p.default is p.empty]
    return f"write {metric.__name__}({', '.join(needed)})"


def _counts(metric: object) -> TypeGuard[Tallied]:
    return all(hasattr(metric, method) for method in ("start", "add", "result"))
