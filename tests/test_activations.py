"""The smooth nonlinearities; and all of them, with kinks too, where x is large."""

import copy

import numpy as np
import pytest
from test_gradients import kinds_of_chapters

from layers import (
    ELU,
    GELU,
    SELU,
    LeakyReLU,
    LogSoftmax,
    PReLU,
    ReLU,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    sigmoid,
)

X = np.array([[-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0]])

# out and d out / d x at X: torch 2.13.0, float64, printed with 16 digits; backward of ones.
# torch.sigmoid, torch.tanh, F.softplus, F.silu, F.gelu(approximate="tanh")
PYTORCH = [
    (
        Sigmoid(),
        [0.04742587317756678, 0.2689414213699951, 0.3775406687981454, 0.5,
         0.6224593312018546, 0.7310585786300049, 0.9525741268224334],
        [0.04517665973091214, 0.1966119332414819, 0.2350037122015945, 0.25,
         0.2350037122015945, 0.1966119332414819, 0.045176659730912],
    ),
    (
        Tanh(),
        [-0.9950547536867305, -0.7615941559557649, -0.4621171572600097, 0,
         0.4621171572600097, 0.7615941559557649, 0.9950547536867305],
        [0.009866037165440166, 0.4199743416140261, 0.7864477329659274, 1,
         0.7864477329659274, 0.4199743416140261, 0.009866037165440166],
    ),
    (
        Softplus(),
        [0.04858735157374206, 0.3132616875182229, 0.4740769841801067, 0.6931471805599453,
         0.9740769841801067, 1.313261687518223, 3.048587351573742],
        [0.04742587317756679, 0.2689414213699951, 0.3775406687981455, 0.5,
         0.6224593312018546, 0.7310585786300049, 0.9525741268224333],
    ),
    (
        SiLU(),
        [-0.1422776195327004, -0.2689414213699951, -0.1887703343990727, 0,
         0.3112296656009273, 0.7310585786300049, 2.8577223804673],
        [-0.08810410601516962, 0.07232948812851325, 0.2600388126973482, 0.5,
         0.7399611873026519, 0.9276705118714869, 1.088104106015169],
    ),
    (
        GELU(),
        [-0.003637392081772994, -0.1588080093917232, -0.1542859901748561, 0,
         0.3457140098251439, 0.8411919906082768, 2.996362607918227],
        [-0.01158416663096965, -0.08296408384578252, 0.1326300964653576, 0.5,
         0.8673699035346424, 1.082964083845783, 1.01158416663097],
    ),
]  # fmt: skip

# What out and d out / d x tend to, for x = -1000 and 1000.
LIMITS = [
    (Sigmoid(), [0, 1], [0, 0]),
    (Tanh(), [-1, 1], [0, 0]),
    (Softplus(), [0, 1000], [0, 1]),
    (SiLU(), [0, 1000], [0, 1]),
    (GELU(), [0, 1000], [0, 1]),
    (ReLU(), [0, 1000], [0, 1]),
    (LeakyReLU(0.1), [-100, 1000], [0.1, 1]),
    (PReLU(2), [-250, 1000], [0.25, 1]),
    (ELU(0.5), [-0.5, 1000], [0, 1]),
    # -SELU.SCALE * SELU.ALPHA = -1.0507009873554805 * 1.6732632423543772
    (SELU(), [-1.7580993408473766, 1050.7009873554805], [0, 1.0507009873554805]),
    (Softmax(), [0, 1], [0, 0]),
    (LogSoftmax(), [-2000, 0], [1, -1]),  # dout of ones: 1 - 2 * softmax
]


def named(rows):
    return [pytest.param(*row, id=repr(row[0])) for row in rows]


@pytest.mark.parametrize(("layer", "out", "slope"), named(PYTORCH))
def test_numbers_of_pytorch(layer, out, slope):
    # 1e-14: a few of the last of 16 digits, by which exp and tanh of two libraries may differ
    np.testing.assert_allclose(layer.forward(X), [out], rtol=1e-14)
    np.testing.assert_allclose(layer.backward(np.ones_like(X)), [slope], rtol=2e-14)


@pytest.mark.parametrize(("layer", "out", "slope"), named(PYTORCH))
def test_backward_multiplies_by_dout(layer, out, slope, rng):
    dout = rng.normal(size=X.shape)
    layer.forward(X)
    np.testing.assert_allclose(layer.backward(dout), dout * slope, rtol=2e-14)


def test_every_activation_has_its_limits():
    missing = kinds_of_chapters("activations", "rectifiers", "softmax") - {type(row[0]).__name__ for row in LIMITS}
    assert sorted(missing) == [], (
        "write what out and d out / d x of each tend to, for x = -1000 and 1000, in LIMITS of tests/test_activations.py"
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("layer", "out", "slope"), named(LIMITS))
def test_large_x_is_stable_and_warns_of_nothing(layer, out, slope, dtype):
    model = Sequential([copy.deepcopy(layer)], dtype=dtype)
    x = np.array([[-1000, 1000]], dtype)
    np.testing.assert_allclose(model.forward(x), [out], rtol=np.finfo(dtype).eps, atol=0)
    np.testing.assert_allclose(model.backward(np.ones_like(x)), [slope], rtol=np.finfo(dtype).eps, atol=0)
    np.testing.assert_allclose(model.predict(x), [out], rtol=np.finfo(dtype).eps, atol=0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layer", [pytest.param(row[0], id=repr(row[0])) for row in LIMITS])
def test_enormous_x_gives_finite_numbers(layer, dtype):
    model = Sequential([copy.deepcopy(layer)], dtype=dtype)
    x = np.array([[-1, 1]], dtype) * np.finfo(dtype).max / 4
    assert np.all(np.isfinite(model.forward(x)))
    assert np.all(np.isfinite(model.backward(np.ones_like(x))))


def test_sigmoid_takes_lists_and_whole_numbers_and_keeps_float32():
    np.testing.assert_array_equal(sigmoid(X), Sigmoid().forward(X))
    expected = sigmoid(np.array([0.0, 1.0, 200.0]))
    np.testing.assert_array_equal(sigmoid([0, 1, 200]), expected)
    np.testing.assert_array_equal(sigmoid(np.array([0, 1, 200], np.uint8)), expected)  # -1 would be 255
    assert sigmoid(0) == 0.5
    assert sigmoid(X.astype(np.float32)).dtype == np.float32
    with pytest.raises(TypeError, match=r"^sigmoid: x must hold real numbers, got dtype complex128"):
        sigmoid([1j])
