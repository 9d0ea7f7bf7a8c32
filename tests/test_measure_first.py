"""A training whose history starts at epoch 1."""

import numpy as np
import pytest

from layers import Dense, Dropout, Layer, ReLU, Sequential
from losses import SoftmaxCrossEntropy
from optimizers import SGD, Adam
from training import (
    Callback,
    Checkpoint,
    CSVLogger,
    Diagnostics,
    EarlyStopping,
    History,
    ReduceOnPlateau,
    accuracy,
    fit,
    load,
    plot_histories,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 4)).astype(np.float32)
Y = np.arange(50) % 3
LAST = RNG.normal(size=(20, 4)).astype(np.float32), np.arange(20) % 3


def model():
    return Sequential([Dense(4, 8), ReLU(), Dropout(0.2), Dense(8, 3)], rng=0)


def train(*callbacks, network=None, optimizer=None, epochs=4, **options):
    options = {"batch_size": 16, "rng": 0, "verbose": False, "validation": LAST, "metrics": accuracy, **options}
    network = model() if network is None else network
    return fit(
        network, SoftmaxCrossEntropy(), optimizer or Adam(0.02), X, Y, epochs=epochs, callbacks=callbacks, **options
    )


def test_the_epochs_are_those_that_they_would_have_been():
    one, other = model(), model()
    measured, bare = train(network=one), train(network=other, measure_first=False)
    assert bare.epoch == [1, 2, 3, 4]
    assert bare.names == measured.names
    assert History({name: column[1:] for name, column in measured.items()}) == bare
    np.testing.assert_array_equal(one.parameters, other.parameters)


def test_nothing_is_predicted_before_the_first_step():
    seen = []

    class Counts(Sequential):
        def predict(self, x, *args, **options):
            seen.append(len(x))
            return super().predict(x, *args, **options)

    class Marks:
        def on_train_begin(self, run):
            seen.append("begin")

    train(Marks(), network=Counts([Dense(4, 3)], rng=0), measure_first=False, validation=None, epochs=1)
    assert seen == ["begin"]


def test_what_is_best_is_best_from_epoch_1_on():
    history = train(measure_first=False, epochs=6)
    assert history.best()["epoch"] >= 1
    early = EarlyStopping("validation_loss", patience=2)
    history = train(early, optimizer=SGD(50.0), measure_first=False, epochs=9)  # it only gets worse
    assert early.best_epoch == history.best()["epoch"] == 1
    assert early.best == history.validation_loss[0]
    assert history.epoch == [1, 2, 3]


def test_early_stopping_restores_the_best_epoch():
    network, early = model(), EarlyStopping("validation_loss", patience=2)
    weights = []
    train(early, lambda run: weights.append(run.model.parameters.copy()), network=network, optimizer=SGD(50.0),
          measure_first=False, epochs=9)  # fmt: skip
    np.testing.assert_array_equal(network.parameters, weights[early.best_epoch - 1])


def test_a_resumed_training_is_the_same(tmp_path):
    def run(epochs, network, **options):
        parts = (
            EarlyStopping(patience=50),
            ReduceOnPlateau(patience=1),
            Checkpoint(tmp_path / "own.npz", keep_best=True),
        )
        history = train(*parts, network=network, epochs=epochs, measure_first=False, **options)
        return history, parts[0].best_epoch, parts[1].waited

    one, other = model(), model()
    whole = run(6, one)
    run(3, model(), checkpoint=tmp_path / "run.npz")
    assert run(6, other, checkpoint=tmp_path / "run.npz", resume=True) == whole
    np.testing.assert_array_equal(one.parameters, other.parameters)
    assert load(tmp_path / "own.best.npz", model()).epoch[-1] == whole[0].best()["epoch"]


@pytest.mark.parametrize(("first", "second"), [(True, False), (False, True)])
def test_a_resumed_training_goes_on_whatever_it_started_with(tmp_path, first, second):
    path = tmp_path / "run.npz"
    train(epochs=2, measure_first=first, checkpoint=path)
    history = train(epochs=4, measure_first=second, checkpoint=path, resume=True)
    assert history.epoch == ([0] if first else []) + [1, 2, 3, 4]


def test_the_lines_start_with_epoch_1(capsys, tmp_path):
    train(measure_first=False, verbose=True, epochs=2, checkpoint=tmp_path / "run.npz")
    lines = capsys.readouterr().out.splitlines()
    assert [line[:11] for line in lines] == ["epoch 1/2  ", "epoch 2/2  "]
    train(measure_first=False, verbose=True, epochs=3, checkpoint=tmp_path / "run.npz", resume=True)
    assert capsys.readouterr().out.splitlines()[0] == "resumed after epoch 2"


def test_callbacks_see_an_empty_record_before_epoch_1():
    class Looks(Callback):
        def on_train_begin(self, run):
            self.seen = run.epoch, dict(run.record), len(run.history)

        def on_epoch_end(self, run):
            assert run.record["epoch"] == run.epoch

    looks = Looks()
    train(looks, Diagnostics(verbose=False), measure_first=False)
    assert looks.seen == (0, {}, 0)


def test_ctrl_c_in_epoch_1_leaves_nothing_and_ends_in_order(tmp_path):
    ended = []

    class Presses:
        def on_batch_end(self, run):
            if run.batch_index == 1:
                raise KeyboardInterrupt

        def on_train_end(self, run):
            ended.append((run.epoch, len(run.history)))

    history = train(Presses(), CSVLogger(tmp_path / "run.csv"), measure_first=False)
    assert len(history) == 0
    assert ended == [(0, 0)]


def test_a_monitor_that_will_never_be_there_is_seen_before_training():
    steps = []
    with pytest.raises(ValueError, match=r"monitor must be one of \['epoch', 'loss', 'accuracy', 'validation_loss', "
                       r"'validation_accuracy', 'learning_rate', 'seconds'\], got 'kappa_score'"):  # fmt: skip
        train(EarlyStopping("kappa_score"), measure_first=False, optimizer=Counted(steps))
    assert steps == []


class Counted(SGD):
    def __init__(self, steps):
        super().__init__(0.1)
        self.seen = steps

    def step(self, model):
        self.seen.append(1)
        super().step(model)


def test_probabilities_are_seen_in_the_first_batch():
    class Mine(Layer):
        def forward(self, x):
            e = np.exp(x)
            self._cache = out = e / e.sum(axis=1, keepdims=True)
            return out

        def backward(self, dout):
            out = self._recall()
            return out * (dout - (dout * out).sum(axis=1, keepdims=True))

    with pytest.warns(
        UserWarning, match="softmax is applied twice: .* the rows it is given sum to 1 already"
    ) as caught:
        train(network=Sequential([Dense(4, 3), Mine()], rng=0), measure_first=False, validation=None)
    assert len(caught) == 1


def test_a_generator_of_batches_for_one_epoch():
    history = fit(model(), SoftmaxCrossEntropy(), SGD(0.1), ((X, Y) for _ in range(2)), epochs=1, measure_first=False,
                  verbose=False)  # fmt: skip
    assert history.epoch == [1]
    assert np.isfinite(history.loss).all()


def test_the_curves_are_drawn_from_epoch_1():
    history = train(measure_first=False)
    for figure in (history.plot(), plot_histories({"one": history})):
        lines = [line for axes in figure.axes for line in axes.get_lines() if len(line.get_xdata()) == 4]
        assert lines
        assert all(list(line.get_xdata()) == [1, 2, 3, 4] for line in lines)


def test_it_must_be_true_or_false():
    with pytest.raises(TypeError, match="fit: measure_first must be True or False, got 0"):
        train(measure_first=0)
