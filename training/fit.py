"""The loop that every training script contains, written once."""

from __future__ import annotations

import itertools
import math
import os
import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from layers.contract import check_sizes

from .archive import Path, check_path
from .checkpoint import load
from .data.batches import Rng
from .history import History
from .progress import output
from .run import Run
from .scores import Metrics, Named, Scores, by_name
from .sources import Source


def fit(
    model: Any,
    loss: Any,
    optimizer: Any,
    x: Any,
    y: Any = None,
    *,
    epochs: int,
    batch_size: int = 32,
    validation: Any = None,
    metrics: Metrics = (),
    callbacks: Sequence[Any] = (),
    sample_weights: Any = None,
    rng: Rng = None,
    shuffle: bool = True,
    verbose: bool = True,
    progress: bool = False,
    checkpoint: Path | None = None,
    resume: bool = False,
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
    x : array (N, ...), or iterable of batches
        An array, memory-mapped if it is larger than memory, is read a batch at a time. Or an iterable that gives
        batches (x, y) or (x, y, sample_weights) each time it is gone through, or a function that returns one.
        A generator gives its batches once: it will do for one epoch, whose epoch 0 is then NaN.
    y : array (N, ...), optional
        The targets, if x is an array.
    epochs : int
        After so many epochs training ends, those before a resume included.
    batch_size : int, default 32
        The last batch of an epoch has what is left. Batches that are given as such keep their sizes.
    validation : (x, y) or (x, y, sample_weights), or iterable of batches, optional
        Data to measure the same numbers on, without training.
    metrics : callable, or list or dict of them, optional
        `metric(predictions, y) -> float` of a whole epoch, such as `accuracy`; {"name": callable} names it.
        Sample weights are for the loss alone. Metrics that cannot count batch by batch keep an epoch's predictions.
    callbacks : list of Callback or function, optional
        A plain function is called with the `Run` after every epoch.
    sample_weights : array (N,) or one for each prediction, optional
        A batch whose weights are all zero is left out.
    rng : int or numpy.random.Generator, optional
        Shuffles the examples before each epoch.
    shuffle : bool, default True
        False keeps the order of the examples.
    verbose : bool, default True
        Print a line for each epoch.
    progress : bool, default False
        Show a bar with batches a second and the time left; it needs tqdm, the extra `progress`.
    checkpoint : path, optional
        Where everything is saved after each epoch, as by `save`.
    resume : bool, default False
        Go on from the checkpoint, or start if there is none yet. Model, optimizer, callbacks and rng are made as
        for the first run, and take over their states: what follows is bit for bit what would have followed, seconds
        excepted. Batches that are given as such must be the same ones, or be shuffled by the same Generator as rng.

    Returns
    -------
    History
        Ctrl-C ends training between two batches, with the history so far.

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
    check_sizes("fit", epochs=epochs, batch_size=batch_size)
    check_parts("fit", model=model, loss=loss, optimizer=optimizer)
    if isinstance(callbacks, str) or not isinstance(callbacks, Sequence):
        raise TypeError(f"fit: callbacks must be a list, got {type(callbacks).__name__}")
    data, held_out = Source("fit", x, y, sample_weights, batch_size), _held_out(validation, batch_size)
    named = by_name("fit", metrics)
    callbacks = [*output(verbose, progress), *callbacks]
    rng = np.random.default_rng(rng)
    run = Run(model, loss, optimizer, epochs=epochs, callbacks=callbacks, rng=rng, n_batches=data.n_batches)
    if checkpoint is not None:
        check_path("fit: checkpoint", checkpoint)
        if resume and os.path.exists(checkpoint):
            run.resume(load(checkpoint, model, optimizer=optimizer, rng=rng, callbacks=callbacks))
    elif resume:
        raise ValueError("fit: resume=True must come with checkpoint=path, got no path")
    if data.once and epochs - run.epoch > 1:
        raise ValueError(
            f"fit: x must give its batches {epochs - run.epoch} times, but a generator does so once: give a list, or a "
            "function that makes a new generator, such as x=lambda: batches(...)"
        )
    _check_held_out(model, loss, held_out)
    try:
        with run.interruption:
            try:
                _train(run, data, held_out, named, rng if shuffle else None, checkpoint)
            except KeyboardInterrupt:
                run.interrupted(verbose)
            if run.history:
                run.call("on_train_end")
    except Exception as error:
        run.fail(error)
        raise
    return run.history


def evaluate(
    model: Any,
    loss: Any,
    x: Any,
    y: Any = None,
    metrics: Metrics = (),
    *,
    batch_size: int = 256,
    sample_weights: Any = None,
) -> dict[str, float]:
    """Return the loss and the metrics over data, by `predict`, a batch at a time.

    Parameters
    ----------
    model : Layer
    loss : Loss
    x, y, sample_weights : as in `fit`
        Arrays, or x an iterable of batches.
    metrics : callable, or list or dict of them, optional
    batch_size : int, default 256
        It changes neither the loss nor the metrics, only how much memory is needed.

    Raises
    ------
    ValueError, TypeError
        If the arguments do not fit one another.

    Examples
    --------
    >>> x, y = digits()
    >>> found = evaluate(Sequential([Dense(64, 10, constant(0.0))]), SoftmaxCrossEntropy(), x, y, [accuracy])
    >>> round(found["loss"], 4), round(found["accuracy"], 3)  # log(10) nats, and the share of zeros
    (2.3026, 0.099)
    """
    check_sizes("evaluate", batch_size=batch_size)
    check_parts("evaluate", model=model, loss=loss)
    return _measure(
        model, loss, Source("evaluate", x, y, sample_weights, batch_size).batches(), by_name("evaluate", metrics)
    )


METHODS = {"model": ("forward", "backward", "predict"), "loss": ("forward", "backward"), "optimizer": ("step",)}


def check_parts(who: str, **parts: Any) -> None:
    """Raise if a part of a training is not what it should be: exchanged with another one, or a class."""
    for name, part in parts.items():
        if isinstance(part, type):
            raise TypeError(f"{who}: {name} must be an object, got the class {part.__name__}: write {part.__name__}()")
        if not all(callable(getattr(part, method, None)) for method in METHODS[name]):
            raise TypeError(f"{who}: {name} must have {', '.join(METHODS[name])}, got {type(part).__name__}")


def _train(
    run: Run, data: Source, held_out: Source | None, metrics: Named, order: Any, checkpoint: Path | None
) -> None:
    """Go through the epochs that are left."""

    def measure(source: Source) -> dict[str, float]:
        return _measure(run.model, run.loss, run.seen(source.batches()), metrics)

    def note(start: float, rate: float, numbers: dict[str, float]) -> None:
        validation = {} if held_out is None else {f"validation_{k}": v for k, v in measure(held_out).items()}
        run.note(
            {"epoch": run.epoch, **numbers, **validation, "learning_rate": rate, "seconds": time.perf_counter() - start}
        )

    if not run.history:
        start, state = time.perf_counter(), run.rng.bit_generator.state
        note(start, _rate(run), dict.fromkeys(("loss", *metrics), math.nan) if data.once else measure(data))
        run.rng.bit_generator.state = state  # the first epoch is shuffled as if nobody had looked
    run.check_monitors()
    run.call("on_train_begin")
    while run.epoch < run.epochs and not run.stopped:
        start = time.perf_counter()
        run.epoch += 1
        run.call("on_epoch_begin")
        rate = _rate(run)
        note(start, rate, _train_epoch(run, data.batches(order), metrics))
        run.call("on_epoch_end")
        if checkpoint is not None:
            run.save(checkpoint)


def _train_epoch(run: Run, batches: Iterable[tuple[Any, ...]], metrics: Named) -> dict[str, float]:
    model, loss, optimizer = run.model, run.loss, run.optimizer
    scores, norms = Scores(loss, metrics), []
    for _ in run.seen(batches):
        run.call("on_batch_begin")
        x, *targets = run.batch
        run.predictions = model.forward(x)
        run.batch_loss = loss.forward(run.predictions, *targets)
        model.backward(loss.backward(), input_gradient=False)
        run.call("on_backward_end")
        optimizer.step(model)
        run.call("on_batch_end")
        scores.add(run.batch_loss, run.predictions, *targets)
        norms.append(getattr(optimizer, "gradient_norm", None))
    run.n_batches = run.batch_index + 1
    found = [norm for norm in norms if norm is not None]
    return {**scores.result(), **({"gradient_norm": float(np.mean(found))} if found else {})}


def _measure(model: Any, loss: Any, batches: Iterable[tuple[Any, ...]], metrics: Named) -> dict[str, float]:
    scores = Scores(loss, metrics)
    for x, *targets in batches:
        predictions = model.predict(x)
        scores.add(loss.forward(predictions, *targets), predictions, *targets)
    return scores.result()


def _rate(run: Run) -> float:
    return float(run.optimizer.rate()) if hasattr(run.optimizer, "rate") else math.nan


def _held_out(validation: Any, size: int) -> Source | None:
    """Return the source of validation data."""
    if validation is None:
        return None
    if not isinstance(validation, tuple):
        return Source("fit: validation", validation, size=size)
    if len(validation) not in (2, 3):
        raise ValueError(f"fit: validation must be (x, y) or (x, y, sample_weights), got {len(validation)} things")
    x, y, weights = (*validation, None)[:3]
    return Source("fit: validation", x, y, weights, size)


def _check_held_out(model: Any, loss: Any, held_out: Source | None) -> None:
    """Try a batch of the validation data, so that nobody waits an epoch to see that it does not fit."""
    if held_out is None:
        return
    if held_out.once:
        raise ValueError("fit: validation must be there after every epoch, but a generator gives its batches once")
    try:
        _measure(model, loss, itertools.islice(held_out.batches(), 1), {})
    except (ValueError, TypeError) as error:
        raise type(error)(f"fit: validation: {error}") from error
