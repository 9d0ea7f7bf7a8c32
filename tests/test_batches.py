import itertools
import re

import numpy as np
import pytest

from layers import LSTM, Dense, Embedding, Padded, Sequential
from losses import SoftmaxCrossEntropy
from training import batches, padded


def rows(n=10):
    """Return x whose row i is (i, i) and y whose element i is i, to see who belongs to whom."""
    return np.repeat(np.arange(float(n))[:, np.newaxis], 2, axis=1), np.arange(n)


def seen(x, y, **options):
    return np.concatenate([y_batch for _, y_batch in batches(x, y, **options)])


@pytest.mark.parametrize(
    ("batch_size", "expected"),
    [(4, [4, 4, 2]), (5, [5, 5]), (3, [3, 3, 3, 1]), (1, [1] * 10), (10, [10]), (99, [10]), (np.int32(4), [4, 4, 2])],
)
def test_the_last_batch_has_what_is_left(batch_size, expected):
    assert [(len(x), len(y)) for x, y in batches(*rows(), batch_size=batch_size, rng=0)] == [(n, n) for n in expected]


@pytest.mark.parametrize("shuffle", [True, False])
def test_each_example_comes_once(shuffle):
    assert sorted(seen(*rows(), batch_size=3, rng=0, shuffle=shuffle)) == list(range(10))


def test_x_and_y_stay_together():
    for x, y in batches(*rows(100), batch_size=7, rng=0):
        np.testing.assert_array_equal(x, np.stack([y, y], axis=1))


def test_the_order_is_random():
    assert list(seen(*rows(100), batch_size=7, rng=0)) != list(range(100))


def test_without_shuffling_the_order_stays():
    np.testing.assert_array_equal(seen(*rows(), batch_size=3, shuffle=False), np.arange(10))


def test_a_seed_gives_the_same_order_each_time():
    np.testing.assert_array_equal(seen(*rows(), batch_size=3, rng=5), seen(*rows(), batch_size=3, rng=5))


def test_a_generator_gives_another_order_each_epoch(rng):
    assert list(seen(*rows(50), batch_size=8, rng=rng)) != list(seen(*rows(50), batch_size=8, rng=rng))


def test_the_order_is_a_permutation_of_the_generator():
    expected = np.random.default_rng(3).permutation(10)
    np.testing.assert_array_equal(seen(*rows(), batch_size=4, rng=np.random.default_rng(3)), expected)


def test_the_global_generator_is_left_alone():
    np.random.seed(1)  # noqa: NPY002
    expected = np.random.random()  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    list(batches(*rows(), batch_size=3))
    assert np.random.random() == expected  # noqa: NPY002


def test_two_passes_may_run_at_once():
    first, second = batches(*rows(), batch_size=5, rng=0), batches(*rows(), batch_size=5, rng=0)
    for (_, y), (_, same) in zip(first, second, strict=True):
        np.testing.assert_array_equal(y, same)


def test_dtypes_and_further_axes_are_kept():
    x, y = np.zeros((5, 8, 8, 1), np.float32), np.zeros((5, 3), np.int8)
    for x_batch, y_batch in batches(x, y, batch_size=2, rng=0):
        assert (x_batch.dtype, x_batch.shape[1:]) == (np.float32, (8, 8, 1))
        assert (y_batch.dtype, y_batch.shape[1:]) == (np.int8, (3,))


def test_shuffled_batches_are_copies():
    x, y = rows()
    for x_batch, y_batch in batches(x, y, batch_size=4, rng=0):
        x_batch[:] = y_batch[:] = -1
    np.testing.assert_array_equal(y, np.arange(10))
    np.testing.assert_array_equal(x[:, 0], np.arange(10))


def test_lists_are_as_good_as_arrays():
    assert [x.shape for x, _ in batches([[1, 2], [3, 4], [5, 6]], [0, 1, 0], batch_size=2, rng=0)] == [(2, 2), (1, 2)]


def test_the_data_are_not_copied_whole():
    x = np.broadcast_to(np.zeros((1, 64)), (10**9, 64))  # 512 GB, if it were copied
    x_batch, y_batch = next(batches(x, np.broadcast_to(0, 10**9), batch_size=32, shuffle=False))
    assert (x_batch.shape, y_batch.shape) == ((32, 64), (32,))


@pytest.mark.parametrize("batch_size", [0, -1])
def test_a_batch_size_below_1_is_refused(batch_size):
    with pytest.raises(ValueError, match=rf"^batches: batch_size must be at least 1, got {batch_size}$"):
        batches(*rows(), batch_size=batch_size)


@pytest.mark.parametrize("batch_size", [2.0, "2", None, True])
def test_a_batch_size_that_is_no_whole_number_is_refused(batch_size):
    with pytest.raises(TypeError, match=r"^batches: batch_size must be a whole number, got "):
        batches(*rows(), batch_size=batch_size)


