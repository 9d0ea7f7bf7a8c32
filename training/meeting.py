"""How processes meet: each says where it is and what it has, and hears the others; or that one of them has failed.

Every exchange of processes begins with a meeting, so that no process waits for one that is elsewhere:

    rank 0     a step, its numbers     |     a step ...     |     an error: KeyError('lost')
    rank 1     a step, its numbers     |     a step ...     |     a step ...     -> raises KeyError('lost') too
    all        hear both               |     hear both      |     end

Whoever leaves a training with an error comes to one more meeting to say so, and all the others, who come to theirs,
raise that error as well. Where processes are at different places, all say so and end. What may not fail in one process
alone is done between `Meeting.alone_or_never`, which ends all of them at once.
"""

from __future__ import annotations

import atexit
import contextlib
import pickle
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from .interruption import said

ERROR, END = "an error", "the end of the script"
meetings: list[Meeting] = []  # of this process: what its excepthook has to know


class Meeting:
    """The meetings of the processes of a communicator, which is its own.

    Attributes
    ----------
    over : bool
        Whether an error has ended what all of them did.
    pressed : callable () -> bool
        Whether Ctrl-C was pressed here.
    stop : bool
        Whether it was pressed anywhere, as of the last meeting, where all heard the same.
    """

    def __init__(self, comm: Any) -> None:
        self.comm = comm
        self.begin()
        self._told: BaseException | None = None
        self._origin = 0
        if not meetings:
            _watch_for_errors()
        meetings.append(self)
        atexit.register(self._leave)

    def begin(self) -> None:
        """Begin a training, or a measurement."""
        self.over = self.stop = False
        self.pressed: Callable[[], bool] = bool

    def meet(self, what: str, mine: Any = None) -> list[Any]:
        """Say where this process is, and what it has; return what all have, by rank."""
        found = self.comm.allgather((what, self.pressed(), mine))
        for rank, (place, _, given) in enumerate(found):
            if place == ERROR:
                self._hear(rank, _unpacked(given))
        places = [place for place, _, _ in found]
        other = next((rank for rank, place in enumerate(places) if place != places[0]), None)
        if other is not None:
            raise RuntimeError(
                f"Processes: all must be at the same place, but process 0 is at {places[0]}, process {other} at "
                f"{places[other]}: each must run the same script, and what it calls may not depend on its rank"
            )
        self.stop = any(pressed for _, pressed, _ in found)
        return [given for _, _, given in found]

    def tell(self, error: BaseException) -> None:
        """Say to all that this process ends with an error, and hear whether a process before it does so too."""
        found = self.comm.allgather((ERROR, False, _packed(error)))
        self._note(error, next(rank for rank, (place, _, _) in enumerate(found) if place == ERROR))

    def _hear(self, rank: int, error: BaseException) -> NoReturn:
        if isinstance(error, SystemExit) and error.code is not None and not isinstance(error.code, int):
            error = SystemExit(1)  # Python prints its words, which one process does already
        self._note(error, rank)
        raise error

    def _note(self, error: BaseException, origin: int) -> None:
        self.over, self._told, self._origin = True, error, origin

    def knows(self, error: BaseException) -> bool:
        """Return whether all have heard of an error, or of what caused it."""
        cause: BaseException | None = error
        while cause is not None:
            if cause is self._told:
                return True
            cause = cause.__cause__
        return False

    @property
    def prints(self) -> bool:
        """Whether the error that all have heard of is this process's to print."""
        return bool(self._origin == self.comm.rank)

    @contextlib.contextmanager
    def alone_or_never(self) -> Iterator[None]:
        """End all processes where something fails in here, since the others would wait for ever."""
        try:
            yield
        except BaseException:
            traceback.print_exc()
            self.abort(1)

    def abort(self, status: int) -> NoReturn:
        """End all processes at once."""
        sys.stdout.flush()
        sys.stderr.flush()
        self.comm.Abort(status)
        raise SystemExit(status)

    def _leave(self) -> None:
        """Meet once more at the end of the script, so that nobody waits for this process in a training."""
        if self.over:
            return
        found = self.comm.allgather((END, False, None))
        if any(place != END for place, _, _ in found):  # they raise, and come to say so
            self.comm.allgather((END, False, None))


def _watch_for_errors() -> None:
    """Let an error that ends the script of one process end all, and be printed once."""
    before = sys.excepthook

    def told(kind: type[BaseException], error: BaseException, trace: Any) -> None:
        known = next((meeting for meeting in meetings if meeting.knows(error)), None)
        if known is not None and not known.prints:
            return
        meeting = known or meetings[0]
        if meeting.comm.size > 1:
            print(f"process {meeting.comm.rank} of {meeting.comm.size}:", file=sys.stderr)
        before(kind, error, trace)
        if known is None:
            meeting.abort(1)

    sys.excepthook = told


def _packed(error: BaseException) -> tuple[bytes, str]:
    """Return an error as bytes, empty where it cannot be packed, and in words."""
    words = f"{type(error).__name__}: {said(error)}"
    try:
        packed = pickle.dumps(error)
        pickle.loads(packed)
    except Exception:
        return b"", words
    return packed, words


def _unpacked(given: tuple[bytes, str]) -> BaseException:
    packed, words = given
    try:
        error = pickle.loads(packed)
    except Exception:
        error = None
    return error if isinstance(error, BaseException) else RuntimeError(words)
