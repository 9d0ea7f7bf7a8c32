"""Pictures of learning rates: those of a schedule, and the test that finds a good one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from .shown import empty_figure
from .style import COLORS, MARKERS, check_flag, check_has, panels, styles

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Tried(Protocol):
    """What a learning rate range test found, such as a `RateRange` of `training`."""

    @property
    def rates(self) -> Sequence[float]:
        """The rate of every step."""

    @property
    def losses(self) -> Sequence[float]:
        """The loss of every step."""

    @property
    def smooth(self) -> Sequence[float]:
        """The same, smoothed."""

    @property
    def suggestion(self) -> float | None:
        """A good rate, if there is one."""


def plot_schedule(
    schedule: Callable[[int], float] | Mapping[str, Callable[[int], float]], n_steps: int, *, log: bool = False
) -> Figure:
    """Draw the learning rate of every step.

    Parameters
    ----------
    schedule : callable step -> rate, or dict of str to callable
        A dict draws several, under their names.
    n_steps : int
    log : bool, default False
        The rate on a logarithmic scale.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    TypeError, ValueError
        If a schedule is not callable, or n_steps not a whole number of at least 1.

    Examples
    --------
    >>> figure = plot_schedule(lambda step: 0.1 / (1 + 0.01 * step), n_steps=500)
    >>> figure.axes[0].get_ylabel()
    'learning rate (per step)'
    """
    if not isinstance(n_steps, int | np.integer) or isinstance(n_steps, bool):
        raise TypeError(f"plot_schedule: n_steps must be a whole number, got {n_steps!r}")
    if n_steps < 1:
        raise ValueError(f"plot_schedule: n_steps must be at least 1, got {n_steps}")
    several = schedule if isinstance(schedule, Mapping) else {"": schedule}
    log = check_flag("plot_schedule", "log", log)
    for name, rate in several.items():
        if isinstance(rate, type):
            raise TypeError(f"plot_schedule: schedule must be an object, got the class {rate.__name__}")
        if not callable(rate):
            raise TypeError(f"plot_schedule: schedule must be callable with a step, got {rate!r} {name}".rstrip())
    drawn = {name: [_number(step, rate(step)) for step in range(n_steps)] for name, rate in several.items()}
    figure, (axes,) = panels(1, 1, (7.0, 3.0))
    for (name, rates), (color, _) in zip(drawn.items(), styles(MARKERS), strict=False):
        axes.plot(range(n_steps), rates, color=color, label=name)
    axes.set_xlabel("step")
    axes.set_ylabel("learning rate (per step)")
    axes.set_yscale("log" if log else "linear")
    if len(several) > 1:
        figure.legend(loc="outside right upper", frameon=False)
    return figure


def plot_rate_range(found: Tried) -> Figure:
    """Draw a learning rate range test: the loss over the rate, the suggestion marked.

    Parameters
    ----------
    found : RateRange
        As `learning_rate_range_test` gives it.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> x, y = spirals(rng=0)
    >>> model = Sequential([Dense(2, 8), ReLU(), Dense(8, 3)], rng=0)
    >>> found = learning_rate_range_test(model, SoftmaxCrossEntropy(), SGD(0.1), x, y, rng=0)
    >>> plot_rate_range(found).axes[0].get_xlabel()
    'learning rate (per step)'
    """
    check_has("plot_rate_range", "found", found, "a RateRange", "rates", "losses", "smooth", "suggestion")
    figure = empty_figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(found.rates, found.losses, color="gray", alpha=0.4, linewidth=1, label="each step")
    axes.plot(found.rates, found.smooth, color=COLORS["blue"], linewidth=2, label="smoothed")
    if found.suggestion is not None:
        axes.axvline(
            found.suggestion, color=COLORS["vermillion"], linestyle="--", label=f"suggested: {found.suggestion:.2g}"
        )
    # From a little below the lowest loss to a little above the first: where the loss explodes, it leaves the picture.
    finite = np.array(found.smooth)[np.isfinite(found.smooth)]
    span = finite[0] - finite.min() if len(finite) else 0.0
    if span > 0:
        axes.set_ylim(finite.min() - 0.2 * span, finite[0] + 0.6 * span)
    axes.set(xscale="log", xlabel="learning rate (per step)", ylabel="loss", title="Learning rate range test")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def _number(step: int, rate: Any) -> float:
    """Return what a schedule returned, which must be a finite number."""
    rate = rate.item() if isinstance(rate, np.ndarray) and rate.ndim == 0 else rate
    if isinstance(rate, bool) or not isinstance(rate, int | float | np.integer | np.floating):
        raise TypeError(f"plot_schedule: schedule({step}) must be a number, got {rate!r}")
    if not np.isfinite(rate):
        raise ValueError(f"plot_schedule: schedule({step}) must be finite, got {rate}")
    return float(rate)
