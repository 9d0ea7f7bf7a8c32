import re

import numpy as np
import pytest

from layers import Dense, constant, glorot_uniform, normal


def lecture():
    """Return the layer of three neurons with four inputs of notes 2, and its batch of three."""
    layer = Dense(4, 3)
    layer.weights = np.array([[0.2, 0.8, -0.5, 1.0], [0.5, -0.91, 0.26, -0.5], [-0.26, -0.27, 0.17, 0.87]]).T
    layer.bias = [1.0, 2.0, 3.0]
    return layer, np.array([[1.0, 2.0, 3.0, 2.5], [2.0, 5.0, -1.0, 2.0], [-1.5, 2.7, 3.3, -0.8]])


def test_one_neuron():
    layer = Dense(3, 1)
    layer.weights, layer.bias = [[-3.0], [-1.0], [2.0]], [1.0]
    # 1 * -3 + -2 * -1 + 3 * 2 + 1 = 6
    assert layer.forward(np.array([[1.0, -2.0, 3.0]])) == [[6.0]]
    np.testing.assert_array_equal(layer.backward(np.array([[1.0]])), [[-3.0, -1.0, 2.0]])
    np.testing.assert_array_equal(layer.dweights, [[1.0], [-2.0], [3.0]])
    np.testing.assert_array_equal(layer.dbias, [1.0])


def test_a_batch():
    layer, x = lecture()
    # first element: 0.2 * 1 + 0.8 * 2 - 0.5 * 3 + 1 * 2.5 + 1 = 3.8
    # middle one: 0.5 * 2 - 0.91 * 5 + 0.26 * -1 - 0.5 * 2 + 2 = 1 - 4.55 - 0.26 - 1 + 2 = -2.81
    out = [[3.8, 0.21, 4.885], [7.9, -2.81, 2.7], [0.41, 0.051, 2.526]]
    np.testing.assert_allclose(layer.forward(x), out, rtol=1e-14, atol=1e-15)
    # the same dout in all three neurons: 1, 2, 3 for the three examples
    dx = layer.backward(np.array([[1.0] * 3, [2.0] * 3, [3.0] * 3]))
    # sum over the neurons of each input's weights: 0.2 + 0.5 - 0.26 = 0.44, ...
    np.testing.assert_allclose(dx, np.outer([1, 2, 3], [0.44, -0.38, -0.07, 1.37]), rtol=1e-14)
    # 1 * x[0] + 2 * x[1] + 3 * x[2] = [1 + 4 - 4.5, 2 + 10 + 8.1, 3 - 2 + 9.9, 2.5 + 4 - 2.4]
    np.testing.assert_allclose(layer.dweights, np.outer([0.5, 20.1, 10.9, 4.1], [1, 1, 1]), rtol=1e-14)
    np.testing.assert_array_equal(layer.dbias, [6, 6, 6])


