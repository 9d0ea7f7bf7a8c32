"""Pictures of histories: one training in all its numbers, or several trainings in the same axes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from .style import COLORS, MARKERS, check_flag, check_has, panels, styles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SETTINGS = ("epoch", "learning_rate", "gradient_norm", "seconds")  # numbers of a training, not of how good it is
RECORDED = ("names", "unit", "best", "__getitem__")
FEW = 40  # epochs, each of which gets a dot of its own


class Recorded(Protocol):
    """What is drawn here: numbers of every epoch by name, such as a `History` of `training`."""

    @property
    def names(self) -> Sequence[str]:
        """Of the columns."""

    @property
    def unit(self) -> str:
        """Of the loss, or nothing."""

    def __getitem__(self, name: str, /) -> Sequence[float]: ...

    def best(self) -> Mapping[str, float]:
        """Return the row of the best epoch; raise KeyError or ValueError where there is none."""


def plot_history(history: Recorded, *, log: bool = False) -> Figure:
    """Draw loss, metrics, learning rate and, if gradients were clipped, their norm, one panel below the other.

    The epoch in which the validation loss (without validation, the loss) is best is marked in every panel.

    Parameters
    ----------
    history : History
    log : bool, default False
        Loss, learning rate and norm on logarithmic scales.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is nothing to draw in it.

    Examples
    --------
    >>> history = History({"epoch": [0, 1, 2], "loss": [2.3, 0.9, 0.4], "validation_loss": [2.3, 1.0, 1.1]})
    >>> figure = plot_history(history)
    >>> figure.axes[0].get_ylabel()
    'loss (nats)'
    """
    check_has("plot_history", "history", history, "a History", *RECORDED)
    log = check_flag("plot_history", "log", log)
    names = [*_measured(history), *(name for name in ("learning_rate", "gradient_norm") if name in history.names)]
    if not names:
        raise ValueError(f"plot_history: the history must have a loss, got only {list(history.names)}")
    heights = [1.0 if name in SETTINGS else 2.2 if name != "loss" else 3.0 for name in names]
    figure, grid = panels(len(names), 1, (7.0, 1.0 + sum(heights)), height_ratios=heights, sharex=True)
    epochs, best = _epochs(history), _best(history)
    for axes, name in zip(grid, names, strict=True):
        if best is not None:
            axes.axvline(best["epoch"], color="0.75", linewidth=1, zorder=0)
        if name in SETTINGS:
            axes.plot(epochs, history[name], color=COLORS["green"])
        else:
            _draw_pair(axes, history, name, best)
        axes.set_ylabel(_label(name, history.unit))
        if log and (name in SETTINGS or name == "loss"):
            axes.set_yscale("log")
    grid[-1].set_xlabel("epoch")
    figure.align_ylabels()
    return figure


def plot_histories(histories: Mapping[str, Recorded], *, log: bool = False) -> Figure:
    """Draw several trainings into the same axes: a panel for the loss and one for each metric that all of them have.

    Each has its color; solid lines are validation, dashed ones training, and a dot marks the best epoch.

    Parameters
    ----------
    histories : dict of str to History
        The names are those in the legend.
    log : bool, default False
        The loss on a logarithmic scale.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no history, or nothing that all of them have.

    Examples
    --------
    >>> slow = History({"epoch": [0, 1, 2], "loss": [2.3, 1.9, 1.6]})
    >>> fast = History({"epoch": [0, 1, 2], "loss": [2.3, 0.9, 0.4]})
    >>> figure = plot_histories({"lr 0.01": slow, "lr 0.1": fast})
    >>> [text.get_text() for text in figure.legends[0].get_texts()]
    ['lr 0.01', 'lr 0.1']
    """
    if not isinstance(histories, Mapping) or not histories:
        raise ValueError(f"plot_histories: histories must be a dict of at least one History by name, got {histories!r}")
    for name, history in histories.items():
        check_has("plot_histories", f"histories[{name!r}]", history, "a History", *RECORDED)
    log = check_flag("plot_histories", "log", log)
    first, *others = histories.values()
    names = [name for name in _measured(first) if all(name in _measured(other) for other in others)]
    if not names:
        raise ValueError("plot_histories: the histories must have at least the loss in common, got nothing in common")
    n_columns = min(2, len(names))
    n_rows = math.ceil(len(names) / n_columns)
    figure, grid = panels(n_rows, n_columns, (2.0 + 4.5 * n_columns, 0.4 + 3.2 * n_rows), sharex=True)
    units = {history.unit for history in histories.values()}
    unit = units.pop() if len(units) == 1 else ""
    for axes, name in zip(grid, names, strict=False):
        for (run, history), (color, marker) in zip(histories.items(), styles(MARKERS), strict=False):
            _draw_run(axes, history, name, color, marker, run)
        axes.set_xlabel("epoch")
        axes.set_ylabel(_label(name, unit))
        if log and name == "loss":
            axes.set_yscale("log")
    for axes in grid[len(names) :]:
        axes.set_visible(False)
    handles, labels = grid[0].get_legend_handles_labels()
    if any("validation_loss" in history.names for history in histories.values()):
        for label, style in (("validation", "-"), ("training", "--")):
            handles += grid[0].plot([], [], color="0.4", linestyle=style)
            labels.append(label)
    figure.legend(handles, labels, loc="outside right upper", frameon=False)
    return figure


def _draw_pair(axes: Axes, history: Recorded, name: str, best: Mapping[str, float] | None) -> None:
    """Draw a number in training and in validation, and the best epoch; the legend goes above the axes."""
    epochs, validation = _epochs(history), f"validation_{name}"
    marker = "." if len(epochs) <= FEW else None
    axes.plot(epochs, history[name], color=COLORS["blue"], marker=marker, label="training")
    watched = name
    if validation in history.names:
        axes.plot(epochs, history[validation], "--", color=COLORS["vermillion"], marker=marker, label="validation")
        watched = validation
    if best is not None:
        label = f"epoch {best['epoch']:g}, the best by loss: {best[watched]:.4g}"
        axes.plot(best["epoch"], best[watched], "*", color="black", markersize=10, linestyle="", label=label)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, frameon=False, borderaxespad=0, fontsize="small")


def _draw_run(axes: Axes, history: Recorded, name: str, color: str, marker: str, run: str) -> None:
    """Draw a number of one of several trainings, and its best epoch."""
    epochs, validation = _epochs(history), f"validation_{name}"
    validated = validation in history.names
    watched = validation if validated else name
    axes.plot(epochs, history[watched], color=color, label=run)
    if validated:
        axes.plot(epochs, history[name], "--", color=color, linewidth=1, alpha=0.7)
    best = _best(history)
    if best is not None:
        axes.plot(best["epoch"], best[watched], marker, color=color, markersize=7)


def _measured(history: Recorded) -> list[str]:
    """Return what tells how good a model is, the loss first."""
    return [name for name in history.names if name not in SETTINGS and not name.startswith("validation_")]


def _epochs(history: Recorded) -> Sequence[float]:
    """Return the epochs; where they were not counted, the numbers of the rows."""
    return history["epoch"] if "epoch" in history.names else range(len(history[history.names[0]]))


def _best(history: Recorded) -> dict[str, float] | None:
    try:
        return {"epoch": math.nan, **history.best()}
    except (KeyError, ValueError):
        return None


def _label(name: str, unit: str) -> str:
    """Return the name of a number with its unit."""
    if name == "loss":
        return f"loss ({unit})" if unit else "loss"
    if name == "learning_rate":
        return "learning rate\n(per step)"
    return name.replace("_", " ")
