"""The checker is checked: every planted mistake must fail it, and the report must name it."""

import re

import numpy as np
import pytest

from layers import (
    Dense,
    Dropout,
    GradientError,
    Sequential,
    Tanh,
    check_gradients,
    formula,
)
from losses import MeanSquaredError, SoftmaxCrossEntropy

X = np.random.default_rng(0).normal(size=(5, 4))


class Planted(Dense):
    """A Dense whose backward is then spoiled by a function of (layer, dout, dx)."""

    def __init__(self, n_inputs, n_outputs, spoil):
        super().__init__(n_inputs, n_outputs)
        self.spoil = spoil

    def backward(self, dout, input_gradient=True):
        dx = super().backward(dout)
        spoiled = self.spoil(self, dout, dx)
        return (dx if spoiled is None else spoiled) if input_gradient else None


def flip_weights(layer, dout, dx):
    layer.dweights *= -1


def times_n(layer, dout, dx):
    layer.dweights *= len(dout)


def divided_by_n(layer, dout, dx):
    layer.dbias /= len(dout)


def halved(layer, dout, dx):
    layer.dbias /= 2


def transposed(layer, dout, dx):
    layer.dweights = layer.dweights.T.copy()


def reshaped_instead_of_transposed(layer, dout, dx):
    layer.dweights = layer.dweights.T.reshape(layer.dweights.shape)


def shuffled(layer, dout, dx):
    layer.dweights = np.roll(layer.dweights, 1)


def zero_bias(layer, dout, dx):
    layer.dbias = np.zeros(layer.n_outputs)


def zero_row(layer, dout, dx):
    layer.dweights[1] = 0


def extra_constant(layer, dout, dx):
    layer.dweights += 0.5


def missing_term(layer, dout, dx):
    layer.dweights -= layer.weights


def tiny_error(layer, dout, dx):
    layer.dweights[2, 1] *= 1 + 1e-6


def negative_dx(layer, dout, dx):
    return -dx


def zero_dx(layer, dout, dx):
    return np.zeros_like(dx)


PLANTED = [
    (flip_weights, "dweights is wrong: opposite sign; at "),
    (times_n, "dweights is wrong: off by the constant factor 5, which is N; at "),
    (divided_by_n, r"dbias is wrong: off by the constant factor 0\.2, which is 1/N; at "),
    (halved, r"dbias is wrong: off by the constant factor 0\.5; at "),
    (transposed, "dweights is wrong: transposed; at "),
    (reshaped_instead_of_transposed, "dweights is wrong: transposed; at "),
    (shuffled, "dweights is wrong: the right numbers in the wrong places; at "),
    (zero_bias, "dbias is wrong: it is zero everywhere, where it should not be; at "),
    (zero_row, r"dweights is wrong: it is zero where it should not be; at \[1, "),
    (extra_constant, r"dweights is wrong: off by the same amount everywhere, 0\.5; at "),
    (missing_term, r"dweights is wrong; at .* backward says .*, finite differences say .* \(16 of 16 differ"),
    (tiny_error, r"dweights is wrong; at \[2, 1\] .* \(1 of 16 differ"),
    (negative_dx, "dx is wrong: opposite sign; at "),
    (zero_dx, "dx is wrong: it is zero everywhere, where it should not be; at "),
]


@pytest.mark.parametrize(("spoil", "message"), PLANTED, ids=lambda value: getattr(value, "__name__", ""))
def test_a_planted_mistake_is_found_and_named(spoil, message):
    with pytest.raises(GradientError, match=message) as caught:
        check_gradients(Planted(4, 4, spoil), X)
    assert caught.value.report.largest > 1e-7


@pytest.mark.parametrize(
    "spoil", [flip_weights, times_n, missing_term, zero_bias, negative_dx], ids=lambda f: f.__name__
)
def test_random_directions_find_it_too(spoil):
    with pytest.raises(GradientError, match="along direction"):
        check_gradients(Planted(4, 4, spoil), X, directions=3)


def test_the_message_holds_index_and_both_values():
    def double_one(layer, dout, dx):
        layer.dbias[2] *= 2

    with pytest.raises(GradientError) as caught:
        check_gradients(Planted(4, 4, double_one), X)
    assert "Planted(4, 4, double_one): dbias is wrong; at [2] backward says " in str(caught.value)
    said, found = map(float, re.search(r"says (\S+), finite differences say (\S+) ", str(caught.value)).groups())
    assert said == pytest.approx(2 * found, rel=1e-7)


def test_two_wrong_arrays_are_both_named():
    def both(layer, dout, dx):
        layer.dbias *= -1
        return -dx

    with pytest.raises(GradientError, match=r"(?s)dx is wrong: opposite sign.*dbias is wrong: opposite sign"):
        check_gradients(Planted(4, 4, both), X)


