"""What all tests share."""

import os

os.environ["MPLBACKEND"] = "Agg"  # pictures are drawn without a screen

import numpy as np
import pytest


@pytest.fixture
def rng():
    return np.random.default_rng(0)
