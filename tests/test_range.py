"""Gates, dropout, metrics and data at the ends of a dtype: the right finite number, or an error that there is none."""

import numpy as np
import pytest

from layers import Add, Divide, Dropout, Exp, Log, MatMul, Mean, Multiply, Power, Subtract, Sum
from training import mean_absolute_error, r_squared
from training.data import standardize

WIDE = np.finfo(np.longdouble).max > np.finfo(np.float64).max
pytestmark = pytest.mark.skipif(not WIDE, reason="references need a dtype wider than float64")

# ---- gates -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("gate", [Add, Subtract, Multiply, Divide, MatMul])
def test_gates_give_the_right_finite_number_or_say_that_there_is_none(gate, dtype):
    ends = np.log10(float(np.finfo(dtype).tiny)), np.log10(float(np.finfo(dtype).max))
    refused = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        a, b, dout = (np.array([10 ** rng.uniform(*ends) * rng.choice([-1, 1])], dtype) for _ in range(3))
        wide, other, above = (value.astype(np.longdouble) for value in (a, b, dout))
        out, da, db = {
            Add: (wide + other, above, above),
            Subtract: (wide - other, above, -above),
            Multiply: (wide * other, above * other, above * wide),
            MatMul: (wide @ other, above * other, above * wide),
            Divide: (wide / other, above / other, -above * wide / other**2),
        }[gate]
        layer = gate()
        limit = np.finfo(dtype).max
        if np.abs(out).max() > limit:
            with pytest.raises(ValueError, match="what forward returns must be at most"):
                layer.forward(a, b)
            refused += 1
            continue
        np.testing.assert_allclose(layer.forward(a, b), out.astype(dtype), rtol=1e-6, atol=0)
        dout = dout if gate is not MatMul else dout[0]
        if max(np.abs(da).max(), np.abs(db).max()) > limit:
            with pytest.raises(ValueError, match="what backward returns must be at most"):
                layer.backward(dout)
            refused += 1
            continue
        found = layer.backward(dout)
        for value, right in zip(found, (da, db), strict=True):
            np.testing.assert_allclose(value, right.astype(dtype), rtol=1e-6, atol=10 * np.finfo(dtype).tiny)
    assert refused < 300
    assert refused > 50 or gate in (Add, Subtract)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("of_two", [False, True])
def test_powers_give_the_right_finite_number_or_say_that_there_is_none(of_two, dtype):
    ends = np.log10(float(np.finfo(dtype).tiny)), np.log10(float(np.finfo(dtype).max))
    limit, tiny, refused = np.finfo(dtype).max, np.finfo(dtype).tiny, 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        a, dout = (np.array([10 ** rng.uniform(*ends)], dtype) for _ in range(2))
        b = np.array([rng.choice([rng.uniform(-3, 3), -2, -1, 0.5, 2, 3])], dtype)
        wide, exponent, above = (value.astype(np.longdouble) for value in (a, b, dout))
        gate, inputs = (Power(), (a, b)) if of_two else (Power(float(b[0])), (a,))
        out = wide**exponent
        right = [above * exponent * wide ** (exponent - 1), above * out * np.log(wide)][: 1 + of_two]
        if out.max() > limit:
            with pytest.raises(ValueError, match="what forward returns must be at most"):
                gate.forward(*inputs)
            refused += 1
            continue
        np.testing.assert_allclose(
            gate.forward(*inputs), out.astype(dtype), rtol=1e-4 if dtype == np.float32 else 1e-12
        )
        if max(np.abs(each).max() for each in right) > limit:
            with pytest.raises(ValueError, match="what backward returns must be at most"):
                gate.backward(dout)
            refused += 1
            continue
        found = gate.backward(dout)
        for value, each in zip(found if of_two else [found], right, strict=True):
            np.testing.assert_allclose(value, each.astype(dtype), rtol=1e-4, atol=1e4 * tiny)
    assert 50 < refused < 250


