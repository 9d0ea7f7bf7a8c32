"""The walk over long vectors: block by block, and, where they are very long, in several threads.

An update makes several passes over the parameters. Done block by block, all but the first of them find their numbers
in the processor's cache, and the scratch that they need is one block instead of a vector as long as the network.

No block depends on another one. Threads may therefore take them in any order: the result is the same to the last bit.
They shorten a step of Adam on 16 million parameters by a third; on short vectors they cost more than they bring. In
training they come after the products of a backward, and after a product the threads of OpenBLAS look for more work
for some 20 ms, keeping the cores busy; with OPENBLAS_THREAD_TIMEOUT=4 in the environment they go to sleep at once.
"""

from __future__ import annotations

import contextvars
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, Any]

BLOCK = 131_072  # numbers in a block: half a megabyte of float32
LONG = 8_000_000  # numbers from which on several threads walk
THREADS = min(4, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def cut(start: int, stop: int) -> Iterator[slice]:
    """Yield the blocks from start to stop.

    Examples
    --------
    >>> list(cut(0, 200_000))
    [slice(0, 131072, None), slice(131072, 200000, None)]
    """
    for first in range(start, stop, BLOCK):
        yield slice(first, min(first + BLOCK, stop))


def walk(work: Callable[..., None], blocks: Sequence[Any], size: int, *arguments: Any) -> None:
    """Call `work(blocks, *arguments)`; if the size is large, in several threads, each with some of the blocks.

    NumPy lets go of the interpreter's lock inside its loops, so that the threads do run at the same time.
    """
    if size < LONG or THREADS < 2:
        work(blocks, *arguments)
        return
    waiting = deque(blocks)

    def work_too() -> None:
        work(_taken(waiting), *arguments)

    with ThreadPoolExecutor(THREADS - 1) as pool:
        # A copy of the context takes np.errstate along.
        others = [pool.submit(contextvars.copy_context().run, work_too) for _ in range(THREADS - 1)]
        try:
            work_too()
        finally:
            waiting.clear()  # nothing is left but after an error: the others need not go on
    for other in others:
        other.result()


def _taken(waiting: deque[Any]) -> Iterator[Any]:
    while waiting:
        try:
            yield waiting.popleft()
        except IndexError:  # another thread was faster
            return
