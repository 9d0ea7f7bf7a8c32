"""Data sets that give one example at a time: trained on, validated and resumed bit for bit as arrays are."""

import re

import numpy as np
import pytest

from layers import Add, BatchNorm, Dense, Dropout, Graph, ReLU, Sequential
from losses import MeanSquaredError, SoftmaxCrossEntropy
from optimizers import Adam
from training import accuracy, batches, evaluate, fit, learning_rate_range_test, overfit_one_batch, train_test_split
from training.data.arrays import is_mapped
from training.data.mapped import Mapped

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 4)).astype(np.float32)
Y = np.arange(50) % 3
WEIGHTS = RNG.uniform(0.1, 2, 50)
LAST = RNG.normal(size=(21, 4)).astype(np.float32), np.arange(21) % 3


class Examples:
    """A data set of the arrays that it is given."""

    def __init__(self, *arrays):
        self.arrays, self.asked = arrays, []

    def __len__(self):
        return len(self.arrays[0])

    def __getitem__(self, i):
        assert type(i) is int
        self.asked.append(i)
        return tuple(array[i] for array in self.arrays)


class Given:
    """A data set of the examples that it is given."""

    def __init__(self, *examples):
        self.examples = examples

    def __len__(self):
        return len(self.examples)

    def __getitem__(self, i):
        return self.examples[i]


def model():
    return Sequential([Dense(4, 8), ReLU(), Dropout(0.2), Dense(8, 3)], rng=0)


def train(*data, network=None, **options):
    options = {"epochs": 3, "batch_size": 16, "rng": 0, "verbose": False, "metrics": accuracy, **options}
    return fit(network or model(), SoftmaxCrossEntropy(), Adam(0.02), *data, **options)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"shuffle": False},
        {"drop_last": True},
        {"measure_first": False},
        {"parts": 3},
        {"batch_size": 50},
        {"batch_size": 1000},
    ],
)
def test_a_training_is_bit_for_bit_that_of_the_arrays(options):
    one, other = model(), model()
    arrays = train(X, Y, network=one, validation=LAST, **options)
    examples = train(Examples(X, Y), network=other, validation=Examples(*LAST), **options)
    assert arrays == examples
    np.testing.assert_array_equal(one.parameters, other.parameters)


def test_so_it_is_with_weights():
    assert train(X, Y, sample_weights=WEIGHTS) == train(Examples(X, Y, WEIGHTS))


def test_so_it_is_where_it_was_resumed(tmp_path):
    one, other = model(), model()
    whole = train(Examples(X, Y), network=one, epochs=6)
    train(Examples(X, Y), epochs=3, checkpoint=tmp_path / "run.npz")
    assert train(Examples(X, Y), network=other, epochs=6, checkpoint=tmp_path / "run.npz", resume=True) == whole
    np.testing.assert_array_equal(one.parameters, other.parameters)


def test_each_example_is_asked_for_once_an_epoch_in_another_order():
    data = Examples(X, Y)
    train(data, epochs=2, measure_first=False)
    first, second = data.asked[:50], data.asked[50:]
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second


def test_it_is_measured():
    arrays = evaluate(model(), SoftmaxCrossEntropy(), X, Y, metrics=accuracy)
    assert evaluate(model(), SoftmaxCrossEntropy(), Examples(X, Y), metrics=accuracy, batch_size=7) == pytest.approx(
        arrays
    )


def test_several_inputs_come_by_name():
    network = Graph({"a": (Dense(4, 1), "u"), "b": (Dense(2, 1), "v"), "sum": (Add(), "a", "b")}, rng=0)
    u, v, y = X, X[:, :2] ** 2, X[:, :1]
    data = Given(*({"u": u[i], "v": v[i]} for i in range(50)))
    data.examples = [(example, y[i]) for i, example in enumerate(data.examples)]
    other = Graph({"a": (Dense(4, 1), "u"), "b": (Dense(2, 1), "v"), "sum": (Add(), "a", "b")}, rng=0)
    options = {"epochs": 2, "rng": 0, "verbose": False}
    by_example = fit(network, MeanSquaredError(), Adam(), data, **options)
    assert by_example == fit(other, MeanSquaredError(), Adam(), {"u": u, "v": v}, y, **options)


