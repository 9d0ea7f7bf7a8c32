"""The parts of a batch in several processes, on one machine or many: the bits of `parts=n`, by MPI.

Process r of n computes part r. Then the processes add up their gradients, in the order of the parts, each its slice of
the vector:

    rank 0     g0 = [a0 | b0]        receives a0, a1, adds  a = a0 + a1        hands it round: [a | b]
    rank 1     g1 = [a1 | b1]        receives b0, b1, adds  b = b0 + b1        hands it round: [a | b]

so that P numbers go in and out of each process twice, however many there are, and the sum is that of one process which
takes the parts in turn, to the last bit: floating-point numbers added in another order give another sum. All else that
a step comes to, loss, predictions, running means, is a small message to everybody: what follows is the same everywhere.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from layers import Layer
from layers.contract import Array, checks

from .checkpoint import with_state
from .cores import blas_limits, cores
from .history import History
from .interruption import Buffers, Interruption
from .meeting import Meeting
from .parallel import Done, InTurn, Places, measure_of, step_of
from .parts import Sums, fingerprint
from .protocols import LossLike
from .restoring import restore
from .run import Run
from .schema import Weights, check_kinds
from .snapshot import kinds_of, noises_of, snapshot
from .sources import Batch

T = TypeVar("T")

LIMITS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


class Report(NamedTuple):
    """What a process says of its part: the batch it has cut, and what its part has come to, None if it is empty."""

    batch: int
    part: tuple[Any, ...] | None


class Processes(InTurn):
    """Compute each batch in n parts, one in each process: `fit(..., parts=Processes())`, and `evaluate`.

    Bit for bit what one process gives with `parts=n`, with the same number of threads in each product: parameters,
    loss, metrics, history. Every process runs the same script, begun by `mpiexec -n 4 python script.py`, and has all of
    the results. They begin with the parameters, the state of the optimizer and the generators of process 0, or with the
    checkpoint that it reads. Lines, bars and checkpoints are written by process 0 alone, of which callbacks know by
    `run.rank`; all else that callbacks do is done by each. Batches are those of the whole: from arrays all draw the
    same, and an iterable must give the same ones everywhere.

    What fails in one process fails in all, and is printed once; Ctrl-C ends all before the same step. After each epoch
    the checksums of the parameters are compared. It needs mpi4py and threadpoolctl, the extra `parallel`, and an MPI,
    such as the package mpich.

    Parameters
    ----------
    comm : mpi4py.MPI.Intracomm, optional
        The processes that take part; left out, all of them.
    blas_threads : int, optional
        For the products of each process; left out, the cores of the machine divided by the processes on it, unless an
        environment variable such as OPENBLAS_NUM_THREADS says how many.

    Attributes
    ----------
    n, rank : int
        How many processes, and which of them this is.

    Raises
    ------
    ImportError
        If mpi4py, an MPI or threadpoolctl is not installed.
    RuntimeError
        In `fit` and `evaluate`, if processes are not at the same place, have not been given the same batch, or have no
        longer the same parameters.
    TypeError
        If comm is no communicator; in `fit`, if the model is no Layer.

    References
    ----------
    Message Passing Interface Forum (2021), "MPI: A Message-Passing Interface Standard", version 4.0.

    Examples
    --------
    In the script that `mpiexec -n 4 python script.py` runs, see `examples/parallel.py`::

        parts = Processes()
        history = fit(model, SoftmaxCrossEntropy(), Adam(), x, y, epochs=3, rng=0, parts=parts)
        if parts.rank == 0:
            history.plot().savefig("loss.png")

    >>> Processes(blas_threads=0)
    Traceback (most recent call last):
    ValueError: Processes: blas_threads must be at least 1, got 0
    """

    def __init__(self, comm: Any = None, *, blas_threads: int | None = None) -> None:
        self.blas_threads = None if blas_threads is None else checks.whole("Processes", "blas_threads", blas_threads)
        mpi = _mpi()
        comm = mpi.COMM_WORLD if comm is None else comm
        if not isinstance(comm, mpi.Intracomm) or comm == mpi.COMM_NULL:
            raise TypeError(f"Processes: comm must be a communicator of mpi4py, such as MPI.COMM_WORLD, got {comm!r}")
        blas_limits("Processes")  # tells now what is missing
        super().__init__(comm.size)
        self.rank = comm.rank
        here = comm.Split_type(mpi.COMM_TYPE_SHARED)
        self._n_here, self._n_cores = here.size, len(set().union(*here.allgather(cores())))
        here.Free()
        self._depth = 0
        self._meeting = Meeting(comm.Dup())  # whose messages meet none of anybody else's

    # ---- a training ----------------------------------------------------------------------------------------------

    @property
    def over(self) -> bool:  # type: ignore[override]  # what the meeting says
        """Whether an error that all have heard of has ended the training."""
        return self._meeting.over

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        if not self._depth:  # within a training a callback may measure
            self._meeting.begin()
        gathers, self._depth = self.gathers, self._depth + 1
        try:
            with self._limits():
                yield
        except KeyboardInterrupt as stopped:  # at once, wherever it came: nobody can know where the others wait
            print(stopped or "fit: stopped by Ctrl-C", flush=True)
            self._meeting.abort(130)
        except BaseException as error:
            if not self.over:
                self._meeting.tell(error)
            raise
        finally:
            self.gathers, self._depth = gathers, self._depth - 1

    def _limits(self) -> contextlib.AbstractContextManager[Any]:
        if self.blas_threads is None and any(os.environ.get(name) for name in LIMITS):
            return contextlib.nullcontext()
        n_threads = self.blas_threads or max(1, self._n_cores // self._n_here)
        limited: contextlib.AbstractContextManager[Any] = blas_limits("Processes")(limits=n_threads, user_api="blas")
        return limited

    def of_first(self, make: Callable[[], T]) -> T:
        made: T = self._meeting.meet("a word of process 0", make() if self.rank == 0 else None)[0]
        return made

    def begin_alike(self, run: Run) -> None:
        if not isinstance(run.model, Layer):
            raise TypeError(f"Processes: model must be a Layer, whose state can be sent, got {run.model!r:.80}")
        model: Any = run.model
        callbacks = with_state(run.callbacks) if run.history else []  # of a new training they have nothing to tell
        tree = self.of_first(lambda: snapshot(model, run.optimizer, run.history, callbacks, run.rng, self.n))
        if self.rank:
            check_kinds(kinds_of(model), tree["layers"])
            Weights(model).check(tree["model"])
            restore(tree, model, run.optimizer, callbacks, run.rng)
            run.go_on_after(History(tree["history"]["columns"], tree["history"]["unit"]))

    def stops(self, interruption: Interruption) -> bool:
        self._meeting.pressed = lambda: interruption.pressed
        return self._meeting.stop

    def end_epoch(self, run: Run) -> None:
        arrays = (run.model.parameters, *Buffers(run.model).now())
        mine = [zlib.crc32(np.ascontiguousarray(array).data) for array in arrays]
        found = self._meeting.meet("the end of an epoch", (mine, run.stopped))
        others = [rank for rank, (sums, _) in enumerate(found) if sums != found[0][0]]
        if others:
            raise RuntimeError(
                f"Processes: parameters must be the same in all of them, but after epoch {run.epoch} those of process "
                f"{', '.join(map(str, others))} are not those of process 0: a callback or a layer has changed them"
            )
        run.stopped = any(stopped for _, stopped in found)

    def end(self) -> None:
        self._meeting.meet("the end of the training")

    # ---- a batch -------------------------------------------------------------------------------------------------

    def steps(
        self, run: Run, parts: Sequence[tuple[int, Batch]], before: list[Array]
    ) -> tuple[list[Done], Array | None]:
        model, mine = run.model, None
        if self.rank < len(parts):
            row, part = parts[self.rank]
            buffers, places = Buffers(model), Places(model)
            try:
                places.begin(row)
                buffers.put(before)
                done = step_of(run, model, run.loss, part, buffers)
            finally:
                places.end()
            run.predictions = done.predictions
            noises = {name: (noise.step, noise.n_draws) for name, noise in noises_of(model).items()}
            mine = self._shown(done.predictions), done.sums.told(), done.n_examples, done.buffers, noises
        heard = self._heard("a step", run.batch, mine)
        with self._meeting.alone_or_never():
            for name, noise in noises_of(model).items():
                if name in heard[-1][-1]:  # else its layer has made it at this step, or has not yet
                    noise.step, noise.n_draws = heard[-1][-1][name]  # where the last part has come to
            found = [
                Done(predictions, Sums.of(run.loss, sums), model.gradients, n_examples, made)
                for predictions, sums, n_examples, made, _ in heard
            ]
            counting = [rank for rank, done in enumerate(found) if done.sums.n_counted]
            return found, self._sum(model.gradients, counting) if counting else None

    def measured(self, model: Any, loss: LossLike, parts: Sequence[Batch]) -> Iterator[tuple[Any, Sums]]:
        mine = None
        if self.rank < len(parts):
            predictions, sums = measure_of(model, loss, parts[self.rank])
            mine = self._shown(predictions), sums.told()
        for predictions, told in self._heard("a measurement", parts, mine):
            yield predictions, Sums.of(loss, told)

    def predictions(self, model: Any, batches: Sequence[Any]) -> list[Any]:
        mine = [model.predict(x) for x in batches[self.rank :: self.n]]
        found = self._meeting.meet("a prediction", mine)
        return [found[i % self.n][i // self.n] for i in range(len(batches))]

    def _shown(self, predictions: Any) -> Any:
        return predictions if self.gathers else None

    def _heard(self, place: str, batch: Any, mine: Any) -> list[tuple[Any, ...]]:
        """Return what all parts have come to, in order; raise where they are not parts of one batch."""
        reports = self._meeting.meet(place, Report(fingerprint(batch), mine))
        others = [rank for rank, report in enumerate(reports) if report.batch != reports[0].batch]
        if others:
            raise RuntimeError(
                f"Processes: batches must be the same in all of them, but process {others[0]} has been given another "
                f"one than process 0 in {place}: data, their order and what callbacks make of them must not depend on "
                "the rank, nor on random numbers that are other ones in each"
            )
        return [report.part for report in reports if report.part is not None]

    def _sum(self, gradients: Array, counting: Sequence[int]) -> Array:
        """Return the sum of the gradients of these processes, in this order, in the place of those of this one."""
        edges = np.linspace(0, gradients.size, self.n + 1).astype(int)
        sizes = np.diff(edges)
        mine = slice(edges[self.rank], edges[self.rank + 1])
        received = np.empty((len(counting), sizes[self.rank]), gradients.dtype)
        width, starts = gradients.itemsize, edges[:-1]
        sent = sizes if self.rank in counting else np.zeros_like(sizes)
        coming = np.zeros_like(sizes)
        coming[list(counting)] = sizes[self.rank]
        places = np.concatenate([[0], np.cumsum(coming)[:-1]])
        comm, whole = self._meeting.comm, _as_bytes(gradients)
        comm.Alltoallv([whole, (sent * width, starts * width)], [_as_bytes(received), (coming * width, places * width)])
        total = gradients[mine]
        total[...] = received[0]
        for each in received[1:]:
            total += each
        comm.Allgatherv(_mpi().IN_PLACE, [whole, (sizes * width, starts * width)])
        return gradients

    def __deepcopy__(self, memo: Any) -> Processes:
        return self  # there is one of these processes

    def __repr__(self) -> str:
        more = "" if self.blas_threads is None else f", blas_threads={self.blas_threads}"
        return f"Processes(<process {self.rank} of {self.n}>{more})"


def _as_bytes(array: Array) -> Array:
    """Return an array as bytes, which MPI sends of any dtype."""
    return array.reshape(-1).view(np.uint8)


def _mpi() -> Any:
    """Return `mpi4py.MPI`, or say how to get it."""
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:  # the second where it finds no MPI
        raise ImportError(
            "Processes: mpi4py and an MPI must be installed, but are not: "
            f'pip install "handgrad[parallel]" mpich ({error})'
        ) from None
    return MPI
