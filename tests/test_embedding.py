import re

import numpy as np
import pytest

from layers import Dense, Embedding, constant, normal


def table():
    layer = Embedding(3, 2)
    layer.weights = [[0.0, 1.0], [10.0, 11.0], [20.0, 21.0]]
    return layer


def test_every_index_looks_up_its_row():
    np.testing.assert_array_equal(table().forward(np.array([2, 0, 2])), [[20, 21], [0, 1], [20, 21]])
    np.testing.assert_array_equal(table().forward([[1], [0]]), [[[10, 11]], [[0, 1]]])


def test_rows_that_are_looked_up_more_than_once_add_up():
    layer = table()
    layer.gradients = np.full(6, np.nan)
    layer.forward(np.array([[2, 0], [2, 2]]))
    assert layer.backward(np.array([[[1.0, 2.0], [3.0, 4.0]], [[10.0, 20.0], [100.0, 200.0]]])) is None
    np.testing.assert_array_equal(layer.dweights, [[3, 4], [0, 0], [111, 222]])


def test_it_is_a_dense_layer_of_one_hot_rows(rng):
    x = rng.integers(7, size=(4, 5))
    embedding, dense = Embedding(7, 3, rng=0), Dense(7, 3, use_bias=False)
    dense.weights = embedding.weights
    out = embedding.forward(x)
    np.testing.assert_array_equal(out, dense.forward(np.eye(7)[x]))
    embedding.backward(out)
    dense.backward(out, input_gradient=False)
    np.testing.assert_allclose(embedding.dweights, dense.dweights, rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64, np.uint64])
def test_indices_of_any_integer_kind(dtype):
    layer = table()
    assert layer.forward(np.array([2, 1], dtype)).tolist() == [[20, 21], [10, 11]]
    layer.backward(np.ones((2, 2)))
    np.testing.assert_array_equal(layer.dweights, [[0, 0], [1, 1], [1, 1]])


def test_later_changes_of_the_table_do_not_reach_out():
    layer = table()
    out = layer.forward(np.array([1]))
    layer.weights += 1
    np.testing.assert_array_equal(out, [[10, 11]])


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        ([0, 3], ValueError, "x must hold 0 .. 2, got 0 .. 3"),
        ([-1, 2], ValueError, "x must hold 0 .. 2, got -1 .. 2"),
        ([1.0, 2.0], TypeError, "x must hold integers, got dtype float64"),
        ([True], TypeError, "x must hold integers, got dtype bool"),
        (["a"], TypeError, "x must hold integers, got dtype <U1"),
        (1, ValueError, "x must have shape (N, ...) with at least one example, got ()"),
        (np.zeros((0, 2), int), ValueError, "x must have shape (N, ...) with at least one example, got (0, 2)"),
    ],
)
def test_x_must_hold_indices_of_the_table(x, error, message, unchanged):
    layer = table()
    with unchanged(layer.parameters), pytest.raises(error, match=re.escape(f"Embedding(3, 2): {message}")):
        layer.forward(x)


@pytest.mark.parametrize(
    ("sizes", "initializer", "error", "message"),
    [
        ((0, 2), normal(1), ValueError, "Embedding: n_inputs must be at least 1, got 0"),
        ((3, 2.0), normal(1), TypeError, "Embedding: n_outputs must be a whole number, got 2.0"),
        ((3, 2), constant, TypeError, "Embedding: initializer must be a callable (rng, shape) -> array, such as cons"),
    ],
)
def test_arguments_are_checked(sizes, initializer, error, message):
    with pytest.raises(error, match=re.escape(message)):
        Embedding(*sizes, initializer=initializer)


def test_shapes():
    assert Embedding(3, 2).output_shape(()) == (2,)
    assert Embedding(3, 2).output_shape(5) == (5, 2)


def test_repr_says_what_is_not_default():
    assert repr(Embedding(3, 2)) == "Embedding(3, 2)"
    assert repr(Embedding(3, 2, initializer=constant(0.5))) == "Embedding(3, 2, initializer=constant(0.5))"


def test_the_default_draws_standard_normal_numbers():
    weights = Embedding(200, 200, rng=0).weights
    # 40,000 draws: standard errors 1 / 200 of the mean, 1 / sqrt(2 * 40,000) of the deviation
    assert abs(weights.mean()) < 5 / 200
    assert abs(weights.std() - 1) < 5 * 0.0036
