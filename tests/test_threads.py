"""The parts of a batch at the same time: bit for bit those one after the other, whatever is trained or goes wrong."""

import builtins
import copy
import threading

import numpy as np
import pytest
from test_parallel import Gradients, dense, images

from layers import (
    LSTM,
    BatchNorm,
    Dense,
    Dropout,
    Embedding,
    Graph,
    Join,
    LastStep,
    Layer,
    Padded,
    ReLU,
    SelfAttention,
    Sequential,
)
from losses import MeanSquaredError, SoftmaxCrossEntropy
from optimizers import SGD, Adam
from training import Callback, EarlyStopping, Threads, accuracy, evaluate, fit

pytest.importorskip("threadpoolctl", reason='left out: no threadpoolctl, pip install -e ".[parallel]"')


def trained(make, x, y, parts, loss=None, **options):
    """Return the history, the parameters and the buffers of two epochs."""
    model = make()
    options = {"epochs": 2, "batch_size": 7, "rng": 0, "verbose": False, "metrics": [accuracy], **options}
    history = fit(model, loss or SoftmaxCrossEntropy(), Adam(0.01), x, y, parts=parts, **options)
    return history, model.state_dict(), {name: vars(noise).copy() for name, noise in model.noises()}


def same(one, other):
    assert one[0] == other[0]
    assert all(np.array_equal(array, other[1][name]) for name, array in one[1].items())
    for name, noise in one[2].items():
        assert {k: v for k, v in noise.items() if k != "_source"} == {
            k: v for k, v in other[2][name].items() if k != "_source"
        }


@pytest.mark.parametrize("kind", [dense, images])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("k", [2, 3])
def test_threads_give_the_bits_of_parts_in_turn(kind, seed, k):
    rng = np.random.default_rng(seed)
    make, shape, c = kind(rng, np.float32)
    n = int(rng.integers(3, 20))  # batches of 7, the last one ragged, sometimes smaller than k
    x, y = rng.normal(size=(n, *shape)).astype(np.float32), rng.integers(0, c, n)
    same(trained(make, x, y, k), trained(make, x, y, Threads(k, blas_threads=1)))


def test_what_every_step_sees_is_the_same(rng):
    make, shape, c = dense(rng, np.float64)
    x, y = rng.normal(size=(9, *shape)), rng.integers(0, c, 9)
    one, other = [], []
    for seen, parts in ((one, 3), (other, Threads(3, blas_threads=1))):
        gradients = Gradients()
        trained(make, x, y, parts, callbacks=[gradients])
        seen += gradients.seen
    for a, b in zip(one, other, strict=True):
        assert all(np.array_equal(u, v) for u, v in zip(a, b, strict=True))


@pytest.mark.parametrize(
    ("make", "x"),
    [
        (lambda: Sequential([Dense(3, 4), BatchNorm(4), ReLU(), Dense(4, 2)], rng=0), np.ones((8, 3))),
        (
            lambda: Sequential(
                [Embedding(5, 4), LSTM(4, 4), SelfAttention(4, 2, dropout=0.3), LastStep(), Dense(4, 2)], rng=0
            ),
            Padded(np.arange(40).reshape(8, 5) % 5, [5, 1, 2, 0, 3, 5, 4, 1]),
        ),
        (
            lambda: Graph({"d": (Dropout(0.4, rng=0), "u"), "j": (Join(), "d", "v"), "o": (Dense(5, 2), "j")}, rng=0),
            {"u": np.ones((8, 2)), "v": np.ones((8, 3))},
        ),
    ],
    ids=["batch norm", "sequences", "graph"],
)  # fmt: skip
def test_buffers_noise_lengths_and_several_inputs(make, x, rng):
    x = {k: v * rng.normal(size=v.shape) for k, v in x.items()} if isinstance(x, dict) else x
    x = x * rng.normal(size=x.shape) if isinstance(x, np.ndarray) else x
    y = rng.integers(0, 2, 8)
    one = trained(make, x, y, 2, batch_size=5, drop_last=True)
    same(one, trained(make, x, y, Threads(2, blas_threads=1), batch_size=5, drop_last=True))
    weights = np.array([0, 0, 0, 0, 0.5, 1, 2, 0])
    options = {"sample_weights": weights, "shuffle": False, "batch_size": 8}
    same(trained(make, x, y, 4, **options), trained(make, x, y, Threads(4, blas_threads=1), **options))


