"""The cores of this machine, and how many of them a product of matrices may take."""

from __future__ import annotations

import os
from typing import Any


def cores() -> set[int]:
    """Return the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return set(os.sched_getaffinity(0))
    return set(range(os.cpu_count() or 1))


def blas_limits(who: str) -> Any:
    """Return `threadpool_limits`, or say how to get it."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        raise ImportError(
            f"{who}: threadpoolctl must be installed, so that the threads of BLAS do not fight for the cores, but it "
            'is not: pip install "handgrad[parallel]"'
        ) from None
    return threadpool_limits
