import copy
import re

import numpy as np
import pytest

from layers import (
    Absolute,
    BatchNorm,
    Cos,
    Dropout,
    Elementwise,
    Exp,
    Log,
    Multiply,
    Negate,
    PReLU,
    ReLU,
    Sequential,
    Sigmoid,
    Sin,
    Softmax,
    Sqrt,
    Tanh,
)

X = np.array([[0.5, 2.0], [1.0, 3.0]])
OF_ONE = [Absolute, Cos, Exp, Log, Negate, Sin, Sqrt, lambda: Elementwise(Tanh())]


@pytest.mark.parametrize(
    ("gate", "out", "dx"),
    [
        # torch 2.13.0, float64: torch.sin, ... of X, backward of ones
        (Sin(), [[0.479425538604203, 0.9092974268256817], [0.8414709848078965, 0.1411200080598672]],
         [[0.8775825618903728, -0.4161468365471424], [0.5403023058681398, -0.9899924966004454]]),
        (Cos(), [[0.8775825618903728, -0.4161468365471424], [0.5403023058681398, -0.9899924966004454]],
         [[-0.479425538604203, -0.9092974268256817], [-0.8414709848078965, -0.1411200080598672]]),
        (Sqrt(), [[0.7071067811865476, 1.4142135623730951], [1.0, 1.7320508075688772]],
         [[0.7071067811865475, 0.35355339059327373], [0.5, 0.2886751345948129]]),
        (Negate(), [[-0.5, -2], [-1, -3]], [[-1, -1], [-1, -1]]),
        (Elementwise(Sigmoid()), [[0.6224593312018546, 0.8807970779778823], [0.7310585786300049, 0.9525741268224334]],
         [[0.2350037122015945, 0.10499358540350662], [0.19661193324148185, 0.045176659730912]]),
    ],
    ids=lambda value: repr(value) if not isinstance(value, list) else "",
)  # fmt: skip
def test_numbers(gate, out, dx):
    np.testing.assert_allclose(gate.forward(X), out, rtol=1e-15)
    np.testing.assert_allclose(gate.backward(np.ones((2, 2))), dx, rtol=1e-13)


def test_the_absolute_value_and_its_kink():
    gate = Absolute()
    np.testing.assert_array_equal(gate.forward(np.array([-2.0, 3.0, 0.0, -0.0])), [2, 3, 0, 0])
    np.testing.assert_array_equal(gate.backward(np.array([1.0, 2.0, 3.0, 4.0])), [-1, 2, -3, -4])  # from the left


def test_the_slope_of_a_root_at_zero_is_infinite_and_refused():
    gate = Sqrt()
    assert gate.forward(0) == 0
    with pytest.raises(ValueError, match=r"Sqrt\(\): x must not be zero in backward, where its slope is infi"):
        gate.backward(1.0)
    np.testing.assert_array_equal(gate.forward(np.array([0.0, 4.0])), [0, 2])
    np.testing.assert_array_equal(gate.backward(np.array([0.0, 8.0])), [0, 2])  # nothing comes back to the zero
    with pytest.raises(ValueError, match=re.escape("Sqrt(): x must not be negative, got -3.0")):
        gate.forward([1.0, -3.0])


@pytest.mark.parametrize("gate", OF_ONE)
@pytest.mark.parametrize("number", [2, 2.0, np.float64(2), np.array(2.0), True])
def test_numbers_come_back_as_numbers(gate, number):
    subject = gate()
    assert isinstance(subject.forward(number), np.float64)
    assert isinstance(subject.backward(1), np.float64)


@pytest.mark.parametrize("gate", OF_ONE)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_dtype_of_an_array_is_kept(gate, dtype, unchanged):
    subject, x, dout = gate(), X.astype(dtype), np.ones((2, 2))
    with unchanged(x, dout):
        out = subject.forward(x)
        dx = subject.backward(dout)
    assert out.dtype == dx.dtype == dtype
    assert not np.shares_memory(dx, dout)


# ---- layers lent to numbers ------------------------------------------------------------------------------------------


def test_a_lent_layer_is_the_layer_itself(rng):
    for layer in (Tanh, Sigmoid, ReLU):
        gate, own, x = Elementwise(layer()), layer(), rng.normal(size=(3, 4))
        np.testing.assert_array_equal(gate.forward(x), own.forward(x))
        np.testing.assert_array_equal(gate.backward(x), own.backward(x))
        for number in (-0.5, 2.0, 3):
            assert gate.forward(number) == gate.predict(number) == own.forward(np.array([float(number)]))[0]
            assert gate.backward(2.0) == own.backward(np.array([2.0]))[0]


def test_copies_of_a_lent_layer_are_their_own():
    gate = Elementwise(Tanh())
    gate.forward(1.0)
    other = copy.deepcopy(gate)
    other.forward(5.0)
    assert gate.backward(1.0) == pytest.approx(1 - np.tanh(1.0) ** 2)
    assert repr(gate) == repr(other) == "Elementwise(Tanh())"
    assert (gate.sign, gate.operation) == ("tanh", "Tanh")


@pytest.mark.parametrize("layer", [PReLU(), BatchNorm(2), Dropout(0.5), Sequential([Tanh()]), Multiply(), Tanh, "tanh"])
def test_a_layer_with_a_memory_is_not_lent(layer):
    with pytest.raises(TypeError, match=r"^Elementwise: layer must "):
        Elementwise(layer)


def test_a_layer_is_lent_once():
    tanh = Tanh()
    Elementwise(tanh)
    for lend in (lambda: Elementwise(tanh), lambda: Sequential([tanh])):
        with pytest.raises(ValueError, match=r"must be placed once, but Tanh\(\).* is already in an Elementwise"):
            lend()
    with pytest.raises(ValueError, match="already in a Sequential, as layer 0"):
        Elementwise(Sequential([Tanh()])[0])


def test_a_layer_that_changes_the_shape_is_found_out():
    class Halved(Softmax):
        def forward(self, x):
            return super().forward(x)[..., :1]

    with pytest.raises(ValueError, match=re.escape("out must have the shape of x, (2, 2), got (2, 1)")):
        Elementwise(Halved()).forward(X)
