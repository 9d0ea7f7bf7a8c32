import re

import numpy as np
import pytest

from layers import Power, Sqrt


@pytest.mark.parametrize(
    ("exponent", "x", "out", "dx"),
    [
        (2, 3.0, 9, 6),
        (2, -3.0, 9, -6),
        (3, -2.0, -8, 12),
        (-1, -2.0, -0.5, -0.25),
        (-2, 2.0, 0.25, -0.25),  # -2 / 2³
        (0.5, 9.0, 3, 1 / 6),
        (1, 0.0, 0, 1),
        (0, 0.0, 1, 0),
        (2, 0.0, 0, 0),
        (1.5, 0.0, 0, 0),
    ],
)
def test_a_power_and_its_slope(exponent, x, out, dx):
    gate = Power(exponent)
    assert gate.forward(x) == gate.predict(x) == out
    assert gate.backward(1.0) == pytest.approx(dx, rel=1e-15)


def test_a_power_of_two_inputs():
    # 2³ = 8; d/da = 3 * 2² = 12, d/db = 8 * log 2
    gate = Power()
    assert gate.forward(2, 3) == 8
    assert gate.backward(1.0) == pytest.approx((12, 8 * np.log(2)), rel=1e-15)
    # one exponent for all: its gradient is the sum over the copies
    np.testing.assert_allclose(gate.forward(np.array([1.0, 2.0]), 2.0), [1, 4])
    da, db = gate.backward(np.ones(2))
    np.testing.assert_allclose(da, [2, 4])
    assert db == pytest.approx(4 * np.log(2))


@pytest.mark.parametrize(
    ("gate", "inputs", "message"),
    [
        (Power(0.5), (-1.0,), "Power(exponent=0.5): x must not be negative under a broken exponent, got -1.0"),
        (Power(-1), ([1.0, 0.0],), "x must not be zero under a negative exponent, got 0 among its elements"),
        (Power(), (0.0, 2.0), "Power(): a must be positive where b is an input too, got 0.0"),
        (Power(), ([2.0, -1.0], 2.0), "Power(): a must be positive where b is an input too, got -1.0"),
        (Power(), (np.ones(2), np.ones(3)), "Power(): shapes must broadcast, got (2,) and (3,)"),
        (Power(2), (1e200,), "what forward returns must be at most 1.8e+308, the largest float64, got more"),
    ],
)
def test_what_has_no_power_is_refused(gate, inputs, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        gate.forward(*inputs)


def test_an_infinite_slope_is_refused_where_something_comes_back():
    gate = Power(0.5)
    gate.forward(np.array([0.0, 4.0]))
    np.testing.assert_array_equal(gate.backward(np.array([0.0, 4.0])), [0, 1])
    gate.forward(np.array([0.0, 4.0]))
    with pytest.raises(ValueError, match="x must not be zero in backward, where its slope is infinite"):
        gate.backward(np.ones(2))


def test_the_number_of_inputs_is_that_of_the_gate():
    assert (Power(2).n_operands, Power().n_operands) == (1, 2)
    for gate, inputs in ((Power(2), (1.0, 2.0)), (Power(), (1.0,))):
        with pytest.raises(TypeError, match=f"forward must be given {gate.n_operands} inputs?, got {len(inputs)}"):
            gate.forward(*inputs)


@pytest.mark.parametrize("exponent", ["2", True, np.inf, np.nan, 1j])
def test_an_exponent_is_a_finite_number(exponent):
    with pytest.raises((TypeError, ValueError), match="Power: exponent must be"):
        Power(exponent)


@pytest.mark.parametrize(
    ("x", "exponent", "dout", "dx"),
    [
        (1e-200, -1, 1e-300, -1e100),  # x ** -2 alone would be 1e400
        (-1e-200, -1, 1e-300, -1e100),
        (-1e-150, -2, 1e-200, 2e250),  # x ** -3 alone would be -1e450
        (1e-250, 2.5, 1e300, 2.5e-75),  # x ** 1.5 alone is 1e-375
    ],
)
def test_a_slope_out_of_range_times_a_dout_that_brings_it_back(x, exponent, dout, dx):
    gate = Power(exponent)
    gate.forward(x)
    assert gate.backward(dout) == pytest.approx(dx, rel=1e-13)


def test_the_other_way_keeps_the_dtype():
    gate = Power(-1)
    gate.forward(np.float32([1e-30, -1e-30]))
    dx = gate.backward(np.float32([1e-35, 1e-35]))
    np.testing.assert_allclose(dx, [-1e25, -1e25], rtol=1e-5)
    assert dx.dtype == np.float32


def test_a_gradient_out_of_range_is_refused():
    gate = Power(1.5)
    gate.forward(1e200)
    with pytest.raises(ValueError, match="what backward returns must be at most"):
        gate.backward(1e300)


def test_signs():
    assert [gate.sign for gate in (Power(), Power(2), Power(-0.5), Sqrt())] == ["**", "**2", "**-0.5", "sqrt"]
