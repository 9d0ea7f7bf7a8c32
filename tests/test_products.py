"""Products and sums that write into arrays that exist."""

import numpy as np
import pytest

from layers.speed import multiply_into, sum_rows_into


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_multiply_into_writes_the_product_into_the_memory_of_out(dtype, rng):
    memory = np.zeros(20, dtype)
    a, b = rng.integers(-9, 9, size=(4, 3)).astype(dtype), rng.integers(-9, 9, size=(4, 5)).astype(dtype)
    multiply_into(memory[:15].reshape(3, 5), a.T, b)
    np.testing.assert_array_equal(memory[:15], np.einsum("ij,ik->jk", a, b).ravel())
    np.testing.assert_array_equal(memory[15:], 0)


@pytest.mark.parametrize("a_dtype", [np.float32, np.float64])
@pytest.mark.parametrize("b_dtype", [np.float32, np.float64])
@pytest.mark.parametrize("out_dtype", [np.float32, np.float64])
def test_multiply_into_takes_any_mixture_of_dtypes(a_dtype, b_dtype, out_dtype):
    out = np.empty((1, 2), out_dtype)
    multiply_into(out, np.array([[1, 2]], a_dtype), np.array([[3, 4], [5, 6]], b_dtype))
    np.testing.assert_array_equal(out, [[13, 16]])  # 3 + 10, 4 + 12


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (32, 3), (1000, 8), (5, 300)])
def test_sum_rows_into_is_the_sum_over_the_first_axis(shape, rng):
    rows, out = rng.integers(-9, 9, size=shape).astype(np.float32), np.full(shape[1], np.nan, np.float32)
    sum_rows_into(out, rows)
    np.testing.assert_array_equal(out, rows.sum(axis=0))  # whole numbers: exact in any order


def test_sum_rows_into_takes_rows_of_another_memory_order_and_dtype(rng):
    rows, out = rng.integers(-9, 9, size=(6, 4)).astype(float), np.empty(6, np.float32)
    sum_rows_into(out, rows.T)
    np.testing.assert_array_equal(out, rows.sum(axis=1))
