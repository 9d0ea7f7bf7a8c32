"""Averages of the parameters over the steps of training: often better than where the last step ended."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from . import checks
from .blocks import BLOCK, Array, cut, walk
from .names import Model, check_model
from .options import Option
from .ranges import magnitude, ordinary, squares, weights_of
from .states import cast, floats
from .typed import typed


class ExponentialMovingAverage:
    """A mean that forgets: average = decay * average + (1 - decay) * parameters, once a step.

    It looks back over about 1 / (1 - decay) steps. The average starts as a copy of the parameters at the first
    update, and that start shows for thousands of steps; two options let the average forget it sooner, by a smaller
    decay in the update n = 1, 2, ...:

        bias_correction    1 - (1 - decay) / (1 - decay**n), with which all parameters seen so far have the weights
                           of the formula, divided by their sum, as in Adam
        warm_up            min(decay, (1 + n) / (10 + n)), a look back over a tenth of the steps so far

    The average is that of the flat vector `parameters`. Buffers, such as the running means of a normalization, are
    not averaged: inside `applied` the model has those that it has.

    Parameters
    ----------
    decay : float in [0, 1), default 0.999
    bias_correction : bool, default False
    warm_up : bool, default False

    Attributes
    ----------
    average : array (P,) or None
        In the dtype of the model; None before the first update.
    updates : int
        How many updates were made.

    Raises
    ------
    ValueError
        If decay is out of its range, both options are chosen, or a model has another size than at the first update.
    RuntimeError
        If the average is applied before the first update.

    References
    ----------
    Polyak, Juditsky (1992), "Acceleration of stochastic approximation by averaging", for the plain mean. The warm-up
    is that of TensorFlow's `ExponentialMovingAverage(num_updates=n)`.

    Examples
    --------
    >>> model = Layer(weights=(1,))
    >>> ema = ExponentialMovingAverage(decay=0.75)
    >>> for value in (0.0, 4.0, 8.0):  # 0, then 0.25 * 4, then 0.75 * 1 + 0.25 * 8
    ...     model.weights = [value]
    ...     ema.update(model)
    >>> with ema.applied(model):
    ...     print(model.weights)
    [2.75]
    >>> model.weights
    array([8.])
    """

    decay = Option(checks.fraction)
    bias_correction = Option(checks.flag, then="_agree")
    warm_up = Option(checks.flag, then="_agree")

    def __init__(self, decay: float = 0.999, *, bias_correction: bool = False, warm_up: bool = False) -> None:
        self.decay, self.bias_correction, self.warm_up = decay, bias_correction, warm_up
        self.updates = 0
        self.average: Array | None = None
        self._dtype: np.dtype[Any] | None = None

    def _agree(self) -> None:
        if vars(self).get("bias_correction") and vars(self).get("warm_up"):
            raise ValueError(f"{type(self).__name__}: bias_correction and warm_up must not both be chosen")

    def update(self, model: Model) -> None:
        """Take the parameters of the model into the average."""
        check_model(self, model)
        parameters = model.parameters
        blocks, dtype = list(cut(0, parameters.size)), parameters.dtype
        self._check_size(parameters.size)
        if self._dtype is not dtype:
            self._prepare(dtype)
        total = np.vdot(parameters, parameters) if len(blocks) == 1 else squares(parameters, blocks)
        small = total < self._ordinary
        if not small and not math.isfinite(largest := magnitude(parameters, blocks)):
            raise ValueError(f"{self!r}: parameters must be finite, got {largest}")
        weight = self._weight(self.updates + 1)
        if self.average is None or weight == 1:
            self.average = parameters.astype(dtype.newbyteorder("="))
        else:
            work = self._average_small if small else self._average_large
            walk(work, blocks, parameters.size, self.average, parameters, weight)
        self.updates += 1

    def _prepare(self, dtype: np.dtype[Any]) -> None:
        if dtype.kind != "f" or dtype.itemsize < 4:
            raise TypeError(f"{self!r}: parameters must be float32 or wider, got {dtype}")
        if self.average is not None:
            self.average = cast(repr(self), "average", self.average, dtype.newbyteorder("="))
        self._dtype, self._ordinary = dtype, ordinary(dtype)

    def _weight(self, n: int) -> float:
        """Return the weight, 1 minus the decay, of the parameters that come with the update n = 1, 2, ..."""
        if self.bias_correction:
            return (1 - self.decay) / weights_of(self.decay, n)
        return 1 - (min(self.decay, (1 + n) / (10 + n)) if self.warm_up else self.decay)

    @staticmethod
    def _average_small(blocks: Iterable[slice], average: Array, parameters: Array, weight: float) -> None:
        # decay * average + (1 - decay) * parameters = average + (1 - decay) * (parameters - average)
        scratch = np.empty(min(BLOCK, average.size), average.dtype)
        for here in blocks:
            change = np.subtract(parameters[here], average[here], out=scratch[: here.stop - here.start])
            change *= weight
            average[here] += change

    @staticmethod
    def _average_large(blocks: Iterable[slice], average: Array, parameters: Array, weight: float) -> None:
        # The same for parameters whose difference may overflow.
        for here in blocks:
            average[here] += parameters[here] * weight - average[here] * weight

    @contextmanager
    def applied(self, model: Model) -> Iterator[None]:
        """Give the model the averaged parameters, to evaluate or save it; afterwards it has its own again, exactly.

        Also after an error. What is changed in `model.parameters` inside is lost.
        """
        if self.average is None:
            raise RuntimeError(f"{self!r}: applied() needs an update() before it, but has had none")
        check_model(self, model)
        self._check_size(model.parameters.size)
        own = model.parameters.copy()
        try:
            model.parameters[...] = self.average
            yield
        finally:
            model.parameters[...] = own

    def state_dict(self) -> dict[str, Any]:
        """Return the number of `updates`, and a copy of the `average` if there is one."""
        average = {} if self.average is None else {"average": self.average.copy()}
        return {"updates": self.updates, **average}

    def load_state_dict(self, state: Mapping[str, ArrayLike]) -> None:
        """Go on exactly where the average of this `state_dict` was. If something does not fit, nothing is changed."""
        checks.mapping(repr(self), "state", state)
        if set(state) not in ({"updates"}, {"updates", "average"}):
            raise ValueError(f"{self!r}: state must have the names ['updates', 'average'], got {list(state)}")
        updates = checks.array(self, "updates", state["updates"])
        if updates.dtype.kind not in "iu" or updates.ndim or updates < 0 or (updates > 0) != ("average" in state):
            raise ValueError(
                f"{self!r}: updates must be a whole number, and above 0 with an average, got {state['updates']!r}"
            )
        average = floats(repr(self), "average", state["average"], None) if "average" in state else None
        if average is not None:
            self._check_size(average.size)
        self.updates, self.average, self._dtype = int(updates), average, None

    def _check_size(self, size: int) -> None:
        if self.average is not None and size != self.average.size:
            raise ValueError(f"{self!r}: the model must have {self.average.size:,} parameters as before, got {size:,}")

    def __repr__(self) -> str:
        return typed(self)
