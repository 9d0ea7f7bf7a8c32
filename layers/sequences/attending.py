"""Attention on arrays, a block of queries at a time: the weights of all pairs of steps are never there at once.

For each row and head, with T queries, S keys and S values:

    scores = q @ k.T / sqrt(d)                (T, d) @ (d, S)     how well a key fits a query
    p      = softmax of each row of scores    (T, S)              0 where a key is hidden from a query
    out    = p @ v                            (T, S) @ (S, e)     a mean of the values

and back, given dout (T, e):

    out[t, c] = sum_s p[t, s] * v[s, c]           dv = p.T @ dout,   dp = dout @ v.T
    p[t, s] = exp(scores[t, s]) / sum_r exp(scores[t, r])
                                                  dscores = p * (dp - sum_s p * dp), the Jacobian of the softmax
    scores = q @ k.T / sqrt(d)                    dq = dscores @ k / sqrt(d),   dk = dscores.T @ q / sqrt(d)

The sum in dscores needs no dp: sum_s p[t, s] * (sum_c dout[t, c] * v[s, c]) = sum_c dout[t, c] * out[t, c]. So forward
keeps out and, of each query, log(sum(exp(scores))), and backward makes p anew: exp(scores - that). Where a query has
nothing to attend to, that is infinite, p is 0, and so are out and all gradients.

In blocks, and with the probabilities made anew: Rabe, Staats (2021), "Self-attention Does Not Need O(n²) Memory",
arXiv:2112.05682; Dao, Fu, Ermon, Rudra, Ré (2022), "FlashAttention", arXiv:2205.14135.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..contract import Array, Noise, Shape
from ..speed import sum_columns

MOST = 1 << 17  # scores that are there at once: more of them leave the cache of a core between two passes
LEAST = 64  # queries in a block, or the products become slow


class Block(NamedTuple):
    """A part of the scores: some rows, heads and queries, and the number of this choice of heads and queries."""

    rows: slice
    heads: slice
    queries: slice
    number: int


class Shown(NamedTuple):
    """Which keys a query may attend to: all, those up to its own position, those of a mask, or both.

    Query t of T stands at position S - T + t of the S keys: with all keys of a sequence and its last queries, each
    is where it is in the sequence.
    """

    causal: bool
    mask: Array | None  # bool, (N or 1, H or 1, T or 1, S), True where one may attend

    def end(self, queries: slice, n_queries: int, n_keys: int) -> int:
        """Return how many keys, from the first on, some query of a block may attend to."""
        return max(1, n_keys - n_queries + queries.stop) if self.causal else n_keys

    def added(self, block: Block, n_queries: int, n_keys: int, dtype: np.dtype[Any]) -> Array | None:
        """Return what is added to the scores of a block: 0 where one may attend, -inf where not; None for nothing."""
        queries, end = block.queries, self.end(block.queries, n_queries, n_keys)
        n, first = queries.stop - queries.start, n_keys - n_queries + queries.start
        hidden = _triangle(n, end, first, dtype) if self.causal and first + 1 < end else None
        if self.mask is None:
            return hidden
        cuts = [here if size > 1 else slice(None) for here, size in zip(block[:3], self.mask.shape, strict=False)]
        cuts.append(slice(end))
        mask = self.mask[tuple(cuts)]
        masked = np.where(mask, np.zeros((), dtype), np.array(-np.inf, dtype))
        return masked if hidden is None else masked + hidden


@lru_cache(maxsize=16)
def _triangle(n: int, n_keys: int, first: int, dtype: np.dtype[Any]) -> Array:
    """Return (n, n_keys): 0 up to the position of each query, the first of which stands at `first`, then -inf."""
    later = np.arange(n_keys) > first + np.arange(n)[:, np.newaxis]
    hidden = np.where(later, np.array(-np.inf, dtype), np.zeros((), dtype))
    hidden.flags.writeable = False  # all passes share it
    return hidden


class Dropped:
    """The masks of a dropout on the probabilities, block by block, the same again in backward.

    Row i of a batch has masks of its own, in whatever part or block it is: they are drawn for its place.
    """

    def __init__(self, noise: Noise, rate: float, n_rows: int, n_heads: int, n_queries: int, n_keys: int) -> None:
        self.rate = rate
        self._first = copy.copy(noise)
        for _ in blocks(1, n_heads, n_queries, n_keys):  # a draw for each, wherever the rows are cut
            noise.draw((n_rows, 0))

    def mask(self, block: Block, shape: Shape, dtype: np.dtype[Any]) -> Array:
        """Return 0 with probability rate, 1 / (1 - rate) otherwise, for the scores of a block."""
        here = copy.copy(self._first)
        here.row += block.rows.start
        if here.n_draws is None:
            here.step += block.number
        else:
            here.n_draws += block.number
        mask: Array = (here.draw(shape, np.float32 if self.rate <= 0.99 else np.float64) >= self.rate).astype(dtype)
        mask /= 1 - self.rate
        return mask


def blocks(n_rows: int, n_heads: int, n_queries: int, n_keys: int) -> Iterator[Block]:
    """Yield the blocks of the scores, each of few enough of them.

    How heads and queries are cut does not depend on how many rows there are: a part of a batch is cut as the whole.
    """
    width = min(n_queries, max(LEAST, MOST // (n_heads * n_keys)))
    deep = min(n_heads, max(1, MOST // (n_keys * width)))
    high = max(1, MOST // (n_keys * width * deep))
    for first in range(0, n_rows, high):
        rows, number = slice(first, min(n_rows, first + high)), 0
        for head in range(0, n_heads, deep):
            for query in range(0, n_queries, width):
                heads, queries = slice(head, min(n_heads, head + deep)), slice(query, min(n_queries, query + width))
                yield Block(rows, heads, queries, number)
                number += 1


def attend(q: Array, k: Array, v: Array, shown: Shown, dropped: Dropped | None = None, out: Any = None) -> Any:
    """Return out and log(sum(exp(scores))) of each query, (N, H, T, 1); q comes divided by sqrt(d) already.

    q (N, H, T, d), k (N, H, S, d), v (N, H, S, e), out (N, H, T, e), which may be given.
    """
    (n, n_heads, n_queries, _), n_keys = q.shape, k.shape[2]
    out = np.empty((n, n_heads, n_queries, v.shape[3]), q.dtype) if out is None else out
    sums = np.empty((n, n_heads, n_queries, 1), q.dtype)
    for block in blocks(n, n_heads, n_queries, n_keys):
        here, keys = block[:3], (*block[:2], slice(shown.end(block.queries, n_queries, n_keys)))
        scores = np.matmul(q[here], k[keys].swapaxes(2, 3))
        added = shown.added(block, n_queries, n_keys, q.dtype)
        if added is not None:
            scores += added
        top = scores.max(axis=3, keepdims=True)
        if added is not None:
            top[np.isneginf(top)] = 0
        scores -= top
        np.exp(scores, out=scores)
        total = sum_columns(scores)
        if added is not None:
            total[total == 0] = np.inf  # nothing to attend to
        sums[here] = np.log(total) + top
        if dropped is not None:
            scores *= dropped.mask(block, scores.shape, q.dtype)
        out_here = out[here]
        np.matmul(scores, v[keys], out=out_here)
        out_here /= total
    return out, sums


def attend_back(
    q: Array,
    k: Array,
    v: Array,
    shown: Shown,
    dropped: Dropped | None,
    out: Array,
    sums: Array,
    dout: Array,
    into: tuple[Array, Array, Array],
) -> None:
    """Write dq, that of q before it was divided, dk and dv into three arrays."""
    (n, n_heads, n_queries, width), n_keys = q.shape, k.shape[2]
    dq, dk, dv = into
    for block in blocks(n, n_heads, n_queries, n_keys):
        here, end = block[:3], shown.end(block.queries, n_queries, n_keys)
        keys = *block[:2], slice(end)
        q_here, dout_here, k_here = q[here], dout[here], k[keys]
        p = np.matmul(q_here, k_here.swapaxes(2, 3))
        added = shown.added(block, n_queries, n_keys, q.dtype)
        if added is not None:
            p += added
        p -= sums[here]
        np.exp(p, out=p)
        dp = np.matmul(dout_here, v[keys].swapaxes(2, 3))
        kept = p
        if dropped is not None:
            mask = dropped.mask(block, p.shape, q.dtype)
            dp *= mask
            kept = p * mask
        first = block.queries.start == 0
        _add_product(dv[block[:2]], end, kept, dout_here, first)
        dp -= sum_columns(dout_here, out[here])
        dp *= p
        np.matmul(dp, k_here, out=dq[here])
        _add_product(dk[block[:2]], end, dp, q_here, first)
    dq /= math.sqrt(width)


def _add_product(total: Array, end: int, weights: Array, rows: Array, first: bool) -> None:
    """Add weights.T @ rows to the first keys of a total, which begins with the first block of queries."""
    if first:
        np.matmul(weights.swapaxes(2, 3), rows, out=total[:, :, :end])
        total[:, :, end:] = 0
    else:
        total[:, :, :end] += np.matmul(weights.swapaxes(2, 3), rows)


def plain_attention(q: Array, k: Array, v: Array, shown: Array | None = None) -> Array:
    """Return attention by its definition, for q (..., T, d), k (..., S, d), v (..., S, e): what the fast form computes.

    Examples
    --------
    >>> q = np.array([[0.0, 0.0], [100.0, 0.0]])
    >>> k, v = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[2.0], [4.0]])
    >>> plain_attention(q, k, v).round(4)  # the first query likes both keys alike, the second one of them
    array([[3.],
           [2.]])
    """
    scores = q @ np.swapaxes(k, -1, -2) / math.sqrt(q.shape[-1])
    if shown is not None:
        scores = np.where(shown, scores, -np.inf)
    top = scores.max(axis=-1, keepdims=True)
    weights = np.exp(scores - np.where(np.isfinite(top), top, 0))
    total = weights.sum(axis=-1, keepdims=True)
    return (weights / np.where(total > 0, total, 1)) @ v
