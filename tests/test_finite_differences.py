"""Finite differences at kinks, of small gradients and in any memory."""

import numpy as np
import pytest

from layers import BatchNorm, Conv1D, Dense, GradientError, LayerNorm, Multiply, ReLU, check_gradients

X = np.random.default_rng(0).normal(size=(5, 4))


def test_points_on_a_kink_are_skipped_and_counted():
    report = check_gradients(ReLU(), np.array([[-1.0, 0.0, 2.0, 0.0, 3.0]]))
    assert (report.checked, report.skipped) == (3, 2)


def test_points_near_a_kink_are_checked():
    report = check_gradients(ReLU(), np.array([[-1e-5, 3e-5, 1e-4, 2.0]]))
    assert (report.checked, report.skipped) == (4, 0)
    assert report.largest < 1e-7


def test_inputs_on_kinks_are_moved_off_them():
    report = check_gradients(ReLU(), np.zeros((2, 2)))
    assert (report.checked, report.skipped) == (4, 0)
    assert check_gradients(Chosen(), np.zeros(2), np.ones(8)).skipped == 0


def test_only_kinks_is_no_check():
    with pytest.raises(GradientError, match="most points must be off the kinks, got 4 skipped of 4; choose other"):
        check_gradients(KinkedEverywhere(), np.zeros((2, 2)))


def test_an_array_that_is_all_kinks_is_not_passed_over():
    with pytest.raises(GradientError, match="but da could not be checked at all; choose other inputs"):
        check_gradients(KinkedInA(), np.zeros(2), np.ones(8))


class KinkedEverywhere(ReLU):
    """out = max(x, 0) for x = 0, and no other is taken but near it."""

    def forward(self, x):
        if np.abs(x).max() > 0.02:
            raise ValueError("too far")
        return super().forward(x)


class KinkedInA(Multiply):
    """out = max(a, 0) and then b, for a near 0 only."""

    def forward(self, a, b):
        if np.abs(a).max() > 0.02:
            raise ValueError("too far")
        self._cache = a
        return np.concatenate([np.maximum(a, 0), b])

    def backward(self, dout):
        a = self._recall()
        return (a > 0) * dout[: a.size], dout[a.size :].copy()


class Chosen(Multiply):
    """out = max(a, 0) and then b, in one row."""

    def forward(self, a, b):
        self._cache = a
        return np.concatenate([np.maximum(a, 0), b])

    def backward(self, dout):
        a = self._recall()
        return (a > 0) * dout[: a.size], dout[a.size :].copy()


class WrongReLU(ReLU):
    def backward(self, dout):
        return 2 * super().backward(dout)


def test_a_kink_does_not_hide_a_mistake_elsewhere():
    with pytest.raises(GradientError, match=r"off by the constant factor 2; .*\(1 of 3 differ"):
        check_gradients(WrongReLU(), np.array([[-1.0, 0.0, 2.0]]))


def test_two_ways_of_summing_are_the_same_gradients():
    x = np.random.default_rng(0).normal(size=(8, 20, 16))
    for seed in range(20):
        assert check_gradients(Conv1D(16, 64, 5), x, directions=1, rng=seed).largest <= 1e-7


def test_a_small_gradient_is_held_to_the_rounding_of_its_own_differences():
    x = np.array([[1.0, 3.0]])
    report = check_gradients(LayerNorm(2, epsilon=1e-8), 1e3 * x)
    assert (report.checked, report.skipped) == (6, 0)


def test_a_small_gradient_of_two_values_is_not_taken_for_a_kink():
    report = check_gradients(BatchNorm(1, epsilon=1e-8), np.array([[0.3], [0.7]]))
    assert (report.checked, report.skipped) == (4, 0)


def test_x_that_is_not_finite_is_named():
    spoiled = X.copy()
    spoiled[3, 1] = np.nan
    with pytest.raises(GradientError, match=r"finite numbers, got nan at \[3, 0\]; x holds nan at \[3, 1\]"):
        check_gradients(Dense(4, 4), spoiled)


def test_inputs_in_any_memory_are_moved():
    x = np.asfortranarray(X)
    assert check_gradients(Dense(4, 3), x).checked == check_gradients(Dense(4, 3), x[::-1, ::-1]).checked == 35
