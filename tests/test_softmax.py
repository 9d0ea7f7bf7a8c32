import re

import numpy as np
import pytest

from layers import LogSoftmax, Softmax, log_softmax, softmax

X = np.array([[1.0, -2.0, 0.5], [3.0, 3.0, -1.0]])
DOUT = np.array([[1.0, 2.0, 3.0], [-1.0, 0.5, 2.0]])
CUBE = np.array([[[-1.0, 0.0, 1.0], [-0.5, 0.5, -1.0]], [[0.0, 1.0, -0.5], [0.5, -1.0, 0.0]]])
DCUBE = np.array([[[-1.5, 0.0, 1.5], [-0.5, 1.0, -1.0]], [[0.5, -1.5, 0.0], [1.5, -0.5, 1.0]]])

# out and dx: torch 2.13.0, float64, 16 digits; torch.softmax and torch.log_softmax along the axis
PYTORCH = [
    (
        Softmax(), X, DOUT,
        [0.6037488961486258, 0.03005888756957402, 0.3661922162818002,
         0.4954626425778431, 0.4954626425778431, 0.009074714844313747],
        [-0.4603243129062974, 0.0071406895315182, 0.4531836233747792,
         -0.3817133918775415, 0.3614805719892232, 0.02023281988831831],
    ),
    (
        LogSoftmax(), X, DOUT,
        [-0.5045969023422835, -3.504596902342283, -1.004596902342283,
         -0.7022633214390952, -0.7022633214390952, -4.702263321439095],
        [-2.622493376891755, 1.819646674582556, 0.8028467023091987,
         -1.743193963866765, -0.2431939638667647, 1.986387927733529],
    ),
    (
        Softmax(axis=1), CUBE, DCUBE,
        [0.3775406687981455, 0.3775406687981455, 0.8807970779778823, 0.6224593312018546, 0.6224593312018546,
         0.1192029220221175, 0.3775406687981455, 0.8807970779778823, 0.3775406687981455, 0.6224593312018546,
         0.1192029220221175, 0.6224593312018546],
        [-0.2350037122015945, -0.2350037122015945, 0.2624839635087664, 0.2350037122015946, 0.2350037122015945,
         -0.2624839635087662, -0.2350037122015946, -0.1049935854035067, -0.2350037122015945, 0.2350037122015944,
         0.1049935854035065, 0.2350037122015945],
    ),
    (
        LogSoftmax(axis=1), CUBE, DCUBE,
        [-0.9740769841801067, -0.9740769841801067, -0.1269280110429726, -0.4740769841801067, -0.4740769841801067,
         -2.126928011042973, -0.9740769841801067, -0.1269280110429726, -0.9740769841801067, -0.4740769841801067,
         -2.126928011042973, -0.4740769841801067],
        [-0.7449186624037092, -0.3775406687981454, 1.059601461011059, 0.7449186624037092, 0.3775406687981454,
         -1.059601461011059, -0.2550813375962908, 0.2615941559557646, -0.3775406687981454, 0.2550813375962908,
         -0.261594155955765, 0.3775406687981454],
    ),
]  # fmt: skip
both = pytest.mark.parametrize("layer", [Softmax, LogSoftmax])


@pytest.mark.parametrize(("layer", "x", "dout", "out", "dx"), PYTORCH)
def test_numbers_of_pytorch(layer, x, dout, out, dx):
    # differences of numbers near 1 lose digits, hence an absolute 1e-15 beside a few of the last of 16 digits
    np.testing.assert_allclose(layer.forward(x).ravel(), out, rtol=1e-14)
    np.testing.assert_allclose(layer.backward(dout).ravel(), dx, rtol=1e-14, atol=1e-15)


def test_backward_is_the_jacobian_times_dout():
    # the Jacobian of notes 2 at [0.7, 0.1, 0.2], diag(out) - out outᵀ: one row for each dout of a single one
    layer = Softmax()
    np.testing.assert_allclose(layer.forward(np.log([[0.7, 0.1, 0.2]] * 3)), [[0.7, 0.1, 0.2]] * 3, rtol=1e-15)
    jacobian = [[0.21, -0.07, -0.14], [-0.07, 0.09, -0.02], [-0.14, -0.02, 0.16]]
    np.testing.assert_allclose(layer.backward(np.eye(3)), jacobian, rtol=1e-14)


