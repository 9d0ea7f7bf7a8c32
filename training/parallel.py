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
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from layers.contract import Array, checks

from .interruption import Buffers, Interruption
from .parts import Sums, joined, n_rows, parts_of, rows_at
from .protocols import LossLike, Model
from .run import Run
from .scores import is_sum
from .snapshot import noises_of
from .sources import Batch

T = TypeVar("T")


class Done(NamedTuple):
    """What one part has come to: its predictions, its loss, and its gradients, in memory that may be used again."""

    predictions: Any
    sums: Sums
    gradients: Array
    n_examples: int
    buffers: list[Array]


def step_of(run: Run, model: Model, loss: LossLike, part: Batch, buffers: Buffers) -> Done:
    """Go forward and back with a part; its gradients are those of a sum, in the memory of the model."""
    x, *targets = part
    predictions = model.forward(x)
    try:
        made, sums = buffers.now(), Sums(loss)
        factor = sums.add(predictions, *targets)
        if factor:
            dpredictions = loss.backward()
            model.backward(dpredictions if factor == 1 else dpredictions * factor, input_gradient=False)
    except Exception:
        run.predictions = predictions  # where the reason may be seen
        raise
    return Done(predictions, sums, model.gradients, n_rows("fit", x), made)


class InTurn:
    """The parts of a batch one after the other, in the memory of one.

    Other ways to compute them, `Threads` and `Processes`, have these methods too. Most of them are for processes, which
    have to agree on what one process knows anyway.

    Attributes
    ----------
    n : int
        How many parts.
    rank : int
        Which process this is: files and lines are those of 0.
    over : bool
        Whether an error of another process has ended this one's training.
    gathers : bool
        Whether anybody looks at the predictions of the whole batch.
    """

    rank = 0
    over = False
    gathers = True

    def __init__(self, n: int = 1) -> None:
        self.n = n

    # ---- a training ----------------------------------------------------------------------------------------------

    def together(self) -> contextlib.AbstractContextManager[Any]:
        """Be ready for a training or a measurement, in a `with` around all of it."""
        return contextlib.nullcontext()

    def of_first(self, make: Callable[[], T]) -> T:
        """Return what the first process makes."""
        return make()

    def begin_alike(self, run: Run) -> None:
        """Let all begin where the first process stands."""

    def stops(self, interruption: Interruption) -> bool:
        """Return whether to stop before the next batch, since Ctrl-C was pressed."""
        return interruption.pressed

    def end_epoch(self, run: Run) -> None:
        """See that all have come to the same."""

    def end(self) -> None:
        """Wait until all have come to the end."""

    # ---- a batch -------------------------------------------------------------------------------------------------

    def begun(self, model: Model) -> contextlib.AbstractContextManager[Any]:
        """Be ready for the steps of an epoch, in a `with`."""
        return contextlib.nullcontext()

    def steps(
        self, run: Run, parts: Sequence[tuple[int, Batch]], before: list[Array]
    ) -> tuple[list[Done], Array | None]:
        """Return what each part has come to, in order, and the sum of their gradients, None if nothing counts.

        They begin with the buffers as they were before the step.
        """
        buffers, places = Buffers(run.model), Places(run.model)
        found: list[Done] = []
        total: Array | None = None
        try:
            for row, part in parts:
                places.begin(row)
                buffers.put(before)
                found.append(step_of(run, run.model, run.loss, part, buffers))
                total = added(total, found[-1])
        finally:
            places.end()
        return found, total

    def measured(self, model: Model, loss: LossLike, parts: Sequence[Batch]) -> Iterator[tuple[Any, Sums]]:
        """Yield predictions and loss of each part, in order."""
        for part in parts:
            yield measure_of(model, loss, part)

    def predict(self, model: Model, x: Any, *, batch_size: int = 256) -> Any:
        """Return `model.predict(x)`, made a batch at a time, each batch whole in one thread or process: the same bits.

        x is an array, a `Padded`, or a dict of them; batch_size is how many rows a batch has.
        """
        who = type(self).__name__
        checks.whole(who, "batch_size", batch_size)
        n = n_rows(who, x)
        batches = [rows_at(x, slice(start, start + batch_size)) for start in range(0, n, batch_size)]
        with self.together(), self.begun(model):
            return joined(self.predictions(model, batches)) if batches else model.predict(x)

    def predictions(self, model: Model, batches: Sequence[Any]) -> list[Any]:
        """Return the predictions for several batches, in order."""
        return [model.predict(x) for x in batches]


def added(total: Array | None, done: Done) -> Array | None:
    """Return the sum of the gradients, with those of one part more, if anything in it counts."""
    if not done.sums.n_counted:
        return total
    if total is None:
        return done.gradients.copy()
    total += done.gradients
    return total


def measure_of(model: Model, loss: LossLike, part: Batch) -> tuple[Any, Sums]:
    """Return the predictions for a part and their loss."""
    x, *targets = part
    return counted(loss, model.predict(x), targets)


def counted(loss: LossLike, predictions: Any, targets: Sequence[Any]) -> tuple[Any, Sums]:
    """Return predictions with their loss."""
    sums = Sums(loss)
    sums.add(predictions, *targets)
    return predictions, sums


def as_parts(who: str, parts: Any) -> InTurn:
    """Return parts as an object: itself, or for a number so many in turn."""
    return parts if isinstance(parts, InTurn) else InTurn(checks.whole(who, "parts", parts))


def train_in_parts(run: Run, parts: InTurn) -> Sums | None:
    """Set the gradients of `run.batch`, and predictions and loss of the run; return None if nothing counts."""
    sums, buffers = Sums(run.loss), Buffers(run.model)
    found, total = parts.steps(run, list(parts_of("fit", run.batch, parts.n)), buffers.now())
    for done in found:
        sums.join(done.sums)
    put_mean(buffers, found)
    if parts.gathers:
        run.predictions = joined([done.predictions for done in found])
    if not sums.counts or total is None:
        return None
    np.divide(total, 1.0 if is_sum(run.loss) else sums.divisor, out=run.model.gradients)
    run.batch_loss = sums.mean
    return sums


def predict_in_parts(model: Model, loss: LossLike, batch: Batch, parts: InTurn) -> tuple[Any, Sums]:
    """Return the predictions for a batch, made part by part, if anybody looks at them, and the sums of their loss."""
    sums, found = Sums(loss), []
    for predictions, own in parts.measured(model, loss, [part for _, part in parts_of("evaluate", batch, parts.n)]):
        found.append(predictions)
        sums.join(own)
    return joined(found) if parts.gathers else None, sums


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
