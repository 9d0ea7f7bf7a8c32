"""Pictures draw what they are handed; nothing here comes from another package of the house but the histories."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from legible import faults
from matplotlib.colors import to_rgb

from layers import Dense, ReLU, Sequential
from losses import SoftmaxCrossEntropy
from optimizers import SGD
from pictures import (
    COLORS,
    plot_confusion_matrix,
    plot_diagnostics,
    plot_histories,
    plot_history,
    plot_rate_range,
    plot_schedule,
)
from pictures.scales import log_scale, stretch_towards_one
from pictures.style import DASHES, MARKERS, TRAINING, VALIDATION, panels, styles
from training import History, fit, learning_rate_range_test, spirals


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


def luminance(color):
    """Return how bright a color is, from 0 for black to 1 for white: IEC 61966-2-1, and WCAG 2.1 for the contrast."""
    parts = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in to_rgb(color)]
    return float(np.dot(parts, [0.2126, 0.7152, 0.0722]))


def contrast(first, second):
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("marks", [MARKERS, DASHES])
def test_eight_curves_are_told_apart_in_grey_too(marks):
    assert contrast("white", "black") == pytest.approx(21)
    for (color, mark), (other, its_mark) in itertools.combinations(itertools.islice(styles(marks), 8), 2):
        assert mark != its_mark or contrast(color, other) > 1.5


def test_training_and_validation_are_told_apart_in_grey_too():
    assert TRAINING["linestyle"] == "-"
    assert VALIDATION["linestyle"] == "--"
    assert TRAINING["color"] != VALIDATION["color"]


@pytest.mark.parametrize("color", COLORS.values())
def test_colors_stand_out_on_white(color):
    assert contrast(color, "white") > 2  # a line is thicker than a letter, for which it is 4.5


# What somebody sees who lacks one of the three kinds of cones: Vienot, Brettel, Mollon (1999), "Digital video
# colourmaps for checking the legibility of displays by dichromats", table 2 and equations 2, 3, of linear RGB.
TO_CONES = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]])
WITHOUT_LONG = np.array([[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]])
WITHOUT_MIDDLE = np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]])


@pytest.mark.parametrize("lack", [WITHOUT_LONG, WITHOUT_MIDDLE], ids=["protanope", "deuteranope"])
def test_colors_are_told_apart_by_the_color_blind(lack):
    def seen(color):
        linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in to_rgb(color)]
        return np.cbrt(np.clip(np.linalg.inv(TO_CONES) @ lack @ TO_CONES @ linear, 0, 1))

    def apart(colors):
        return min(np.linalg.norm(seen(a) - seen(b)) for a, b in itertools.combinations(colors, 2))

    assert apart(COLORS.values()) > 0.1
    assert apart(["tab:blue", "tab:purple", "tab:green", "tab:red"]) < 0.1  # the measure finds what is hard to see


# ---- scales ----------------------------------------------------------------------------------------------------------


def ticks(axes, which="y"):
    low, high = getattr(axes, f"get_{which}lim")()
    axis = getattr(axes, f"{which}axis")
    return [label.get_text() for at, label in zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=True)
            if low <= at <= high]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.001, 1.0], ["0.001", "0.01", "0.1", "1"]),
        ([0.2, 1.5], ["0.2", "0.3", "0.5", "1"]),
        ([0.3, 0.4], ["0.3", "0.325", "0.35", "0.375", "0.4"]),
    ],
    ids=["decades", "less than two", "a part of one"],
)
def test_a_log_scale_has_few_plain_labels(values, expected):
    figure, (axes,) = panels(1, 1, (5, 4))
    axes.plot(values)
    log_scale(axes)
    assert axes.get_yscale() == "log"
    assert ticks(axes) == expected
    assert faults(figure) == []


@pytest.mark.parametrize("low", [1e-7, 1e-4, 0.02, 0.3, 0.7, 0.9])
@pytest.mark.parametrize("height", [1.2, 2.0, 4.0])
def test_the_labels_of_a_log_scale_do_not_touch(low, height):
    figure, (axes,) = panels(1, 1, (4, height))
    axes.plot([low, 1.0])
    log_scale(axes)
    assert faults(figure) == []
    assert ticks(axes)


def test_a_scale_that_stretches_towards_1_gives_each_nine_the_same_room():
    figure, (axes,) = panels(1, 1, (5, 4))
    values = [0.1, 0.9, 0.99, 0.999, 1.0]
    axes.plot(values)
    stretch_towards_one(axes, values)
    heights = axes.transAxes.inverted().transform(axes.transData.transform([(0, value) for value in values]))[:, 1]
    assert np.diff(heights)[1] == pytest.approx(np.diff(heights)[2], rel=0.25)
    assert 0 < heights[0] < 0.1
    assert 0.9 < heights[-1] < 1
    assert {"0.9", "0.99", "0.999", "1"} <= set(ticks(axes))
    assert faults(figure) == []


@pytest.mark.parametrize("values", [[1.0, 1.0], [0.95, 0.96], [0.0, 1.0], [0.99991, 0.99999]])
def test_any_shares_can_be_stretched(values):
    figure, (axes,) = panels(1, 1, (5, 3))
    axes.plot(values)
    stretch_towards_one(axes, values)
    low, high = axes.get_ylim()
    assert low < min(values)
    assert high > max(values)
    assert faults(figure) == []


# ---- histories -------------------------------------------------------------------------------------------------------


def test_the_plot_names_axes_and_units_and_marks_the_best_epoch():
    figure = plot_history(history())
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss (nats)", "accuracy", "learning rate"]
    assert figure.axes[-1].get_xlabel() == "epoch"
    marked = [line for axes in figure.axes for line in axes.lines if set(line.get_xdata()) == {2}]
    assert len(marked) >= 3  # in every panel
    loss = {tuple(line.get_ydata()) for line in figure.axes[0].lines}
    assert {tuple(history().loss), tuple(history().validation_loss)} <= loss
    assert faults(figure) == []


def test_the_best_epoch_is_explained():
    loss, accuracy, _ = plot_history(history()).axes
    assert text_of(loss.get_legend()) == ["training", "validation", "loss 0.7 at epoch 2, the lowest validation loss"]
    assert text_of(accuracy.get_legend()) == ["accuracy 0.85 at epoch 2, where the validation loss is lowest"]
    alone = History({"epoch": [0, 1], "loss": [2.0, 1.0], "f1": [0.1, 0.6]})
    assert text_of(plot_history(alone).axes[1].get_legend()) == ["f1 0.6 at epoch 1, where the loss is lowest"]


def test_a_learning_rate_stands_at_the_step_where_it_holds():
    rates = plot_history(history()).axes[-1].lines[-1]
    # recorded at the first step of epochs 1, 2, 3: when 0, 1, 2 epochs are done
    assert (list(rates.get_xdata()), list(rates.get_ydata())) == ([0, 1, 2], [0.1, 0.05, 0.05])


def test_a_learning_rate_that_never_changes_has_no_panel():
    constant = history()
    constant["learning_rate"][:] = [0.003] * 4
    figure = plot_history(constant)
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss (nats)", "accuracy"]
    assert figure.axes[-1].get_xlabel() == "epoch (learning rate 0.003 throughout)"


def test_what_was_never_known_has_no_panel():
    nan = float("nan")
    figure = plot_history(History({"epoch": [0, 1], "loss": [2.0, 1.0], "f1": [nan, nan], "gradient_norm": [nan, nan]}))
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss (nats)"]
    with pytest.raises(ValueError, match="the history must have a loss"):
        plot_history(History({"epoch": [0, 1], "loss": [nan, nan]}))


def test_an_accuracy_near_1_has_room():
    near = History({"epoch": [0, 1, 2], "loss": [2, 1, 0.1], "accuracy": [0.1, 0.95, 0.99]})
    axes = plot_history(near).axes[1]
    assert axes.get_ylabel() == "accuracy\n(stretched towards 1)"
    last = axes.transAxes.inverted().transform(axes.transData.transform([(0, 0.95), (0, 0.99)]))[:, 1]
    assert last[1] - last[0] > 0.2  # of the height of the panel, and not 0.04 / 0.9
    assert plot_history(history()).axes[1].get_yscale() == "linear"
    both = plot_histories({"one": near, "two": near})
    assert both.axes[1].get_yscale() == "function"


@pytest.mark.parametrize("log", [False, True])
def test_histories_of_any_length_and_names_can_be_read(log):
    long = {"epoch": range(200), "loss": np.geomspace(3, 0.001, 200), "validation_loss": np.geomspace(3, 0.3, 200)}
    long |= {"mean intersection over union of all classes": np.linspace(0, 0.97, 200), "gradient_norm": [0.5] * 200}
    short = {"epoch": [0], "loss": [2.0], "learning_rate": [0.1]}
    zero = {"epoch": [0, 1], "loss": [0.0, 0.0], "error": [1.0, 0.0]}
    for columns in (long, short, zero):
        assert faults(plot_history(History(columns), log=log)) == []
    assert faults(plot_histories({"a name that goes on " * 20: History(long), "b": History(short)}, log=log)) == []


def test_a_logarithmic_scale_on_request():
    assert plot_history(history()).axes[0].get_yscale() == "linear"
    assert plot_history(history(), log=True).axes[0].get_yscale() == "log"


def test_several_runs_over_one_another():
    figure = plot_histories({"lr 0.1": history(), "lr 1": history()})
    expected = ["lr 0.1", "lr 1", "training", "validation", "lowest validation loss"]
    assert text_of(figure.legends[0]) == expected
    looks = {(line.get_color(), line.get_marker()) for line in figure.axes[0].lines if line.get_linestyle() == "--"}
    assert len({color for color, marker in looks if marker != "None"}) == 2
    assert len({marker for _, marker in looks} - {"None"}) == 2
    assert faults(figure) == []


@pytest.mark.parametrize("draw", [plot_history, lambda one: plot_histories({"one": one})], ids=["one", "several"])
def test_training_is_solid_and_validation_dashed_everywhere(draw):
    loss, accuracy = draw(history()).axes[:2]
    for axes, name in ((loss, "loss"), (accuracy, "accuracy")):
        for column, dash in ((name, "-"), (f"validation_{name}", "--")):
            (line,) = (line for line in axes.lines if list(line.get_ydata()) == history()[column])
            assert line.get_linestyle() == dash


def test_as_many_runs_as_there_are():
    figure = plot_histories({f"run {i}": Log(loss=[2.0, 1.0 + i]) for i in range(60)})
    drawn = [tuple(line.get_ydata()) for line in figure.axes[0].lines]
    assert all((2.0, 1.0 + i) in drawn for i in range(60))
    assert faults(figure) == []


def test_any_history_will_do():
    mine = Log(loss=[2.0, 1.0], accuracy=[0.5, 0.7])
    figure = plot_history(mine)
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss (bits)", "accuracy"]
    loss = next(line for line in figure.axes[0].lines if list(line.get_ydata()) == [2.0, 1.0])
    assert list(loss.get_xdata()) == [0, 1]  # without epochs, the numbers of the rows
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
    figure = plot_rate_range(found)
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"
    assert text_of(figure.legends[0]) == ["each step", "smoothed", "suggested: 0.2"]
    assert axes.get_ylim() == pytest.approx((1.0 - 0.05 * 2.0, 3.0 + 0.6 * 2.0))  # the explosion is cut off
    assert faults(figure) == []


def test_the_range_test_of_a_trained_network_is_not_cut_to_shreds():
    x, y = spirals(rng=0)
    model = Sequential([Dense(2, 32), ReLU(), Dense(32, 3)], rng=0)
    fit(model, SoftmaxCrossEntropy(), SGD(0.3, momentum=0.9), x, y, epochs=30, rng=0, verbose=False)
    found = learning_rate_range_test(model, SoftmaxCrossEntropy(), SGD(0.1), x, y, rng=0)
    figure = plot_rate_range(found)
    low, high = figure.axes[0].get_ylim()
    smooth, losses = np.array(found.smooth), np.array(found.losses)
    calm = np.flatnonzero(smooth <= 1.25 * smooth[0])[-1] + 1
    assert calm > len(smooth) / 2
    assert np.all((low <= smooth[:calm]) & (smooth[:calm] <= high))
    assert np.all((low <= losses[:calm]) & (losses[:calm] <= high))
    assert "no rate is suggested" in figure.axes[0].get_title()
    assert faults(figure) == []


@pytest.mark.parametrize("losses", [[], [1.0, 1.0], [2.0, np.inf]])
def test_a_range_test_that_found_nothing(losses):
    found = SimpleNamespace(rates=[0.1, 0.2][: len(losses)], losses=losses, smooth=losses, suggestion=None)
    figure = plot_rate_range(found)
    assert text_of(figure.legends[0]) == ["each step", "smoothed"]


# ---- diagnostics -----------------------------------------------------------------------------------------------------


def test_a_panel_for_each_quantity_and_the_line_of_good_updates():
    values = {"0": [1e-2, 1e-3, 1e-3], "2": [1e-4, 1e-3, 1e-2]}
    figure = plot_diagnostics(Watch(3, gradient_norm=values, update_ratio=values, dead={"1": [0.1, 0.1, 0.2]}))
    panels = {axes.get_ylabel(): axes for axes in figure.axes}
    assert list(panels) == ["norm of the gradient", "update / parameters", "share of units dead", ""]
    assert [axes.get_yscale() for axes in figure.axes[:3]] == ["log", "log", "linear"]
    assert [axes.get_xlabel() for axes in figure.axes[:3]] == ["", "step", "step"]  # the lowest of each column
    lines = [list(np.atleast_1d(line.get_ydata())) for line in panels["update / parameters"].lines]
    assert lines == [*values.values(), [1e-3, 1e-3]]
    assert "0.001" in panels["update / parameters"].get_title(loc="right")
    assert text_of(figure.axes[3].get_legend()) == ["layer 0", "layer 1", "layer 2"]  # in the place of a panel
    assert faults(figure) == []


def test_a_layer_looks_the_same_in_every_panel():
    values = {str(i): [0.1, 0.2, 0.3] for i in range(9)}
    figure = plot_diagnostics(Watch(9, mean=values, spread=dict(reversed(values.items()))))
    mean, spread = ([(line.get_color(), line.get_linestyle()) for line in axes.lines] for axes in figure.axes)
    assert mean[:9] == spread[::-1]
    assert len(set(mean[:9])) == 9


@pytest.mark.parametrize("n_layers", [1, 12, 70])
@pytest.mark.parametrize("n_panels", [1, 2, 7])
def test_every_layer_is_named_in_full_in_the_legend(n_layers, n_panels):
    values = {str(i): [0.1 + i, 0.2 + i, 0.3] for i in range(n_layers)}
    watch = Watch(n_layers, **dict.fromkeys(Watch.quantities[:n_panels], values))
    watch.describe = lambda name: f"{name}.body.0: Conv2D(64, 128, 3, stride=2, padding='same', use_bias=False)"
    figure = plot_diagnostics(watch)
    (legend,) = [*figure.legends, *(axes.get_legend() for axes in figure.axes if axes.get_legend())]
    assert text_of(legend) == [f"{i}.body.0 Conv2D" for i in range(n_layers)]
    assert [fault for fault in faults(figure) if "is empty" not in fault] == []


def test_a_share_that_was_never_above_0_has_no_panel_and_is_told():
    watch = Watch(2, mean={"0": [1.0, 2.0, 3.0]}, saturated={"0": [0.0] * 3}, dead={"1": [0.0] * 3})
    figure = plot_diagnostics(watch)
    assert [axes.get_ylabel() for axes in figure.axes if axes.lines and axes.axison] == ["mean of the activations"]
    assert figure.get_suptitle() == "share saturated and share of units dead: below 0.5% in every layer, at every look"
    assert plot_diagnostics(Watch(1, dead={"0": [0.0] * 3})).axes[0].get_ylabel() == "share of units dead"


# ---- confusion -------------------------------------------------------------------------------------------------------


def test_a_confusion_matrix_shows_the_counts_and_names():
    figure = plot_confusion_matrix([[5, 1], [0, 4]], names=["cat", "dog"])
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts] == ["5", "1", "0", "4"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cat", "dog"]
    assert axes.get_title() == "accuracy 90.00%: 9 of 10"
    assert faults(figure) == []


def test_a_large_confusion_matrix_shows_colors_only():
    assert len(plot_confusion_matrix(np.eye(30)).axes[0].texts) == 900
    assert len(plot_confusion_matrix(np.eye(31)).axes[0].texts) == 0


@pytest.mark.parametrize("matrix", [np.eye(2) / 3, np.full((10, 10), 1_234_567), np.eye(50)])
def test_confusion_matrices_can_be_read(matrix):
    names = [f"class number {i}" for i in range(len(matrix))]
    assert faults(plot_confusion_matrix(matrix, names=names)) == []


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
