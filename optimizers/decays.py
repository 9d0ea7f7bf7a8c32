"""Schedules that never go up."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass

from . import checks
from .schedule import Schedule, half_wave, increasing, not_negative


@dataclass(frozen=True, repr=False)
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

    def __post_init__(self) -> None:
        self._check(learning_rate=not_negative)

    def __call__(self, step: int) -> float:
        step = self._counted(step)
        return self.learning_rate


@dataclass(frozen=True, repr=False)
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
    _: KW_ONLY
    factor: float = 0.1

    def __post_init__(self) -> None:
        self._check(learning_rate=not_negative, every=checks.whole, factor=not_negative)

    def __call__(self, step: int) -> float:
        step = self._counted(step)
        return self.learning_rate * self.factor ** (step // self.every)


@dataclass(frozen=True, repr=False)
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
    _: KW_ONLY
    factor: float = 0.1

    def __post_init__(self) -> None:
        self._check(learning_rate=not_negative, milestones=increasing, factor=not_negative)

    def __call__(self, step: int) -> float:
        step = self._counted(step)
        return self.learning_rate * self.factor ** bisect.bisect_right(self.milestones, step)


@dataclass(frozen=True, repr=False)
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
    _: KW_ONLY
    every: int = 1

    def __post_init__(self) -> None:
        self._check(learning_rate=not_negative, factor=not_negative, every=checks.whole)

    def __call__(self, step: int) -> float:
        step = self._counted(step)
        return self.learning_rate * self.factor ** (step / self.every)


@dataclass(frozen=True, repr=False)
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

    def __post_init__(self) -> None:
        self._check(learning_rate=not_negative, decay=not_negative)

    def __call__(self, step: int) -> float:
        step = self._counted(step)
        return self.learning_rate / (1 + self.decay * step)


@dataclass(frozen=True, repr=False)
class PolynomialDecay(Schedule):
    """Down to final in a number of steps: rate = final + (learning_rate - final) * (1 - step / steps)**power.

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
    _: KW_ONLY
    power: float = 1.0
    final: float = 0.0

    def __post_init__(self) -> None:
        self._check(learning_rate=not_negative, steps=checks.whole, power=checks.positive, final=not_negative)

    def __call__(self, step: int) -> float:
        step = self._counted(step)
        return self.final + (self.learning_rate - self.final) * (1 - min(step / self.steps, 1)) ** self.power


@dataclass(frozen=True, repr=False)
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
    _: KW_ONLY
    final: float = 0.0

    def __post_init__(self) -> None:
        self._check(learning_rate=not_negative, steps=checks.whole, final=not_negative)

    def __call__(self, step: int) -> float:
        step = self._counted(step)
        return half_wave(self.learning_rate, self.final, step / self.steps)