def test_numbers_of_pytorch():
    # torch 2.13.0: nn.Linear(3, 2) in float64, its weight transposed
    layer = Dense(3, 2)
    layer.weights, layer.bias = [[0.2, 0.7], [-0.5, 0.3], [1.0, -0.1]], [0.5, -1.0]
    out = layer.forward(np.array([[1.0, 2.0, 3.0], [-1.0, 0.5, 2.0]]))
    dx = layer.backward(np.array([[1.0, -2.0], [0.5, 3.0]]))
    np.testing.assert_allclose(out, [[2.7, 0.0], [2.05, -1.75]], rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(dx, [[-1.2, -1.1, 1.2], [2.2, 0.65, 0.2]], rtol=1e-14)
    np.testing.assert_allclose(layer.dweights, [[0.5, -5.0], [2.25, -2.5], [4.0, 0.0]], rtol=1e-14)
    np.testing.assert_allclose(layer.dbias, [1.5, 1.0], rtol=1e-14)


def test_every_step_of_a_sequence_goes_through_the_same_weights(rng):
    layer, _ = lecture()
    x, dout = rng.normal(size=(2, 5, 4)), rng.normal(size=(2, 5, 3))
    out, dx, dweights = layer.forward(x), layer.backward(dout), layer.dweights.copy()
    np.testing.assert_allclose(layer.forward(x.reshape(10, 4)).reshape(2, 5, 3), out, rtol=1e-13)
    np.testing.assert_allclose(layer.backward(dout.reshape(10, 3)).reshape(2, 5, 4), dx, rtol=1e-13)
    np.testing.assert_allclose(layer.dweights, dweights, rtol=1e-13)


def test_memory_in_any_order_is_the_same_x():
    layer, x = lecture()
    out = layer.forward(x)
    dx = layer.backward(out)
    for laid_out in (np.asfortranarray, lambda a: np.repeat(a, 2, axis=1)[:, ::2], lambda a: a[::-1].copy()[::-1]):
        np.testing.assert_allclose(layer.forward(laid_out(x)), out, rtol=1e-13)
        np.testing.assert_allclose(layer.backward(laid_out(out)), dx, rtol=1e-13)


def test_without_a_bias():
    layer = Dense(2, 1, use_bias=False)
    assert list(layer.layout) == ["weights"]
    layer.weights = [[1.0], [2.0]]
    assert layer.forward(np.array([[3.0, 4.0]])) == [[11.0]]
    np.testing.assert_array_equal(layer.backward(np.array([[2.0]])), [[2.0, 4.0]])
    assert repr(layer) == "Dense(2, 1, use_bias=False)"


def test_without_the_input_gradient_the_others_are_the_same():
    layer, x = lecture()
    dout = layer.forward(x)
    layer.backward(dout)
    gradients = layer.gradients.copy()
    layer.forward(x)
    assert layer.backward(dout, input_gradient=False) is None
    np.testing.assert_array_equal(layer.gradients, gradients)


def test_the_bias_starts_at_zero_and_the_weights_from_the_initializer():
    layer = Dense(3, 2, initializer=constant(0.5))
    np.testing.assert_array_equal(layer.weights, np.full((3, 2), 0.5))
    np.testing.assert_array_equal(layer.bias, [0, 0])
    layer.bias = [1, 1]
    layer.initialize(0)
    np.testing.assert_array_equal(layer.bias, [0, 0])


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (Dense(2, 64), "Dense(2, 64)"),
        (Dense(2, 64, initializer=glorot_uniform), "Dense(2, 64, initializer=glorot_uniform)"),
        (
            Dense(2, 64, initializer=normal(0.01), use_bias=False),
            "Dense(2, 64, use_bias=False, initializer=normal(0.01))",
        ),
    ],
)
def test_repr_says_what_is_not_default(layer, text):
    assert repr(layer) == text


@pytest.mark.parametrize("shape", [(4, 5), (2,), (2, 4), (4, 2, 1), (1, 1)])
def test_x_of_another_shape_is_refused(shape, unchanged):
    layer, x = Dense(2, 64), np.ones(shape)
    message = re.escape(f"Dense(2, 64): x must have shape (N, 2), got {shape}")
    with unchanged(layer.parameters, x), pytest.raises(ValueError, match=message):
        layer.forward(x)


@pytest.mark.parametrize("name", ["n_inputs", "n_outputs"])
@pytest.mark.parametrize(
    ("size", "error", "message"),
    [
        (0, ValueError, "at least 1, got 0"),
        (-3, ValueError, "at least 1, got -3"),
        (2.0, TypeError, "a whole number, got 2.0"),
        ("2", TypeError, "a whole number, got '2'"),
        (True, TypeError, "a whole number, got True"),
        ((2, 3), TypeError, "a whole number, got (2, 3)"),
    ],
)
def test_sizes_are_whole_numbers(name, size, error, message):
    sizes = {"n_inputs": 2, "n_outputs": 3, name: size}
    with pytest.raises(error, match=re.escape(f"Dense: {name} must be {message}")):
        Dense(**sizes)


@pytest.mark.parametrize(
    ("initializer", "error", "message"),
    [
        ("he", TypeError, "Dense: initializer must be a callable (rng, shape) -> array, got 'he'"),
        (0, TypeError, "Dense: initializer must be a callable (rng, shape) -> array, got 0"),
        (normal, TypeError, "must be a callable (rng, shape) -> array, such as normal(0.1), got normal"),
        (
            lambda rng, shape: np.ones(3),
            ValueError,
            "Dense: initializer must return an array of shape (2, 3), got (3,)",
        ),
    ],
)
def test_an_initializer_makes_an_array_of_the_shape(initializer, error, message):
    with pytest.raises(error, match=re.escape(message)):
        Dense(2, 3, initializer=initializer)
