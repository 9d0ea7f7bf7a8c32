"""What a batch goes through before the network trains on it."""

import re

import numpy as np
import pytest

from layers import Add, Conv2D, Dense, Dropout, Embedding, Flatten, Graph, ReLU, Sequential
from losses import MeanSquaredError, SoftmaxCrossEntropy
from optimizers import SGD, Adam
from training import accuracy, fit
from training.augmentation import rng_of_epoch

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 4)).astype(np.float32)
Y = np.arange(50) % 3
LAST = RNG.normal(size=(21, 4)).astype(np.float32), np.arange(21) % 3


def model():
    return Sequential([Dense(4, 8), ReLU(), Dropout(0.2), Dense(8, 3)], rng=0)


def train(*data, network=None, **options):
    options = {"epochs": 3, "batch_size": 16, "rng": 0, "verbose": False, "metrics": accuracy, **options}
    return fit(network or model(), SoftmaxCrossEntropy(), Adam(0.02), *(data or (X, Y)), **options)


def noisy(x, y, rng):
    return x + rng.normal(scale=0.1, size=x.shape).astype(x.dtype), y


def test_it_is_called_on_each_batch_that_is_trained_on_and_on_no_other():
    seen, before = [], []

    def looks(x, y, rng):
        seen.append((len(x), len(y)))
        return x, y

    class Begins:
        def on_train_begin(self, run):
            before.append(list(seen))

    train(transform=looks, validation=LAST, callbacks=[Begins()], epochs=2)
    assert before == [[]]  # nothing for epoch 0
    assert seen == [(16, 16), (16, 16), (16, 16), (2, 2)] * 2


def test_one_that_changes_nothing_changes_nothing():
    one, other = model(), model()
    assert train(network=one) == train(network=other, transform=lambda x, y, rng: (x, y))
    np.testing.assert_array_equal(one.parameters, other.parameters)


def test_callbacks_and_the_network_see_what_it_made():
    seen = []

    class Looks:
        def on_batch_begin(self, run):
            seen.append(run.batch)

    train(transform=lambda x, y, rng: (np.zeros_like(x), y + 0), callbacks=[Looks()], epochs=1)
    assert all(not x.any() and len(x) == len(y) for x, y in seen)


def test_epoch_0_is_measured_without_it():
    assert train(transform=noisy, epochs=1).loss[0] == train(epochs=1).loss[0]
    assert train(transform=noisy, epochs=1).loss[1] != train(epochs=1).loss[1]


@pytest.mark.parametrize("options", [{}, {"shuffle": False}, {"measure_first": False}, {"parts": 2}, {"rng": None}])
def test_a_resumed_training_transforms_as_it_would_have(tmp_path, options):
    if options.get("rng", 0) is None:  # then the file has what was drawn
        options = {"rng": np.random.default_rng(np.random.SeedSequence(7))}
        again = {"rng": np.random.default_rng(8)}
    else:
        again = options
    one, other = model(), model()
    path = tmp_path / "run.npz"
    seen = {"one": [], "other": []}

    def keeps(name):
        def transform(x, y, rng):
            seen[name].append(rng.integers(10**9))
            return noisy(x, y, rng)

        return transform

    whole = train(network=one, transform=keeps("one"), epochs=6, **options)
    if "rng" in options:
        options = {"rng": np.random.default_rng(np.random.SeedSequence(7))}
    train(transform=keeps("other"), epochs=3, checkpoint=path, **options)
    assert train(network=other, transform=keeps("other"), epochs=6, checkpoint=path, resume=True, **again) == whole
    np.testing.assert_array_equal(one.parameters, other.parameters)
    assert seen["one"] == seen["other"]
    assert len(set(seen["one"])) == 24  # other numbers in every batch of every epoch


def test_the_stream_leaves_that_of_the_examples_where_it_is():
    rng = np.random.default_rng(0)
    state = rng.bit_generator.state
    rng_of_epoch(rng, 3).normal(size=100)
    assert rng.bit_generator.state == state
    for kind in (np.random.MT19937, np.random.Philox, np.random.SFC64):
        rng = np.random.Generator(kind(0))
        assert rng_of_epoch(rng, 1).integers(10**9) == rng_of_epoch(rng, 1).integers(10**9)


@pytest.mark.parametrize("shuffle", [True, False])
def test_it_may_write_into_what_it_is_given(shuffle):
    x, y = X.copy(), Y.copy()
    batches = [(x[:25], y[:25]), (x[25:], y[25:])]

    def spoils(x, y, rng):
        x *= 0
        y *= 0
        return x, y

    train(x, y, transform=spoils, shuffle=shuffle)
    train(batches, transform=spoils)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y, Y)