def test_exp_and_log_say_where_there_is_no_number():
    with pytest.raises(
        ValueError, match=r"Exp\(\): what forward returns must be at most 3.4e\+38, the largest float32"
    ):
        Exp().forward(np.float32([89]))
    assert Exp().forward(np.array([-np.inf, np.inf])).tolist() == [0, np.inf]
    gate = Log()
    gate.forward(np.array([1e-300]))
    with pytest.raises(ValueError, match="what backward returns"):
        gate.backward(np.array([1e10]))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_means_of_the_largest_numbers_are_finite_and_sums_may_pass_them(dtype):
    largest = np.finfo(dtype).max
    for n in (1, 3, 7, 1000):
        x = np.full((n, 3), largest)
        for axis in (None, 0, 1):
            np.testing.assert_allclose(Mean(axis).forward(x), x.max(axis=axis), rtol=float(np.finfo(dtype).eps))
    assert Sum().forward(np.array([largest, largest, -largest])) == largest
    assert MatMul().forward(np.array([largest, largest, -largest]), np.ones(3, dtype)) == largest
    with pytest.raises(ValueError, match="must be at most"):
        Sum().forward(np.array([largest, largest]))
    np.testing.assert_array_equal(Sum(0).forward(np.array([[np.inf, largest], [1, -largest]])), [np.inf, 0])


def test_gradients_of_repeated_inputs_keep_their_digits(rng):
    dout = (rng.normal(size=(300_000, 2)) + 3).astype(np.float32)
    gate = Add()
    gate.forward(np.zeros_like(dout), np.zeros(2, np.float32))
    np.testing.assert_allclose(gate.backward(dout)[1], dout.sum(axis=0, dtype=float), rtol=2e-7)
    np.testing.assert_allclose(Sum(0).forward(dout), dout.sum(axis=0, dtype=float), rtol=2e-7)
    np.testing.assert_allclose(Mean(0).forward(dout), dout.mean(axis=0, dtype=float), rtol=2e-7)


# ---- dropout and data --------------------------------------------------------------------------------------------


def test_dropout_with_a_rate_near_one():
    layer = Dropout(1 - 1e-5, rng=0)
    x = np.full((1000, 1000), 0.01, np.float16)
    out = layer.forward(x)
    assert out.dtype == np.float16
    assert np.all(np.isfinite(out))
    assert set(np.unique(out)) == {0, np.float16(np.float32(x[0, 0]) / np.float32(1e-5))}
    assert np.all(np.isfinite(layer.backward(x)))
    kept = Dropout(1 - 1e-5, rng=0).forward(np.ones((3_000, 1_000), np.float32)) > 0
    assert 10 < kept.sum() < 60  # 30 of 3e6


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_column_is_centered_however_long(dtype):
    for value in (0.1, 1e-310, 0.3e38, 1 / 3):
        x = np.full((100_000, 1), value, dtype)
        np.testing.assert_array_equal(standardize(x), np.zeros_like(x))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_columns_of_every_size_are_standardized(dtype):
    ends = np.log10(float(np.finfo(dtype).tiny)), np.log10(float(np.finfo(dtype).max))
    for seed in range(60):
        rng = np.random.default_rng(seed)
        x = (rng.uniform(-1, 1, (20, 3)) * 10 ** rng.uniform(ends[0] + 4, ends[1], 3)).astype(dtype)
        wide = x.astype(np.longdouble)
        expected = (wide - wide.mean(axis=0)) / np.sqrt(((wide - wide.mean(axis=0)) ** 2).mean(axis=0))
        np.testing.assert_allclose(standardize(x), expected.astype(float), atol=1e-6)
    with pytest.raises(ValueError, match="results must be at most"):
        standardize(np.array([[0.0], [1e-300]]), np.array([[1e300]]))


def test_metrics_of_numbers_beyond_float64_say_so():
    y = np.array([1e200, -1e200])
    assert mean_absolute_error(y, -y) == 2e200
    with pytest.raises(ValueError, match=r"r_squared: what is added up must be within float64, got .* up to 1e\+200"):
        r_squared(y, -y)
    with pytest.raises(ValueError, match="mean_absolute_error: what is added up must be within float64"):
        mean_absolute_error([1.7e308, 1e308], [-1e308, -1e308])
