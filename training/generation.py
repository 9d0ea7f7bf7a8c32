"""Sequences written by a network: a token is drawn from its logits, goes in, and gives the logits of the next one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from layers import Padded, softmax
from layers.contract import Array, Rng, checks

from .data.arrays import real_array


def sample(
    logits: ArrayLike,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    rng: Rng = None,
) -> Any:
    """Draw a token from each row of logits, by softmax(logits / temperature).

    Parameters
    ----------
    logits : array (V,) or (N, V)
        -inf for a token that must not come.
    temperature : float >= 0, default 1
        Below 1 the likely tokens become more likely; 0 takes the likeliest one, the first of several.
    top_k : int, optional
        Draw from the k likeliest tokens alone. Those that tie with the last of them are kept too.
    top_p : float in (0, 1], optional
        Draw from the likeliest tokens that together have a probability of p or more: the fewest of them, and at least
        one. It counts after temperature and top_k.
    rng : int or numpy.random.Generator, optional

    Returns
    -------
    int or array (N,) of int

    Raises
    ------
    ValueError, TypeError
        If logits hold NaN or +inf, or -inf alone, or an option is out of its range.

    References
    ----------
    Holtzman et al. (2019), "The Curious Case of Neural Text Degeneration", arXiv:1904.09751, for top_p.

    Examples
    --------
    >>> sample([0.0, 5.0, 1.0], temperature=0)
    1
    >>> sample(np.zeros((6, 3)), rng=0, top_k=1).shape  # all tie, and so all are kept
    (6,)
    """
    scores = real_array("sample", "logits", logits)
    if scores.ndim not in (1, 2):
        raise ValueError(f"sample: logits must have shape (V,) or (N, V), got {scores.shape}")
    temperature = checks.number("sample", "temperature", temperature, 0)
    rng = checks.generator("sample", rng)
    rows = np.atleast_2d(scores).astype(np.float64)
    tops = rows.max(axis=1)
    if not np.isfinite(tops).all():
        raise ValueError(f"sample: the largest of logits must be finite in each row, got {tops[~np.isfinite(tops)][0]}")
    if top_k is not None:
        k = min(checks.whole("sample", "top_k", top_k), rows.shape[1])
        least = np.partition(rows, -k, axis=1)[:, -k, np.newaxis]
        rows = np.where(rows < least, -np.inf, rows)
    if top_p is not None and not 0 < checks.number("sample", "top_p", top_p) <= 1:
        raise ValueError(f"sample: top_p must be in (0, 1], got {top_p}")
    if temperature == 0:
        tokens = rows.argmax(axis=1)
    else:
        with np.errstate(over="ignore"):  # far below the largest, whose probability is 0
            probabilities = softmax((rows - tops[:, np.newaxis]) / temperature)
        if top_p is not None:
            probabilities = _nucleus(probabilities, top_p)
        sums = probabilities.cumsum(axis=1)
        drawn = rng.random((len(rows), 1)) * sums[:, -1:]
        tokens = np.minimum((sums <= drawn).sum(axis=1), rows.shape[1] - 1)
    return int(tokens[0]) if scores.ndim == 1 else tokens


def _nucleus(probabilities: Array, p: float) -> Array:
    """Return the probabilities with zeros for all but the likeliest tokens that have p together."""
    order = np.argsort(-probabilities, axis=1, kind="stable")
    ranked = np.take_along_axis(probabilities, order, axis=1)
    before = ranked.cumsum(axis=1) - ranked  # what the likelier ones have
    ranked[:, 1:][before[:, 1:] >= p] = 0
    kept = np.zeros_like(probabilities)
    np.put_along_axis(kept, order, ranked, axis=1)
    return kept


def generate(
    model: Any,
    prompt: ArrayLike | Padded,
    n: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    stop: int | None = None,
    window: int | None = None,
    rng: Rng = None,
) -> Array:
    """Write n tokens behind a prompt, each drawn by `sample` from what the model says of those before it.

    The model goes through each token once, by `advance`, whose state is all that it remembers.

    Parameters
    ----------
    model : Layer
        From tokens (N, T) to logits (N, T, V), no step of which depends on a later one.
    prompt : array (T,) or (N, T) of int, or Padded
        At least one token in each row; rows of unequal length as a `Padded`.
    n : int
        How many tokens.
    temperature, top_k, top_p
        As in `sample`.
    stop : int, optional
        A row ends with this token, and is filled up with it; when all rows have ended, fewer than n tokens come.
    window : int, optional
        The model is shown the last so many tokens only, as it must be where it knows no more positions. From then on
        each token costs a pass over all of them.
    rng : int or numpy.random.Generator, optional

    Returns
    -------
    array (n,) or (N, n) of int
        What was written, without the prompt.

    Raises
    ------
    ValueError, TypeError
        If the prompt is empty or does not hold integers, the model gives no logits, or an option is out of its range.

    Examples
    --------
    >>> model = Sequential([Embedding(3, 8), GRU(8, 8), Dense(8, 3)], rng=0)
    >>> generate(model, [0, 1], 5, rng=0).shape, generate(model, [[0, 1], [2, 2]], 5, rng=0).shape
    ((5,), (2, 5))
    """
    n, rng = checks.whole("generate", "n", n), checks.generator("generate", rng)
    if isinstance(model, type) or not callable(getattr(model, "advance", None)):
        got = f"the class {model.__name__}" if isinstance(model, type) else f"{model!r:.80}"
        raise TypeError(f"generate: model must have advance, as every layer has, got {got}")
    if stop is not None:
        stop = checks.whole("generate", "stop", stop, 0)
    given = prompt if isinstance(prompt, Padded) else _tokens(prompt)
    rows = given if isinstance(given, Padded) or given.ndim == 2 else given[np.newaxis]
    options: dict[str, Any] = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    sample(np.zeros(2), rng=0, **options)  # is anything wrong with them?
    if window is not None:
        window = checks.whole("generate", "window", window)
        if isinstance(rows, Padded):
            raise TypeError("generate: window must be None where rows are of unequal length, got a Padded")
    logits, state = _begun(model, rows, window)
    seen: Any = rows
    written = np.empty((len(rows), n), np.int64)
    over = np.zeros(len(rows), bool)
    for i in range(n):
        tokens = np.where(over, stop or 0, sample(logits, rng=rng, **options))
        written[:, i] = tokens
        if stop is not None:
            over |= tokens == stop
            if over.all():
                written = written[:, : i + 1]
                break
        if i + 1 < n:
            if window is not None:
                seen = np.concatenate([seen, tokens[:, np.newaxis]], axis=1)[:, -window:]
            if window is not None and rows.shape[1] + i + 1 > window:
                logits = _last(model, model.predict(seen))
            else:
                out, state = model.advance(tokens[:, np.newaxis], state)
                logits = _last(model, out)
    return written if isinstance(given, Padded) or given.ndim == 2 else written[0]


def _begun(model: Any, rows: Any, window: int | None) -> tuple[Array, Any]:
    """Return the logits behind the prompt, and the state."""
    if isinstance(rows, Padded):
        if rows.lengths.min() == 0:
            raise ValueError(f"generate: prompt must hold a token in each row, got none in row {rows.lengths.argmin()}")
        out, state = model.advance(rows)
        return _last(model, out), state
    if window is not None and rows.shape[1] > window:
        return _last(model, model.predict(rows[:, -window:])), None
    out, state = model.advance(rows)
    return _last(model, out), state


def _last(model: Any, out: Any) -> Array:
    """Return the logits of the last step of each row."""
    numbers, last = (out.x, out.lengths - 1) if isinstance(out, Padded) else (np.asarray(out), -1)
    if numbers.ndim != 3:
        raise ValueError(f"generate: model must give logits (N, T, V), got shape {numbers.shape}")
    found: Array = numbers[np.arange(len(numbers)), last]
    if math.isnan(float(found.sum())):
        raise ValueError("generate: model must give finite logits, got NaN")
    return found


def _tokens(prompt: Any) -> Array:
    tokens = real_array("generate", "prompt", prompt, empty=True)
    if tokens.size == 0 or tokens.ndim not in (1, 2):
        raise ValueError(f"generate: prompt must have shape (T,) or (N, T) with at least one token, got {tokens.shape}")
    if tokens.dtype.kind not in "iu":
        raise TypeError(f"generate: prompt must hold integers, got dtype {tokens.dtype}")
    return tokens
