"""Pictures of histories: one training in all its numbers, or several trainings in the same axes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from .scales import log_scale, near_one, stretch_towards_one
from .style import (
    COLORS,
    MARKERS,
    SMALL,
    TRAINING,
    VALIDATION,
    check_flag,
    check_has,
    legend_below,
    panels,
    shortened,
    styles,
)  # fmt: skip

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SETTINGS = ("epoch", "learning_rate", "gradient_norm", "seconds")  # numbers of a training, not of how good it is
RECORDED = ("names", "unit", "best", "__getitem__")
FEW = 40  # epochs, each of which gets a dot of its own
MARKS = 8  # on a curve among others
LONGEST = 24  # letters of a name


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

    Training is solid, validation dashed. The epoch in which the validation loss (without validation, the loss) is
    lowest is marked in every panel. The learning rate stands at the first step of each epoch, where it was recorded;
    one that never changes is told below the epochs, and has no panel. A metric that comes close to 1 has an axis that
    stretches towards 1.

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
    names = [name for name in _measured(history) if _known([*history[name], *_validation(history, name)])]
    rates = _at_first_steps(history)
    constant = len({rate for _, rate in rates}) == 1
    if rates and not constant:
        names.append("learning_rate")
    if "gradient_norm" in history.names and _known(history["gradient_norm"]):
        names.append("gradient_norm")
    if not names:
        raise ValueError(f"plot_history: the history must have a loss, got only {list(history.names)}")
    heights = [1.3 if name in SETTINGS else 2.2 if name != "loss" else 3.0 for name in names]
    figure, grid = panels(
        len(names), 1, (7.0, 1.0 + sum(heights)), height_ratios=heights, sharex=True, whole=True
    )  # fmt: skip
    best = _best(history)
    for axes, name in zip(grid, names, strict=True):
        if best is not None:
            axes.axvline(best["epoch"], color="0.75", linewidth=1, zorder=0)
        axes.set_ylabel(_label(name, history.unit))
        if name == "learning_rate":
            axes.plot(*zip(*rates, strict=True), color=COLORS["green"], marker=_dot(rates))
        elif name == "gradient_norm":
            axes.plot(_epochs(history), history[name], color=COLORS["green"], marker=_dot(history[name]))
        else:
            _draw_pair(axes, history, name, best)
        if log and (name in SETTINGS or name == "loss"):
            log_scale(axes)
    grid[-1].set_xlabel(f"epoch (learning rate {rates[0][1]:g} throughout)" if constant else "epoch")
    figure.align_ylabels()
    return figure


def plot_histories(histories: Mapping[str, Recorded], *, log: bool = False) -> Figure:
    """Draw several trainings into the same axes: a panel for the loss and one for each metric that all of them have.

    Each has its color and its marker; training is solid, validation dashed, and the marker of the epoch with the
    lowest loss is large.

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
    ['lr 0.01', 'lr 0.1', 'lowest loss']
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
    n_columns = 1 if len(names) == 1 else 3 if len(names) % 3 == 0 else 2
    n_rows = math.ceil(len(names) / n_columns)
    size = (7.0 if n_columns == 1 else 4.2 * n_columns, 0.2 + 3.2 * n_rows)
    figure, grid = panels(n_rows, n_columns, size, sharex=True, whole=True)
    units = {history.unit for history in histories.values()}
    unit = units.pop() if len(units) == 1 else ""
    for axes, name in zip(grid, names, strict=False):
        for i, ((run, history), (color, marker)) in enumerate(zip(histories.items(), styles(MARKERS), strict=False)):
            _draw_run(axes, history, name, color, marker, run, i / len(histories))
        axes.set_xlabel("epoch")
        axes.set_ylabel(_label(name, unit))
        values = [value for history in histories.values() for value in history[name]]
        values += [value for history in histories.values() for value in _validation(history, name)]
        _scale(axes, name, values, log)
    for axes in grid[len(names) :]:
        axes.set_visible(False)
    handles, labels = grid[0].get_legend_handles_labels()
    validated = any("validation_loss" in history.names for history in histories.values())
    if validated:
        for label, dash in (("training", TRAINING["linestyle"]), ("validation", VALIDATION["linestyle"])):
            handles += grid[0].plot([], [], color="0.4", linestyle=dash)
            labels.append(label)
    if any(_best(history) is not None for history in histories.values()):
        handles += grid[0].plot([], [], "o", color="0.4", markersize=9, markeredgecolor="black")
        labels.append("lowest validation loss" if validated else "lowest loss")
    legend_below(figure, handles, labels)
    return figure


