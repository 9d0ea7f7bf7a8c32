"""A training as one call, and the measuring of what came out of it. The loop itself is in `loop`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import ArrayLike

from layers.contract import Rng, checks

from . import beforehand
from .augmentation import Transform, check_transform
from .callbacks import Hooks
from .calls import answering
from .checkpoint import resume as load_to_resume
from .history import History
from .interruption import Interruption, carry
from .loop import Loop, measure
from .parallel import InTurn, as_parts
from .processes import Processes
from .progress import output
from .protocols import LossLike, Model, OptimizerLike, check_parts
from .replacement import Path, check_path
from .run import Run, Seen
from .scores import Metrics, by_name
from .sources import Batches, Source
from .threads import Threads


@answering
def fit(
    model: Model,
    loss: LossLike,
    optimizer: OptimizerLike,
    x: ArrayLike | Mapping[str, ArrayLike] | Batches,
    y: ArrayLike | None = None,
    *,
    epochs: int,
    batch_size: int = 32,
    drop_last: bool = False,
    measure_first: bool = True,
    sample_weights: ArrayLike | None = None,
    validation: tuple[Any, ...] | Batches | None = None,
    transform: Transform | None = None,
    metrics: Metrics = (),
    callbacks: Sequence[object] = (),
    shuffle: bool = True,
    verbose: bool = True,
    progress: bool = False,
    parts: int | Threads | Processes = 1,
    checkpoint: Path | None = None,
    resume: bool = False,
    rng: Rng = None,
) -> History:
    """Train a model: for each batch of each epoch, forward, backward, step. Return the history.

    Epoch 0 of the history is the loss before training, by `predict`. The loss of each other epoch is that of its
    examples as they were trained on, the model still changing; the loss of the validation data comes after. Both are
    exact: what the loss would say about all examples at once, also with weights and a smaller last batch.

    Parameters
    ----------
    model : Layer
        With parameters; a `Sequential`, as a rule.
    loss : Loss
    optimizer : Optimizer
    x : array (N, ...), dict of arrays, data set of examples, or iterable of batches
        An array, memory-mapped if it is larger than memory, is read a batch at a time; so is each of a dict, which has
        the inputs of a `Graph` by their names. Or a data set, an object with `__len__` and `__getitem__` and without
        `__iter__`, that gives (x, y) or (x, y, sample_weight) of one example by its number: it is shuffled and cut into
        batches as an array is. Or an iterable that gives batches (x, y) or (x, y, sample_weights) each time it is gone
        through, or a function that returns one.
        A generator gives its batches once: it will do for one epoch, whose epoch 0 is then NaN.
    y : array (N, ...), optional
        The targets, if x is an array, or several.
    epochs : int
        Training ends after that many epochs, those before a resume included.
    batch_size : int, default 32
        The last batch of an epoch has what is left. Batches that are given as such keep their sizes.
    drop_last : bool, default False
        Do not train on the last batch of an epoch if it is smaller than the others, such as one example behind a
        `BatchNorm`. Shuffled, it has others in each epoch. Epoch 0 is measured on all.
    measure_first : bool, default True
        False leaves out epoch 0, and the time that it takes: the history starts at epoch 1, and so does what is best.
        The epochs are those that they would have been.
    sample_weights : array (N,) or one for each prediction, optional
        A batch whose weights are all zero is left out.
    validation : (x, y) or (x, y, sample_weights), data set, or iterable of batches, optional
        Data to measure the same numbers on, without training.
    transform : callable, optional
        `transform(x, y, rng) -> (x, y)` of a batch before the network trains on it: augmentation. It is given a copy,
        and a stream of random numbers that goes on exactly after a resume. What is only measured, epoch 0 and the
        validation, does not go through it, so that x must keep its dtype and the shape of its examples: what belongs
        to every x, such as a division by 255, belongs into the data.
    metrics : callable, or list or dict of them, optional
        `metric(predictions, y) -> float` of a whole epoch, such as `accuracy`; {"name": callable} names it.
        Sample weights are for the loss alone. Metrics that cannot count batch by batch keep an epoch's predictions.
    callbacks : list of Callback or function, optional
        A plain function is called with the `Run` after every epoch.
    shuffle : bool, default True
        False keeps the order of the examples.
    verbose : bool, default True
        Print a line for each epoch.
    progress : bool, default False
        Show a bar with batches a second and the time left, in a notebook as one of its own; it needs tqdm, the extra
        `progress`.
    parts : int, Threads or Processes, default 1
        Compute each batch in so many parts, one after the other, for the memory of one: the gradients are those of the
        whole batch, up to rounding, and so is the noise. **But a `BatchNorm` takes the statistics of its part**; its
        running ones are then the mean of what the parts have made of them. Nor can a layer of one's own that draws
        from a `Generator`, and not from a `Noise`, know of the whole. Callbacks see the whole batch. `Threads(4)`
        computes four parts at the same time, and gives the same bits; so do four `Processes()`.
    checkpoint : path, optional
        Where everything is saved after each epoch, as by `save`.
    resume : bool, default False
        Go on from the checkpoint, or start if there is none yet. Model, optimizer, callbacks and rng are made as
        for the first run, and take over their states: what follows is bit for bit what would have followed, seconds
        excepted. Batches that are given as such must be the same ones, or be shuffled by the same Generator as rng.
    rng : int or numpy.random.Generator, optional
        Shuffles the examples before each epoch.

    Returns
    -------
    History
        Ctrl-C ends training between two batches, with the history so far; a second one ends it at once, perhaps in the
        middle of a step, by a KeyboardInterrupt that says so.

    Raises
    ------
    ValueError, TypeError
        If the arguments do not fit one another. What can be seen before training is.
    FloatingPointError
        If the network's output is no longer finite.
    CallbackError
        If a callback raises. This and every other error has the epochs so far in its attribute `history`.

    Examples
    --------
    >>> x, y = digits()
    >>> model = Sequential([Dense(64, 32), ReLU(), Dense(32, 10)], rng=0)
    >>> history = fit(model, SoftmaxCrossEntropy(), SGD(0.1, momentum=0.9), x, y, epochs=3, rng=0, verbose=False)
    >>> history.epoch, history.loss[0] > 2.3 > 0.2 > history.loss[3]
    ([0, 1, 2, 3], True)
    """
    ways = as_parts("fit", parts)
    with ways.together():
        epochs, batch_size = checks.whole("fit", "epochs", epochs), checks.whole("fit", "batch_size", batch_size)
        flags = {"shuffle": shuffle, "verbose": verbose, "progress": progress, "resume": resume}
        shuffle, verbose, progress, resume = (checks.flag("fit", *given) for given in flags.items())
        measure_first = checks.flag("fit", "measure_first", measure_first)
        check_parts("fit", model=model, loss=loss, optimizer=optimizer)
        if isinstance(callbacks, str) or not isinstance(callbacks, Sequence):
            raise TypeError(f"fit: callbacks must be a list, got {type(callbacks).__name__}")
        data = Source("fit", x, y, sample_weights, batch_size=batch_size)
        beforehand.check_last(data, batch_size, checks.flag("fit", "drop_last", drop_last))
        held_out = None if validation is None else beforehand.held_out(validation, batch_size)
        if transform is not None:
            check_transform("fit", transform)
        named = by_name("fit", metrics)
        first = ways.rank == 0
        hooks = Hooks([*output(verbose and first, progress and first), *callbacks])
        ways.gathers = bool(named) or any(getattr(each, "sees_predictions", True) for each in callbacks)
        rng = checks.generator("fit", rng)
        n_batches = data.n_examples // batch_size if drop_last else data.n_batches
        run = Run(
            model,
            loss,
            optimizer,
            epochs=epochs,
            callbacks=hooks.callbacks,
            n_batches=n_batches,
            rng=rng,
            parts=ways.n,
            rank=ways.rank,
        )
        interruption = Interruption(ways.stops)
        _stand(run, ways, interruption, checkpoint, resume)
        if data.once and epochs - run.epoch > 1:
            raise ValueError(
                f"fit: x must give its batches {epochs - run.epoch} times, but a generator does so once: give a list, "
                "or a function that makes a new generator, such as x=lambda: batches(...)"
            )
        if first:
            beforehand.warn_of_twice(model, loss)
        if held_out is not None:
            beforehand.try_validation(model, loss, held_out, ways.n)
        beforehand.try_one_row(model, data, drop_last, ways.n)
        loop = Loop(
            run,
            hooks,
            data,
            held_out,
            named,
            shuffle=shuffle,
            parts=ways,
            drop_last=drop_last,
            measure_first=measure_first,
            transform=transform,
            interruption=interruption,
        )
        _train(loop, checkpoint, verbose and first)
        return run.history


def _stand(run: Run, ways: InTurn, interruption: Interruption, checkpoint: Path | None, resume: bool) -> None:
    """Let the run stand where it begins: at epoch 0, or where the checkpoint ended; in all processes alike."""
    if checkpoint is None and resume:
        raise ValueError("fit: resume=True must come with checkpoint=path, got no path")
    if checkpoint is not None and ways.rank == 0:
        check_path("fit: checkpoint", checkpoint)
        if resume and os.path.exists(checkpoint):
            with interruption:  # a Ctrl-C while it loads acts at the first batch
                history, parts = load_to_resume(checkpoint, run.model, run.optimizer, run.callbacks, run.rng)
                run.go_on_after(history)
                run.parts_before = run.parts if parts is None else parts
    ways.begin_alike(run)
    if hasattr(run.optimizer, "check_serves"):
        run.optimizer.check_serves(run.model)


def _train(loop: Loop, checkpoint: Path | None, verbose: bool) -> None:
    """Go through the loop; whatever ends it, its history is not lost."""
    run, call, ways, interruption = loop.run, loop.hooks.call, loop.parts, loop.interruption
    try:
        with interruption:
            try:
                loop.train(checkpoint)
                stopped_in = run.epoch if interruption.pressed else None  # too late to stop anything: it is done
            except KeyboardInterrupt:
                if interruption.torn:
                    raise
                stopped_in = run.epoch
                run.go_on_after(run.history)  # the epoch in which it came is forgotten
            if stopped_in is not None and verbose:
                print(f"stopped by Ctrl-C in epoch {stopped_in}")
            if loop.begun:
                call("on_train_end", run)
            ways.end()
    except BaseException as error:
        # an error of another process has been explained there
        explained = run.explained(error) if isinstance(error, Exception) and not ways.over else error
        carry(explained, run.history)  # nothing is lost
        if isinstance(explained, Exception):
            run.error = explained
            try:
                call("on_error", run)
            except BaseException as second:
                carry(second, run.history)
                raise
        if explained is error:
            raise
        raise explained from error


@answering
def evaluate(
    model: Model,
    loss: LossLike,
    x: ArrayLike | Mapping[str, ArrayLike] | Batches,
    y: ArrayLike | None = None,
    *,
    batch_size: int = 256,
    sample_weights: ArrayLike | None = None,
    metrics: Metrics = (),
    parts: int | Threads | Processes = 1,
) -> dict[str, float]:
    """Return the loss and the metrics over data, by `predict`, a batch at a time.

    Parameters
    ----------
    model : Layer
    loss : Loss
    x, y : as in `fit`
        Arrays, or x a data set of examples, or an iterable of batches.
    batch_size : int, default 256
        It changes neither the loss nor the metrics, only how much memory is needed.
    sample_weights : array (N,) or one for each prediction, optional
    metrics : callable, or list or dict of them, optional
    parts : int, Threads or Processes, default 1
        Compute each batch in so many parts, for the memory of one, or at the same time.

    Raises
    ------
    ValueError, TypeError
        If the arguments do not fit one another.

    Examples
    --------
    >>> x, y = digits()
    >>> model = Sequential([Dense(64, 10, initializer=constant(0.0))])
    >>> found = evaluate(model, SoftmaxCrossEntropy(), x, y, metrics=accuracy)
    >>> round(found["loss"], 4), round(found["accuracy"], 3)  # log(10) nats, and the share of zeros
    (2.3026, 0.099)
    """
    ways = as_parts("evaluate", parts)
    with ways.together():
        batch_size = checks.whole("evaluate", "batch_size", batch_size)
        check_parts("evaluate", model=model, loss=loss)
        source = Source("evaluate", x, y, sample_weights, batch_size=batch_size)
        named, seen = by_name("evaluate", metrics), Seen(source.batches())
        ways.gathers = bool(named)
        try:
            with ways.begun(model):
                found = measure(model, loss, seen, named, ways)
                ways.end()
                return found
        except ValueError as error:
            raise error if ways.over else seen.explained("evaluate", error) from error.__cause__
