import re

import numpy as np
import pytest

from layers import Dense, Dropout, Flatten, LeakyReLU, Residual, Sequential, constant

X = np.array([[1.0, -2.0]])


def block():
    """Return out = x + leaky(x @ [[1, 3], [2, 4]])."""
    layer = Residual([Dense(2, 2, use_bias=False), LeakyReLU(0.5)])
    layer.parameters = [1.0, 3.0, 2.0, 4.0]
    return layer


def test_out_is_x_plus_f_of_x():
    # x @ weights = [1 - 4, 3 - 8] = [-3, -5]; leaky: [-1.5, -2.5]; [1, -2] + [-1.5, -2.5]
    np.testing.assert_array_equal(block().forward(X), [[-0.5, -4.5]])


def test_the_gradient_goes_both_ways():
    layer = block()
    layer.forward(X)
    # through f: [10, 20] * 0.5 = [5, 10] and [5, 10] @ weights.T = [5 + 30, 10 + 40]; straight through: [10, 20]
    np.testing.assert_array_equal(layer.backward(np.array([[10.0, 20.0]])), [[45.0, 70.0]])
    np.testing.assert_array_equal(layer[0].dweights, [[5.0, 10.0], [-10.0, -20.0]])


def test_without_the_input_gradient_it_learns_all_the_same():
    layer = block()
    layer.forward(X)
    assert layer.backward(np.array([[10.0, 20.0]]), input_gradient=False) is None
    np.testing.assert_array_equal(layer[0].dweights, [[5.0, 10.0], [-10.0, -20.0]])


def test_predict_is_the_inference_pass_of_f():
    layer = Residual([Dropout(0.5, rng=0)])
    np.testing.assert_array_equal(layer.predict(X), 2 * X)
    assert np.any(layer.forward(np.ones((10, 10))) != 2)


def test_x_and_dout_are_not_changed(unchanged):
    layer, x, dout = Residual([Dropout(0)]), X.copy(), X.copy()
    with unchanged(x, dout):
        layer.forward(x)
        layer.backward(dout)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_takes_the_dtype_of_its_network(dtype):
    model = Sequential([block()], dtype=dtype)
    for x in (X, X.astype(int), X.astype(np.float32)):
        assert model.forward(x).dtype == model.predict(x).dtype == dtype
        assert model.backward(x).dtype == dtype


def test_alone_it_is_float64():
    assert block().forward(X.astype(np.float32)).dtype == np.float64


def test_f_must_keep_the_shape(unchanged):
    layer = Residual([Dense(2, 3)])
    message = re.escape("Residual of 1 layer: f(x) must have the shape of x, (1, 2), got (1, 3)")
    for method in (layer.forward, layer.predict):
        with unchanged(layer.parameters), pytest.raises(ValueError, match=message):
            method(X)
    with pytest.raises(RuntimeError, match=re.escape("Residual of 1 layer: backward() needs a forward() before it")):
        layer.backward(np.ones((1, 3)))
    with pytest.raises(ValueError, match=re.escape("f(x) must have the shape of x, (2,), got (3,)")):
        layer.output_shape((2,))


def test_f_may_not_flatten_even_if_the_sum_would_broadcast():
    with pytest.raises(ValueError, match=re.escape("f(x) must have the shape of x, (1, 1, 2), got (1, 2)")):
        Residual([Flatten()]).forward(X[np.newaxis])


def test_one_seed_draws_f():
    np.testing.assert_array_equal(Residual([Dense(2, 2)], rng=0).parameters, Dense(2, 2, rng=0).parameters)
    assert np.all(Residual([Dense(2, 2, initializer=constant(1.0))])[0].weights == 1)
