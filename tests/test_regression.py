import re

import numpy as np
import pytest
from test_loss import OF_REAL_TARGETS

from losses import Huber, MeanAbsoluteError, MeanSquaredError

Y_HAT = np.array([[0.5, -1.0, 2.0], [3.0, 0.25, -4.0]])
Y = np.array([[0.0, 0.5, 2.5], [-1.0, 0.25, 1.0]])
# The errors are 0.5, -1.5, -0.5, 4, 0, -5.
every_loss = pytest.mark.parametrize("loss", [kind() for kind in OF_REAL_TARGETS], ids=repr)


def value_and_gradient(loss, *arguments):
    return loss.forward(*arguments), loss.backward()


@pytest.mark.parametrize(
    ("loss", "expected", "gradient"),
    [
        # 0.25 + 2.25 + 0.25 + 16 + 0 + 25 = 43.75, and 2 * error
        (MeanSquaredError(reduction="sum"), 43.75, [[1, -3, -1], [8, 0, -10]]),
        # 0.5 + 1.5 + 0.5 + 4 + 0 + 5 = 11.5, and the sign of the error, 0 where there is none
        (MeanAbsoluteError(reduction="sum"), 11.5, [[1, -1, -1], [1, 0, -1]]),
        # 0.125 + 1.125 + 0.125 + 1.5 * (4 - 0.75) + 0 + 1.5 * (5 - 0.75) = 12.625, and the error cut off at 1.5
        (Huber(delta=1.5, reduction="sum"), 12.625, [[0.5, -1.5, -0.5], [1.5, 0, -1.5]]),
        # 0.125 + 1 * (1.5 - 0.5) + 0.125 + 1 * (4 - 0.5) + 0 + 1 * (5 - 0.5) = 9.25
        (Huber(reduction="sum"), 9.25, [[0.5, -1, -0.5], [1, 0, -1]]),
    ],
    ids=repr,
)
def test_by_hand(loss, expected, gradient):
    value, dy_hat = value_and_gradient(loss, Y_HAT, Y)
    assert value == expected
    np.testing.assert_array_equal(dy_hat, gradient)


@pytest.mark.parametrize(
    ("loss", "expected", "gradient"),
    [
        (MeanSquaredError(), 7.291666666666667, [[1 / 6, -1 / 2, -1 / 6], [4 / 3, 0, -5 / 3]]),
        (MeanAbsoluteError(), 1.9166666666666667, [[1 / 6, -1 / 6, -1 / 6], [1 / 6, 0, -1 / 6]]),
        (Huber(delta=1.5), 2.1041666666666665, [[1 / 12, -1 / 4, -1 / 12], [1 / 4, 0, -1 / 4]]),
    ],
    ids=repr,
)
def test_against_pytorch(loss, expected, gradient):
    # PyTorch 2.13.0, float64: mse_loss, l1_loss, huber_loss(delta=1.5) of torch.nn.functional, and autograd; its
    # gradients are printed as decimals of these fractions
    value, dy_hat = value_and_gradient(loss, Y_HAT, Y)
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(dy_hat, gradient, rtol=1e-15)


def test_the_mean_is_over_all_elements():
    # two examples of three features, each off by 2: the mean is 4, not the 12 of a sum over features
    assert MeanSquaredError().forward(np.full((2, 3), 2.0), np.zeros((2, 3))) == pytest.approx(4, rel=1e-12)


@every_loss
@pytest.mark.parametrize("shape", [(4,), (4, 1), (4, 3), (2, 3, 5), (2, 4, 4, 3)])
def test_any_number_of_axes(loss, shape, rng):
    y_hat, y = rng.normal(size=shape), rng.normal(size=shape)
    value, gradient = value_and_gradient(loss, y_hat, y)
    flat, dflat = value_and_gradient(loss, y_hat.reshape(-1), y.reshape(-1))
    assert value == pytest.approx(flat, rel=1e-12)
    np.testing.assert_array_equal(gradient, dflat.reshape(shape))


@every_loss
def test_a_perfect_prediction_costs_nothing_and_pulls_nowhere(loss):
    value, gradient = value_and_gradient(loss, Y, Y)
    assert value == 0
    assert not gradient.any()


def test_huber_goes_over_smoothly_at_delta():
    # at |error| = delta both formulas give delta² / 2 and the slope delta
    value, gradient = value_and_gradient(Huber(delta=2.0, reduction="sum"), [2.0, -2.0], [0.0, 0.0])
    assert value == 4
    np.testing.assert_array_equal(gradient, [2, -2])


def test_huber_of_large_delta_is_half_the_squared_error():
    value, gradient = value_and_gradient(Huber(delta=1e6), Y_HAT, Y)
    squared, dsquared = value_and_gradient(MeanSquaredError(), Y_HAT, Y)
    assert value == squared / 2
    np.testing.assert_array_equal(gradient, dsquared / 2)


def test_huber_grows_in_a_line_where_the_square_would_overflow():
    value, gradient = value_and_gradient(Huber(reduction="sum"), np.array([1e200]), np.array([-1e200]))
    assert value == 2e200
    assert gradient == 1


def test_whole_numbers_are_real_numbers():
    value, gradient = value_and_gradient(MeanSquaredError(), np.array([[1], [4]]), np.array([[0], [2]]))
    assert value == 2.5
    np.testing.assert_array_equal(gradient, [[1.0], [2.0]])


def test_targets_in_float64_do_not_promote_float32():
    _, gradient = value_and_gradient(MeanSquaredError(), Y_HAT.astype(np.float32), Y)
    assert gradient.dtype == np.float32


def test_many_small_errors_in_float32_are_summed_without_loss():
    # a million errors of 0.01: a sum in float32, one after the other, would be off by about 1 %
    value = MeanSquaredError(reduction="sum").forward(np.full(10**6, 0.01, np.float32), np.zeros(10**6, np.float32))
    assert value == pytest.approx(100, rel=1e-6)


@every_loss
@pytest.mark.parametrize(
    ("y_hat", "y"), [((5, 1), (5,)), ((5,), (5, 1)), ((5, 2), (5, 1)), ((5, 2), (2,)), ((1,), (5,))]
)
def test_shapes_that_would_broadcast_are_refused_by_name(loss, y_hat, y):
    cure = {((5, 1), (5,)): ": y[:, np.newaxis]", ((5,), (5, 1)): ": y[..., 0]"}.get((y_hat, y), "")
    expected = f"{loss!r}: y_hat and y must have the same shape, got {y_hat} and {y}{cure}"
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        loss.forward(np.zeros(y_hat), np.zeros(y))


@pytest.mark.parametrize(
    ("bad", "rule"),
    [(0, "finite and > 0"), (-1.0, "finite and > 0"), (np.nan, "finite and > 0"), (np.inf, "finite and > 0")],
)
def test_a_delta_that_is_not_positive_is_refused(bad, rule):
    with pytest.raises(ValueError, match=rf"^Huber: delta must be {rule}, got {bad}$"):
        Huber(delta=bad)


@pytest.mark.parametrize("bad", ["1", None, True, [1.0]])
def test_a_delta_that_is_no_number_is_refused(bad):
    with pytest.raises(TypeError, match=r"^Huber: delta must be a number, got "):
        Huber(delta=bad)


def test_a_delta_of_numpy_does_not_change_the_dtype():
    _, gradient = value_and_gradient(Huber(delta=np.float64(0.5)), Y_HAT.astype(np.float32), Y.astype(np.float32))
    assert gradient.dtype == np.float32
