"""Rows of scores, short and long."""

import numpy as np
import pytest

from losses.rows import places, row_maxima

shapes = pytest.mark.parametrize("shape", [(1, 2), (7, 3), (5, 32), (5, 33), (2, 4, 3), (2, 4, 40)])


@shapes
@pytest.mark.parametrize("order", ["C", "F"])
def test_row_maxima_are_those_of_numpy(shape, order, rng):
    rows = np.asarray(rng.normal(size=shape), order=order)
    np.testing.assert_array_equal(row_maxima(rows), rows.max(axis=-1, keepdims=True))


@shapes
def test_places_are_those_of_one_element_of_each_row(shape, rng):
    rows, y = rng.normal(size=shape), rng.integers(shape[-1], size=shape[:-1])
    picked = rows.reshape(-1)[places(y, shape[-1])]
    np.testing.assert_array_equal(picked, np.take_along_axis(rows, y[..., np.newaxis], axis=-1)[..., 0])


@shapes
def test_places_can_be_written_to(shape, rng):
    rows, y = np.zeros(shape), rng.integers(shape[-1], size=shape[:-1])
    rows.reshape(-1)[places(y, shape[-1])] = 1
    np.testing.assert_array_equal(rows.sum(axis=-1), 1)
    np.testing.assert_array_equal(rows.argmax(axis=-1), y)
