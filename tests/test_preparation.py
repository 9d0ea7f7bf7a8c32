import numpy as np
import pytest

from training import one_hot, padded, standardize, train_test_split


def test_every_example_lands_in_one_part_with_its_label(rng):
    x = rng.normal(size=(103, 2))
    y = x[:, 0] * 2
    x_train, x_test, y_train, y_test = train_test_split(x, y, 0.25, rng=rng)
    assert (len(x_train), len(x_test)) == (77, 26)
    np.testing.assert_array_equal(np.sort(np.concatenate([y_train, y_test])), np.sort(y))
    np.testing.assert_array_equal(x_train[:, 0] * 2, y_train)
    np.testing.assert_array_equal(x_test[:, 0] * 2, y_test)


def test_one_seed_one_split_and_it_is_shuffled():
    x = np.arange(50)
    first, again = (train_test_split(x, x, 10, rng=3)[1] for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert sorted(first) != list(range(10))
    assert list(first) != list(train_test_split(x, x, 10, rng=4)[1])


@pytest.mark.parametrize("test_size", [0.2, 0.5, 7, 0.013])
def test_stratified_parts_have_the_shares_of_the_whole(test_size, rng):
    y = rng.permutation(np.repeat([0, 1, 2], [700, 200, 100]))
    _, _, y_train, y_test = train_test_split(y, y, test_size, stratify=True, rng=rng)
    expected = np.array([0.7, 0.2, 0.1]) * len(y_test)
    assert np.abs(np.bincount(y_test, minlength=3) - expected).max() <= 1
    assert len(y_train) + len(y_test) == 1000


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((np.zeros(3), np.zeros(4)), {}, r"same length, got shapes \(3,\) and \(4,\)"),
        ((np.zeros(3), np.zeros(3), 1.0), {}, "both parts must hold examples, got test_size 1.0 of 3"),
        ((np.zeros(3), np.zeros(3), 3), {}, "both parts must hold examples, got test_size 3 of 3"),
        ((np.zeros(3), np.zeros(3), 0), {}, "both parts must hold examples"),
        ((np.zeros(3), np.zeros(3), 0.1), {}, "both parts must hold examples"),
        ((np.zeros(3), np.zeros(3), -0.5), {}, "both parts must hold examples"),
        ((np.zeros(4), np.zeros(4), 0.5), {"stratify": True}, r"y must be classes \(N,\), got float64"),
    ],
)
def test_a_split_that_cannot_be(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        train_test_split(*arguments, **options)


def test_one_hot():
    assert one_hot([1, 0], 3).tolist() == [[0, 1, 0], [1, 0, 0]]
    assert one_hot(np.array([[1], [0]])).shape == (2, 1, 2)
    assert one_hot([1, 0]).dtype == np.float32
    assert one_hot([1, 0], dtype=np.float64).dtype == np.float64


@pytest.mark.parametrize(
    ("y", "n_classes", "error", "message"),
    [
        ([0, 3], 3, ValueError, r"classes 0 \.\. 2, got 0 \.\. 3"),
        ([-1], None, ValueError, r"got -1 \.\. -1"),
        ([0.0, 1.0], None, TypeError, "integers, got dtype float64"),
        (np.array([], int), None, ValueError, "at least one class"),
        ([0, 2], 2.5, TypeError, r"^one_hot: n_classes must be a whole number, got 2\.5$"),
        ([0], 0, ValueError, r"^one_hot: n_classes must be at least 1, got 0$"),
    ],
)
def test_one_hot_of_what_are_no_classes(y, n_classes, error, message):
    with pytest.raises(error, match=message):
        one_hot(y, n_classes)


def test_standardize_uses_the_training_part_only(rng):
    x_train, x_test = rng.normal(5, 3, (200, 4)), rng.normal(-5, 1, (50, 4))
    train, test = standardize(x_train, x_test)
    np.testing.assert_allclose(train.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(train.std(axis=0), 1, atol=1e-12)
    np.testing.assert_allclose(test, (x_test - x_train.mean(axis=0)) / x_train.std(axis=0), rtol=1e-12)


def test_standardize_one_array_keeps_its_dtype_and_leaves_it_alone(rng):
    x = rng.normal(size=(10, 2)).astype(np.float32)
    before = x.copy()
    assert standardize(x).dtype == np.float32
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6])
def test_a_constant_feature_is_only_centered(value):
    x = np.full((7, 1), value)
    np.testing.assert_allclose(standardize(x), 0, atol=1e-6 * value)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ((np.zeros((3, 2)), np.zeros((3, 4))), r"all must have features \(2,\), got \(4,\)"),
        ((np.array([[np.nan]]),), "x_train must hold finite examples"),
        ((np.zeros((0, 2)),), "x_train must hold finite examples"),
    ],
)
def test_standardize_of_what_does_not_fit(arrays, message):
    with pytest.raises(ValueError, match=message):
        standardize(*arrays)


# ---- rows of unequal length ------------------------------------------------------------------------------------------


def test_padded_rows_stand_at_the_beginning_with_zeros_behind_them():
    rows = padded([np.ones((2, 3), np.float32), np.full((1, 3), 5, np.float32)])
    np.testing.assert_array_equal(rows.x, [[[1, 1, 1], [1, 1, 1]], [[5, 5, 5], [0, 0, 0]]])
    assert rows.x.dtype == np.float32
    assert rows.lengths.tolist() == [2, 1]


@pytest.mark.parametrize(
    ("rows", "dtype"),
    [([[1], [2.5, 1]], np.float64), ([[], [1, 2]], np.int64), ([np.array([1], ">i2"), []], np.int16), ([[]], float)],
)
def test_padded_rows_have_the_dtype_that_holds_all_and_rows_without_steps_have_no_say(rows, dtype):
    assert padded(rows).x.dtype == np.dtype(dtype)


def test_rows_without_a_step_are_all_padding():
    rows = padded([np.zeros((0, 4)), np.zeros((0, 4))])
    assert rows.shape == (2, 1, 4)
    assert rows.lengths.tolist() == [0, 0]
    assert padded([[], np.ones((2, 4))]).shape == (2, 2, 4)


def test_rows_that_differ_in_more_than_their_length_are_refused():
    match = r"^padded: rows must have shapes \(T, ...\), alike but in T, got \(1, 3\) and, of rows\[1\], \(2, 4\)$"
    with pytest.raises(ValueError, match=match):
        padded([np.ones((1, 3)), np.ones((2, 4))])
    with pytest.raises(ValueError, match=r"of rows\[0\], \(\)$"):
        padded([3, [1]])
    with pytest.raises(TypeError, match=r"^padded: rows\[1\] must hold real numbers, got dtype <U1"):
        padded([[1], ["a"]])
    with pytest.raises(TypeError, match=r"^padded: rows must be a list of arrays, got ndarray"):
        padded(np.ones((2, 2)))
    with pytest.raises(ValueError, match=r"^padded: rows must hold at least one, got none"):
        padded([])
