"""The walk over long vectors."""

import threading

import numpy as np
import pytest

from optimizers import blocks, ranges


@pytest.fixture
def three_threads(monkeypatch):
    monkeypatch.setattr(blocks, "LONG", 0)
    monkeypatch.setattr(blocks, "THREADS", 3)


@pytest.mark.parametrize(("start", "stop"), [(0, 0), (0, 1), (0, 7), (0, 8), (5, 50), (7, 14)])
def test_blocks_cover_the_stretch_in_order(start, stop, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 7)
    cut = list(blocks.cut(start, stop))
    covered = [i for here in cut for i in range(here.start, here.stop)]
    assert covered == list(range(start, stop))
    assert all(1 <= here.stop - here.start <= 7 for here in cut)


def test_short_vectors_are_walked_by_the_caller_alone():
    seen = []
    blocks.walk(lambda some: seen.append((list(some), threading.current_thread())), [1, 2, 3], blocks.LONG - 1)
    assert seen == [([1, 2, 3], threading.current_thread())]


def test_threads_take_each_block_once(three_threads):
    taken = []
    blocks.walk(lambda some, start: taken.extend(start + i for i in some), range(1000), 1000, 5)
    assert sorted(taken) == list(range(5, 1005))


def test_no_thread_is_left_behind(three_threads):
    before = threading.active_count()
    blocks.walk(lambda some: list(some), range(100), 100)
    assert threading.active_count() == before


@pytest.mark.parametrize("where", ["the caller", "another thread"])
def test_an_error_in_any_thread_comes_through(three_threads, where):
    met = threading.Barrier(3)  # each of the three has taken a block

    def work(some):
        next(some)
        met.wait(timeout=10)
        if (threading.current_thread() is threading.main_thread()) == (where == "the caller"):
            raise KeyError("lost")

    with pytest.raises(KeyError, match="lost"):
        blocks.walk(work, range(100), 100)


def test_threads_heed_errstate(three_threads):
    big = np.full(3, 1e308)

    def work(some):
        for _ in some:
            big * 10

    with np.errstate(over="ignore"):
        blocks.walk(work, range(100), 100)
    with np.errstate(over="raise"), pytest.raises(FloatingPointError, match="overflow"):
        blocks.walk(work, range(100), 100)


@pytest.mark.parametrize(
    ("vector", "expected"),
    [
        ([], 0.0),
        ([0.0, 0.0], 0.0),
        ([3.0, 4.0], 5.0),
        ([3e250, 4e250], 5e250),
        ([3e-250, 4e-250], 5e-250),
        ([1e-250, 1.0], 1.0),
        ([np.inf, 1.0], np.inf),
        ([-np.inf, 1.0], np.inf),
        ([1e308] * 4, np.inf),
    ],
)
def test_norm(vector, expected):
    vector = np.array(vector)
    assert ranges.norm(vector, list(blocks.cut(0, vector.size))) == pytest.approx(expected, rel=1e-15, abs=0)


@pytest.mark.parametrize("vector", [[np.nan, 1.0], [1.0, np.nan], [np.nan, np.inf], [1e300, np.nan]])
def test_norm_of_nan_is_not_finite(vector, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 1)
    assert not np.isfinite(ranges.norm(np.array(vector), list(blocks.cut(0, 2))))