def _draw_pair(axes: Axes, history: Recorded, name: str, best: Mapping[str, float] | None) -> None:
    """Draw a number in training and in validation, and the best epoch; the legend goes above the axes."""
    epochs, validation = _epochs(history), _validation(history, name)
    said = ("training", "validation") if name == "loss" else ("_", "_")  # once is enough
    axes.plot(epochs, history[name], **TRAINING, marker=_dot(epochs), label=said[0])
    if validation:
        axes.plot(epochs, validation, **VALIDATION, marker=_dot(epochs), label=said[1])
    watched = f"validation_{name}" if validation else name
    if best is not None and math.isfinite(best[watched]):
        lowest = "validation loss" if "validation_loss" in history.names else "loss"
        where = f"where the {lowest} is lowest" if name != "loss" else f"the lowest {lowest}"
        label = f"{_label(name, '')} {best[watched]:.4g} at epoch {best['epoch']:g}, {where}"
        axes.plot(best["epoch"], best[watched], "*", color="black", markersize=10, linestyle="", label=label)
    _scale(axes, name, [*history[name], *validation], log=False)
    axes.legend(
        loc="lower right", bbox_to_anchor=(1, 1), ncols=3, frameon=False, borderaxespad=0, fontsize=SMALL,
        columnspacing=1.2, handletextpad=0.5,
    )  # fmt: skip


def _draw_run(axes: Axes, history: Recorded, name: str, color: str, marker: str, run: str, turn: float) -> None:
    """Draw a number of one of several trainings, and its best epoch; turn is where on the curve its markers begin."""
    epochs, validation = _epochs(history), _validation(history, name)
    shown = validation or history[name]
    gap = max(1, len(epochs) // MARKS)
    look: dict[str, Any] = {"color": color, "marker": marker, "markersize": 4, "markevery": (int(turn * gap), gap)}
    dash = VALIDATION["linestyle"] if validation else TRAINING["linestyle"]
    axes.plot(epochs, shown, linestyle=dash, label=run, **look)
    if validation:
        axes.plot(epochs, history[name], TRAINING["linestyle"], color=color, linewidth=1, alpha=0.6)
    best = _best(history)
    if best is not None:
        at = best[f"validation_{name}" if validation else name]
        axes.plot(best["epoch"], at, marker, color=color, markersize=9, markeredgecolor="black", zorder=3)


def _scale(axes: Axes, name: str, values: Iterable[float], log: bool) -> None:
    """Give the axis of a number the scale on which it can be read."""
    if name == "loss":
        if log:
            log_scale(axes)
    elif near_one(values := [*values]):
        stretch_towards_one(axes, values)
        axes.set_ylabel(f"{axes.get_ylabel()}\n(stretched towards 1)")


def _measured(history: Recorded) -> list[str]:
    """Return what tells how good a model is, the loss first."""
    return [name for name in history.names if name not in SETTINGS and not name.startswith("validation_")]


def _validation(history: Recorded, name: str) -> Sequence[float]:
    """Return a number as it was in validation; nothing, where it was not measured."""
    return history[f"validation_{name}"] if f"validation_{name}" in history.names else ()


def _known(values: Iterable[float]) -> bool:
    return any(math.isfinite(value) for value in values)


def _at_first_steps(history: Recorded) -> list[tuple[float, float]]:
    """Return (epochs done, learning rate) at the first step of each epoch: of epoch 3, two are done."""
    if "learning_rate" not in history.names:
        return []
    rows = zip(_epochs(history), history["learning_rate"], strict=True)
    counted = "epoch" in history.names
    found = [(epoch - 1 if counted else epoch, rate) for epoch, rate in rows if not counted or epoch > 0]
    return [(epoch, rate) for epoch, rate in found if math.isfinite(rate)]


def _epochs(history: Recorded) -> Sequence[float]:
    """Return the epochs; where they were not counted, the numbers of the rows."""
    return history["epoch"] if "epoch" in history.names else range(len(history[history.names[0]]))


def _dot(values: Sequence[object]) -> str:
    """Return the marker of a curve that is by itself: dots, where they are few."""
    return "." if len(values) <= FEW else ""


def _best(history: Recorded) -> dict[str, float] | None:
    try:
        return {"epoch": math.nan, **history.best()}
    except (KeyError, ValueError):
        return None


def _label(name: str, unit: str) -> str:
    """Return the name of a number with its unit."""
    if name == "loss":
        return f"loss ({unit})" if unit else "loss"
    if name == "gradient_norm":
        return "gradient norm\n(mean of epoch)"
    return shortened(name.replace("_", " "), LONGEST)
