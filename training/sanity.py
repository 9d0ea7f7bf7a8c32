"""Sanity checks before a long training: can the network learn one batch by heart, and at which learning rate?

Both work on copies; the model and the optimizer stay as they were.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from layers.contract import Rng, as_numbers, checks

from .data.batches import batches
from .data.examples import check_finite
from .protocols import LossLike, Model, OptimizerLike, check_parts

WINDOW = 10  # steps over which the loss is smoothed, and over which its fall is measured
SMOOTHING = 1 - 1 / WINDOW  # of the exponential average
EXPLODED = 4.0  # times the best loss so far: the range test ends


@dataclass
class Verdict:
    """What a check found: whether all is well, why, and the loss at every step.

    Examples
    --------
    >>> verdict = Verdict(True, "the batch was learned by heart", [1.1, 0.1])
    >>> print(verdict)
    good: the batch was learned by heart
    >>> bool(verdict)
    True
    """

    good: bool
    reason: str
    losses: list[float] = field(default_factory=list, repr=False)

    def __bool__(self) -> bool:
        return self.good

    def __str__(self) -> str:
        return f"{'good' if self.good else 'bad'}: {self.reason}"


@dataclass
class RateRange(Verdict):
    """What a learning rate range test found, besides: the rates, the smoothed losses and a suggestion.

    Examples
    --------
    >>> RateRange(False, "the loss never fell").suggestion is None
    True
    """

    rates: list[float] = field(default_factory=list, repr=False)
    smooth: list[float] = field(default_factory=list, repr=False)
    suggestion: float | None = None

    def plot(self) -> Any:
        """Return a matplotlib figure: the loss over the rate, the suggestion marked."""
        from pictures import plot_rate_range

        return plot_rate_range(self)


def overfit_one_batch(
    model: Model,
    loss: LossLike,
    optimizer: OptimizerLike,
    x: ArrayLike,
    y: ArrayLike,
    *,
    steps: int = 200,
    target: float = 0.05,
) -> Verdict:
    """Train a copy on one batch: a network and a loop that are right learn a few examples by heart.

    Parameters
    ----------
    model, loss, optimizer
        Of the training to come. The optimizer starts afresh.
    x, y : array (N, ...)
        A batch, say 10 to 50 examples.
    steps : int, default 200
    target : float, default 0.05
        The share of the first loss that the last one must come down to.

    Returns
    -------
    Verdict
        Good if it did. If not: a mistake in a layer, the loss or the labels, too small a network, or a learning
        rate that does not fit.

    Raises
    ------
    ValueError, TypeError
        If steps is not a whole number of at least 1, or target not in (0, 1).

    Examples
    --------
    >>> x, y = digits()
    >>> model = Sequential([Dense(64, 32), ReLU(), Dense(32, 10)], rng=0)
    >>> verdict = overfit_one_batch(model, SoftmaxCrossEntropy(), SGD(0.1, momentum=0.9), x[:20], y[:20])
    >>> verdict.good, verdict.losses[-1] < 0.01
    (True, True)
    """
    steps = checks.whole("overfit_one_batch", "steps", steps)
    check_parts("overfit_one_batch", model=model, loss=loss, optimizer=optimizer)
    if not 0 < checks.number("overfit_one_batch", "target", target) < 1:
        raise ValueError(f"overfit_one_batch: target must be in (0, 1), got {target}")
    check_finite("overfit_one_batch", x=x, y=y)
    model, loss, optimizer = _copies(model, loss, optimizer)
    losses = []
    for _ in range(steps + 1):
        value = _loss_of_step(model, loss, x, y)
        losses.append(value)
        if not math.isfinite(value):
            return Verdict(
                False, f"the loss became {value} at step {len(losses) - 1}: the learning rate is too large", losses
            )
        optimizer.step(model)
    fell = f"the loss of one batch fell from {losses[0]:.3g} to {losses[-1]:.3g} in {steps} steps"
    if losses[-1] <= target * losses[0]:
        return Verdict(True, fell, losses)
    return Verdict(
        False,
        f"{fell}, not to {target:.0%} of it: look for a mistake in a layer, the loss or the labels, "
        "or try a larger network or another learning rate",
        losses,
    )


def learning_rate_range_test(
    model: Model,
    loss: LossLike,
    optimizer: OptimizerLike,
    x: ArrayLike,
    y: ArrayLike,
    *,
    low: float = 1e-6,
    high: float = 10.0,
    steps: int = 150,
    batch_size: int = 32,
    rng: Rng = None,
) -> RateRange:
    """Train a copy while the learning rate grows from low to high, and see where the loss falls and where it explodes.

    The suggestion is the rate where the smoothed loss falls most steeply, over the logarithm of the rate.

    Parameters
    ----------
    model, loss, optimizer
        Of the training to come; its own learning rate is not used. The optimizer starts afresh.
    x, y : array (N, ...)
    low, high : float, default 1e-6 and 10
        The first and the last rate; each step multiplies it by the same factor.
    steps : int, default 150
        At most: the test ends when the loss is four times the best so far.
    batch_size : int, default 32
    rng : int or numpy.random.Generator, optional
        Shuffles the batches.

    Returns
    -------
    RateRange
        Good if the loss fell by a tenth somewhere; with `rates`, `losses`, `smooth`, `suggestion` and `plot()`.

    Raises
    ------
    ValueError, TypeError
        If not 0 < low < high, or steps is not a whole number of at least 50.

    References
    ----------
    Smith (2015), "Cyclical Learning Rates for Training Neural Networks", arXiv:1506.01186, section 3.3.

    Examples
    --------
    >>> x, y = spirals(rng=0)
    >>> model = Sequential([Dense(2, 64), ReLU(), Dense(64, 3)], rng=0)
    >>> found = learning_rate_range_test(model, SoftmaxCrossEntropy(), SGD(0.1), x, y, rng=0)
    >>> found.good, 0.01 < found.suggestion < 3
    (True, True)
    """
    steps = checks.whole("learning_rate_range_test", "steps", steps, least=50)
    low, high = (checks.positive("learning_rate_range_test", *given) for given in (("low", low), ("high", high)))
    batch_size = checks.whole("learning_rate_range_test", "batch_size", batch_size)
    check_parts("learning_rate_range_test", model=model, loss=loss, optimizer=optimizer)
    if low >= high:
        raise ValueError(f"learning_rate_range_test: rates must be 0 < low < high, got {low} and {high}")
    check_finite("learning_rate_range_test", x=x, y=y)
    model, loss, optimizer = _copies(model, loss, optimizer)
    rng = checks.generator("learning_rate_range_test", rng)
    rates: list[float] = []
    losses: list[float] = []
    smooth: list[float] = []
    stream: Iterator[tuple[Any, Any]] = iter(())
    average = 0.0
    for rate in np.geomspace(low, high, steps):
        batch = next(stream, None)
        if batch is None:
            stream = batches(x, y, batch_size, rng=rng)
            batch = next(stream)
        value = _loss_of_step(model, loss, *batch)
        if not math.isfinite(value):
            break
        rates.append(float(rate))
        losses.append(value)
        average = SMOOTHING * average + (1 - SMOOTHING) * value
        smooth.append(average / (1 - SMOOTHING ** len(losses)))  # as if it had begun at the first loss
        if smooth[-1] > EXPLODED * min(smooth):
            break
        optimizer.learning_rate = float(rate)
        optimizer.step(model)
    return _judged(rates, losses, smooth)


def _judged(rates: list[float], losses: list[float], smooth: list[float]) -> RateRange:
    best = int(np.argmin(smooth)) if smooth else 0
    if best < 2 * WINDOW or smooth[best] > 0.9 * smooth[0]:
        return RateRange(
            False,
            "the loss never fell by a tenth: try other rates, or look for a mistake with overfit_one_batch",
            losses,
            rates,
            smooth,
        )
    # The fall over ten steps, from the tenth on: before, the average has seen too little, and after best it rises.
    falls = np.array(smooth[:-WINDOW]) - np.array(smooth[WINDOW:])
    suggestion = rates[WINDOW + int(np.argmax(falls[WINDOW : max(best, WINDOW + 1)])) + WINDOW // 2]
    reason = (
        f"the loss falls most steeply at a learning rate of {suggestion:.2g}, "
        f"and was lowest, {smooth[best]:.3g}, at {rates[best]:.2g}"
    )
    return RateRange(True, reason, losses, rates, smooth, suggestion)


def _loss_of_step(model: Model, loss: LossLike, x: ArrayLike, y: ArrayLike) -> float:
    """Run forward and backward, and return the loss: infinite where the predictions have left all bounds."""
    with np.errstate(over="ignore", invalid="ignore"):
        predictions = model.forward(x)
        if not np.all(np.isfinite(as_numbers(predictions))):
            return math.inf
        value = float(loss.forward(predictions, y))
        model.backward(loss.backward(), input_gradient=False)
    return value


def _copies(model: Model, loss: LossLike, optimizer: OptimizerLike) -> tuple[Model, LossLike, OptimizerLike]:
    optimizer = copy.deepcopy(optimizer)
    optimizer.load_state_dict({"steps": 0})
    return copy.deepcopy(model), copy.deepcopy(loss), optimizer
