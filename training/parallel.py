"""A batch in parts, one after the other: what the whole batch would give, at the memory of one part.

    batch (N)     cut into    part 0 | part 1 | ... | part k - 1      sizes that differ by one at most
    each part     forward, loss, backward of the loss as a sum        value_i, gradients_i, divisor_i
    together      gradients = (gradients_0 + gradients_1 + ...) / (divisor_0 + divisor_1 + ...)

The divisor is what the mean of the loss divides by: a number of predictions, or the sum of their weights. Means of
means would be wrong wherever parts are unequal; sums of sums are not. The noise of a part is that of its rows in the
whole. What belongs to a part alone are the statistics of a `BatchNorm`, which sees no more than its part.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from layers.contract import Array, Padded, checks
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


class Done(NamedTuple):
    """What one part has come to: its predictions, its loss, and its gradients if anything in it counts."""

    predictions: Any
    sums: Sums
    gradients: Array | None
    n_examples: int
    buffers: list[Array]


def step_of(model: Model, loss: LossLike, part: Batch, buffers: Buffers) -> Done:
    """Go forward and back with a part; its gradients are those of a sum, in the memory of the model."""
    x, *targets = part
    predictions = model.forward(x)
    made, sums = buffers.now(), Sums(loss)
    factor = sums.add(predictions, *targets)
    if factor:
        dpredictions = loss.backward()
        model.backward(dpredictions if factor == 1 else dpredictions * factor, input_gradient=False)
    return Done(predictions, sums, model.gradients if factor else None, _n_rows("fit", x), made)


class InTurn:
    """The parts of a batch one after the other, in the memory of one.

    Another way to compute them, such as `Threads`, has these methods too.
    """

    def __init__(self, n: int = 1) -> None:
        self.n = n

    def begun(self, model: Model) -> contextlib.AbstractContextManager[Any]:
        """Be ready for the steps of an epoch, in a `with`."""
        return contextlib.nullcontext()

    def steps(self, run: Run, parts: Sequence[tuple[int, Batch]], before: list[Array]) -> Iterator[Done]:
        """Yield what each part has come to, in order, given the buffers as they were before the step."""
        buffers, places = Buffers(run.model), Places(run.model)
        try:
            for row, part in parts:
                places.begin(row)
                buffers.put(before)
                yield step_of(run.model, run.loss, part, buffers)
        finally:
            places.end()

    def predictions(self, model: Model, parts: Sequence[Batch]) -> Iterator[Any]:
        """Yield the predictions for each part, in order."""
        for x, *_ in parts:
            yield model.predict(x)


def as_parts(who: str, parts: Any) -> InTurn:
    """Return parts as an object: itself, or for a number so many in turn."""
    return parts if isinstance(parts, InTurn) else InTurn(checks.whole(who, "parts", parts))


def train_in_parts(run: Run, parts: InTurn) -> Sums | None:
    """Set the gradients of `run.batch`, and predictions and loss of the run; return None if nothing counts."""
    sums, buffers = Sums(run.loss), Buffers(run.model)
    total: Array | None = None
    found: list[Done] = []
    for done in parts.steps(run, list(parts_of("fit", run.batch, parts.n)), buffers.now()):
        run.predictions = done.predictions
        sums.join(done.sums)
        if done.gradients is not None:
            if total is None:
                total = done.gradients.copy()
            else:
                total += done.gradients
        found.append(done._replace(gradients=None))
    put_mean(buffers, found)
    run.predictions = joined([done.predictions for done in found])
    if not sums.counts or total is None:
        return None
    np.divide(total, 1.0 if is_sum(run.loss) else sums.divisor, out=run.model.gradients)
    run.batch_loss = sums.mean
    return sums


def predict_in_parts(model: Model, loss: LossLike, batch: Batch, parts: InTurn) -> tuple[Any, Sums]:
    """Return the predictions for a batch, made part by part, and the sums of their loss."""
    sums, found = Sums(loss), []
    pieces = [part for _, part in parts_of("evaluate", batch, parts.n)]
    for (_, *targets), predictions in zip(pieces, parts.predictions(model, pieces), strict=True):
        found.append(predictions)
        sums.add(predictions, *targets)
    return joined(found), sums


def put_mean(buffers: Buffers, found: Sequence[Done]) -> None:
    """Make the buffers the mean of what the parts have made of them, weighted by their examples, in their order."""
    n_examples = sum(done.n_examples for done in found)
    shares = [done.n_examples / n_examples for done in found]
    buffers.put([_mean(shares, list(made)) for made in zip(*(done.buffers for done in found), strict=True)])


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
