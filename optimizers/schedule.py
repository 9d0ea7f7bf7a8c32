"""Learning rates that change with the step. A schedule is a callable: step -> rate, steps counted from 0.

    optimizer = SGD(learning_rate=WarmUp(CosineDecay(0.1, steps=9_500), steps=500))

Everything is counted in steps, not in epochs: with 450 batches in an epoch, "halve it every 10 epochs" is
`StepDecay(0.1, every=4_500, factor=0.5)`. Any callable is a schedule; those here also print as one would type them,
compare, and can be pickled. Their rates depend on the step alone: training resumes where it was.

Here is what all of them share. Those that never go up are in `optimizers.decays`, those that go up too in
`optimizers.cycles`, and those made of others in `optimizers.composed`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any, TypeAlias

from . import checks
from .typed import typed

Rate: TypeAlias = float | Callable[[int], float]


class Schedule:
    """A learning rate for every step: `schedule(step) -> rate`.

    Subclasses are frozen dataclasses that check their own fields in `__post_init__`; with `repr=False` they print as
    those here do. A schedule of one's own needs no more than `__call__`.

    Raises
    ------
    TypeError, ValueError
        If a rate is negative or not finite, steps are not whole or below 1, milestones do not increase, ...

    Examples
    --------
    >>> schedule = CosineDecay(0.1, steps=1000)
    >>> schedule, schedule == CosineDecay(0.1, 1000, final=0)
    (CosineDecay(0.1, 1000), True)
    """

    def __call__(self, step: int) -> float:
        """Return the rate of this step, counted from 0."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(self, step)")

    def _counted(self, step: Any) -> int:
        """Return the number of a step; raise unless it is whole and not negative."""
        return step if type(step) is int and 0 <= step < 2**63 else self._far(checks.whole(repr(self), "step", step, 0))

    def _far(self, step: int) -> int:
        if step >= 2**63:
            raise ValueError(f"{self!r}: step must be below 2**63, got {step}")
        return step

    def _check(self, **fields: Callable[[str, str, Any], Any]) -> None:
        """Pass each of these fields through its check, and keep what comes back: a plain number, or a tuple."""
        for name, check in fields.items():
            checked = check(type(self).__name__, name, getattr(self, name))
            object.__setattr__(self, name, checked)  # past the dataclass, which is frozen

    def __repr__(self) -> str:
        return typed(self)


def not_negative(who: str, name: str, value: Any) -> float:
    """Return value as a float; raise unless it is a finite real number >= 0."""
    return checks.number(who, name, value, least=0)


def rate_or_schedule(who: str, name: str, value: Any) -> Rate:
    """Return value, a callable as it is, and anything else as a float; raise unless that is finite and >= 0."""
    return callable_rate(who, name, value) if callable(value) else not_negative(who, name, value)


def callable_rate(who: str, name: str, value: Any) -> Any:
    """Return value, a schedule; raise where it is the class of one, or something else that can be called."""
    if isinstance(value, type):
        raise TypeError(f"{who}: {name} must be an object, got the class {value.__name__}: write {value.__name__}(...)")
    if hasattr(value, "forward") or hasattr(value, "parameters"):
        raise TypeError(f"{who}: {name} must be a number or a schedule, got {type(value).__name__}")
    return value


def increasing(who: str, name: str, value: Any) -> tuple[int, ...]:
    """Return value as a tuple of steps; raise unless they are whole numbers, 1 or more, and increase."""
    if isinstance(value, set | frozenset | dict):
        raise TypeError(f"{who}: {name} must be a sequence of whole numbers, in order, got {value!r:.80}")
    try:
        steps = tuple(checks.whole(who, name, step) for step in value)
    except TypeError:
        raise TypeError(f"{who}: {name} must be a sequence of whole numbers, got {value!r}") from None
    if any(later <= step for step, later in itertools.pairwise(steps)):
        raise ValueError(f"{who}: {name} must increase, got {value!r}")
    return steps


def half_wave(first: float, last: float, fraction: float) -> float:
    """Return the rate on the way from first to last, when this fraction of the way is done, and last ever after."""
    return last if fraction >= 1 else last + (first - last) * (1 + math.cos(math.pi * fraction)) / 2
