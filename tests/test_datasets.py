import numpy as np
import pytest

from training import adding, digits, spirals

# ---- digits ----------------------------------------------------------------------------------------------------------

LAST_DIGIT = np.array(
    [
        [0, 0, 10, 14, 8, 1, 0, 0],
        [0, 2, 16, 14, 6, 1, 0, 0],
        [0, 0, 15, 15, 8, 15, 0, 0],
        [0, 0, 5, 16, 16, 10, 0, 0],
        [0, 0, 12, 15, 15, 12, 0, 0],
        [0, 4, 16, 6, 4, 16, 6, 0],
        [0, 8, 16, 10, 8, 16, 8, 0],
        [0, 1, 8, 12, 14, 12, 1, 0],
    ]
)


def test_digits_have_the_shapes_and_ranges_that_are_promised():
    x, y = digits()
    assert (x.shape, x.dtype) == ((1797, 64), np.float32)
    assert (y.shape, y.dtype) == ((1797,), np.int64)
    assert (x.min(), x.max()) == (0, 1)
    assert x.flags.c_contiguous


def test_digits_are_those_of_scikit_learn():
    # scikit-learn 1.9.1, load_digits(): the counts of the classes, the sum of all pixels, a sum that weighs pixel i
    # with i mod 1009 and so tells their order, one of the labels that does the same, and the last image
    x, y = digits()
    pixels = (x * 16).astype(int).reshape(-1)
    np.testing.assert_array_equal(x * 16, (x * 16).astype(int))
    assert np.bincount(y).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert pixels.sum() == 561718
    assert (pixels * (np.arange(pixels.size) % 1009)).sum() == 283139404
    assert (y * np.arange(1797)).sum() == 7264791
    np.testing.assert_array_equal(x[-1].reshape(8, 8) * 16, LAST_DIGIT)


def test_digits_are_fresh_arrays_each_time():
    x, y = digits()
    x[:] = y[:] = 0
    again, labels = digits()
    assert again.any()
    assert labels.any()


# ---- spirals ---------------------------------------------------------------------------------------------------------


def test_spirals_have_the_shapes_that_are_promised():
    x, y = spirals(40, 5, rng=0)
    assert (x.shape, x.dtype) == ((200, 2), np.float64)
    assert (y.shape, y.dtype.kind) == ((200,), "i")
    assert np.bincount(y).tolist() == [40] * 5


def test_spirals_come_from_their_seed():
    x, y = spirals(rng=7)
    again, labels = spirals(rng=np.random.default_rng(7))
    np.testing.assert_array_equal(x, again)
    np.testing.assert_array_equal(y, labels)
    assert not np.array_equal(x, spirals(rng=8)[0])


def test_spirals_without_noise_are_the_curve_of_the_docstring():
    # 2 arms of 3 points: radius 0, 1/2, 1; the angle is 0 or pi at the start, and 4 * radius further on
    x, _ = spirals(n_per_class=3, n_classes=2, noise=0)
    one = [[0, 0], [0.5 * np.sin(2), 0.5 * np.cos(2)], [np.sin(4), np.cos(4)]]
    np.testing.assert_allclose(x[:3], one, atol=1e-15)
    np.testing.assert_allclose(x[3:], -np.array(one), atol=1e-15)  # half a turn: the same with the opposite sign


def test_noise_turns_points_but_leaves_their_radius():
    x, _ = spirals(rng=0)
    np.testing.assert_allclose(np.hypot(*x.T), np.tile(np.linspace(0, 1, 100), 3), atol=1e-15)
    angles = np.arctan2(x[:, 0], x[:, 1]) - (
        2 * np.pi * np.repeat(range(3), 100) / 3 + 4 * np.tile(np.linspace(0, 1, 100), 3)
    )
    off = np.angle(np.exp(1j * angles))[np.hypot(*x.T) > 0]
    assert off.std() == pytest.approx(0.2, rel=0.15)  # 297 draws of noise 0.2: the deviation is known to 4 %


def test_no_straight_line_separates_the_spirals():
    # the best linear rule, by least squares on one-hot labels, is little better than guessing one of three
    x, y = spirals(rng=0)
    inputs = np.column_stack([x, np.ones(300)])
    coefficients = np.linalg.lstsq(inputs, np.eye(3)[y], rcond=None)[0]
    assert np.mean((inputs @ coefficients).argmax(axis=1) == y) < 0.6


@pytest.mark.parametrize("name", ["n_per_class", "n_classes"])
def test_sizes_that_cannot_be_are_refused(name):
    with pytest.raises(ValueError, match=rf"^spirals: {name} must be at least 1, got 0$"):
        spirals(**{name: 0})
    with pytest.raises(TypeError, match=rf"^spirals: {name} must be a whole number, got 1\.5$"):
        spirals(**{name: 1.5})


@pytest.mark.parametrize("noise", [-0.1, np.nan, np.inf])
def test_noise_that_cannot_be_is_refused(noise):
    with pytest.raises(ValueError, match=rf"^spirals: noise must be finite and >= 0, got {noise}$"):
        spirals(noise=noise)


# ---- adding ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_steps", [2, 7, 50])
def test_two_numbers_are_marked_one_in_each_half_and_y_is_their_sum(n_steps):
    x, y = adding(300, n_steps, rng=0)
    numbers, marks = x[..., 0], x[..., 1]
    assert (x.shape, y.shape) == ((300, n_steps, 2), (300, 1))
    assert set(np.unique(marks)) <= {0, 1}
    np.testing.assert_array_equal(marks[:, : n_steps // 2].sum(axis=1), 1)
    np.testing.assert_array_equal(marks[:, n_steps // 2 :].sum(axis=1), 1)
    np.testing.assert_allclose(y[:, 0], (numbers * marks).sum(axis=1), rtol=1e-15)
    assert numbers.min() >= 0
    assert numbers.max() < 1


def test_who_always_says_1_has_an_error_of_a_sixth():
    # The variance of a uniform number is 1/12, that of two 1/6; of 20,000 sums it comes to within 1% or so.
    _, y = adding(20_000, 4, rng=1)
    assert np.mean((y - 1) ** 2) == pytest.approx(1 / 6, rel=0.02)


def test_every_step_of_a_half_is_marked_in_its_turn():
    marks = adding(500, 6, rng=0)[0][..., 1]
    assert (marks.sum(axis=0) > 100).all()


def test_adding_needs_a_step_for_each_number():
    with pytest.raises(ValueError, match=r"^adding: n_steps must be at least 2, got 1"):
        adding(3, 1)
