"""Learning rates that change with the step. A schedule is a callable: step -> rate, steps counted from 0.

    optimizer = SGD(learning_rate=WarmUp(CosineDecay(0.1, steps=9_500), steps=500))

Everything is counted in steps, not in epochs: with 450 batches in an epoch, "halve it every 10 epochs" is
`StepDecay(0.1, every=4_500, factor=0.5)`. Any callable is a schedule; those here also print as one would type them,
compare, and can be pickled. Their rates depend on the step alone: training resumes where it was.

Here are those that only go down; `optimizers.cycles` has those that go up too, and those made of others.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from . import checks
from .optimizer import Rate


class Schedule:
    """A learning rate for every step: `schedule(step) -> rate`.

    Subclasses are frozen dataclasses. What their fields may be, by name, stands at the end of this file.

    Raises
    ------
    TypeError, ValueError
        If a rate is negative or not finite, steps are not whole or below 1, milestones do not increase, ...

    Examples
    --------
    >>> schedule = CosineDecay(0.1, steps=1000)
    >>> schedule, schedule == CosineDecay(0.1, 1000)
    (CosineDecay(learning_rate=0.1, steps=1000, final=0.0), True)
    """

    def __post_init__(self) -> None:
        for name, check in _CHECKS.items():
            if name in vars(self):  # past the dataclass, which is frozen, it becomes a plain number or a tuple
                object.__setattr__(self, name, check(type(self).__name__, name, getattr(self, name)))

    def __call__(self, step: int) -> float:
        """Return the rate of this step, counted from 0."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(self, step)")


@dataclass(frozen=True)
class Constant(Schedule):
    """The same rate for ever: rate = learning_rate.

    Parameters
    ----------
    learning_rate : float

    Examples
    --------
    >>> Constant(0.1)(1000)
    0.1
    """

    learning_rate: float

    def __call__(self, step: int) -> float:
        return self.learning_rate


