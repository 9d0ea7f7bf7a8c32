"""The pictures of `Diagnostics` and of the learning rate range test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .histories import COLORS

if TYPE_CHECKING:
    from training.diagnostics import Diagnostics
    from training.sanity import RateRange

STYLES = ("-", "--", "-.", ":")


def plot_diagnostics(diagnostics: Diagnostics) -> Any:
    """Return a matplotlib figure: a panel for each quantity, a line for each layer, over the steps.

    Parameters
    ----------
    diagnostics : Diagnostics
        That has seen at least one step.

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
    import matplotlib.pyplot as plt

    from training.diagnostics import GOOD_UPDATE, QUANTITIES

    shown = [quantity for quantity in QUANTITIES if diagnostics[quantity]]
    if not shown:
        raise ValueError("plot_diagnostics: the diagnostics must have seen a step, got none")
    seen = {name for quantity in shown for name in diagnostics[quantity]}
    names = [name for name in diagnostics.layers if name in seen]
    colors = list(COLORS.values())
    look: dict[str, Any] = {
        name: {"color": colors[i % len(colors)], "linestyle": STYLES[i // len(colors) % len(STYLES)]}
        for i, name in enumerate(names)
    }
    columns = 2
    rows = -(-len(shown) // columns)
    figure, grid = plt.subplots(
        rows, columns, figsize=(10, 2.4 * rows + 0.8), sharex=True, layout="constrained", squeeze=False
    )
    for axes, quantity in zip(grid.flat, shown, strict=False):
        for name, values in diagnostics[quantity].items():
            axes.plot(diagnostics.steps[quantity], values, marker="." if len(values) < 30 else "", **look[name])
        if quantity in ("gradient_norm", "parameter_norm", "update_ratio"):
            axes.set_yscale("log")
        if quantity == "update_ratio":
            axes.axhline(GOOD_UPDATE, color="gray", linewidth=1)
            axes.annotate("1e-3", (1, GOOD_UPDATE), xycoords=("axes fraction", "data"), color="gray", va="center")
        if quantity in ("saturated", "dead"):
            axes.set_ylim(-0.03, 1.03)
        axes.set_ylabel(QUANTITIES[quantity])
        axes.grid(alpha=0.3)
    for axes in list(grid.flat)[len(shown) :]:
        axes.remove()
    for column in range(columns):
        last = [axes for i, axes in enumerate(list(grid.flat)[: len(shown)]) if i % columns == column]
        if last:
            last[-1].set_xlabel("step")
            last[-1].tick_params(labelbottom=True)
    handles = [plt.Line2D([], [], **look[name]) for name in names]
    labels = [diagnostics.describe(name) for name in names]
    figure.legend(handles, labels, loc="outside upper center", ncols=min(len(names), 4), frameon=False)
    return figure


def plot_rate_range(found: RateRange) -> Any:
    """Return a matplotlib figure of a learning rate range test: the loss over the rate, the suggestion marked.

    Examples
    --------
    >>> x, y = spirals(rng=0)
    >>> model = Sequential([Dense(2, 8), ReLU(), Dense(8, 3)], rng=0)
    >>> found = learning_rate_range_test(model, SoftmaxCrossEntropy(), SGD(0.1), x, y, rng=0)
    >>> plot_rate_range(found).axes[0].get_xlabel()
    'learning rate (per step)'
    """
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    axes.plot(found.rates, found.losses, color="gray", alpha=0.4, linewidth=1, label="each step")
    axes.plot(found.rates, found.smooth, color=COLORS["blue"], linewidth=2, label="smoothed")
    if found.suggestion is not None:
        axes.axvline(
            found.suggestion, color=COLORS["vermillion"], linestyle="--", label=f"suggested: {found.suggestion:.2g}"
        )
    finite = np.array(found.smooth)[np.isfinite(found.smooth)]
    span = finite[0] - finite.min() if len(finite) else 1.0
    if span > 0:
        axes.set_ylim(finite.min() - 0.2 * span, finite[0] + 0.6 * span)
    axes.set(xscale="log", xlabel="learning rate (per step)", ylabel="loss", title="Learning rate range test")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure
