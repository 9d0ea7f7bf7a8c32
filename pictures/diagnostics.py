"""The picture of a look inside a network: what its layers did, step by step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from .scales import log_scale
from .style import DASHES, GUIDE, SMALL, check_has, legend_below, panels, shortened, styles

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
HARDLY = 0.005  # a share below which there is nothing to see
ROOM = 18  # layers in a legend that has the place of a panel
LONGEST = 28  # letters of a layer's name


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

    The layers are called "0 Dense". A share that was next to nothing throughout has no panel; that it was is said.

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
    seen = [quantity for quantity in LABELS if diagnostics[quantity]]
    if not seen:
        raise ValueError("plot_diagnostics: the diagnostics must have seen a step, got none")
    zero = [quantity for quantity in seen if quantity in SHARES and _most(diagnostics[quantity]) < HARDLY]
    shown = [quantity for quantity in seen if quantity not in zero] or seen
    drawn = {name for quantity in shown for name in diagnostics[quantity]}
    names = [name for name in diagnostics.layers if name in drawn]
    look: dict[str, dict[str, Any]] = {  # a layer looks the same in every panel
        name: {"color": color, "linestyle": dashes}
        for name, (color, dashes) in zip(names, styles(DASHES), strict=False)
    }
    n_columns = min(N_COLUMNS, len(shown))
    n_rows = -(-len(shown) // n_columns)
    figure, grid = panels(n_rows, n_columns, (4.2 * n_columns, 2.3 * n_rows), sharex=True, whole=True)
    for axes, quantity in zip(grid, shown, strict=False):
        for name, values in diagnostics[quantity].items():
            axes.plot(diagnostics.steps[quantity], values, marker="." if len(values) < FEW else "", **look[name])
        axes.set_ylabel(LABELS[quantity])
        if quantity == "update_ratio":
            axes.axhline(GOOD_UPDATE, **GUIDE)
            axes.set_title(f"gray line: {GOOD_UPDATE:g}, as a rule of thumb", fontsize=SMALL, color="0.35", loc="right")
        if quantity in SHARES:
            axes.set_ylim(-0.03, 1.03)
        elif quantity in LOGARITHMIC:
            log_scale(axes)
    for axes in grid[-n_columns:]:
        axes.set_xlabel("step")
    handles = [grid[0].plot([], [], **look[name])[0] for name in names]
    labels = [_label(diagnostics.describe(name)) for name in names]
    free = grid[len(shown) :]  # one at most
    if free:
        grid[len(shown) - n_columns].set_xlabel("step")
        grid[len(shown) - n_columns].tick_params(labelbottom=True)
    if free and len(names) <= ROOM:
        place = free[0]
        place.axis("off")
        place.legend(handles, labels, loc="upper left", ncols=1 if len(names) <= ROOM // 2 else 2, frameon=False)
    else:
        for axes in free:
            axes.remove()
        legend_below(figure, handles, labels)
    if zero and shown != zero:
        said = " and ".join(LABELS[quantity] for quantity in zero)
        figure.suptitle(f"{said}: below {HARDLY:.1%} in every layer, at every look", fontsize=SMALL + 1)
    return figure


def _most(values: Mapping[str, Sequence[float]]) -> float:
    return max((value for each in values.values() for value in each), default=0.0)


def _label(description: str) -> str:
    """Return the name of a layer and its kind, without its arguments: "0 Dense" of "0: Dense(64, 10)".

    Examples
    --------
    >>> from pictures.diagnostics import _label
    >>> _label("2.0: Conv2D(3, 8, 3, padding='same')")
    '2.0 Conv2D'
    """
    return shortened(description.partition("(")[0].replace(":", ""), LONGEST)
