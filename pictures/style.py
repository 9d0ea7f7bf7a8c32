"""What all pictures have in common: colors, markers, dashes, legends, and panels to draw in."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .shown import empty_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe, Ito (2008), "Color Universal Design": told apart by color-blind readers too. Yellow is left out, it is too
# pale for lines on white. In grey some look alike: whatever is drawn in several has a dash or a marker too.
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

# The convention of all pictures: training is solid, validation dashed. Of one training they also have these colors; of
# several each has a color of its own.
TRAINING: dict[str, Any] = {"color": COLORS["blue"], "linestyle": "-"}
VALIDATION: dict[str, Any] = {"color": COLORS["vermillion"], "linestyle": "--"}
GUIDE: dict[str, Any] = {"color": "0.5", "linewidth": 1.0}  # a line that is no curve: a bound, a moment
SHARES = "Blues"  # the color map of what begins at 0
SIGNED = "RdBu_r"  # and of what may be below: red is positive, blue negative
SMALL = 9.0  # points: texts beside the point

LETTER = 0.075  # inches, of a small text
LINE = 0.2
SAMPLE = 0.75  # inches of a legend before and behind a text


def styles(marks: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield (color, mark) without end; one that comes after another differs from it in both.

    Where the number of marks and that of colors have no common divisor, every pair comes before one comes again.

    Examples
    --------
    >>> from pictures.style import DASHES, styles
    >>> found = [style for style, _ in zip(styles(DASHES), range(8))]
    >>> found[0], found[1], found[7]
    (('#0072B2', '-'), ('#D55E00', '--'), ('#0072B2', ':'))
    """
    return zip(itertools.cycle(COLORS.values()), itertools.cycle(marks), strict=False)


def dressed(axes: Axes, *, whole: bool = False) -> Axes:
    """Return axes with the look of the house: its colors in turn, a pale grid, a frame on two sides.

    Parameters
    ----------
    axes : Axes
    whole : bool, default False
        Whether x counts something, epochs or steps: there are no ticks between whole numbers.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from pictures.style import dressed
    >>> dressed(Figure().subplots()).plot([1, 2])[0].get_color()
    '#0072B2'
    """
    from matplotlib.ticker import MaxNLocator

    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_prop_cycle(color=[*COLORS.values()])
    if whole:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return axes


def panels(
    n_rows: int, n_columns: int, size: tuple[float, float], *, whole: bool = False, **options: Any
) -> tuple[Figure, list[Axes]]:
    """Return a figure and its empty axes, `dressed`, row by row in one list; the options are those of `subplots`.

    The figure belongs to nobody: it is shown once, by whoever shows it, and goes when it is no longer used.

    Examples
    --------
    >>> from pictures.style import panels
    >>> figure, axes = panels(2, 1, (7.0, 4.0), sharex=True)
    >>> len(axes)
    2
    """
    figure = empty_figure(figsize=size, layout="constrained")
    grid = figure.subplots(n_rows, n_columns, squeeze=False, **options)
    return figure, [dressed(axes, whole=whole) for axes in grid.flat]


def legend_below(figure: Figure, handles: Sequence[Any], labels: Sequence[str]) -> None:
    """Put a legend below all panels: in as many columns as there is room for; the figure grows by its rows.

    Examples
    --------
    >>> from pictures.style import legend_below, panels
    >>> figure, (axes,) = panels(1, 1, (6.0, 3.0))
    >>> lines = [axes.plot([i, 1])[0] for i in range(30)]
    >>> legend_below(figure, lines, [f"run {i}" for i in range(30)])
    >>> float(figure.get_figheight().round(1))
    4.7
    """
    width, height = figure.get_size_inches()
    labels = [shortened(label, int((width - 2 * SAMPLE) / LETTER)) for label in labels]
    each = SAMPLE + LETTER * max(map(len, labels))
    n_columns = max(1, min(len(labels), int((width - 0.3) / each)))
    figure.set_size_inches(width, height + LINE * math.ceil(len(labels) / n_columns) + 0.1)
    figure.legend(handles, labels, loc="outside lower center", ncols=n_columns, frameon=False, fontsize=SMALL)


def shortened(text: str, n: int) -> str:
    """Return a text, or its beginning with three dots, if it has more than n letters.

    Examples
    --------
    >>> from pictures.style import shortened
    >>> shortened("a name", 6), shortened("a long name", 6)
    ('a name', 'a lon…')
    """
    return text if len(text) <= n else f"{text[: n - 1]}…"


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