def test_it_goes_over_batches_that_are_given_and_examples_too():
    class Examples:
        def __len__(self):
            return 50

        def __getitem__(self, i):
            return X[i], Y[i]

    assert train(Examples(), transform=noisy) == train(transform=noisy)
    given = train([(X, Y)], transform=noisy, epochs=1)
    assert given.loss[1] != train([(X, Y)], epochs=1).loss[1]


def test_weights_stay_or_are_given_anew():
    weights = np.linspace(0.1, 2, 50)
    plain = train(sample_weights=weights)
    assert train(sample_weights=weights, transform=lambda x, y, rng: (x, y)) == plain
    other = train(transform=lambda x, y, rng: (x, y, np.linspace(0.1, 2, len(x))))
    assert other.loss[1] != plain.loss[1]


def test_more_rows_may_come_out():
    history = train(transform=lambda x, y, rng: (np.concatenate([x, -x]), np.concatenate([y, y])), epochs=1)
    assert np.isfinite(history.loss).all()


def test_several_inputs_come_as_a_dict():
    network = Graph({"a": (Dense(4, 1), "u"), "b": (Dense(4, 1), "v"), "sum": (Add(), "a", "b")}, rng=0)
    fit(network, MeanSquaredError(), SGD(0.1), {"u": X, "v": X}, X[:, :1], epochs=1, verbose=False,
        transform=lambda x, y, rng: ({"u": x["v"], "v": x["u"]}, y))  # fmt: skip
    with pytest.raises(ValueError, match=r"fit: transform must return the x \['u', 'v'\], got \['u'\]"):
        fit(network, MeanSquaredError(), SGD(0.1), {"u": X, "v": X}, X[:, :1], epochs=1, verbose=False,
            transform=lambda x, y, rng: ({"u": x["v"]}, y))  # fmt: skip


def test_bytes_that_become_fractions_are_refused_since_the_validation_would_stay_bytes():
    images = RNG.integers(256, size=(20, 3, 3, 1), dtype=np.uint8)
    network = Sequential([Conv2D(1, 2, 3), Flatten(), Dense(2, 2)], rng=0)
    text = "fit: transform must return x of uint8, got float32: the network is measured on x as it is"
    with pytest.raises(TypeError, match=re.escape(text)):
        fit(network, SoftmaxCrossEntropy(), SGD(0.1), images, np.arange(20) % 2, epochs=1, verbose=False,
            transform=lambda x, y, rng: (x.astype(np.float32) / 255, y))  # fmt: skip


def test_words_may_be_left_out_by_number():
    network = Sequential([Embedding(10, 4), Flatten(), Dense(12, 3)], rng=0)
    tokens = RNG.integers(1, 10, size=(30, 3))
    history = fit(network, SoftmaxCrossEntropy(), SGD(0.1), tokens, np.arange(30) % 3, epochs=2, verbose=False,
                  transform=lambda x, y, rng: (np.where(rng.random(x.shape) < 0.1, 0, x), y))  # fmt: skip
    assert np.isfinite(history.loss).all()


@pytest.mark.parametrize(
    ("transform", "error", "text"),
    [
        (lambda x, y, rng: None, TypeError, "fit: transform must return (x, y), got None: a return is missing?"),
        (lambda x, y, rng: x, TypeError, "fit: transform must return (x, y), got 'ndarray'"),
        (lambda x, y, rng: (x,), TypeError, "fit: transform must return (x, y), got 1 things"),
        (lambda x, y, rng: (x[:3], y), ValueError, "transform must return as many x as y, got lengths [3, 16]"),
        (
            lambda x, y, rng: (x[:, :3], y),
            ValueError,
            "transform must return x of shape (N, 4), got (16, 3): the network",
        ),
        (lambda x, y, rng: (x.astype(int), y), TypeError, "transform must return x of float32, got int64"),
        (lambda x, y, rng: (1.0, y), ValueError, "transform must return x of shape (N, 4), got ()"),
        (lambda x, y: (x, y), TypeError, "fit: transform must be a function of (x, y, rng), got one of (x, y)"),
        (lambda batch: batch, TypeError, "fit: transform must be a function of (x, y, rng), got one of (batch)"),
        ("flip", TypeError, "fit: transform must be a function of (x, y, rng), got 'flip'"),
        (ReLU(), TypeError, "got ReLU(); a layer belongs into the network"),
        (Dense, TypeError, "fit: transform must be a function, got the class Dense"),
    ],
)
def test_what_is_no_transform_or_returns_no_batch(transform, error, text):
    network = model()
    before = network.parameters.copy()
    with pytest.raises(error, match=re.escape(text)):
        train(network=network, transform=transform)
    np.testing.assert_array_equal(network.parameters, before)
