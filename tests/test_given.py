"""Data as they come, and in words: tables of several kinds, missing values, names of classes."""

import re

import numpy as np
import pytest

from layers import Conv1D, Conv2D, Dense, MaxPool1D, ReLU, Sequential
from losses import MeanSquaredError, SigmoidBinaryCrossEntropy, SoftmaxCrossEntropy
from optimizers import Adam
from training import (
    Labels,
    Standardizer,
    accuracy,
    confusion_matrix,
    f1,
    fit,
    one_hot,
    standardize,
    train_test_split,
)

X = np.random.default_rng(0).normal(size=(40, 2))
NAMES = np.array(["cat", "dog"] * 20)
COLUMNS = [[20.0, True], [30.0, False], [25.0, True]]  # a column of numbers, a column of bools


class NAType:
    """As pandas calls the one value that is missing."""


MISSING = np.array([[1.0, 2], [NAType(), 3], [0.5, NAType()]], object)
ASKED = "x.to_numpy(float, na_value=np.nan), and then fill what is NaN"
ENCODE = "of names, Labels(y).encode(y)"


def network(n=2):
    return Sequential([Dense(2, n)], rng=0)


def train(x, y, n=2, loss=None, **options):
    return fit(network(n), loss or SoftmaxCrossEntropy(), Adam(), x, y, epochs=1, verbose=False, **options)


CALLS = {
    "bools in x": (
        lambda: train(np.array(COLUMNS, object), [0, 1, 1]),
        "dtype object; if all of it are numbers, x.astype(float)",
    ),
    "bools in x of predict": (
        lambda: network().predict(np.array(COLUMNS, object)),
        "if all of it are numbers, x.astype(float)",
    ),
    "missing in x": (lambda: train(MISSING, [0, 1, 1]), f"got dtype object, some of it missing, {ASKED}"),
    "missing in x of predict": (lambda: network().predict(MISSING), f"got dtype object, some of it missing, {ASKED}"),
    "missing in a scale": (lambda: Standardizer().fit(MISSING), f"got dtype object: {ASKED}"),
    "missing in two scales": (
        lambda: standardize(MISSING, MISSING),
        "x_train.to_numpy(float, na_value=np.nan), and then",
    ),
    "words in x": (
        lambda: train(np.array([[1.0, "red"], [2.0, "blue"]], object), [0, 1]),
        "got dtype object, 'red' at [0, 1]; words become numbers by pandas.get_dummies(x).astype(float), or classes",
    ),
    "words alone": (lambda: network().predict(np.array([["a", "b"]])), "got dtype <U1; words become numbers by pandas"),
    "None in x": (lambda: train(np.array([[1.0, None]], object), [0]), "got dtype object, None at [0, 1]"),
    "names for softmax": (lambda: train(X, NAMES), f"y must hold class indices as integers, got dtype <U3: {ENCODE}"),
    "names in a list": (lambda: train(X, list(NAMES)), f"got dtype <U3: {ENCODE}"),
    "names as objects": (lambda: train(X, NAMES.astype(object)), f"got dtype object: {ENCODE}"),
    "names for sigmoid": (
        lambda: train(X, NAMES[:, np.newaxis], 1, SigmoidBinaryCrossEntropy()),
        f"got dtype <U3: {ENCODE}",
    ),
    "names for accuracy": (lambda: accuracy(X, NAMES), f"accuracy: y must hold real numbers, got dtype <U3: {ENCODE}"),
    "names for f1": (lambda: f1(X, list(NAMES)), f"f1: y must hold real numbers, got dtype <U3: {ENCODE}"),
    "names and names": (
        lambda: accuracy(NAMES, NAMES),
        "predictions must hold real numbers, got dtype <U3: of names, Labels(y).encode(predictions)",
    ),
    "names for a matrix": (lambda: confusion_matrix(X, NAMES.astype(object)), f"confusion_matrix: y must .*{ENCODE}"),
    "names in one-hot rows": (lambda: one_hot(NAMES), f"one_hot: y must hold integers, got dtype <U3: {ENCODE}"),
    "a class that is missing": (
        lambda: train(X[:3], np.array([0, 1, np.nan])),
        "y must hold class indices as integers, got nan at [2]",
    ),
    "numbers as objects": (
        lambda: train(X[:2], np.array([[1.0], [True]], object), 1, MeanSquaredError()),
        "y must hold real numbers, got dtype object: y.astype(float)",
    ),
    "balanced": (lambda: SoftmaxCrossEntropy(class_weights="balanced"), "got 'balanced': such as balanced_weights(y)"),
    "causal": (
        lambda: Conv1D(2, 3, 3, dilation=2, padding="causal"),
        "got 'causal': write (4, 0), so that no step sees",
    ),
    "a causal pool": (lambda: MaxPool1D(3, padding="causal"), "got 'causal': write (2, 0), so that no step sees"),
    "a causal image": (lambda: Conv2D(2, 3, 3, padding="causal"), "whole numbers, got 'causal'"),
    "one number": (
        lambda: ReLU().forward(6.0),
        "x must have shape (N, ...) with at least one example, got (); one number alone is np.array([[6.0]])",
    ),
}


