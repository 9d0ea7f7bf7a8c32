"""A batch in parts, one after the other: what the whole batch would give, at the memory of one part.

    batch (N)     cut into    part 0 | part 1 | ... | part k - 1      sizes that differ by one at most
    each part     forward, loss, backward of the loss as a sum        value_i, gradients_i, divisor_i
    together      gradients = (gradients_0 + gradients_1 + ...) / (divisor_0 + divisor_1 + ...)

The divisor is what the mean of the loss divides by: a number of predictions, or the sum of their weights. Means of
means would be wrong wherever parts are unequal; sums of sums are not. The noise of a part is that of its rows in the
whole. What belongs to a part alone are the statistics of a `BatchNorm`, which sees no more than its part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from layers.contract import Array, Padded
from losses.loss import NothingCounts

from .interruption import Buffers
from .protocols import LossLike, Model
from .run import Run
from .scores import anything_counts, divisor_of, is_sum
from .snapshot import noises_of
from .sources import Batch


def parts_of(who: str, batch: Batch, k: int) -> Iterator[tuple[int, Batch]]:
    """Yield (first row, part) of k contiguous parts of a batch; the first ones have the row more, empty ones are none.

    Examples
    --------
    >>> [(row, x) for row, (x, y) in parts_of("fit", (np.arange(5), np.arange(5)), 3)]
    [(0, array([0, 1])), (2, array([2, 3])), (4, array([4]))]
    """
    counts = [_n_rows(who, array) for array in batch]
    if len(set(counts)) > 1:
        raise ValueError(f"{who}: x and its targets must have the same length, to be cut in parts, got {counts}")
    size, more = divmod(counts[0], k)
    start = 0
    for i in range(min(k, counts[0])):
        stop = start + size + (i < more)
        yield start, tuple(_rows(array, slice(start, stop)) for array in batch)
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


def train_in_parts(run: Run, k: int) -> Sums | None:
    """Set the gradients of `run.batch`, and predictions and loss of the run; return None if nothing counts."""
    model, loss = run.model, run.loss
    sums, places, shares = Sums(loss), Places(model), Shares(model)
    total: Array | None = None
    found = []
    try:
        for row, (x, *targets) in parts_of("fit", run.batch, k):
            places.begin(row)
            shares.begin()
            run.predictions = predictions = model.forward(x)
            shares.keep(_n_rows("fit", x))
            found.append(predictions)
            factor = sums.add(predictions, *targets)
            if factor:
                dpredictions = loss.backward()
                model.backward(dpredictions if factor == 1 else dpredictions * factor, input_gradient=False)
                if total is None:
                    total = model.gradients.copy()
                else:
                    total += model.gradients
    finally:
        places.end()
    shares.end()
    run.predictions = joined(found)
    if not sums.counts or total is None:
        return None
    np.divide(total, 1.0 if is_sum(loss) else sums.divisor, out=model.gradients)
    run.batch_loss = sums.mean
    return sums


def predict_in_parts(model: Model, loss: LossLike, batch: Batch, k: int) -> tuple[Any, Sums]:
    """Return the predictions for a batch, made part after part, and the sums of their loss."""
    sums, found = Sums(loss), []
    for _, (x, *targets) in parts_of("evaluate", batch, k):
        found.append(model.predict(x))
        sums.add(found[-1], *targets)
    return joined(found), sums


class Places:
    """Where the noises of a model are in the whole batch, and where they have to be for a part of it."""

    def __init__(self, model: Model) -> None:
        self._noises = [(noise, noise.step, noise.n_draws) for noise in noises_of(model).values()]

    def begin(self, row: int) -> None:
        """Let all draw what the whole batch has from this row on."""
        for noise, step, n_draws in self._noises:
            noise.step, noise.n_draws, noise.row = step, n_draws, row

    def end(self) -> None:
        """Let what comes next be a whole batch again."""
        for noise, _, _ in self._noises:
            noise.row = 0


class Shares:
    """What each part makes of the buffers: each begins with those before the step.

    After the step they are the mean of what the parts have made of them, weighted by their examples.
    """

    def __init__(self, model: Any) -> None:
        self._buffers = Buffers(model)
        self._before = self._buffers.now()
        self._made: list[tuple[int, list[Array]]] = []

    def begin(self) -> None:
        """Put all back to where they were before the step."""
        self._buffers.put(self._before)

    def keep(self, n_examples: int) -> None:
        """Note what a part of so many examples has made of them."""
        self._made.append((n_examples, self._buffers.now()))

    def end(self) -> None:
        """Put all to the mean of the parts, added up in their order."""
        n_examples = sum(n for n, _ in self._made)
        shares = [n / n_examples for n, _ in self._made]
        self._buffers.put([_mean(shares, list(made)) for made in zip(*(made for _, made in self._made), strict=True)])


def _mean(shares: list[float], arrays: list[Array]) -> Array:
    """Return the mean, in float64 on the way; that of equal arrays is what they are."""
    first, *others = arrays
    if all(np.array_equal(first, other, equal_nan=True) for other in others):
        return first
    total = shares[0] * first.astype(np.float64)
    for share, other in zip(shares[1:], others, strict=True):
        total += share * other
    return total.astype(first.dtype)


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
    if isinstance(parts[0], Mapping):
        return {name: joined([part[name] for part in parts]) for name in parts[0]}
    return np.concatenate(parts)


def _n_rows(who: str, array: Any) -> int:
    first = next(iter(array.values()), ()) if isinstance(array, Mapping) else array
    if not hasattr(first, "__len__") or np.ndim(getattr(first, "x", first)) == 0:
        raise TypeError(f"{who}: a batch must be made of arrays to be cut in parts, got {type(array).__name__}")
    return len(first)


def _rows(array: Any, here: slice) -> Any:
    if isinstance(array, Mapping):
        return {name: value[here] for name, value in array.items()}
    return array[here]
