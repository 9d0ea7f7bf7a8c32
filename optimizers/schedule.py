"""Learning rates that change with the step. A schedule is a callable: step -> rate, steps counted from 0.

    optimizer = SGD(learning_rate=WarmUp(CosineDecay(0.1, steps=9_500), steps=500))

Everything is counted in steps, not in epochs: with 450 batches in an epoch, "halve it every 10 epochs" is
`StepDecay(0.1, every=4_500, factor=0.5)`. Any callable is a schedule; those here also print as one would type them,
compare, and can be pickled. Their rates depend on the step alone: training resumes where it was.

Here is what all of them share. `optimizers.decays` has those that only go down, `optimizers.cycles` those that go up
too, `optimizers.composed` those made of others.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from . import checks

Rate: TypeAlias = float | Callable[[int], float]


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
