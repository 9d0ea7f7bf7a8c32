import math
import pickle

import pytest

import training
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
        (
            (
                "accuracy",
                "validation_top_2_accuracy",
                "precision",
                "recall",
                "f1",
                "validation_roc_auc",
                "matthews",
                "r_squared",
                "my_score",
            ),
            "max",
        ),
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


def test_it_is_gone_through_row_by_row():
    rows = list(history())
    assert len(rows) == len(history()) == 4
    assert rows[1] == history().row(1)
    assert [row["loss"] for row in history()] == [2.3, 0.9, 0.4, 0.2]
    rows[0]["loss"] = 7.0  # a row is a copy
    assert history().loss[0] == 2.3


def test_it_becomes_a_dict_of_its_columns():
    h = history()
    assert list(h.keys()) == list(h.names)
    assert dict(h) == {name: h[name] for name in h.names} == dict(h.items())
    assert (lambda **columns: columns)(**h) == dict(h)
    assert History(dict(h)) == h
    assert list(History()) == list(History().keys()) == []
    assert dict(History()) == {}


def test_a_table_of_pandas_is_made_of_what_it_gives():
    # What pandas 3.1.1 does with an object that is neither a dict nor an array: rows = list(thing), and of rows that
    # are dicts it takes the columns by name, in the order of their first appearance.
    h = history()
    h.append({"epoch": 4, "loss": 0.1, "mine": 1.0})
    rows = list(h)
    assert not hasattr(h, "__array__")
    assert all(type(row) is dict and list(row) == list(h.names) for row in rows)
    assert [row["mine"] for row in rows][-1] == 1.0
    assert all(math.isnan(row["mine"]) for row in rows[:-1])


def test_pandas_itself():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    h = history()
    h.append({"epoch": 4, "loss": 0.1, "mine": 1.0})
    for table in (pandas.DataFrame(h), pandas.DataFrame(dict(h))):
        assert list(table.columns) == list(h.names)
        assert table["epoch"].tolist() == [0, 1, 2, 3, 4]
        assert table["epoch"].dtype.kind == "i"
        assert table["loss"].tolist() == h.loss
        assert table["mine"].isna().tolist() == [True] * 4 + [False]


def test_a_number_of_the_last_row():
    h = History({"epoch": [0, 1], "loss": [2.0, 1.0]})
    h.put("mine", 3.0)
    h.put("loss", 0.5)
    assert h.row(-1) == {"epoch": 1, "loss": 0.5, "mine": 3.0}
    assert math.isnan(h.mine[0])
    with pytest.raises(TypeError, match="mine must hold real numbers, got None"):
        h.put("mine", None)
    with pytest.raises(IndexError, match="there must be a row to put mine into"):
        History().put("mine", 1.0)


def test_a_csv_is_replaced_at_once(tmp_path, monkeypatch):
    path = tmp_path / "h.csv"
    history().to_csv(path)

    def fails(*args):
        raise OSError("the disk is full")

    monkeypatch.setattr("os.fsync", fails)
    with pytest.raises(OSError, match="the disk is full"):
        History({"epoch": [7]}).to_csv(path)
    monkeypatch.undo()
    assert History.from_csv(path) == history()
    History().to_csv(path)
    assert path.read_text() == ""


def test_every_metric_of_the_package_says_which_way_it_is_better():
    lowest = {"log_loss", "mean_absolute_error"}
    metrics = [
        training.accuracy,
        training.top_k(3),
        training.precision,
        training.recall,
        training.f1,
        training.matthews,
        training.roc_auc,
        training.log_loss,
        training.mean_absolute_error,
        training.r_squared,
    ]
    offered = {name for name in training.__all__ if isinstance(getattr(training, name), training.Metric)}
    assert offered <= {metric.__name__ for metric in metrics}
    for metric in metrics:
        assert better(metric.__name__) == ("min" if metric.__name__ in lowest else "max")
