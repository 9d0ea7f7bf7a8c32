"""Pictures of trainings. Each function returns its matplotlib figure and shows nothing: save it or show it yourself."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from layers.contract import check_sizes

if TYPE_CHECKING:
    from training.history import History

# Okabe, Ito (2008), "Color Universal Design": told apart by colour-blind readers too. Yellow is left out, it is too
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
SETTINGS = ("epoch", "learning_rate", "gradient_norm", "seconds")  # numbers of a training, not of how good it is


def plot_history(history: History, log: bool = False) -> Any:
    """Draw loss, metrics, learning rate and, if gradients were clipped, their norm, one panel each, above one another.

    The epoch in which the validation loss (without validation, the loss) is best is marked in every panel.

    Parameters
    ----------
    history : History
    log : bool, default False
        Loss, learning rate and norm on logarithmic scales.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> history = History({"epoch": [0, 1, 2], "loss": [2.3, 0.9, 0.4], "validation_loss": [2.3, 1.0, 1.1]})
    >>> figure = plot_history(history)
    >>> figure.axes[0].get_ylabel()
    'loss (nats)'
    """
    names = [*_measured(history), *(name for name in ("learning_rate", "gradient_norm") if name in history)]
    if not names:
        raise ValueError(f"plot_history: the history must have a loss, got only {list(history.names)}")
    heights = [1.0 if name in SETTINGS else 2.2 if name != "loss" else 3.0 for name in names]
    figure, panels = _panels(len(names), 1, (7.0, 1.0 + sum(heights)), height_ratios=heights, sharex=True)
    epochs, best = _epochs(history), _best(history)
    for axes, name in zip(panels, names, strict=True):
        if best is not None:
            axes.axvline(best["epoch"], color="0.75", linewidth=1, zorder=0)
        if name in SETTINGS:
            axes.plot(epochs, history[name], color=COLORS["green"])
        else:
            _draw_pair(axes, history, name, best)
        axes.set_ylabel(_label(name, history.unit))
        if log and (name in SETTINGS or name == "loss"):
            axes.set_yscale("log")
    panels[-1].set_xlabel("epoch")
    figure.align_ylabels()
    return figure


def plot_histories(histories: Mapping[str, History], log: bool = False) -> Any:
    """Draw several trainings over one another: a panel for the loss and one for each metric that all of them have.

    Each has its colour; solid lines are validation, dashed ones training, and a dot marks the best epoch.

    Parameters
    ----------
    histories : dict of str to History
        The names are those in the legend.
    log : bool, default False
        The loss on a logarithmic scale.

    Returns
    -------
    matplotlib.figure.Figure

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
    first, *others = histories.values()
    names = [name for name in _measured(first) if all(name in _measured(other) for other in others)]
    if not names:
        raise ValueError("plot_histories: the histories must have at least the loss in common, got nothing in common")
    n_columns = min(2, len(names))
    n_rows = math.ceil(len(names) / n_columns)
    figure, panels = _panels(n_rows, n_columns, (2.0 + 4.5 * n_columns, 0.4 + 3.2 * n_rows), sharex=True)
    for axes, name in zip(panels, names, strict=False):
        for (run, history), (color, marker) in zip(histories.items(), _styles(), strict=False):
            _draw_run(axes, history, name, color, marker, run)
        axes.set_xlabel("epoch")
        units = {history.unit for history in histories.values()}
        axes.set_ylabel(_label(name, units.pop() if len(units) == 1 else ""))
        if log and name == "loss":
            axes.set_yscale("log")
    for axes in panels[len(names) :]:
        axes.set_visible(False)
    handles, labels = panels[0].get_legend_handles_labels()
    if any("validation_loss" in history for history in histories.values()):
        for label, style in (("validation", "-"), ("training", "--")):
            handles += panels[0].plot([], [], color="0.4", linestyle=style)
            labels.append(label)
    figure.legend(handles, labels, loc="outside right upper", frameon=False)
    return figure


def plot_schedule(schedule: Any, n_steps: int, log: bool = False) -> Any:
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

    Examples
    --------
    >>> figure = plot_schedule(lambda step: 0.1 / (1 + 0.01 * step), n_steps=500)
    >>> figure.axes[0].get_ylabel()
    'learning rate (per step)'
    """
    check_sizes("plot_schedule", n_steps=n_steps)
    several: Mapping[str, Callable[[int], float]] = schedule if isinstance(schedule, Mapping) else {"": schedule}
    for name, rate in several.items():
        if not callable(rate):
            raise TypeError(f"plot_schedule: schedule must be callable with a step, got {rate!r} {name}".rstrip())
    figure, (axes,) = _panels(1, 1, (7.0, 3.0))
    for (name, rate), (color, _) in zip(several.items(), _styles(), strict=False):
        axes.plot(range(n_steps), [rate(step) for step in range(n_steps)], color=color, label=name)
    axes.set_xlabel("step")
    axes.set_ylabel("learning rate (per step)")
    axes.set_yscale("log" if log else "linear")
    if len(several) > 1:
        figure.legend(loc="outside right upper", frameon=False)
    return figure


def _panels(n_rows: int, n_columns: int, size: tuple[float, float], **options: Any) -> tuple[Any, list[Any]]:
    """Return a figure and its empty axes, in one list."""
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator

    figure, grid = plt.subplots(n_rows, n_columns, figsize=size, layout="constrained", squeeze=False, **options)
    for axes in grid.flat:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="0.9", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure, list(grid.flat)


def _draw_pair(axes: Any, history: History, name: str, best: Mapping[str, float] | None) -> None:
    """Draw a number in training and in validation, and the best epoch; the legend goes above the axes."""
    epochs, validation = _epochs(history), f"validation_{name}"
    marker = "." if len(history) <= 40 else None
    axes.plot(epochs, history[name], color=COLORS["blue"], marker=marker, label="training")
    watched = name
    if validation in history:
        axes.plot(epochs, history[validation], "--", color=COLORS["vermillion"], marker=marker, label="validation")
        watched = validation
    if best is not None:
        label = f"epoch {best['epoch']:g}, the best by loss: {best[watched]:.4g}"
        axes.plot(best["epoch"], best[watched], "*", color="black", markersize=10, linestyle="", label=label)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, frameon=False, borderaxespad=0, fontsize="small")


def _draw_run(axes: Any, history: History, name: str, color: str, marker: str, run: str) -> None:
    epochs, validation = _epochs(history), f"validation_{name}"
    validated = validation in history
    axes.plot(epochs, history[validation if validated else name], color=color, label=run)
    if validated:
        axes.plot(epochs, history[name], "--", color=color, linewidth=1, alpha=0.7)
    best = _best(history)
    if best is not None:
        axes.plot(best["epoch"], best[validation if validated else name], marker, color=color, markersize=7)


def _styles() -> Iterable[tuple[str, str]]:
    """Yield (colour, marker), different for many runs."""
    return ((color, marker) for marker in "osD^vP*X" for color in COLORS.values())


def _measured(history: History) -> list[str]:
    """Return what tells how good a model is, the loss first."""
    return [name for name in history.names if name not in SETTINGS and not name.startswith("validation_")]


def _epochs(history: History) -> Iterable[float]:
    return history["epoch"] if "epoch" in history else range(len(history))


def _best(history: History) -> dict[str, float] | None:
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
