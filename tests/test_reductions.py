import re

import numpy as np
import pytest

from layers import Max, Mean, Min, Sequential, Sum

X = np.array([[1.0, 5.0, 3.0], [4.0, 2.0, 6.0]])
ALL = [Sum, Mean, Max, Min]


@pytest.mark.parametrize(
    ("gate", "out", "dout", "dx"),
    [
        (Sum(), 21, 2, [[2, 2, 2], [2, 2, 2]]),
        (Sum(0), [5, 7, 9], [1, 2, 3], [[1, 2, 3], [1, 2, 3]]),
        (Sum(axis=1, keepdims=True), [[9], [12]], [[1], [2]], [[1, 1, 1], [2, 2, 2]]),  # the row sum of notes 1
        (Mean(), 3.5, 6, [[1, 1, 1], [1, 1, 1]]),
        (Mean(-1), [3, 4], [3, 6], [[1, 1, 1], [2, 2, 2]]),
        (Mean(axis=(0, 1), keepdims=True), [[3.5]], [[12]], [[2, 2, 2], [2, 2, 2]]),
        (Max(), 6, 7, [[0, 0, 0], [0, 0, 7]]),
        (Max(0), [4, 5, 6], [1, 2, 3], [[0, 2, 0], [1, 0, 3]]),
        (Max(axis=1, keepdims=True), [[5], [6]], [[1], [2]], [[0, 1, 0], [0, 0, 2]]),  # the row max of notes 1
        (Min(), 1, 7, [[7, 0, 0], [0, 0, 0]]),
        (Min(0), [1, 2, 3], [1, 2, 3], [[1, 0, 3], [0, 2, 0]]),
        (Min(axis=1, keepdims=True), [[1], [2]], [[1], [2]], [[1, 0, 0], [0, 2, 0]]),
        (Sum(axis=()), X, X, X),
        (Max(axis=()), X, X, X),
    ],
)
def test_forward_and_backward(gate, out, dout, dx):
    np.testing.assert_array_equal(gate.forward(X), out)
    np.testing.assert_array_equal(gate.backward(dout), dx)


@pytest.mark.parametrize("gate", ALL)
@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 2), (2, 0), (-1, 1), (0, 1, 2)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_forward_is_that_of_numpy(gate, axis, keepdims, rng):
    x = rng.normal(size=(2, 3, 4))
    out = gate(axis, keepdims=keepdims).forward(x)
    expected = getattr(np, gate.__name__.lower())(x, axis=axis, keepdims=keepdims)
    np.testing.assert_allclose(out, expected, rtol=1e-13)
    assert out.shape == expected.shape


@pytest.mark.parametrize(
    ("axis", "dout", "dx"),
    [
        (1, [10, 20], [[0, 10, 0], [20, 0, 0]]),
        (0, [10, 20, 30], [[0, 20, 0], [10, 0, 30]]),
        (None, 10, [[0, 0, 0], [10, 0, 0]]),
        ((0, 1), 10, [[0, 0, 0], [10, 0, 0]]),
    ],
)
def test_only_the_first_of_equal_elements_takes_the_gradient(axis, dout, dx):
    gate = Max(axis)
    gate.forward(np.array([[1.0, 5.0, 5.0], [7.0, 5.0, 7.0]]))
    np.testing.assert_array_equal(gate.backward(dout), dx)


@pytest.mark.parametrize("gate", ALL)
@pytest.mark.parametrize("number", [2, 2.0, np.float64(2), np.array(2.0)])
def test_a_number_comes_back_as_a_number(gate, number):
    subject = gate()
    out = subject.forward(number)
    dx = subject.backward(3)
    assert (out, dx) == (2, 3)
    assert isinstance(out, np.float64)
    assert isinstance(dx, np.float64)


@pytest.mark.parametrize("gate", ALL)
def test_a_number_as_dout_does_not_promote(gate):
    subject = gate()
    assert subject.forward(X.astype(np.float32)).dtype == np.float32
    assert subject.backward(1.0).dtype == np.float32


@pytest.mark.parametrize("gate", ALL)
def test_dx_is_memory_of_its_own_that_can_be_written(gate):
    subject, dout = gate(axis=()), np.ones((2, 3))
    subject.forward(X)
    dx = subject.backward(dout)
    dx += 1
    np.testing.assert_array_equal(dout, np.ones((2, 3)))


@pytest.mark.parametrize("gate", ALL)
def test_in_a_chain_it_reduces_each_example(gate):
    model = Sequential([gate(axis=1)])
    assert model.forward(np.ones((5, 3, 4))).shape == (5, 4)
    assert model.output_shape((3, 4)) == (4,)
    assert gate(axis=(1, -1)).output_shape((3, 4)) == ()
    assert gate(axis=-1, keepdims=True).output_shape((3, 4)) == (3, 1)


@pytest.mark.parametrize("gate", ALL)
@pytest.mark.parametrize("axis", [None, 0, (1, 0), -3])
def test_without_the_examples_there_is_no_shape_of_one(gate, axis):
    message = f"{gate(axis)!r}: axis must leave out 0, the examples, for an output_shape, got {axis}"
    with pytest.raises(ValueError, match=re.escape(message)):
        gate(axis).output_shape((3, 4))


@pytest.mark.parametrize("gate", ALL)
@pytest.mark.parametrize("axis", [1.0, "0", [0, 1], (0, None), True])
def test_an_axis_is_a_whole_number(gate, axis):
    message = f"{gate.__name__}: axis must be a whole number, a tuple of them or None, got {axis!r}"
    with pytest.raises(TypeError, match=re.escape(message)):
        gate(axis)


@pytest.mark.parametrize("gate", ALL)
@pytest.mark.parametrize(("axis", "x"), [(2, X), (-3, X), ((0, 2), X), (0, 1.0)])
def test_x_must_have_the_axis(gate, axis, x):
    message = f"{gate(axis)!r}: x must have the axis {axis}, got shape {np.shape(x)}"
    with pytest.raises(ValueError, match=re.escape(message)):
        gate(axis).forward(x)


@pytest.mark.parametrize("gate", ALL)
def test_there_must_be_something_to_reduce(gate):
    message = f"{gate.__name__}(): x must have at least one element, got shape (0, 3)"
    with pytest.raises(ValueError, match=re.escape(message)):
        gate().forward(np.ones((0, 3)))


@pytest.mark.parametrize(
    ("gate", "text"),
    [(Sum(), "Sum()"), (Mean(1), "Mean(axis=1)"), (Max((0, 1), keepdims=True), "Max(axis=(0, 1), keepdims=True)")],
)
def test_repr_says_what_is_not_default(gate, text):
    assert repr(gate) == text
