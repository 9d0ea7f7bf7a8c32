"""The memory that the arrays of one step leave to those of the next.

A step of training makes arrays of the same sizes as the step before. The C library of Linux, though, gives large ones
back to the operating system as soon as they are freed, and the next step pays for them again, page by page: up to a
quarter of the step of a small convolutional network. When a large block is freed, it learns: blocks up to that size
are kept from then on, up to twice as much in all (mallopt(3), M_MMAP_THRESHOLD). So one is made here, never touched,
and freed. Other C libraries take no notice.
"""

from __future__ import annotations

import numpy as np

KEPT = 31 << 20  # bytes; glibc learns from blocks of at most 32 MB


def keep_freed_memory() -> None:
    """Let the C library keep what is freed, up to 62 MB, for the arrays to come.

    Examples
    --------
    >>> keep_freed_memory()
    """
    np.empty(KEPT, np.uint8)
