"""Putting a training into another state: all of it, or nothing."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from optimizers import Optimizer

from .protocols import Model, OptimizerLike, Stateful
from .schema import Weights, check_alike
from .snapshot import noises_of


def restore(
    state: dict[str, Any],
    model: Model,
    optimizer: OptimizerLike | None,
    callbacks: Sequence[Stateful],
    rng: np.random.Generator | None,
) -> None:
    """Put all of them into this state; callbacks first, of which nobody else knows what they take."""
    for i, callback in enumerate(callbacks):
        _take(f"callbacks: {i}, {type(callback).__name__}", callback, state["callbacks"][i].pop("state"))
    if optimizer is not None:
        saved = state["optimizer"]
        _take("optimizer", optimizer, saved.pop("state"))
        if saved["learning_rate"] is not None and not callable(optimizer.learning_rate):
            optimizer.learning_rate = saved["learning_rate"]
    model.load_state_dict(state["model"])
    for name, generator in model.generators():
        generator.bit_generator.state = state["generators"][name]
    for name, noise in noises_of(model).items():
        noise.seed, noise.step, noise.n_draws = state["noise"][name]
        noise.row = 0
    if rng is not None:
        rng.bit_generator.state = state["rng"]


def _take(what: str, thing: Any, saved: Any) -> None:
    """Give a thing its state, and see whether it is one that it would write."""
    try:
        thing.load_state_dict(saved)
    except Exception as error:
        raise ValueError(f"{what} must take its state, got {type(error).__name__}: {error}") from error
    # That of an Optimizer has been checked in full, and would be copied.
    if getattr(type(thing), "state_dict", None) is not Optimizer.state_dict:
        check_alike(what, thing.state_dict(), saved, exactly=True)


class Before:
    """How everything was before it was changed, and the way back."""

    def __init__(
        self,
        model: Model,
        weights: Weights,
        optimizer: OptimizerLike | None,
        callbacks: Sequence[Stateful],
        rng: np.random.Generator | None,
    ) -> None:
        self._model, self._weights, self._optimizer, self._callbacks = model, weights, optimizer, callbacks
        streams = [generator for _, generator in model.generators()] + ([] if rng is None else [rng])
        self._streams = [(stream.bit_generator, stream.bit_generator.state) for stream in streams]
        self._noises = [(vars(noise), vars(noise).copy()) for noise in noises_of(model).values()]
        self._states = [copy.deepcopy(callback.state_dict()) for callback in callbacks]
        if optimizer is not None:
            self._rate = optimizer.learning_rate
            # Loading puts other vectors in the place of those of an Optimizer: to hold on to them costs none.
            ours = isinstance(optimizer, Optimizer) and type(optimizer).load_state_dict is Optimizer.load_state_dict
            self._kept = vars(optimizer).copy() if ours else None
            self._state = None if ours else copy.deepcopy(optimizer.state_dict())

    def restore(self) -> None:
        """Go back, all the way, whatever comes up on it."""
        for step in self._steps():
            with contextlib.suppress(Exception):  # the error that led here is the one to tell
                try:
                    step()
                except KeyboardInterrupt:
                    step()  # not before it is done

    def _steps(self) -> Iterator[Callable[[], None]]:
        """Yield what has to be done."""
        yield lambda: self._model.load_state_dict(self._weights.mine)
        for generator, state in self._streams:
            yield partial(setattr, generator, "state", state)
        for now, then in self._noises:
            yield partial(now.update, then)
        if self._optimizer is not None:
            yield self._restore_optimizer
        for callback, state in zip(self._callbacks, self._states, strict=True):
            yield partial(callback.load_state_dict, state)

    def _restore_optimizer(self) -> None:
        optimizer: Any = self._optimizer
        if self._kept is not None:
            vars(optimizer).update(self._kept)
        else:
            optimizer.load_state_dict(self._state)
            optimizer.learning_rate = self._rate