def test_validation_callbacks_and_evaluate(rng):
    x, y = rng.normal(size=(20, 3)), rng.integers(0, 2, 20)
    make = lambda: Sequential([Dense(3, 8), ReLU(), Dropout(0.3), Dense(8, 2)], rng=0)  # noqa: E731
    results = []
    for parts in (2, Threads(2, blas_threads=1)):
        model = make()
        history = fit(
            model, SoftmaxCrossEntropy(), SGD(0.3), x, y, epochs=6, batch_size=8, validation=(x[:9], y[:9]), rng=0,
            callbacks=[EarlyStopping(patience=2)], parts=parts, verbose=False, metrics=[accuracy],
        )  # fmt: skip
        results.append((history, evaluate(model, SoftmaxCrossEntropy(), x, y, parts=parts, batch_size=7)))
    assert results[0] == results[1]


@pytest.mark.parametrize("batch_size", [1, 7, 20, 100])
def test_predictions_are_shared_a_batch_each(batch_size, rng):
    model = Sequential([Dense(3, 8), BatchNorm(8), ReLU(), Dropout(0.3), Dense(8, 2)], rng=0)
    x, parts = rng.normal(size=(20, 3)), Threads(3, blas_threads=1)
    found = parts.predict(model, x, batch_size=batch_size)
    np.testing.assert_array_equal(found, model.predict(x, batch_size=batch_size))
    two = Graph({"a": (Dense(3, 2), "x"), "b": (Dense(3, 3), "x")}, rng=0)
    for one, other in zip(parts.predict(two, x, batch_size=batch_size), two.predict(x), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="Threads: batch_size must be at least 1, got 0"):
        parts.predict(model, x, batch_size=0)


def test_a_layer_that_goes_to_rest_between_two_epochs_does_so_in_every_thread(rng):
    x, y = rng.normal(size=(8, 3)), rng.integers(0, 2, 8)

    class Rests(Callback):
        def on_epoch_begin(self, run):
            if run.epoch == 2:
                run.model[0].rest()

    make = lambda: Sequential([Dense(3, 4), ReLU(), Dense(4, 2)], rng=0)  # noqa: E731
    one = trained(make, x, y, 2, epochs=3, callbacks=[Rests()])
    same(one, trained(make, x, y, Threads(2, blas_threads=1), epochs=3, callbacks=[Rests()]))


def test_the_parts_do_run_at_the_same_time():
    meeting = threading.Barrier(2, timeout=20)

    class Meets(Layer):
        def forward(self, x):
            self._cache = x.shape
            meeting.wait()  # a part alone would wait in vain
            return x

        def backward(self, dout):
            return self._check_dout(dout, self._recall())

        def predict(self, x):
            return x

    model = Sequential([Dense(2, 2), Meets()], rng=0)
    history = fit(model, MeanSquaredError(), SGD(0.1), np.ones((4, 2)), np.ones((4, 2)), epochs=1, batch_size=4,
                  parts=Threads(2), verbose=False)  # fmt: skip
    assert len(history) == 2


class Fails(Layer):
    """Raises where it is told to, and is a twin's layer like any other."""

    def __init__(self, where):
        super().__init__()
        self.where = where

    def forward(self, x):
        self._cache = x.shape
        if self.where == "forward" and (x == 7).any():
            raise OSError("the disk is full")
        return x

    def backward(self, dout):
        if self.where == "backward":
            raise MemoryError("no more")
        return self._check_dout(dout, self._recall())

    def predict(self, x):
        return x