def test_out_are_probabilities_and_their_logarithms(rng):
    x = 10 * rng.normal(size=(5, 4, 3))
    out = Softmax().forward(x)
    assert np.all(out > 0)
    np.testing.assert_allclose(out.sum(axis=-1), np.ones((5, 4)), rtol=1e-15)
    np.testing.assert_allclose(np.exp(LogSoftmax().forward(x)), out, rtol=1e-13)


@both
def test_a_constant_added_to_x_changes_nothing(layer):
    np.testing.assert_array_equal(layer().forward(X + 1024), layer().forward(X))  # 1024 + X is exact


@both
def test_any_axis_but_the_first(layer, rng):
    x, dout = rng.normal(size=(2, 2, 3, 4))
    for axis, last in ((1, (0, 2, 1)), (-2, (0, 2, 1)), (2, (0, 1, 2))):
        moved, along = layer(), layer(axis)
        np.testing.assert_allclose(along.forward(x), moved.forward(x.transpose(last)).transpose(last), rtol=1e-14)
        dx = moved.backward(dout.transpose(last)).transpose(last)
        np.testing.assert_allclose(along.backward(dout), dx, rtol=1e-13, atol=1e-15)


@both
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_class_without_a_chance_has_probability_zero(layer, dtype):
    x = np.array([[0.0, -np.inf, 0.0]], dtype)
    np.testing.assert_allclose(Softmax().forward(x), [[0.5, 0.0, 0.5]])
    out = layer().forward(x)
    assert out.dtype == dtype
    assert not np.any(np.isnan(out))


@both
@pytest.mark.parametrize(
    ("axis", "error", "message"),
    [
        (0, ValueError, "axis must not be 0, the axis of the examples, got 0"),
        (1.0, TypeError, "axis must be a whole number, got 1.0"),
        (None, TypeError, "axis must be a whole number, got None"),
        ((1, 2), TypeError, "axis must be a whole number, got (1, 2)"),
        (True, TypeError, "axis must be a whole number, got True"),
    ],
)
def test_the_axis_is_one_of_an_example(layer, axis, error, message):
    with pytest.raises(error, match=re.escape(f"{layer.__name__}: {message}")):
        layer(axis)


@both
@pytest.mark.parametrize(("axis", "shape"), [(-1, (3,)), (2, (4, 3)), (-2, (4, 3)), (-4, (4, 3, 2))])
def test_x_must_have_the_axis(layer, axis, shape):
    message = f"x must have an axis {axis} that is not the first, got shape {shape}"
    with pytest.raises(ValueError, match=re.escape(message)):
        layer(axis).forward(np.ones(shape))
    with pytest.raises(ValueError, match=re.escape(f"input_shape must have the axis {axis}, N counted as 0, got ")):
        layer(axis).output_shape(shape[1:])


@both
def test_repr_says_the_axis(layer):
    assert repr(layer()) == f"{layer.__name__}()"
    assert repr(layer(axis=1)) == f"{layer.__name__}(axis=1)"


# ---- the functions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("function", "layer"), [(softmax, Softmax()), (log_softmax, LogSoftmax())])
def test_a_function_and_its_layer_are_the_same(function, layer):
    np.testing.assert_array_equal(function(CUBE), layer.forward(CUBE))
    np.testing.assert_array_equal(function(CUBE, axis=1), type(layer)(axis=1).forward(CUBE))
    np.testing.assert_array_equal(function(CUBE, 0), function(CUBE.swapaxes(0, 2)).swapaxes(0, 2))


@pytest.mark.parametrize("function", [softmax, log_softmax])
def test_a_function_takes_lists_and_whole_numbers_and_keeps_float32(function, unchanged):
    expected = function(np.array([[3.0, 0.0], [1.0, 200.0]]))
    np.testing.assert_array_equal(function([[3, 0], [1, 200]]), expected)
    np.testing.assert_array_equal(function(np.array([[3, 0], [1, 200]], np.uint8)), expected)
    assert function([True, False]).dtype == np.float64
    x = X.astype(np.float32)
    with unchanged(x):
        assert function(x).dtype == np.float32


@pytest.mark.parametrize("function", [softmax, log_softmax])
@pytest.mark.parametrize("x", [[1j], ["a"], [None]])
def test_a_function_refuses_what_is_not_real(function, x):
    with pytest.raises(TypeError, match=f"^{function.__name__}: x must hold real numbers, got dtype"):
        function(x)