@pytest.mark.parametrize(("x", "y"), [((4, 2), (3,)), ((0, 2), (0,)), ((), ()), ((3,), ()), ((4, 2), (0,))])
def test_lengths_that_differ_or_are_zero_are_refused_at_the_call(x, y):
    expected = f"batches: x and y must have the same length of at least 1, got shapes {x} and {y}"
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        batches(np.zeros(x), np.zeros(y), batch_size=2)  # not only when the first batch is asked for


# ---- by length -------------------------------------------------------------------------------------------------------


def sentences(n=50, longest=9):
    """Return a Padded whose row i holds i, again and again."""
    lengths = np.random.default_rng(0).integers(0, longest + 1, n)
    return padded([np.full(length, i) for i, length in enumerate(lengths)])


@pytest.mark.parametrize("shuffle", [True, False])
def test_by_length_each_row_comes_once_with_its_y_and_its_length(shuffle):
    x = sentences()
    found = list(batches(x, np.arange(50), 8, by_length=True, shuffle=shuffle, rng=0))
    assert sorted(np.concatenate([y for _, y in found])) == list(range(50))
    for rows, y in found:
        np.testing.assert_array_equal(rows.lengths, x.lengths[y])
        for row, length, i in zip(rows.x, rows.lengths, y, strict=True):
            assert set(row[:length]) <= {i}


def test_by_length_a_batch_ends_with_its_longest_row_and_no_row_fits_between_two_batches():
    found = [rows for rows, _ in batches(sentences(), np.arange(50), 8, by_length=True, rng=0)]
    assert all(rows.shape[1] == max(1, rows.lengths.max()) for rows in found)
    spans = sorted((rows.lengths.min(), rows.lengths.max()) for rows in found)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))
    assert sum(rows.x.size for rows in found) < 1.3 * sum(sentences().lengths)


def test_by_length_the_order_is_random_within_a_length_and_so_is_that_of_the_batches():
    x, rng = padded([[i] * (1 + i % 2) for i in range(40)]), np.random.default_rng(0)
    first, second = ([y.tolist() for _, y in batches(x, np.arange(40), 5, by_length=True, rng=rng)] for _ in range(2))
    assert sorted(map(sorted, first)) != sorted(map(sorted, second))
    assert [y[0] % 2 for y in first] != sorted(y[0] % 2 for y in first)
    again = [y.tolist() for _, y in batches(x, np.arange(40), 5, by_length=True, rng=np.random.default_rng(0))]
    assert again == first


def test_by_length_drop_last_leaves_out_any_row_and_not_the_longest():
    x = sentences()
    found = [list(batches(x, np.arange(50), 8, by_length=True, drop_last=True, rng=seed)) for seed in range(60)]
    assert all([len(y) for _, y in each] == [8] * 6 for each in found)
    left_out = [set(range(50)) - set(np.concatenate([y for _, y in each])) for each in found]
    assert len(set().union(*left_out)) > 40  # 120 draws of 50


def test_by_length_targets_with_lengths_are_cut_too_and_the_gradient_is_that_without():
    x = sentences(6)
    y = Padded(x.x % 3, x.lengths)
    model, loss = Sequential([Embedding(6, 4), LSTM(4, 5), Dense(5, 3)], dtype=np.float64, rng=0), SoftmaxCrossEntropy()
    gradients = []
    for x_batch, y_batch in [(x, y), *batches(x, y, 6, by_length=True, rng=0)]:
        loss.forward(model.forward(x_batch), y_batch)
        model.backward(loss.backward())
        gradients.append(model.gradients.copy())
    np.testing.assert_allclose(gradients[1], gradients[0], rtol=1e-11, atol=1e-14)
    x_batch, y_batch = next(batches(x, y, 2, by_length=True, shuffle=False))
    assert x_batch.shape == y_batch.shape == (2, max(1, np.sort(x.lengths)[1]))


def test_by_length_a_dict_goes_by_the_longest_of_its_rows():
    x = {"read": padded([[1], [1, 1, 1], [1]]), "said": padded([[2, 2], [2], [2] * 5]), "flag": np.arange(3)}
    found = list(batches(x, np.arange(3), 1, by_length=True, shuffle=False))
    assert [int(y[0]) for _, y in found] == [0, 1, 2]  # of 2, 3 and 5
    assert [(rows["read"].shape[1], rows["said"].shape[1], rows["flag"].shape) for rows, _ in found] == [
        (1, 2, (1,)),
        (3, 1, (1,)),
        (1, 5, (1,)),
    ]


def test_by_length_without_lengths_is_refused():
    with pytest.raises(
        TypeError, match=r"^batches: x must be Padded, or a dict that holds one, where by_length is True, "
    ):
        batches(*rows(), 2, by_length=True)
