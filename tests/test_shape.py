import re

import numpy as np
import pytest

from layers import Flatten, Join, Reshape, Sequential

X = np.arange(24.0).reshape(2, 3, 4)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (Flatten(), (2, 12)),
        (Reshape((4, 3)), (2, 4, 3)),
        (Reshape([2, -1]), (2, 2, 6)),
        (Reshape((-1,)), (2, 12)),
        (Reshape(12), (2, 12)),
        (Reshape((1, 12, -1, 1)), (2, 1, 12, 1, 1)),
    ],
)
def test_the_numbers_stay_in_their_order(layer, shape):
    out = layer.forward(X)
    assert out.shape == shape
    np.testing.assert_array_equal(out.ravel(), np.arange(24))
    dx = layer.backward(-out)
    assert dx.shape == X.shape
    np.testing.assert_array_equal(dx, -X)


@pytest.mark.parametrize(("layer", "shape"), [(Flatten(), (5, 1)), (Reshape(()), (5,)), (Reshape((1, 1)), (5, 1, 1))])
def test_an_example_can_be_a_single_number(layer, shape):
    assert layer.forward(np.ones(5)).shape == shape
    assert layer.backward(np.ones(shape)).shape == (5,)


@pytest.mark.parametrize("layer", [Flatten(), Reshape((2, 2))])
def test_whole_numbers_stay_whole(layer):
    assert layer.forward(np.arange(8, dtype=np.uint8).reshape(2, 4)).dtype == np.uint8


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((5,), "Reshape((5,)): an example must have 5 elements, got 12 of shape (3, 4)"),
        ((5, -1), "Reshape((5, -1)): an example must have 5 elements, got 12 of shape (3, 4)"),
        ((2, 12), "Reshape((2, 12)): an example must have 24 elements, got 12 of shape (3, 4)"),
    ],
)
def test_another_number_of_elements_is_refused(shape, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Reshape(shape).forward(X)
    with pytest.raises(ValueError, match=re.escape(message)):
        Reshape(shape).output_shape((3, 4))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2, 0), "shape must hold whole numbers of at least 1, or one -1, got (2, 0)"),
        ((2, -2), "shape must hold whole numbers of at least 1, or one -1, got (2, -2)"),
        (2.5, "shape must hold whole numbers of at least 1, or one -1, got (2.5,)"),
        ("ab", "shape must hold whole numbers of at least 1, or one -1, got ('ab',)"),
        (None, "shape must hold whole numbers of at least 1, or one -1, got (None,)"),
        ((-1, 2, -1), "shape must hold at most one -1, got (-1, 2, -1)"),
    ],
)
def test_a_shape_must_be_one(shape, message):
    with pytest.raises(ValueError, match=re.escape(f"Reshape: {message}")):
        Reshape(shape)


# ---- several inputs side by side -------------------------------------------------------------------------------------


def test_a_join_and_its_parts():
    gate, a, b = Join(), np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[5.0], [6.0]])
    np.testing.assert_array_equal(gate.forward(a, b), [[1, 2, 5], [3, 4, 6]])
    da, db = gate.backward(np.array([[10.0, 20.0, 30.0], [40.0, 50.0, 60.0]]))
    np.testing.assert_array_equal(da, [[10, 20], [40, 50]])
    np.testing.assert_array_equal(db, [[30], [60]])


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
def test_a_join_is_that_of_numpy(axis, rng):
    arrays = [np.moveaxis(rng.normal(size=(n, 3, 4)), 0, axis) for n in (2, 1, 5)]
    gate = Join(3, axis)
    out = gate.forward(*arrays)
    np.testing.assert_array_equal(out, np.concatenate(arrays, axis))
    for part, array in zip(gate.backward(out), arrays, strict=True):
        np.testing.assert_array_equal(part, array)
        assert part.flags.c_contiguous
        assert not np.shares_memory(part, out)


def test_a_join_of_one_is_a_layer_like_any_other():
    model = Sequential([Join(1), Flatten()])
    out = model.forward(X)
    np.testing.assert_array_equal(model.backward(out), X)


def test_the_shape_of_a_joined_example():
    assert Join().output_shape((8, 6, 3), (8, 6, 5)) == (8, 6, 8)
    assert Join(3, axis=1).output_shape((2, 3), (1, 3), (4, 3)) == (7, 3)


@pytest.mark.parametrize(
    ("gate", "shapes", "message"),
    [
        (Join(), ((2, 3), (3, 3)), "Join(): the inputs must agree in all axes but -1, got (2, 3) and (3, 3)"),
        (
            Join(),
            ((2, 3), (2, 3, 1)),
            "inputs must have as many axes, with axis -1, got (2, 3) and (2, 3, 1)",
        ),
        (Join(axis=2), ((2, 3), (2, 3)), "the inputs must have as many axes, with axis 2, got (2, 3) and (2, 3)"),
        (Join(), ((), ()), "the inputs must have as many axes, with axis -1, got () and ()"),
    ],
)
def test_what_cannot_be_joined(gate, shapes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        gate.forward(*map(np.ones, shapes))


def test_a_join_wants_as_many_inputs_as_it_says():
    with pytest.raises(TypeError, match=re.escape("Join(): forward must be given 2 inputs, got 3")):
        Join().forward(*np.ones((3, 1, 1)))
    with pytest.raises(TypeError, match=r"layers must take one input, but .* takes 2"):
        Sequential([Join()])
    for wrong in (0, 2.0):
        with pytest.raises((ValueError, TypeError), match="Join: n_operands must be"):
            Join(wrong)


def test_integers_beside_floats_take_their_dtype():
    assert Join().forward(np.array([[1]]), np.float32([[2]])).dtype == np.float32