@dataclass(frozen=True)
class StepDecay(Schedule):
    """Down a stair of equal steps: rate = learning_rate * factor**(step // every).

    Parameters
    ----------
    learning_rate : float
    every : int
        Steps from one drop to the next.
    factor : float, default 0.1

    Examples
    --------
    >>> schedule = StepDecay(0.8, every=100, factor=0.5)
    >>> schedule(0), schedule(99), schedule(100), schedule(250)
    (0.8, 0.8, 0.4, 0.2)
    """

    learning_rate: float
    every: int
    factor: float = 0.1

    def __call__(self, step: int) -> float:
        return self.learning_rate * self.factor ** (step // self.every)


@dataclass(frozen=True)
class MultiStepDecay(Schedule):
    """Down a stair of given steps: rate = learning_rate * factor**(number of milestones that were reached).

    Parameters
    ----------
    learning_rate : float
    milestones : sequence of int
        The steps from which on the rate is lower, in increasing order.
    factor : float, default 0.1

    Examples
    --------
    >>> schedule = MultiStepDecay(0.8, milestones=(100, 150), factor=0.5)
    >>> schedule(99), schedule(100), schedule(150), schedule(999)
    (0.8, 0.4, 0.2, 0.2)
    """

    learning_rate: float
    milestones: Sequence[int]
    factor: float = 0.1

    def __call__(self, step: int) -> float:
        return self.learning_rate * self.factor ** bisect.bisect_right(self.milestones, step)


@dataclass(frozen=True)
class ExponentialDecay(Schedule):
    """Down by the same factor at each step: rate = learning_rate * factor**(step / every).

    Parameters
    ----------
    learning_rate : float
    factor : float
    every : int, default 1
        Steps in which the rate is multiplied by the factor, smoothly.

    Examples
    --------
    >>> schedule = ExponentialDecay(0.8, factor=0.25, every=100)
    >>> schedule(0), schedule(50), schedule(100)
    (0.8, 0.4, 0.2)
    """

    learning_rate: float
    factor: float
    every: int = 1

    def __call__(self, step: int) -> float:
        return self.learning_rate * self.factor ** (step / self.every)


@dataclass(frozen=True)
class InverseTimeDecay(Schedule):
    """The decay of the books: rate = learning_rate / (1 + decay * step).

    Parameters
    ----------
    learning_rate : float
    decay : float >= 0
        Per step: the rate has halved at step 1 / decay.

    References
    ----------
    Robbins, Monro (1951), "A Stochastic Approximation Method": the sum of such rates is infinite, that of their
    squares is not, and so the noise of the gradients dies away.

    Examples
    --------
    >>> schedule = InverseTimeDecay(0.8, decay=0.01)
    >>> schedule(0), schedule(100), schedule(300)
    (0.8, 0.4, 0.2)
    """

    learning_rate: float
    decay: float

    def __call__(self, step: int) -> float:
        return self.learning_rate / (1 + self.decay * step)


@dataclass(frozen=True)
class PolynomialDecay(Schedule):
    """Down to final in so many steps: rate = final + (learning_rate - final) * (1 - step / steps)**power.

    Parameters
    ----------
    learning_rate : float
    steps : int
        After them the rate stays at final.
    power : float > 0, default 1
        1 is a straight line.
    final : float, default 0

    Examples
    --------
    >>> schedule = PolynomialDecay(0.8, steps=100, power=2)
    >>> schedule(0), schedule(50), schedule(100), schedule(101)
    (0.8, 0.2, 0.0, 0.0)
    """

    learning_rate: float
    steps: int
    power: float = 1.0
    final: float = 0.0

    def __call__(self, step: int) -> float:
        return self.final + (self.learning_rate - self.final) * (1 - min(step / self.steps, 1)) ** self.power


@dataclass(frozen=True)
class CosineDecay(Schedule):
    """Down half a wave: rate = final + (learning_rate - final) * (1 + cos(pi * step / steps)) / 2.

    Parameters
    ----------
    learning_rate : float
    steps : int
        After them the rate stays at final.
    final : float, default 0

    References
    ----------
    Loshchilov, Hutter (2017), "SGDR: Stochastic Gradient Descent with Warm Restarts", arXiv:1608.03983, eq. 5.

    Examples
    --------
    >>> schedule = CosineDecay(0.8, steps=100)
    >>> schedule(0), round(schedule(50), 4), schedule(100), schedule(101)
    (0.8, 0.4, 0.0, 0.0)
    """

    learning_rate: float
    steps: int
    final: float = 0.0

    def __call__(self, step: int) -> float:
        return half_wave(self.learning_rate, self.final, step / self.steps)


def half_wave(first: float, last: float, fraction: float) -> float:
    """Return the rate on the way from first to last, when this fraction of the way is done, and last ever after."""
    return last if fraction >= 1 else last + (first - last) * (1 + math.cos(math.pi * fraction)) / 2


def _increasing(who: str, name: str, value: Any) -> tuple[int, ...]:
    """Return value as a tuple of increasing steps."""
    try:
        steps = tuple(checks.whole(who, name, step) for step in value)
    except TypeError:
        raise TypeError(f"{who}: {name} must be a sequence of whole numbers, got {value!r}") from None
    if any(later <= step for step, later in itertools.pairwise(steps)):
        raise ValueError(f"{who}: {name} must increase, got {value!r}")
    return steps


def _schedule(who: str, name: str, value: Any) -> Rate:
    if callable(value):
        return value
    if not isinstance(value, int | float | np.number):
        raise TypeError(f"{who}: {name} must be a number or a callable, got {value!r}")
    return checks.number(who, name, value)


def _schedules(who: str, name: str, value: Any) -> tuple[Rate, ...]:
    if not isinstance(value, Sequence):
        raise TypeError(f"{who}: {name} must be a sequence of numbers or callables, got {value!r}")
    return tuple(_schedule(who, f"{name}[{i}]", each) for i, each in enumerate(value))


_CHECKS: dict[str, Callable[[str, str, Any], Any]] = {
    **dict.fromkeys(("learning_rate", "final", "factor", "decay"), checks.number),
    **dict.fromkeys(("steps", "every", "growth"), checks.whole),
    **dict.fromkeys(("power", "start", "end"), checks.positive),
    **dict.fromkeys(("milestones", "starts"), _increasing),
    "rise": partial(checks.number, high=1),
    "schedule": _schedule,
    "schedules": _schedules,
}
