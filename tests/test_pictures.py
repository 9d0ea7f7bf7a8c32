"""Pictures draw what they are handed; nothing here comes from another package of the house but the histories."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from pictures import (
    COLORS,
    plot_confusion_matrix,
    plot_diagnostics,
    plot_histories,
    plot_history,
    plot_rate_range,
    plot_schedule,
)
from pictures.style import DASHES, MARKERS, styles
from training import History


@pytest.fixture(autouse=True)
def closed():
    """Close the figures of a test: matplotlib warns of more than 20."""
    import matplotlib.pyplot as plt

    yield
    plt.close("all")


def history():
    return History({
        "epoch": [0, 1, 2, 3],
        "loss": [2.3, 0.9, 0.4, 0.2],
        "accuracy": [0.1, 0.7, 0.9, 0.95],
        "validation_loss": [2.3, 1.0, 0.7, 0.8],
        "validation_accuracy": [0.1, 0.65, 0.85, 0.83],
        "learning_rate": [0.1, 0.1, 0.05, 0.05],
        "seconds": [0.0, 1.5, 1.4, 1.6],
    })  # fmt: skip


class Log(dict):
    """Somebody else's history: names, a unit, a best row, and numbers by name."""

    unit = "bits"
    names = property(list)

    def best(self):
        return {name: values[-1] for name, values in self.items()}


class Watch(dict):
    """Somebody else's diagnostics."""

    quantities = ("gradient_norm", "parameter_norm", "update_ratio", "mean", "spread", "saturated", "dead")

    def __init__(self, n_layers, **seen):
        super().__init__({name: seen.get(name, {}) for name in self.quantities})
        self.layers = [str(i) for i in range(n_layers)]
        self.steps = {name: [0, 5, 10] for name in self}

    def describe(self, name):
        return f"layer {name}"


def text_of(legend):
    return [text.get_text() for text in legend.get_texts()]


def test_nothing_is_shown(monkeypatch):
    import matplotlib.pyplot as plt

    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append("a figure"))
    plot_history(history())
    plot_histories({"one": history()})
    plot_schedule(lambda step: 0.1, 3)
    plot_confusion_matrix([[1]])
    assert shown == []


# ---- style -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("marks", [MARKERS, DASHES])
def test_every_color_comes_with_every_mark_before_a_style_comes_again(marks):
    n_styles = len(marks) * len(COLORS)
    found = list(itertools.islice(styles(marks), n_styles + 1))
    assert len(set(found)) == n_styles
    assert found[-1] == found[0]
    assert {mark for _, mark in found[: len(COLORS)]} == {marks[0]}


# ---- histories -------------------------------------------------------------------------------------------------------


def test_the_plot_names_axes_and_units_and_marks_the_best_epoch():
    figure = plot_history(history())
    labels = [axes.get_ylabel().replace("\n", " ") for axes in figure.axes]
    assert labels == ["loss (nats)", "accuracy", "learning rate (per step)"]
    assert figure.axes[-1].get_xlabel() == "epoch"
    marked = [line for axes in figure.axes for line in axes.lines if set(line.get_xdata()) == {2}]
    assert len(marked) >= 3  # in every panel
    loss = {tuple(line.get_ydata()) for line in figure.axes[0].lines}
    assert {tuple(history().loss), tuple(history().validation_loss)} <= loss


def test_a_logarithmic_scale_on_request():
    assert plot_history(history()).axes[0].get_yscale() == "linear"
    assert plot_history(history(), log=True).axes[0].get_yscale() == "log"


def test_several_runs_over_one_another():
    figure = plot_histories({"lr 0.1": history(), "lr 1": history()})
    assert text_of(figure.legends[0]) == ["lr 0.1", "lr 1", "validation", "training"]
    colors = {line.get_color() for line in figure.axes[0].lines if len(line.get_xdata()) == 4}
    assert len(colors) == 2


def test_as_many_runs_as_there_are():
    figure = plot_histories({f"run {i}": Log(loss=[2.0, 1.0 + i]) for i in range(60)})
    drawn = [tuple(line.get_ydata()) for line in figure.axes[0].lines]
    assert all((2.0, 1.0 + i) in drawn for i in range(60))


def test_any_history_will_do():
    mine = Log(loss=[2.0, 1.0], accuracy=[0.5, 0.7])
    figure = plot_history(mine)
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss (bits)", "accuracy"]
    assert list(figure.axes[0].lines[1].get_xdata()) == [0, 1]  # without epochs, the numbers of the rows
    both = plot_histories({"mine": mine, "yours": history()})
    assert both.axes[0].get_ylabel() == "loss"  # not the same unit


# ---- rates -----------------------------------------------------------------------------------------------------------


