"""What rounding makes of out and of the gradients: measured, by moving every number by its last digits."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..contract import Array

TRIALS = 6
MOVE = 16 * np.finfo(np.float64).eps  # relative: well above one rounding, many of which may agree in their sign
DIGITS = 12  # bits of a number that is still simple: a count, a half, a few of them added up


def measured(run: Callable[[], list[Array]], arrays: Sequence[Array]) -> tuple[list[Array], list[bool]]:
    """Return how far each number of what `run` returns is from itself, when all arrays move by their last digits.

    The result of a sound computation is the exact one of numbers that differ from the given ones in their last
    digits; so the differences between such runs are as large as its error. The second result tells which arrays
    float32 represents exactly in all the runs, although they are not made of simple numbers.
    """
    rng = np.random.default_rng(0)
    results = run()
    farthest = [np.asarray(np.finfo(np.float64).eps * np.abs(result)) for result in results]
    singles = [is_single(result) for result in results]
    befores = [array.copy() for array in arrays]
    for _ in range(TRIALS):
        for array in arrays:
            array *= 1 + MOVE * rng.choice([-1.0, 1.0], array.shape)
        try:
            for i, result in enumerate(run()):
                np.maximum(farthest[i], np.abs(result - results[i]), out=farthest[i])
                singles[i] = singles[i] and is_single(result)
        except ValueError:
            pass  # out of what forward takes, at the end of its range
        finally:
            for array, before in zip(arrays, befores, strict=True):
                array[...] = before
    sizes = [float(np.abs(result).max(initial=0.0)) for result in results]
    for i, (each, size) in enumerate(zip(farthest, sizes, strict=True)):
        if singles[i] and np.median(each) > 1e-9 * size:
            singles[i] = False  # nothing but rounding, which has few digits
    for each, size in zip(farthest, sizes, strict=True):
        # A jump is no rounding: a tie between two numbers, broken now this way, now that way. But where a whole array
        # should be zero, rounding is all there is.
        if size > 1e-9 * max(sizes):
            each[each > 1e-3 * size] = 0.0
    return farthest, singles


def is_single(array: Array) -> bool:
    """Return whether float32 represents every number exactly, and some of them is not simple.

    Examples
    --------
    >>> is_single(np.float64([0.5, 3])), is_single(np.float64([0.1])), is_single(np.float64(np.float32([0.1])))
    (False, False, True)
    """
    array = np.asarray(array)
    if array.dtype != np.float64:
        return array.dtype.kind == "f"
    first = array.reshape(-1)[:1]
    with np.errstate(all="ignore"):
        if not np.array_equal(first, first.astype(np.float32)) or not np.array_equal(array, array.astype(np.float32)):
            return False
    digits = np.frexp(array)[0] * 2.0**DIGITS
    return bool(np.any(digits != np.rint(digits)))


def rounds_to_single(run: Callable[[], Array], array: Array) -> bool:
    """Return whether `run` is blind to the digits of an array that float32 does not have."""
    rng = np.random.default_rng(0)
    before, noise = array.copy(), rng.uniform(0.5, 1.0, array.shape) * rng.choice([-1.0, 1.0], array.shape)
    out, moved = run(), []
    try:
        for size in (1e-12, 1e-4):
            array[...] = before * (1 + size * noise)
            moved.append(run() != out)
    except ValueError:
        return False
    finally:
        array[...] = before
    fine, coarse = moved
    return bool(np.any(coarse)) and float(np.mean(fine[coarse])) < 0.1
