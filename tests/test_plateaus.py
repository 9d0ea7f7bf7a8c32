import numpy as np
import pytest

from layers import Dense, Sequential
from losses import MeanSquaredError
from optimizers import SGD
from training import EarlyStopping, ReduceOnPlateau, fit

X = np.ones((4, 1), np.float32)


class Scripted:
    """Writes given values into the history, in place of what was measured."""

    def __init__(self, *values):
        self.values = values

    def on_epoch_end(self, run):
        run.record["validation_loss"] = self.values[run.epoch]
        run.history["validation_loss"][-1] = self.values[run.epoch]

    def on_train_begin(self, run):
        self.on_epoch_end(run)


def train(callback, *values, optimizer=None, model=None):
    model = model or Sequential([Dense(1, 1)], rng=0)
    optimizer = optimizer or SGD(0.1)
    return fit(model, MeanSquaredError(), optimizer, X, X, validation=(X, X), epochs=len(values) - 1,
               callbacks=[Scripted(*values), callback], verbose=False)  # fmt: skip


def test_early_stopping_waits_that_many_epochs_for_a_better_value():
    early = EarlyStopping(patience=3)
    history = train(early, 5, 4, 3, 3.5, 3, 3.2, 1, 1)
    assert history.epoch[-1] == 5
    assert (early.best, early.best_epoch) == (3, 2)


def test_a_better_value_starts_the_waiting_anew():
    assert train(EarlyStopping(patience=2), 5, 6, 4, 5, 3, 4, 4, 4).epoch[-1] == 6


def test_epoch_0_counts():
    early = EarlyStopping(patience=2)
    assert train(early, 1, 2, 3, 4, 5).epoch[-1] == 2
    assert early.best_epoch == 0


def test_the_largest_is_best_for_an_accuracy_and_on_request():
    assert EarlyStopping("validation_accuracy").mode == "max"
    assert EarlyStopping("validation_r_squared").mode == "max"
    assert EarlyStopping("validation_mean_absolute_error").mode == "min"
    assert EarlyStopping("speed", mode="max").mode == "max"
    assert train(EarlyStopping(patience=2, mode="max"), 1, 2, 3, 2, 2, 9).epoch[-1] == 4


def test_an_improvement_must_be_large_enough():
    assert train(EarlyStopping(patience=2, improvement=0.5), 5, 4.8, 4.7, 1, 1).epoch[-1] == 2


@pytest.mark.parametrize("restore_best", [True, False])
def test_the_best_parameters_come_back(restore_best):
    kept = []

    class Keeps:
        def on_epoch_end(self, run):
            kept.append(run.model.parameters.copy())

    model = Sequential([Dense(1, 1)], rng=0)
    early = EarlyStopping(patience=2, restore_best=restore_best)
    fit(model, MeanSquaredError(), SGD(0.1), X, X, validation=(X, X), epochs=9, verbose=False,
        callbacks=[Keeps(), Scripted(5, 4, 1, 2, 3, 0), early])  # fmt: skip
    assert len(kept) == 4
    np.testing.assert_array_equal(model.parameters, kept[1] if restore_best else kept[3])


def test_reduce_on_plateau_cuts_the_rate_and_waits_again():
    optimizer = SGD(0.8)
    history = train(ReduceOnPlateau(factor=0.5, patience=2), 5, 4, 4, 4, 4, 4, 1, 1, 1, optimizer=optimizer)
    # best in epoch 1; no better in 2 and 3: cut after 3; nor in 4 and 5: cut after 5; 6 is better; 7 and 8 are not
    assert history.learning_rate == [0.8, 0.8, 0.8, 0.8, 0.4, 0.4, 0.2, 0.2, 0.2]
    assert optimizer.learning_rate == 0.1


def test_the_rate_has_a_floor():
    optimizer = SGD(0.8)
    train(ReduceOnPlateau(factor=0.1, patience=1, minimum=0.05), 1, 1, 1, 1, 1, optimizer=optimizer)
    assert optimizer.learning_rate == 0.05


def test_a_schedule_cannot_be_reduced():
    with pytest.raises(RuntimeError, match="ReduceOnPlateau: learning_rate must be a number, got <function"):
        train(ReduceOnPlateau(), 1, 1, optimizer=SGD(lambda step: 0.1))


def test_nan_is_never_better():
    assert train(EarlyStopping(patience=2), np.nan, 3, np.nan, np.nan, 1).epoch[-1] == 3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EarlyStopping(patience=0), "EarlyStopping: patience must be at least 1, got 0"),
        (lambda: EarlyStopping("speed"), "mode must be 'min' or 'max' for 'speed'"),
        (lambda: EarlyStopping(mode="up"), "mode must be 'min' or 'max', got 'up'"),
        (lambda: EarlyStopping(improvement=-1), "improvement must be finite and >= 0, got -1"),
        (lambda: ReduceOnPlateau(factor=1), r"factor must be in \[0, 1\), got 1"),
        (lambda: ReduceOnPlateau(minimum=-1), "minimum must be finite and >= 0"),
    ],
)
def test_wrong_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_the_numbers_of_numpy_become_those_of_python():
    reduce = ReduceOnPlateau(factor=np.float32(0.5), patience=np.int64(3), minimum=np.float32(0.25))
    assert [type(value) for value in (reduce.factor, reduce.patience, reduce.minimum)] == [float, int, float]


@pytest.mark.parametrize("kind", [EarlyStopping, ReduceOnPlateau])
def test_only_what_is_watched_goes_by_position(kind):
    with pytest.raises(TypeError, match="positional argument"):
        kind("loss", 3)