@pytest.mark.parametrize(("call", "text"), CALLS.values(), ids=CALLS)
def test_what_is_no_number_is_answered_with_what_makes_numbers_of_it(call, text):
    with pytest.raises((TypeError, ValueError), match=re.escape(text).replace(r"\.\*", ".*")):
        call()


def test_the_cures_are_cures():
    assert train(np.array(COLUMNS, object).astype(float), [0, 1, 1]).epoch == [0, 1]
    labels = Labels(NAMES)
    assert train(X, labels.encode(NAMES)).epoch == [0, 1]
    assert accuracy(labels.encode(NAMES), labels.encode(NAMES)) == 1.0


def test_causal_padding_sees_nothing_of_what_comes_after():
    layer = Conv1D(1, 1, 3, dilation=2, padding=(4, 0), rng=0)
    x = np.random.default_rng(0).normal(size=(1, 9, 1))
    later = x.copy()
    later[0, 5:] += 1
    out, other = layer.forward(x), layer.forward(later)
    assert out.shape == x.shape
    np.testing.assert_array_equal(out[0, :5], other[0, :5])
    assert (out[0, 5:] != other[0, 5:]).all()


@pytest.mark.parametrize("kind", [str, object])
def test_names_are_stratified_as_their_numbers_are(kind):
    numbers = Labels(NAMES).encode(NAMES)
    by_number = train_test_split(X, numbers, 0.25, stratify=True, rng=0)
    by_name = train_test_split(X, NAMES.astype(kind), 0.25, stratify=True, rng=0)
    np.testing.assert_array_equal(by_number[1], by_name[1])
    assert sorted(by_name[3].tolist()) == ["cat"] * 5 + ["dog"] * 5


def test_tables_of_pandas():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    dummies = pandas.get_dummies(pandas.DataFrame({"age": [20, 30, 40.0], "city": ["a", "b", "a"]}))
    model = Sequential([Dense(3, 1)], rng=0)
    with pytest.raises(TypeError, match=r"if all of it are numbers, x.astype\(float\)"):
        model.predict(dummies)
    assert model.predict(dummies.astype(float)).shape == (3, 1)
    nullable = pandas.DataFrame({"a": pandas.array([1.0, None], "Float64"), "b": pandas.array([1, None], "Int64")})
    with pytest.raises(TypeError, match=re.escape(ASKED)):
        network().predict(nullable)
    filled = np.nan_to_num(nullable.to_numpy(float, na_value=np.nan))
    assert network().predict(filled).shape == (2, 2)
    assert network().predict(nullable[:1].astype(float)).shape == (1, 2)
    for words in (pandas.Series(NAMES), pandas.Series(NAMES, dtype="category"), pandas.Series(NAMES, dtype=object)):
        with pytest.raises(TypeError, match=re.escape(ENCODE)):
            train(X, words)
        assert train(X, Labels(words).encode(words)).epoch == [0, 1]
    with pytest.raises(TypeError, match=r"x must come with y, or be an iterable of batches .* got DataFrame alone"):
        train(dummies, None)
