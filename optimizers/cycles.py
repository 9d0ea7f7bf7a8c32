"""Schedules that go up as well as down."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from . import checks
from .schedule import Schedule, half_wave, not_negative


@dataclass(frozen=True, repr=False)
class CosineRestarts(Schedule):
    """`CosineDecay` again and again, each time from the top: SGDR.

    Parameters
    ----------
    learning_rate : float
    steps : int
        Of the first cycle.
    growth : int, default 1
        How many times longer each cycle is than the one before.
    final : float, default 0
        What each cycle goes down to; the step that would have it is the first of the next cycle.

    References
    ----------
    Loshchilov, Hutter (2017), "SGDR: Stochastic Gradient Descent with Warm Restarts", arXiv:1608.03983; steps is T_0
    and growth is T_mult.

    Examples
    --------
    >>> schedule = CosineRestarts(0.8, steps=100, growth=2)  # cycles begin at the steps 0, 100, 300, 700, ...
    >>> [round(schedule(step), 4) for step in (0, 50, 100, 200, 300)]
    [0.8, 0.4, 0.8, 0.4, 0.8]
    """

    learning_rate: float
    steps: int
    _: KW_ONLY
    growth: int = 1
    final: float = 0.0

    def __post_init__(self) -> None:
        self._check(learning_rate=not_negative, steps=checks.whole, growth=checks.whole, final=not_negative)

    def __call__(self, step: int) -> float:
        step = self._counted(step)
        length = self.steps
        if self.growth == 1:
            step %= length
        while step >= length:
            step -= length
            length *= self.growth
        return half_wave(self.learning_rate, self.final, step / length)


@dataclass(frozen=True, repr=False)
class OneCycle(Schedule):
    """Up and down once: half a wave from learning_rate / start to learning_rate, one down to learning_rate / end.

    Parameters
    ----------
    learning_rate : float
        The largest, reached at step rise * steps.
    steps : int
        Of the whole cycle.
    rise : float in [0, 1), default 0.3
        The share of the steps on the way up.
    start, end : float > 0, default 25 and 250,000
        How many times smaller the rate is at step 0, and from the last step on.

    References
    ----------
    Smith, Topin (2017), "Super-Convergence", arXiv:1708.07120, which rises and falls in straight lines; half waves
    are fastai's. PyTorch's `OneCycleLR` has its top one step earlier and its end at step steps - 1, and also lowers
    the momentum while the rate is high.

    Examples
    --------
    >>> schedule = OneCycle(1.0, steps=100, rise=0.25, start=10, end=1000)
    >>> [round(schedule(step), 4) for step in (0, 25, 100, 101)]
    [0.1, 1.0, 0.001, 0.001]
    """

    learning_rate: float
    steps: int
    _: KW_ONLY
    rise: float = 0.3
    start: float = 25.0
    end: float = 250_000.0

    def __post_init__(self) -> None:
        self._check(learning_rate=not_negative, steps=checks.whole, rise=checks.fraction)
        self._check(start=checks.positive, end=checks.positive)

    def __call__(self, step: int) -> float:
        step = self._counted(step)
        top = self.rise * self.steps
        if step < top:
            return half_wave(self.learning_rate / self.start, self.learning_rate, step / top)
        return half_wave(self.learning_rate, self.learning_rate / self.end, (step - top) / (self.steps - top))
