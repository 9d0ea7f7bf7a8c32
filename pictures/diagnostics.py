"""The picture of a look inside a network: what its layers did, step by step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from .shown import empty_figure
from .style import DASHES, check_has, styles

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# What is drawn, in this order, and what the axes say.
LABELS = {
    "gradient_norm": "norm of the gradient",
    "parameter_norm": "norm of the parameters",
    "update_ratio": "update / parameters",
    "mean": "mean of the activations",
    "spread": "spread of the activations",
    "saturated": "share saturated",
    "dead": "share of units dead",
}
LOGARITHMIC = ("gradient_norm", "parameter_norm", "update_ratio")
SHARES = ("saturated", "dead")
GOOD_UPDATE = 1e-3  # of the size of the parameters, at a step: a rule of thumb, drawn as a line
N_COLUMNS = 2
FEW = 30  # values, each of which gets a dot of its own


class Watched(Protocol):
    """What is drawn here: quantities by layer and step, such as a `Diagnostics` of `training`."""

    @property
    def layers(self) -> Iterable[str]:
        """The names of the layers, in the order of the network."""

    @property
    def steps(self) -> Mapping[str, Sequence[int]]:
        """Of each quantity, the steps at which it was looked at."""

    def __getitem__(self, quantity: str, /) -> Mapping[str, Sequence[float]]: ...

    def describe(self, name: str, /) -> str:
        """Return what the legend says about a layer."""


def plot_diagnostics(diagnostics: Watched) -> Figure:
    """Draw a panel for each quantity, a line for each layer, over the steps.

    Parameters
    ----------
    diagnostics : Diagnostics
        That has seen at least one step.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If it has seen none.

    Examples
    --------
    >>> x, y = spirals(rng=0)
    >>> model, diagnostics = Sequential([Dense(2, 8), ReLU(), Dense(8, 3)], rng=0), Diagnostics()
    >>> _ = fit(model, SoftmaxCrossEntropy(), SGD(0.1), x, y, epochs=1, callbacks=[diagnostics], verbose=False)
    >>> [axes.get_ylabel() for axes in plot_diagnostics(diagnostics).axes][:3]
    ['norm of the gradient', 'norm of the parameters', 'update / parameters']
    """
    check_has("plot_diagnostics", "diagnostics", diagnostics, "Diagnostics", "layers", "steps", "describe")
    from matplotlib.lines import Line2D

    shown = [quantity for quantity in LABELS if diagnostics[quantity]]
    if not shown:
        raise ValueError("plot_diagnostics: the diagnostics must have seen a step, got none")
    seen = {name for quantity in shown for name in diagnostics[quantity]}
    names = [name for name in diagnostics.layers if name in seen]
    look: dict[str, dict[str, Any]] = {  # a layer looks the same in every panel
        name: {"color": color, "linestyle": dashes}
        for name, (color, dashes) in zip(names, styles(DASHES), strict=False)
    }
    n_rows = -(-len(shown) // N_COLUMNS)
    figure = empty_figure(figsize=(10, 2.4 * n_rows + 0.8), layout="constrained")
    grid = figure.subplots(n_rows, N_COLUMNS, sharex=True, squeeze=False)
    used, unused = list(grid.flat)[: len(shown)], list(grid.flat)[len(shown) :]
    for axes, quantity in zip(used, shown, strict=True):
        for name, values in diagnostics[quantity].items():
            axes.plot(diagnostics.steps[quantity], values, marker="." if len(values) < FEW else "", **look[name])
        if quantity in LOGARITHMIC:
            axes.set_yscale("log")
        if quantity == "update_ratio":
            axes.axhline(GOOD_UPDATE, color="gray", linewidth=1)
            axes.annotate("1e-3", (1, GOOD_UPDATE), xycoords=("axes fraction", "data"), color="gray", va="center")
        if quantity in SHARES:
            axes.set_ylim(-0.03, 1.03)
        axes.set_ylabel(LABELS[quantity])
        axes.grid(alpha=0.3)
    for axes in unused:
        axes.remove()
    for axes in used[-N_COLUMNS:]:  # the lowest of each column
        axes.set_xlabel("step")
        axes.tick_params(labelbottom=True)
    handles = [Line2D([], [], **look[name]) for name in names]
    labels = [diagnostics.describe(name) for name in names]
    figure.legend(handles, labels, loc="outside upper center", ncols=min(len(names), 4), frameon=False)
    return figure
