"""A softmax or a sigmoid in front of a loss that applies its own: found in every container, and nowhere else."""

import warnings

import numpy as np
import pytest

from layers import Add, Concatenate, Dense, Graph, Identity, LogSoftmax, Residual, Sequential, Sigmoid, Softmax
from losses import CategoricalCrossEntropy, MeanSquaredError, SigmoidBinaryCrossEntropy, SoftmaxCrossEntropy
from optimizers import SGD
from training import fit

X = np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32)
Y = np.arange(12) % 3


def chain(*layers):
    return Sequential([*layers], rng=0)


TWICE = {
    "the last of a chain": lambda: chain(Dense(4, 3), Softmax()),
    "of a chain in a chain in a chain": lambda: chain(Dense(4, 3), chain(chain(Softmax()))),
    "the last of a graph": lambda: Graph({"scores": (Dense(4, 3), "x"), "p": (Softmax(), "scores")}, rng=0),
    "a chain in a graph": lambda: Graph({"p": (chain(Dense(4, 3), Softmax()), "x")}, rng=0),
    "a graph in a chain": lambda: chain(Dense(4, 3), Graph({"p": (Softmax(), "x")})),
    "its logarithm": lambda: chain(Dense(4, 3), LogSoftmax()),
}
ONCE = {
    "no softmax": lambda: chain(Dense(4, 3)),
    "a softmax that is not the last": lambda: chain(Dense(4, 3), Softmax(), Dense(3, 3)),
    "inside of a residual": lambda: chain(Dense(4, 3), Residual([Softmax()])),
    "beside something else": lambda: chain(Dense(4, 2), Concatenate(Softmax(), Identity())),
    "summed up in a graph": lambda: Graph(
        {"s": (Dense(4, 3), "x"), "p": (Softmax(), "s"), "sum": (Add(), "s", "p")}, rng=0
    ),
}


def train(model, loss, y=Y, **options):
    return fit(model, loss, SGD(0.1), X, y, epochs=1, verbose=False, **options)


@pytest.mark.parametrize("measure_first", [True, False])
@pytest.mark.parametrize("name", TWICE)
def test_a_softmax_before_a_softmax_loss_is_warned_of_once_at_the_line_of_fit(name, measure_first):
    with pytest.warns(
        UserWarning, match=r"fit: softmax is applied twice: .*; leave out the (Log)?Softmax\(\)"
    ) as caught:
        train(TWICE[name](), SoftmaxCrossEntropy(), measure_first=measure_first)
    assert len(caught) == 1
    assert caught[0].filename == __file__


@pytest.mark.parametrize("name", ONCE)
def test_a_softmax_elsewhere_is_no_mistake(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(ONCE[name](), SoftmaxCrossEntropy())


@pytest.mark.parametrize("name", list(TWICE)[:5])
def test_a_softmax_before_another_loss_is_none(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(TWICE[name](), CategoricalCrossEntropy(), y=np.eye(3)[Y])
        train(TWICE[name](), MeanSquaredError(), y=np.eye(3)[Y])


def test_a_sigmoid_before_a_sigmoid_loss_in_a_graph():
    model = Graph({"s": (Dense(4, 1), "x"), "p": (Sigmoid(), "s")}, rng=0)
    with pytest.warns(UserWarning, match=r"sigmoid is applied twice: .*; leave out the Sigmoid\(\)"):
        train(model, SigmoidBinaryCrossEntropy(), y=Y[:, np.newaxis] % 2)


@pytest.mark.parametrize("measure_first", [True, False])
def test_probabilities_of_no_known_layer_are_warned_of_at_the_line_of_fit(measure_first):
    hidden = chain(Dense(4, 3), Softmax(), Identity())
    with pytest.warns(UserWarning, match="the rows it is given sum to 1 already") as caught:
        train(hidden, SoftmaxCrossEntropy(), measure_first=measure_first)
    assert [warning.filename for warning in caught] == [__file__]
