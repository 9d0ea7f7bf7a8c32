"""What all tests share."""

import contextlib
import os

os.environ["MPLBACKEND"] = "Agg"  # pictures are drawn without a screen

import numpy as np
import pytest


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def unchanged():
    """Return a context at whose end the arrays in it must hold what they held at its beginning."""

    @contextlib.contextmanager
    def unchanged(*arrays):
        before = [np.copy(array) for array in arrays]
        yield
        for array, values in zip(arrays, before, strict=True):
            np.testing.assert_array_equal(array, values)

    return unchanged
