import math
import pickle

import pytest

from pictures.histories import plot_history
from training import History, plot_histories, plot_schedule

NAN = math.nan


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


def test_numbers_are_plain_lists_by_name():
    h = history()
    assert h.loss is h["loss"]
    assert h.loss == [2.3, 0.9, 0.4, 0.2]
    assert len(h) == 4
    assert "accuracy" in h
    with pytest.raises(KeyError, match=r"there is no 'perplexity' among \['epoch', 'loss'"):
        h["perplexity"]
    with pytest.raises(AttributeError, match="there is no 'perplexity' among"):
        h.perplexity  # noqa: B018


def test_a_new_number_is_nan_before():
    h = History()
    h.append({"epoch": 0})
    h.append({"epoch": 1, "loss": 2.0})
    h.append({"epoch": 2})
    assert h.epoch == [0, 1, 2]
    assert h.loss[1] == 2.0
    assert math.isnan(h.loss[0])
    assert math.isnan(h.loss[2])


def test_the_best_row():
    h = history()
    assert h.best()["epoch"] == 2
    assert h.best("loss")["epoch"] == 3
    assert h.best("validation_accuracy")["epoch"] == 2
    assert h.best("seconds", mode="max")["epoch"] == 3
    assert History({"epoch": [0, 1, 2], "loss": [NAN, 1.0, 1.0]}).best()["epoch"] == 1
    with pytest.raises(ValueError, match="mode must be 'min' or 'max' for 'seconds'"):
        h.best("seconds")
    with pytest.raises(ValueError, match="loss must have been measured to have a best row"):
        History({"loss": [NAN]}).best()


def test_equal_but_for_the_clock():
    a, b = history(), history()
    b["seconds"][1] = 99.0
    assert a == b
    b.loss[1] = 0.91
    assert a != b
    assert History({"loss": [NAN]}) == History({"loss": [NAN]})


def test_csv_gives_everything_back_exactly(tmp_path):
    h = history()
    h.append({"epoch": 4, "loss": 1 / 3})
    h.to_csv(tmp_path / "h.csv")
    assert (tmp_path / "h.csv").read_text().splitlines()[0].startswith("epoch,loss,accuracy,validation_loss,")
    back = History.from_csv(tmp_path / "h.csv")
    assert back == h
    assert back.seconds[:4] == h.seconds[:4]
    assert all(isinstance(epoch, int) for epoch in back.epoch)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "first line of .* must hold different names"),
        ("loss,loss\n1,2\n", "must hold different names"),
        ("epoch,loss\n0,1.0\n1,x\n", r"line 3 of .* must hold 2 numbers, got \['1', 'x'\]"),
        ("epoch,loss\n0\n", "line 2 of .* must hold 2 numbers"),
    ],
)
def test_a_csv_that_is_none(tmp_path, text, message):
    (tmp_path / "h.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        History.from_csv(tmp_path / "h.csv")


def test_columns_of_different_lengths():
    with pytest.raises(ValueError, match=r"columns must all have the same length, got {'a': 1, 'b': 2}"):
        History({"a": [1], "b": [1, 2]})


def test_the_repr_is_a_table_with_the_best_and_skips_the_middle_of_long_ones():
    text = repr(history())
    assert text.splitlines()[0] == "History of 4 rows, best validation_loss 0.7 at epoch 2"
    assert text.splitlines()[1].split() == list(history().names)
    long = repr(History({"epoch": list(range(100)), "loss": [1.0] * 100}))
    assert len(long.splitlines()) == 15
    assert "..." in long
    assert repr(History()) == "History()"


def test_pickle():
    assert pickle.loads(pickle.dumps(history())) == history()


def test_the_plot_names_axes_and_units_and_marks_the_best_epoch():
    figure = history().plot()
    labels = [axes.get_ylabel().replace("\n", " ") for axes in figure.axes]
    assert labels == ["loss (nats)", "accuracy", "learning rate (per step)"]
    assert figure.axes[-1].get_xlabel() == "epoch"
    marked = [line for axes in figure.axes for line in axes.lines if set(line.get_xdata()) == {2}]
    assert len(marked) >= 3  # in every panel
    loss = {tuple(line.get_ydata()) for line in figure.axes[0].lines}
    assert {tuple(history().loss), tuple(history().validation_loss)} <= loss


def test_a_logarithmic_scale_on_request():
    assert history().plot().axes[0].get_yscale() == "linear"
    assert history().plot(log=True).axes[0].get_yscale() == "log"


def test_nothing_is_shown(monkeypatch):
    import matplotlib.pyplot as plt

    monkeypatch.setattr(plt, "show", lambda: pytest.fail("a figure was shown"))
    history().plot()


def test_several_runs_over_one_another():
    figure = plot_histories({"lr 0.1": history(), "lr 1": history()})
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["lr 0.1", "lr 1", "validation", "training"]
    colors = {line.get_color() for line in figure.axes[0].lines if len(line.get_xdata()) == 4}
    assert len(colors) == 2


@pytest.mark.parametrize(
    ("draw", "error", "message"),
    [
        (lambda: plot_history(History()), ValueError, "the history must have a loss"),
        (lambda: plot_histories({}), ValueError, "histories must be a dict of at least one History"),
        (lambda: plot_schedule(0.1, 10), TypeError, "schedule must be callable with a step, got 0.1"),
        (lambda: plot_schedule(lambda step: 0.1, 0), ValueError, "n_steps must be at least 1, got 0"),
    ],
)
def test_pictures_of_nothing(draw, error, message):
    with pytest.raises(error, match=message):
        draw()


def test_a_schedule_is_drawn_step_by_step():
    figure = plot_schedule({"slow": lambda step: 0.1, "falling": lambda step: 0.1 / (1 + step)}, 20)
    falling = figure.axes[0].lines[1].get_ydata()
    assert list(falling) == pytest.approx([0.1 / (1 + step) for step in range(20)])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["slow", "falling"]
