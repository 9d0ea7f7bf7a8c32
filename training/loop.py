"""The loop that every training script contains, with the callbacks and the history in it."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from .augmentation import Transform, rng_of_epoch, transformed
from .callbacks import VALIDATION, Hooks
from .inspection import applied_twice, gives_probabilities
from .interruption import Buffers, Interruption
from .parallel import InTurn, predict_in_parts, train_in_parts
from .protocols import LossLike, Model
from .replacement import Path
from .run import Run
from .scores import Named, Scores, anything_counts, divisor_of
from .snapshot import noises_of
from .sources import Batch, Source

ONE = InTurn(1)


class Loop:
    """The epochs of a training: each a pass over the data, then over the validation data, and a row of the history.

    It alone writes into the `Run` where training stands, and reads back what a callback may change.

    Parameters
    ----------
    run : Run
    hooks : Hooks
        Of the callbacks that the run is shown to.
    data, held_out : Source
        What to train on and, if anything, what to validate on.
    metrics : dict of str to callable
    shuffle : bool
        Whether `run.rng` shuffles the data.
    parts : InTurn
        In how many parts a batch is computed, and how.
    drop_last : bool
        Whether a batch to train on that is smaller than the others is left out.
    measure_first : bool
        Whether the history has a row 0, the network before training.
    transform : callable, optional
        What a batch goes through before the network trains on it.
    interruption : Interruption
        Ctrl-C, which ends the training between two batches.
    """

    def __init__(
        self,
        run: Run,
        hooks: Hooks,
        data: Source,
        held_out: Source | None,
        metrics: Named,
        *,
        shuffle: bool,
        parts: InTurn,
        drop_last: bool = False,
        measure_first: bool = True,
        transform: Transform | None = None,
        interruption: Interruption,
    ) -> None:
        self.run, self.hooks, self.data, self.held_out, self.metrics = run, hooks, data, held_out, metrics
        self.order = run.rng if shuffle else None
        self.parts, self.drop_last, self.interruption = parts, drop_last, interruption
        self.measure_first, self.transform, self.begun = measure_first, transform, False
        self.doubtful = not applied_twice(run.model, run.loss)  # else somebody has been warned

    def train(self, checkpoint: Path | None) -> None:
        """Go through the epochs that are left, with a checkpoint after each."""
        run, call = self.run, self.hooks.call
        if not run.history and self.measure_first:
            self._look_before()
        self.hooks.check_monitors(run.history.names or self._names())
        self.begun = True
        call("on_train_begin", run)
        run.record.close()
        while run.epoch < run.epochs and not run.stopped:
            start = time.perf_counter()
            run.epoch += 1
            call("on_epoch_begin", run)
            rate = _rate(run)
            with self.parts.begun(run.model):
                numbers = self._train_epoch()
                run.note(self._row(numbers, rate, start))
            call("on_epoch_end", run)
            run.record.close()
            if checkpoint is not None:
                run.save(checkpoint)
            self.parts.end_epoch(run)

    def _train_epoch(self) -> dict[str, float]:
        """For each batch: forward, loss, backward, step. Return the numbers of the epoch."""
        run, call = self.run, self.hooks.call
        model, loss, optimizer = run.model, run.loss, run.optimizer
        scores, norms = Scores(loss, self.metrics), []
        run.predictions = None
        noises = noises_of(model).values() if hasattr(optimizer, "steps") else ()
        buffers = Buffers(model)
        rng = rng_of_epoch(run.rng, run.epoch) if self.transform is not None else run.rng
        for i, batch in enumerate(self.interruption.between(self.data.batches(self.order, drop_last=self.drop_last))):
            run.batch_index, run.batch = i, batch
            if self.transform is not None:
                run.batch = transformed("fit", self.transform, batch, rng)
            call("on_batch_begin", run)
            for noise in noises:  # whatever else has gone forward since
                noise.place(optimizer.steps)
            before = buffers.now()
            try:
                divisor = self._backward()
                if divisor is None:
                    continue
                call("on_backward_end", run)
                _, *targets = run.batch
                predictions, batch_loss = run.predictions, run.batch_loss
                optimizer.step(model)
            except BaseException:
                buffers.put(before)  # a step that was not made moves no running mean
                raise
            call("on_batch_end", run)
            scores.add(batch_loss, predictions, *targets, divisor=divisor)
            norms.append(getattr(optimizer, "gradient_norm", None))
        run.n_batches = run.batch_index + 1  # of a generator nobody knew
        numbers, found = scores.result(), [norm for norm in norms if norm is not None]
        if found:
            numbers["gradient_norm"] = float(np.mean(found))
        return numbers

    def _backward(self) -> float | None:
        """Set the gradients of the batch; return what its loss divided by, None if nothing in it counts."""
        run, model, loss = self.run, self.run.model, self.run.loss
        if self.parts.n > 1:
            sums = train_in_parts(run, self.parts)
            return None if sums is None else sums.divisor
        x, *targets = run.batch  # or what a callback has put in its place
        run.predictions = predictions = model.forward(x)
        self._doubt(predictions, depth=8)
        if not anything_counts(loss, predictions, targets[0]):
            return None
        run.batch_loss = loss.forward(predictions, *targets)
        model.backward(loss.backward(), input_gradient=False)
        return divisor_of(loss, predictions, *targets[1:])

    def _look_before(self) -> None:
        """Make row 0 of the history, the network before training."""
        run, start, state = self.run, time.perf_counter(), self.run.rng.bit_generator.state
        rate, unknown = _rate(run), dict.fromkeys(("loss", *self.metrics), math.nan)
        # what comes once is for epoch 1
        with self.parts.begun(run.model):
            numbers = unknown if self.data.once else self._measure(self.data)
            run.note(self._row(numbers, rate, start))
        run.rng.bit_generator.state = state  # the first epoch is shuffled as if nobody had looked

    def _row(self, numbers: dict[str, float], rate: float, start: float) -> dict[str, float]:
        """Return a row of the history: the numbers of the epoch, those of the validation, rate and seconds."""
        row = {"epoch": self.run.epoch, **numbers}
        if self.held_out is not None:
            row |= {VALIDATION + name: value for name, value in self._measure(self.held_out).items()}
        row["learning_rate"] = rate
        row["seconds"] = self.parts.of_first(lambda: time.perf_counter() - start)
        return row

    def _measure(self, source: Source) -> dict[str, float]:
        run = self.run
        return measure(run.model, run.loss, self._shown(source), self.metrics, self.parts, self._doubt)

    def _doubt(self, predictions: Any, depth: int = 9) -> None:
        """Look at the predictions of the first batch: are they probabilities where logits belong?

        `depth` is how far up the stack is the line that called `fit`, of which the warning is.
        """
        if self.doubtful and (twice := gives_probabilities(self.run.loss, predictions)):
            warnings.warn(f"fit: {twice}", stacklevel=depth)
        self.doubtful = False

    def _names(self) -> list[str]:
        """Return the names that every row will have."""
        measured = ["loss", *self.metrics]
        held_out = [VALIDATION + name for name in measured] if self.held_out is not None else []
        return ["epoch", *measured, *held_out, "learning_rate", "seconds"]

    def _shown(self, source: Source) -> Iterator[Batch]:
        """Yield the batches, each in the run: where an error comes up, a callback finds what was being measured."""
        self.run.predictions = None
        self.run.of = " of the validation data" if source is self.held_out else ""
        for i, batch in enumerate(self.interruption.between(source.batches())):
            self.run.batch_index, self.run.batch = i, batch
            yield batch
        self.run.of = ""


def measure(
    model: Model,
    loss: LossLike,
    batches: Iterable[Batch],
    metrics: Named,
    parts: InTurn = ONE,
    look: Callable[[Any], None] | None = None,
) -> dict[str, float]:
    """Return the loss and the metrics over all of the batches, by `predict`, each in so many parts.

    `look` is called with the predictions of each batch that is whole.
    """
    scores = Scores(loss, metrics)
    for batch in batches:
        x, *targets = batch
        if parts.n > 1:
            predictions, sums = predict_in_parts(model, loss, batch, parts)
            if sums.counts:
                scores.add(sums.mean, predictions, *targets, divisor=sums.divisor)
            continue
        predictions = model.predict(x)
        if look is not None:
            look(predictions)
        if anything_counts(loss, predictions, targets[0]):
            scores.add(loss.forward(predictions, *targets), predictions, *targets)
    return scores.result()


def _rate(run: Run) -> float:
    """Return the learning rate of the step to come; NaN where the optimizer does not say."""
    return float(run.optimizer.rate()) if hasattr(run.optimizer, "rate") else math.nan
