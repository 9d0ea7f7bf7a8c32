"""Channels repeated to long rows, and summed back."""

import numpy as np
import pytest

from layers.speed import as_rows, repeat_channels, sum_over_pixels


def test_the_sum_over_pixels_is_the_adjoint_of_the_repetition(rng):
    values, row = rng.normal(size=(2, 3)), rng.normal(size=(2, 12))
    assert np.sum(repeat_channels(values, 12) * row) == pytest.approx(np.sum(values * sum_over_pixels(row, 3)))


@pytest.mark.parametrize(
    ("shape", "width"), [((5, 4), 4), ((5, 7, 4), 28), ((2, 3, 4, 5), 60), ((2, 100, 100, 90), 9000)]
)
def test_rows_are_as_long_as_whole_axes_allow(shape, width):
    assert as_rows(np.zeros(shape)).shape == (np.prod(shape) // width, width)