def test_a_schedule_is_drawn_step_by_step():
    figure = plot_schedule({"slow": lambda step: 0.1, "falling": lambda step: 0.1 / (1 + step)}, 20)
    falling = figure.axes[0].lines[1].get_ydata()
    assert list(falling) == pytest.approx([0.1 / (1 + step) for step in range(20)])
    assert text_of(figure.legends[0]) == ["slow", "falling"]


def test_the_suggestion_of_a_range_test_is_marked():
    found = SimpleNamespace(rates=[0.1, 0.2, 0.4], losses=[3.0, 1.0, 9.0], smooth=[3.0, 2.0, 8.0], suggestion=0.2)
    (axes,) = plot_rate_range(found).axes
    assert axes.get_xscale() == "log"
    assert text_of(axes.get_legend()) == ["each step", "smoothed", "suggested: 0.2"]
    assert axes.get_ylim() == pytest.approx((2.0 - 0.2, 3.0 + 0.6))  # the explosion is cut off


@pytest.mark.parametrize("losses", [[], [1.0, 1.0], [2.0, np.inf]])
def test_a_range_test_that_found_nothing(losses):
    found = SimpleNamespace(rates=[0.1, 0.2][: len(losses)], losses=losses, smooth=losses, suggestion=None)
    (axes,) = plot_rate_range(found).axes
    assert text_of(axes.get_legend()) == ["each step", "smoothed"]


# ---- diagnostics -----------------------------------------------------------------------------------------------------


def test_a_panel_for_each_quantity_and_the_line_of_good_updates():
    values = {"0": [1e-2, 1e-3, 1e-3], "2": [1e-4, 1e-3, 1e-2]}
    figure = plot_diagnostics(Watch(3, gradient_norm=values, update_ratio=values, dead={"1": [0.1, 0.1, 0.2]}))
    panels = {axes.get_ylabel(): axes for axes in figure.axes}
    assert list(panels) == ["norm of the gradient", "update / parameters", "share of units dead"]
    assert [axes.get_yscale() for axes in figure.axes] == ["log", "log", "linear"]
    assert [axes.get_xlabel() for axes in figure.axes] == ["", "step", "step"]  # the lowest of each column
    lines = [list(np.atleast_1d(line.get_ydata())) for line in panels["update / parameters"].lines]
    assert lines == [*values.values(), [1e-3, 1e-3]]
    assert text_of(figure.legends[0]) == ["layer 0", "layer 1", "layer 2"]


def test_a_layer_looks_the_same_in_every_panel():
    values = {str(i): [0.1, 0.2, 0.3] for i in range(9)}
    figure = plot_diagnostics(Watch(9, mean=values, spread=dict(reversed(values.items()))))
    mean, spread = ([(line.get_color(), line.get_linestyle()) for line in axes.lines] for axes in figure.axes)
    assert mean == spread[::-1]
    assert len(set(mean)) == 9


# ---- confusion -------------------------------------------------------------------------------------------------------


def test_a_confusion_matrix_shows_the_counts_and_names():
    figure = plot_confusion_matrix([[5, 1], [0, 4]], names=["cat", "dog"])
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts] == ["5", "1", "0", "4"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cat", "dog"]
    assert axes.get_title() == "accuracy 90.0%"


def test_a_large_confusion_matrix_shows_colors_only():
    assert len(plot_confusion_matrix(np.eye(30)).axes[0].texts) == 900
    assert len(plot_confusion_matrix(np.eye(31)).axes[0].texts) == 0


# ---- what cannot be drawn --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("draw", "error", "message"),
    [
        (lambda: plot_history(History()), ValueError, "the history must have a loss"),
        (lambda: plot_histories({}), ValueError, "histories must be a dict of at least one History"),
        (
            lambda: plot_histories({"a": Log(loss=[1.0]), "b": Log(accuracy=[1.0])}),
            ValueError,
            "must have at least the loss in common",
        ),
        (lambda: plot_schedule(0.1, 10), TypeError, "schedule must be callable with a step, got 0.1"),
        (lambda: plot_schedule(lambda step: 0.1, 0), ValueError, "n_steps must be at least 1, got 0"),
        (lambda: plot_schedule(lambda step: 0.1, 2.5), TypeError, r"n_steps must be a whole number, got 2\.5"),
        (lambda: plot_schedule(lambda step: 0.1, True), TypeError, "n_steps must be a whole number, got True"),
        (lambda: plot_diagnostics(Watch(2)), ValueError, "must have seen a step, got none"),
        (
            lambda: plot_confusion_matrix([[1, 2, 3], [4, 5, 6]]),
            ValueError,
            r"matrix must have shape \(C, C\), got \(2, 3\)",
        ),
        (
            lambda: plot_confusion_matrix([[1, 2], [3, 4]], names=["a"]),
            ValueError,
            "names must be 2, one a class, got 1",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw, error, message):
    with pytest.raises(error, match=message):
        draw()
