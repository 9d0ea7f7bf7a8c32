"""Where the numbers of a loss are ordinary, and what comes when they are not."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, Any]

# A formula runs as it stands, in the dtype of the predictions, where nothing in it can overflow or underflow: elements
# whose squares add up to less than 1e30, weights from 1e-15 to 1e15, a loss that is not tiny. What lies outside runs in
# the first wider dtype that holds it: right, but slower.
VAST, SLIGHT = 1e30, 1e-15
TINY = {4: 1e-20, 8: 1e-200}  # bytes of the dtype: a loss below which squares may have underflowed
SINGLE, DOUBLE = np.dtype(np.float32), np.dtype(np.float64)
DTYPES = (SINGLE, DOUBLE, np.dtype(np.longdouble))


def first(flags: Array) -> tuple[int, ...]:
    """Return the place of the first flag that is set.

    Examples
    --------
    >>> first(np.array([[False, False], [True, True]]))
    (1, 0)
    """
    return tuple(int(i) for i in np.argwhere(flags)[0])
