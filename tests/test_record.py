"""Numbers that a callback adds to the history: in every place where a number of the history counts."""

import copy
import json
import math
import pickle

import numpy as np
import pytest

from layers import Dense, Sequential
from losses import MeanSquaredError
from optimizers import SGD
from training import Callback, CallbackError, Checkpoint, EarlyStopping, History, ReduceOnPlateau, evaluate, fit, load
from training.record import Record

X = np.linspace(-1, 1, 10, dtype=np.float32)[:, np.newaxis]


class Adds(Callback):
    """Puts a value of its own into each row from a given epoch on, every so many epochs."""

    def __init__(self, *values, name="mine", first=0, every=1):
        self.values, self.name, self.first, self.every = values, name, first, every

    def on_train_begin(self, run):
        if run.epoch == 0 and run.record:
            self.on_epoch_end(run)

    def on_epoch_end(self, run):
        if run.epoch >= self.first and (run.epoch - self.first) % self.every == 0:
            run.record[self.name] = self.values[run.epoch] if self.values else float(run.epoch)


def train(*callbacks, epochs=4, optimizer=None, **options):
    model = Sequential([Dense(1, 1)], rng=0)
    options = {"batch_size": 4, "verbose": False, "rng": 0, **options}
    return fit(
        model, MeanSquaredError(), optimizer or SGD(0.1), X, 2 * X, epochs=epochs, callbacks=callbacks, **options
    )


def test_a_number_that_a_callback_adds_is_a_column_of_the_history():
    history = train(Adds())
    assert history.mine == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert history.names == ("epoch", "loss", "learning_rate", "seconds", "mine")


def test_where_it_was_not_added_it_is_nan():
    assert np.array_equal(train(Adds(first=2)).mine, [math.nan, math.nan, 2, 3, 4], equal_nan=True)
    assert np.array_equal(train(Adds(every=2)).mine, [0, math.nan, 2, math.nan, 4], equal_nan=True)


def test_in_an_epoch_whose_turn_it_is_not_the_row_has_no_such_number():
    seen = []
    train(Adds(every=2), lambda run: seen.append("mine" in run.record))
    assert seen == [False, True, False, True]


def test_every_way_to_write_into_a_dict_reaches_the_history():
    def adds(run):
        run.record.update(a=1.0)
        run.record |= {"b": 2}
        assert run.record.setdefault("c", np.float32(3)) == 3.0
        assert run.record.setdefault("c", 4.0) == 3.0
        run.record["a"] += 0.5  # and what is there may be replaced
        assert run.record == run.history.row(-1)
        assert run.record is run.record

    history = train(adds, epochs=1)
    assert [history[name][1] for name in "abc"] == [1.5, 2, 3.0]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda record: record.update(mine="a lot"), TypeError, "History: mine must hold real numbers, got 'a lot'"),
        (lambda record: record.update({3: 1.0}), TypeError, "History: names must be text, got 3"),
        (lambda record: record.update(mine=np.ones(2)), TypeError, "History: mine must hold real numbers"),
        (lambda record: record.update(epoch=7), ValueError, "run.record: epoch must stay 1, got 7"),
        (lambda record: record.pop("loss"), TypeError, "a number must stay, once it is there, got del of 'loss'"),
        (lambda record: record.clear(), TypeError, "a number must stay"),
        (lambda record: record.popitem(), TypeError, "a number must stay"),
        (lambda record: record.__delitem__("loss"), TypeError, "a number must stay"),
    ],
)
def test_what_a_row_does_not_take(change, error, message):
    before = []

    def changes(run):
        before.append(dict(run.record))
        with pytest.raises(error, match=message):
            change(run.record)
        assert run.record == before[0] == run.history.row(-1)

    train(changes, epochs=1)


@pytest.mark.parametrize(
    "hook", ["on_epoch_begin", "on_batch_begin", "on_backward_end", "on_batch_end", "on_train_end"]
)
def test_a_row_that_is_over_takes_nothing(hook):
    callback = Callback()
    setattr(callback, hook, lambda run: run.record.update(mine=1.0))
    with pytest.raises(
        CallbackError, match=f"{hook}, epoch .: RuntimeError: run.record: numbers must be added in on_ep"
    ):
        train(callback)


def test_a_copy_of_a_row_is_a_dict_of_numbers():
    history = History({"epoch": [0]})
    record = Record(history.row(-1), history)
    for other in (copy.copy(record), copy.deepcopy(record), pickle.loads(pickle.dumps(record)), record.copy()):
        other["mine"] = 1.0
        assert type(other) is dict
    assert json.loads(json.dumps(record)) == {"epoch": 0}
    assert "mine" not in history


def test_an_exact_resume_keeps_what_was_added(tmp_path):
    whole = train(Adds(first=1), epochs=6, checkpoint=tmp_path / "whole.npz")
    train(Adds(first=1), epochs=3, checkpoint=tmp_path / "half.npz")
    model = Sequential([Dense(1, 1)])
    assert np.array_equal(load(tmp_path / "half.npz", model).mine, [math.nan, 1, 2, 3], equal_nan=True)
    assert train(Adds(first=1), epochs=6, checkpoint=tmp_path / "half.npz", resume=True) == whole
    assert whole.best("mine", "max")["epoch"] == 6


