"""Scaled dot-product attention, as a gate of three inputs: queries, keys and values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..contract import Array, Gate, Shape, checks, within_range
from ..contract.gate import listed
from .attending import Dropped, Shown, attend, attend_back


class Attended(NamedTuple):
    """A pass of attention: what backward needs. q is divided by sqrt(d)."""

    q: Array
    k: Array
    v: Array
    shown: Shown
    dropped: Dropped | None
    out: Array
    sums: Array

    def back(self, dout: Array, dtype: Any, into: tuple[Array, Array, Array] | None = None) -> tuple[Array, ...]:
        """Return dq, dk and dv, or write them into three arrays of that dtype."""
        direct = into if into is not None and dtype == self.q.dtype else None
        found = direct or tuple(np.empty(part.shape, self.q.dtype) for part in (self.q, self.k, self.v))
        with np.errstate(over="ignore", invalid="ignore"):
            attend_back(*self[:5], self.out, self.sums, dout.astype(self.q.dtype, copy=False), found)  # type: ignore[arg-type]
        if into is not None and direct is None:
            for place, part in zip(into, found, strict=True):
                place[...] = part
        return found


def attended(
    who: str, heads: Sequence[Array], shown: Shown, dropped: Dropped | None = None, out: Array | None = None
) -> Attended:
    """Return attention of q, k and v (N, H, T, d): in float64, where scores are beyond the dtype of these.

    Raises ValueError where they are beyond float64 too.
    """
    q, k, v = heads
    scale = 1 / math.sqrt(q.shape[3])
    with np.errstate(over="ignore", invalid="ignore"):
        divided = q * q.dtype.type(scale)
        found, sums = attend(divided, k, v, shown, dropped, out)
        if not np.isnan(sums).any() or not all(np.isfinite(part).all() for part in (q, k)):
            return Attended(divided, k, v, shown, dropped, found, sums)
        wide = np.result_type(q.dtype, np.float64)
        divided, k, v = q.astype(wide) * scale, k.astype(wide), v.astype(wide)
        found, sums = attend(divided, k, v, shown, dropped)
    if np.isnan(sums).any():
        raise ValueError(f"{who}: scores must be at most {np.finfo(wide).max:.2g}, the largest {wide}, got more")
    if out is not None:
        out[...] = found
    return Attended(divided, k, v, shown, dropped, found, sums)


def as_mask(who: str, mask: Any, shape: Shape) -> Array:
    """Return a mask as booleans that broadcast to (..., T, S); raise unless it does so."""
    array = checks.array(who, "mask", mask)
    if array.dtype.kind != "b":
        raise TypeError(f"{who}: mask must hold True and False, True where one may attend, got dtype {array.dtype}")
    try:
        fits = array.ndim >= 2 and np.broadcast_shapes(array.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"{who}: mask must have a shape that broadcasts to {shape}, got {array.shape}")
    return array


class ScaledDotProduct(Gate):
    """Scaled dot-product attention: out = softmax(q @ k.T / sqrt(d)) @ v, each query a mean of the values.

    With d features the product of two random rows has the variance d, so that it is divided by sqrt(d): the softmax
    would else see one key alone, and its gradient would be nearly zero. The derivation is at the top of `attending`.
    The scores are made a block of queries at a time, and once more in backward: memory grows with T + S, not T * S.

    Parameters
    ----------
    causal : bool, default False
        A query attends to no key behind its own position. The last query stands at the last key: with T queries and S
        keys, query t at position S - T + t.

    Shapes
    ------
    q (..., T, d), k (..., S, d), v (..., S, e), out (..., T, e), with the same axes in front, such as rows and heads.
    `forward(q, k, v, mask=None)` takes a mask of booleans that broadcasts to (..., T, S), True where one may attend. A
    query that may attend to nothing gets zeros, and its gradients are zero.

    Raises
    ------
    ValueError, TypeError
        If shapes do not fit, or the mask is not one of booleans.

    References
    ----------
    Vaswani et al. (2017), "Attention Is All You Need", arXiv:1706.03762, equation 1.

    Examples
    --------
    >>> gate = ScaledDotProduct()
    >>> q, k, v = np.zeros((1, 2)), np.ones((3, 2)), np.array([[1.0], [2.0], [6.0]])
    >>> gate.forward(q, k, v)  # no key fits better than another: the mean of the values
    array([[3.]])
    >>> gate.forward(q, k, v, mask=np.array([[True, True, False]]))
    array([[1.5]])
    >>> dq, dk, dv = gate.backward(np.array([[1.0]]))
    >>> dv
    array([[0.5],
           [0.5],
           [0. ]])
    """

    n_operands = 3
    sign = "attention"
    knows_rest = True

    def __init__(self, *, causal: bool = False) -> None:
        self.causal = checks.flag("ScaledDotProduct", "causal", causal)
        super().__init__()

    @within_range
    def forward(self, q: Any, k: Any, v: Any, mask: Any = None) -> Array:  # type: ignore[override]
        q, k, v = arrays = self._operands(q, k, v)
        shape = self._checked(*(each.shape for each in arrays))
        front, wide = q.shape[:-2], np.result_type(self._floats, np.float32)
        hidden = None if mask is None else self._mask(mask, (*front, q.shape[-2], k.shape[-2]))
        rows = [each.reshape(-1, 1, *each.shape[-2:]).astype(wide, copy=False) for each in arrays]
        found = attended(self.who, rows, Shown(self.causal, hidden))
        self._cache = found, [each.shape for each in arrays], shape
        return found.out.reshape(shape).astype(self._floats, copy=False)

    def _mask(self, mask: Any, shape: Shape) -> Array:
        array = as_mask(self.who, mask, shape)
        front = shape[:-2] if array.ndim > 2 else ()
        return np.broadcast_to(array, (*front, *array.shape[-2:])).reshape(-1, 1, *array.shape[-2:])

    @within_range
    def backward(self, dout: Any) -> tuple[Array, Array, Array]:
        found, shapes, shape = self._recall()
        dout = self._check_dout(dout, shape).reshape(found.out.shape)
        parts = found.back(dout, found.q.dtype)
        pairs = zip(parts, shapes, strict=True)
        dq, dk, dv = (part.reshape(own).astype(self._floats, copy=False) for part, own in pairs)
        return dq, dk, dv

    def _checked(self, q: Shape, k: Shape, v: Shape) -> Shape:
        """Return the shape of out, given those of the inputs."""
        fit = min(map(len, (q, k, v))) >= 2 and q[:-2] == k[:-2] == v[:-2] and q[-1] == k[-1] and k[-2] == v[-2]
        if not fit or 0 in (*q, *k, *v):
            wanted = "(..., T, d), (..., S, d) and (..., S, e)"
            raise ValueError(f"{self.who}: q, k and v must have shapes {wanted}, got {listed((q, k, v))}")
        return *q[:-1], v[-1]

    def shape_of_out(self, *shapes: Shape) -> Shape:
        return self._checked(*shapes)
