"""Schedules made of other schedules."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import checks
from .schedule import Rate, Schedule, callable_rate, increasing, not_negative


@dataclass(frozen=True, repr=False)
class WarmUp(Schedule):
    """A straight line up to where a schedule begins: rate = schedule(0) * (step + 1) / (steps + 1), then schedule.

    Parameters
    ----------
    schedule : float, or callable step -> rate
        Gets its step 0 after the warm-up.
    steps : int
        Of the warm-up. Not even the first has a rate of 0.

    References
    ----------
    Goyal et al. (2017), "Accurate, Large Minibatch SGD", arXiv:1706.02677, section 2.2.

    Examples
    --------
    >>> schedule = WarmUp(StepDecay(0.8, every=2, factor=0.5), steps=3)
    >>> [round(schedule(step), 4) for step in range(7)]
    [0.2, 0.4, 0.6, 0.8, 0.8, 0.4, 0.4]
    """

    schedule: Rate
    steps: int

    def __post_init__(self) -> None:
        self._check(schedule=_rate, steps=checks.whole)

    def __call__(self, step: int) -> float:
        step = self._counted(step)
        if step < self.steps:
            return _at(self.schedule, 0) * (step + 1) / (self.steps + 1)
        return _at(self.schedule, step - self.steps)


@dataclass(frozen=True, repr=False)
class Joined(Schedule):
    """Schedules one after the other, each counting its steps from its own beginning.

    Parameters
    ----------
    schedules : sequence of float or callable step -> rate
    starts : sequence of int
        The steps at which the second, the third, ... begin, in increasing order.

    Examples
    --------
    >>> schedule = Joined((0.8, PolynomialDecay(0.8, steps=4)), starts=(10,))
    >>> schedule(9), schedule(10), schedule(12), schedule(14)
    (0.8, 0.8, 0.4, 0.0)
    """

    schedules: Sequence[Rate]
    starts: Sequence[int]

    def __post_init__(self) -> None:
        self._check(schedules=_rates, starts=increasing)
        if len(self.schedules) != len(self.starts) + 1:
            got = f"{len(self.schedules)} schedules and {len(self.starts)} starts"
            raise ValueError(f"Joined: starts must hold a step for each schedule but the first, got {got}")

    def __call__(self, step: int) -> float:
        step = self._counted(step)
        i = bisect.bisect_right(self.starts, step)
        return _at(self.schedules[i], step - self.starts[i - 1] if i else step)


def _at(schedule: Rate, step: int) -> float:
    return schedule(step) if callable(schedule) else schedule


def _rate(who: str, name: str, value: Any) -> Rate:
    if callable(value):
        return callable_rate(who, name, value)
    if not isinstance(value, int | float | np.number):
        raise TypeError(f"{who}: {name} must be a number or a callable, got {value!r}")
    return not_negative(who, name, value)


def _rates(who: str, name: str, value: Any) -> tuple[Rate, ...]:
    if not isinstance(value, Sequence):
        raise TypeError(f"{who}: {name} must be a sequence of numbers or callables, got {value!r}")
    return tuple(_rate(who, f"{name}[{i}]", each) for i, each in enumerate(value))