def test_what_was_added_stops_a_training():
    early = EarlyStopping("my_score", patience=2)
    history = train(Adds(0, 1, 3, 2, 2, 9, name="my_score"), early, epochs=5)
    assert history.epoch[-1] == 4
    assert (early.best_epoch, early.best) == (2, 3)


def test_what_was_added_from_epoch_1_on_stops_a_training_and_the_same_one_resumed(tmp_path):
    values = 0, 1, 3, 2, 2, 9

    def run(epochs, **options):
        early = EarlyStopping("my_score", patience=2)
        history = train(Adds(*values, name="my_score", first=1), early, epochs=epochs, **options)
        return history, early.best_epoch

    whole = run(5, measure_first=False)
    assert whole[0].epoch == [1, 2, 3, 4]
    run(3, measure_first=False, checkpoint=tmp_path / "run.npz")
    assert run(5, measure_first=False, checkpoint=tmp_path / "run.npz", resume=True) == whole


def test_what_was_added_cuts_the_rate():
    reduce = ReduceOnPlateau("my_score", factor=0.5, patience=2)
    history = train(Adds(0, 1, 3, 2, 2, 9, name="my_score", first=1), reduce, epochs=5)
    assert history.learning_rate == [0.1, 0.1, 0.1, 0.1, 0.1, 0.05]


@pytest.mark.parametrize("first", [0, 1])
def test_what_was_added_says_which_epoch_is_kept(tmp_path, first):
    saved = Checkpoint(tmp_path / "run.npz", keep_best=True, monitor="my_score")
    train(saved, Adds(0, 1, 3, 2, 2, name="my_score", first=first), epochs=4)  # it comes last by itself
    assert load(tmp_path / "run.best.npz", Sequential([Dense(1, 1)])).epoch[-1] == 2


def test_an_epoch_without_the_number_is_none_that_was_better():
    early = EarlyStopping("my_score", patience=3)
    history = train(Adds(0, 1, 2, 3, 4, 0, 0, 0, name="my_score", first=1, every=3), early, epochs=7)
    assert early.best_epoch == 4  # in 2, 3, 5 and 6 it is not there
    assert history.epoch[-1] == 7


def test_a_number_that_nobody_adds_is_refused_after_the_first_epoch_where_somebody_might():
    with pytest.raises(ValueError, match=r"monitor must be one of \['epoch', 'loss', .*'mine'\], got 'my_score'"):
        train(Adds(), EarlyStopping("my_score"))


def test_a_number_that_nobody_could_add_is_refused_before_training():
    with pytest.raises(ValueError, match=r"monitor must be one of \[.*\], got 'my_score'") as raised:
        train(EarlyStopping("my_score"))
    assert raised.value.history.epoch == [0]


@pytest.mark.parametrize("measure_first", [True, False])
def test_a_validation_that_was_forgotten_is_seen_before_training_whatever_callbacks_there_are(measure_first):
    with pytest.raises(ValueError, match=r"give validation=\(x, y\)") as raised:
        train(Adds(), EarlyStopping(), measure_first=measure_first)
    assert len(raised.value.history) == int(measure_first)


@pytest.mark.parametrize("resume", [False, True])
def test_a_number_that_comes_after_it_was_looked_at_is_named(tmp_path, resume):
    path = tmp_path / "run.npz"
    if resume:
        train(Adds(name="my_score"), EarlyStopping("my_score"), epochs=2, checkpoint=path)
    with pytest.raises(ValueError, match="got 'my_score' from a callback that comes later: put that one in front"):
        train(EarlyStopping("my_score"), Adds(name="my_score", first=1), checkpoint=path, resume=resume)


def test_the_lines_show_what_was_added(capsys):
    train(Adds(first=1), epochs=1, verbose=True)
    before, after = capsys.readouterr().out.splitlines()
    assert "mine" not in before
    assert "mine 1.0000" in after


def test_a_number_measured_on_other_data_every_second_epoch():
    def test_loss(run):
        if run.epoch % 2 == 0:
            run.record["test_loss"] = evaluate(run.model, run.loss, X, 3 * X)["loss"]

    history = train(test_loss, epochs=4)
    assert [math.isnan(value) for value in history.test_loss] == [True, True, False, True, False]
    assert history.best("test_loss")["epoch"] in (2, 4)


def test_the_row_from_which_a_training_is_resumed_takes_nothing(tmp_path):
    def begins(run):
        run.record["mine"] = 7.0

    callback = Callback()
    callback.on_train_begin = begins
    train(callback, epochs=1, checkpoint=tmp_path / "run.npz")
    with pytest.raises(
        CallbackError, match=r"on_train_begin, epoch 1: RuntimeError: run\.record: numbers must be added in"
    ):
        train(callback, epochs=2, checkpoint=tmp_path / "run.npz", resume=True)


@pytest.mark.parametrize("kind", [EarlyStopping, ReduceOnPlateau])
def test_a_number_that_is_not_known_before_training_costs_no_patience(kind):
    watching = kind("my_score", patience=1)
    history = train(Adds(math.nan, 1, 2, 3, 4, name="my_score"), watching)
    assert history.epoch == [0, 1, 2, 3, 4]
    assert (watching.best, watching.best_epoch) == (4, 4)
    assert history.learning_rate == [0.1] * 5
