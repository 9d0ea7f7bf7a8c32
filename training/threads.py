"""The parts of a batch at the same time, each in a thread: the bits of `parts=k`, in less time where there are cores.

NumPy lets go of the interpreter while it computes, so that threads of one process do run side by side. Each has a twin
of the model, which shares the parameters and has gradients, buffers and caches of its own, and a copy of the loss. What
they have come to is put together by one thread, in the order of the parts, as if they had come one after the other.
"""

from __future__ import annotations

import contextlib
import contextvars
import copy
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from layers import Layer
from layers.contract import Array, checks

from .cores import blas_limits, cores
from .interruption import Buffers
from .parallel import Done, InTurn, Places, added, counted, step_of
from .parts import Sums
from .protocols import LossLike, Model
from .run import Run
from .snapshot import noises_of
from .sources import Batch


class Threads(InTurn):
    """Compute each batch in k parts at the same time: `fit(..., parts=Threads(4))`, and `evaluate`.

    Bit for bit what `parts=k` gives, with the same number of threads in each product. It pays where the passes over
    memory of activations, norms and convolutions take the time, which NumPy makes on one core; large products are on
    all cores anyway. It needs threadpoolctl, the extra `parallel`: the k threads share the cores, and the BLAS below
    each of them must not start threads for all of them again.

    Parameters
    ----------
    k : int
        How many parts and threads.
    blas_threads : int, optional
        For the products of each thread; left out, the cores divided by k, at least 1.

    Raises
    ------
    ImportError
        If threadpoolctl is not installed.
    TypeError
        In `fit`, if the model is no Layer, or a layer draws from a `Generator`, of which each thread would have a copy,
        and not from a `Noise`.

    Examples
    --------
    >>> x, y = digits()
    >>> histories = []
    >>> for parts in (2, Threads(2, blas_threads=1)):
    ...     model = Sequential([Dense(64, 32), ReLU(), Dropout(0.2, rng=0), Dense(32, 10)], rng=0)
    ...     options = {"epochs": 1, "rng": 0, "verbose": False, "parts": parts}
    ...     histories.append(fit(model, SoftmaxCrossEntropy(), SGD(0.1), x[:99], y[:99], **options))
    >>> histories[0] == histories[1]
    True
    """

    def __init__(self, k: int, *, blas_threads: int | None = None) -> None:
        super().__init__(checks.whole("Threads", "k", k))
        self.blas_threads = None if blas_threads is None else checks.whole("Threads", "blas_threads", blas_threads)
        self._pool: ThreadPoolExecutor | None = None
        self._twins: list[tuple[Any, Any]] = []
        self._limits: Any = None
        blas_limits("Threads")  # tells now what is missing

    @property
    def k(self) -> int:
        """How many parts and threads."""
        return self.n

    def begun(self, model: Model) -> contextlib.AbstractContextManager[Any]:
        if self._pool is not None:
            raise RuntimeError("Threads: one training at a time must use this object, but another one does: make two")
        self._check(model)
        return self

    def __enter__(self) -> None:
        # Twins are made at the first step: a callback may have changed the model before.
        limits = blas_limits("Threads")
        self._limits = limits(limits=self.blas_threads or max(1, len(cores()) // self.n), user_api="blas")
        self._pool = ThreadPoolExecutor(self.n, "part")

    def __exit__(self, *error: object) -> None:
        pool, self._pool, self._twins = self._pool, None, []
        if pool is not None:
            pool.shutdown()
        self._limits.restore_original_limits()

    @staticmethod
    def _check(model: Any) -> None:
        if not isinstance(model, Layer):
            raise TypeError(f"Threads: model must be a Layer, of which each thread can have a twin, got {model!r:.80}")
        noises = dict(model.noises())
        for name, _ in model.sources():
            if name not in noises:
                raise TypeError(f"Threads: what draws in a layer must be a Noise, got a stream at {name}")

    def steps(
        self, run: Run, parts: Sequence[tuple[int, Batch]], before: list[Array]
    ) -> tuple[list[Done], Array | None]:
        model: Any = run.model
        if not self._twins:
            self._twins = [(_twin(model), copy.deepcopy(run.loss)) for _ in range(self.n)]

        def one(twin: Any, loss: Any, row: int, part: Batch) -> Done:
            buffers = Buffers(twin)
            buffers.put(before)
            places = Places(twin)
            for name, noise in noises_of(model).items():
                vars(noises_of(twin)[name]).update(seed=noise.seed, step=noise.step, n_draws=noise.n_draws, row=row)
            try:
                return step_of(run, twin, loss, part, buffers)
            finally:
                places.end()

        pairs = zip(self._twins, parts, strict=False)
        found: list[Done] = self._together([(one, (*pair, row, part)) for pair, (row, part) in pairs])
        for name, noise in noises_of(model).items():  # where the last part has come to
            last = noises_of(self._twins[len(parts) - 1][0])[name]
            noise.step, noise.n_draws = last.step, last.n_draws
        total: Array | None = None
        for done in found:
            total = added(total, done)
        return found, total

    def measured(self, model: Model, loss: LossLike, parts: Sequence[Batch]) -> Iterator[tuple[Any, Sums]]:
        predictions = self.predictions(model, [x for x, *_ in parts])
        for (_, *targets), each in zip(parts, predictions, strict=True):
            yield counted(loss, each, targets)

    def predictions(self, model: Model, batches: Sequence[Any]) -> list[Any]:
        return self._together([(model.predict, (x,)) for x in batches])

    def _together(self, calls: Sequence[tuple[Any, tuple[Any, ...]]]) -> list[Any]:
        """Return what these calls give, each in a thread; raise the error of the first that has one, once all end."""
        pool: Any = self._pool
        waiting: list[Future[Any]] = []
        for call, given in calls:  # each sees the context of this thread, such as np.errstate
            waiting.append(pool.submit(contextvars.copy_context().run, call, *given))
        try:
            return [each.result() for each in waiting]
        finally:
            for each in waiting:
                each.cancel()
            for each in waiting:
                with contextlib.suppress(BaseException):
                    each.exception()  # wait for it

    def __deepcopy__(self, memo: Any) -> Threads:
        return Threads(self.n, blas_threads=self.blas_threads)

    def __repr__(self) -> str:
        more = "" if self.blas_threads is None else f", blas_threads={self.blas_threads}"
        return f"Threads({self.n}{more})"


def _twin(model: Any) -> Any:
    """Return a copy of a model that shares its parameters, and has gradients and all else of its own."""
    twin = copy.deepcopy(model)
    twin.move(model.parameters, np.zeros_like(model.gradients))
    return twin