@pytest.mark.parametrize(("where", "error"), [("forward", OSError), ("backward", MemoryError)])
def test_an_error_in_a_thread_is_its_own_and_the_model_is_whole(where, error):
    model = Sequential([Dense(2, 2), BatchNorm(2), Fails(where), Dense(2, 2)], dtype=np.float64, rng=0)
    model[0].weights, model[0].bias = np.eye(2), np.zeros(2)
    model[1].gain, model[1].running_mean = [1, 1], [0.5, 0.5]
    failing = copy.deepcopy(model[2])
    assert failing.where == where
    before, alive = model.state_dict(), threading.active_count()
    x = np.random.default_rng(0).normal(size=(6, 2))
    if where == "forward":
        model = Sequential([Fails(where), Dense(2, 2)], dtype=np.float64, rng=0)
        before, x[4] = model.state_dict(), 7
    with pytest.raises(error):
        fit(
            model,
            MeanSquaredError(),
            SGD(0.1),
            x,
            x,
            epochs=2,
            batch_size=6,
            shuffle=False,
            parts=Threads(3),
            verbose=False,
        )
    assert all(np.array_equal(array, before[name]) for name, array in model.state_dict().items())
    assert threading.active_count() == alive
    assert not any(layer.holder is None for _, layer in model.named())


def test_a_divergence_is_told_as_ever(rng):
    x = rng.normal(size=(8, 2))
    model = Sequential([Dense(2, 2), Dense(2, 2)], rng=0)
    with np.errstate(all="ignore"), pytest.raises((FloatingPointError, ValueError), match="finite"):
        fit(model, MeanSquaredError(), SGD(1e30), x, x, epochs=5, batch_size=4, parts=Threads(2), verbose=False)


def test_the_same_object_serves_one_training_after_the_other_but_not_two_at_once(rng):
    x = rng.normal(size=(4, 2))
    parts = Threads(2)

    class Inner(Callback):
        def on_epoch_end(self, run):
            pass

        def on_batch_begin(self, run):
            evaluate(run.model, MeanSquaredError(), x, x, parts=parts)

    options = {"epochs": 1, "verbose": False, "parts": parts}
    for _ in range(2):
        fit(Sequential([Dense(2, 2)], rng=0), MeanSquaredError(), SGD(0.1), x, x, **options)
    with pytest.raises(Exception, match="one training at a time must use this object"):
        fit(Sequential([Dense(2, 2)], rng=0), MeanSquaredError(), SGD(0.1), x, x, callbacks=[Inner()], **options)
    fit(Sequential([Dense(2, 2)], rng=0), MeanSquaredError(), SGD(0.1), x, x, **options)


def test_blas_has_its_threads_back_afterwards(rng):
    from threadpoolctl import threadpool_info

    x, seen = rng.normal(size=(4, 2)), []
    now = lambda: [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]  # noqa: E731
    before = now()

    class See(Callback):
        def on_batch_end(self, run):
            seen.append(now())

    options = {"epochs": 1, "verbose": False, "parts": Threads(2, blas_threads=1), "callbacks": [See()]}
    fit(Sequential([Dense(2, 2)], rng=0), MeanSquaredError(), SGD(0.1), x, x, **options)
    assert seen == [[1] * len(before)]
    assert now() == before


def test_what_is_missing_is_told_when_the_object_is_made(monkeypatch):
    real = builtins.__import__

    def without(name, *arguments):
        if name == "threadpoolctl":
            raise ImportError(name)
        return real(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(
        ImportError, match=r'Threads: threadpoolctl must be installed, .* pip install "handgrad\[parallel'
    ):
        Threads(2)


class Draws(Layer):
    """A layer that draws from a stream."""

    def __init__(self):
        super().__init__()
        self.stream = np.random.default_rng(0)

    def forward(self, x):
        self._cache = x.shape
        return x + self.stream.normal(size=x.shape)

    def backward(self, dout):
        return self._check_dout(dout, self._recall())


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: Threads(0), ValueError, "Threads: k must be at least 1, got 0"),
        (lambda: Threads(2.0), TypeError, "Threads: k must be a whole number, got 2.0"),
        (lambda: Threads(2, blas_threads=0), ValueError, "Threads: blas_threads must be at least 1, got 0"),
        (
            lambda: trained(lambda: Sequential([Dense(2, 2), Draws()]), np.ones((4, 2)), [0, 1, 0, 1], Threads(2)),
            TypeError,
            "Threads: what draws in a layer must be a Noise, got a stream at 1.stream",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_clear_words(call, error, text):
    with pytest.raises(error, match=text):
        call()