def test_a_tiny_feature_is_checked_as_sharply_as_the_large_ones():
    tiny = X * [1.0, 1e3, 1e-6, 1.0]

    def double_the_tiny_one(layer, dout, dx):
        layer.dweights[2] *= 1 + 1e-4

    check_gradients(Dense(4, 4), tiny)
    with pytest.raises(GradientError, match=r"off by the constant factor 1\.0001 at index 2 of axis 0.*\(4 of 16 diff"):
        check_gradients(Planted(4, 4, double_the_tiny_one), tiny)


def test_noise_is_the_same_in_every_forward():
    assert check_gradients(Dropout(0.5, rng=3), X).largest < 1e-7


def test_the_layer_itself_is_left_alone():
    model = Sequential([Dense(4, 3), Dropout(0.5), Tanh()], rng=0)
    parameters, x = model.parameters.copy(), X.copy()
    model.gradients = np.ones_like(model.gradients)
    check_gradients(model, x)
    np.testing.assert_array_equal(model.parameters, parameters)
    np.testing.assert_array_equal(model.gradients, 1)
    np.testing.assert_array_equal(x, X)
    assert model.parameters.dtype == np.float32
    fresh = Sequential([Dense(4, 3), Dropout(0.5), Tanh()], rng=0)
    np.testing.assert_array_equal(model.forward(x), fresh.forward(x))  # the noise was not drawn from either


def test_parameters_are_drawn_unless_they_are_to_be_kept():
    layer = Dense(2, 1)
    layer.weights = [[0.0], [0.0]]

    def wrong_at_zero_weights_only(layer, dout, dx):
        return dx if np.any(layer.weights) else dx + 1

    planted = Planted(2, 1, wrong_at_zero_weights_only)
    planted.weights = [[0.0], [0.0]]
    check_gradients(planted, X[:, :2])
    with pytest.raises(GradientError, match="dx is wrong"):
        check_gradients(planted, X[:, :2], randomize=False)


def test_a_loss_is_checked():
    class Forgetful(MeanSquaredError):
        def backward(self):
            return super().backward() / 2

    with pytest.raises(GradientError, match=r"dy_hat is wrong: off by the constant factor 0\.5"):
        check_gradients(Forgetful(), X, 2 * X)


def test_a_loss_that_forgets_to_divide_by_n():
    class Undivided(SoftmaxCrossEntropy):
        def backward(self):
            return super().backward() * 5

    with pytest.raises(GradientError, match="dlogits is wrong: off by the constant factor 5, which is N"):
        check_gradients(Undivided(), X, np.array([0, 1, 2, 3, 0]))


def test_a_network_with_its_loss_in_random_directions():
    model = Sequential([Dense(4, 50), Tanh(), Dense(50, 4)])
    report = check_gradients(model, X, loss=SoftmaxCrossEntropy(), y=np.array([0, 1, 2, 3, 0]), directions=4)
    assert list(report.errors) == ["x", "0.weights", "0.bias", "2.weights", "2.bias"]
    assert report.checked == 5 * 4
    assert report.largest < 1e-7


def test_the_report_prints_as_a_table():
    text = str(check_gradients(Dense(4, 3), X))
    assert text.startswith("Dense(4, 3): 35 derivatives checked; largest relative errors\n")
    assert [line.split()[0] for line in text.splitlines()[1:]] == ["dx", "dweights", "dbias"]


class NoSuper(Tanh):
    def __init__(self):
        self.sharpness = 2


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((Dense(2, 2),), {}, TypeError, r"Dense\(2, 2\) must be given the inputs of its forward"),
        ((3, X), {}, TypeError, "layer must have forward and backward, got int"),
        ((Tanh, X), {}, TypeError, r"layer must be an object, got the class Tanh: write its \(\)"),
        ((NoSuper(), X), {}, TypeError, r"NoSuper.__init__ must call super\(\).__init__\(\)"),
        ((Tanh(), X), {"tolerance": -1}, ValueError, "tolerance must be finite and >= 0, got -1"),
        ((Tanh(), X), {"directions": 0}, ValueError, "directions must be at least 1, got 0"),
    ],
)
def test_wrong_arguments(arguments, options, error, message):
    with pytest.raises(error, match=message):
        check_gradients(*arguments, **options)


def test_numbers_come_before_matters_of_form():
    class Student(Dense):
        def backward(self, dout):  # no input_gradient
            dx = super().backward(dout)
            self.dweights = self.dweights.T.copy()
            return dx

    with pytest.raises(GradientError, match="dweights is wrong: transposed"):
        check_gradients(Student(4, 4), X)


def test_integers_are_said_to_be_held():
    report = check_gradients(Dense(4, 2), np.ones((3, 4), int))
    assert report.held == ["x"]
    assert "    x: held fixed, since it is not made of floats" in str(report)


def test_an_array_of_which_no_number_could_be_checked_is_named_without_a_warning():
    # at b = 0 a step to the left leads out of what forward takes
    with pytest.raises(GradientError, match="off the kinks, but db could not be checked at all; choose other inputs"):
        check_gradients(formula("a * b ** 1.5"), 1.0, 0.0)
