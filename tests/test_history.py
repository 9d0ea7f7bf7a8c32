import math
import pickle

import pytest

from training import History
from training.history import better

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


@pytest.mark.parametrize(
    ("names", "way"),
    [
        (("loss", "validation_loss", "mean_absolute_error", "perplexity"), "min"),
        (("accuracy", "validation_top_2_accuracy", "precision", "recall", "f1", "r_squared", "my_score"), "max"),
    ],
)
def test_which_way_is_better(names, way):
    assert {better(name) for name in names} == {way}
    other = "max" if way == "min" else "min"
    assert {better(name, other) for name in names} == {other}  # the mode overrules the name
    with pytest.raises(ValueError, match="mode must be 'min' or 'max', got 'up'"):
        better(names[0], "up")


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


def test_a_history_draws_itself():
    figure = history().plot(log=True)
    assert [axes.get_yscale() for axes in figure.axes] == ["log", "linear", "log"]
