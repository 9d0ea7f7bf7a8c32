"""What all pictures have in common: colors, markers, dashes, and panels to draw in."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from .shown import empty_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe, Ito (2008), "Color Universal Design": told apart by color-blind readers too. Yellow is left out, it is too
# pale for lines on white.
COLORS = {
    "blue": "#0072B2",
    "vermillion": "#D55E00",
    "green": "#009E73",
    "purple": "#CC79A7",
    "orange": "#E69F00",
    "sky blue": "#56B4E9",
    "black": "#000000",
}
MARKERS = ("o", "s", "D", "^", "v", "P", "*", "X")
DASHES = ("-", "--", "-.", ":")


def styles(marks: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield (color, mark) without end: every color with the first mark, then every color with the next one.

    Examples
    --------
    >>> from pictures.style import DASHES, styles
    >>> found = [style for style, _ in zip(styles(DASHES), range(8))]
    >>> found[0], found[1], found[7]
    (('#0072B2', '-'), ('#D55E00', '-'), ('#0072B2', '--'))
    """
    return itertools.cycle([(color, mark) for mark in marks for color in COLORS.values()])


def panels(n_rows: int, n_columns: int, size: tuple[float, float], **options: Any) -> tuple[Figure, list[Axes]]:
    """Return a figure and its empty axes, row by row in one list; the options are those of `Figure.subplots`.

    Examples
    --------
    >>> from pictures.style import panels
    >>> figure, axes = panels(2, 1, (7.0, 4.0), sharex=True)
    >>> len(axes)
    2
    """
    from matplotlib.ticker import MaxNLocator

    figure = empty_figure(figsize=size, layout="constrained")
    grid = figure.subplots(n_rows, n_columns, squeeze=False, **options)
    for axes in grid.flat:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="0.9", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure, list(grid.flat)


def check_has(who: str, name: str, thing: Any, kind: str, *members: str) -> None:
    """Raise unless a thing has what is drawn of it: it is one of this kind, or like one.

    Examples
    --------
    >>> from pictures.style import check_has
    >>> check_has("plot_history", "history", None, "a History", "names", "best")
    Traceback (most recent call last):
        ...
    TypeError: plot_history: history must be a History, got None
    """
    if isinstance(thing, type):
        raise TypeError(f"{who}: {name} must be {kind}, got the class {thing.__name__}")
    if not all(hasattr(thing, member) for member in members):
        got = "None" if thing is None else type(thing).__name__
        raise TypeError(f"{who}: {name} must be {kind}, got {got}")


def check_flag(who: str, name: str, value: Any) -> bool:
    """Return value as a bool; raise unless it is True or False, which NumPy has too.

    Examples
    --------
    >>> from pictures.style import check_flag
    >>> check_flag("plot_history", "log", "yes")
    Traceback (most recent call last):
        ...
    TypeError: plot_history: log must be True or False, got 'yes'
    """
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{who}: {name} must be True or False, got {value!r}")
    return bool(value)


def check_text(who: str, name: str, value: Any) -> str:
    """Return value; raise unless it is a text.

    Examples
    --------
    >>> from pictures.style import check_text
    >>> check_text("plot_circuit", "title", 7)
    Traceback (most recent call last):
        ...
    TypeError: plot_circuit: title must be text, got 7
    """
    if not isinstance(value, str):
        raise TypeError(f"{who}: {name} must be text, got {value!r}")
    return value
