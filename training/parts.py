"""The parts of a batch: how it is cut, what its parts count, and how what they have come to is put together again."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from layers.contract import Padded
from losses.loss import NothingCounts

from .protocols import LossLike
from .scores import anything_counts, divisor_of, is_sum
from .sources import Batch


def parts_of(who: str, batch: Batch, k: int) -> Iterator[tuple[int, Batch]]:
    """Yield (first row, part) of k contiguous parts of a batch; the first ones have the row more, empty ones are none.

    Examples
    --------
    >>> [(row, x) for row, (x, y) in parts_of("fit", (np.arange(5), np.arange(5)), 3)]
    [(0, array([0, 1])), (2, array([2, 3])), (4, array([4]))]
    """
    counts = [n_rows(who, array) for array in batch]
    if len(set(counts)) > 1:
        raise ValueError(f"{who}: x and its targets must have the same length, to be cut in parts, got {counts}")
    size, more = divmod(counts[0], k)
    start = 0
    for i in range(min(k, counts[0])):
        stop = start + size + (i < more)
        yield start, tuple(rows_at(array, slice(start, stop)) for array in batch)
        start = stop


class Sums:
    """The loss of the parts that came, added up, and what to divide it by."""

    def __init__(self, loss: LossLike) -> None:
        self.loss, self.value, self.divisor, self.n_counted = loss, 0.0, 0.0, 0
        self._refusal: NothingCounts | None = None

    def add(self, predictions: Any, y: Any, sample_weights: Any = None) -> float:
        """Count a part; return what to multiply its gradient by to have that of a sum, 0 where nothing in it counts."""
        if sample_weights is not None and not np.any(sample_weights):
            return 0.0
        if not anything_counts(self.loss, predictions, y):
            return 0.0
        weights = () if sample_weights is None else (sample_weights,)
        try:
            value = float(self.loss.forward(predictions, y, *weights))
        except NothingCounts as refusal:  # classes that weigh nothing
            self._refusal = refusal
            return 0.0
        divisor = 1.0 if is_sum(self.loss) else divisor_of(self.loss, predictions, *weights)
        self.value += value * divisor
        self.divisor += divisor
        self.n_counted += 1
        return divisor

    def told(self) -> tuple[float, float, int, NothingCounts | None]:
        """Return what has been counted, without the loss, to be sent to where there is one."""
        return self.value, self.divisor, self.n_counted, self._refusal

    @classmethod
    def of(cls, loss: LossLike, told: tuple[float, float, int, NothingCounts | None]) -> Sums:
        """Return what another one has told."""
        sums = cls(loss)
        sums.value, sums.divisor, sums.n_counted, sums._refusal = told
        return sums

    def join(self, other: Sums) -> None:
        """Add what another one has counted."""
        self.value += other.value
        self.divisor += other.divisor
        self.n_counted += other.n_counted
        self._refusal = self._refusal or other._refusal

    @property
    def counts(self) -> bool:
        """Whether there was anything that counts; raise where the loss itself refused all there was."""
        if not self.n_counted and self._refusal is not None:
            raise self._refusal
        return self.n_counted > 0

    @property
    def mean(self) -> float:
        """The loss of the whole, as the loss would give it: a mean or a sum."""
        return self.value if is_sum(self.loss) else self.value / self.divisor


def joined(parts: list[Any]) -> Any:
    """Return the predictions of parts as those of the whole.

    Examples
    --------
    >>> joined([np.zeros((2, 3)), np.zeros((1, 3))]).shape
    (3, 3)
    """
    if len(parts) == 1:
        return parts[0]
    if isinstance(parts[0], Padded):
        return Padded(np.concatenate([part.x for part in parts]), np.concatenate([part.lengths for part in parts]))
    if isinstance(parts[0], tuple):
        return tuple(joined(list(each)) for each in zip(*parts, strict=True))
    if isinstance(parts[0], Mapping):
        return {name: joined([part[name] for part in parts]) for name in parts[0]}
    return np.concatenate(parts)


def n_rows(who: str, array: Any) -> int:
    """Return how many rows an array has, or a dict of arrays; raise where it cannot be cut."""
    first = next(iter(array.values()), ()) if isinstance(array, Mapping) else array
    if not hasattr(first, "__len__") or np.ndim(getattr(first, "x", first)) == 0:
        raise TypeError(f"{who}: a batch must be made of arrays to be cut in parts, got {type(array).__name__}")
    return len(first)


def rows_at(array: Any, here: slice) -> Any:
    """Return these rows of an array, or of each of a dict of arrays.

    Examples
    --------
    >>> rows_at({"u": np.arange(3), "v": np.arange(3) * 10}, slice(1, 3))
    {'u': array([1, 2]), 'v': array([10, 20])}
    """
    if isinstance(array, Mapping):
        return {name: value[here] for name, value in array.items()}
    return array[here]


def fingerprint(batch: Any) -> int:
    """Return a number that is another one, as good as surely, for another batch: of the first and last of its rows."""
    found, waiting = 0, [batch]
    while waiting:
        each = waiting.pop()
        if isinstance(each, Mapping):
            waiting += each.values()
        elif isinstance(each, tuple | list):
            waiting += each
        elif hasattr(each, "lengths"):
            waiting += [each.x, each.lengths]
        else:
            array = np.asarray(each)
            ends = array[[0, -1]] if array.ndim and len(array) else array
            found = zlib.crc32(f"{array.shape}".encode() + ends.tobytes()[: 1 << 12], found)
    return found
