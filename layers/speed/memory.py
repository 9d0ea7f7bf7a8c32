"""The memory that the arrays of one step leave to those of the next.

A step of training makes arrays of the same sizes as the step before. The C library of Linux, though, gives large ones
back to the operating system when they are freed, and the next step has to ask for them anew, page by page: up to a
quarter of the time of a small convolutional network. When it frees a large block, however, it learns: blocks up to
this size are kept from then on, and up to twice as much in all (mallopt(3), M_MMAP_THRESHOLD). So one is made here,
never touched, and freed at once. Other C libraries take no notice. It concerns the whole process, which may not be
what another part of it wants: with HANDGRAD_KEEP_MEMORY=0 in the environment nothing is made.
"""

from __future__ import annotations

import os

import numpy as np

KEPT = 31 << 20  # bytes; glibc learns from blocks below 32 MB

if os.environ.get("HANDGRAD_KEEP_MEMORY", "1") != "0":
    np.empty(KEPT, np.uint8)
