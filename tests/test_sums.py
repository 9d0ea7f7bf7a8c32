"""Sums over many rows lose no digits: against float64, from one row to many, of every dtype."""

import math
import os

import numpy as np
import pytest

from layers.speed import sum_axes, sum_columns, sum_rows, sum_rows_into

# 1 to 1e7 rows by HANDGRAD_LONG=1; a second without
MANY = (1, 2, 255, 256, 257, 511, 513, 4_097, 70_000)
if os.environ.get("HANDGRAD_LONG"):
    MANY += (1_000_000, 10_000_000)


def off(found, terms):
    """Return the largest error, in units of the sum of the absolute terms, of sums over the first axis."""
    exact = np.array([math.fsum(column) for column in terms.T.astype(float).tolist()])
    return np.max(np.abs(found - exact) / np.abs(terms.astype(float)).sum(axis=0))


@pytest.mark.parametrize("n", MANY)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_are_off_by_a_few_roundings_however_many_rows(n, dtype, rng):
    width = 3 if n < 1_000_000 else 1
    a, b = ((rng.normal(size=(n, width)) + 3).astype(dtype) for _ in range(2))
    product = a.astype(float) * b if dtype == np.float32 else a * b
    out = np.empty(width, dtype)
    sum_rows_into(out, a)
    sums = [(out, a), (sum_rows(a), a), (sum_axes(a, (0,)), a), (sum_columns(a.T.copy())[:, 0], a)]
    sums += [(sum_rows(a, b), product), (sum_columns(a.T.copy(), b.T.copy())[:, 0], product)]
    for found, terms in sums:
        assert found.dtype == dtype
        assert off(found, terms) <= 6 * np.finfo(dtype).eps  # 256 terms in a row: about the square root of that


def test_one_after_the_other_would_not_pass(rng):
    a = (rng.normal(size=(70_000, 3)) + 3).astype(np.float32)
    assert off(a.sum(axis=0), a) > 20 * np.finfo(np.float32).eps


@pytest.mark.parametrize("axes", [(), (0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)])
@pytest.mark.parametrize("shape", [(2, 3, 4), (300, 2, 3), (1, 1, 1), (2, 300, 5), (3, 2, 700)])
def test_any_axes(axes, shape, rng):
    x = rng.normal(size=shape)
    np.testing.assert_allclose(sum_axes(x, axes), x.sum(axis=axes), rtol=1e-13, atol=1e-12)
    np.testing.assert_allclose(sum_axes(x.T, axes), x.T.sum(axis=axes), rtol=1e-13, atol=1e-12)


def test_rows_in_stacks(rng):
    x, y = rng.normal(size=(2, 3, 600, 4))
    np.testing.assert_allclose(sum_rows(x), x.sum(axis=1), atol=1e-12)
    np.testing.assert_allclose(sum_rows(x, y), (x * y).sum(axis=1), atol=1e-12)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_what_is_not_finite_stays_in_its_column(value):
    x = np.ones((600, 3), np.float32)
    x[400, 1] = value
    np.testing.assert_array_equal(sum_rows(x), [600, value, 600])
