"""What can be seen before a training, so that nobody waits to see it: data that do not fit the model."""

from __future__ import annotations

import copy
import itertools
import warnings
from typing import Any

import numpy as np

from .data.batches import check_dropping
from .inspection import applied_twice
from .interruption import said
from .loop import measure
from .parallel import InTurn
from .protocols import LossLike, Model
from .sources import Batches, Source


def held_out(validation: tuple[Any, ...] | Batches, batch_size: int) -> Source:
    """Return the source of validation data."""
    if isinstance(validation, int | float):
        raise TypeError(
            f"fit: validation must be (x, y) or an iterable of batches, got {validation}: train_test_split(x, y, "
            f"{validation}) takes a part of the data away"
        )
    if isinstance(validation, list) and len(validation) in (2, 3) and isinstance(validation[0], np.ndarray):
        names = "(x, y)" if len(validation) == 2 else "(x, y, sample_weights)"
        raise TypeError(f"fit: validation must be a tuple, got a list of {len(validation)} arrays: write {names}")
    if not isinstance(validation, tuple):
        return Source("fit: validation", validation, batch_size=batch_size)
    if len(validation) not in (2, 3):
        raise ValueError(f"fit: validation must be (x, y) or (x, y, sample_weights), got {len(validation)} things")
    return Source("fit: validation", *validation, batch_size=batch_size)


def try_validation(model: Model, loss: LossLike, source: Source, parts: int) -> None:
    """Measure a batch of the validation data."""
    if source.once:
        raise ValueError("fit: validation must be there after every epoch, but a generator gives its batches once")
    try:
        measure(model, loss, itertools.islice(source.batches(), 1), {}, InTurn(parts))
    except (ValueError, TypeError) as error:
        kind = ValueError if isinstance(error, ValueError) else TypeError
        raise kind(f"fit: validation: {said(error).removeprefix('fit: validation: ')}") from error


def check_last(data: Source, batch_size: int, drop_last: bool) -> None:
    """Raise where drop_last has nothing to drop from, or would leave nothing."""
    if drop_last and not data.cuts:
        raise ValueError("fit: drop_last must be False where x gives its batches itself, got True")
    check_dropping("fit", drop_last, batch_size, data.n_examples)


def try_one_row(model: Model, data: Source, drop_last: bool, parts: int) -> None:
    """Let a copy of the model see one example, where a batch or a part of one will have no more.

    A batch norm has no variance then, and would say so at the end of the first epoch.
    """
    alone = [size for size in data.sizes(drop_last) if size // parts <= 1]
    buffered = any(layer.buffers for _, layer, _ in model.arrays()) if hasattr(model, "arrays") else False
    if not alone or not buffered:
        return
    x, *_ = next(iter(data.first(1)))
    try:
        copy.deepcopy(model).forward(x)
    except ValueError as error:
        whole = f"{alone[-1]} examples in {parts} parts" if parts > 1 else "one example"
        left = data.n_examples > data.batch_size > 1 == parts
        mend = " left after the others: another batch_size, or drop_last=True" if left else ": a larger batch_size"
        raise ValueError(
            f"fit: every batch must be one to train on, got one of {whole}{mend} ({said(error)})"
        ) from error


def warn_of_twice(model: Model, loss: LossLike) -> None:
    """Warn of a softmax or a sigmoid in front of a loss that applies its own."""
    twice = applied_twice(model, loss)
    if twice:
        warnings.warn(f"fit: {twice}", stacklevel=4)
