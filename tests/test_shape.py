import re

import numpy as np
import pytest

from layers import Flatten, Reshape

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
