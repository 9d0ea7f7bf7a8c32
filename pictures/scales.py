"""Scales on which a curve can be read: logarithmic ones whose labels find room, and one that stretches towards 1."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROUND = (0, 1, 0.9, 0.99, 0.999, 0.9999, 0.5, 0.7, 0.8, 0.95, 0.98, 0.995, 0.998, 0.9995, 0.9998)  # round ones first
CROWD = 4  # one in so many


def log_scale(axes: Axes, which: str = "y") -> None:
    """Make an axis logarithmic, with as many labels as find room: call it after drawing.

    Over less than three decades there are labels at 1 and 3, over less than two at 1, 2 and 5, over less than one at 1,
    2, 3 and 5, over less than half of one those of a plain axis. Where no number is positive, the axis stays as it is.

    Examples
    --------
    >>> from pictures.scales import log_scale
    >>> from pictures.style import panels
    >>> figure, (axes,) = panels(1, 1, (4.0, 2.0))
    >>> _ = axes.plot([0.2, 0.6, 1.5])
    >>> log_scale(axes)
    >>> low, high = axes.get_ylim()
    >>> [f"{tick:g}" for tick in axes.get_yticks() if low <= tick <= high]
    ['0.2', '0.3', '0.5', '1']
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    if not math.isfinite(getattr(axes.dataLim, f"minpos{which}")):
        return  # nothing is above 0
    axes.set(**{f"{which}scale": "log"})
    axis = getattr(axes, f"{which}axis")
    low, high = sorted(axis.get_view_interval())
    decades = math.log10(high / low)
    if decades >= 2:
        room = _share(axes, which)
        subs = (1.0, 3.0) if decades < 3 and room > 0.5 else (1.0,)
        axis.set_major_locator(LogLocator(subs=subs, numticks=max(3, round(6 * room))))
    elif decades > 0.5:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 3.0, 5.0) if decades < 1 else (1.0, 2.0, 5.0)))
    else:
        axis.set_major_locator(MaxNLocator(5))
    axis.set_major_formatter(FuncFormatter(lambda value, _: in_short(value)))
    axis.set_minor_formatter(NullFormatter())


def in_short(value: float) -> str:
    """Return a number as a tick says it: plain from 0.0001 to 10,000, beyond as a power of ten.

    Examples
    --------
    >>> from pictures.scales import in_short
    >>> in_short(0.05), in_short(1e-5)
    ('0.05', '$10^{-5}$')
    """
    if value == 0 or 1e-4 <= abs(value) * (1 + 1e-9) < 1e5:
        return f"{value:.6g}"
    digits, _, power = f"{value:.6e}".partition("e")
    digits = digits.rstrip("0").rstrip(".")
    return f"$10^{{{int(power)}}}$" if digits == "1" else f"${digits}\\times 10^{{{int(power)}}}$"


def near_one(values: Iterable[float]) -> bool:
    """Whether numbers between 0 and 1 crowd above 0.9, where they need room: accuracies, say.

    Examples
    --------
    >>> from pictures.scales import near_one
    >>> near_one([0.1, 0.9, 0.98]), near_one([0.1, 0.5]), near_one([3.0, 0.99])
    (True, False, False)
    """
    finite = [value for value in values if math.isfinite(value)]
    if not finite or min(finite) < 0 or max(finite) > 1:
        return False
    return sum(value > 0.9 for value in finite) * CROWD > len(finite)


def stretch_towards_one(axes: Axes, values: Iterable[float]) -> None:
    """Give each tenth of what is missing to 1 the same room on the y axis: 0, 0.9, 0.99, 0.999.

    Examples
    --------
    >>> from pictures.scales import stretch_towards_one
    >>> from pictures.style import panels
    >>> figure, (axes,) = panels(1, 1, (4.0, 3.0))
    >>> _ = axes.plot([0.1, 0.9, 0.99, 0.995])
    >>> stretch_towards_one(axes, [0.1, 0.9, 0.99, 0.995])
    >>> low, high = axes.get_ylim()
    >>> [f"{tick:g}" for tick in axes.get_yticks() if low <= tick <= high]
    ['0', '0.5', '0.7', '0.9', '0.95', '0.98', '0.99', '0.995']
    """
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    finite = [value for value in values if math.isfinite(value)]
    errors = [1 - value for value in finite if value < 1]
    least = max(min(errors, default=0.01), 1e-6) / 2  # 1 itself is as far from the best as that is from what is half

    def forward(value: Any) -> Any:
        return -np.log10(np.maximum(1 + least - np.asarray(value), least / 10))

    def inverse(stretched: Any) -> Any:
        return 1 + least - 10.0 ** -np.asarray(stretched)

    axes.set_yscale("function", functions=(forward, inverse))
    low, high = forward(min(finite)), forward(max(finite))
    margin = 0.05 * (high - low) or 0.1
    axes.set_ylim(inverse(low - margin), inverse(high + margin))
    low, high = low - margin, high + margin
    ticks: list[float] = []
    for tick in ROUND:
        place = forward(tick)
        if low <= place <= high and all(abs(place - forward(other)) > 0.09 * (high - low) for other in ticks):
            ticks.append(tick)
    axes.yaxis.set_major_locator(FixedLocator(sorted(ticks)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def _share(axes: Axes, which: str) -> float:
    """Return what part of four inches an axis is long, as far as that is known before a figure is laid out."""
    figure: Any = axes.figure.canvas.figure  # the outermost one, by words that matplotlib 3.9 has too
    width, height = figure.get_size_inches()
    place = axes.get_position()
    return float(place.height * height if which == "y" else place.width * width) / 4