def test_numbers_lists_and_arrays_are_examples():
    x, y = Mapped("fit", Given(([1, 2], 0), ((3.5, 4), np.int8(1)), (np.zeros(2, np.float32), True))).batch([0, 1, 2])
    assert x.tolist() == [[1, 2], [3.5, 4], [0, 0]]
    assert y.tolist() == [0, 1, 1]


def test_a_single_last_example_before_a_batch_norm_is_seen_before_training():
    network = Sequential([Dense(4, 8), BatchNorm(8), Dense(8, 3)], rng=0)
    with pytest.raises(ValueError, match="every batch must be one to train on, got one of one example left"):
        train(Examples(X[:49], Y[:49]), network=network, batch_size=16)
    train(Examples(X[:49], Y[:49]), network=network, batch_size=16, drop_last=True)


@pytest.mark.parametrize(
    ("data", "error", "text"),
    [
        (Given(X[0], X[1]), TypeError, "fit: example 0 must be (x, y) or (x, y, sample_weight), got ndarray"),
        (Given((X[0], 0), {"x": X[0]}), TypeError, "fit: example 1 must be (x, y) or (x, y, sample_weight), got dict"),
        (Given((X[0], 0, 1, 1)), TypeError, "fit: example 0 must be (x, y) or (x, y, sample_weight), got 4 things"),
        (
            Given((X[0], 0), (X[0, :3], 0)),
            ValueError,
            "fit: x of all examples must have one shape, got (4,) at 0 and (3,) at 1",
        ),
        (Given((X[0], 0), (X[0], 0, 1.0)), ValueError, "all examples must have a weight, or none, got 2 things at 0"),
        (Given((X[0], 0), ([[1], [1, 2]], 0)), ValueError, "fit: x of example 1 must have rows of equal length"),
        (Given(), ValueError, "fit: x must hold at least one example, got a Given of length 0"),
        (Given(({"a": X[0]}, 0), ({"b": X[0]}, 0)), ValueError, "fit: x of example 1 must have ['a'], got ['b']"),
        (Given(({"a": X[0]}, 0), (X[0], 0)), ValueError, "fit: x of example 1 must have ['a'], got ndarray"),
        (Given(("word", 0), ("words", 1)), TypeError, "Dense(4, 8), layer 0: x must hold real numbers, got dtype <U5"),
    ],
)
def test_examples_that_are_none(data, error, text):
    with pytest.raises(error, match=re.escape(text)):
        train(data, shuffle=False)


def test_the_error_of_a_validation_says_so():
    with pytest.raises(TypeError, match=r"fit: validation: example 0 must be \(x, y\)"):
        train(X, Y, validation=Given(X[0]))
    with pytest.raises(TypeError, match=r"evaluate: example 0 must be \(x, y\)"):
        evaluate(model(), SoftmaxCrossEntropy(), Given(X[0]))


def test_targets_and_weights_are_in_the_examples():
    for options in ({"y": Y}, {"sample_weights": WEIGHTS}):
        with pytest.raises(TypeError, match=f"fit: {next(iter(options))} must be in the examples of the Examples"):
            train(Examples(X, Y), **options)


def test_what_can_be_gone_through_gives_batches():
    class Batches(Examples):
        def __iter__(self):
            yield X, Y

    assert not is_mapped(Batches(X, Y))
    assert train(Batches(X, Y), epochs=1).loss == train([(X, Y)], epochs=1).loss
    for other in ([1, 2], (1, 2), "ab", {"a": 1}, X, Examples, None, 3, range(3)):
        assert not is_mapped(other)


def test_what_is_one_array_needs_its_targets():
    class Table(Examples):
        def __array__(self, dtype=None, copy=None):
            return X

    with pytest.raises(TypeError, match=r"x must come with y, or be an iterable of batches \(x, y\), got Table alone"):
        train(Table(X))


@pytest.mark.parametrize(
    "call",
    [
        lambda data: overfit_one_batch(model(), SoftmaxCrossEntropy(), Adam(), data, Y),
        lambda data: learning_rate_range_test(model(), SoftmaxCrossEntropy(), Adam(), data, Y),
        lambda data: train_test_split(data, Y),
        lambda data: batches(data, Y, 4),
        lambda data: train(X, data),
    ],
)
def test_where_an_array_is_needed_no_example_is_asked_for(call):
    data = Examples(X, Y)
    with pytest.raises(
        TypeError, match="must be an array, got the data set Examples, which gives one example at a time"
    ):
        call(data)
    assert data.asked == []
