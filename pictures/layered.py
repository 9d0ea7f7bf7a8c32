"""Where the parts of a graph go: in columns, each behind all it reads, with as few crossings as are easily found.

    1. the column of a part is the longest way to it from an input
    2. a wire across several columns gets a place of its own in each of them, so that it runs through no part
    3. sweeps there and back put each part at the mean place of its neighbors (the barycenter of Sugiyama)
    4. heights: each part as near to the mean of its neighbors as the order and the sizes allow

Sugiyama, Tagawa, Toda (1981), "Methods for Visual Understanding of Hierarchical System Structures". Nothing is drawn at
random: the same graph gives the same picture.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np

SWEEPS = 12
Wire = tuple[str, str, int]  # from, to, and the how many-th input of that one it is


class Layout(NamedTuple):
    """The columns from left to right, the middle heights, and the way of each wire.

    Attributes
    ----------
    columns : list of list of str
        The parts, and the places of wires that pass, from top to bottom.
    heights : dict of str to float
        Upwards.
    ways : dict of (from, to, which input) to list of str
        The places through which a wire goes, its two ends included.
    """

    columns: list[list[str]]
    heights: dict[str, float]
    ways: dict[Wire, list[str]]


def layered(
    sources: Mapping[str, Sequence[str]],
    sizes: Mapping[str, float],
    *,
    gap: float,
    thin: float,
    late: Collection[str] = (),
) -> Layout:
    """Return where the parts go, given what each reads and how high it is.

    Parameters
    ----------
    sources : dict of str to sequence of str
        Each part behind those it reads.
    sizes : dict of str to float
        The heights of the parts; `gap` is left between two neighbors, and a wire that passes is `thin`.
    late : names, default ()
        Of parts that read nothing and come right before their first reader, not at the left: constants.

    Examples
    --------
    >>> from pictures.layered import layered
    >>> parts = {"x": (), "y": (), "z": (), "q": ("x", "y"), "f": ("q", "z")}
    >>> layout = layered(parts, dict.fromkeys(parts, 1.0), gap=0.5, thin=0.1)
    >>> layout.columns, layout.ways["z", "f", 1]
    ([['x', 'y', 'z'], ['q', 'z -> f 1: 1'], ['f']], ['z', 'z -> f 1: 1', 'f'])
    """
    column = _columns(sources, late)
    columns: list[list[str]] = [[] for _ in range(max(column.values()) + 1)]
    for name in sources:
        columns[column[name]].append(name)
    ways: dict[Wire, list[str]] = {}
    for name, reads in sources.items():
        for i, source in enumerate(reads):
            passing = [f"{source} -> {name} {i}: {k}" for k in range(column[source] + 1, column[name])]
            for k, place in enumerate(passing, column[source] + 1):
                columns[k].append(place)
            ways[source, name, i] = [source, *passing, name]
    before: dict[str, list[str]] = {place: [] for each in columns for place in each}
    after: dict[str, list[str]] = {place: [] for each in columns for place in each}
    for way in ways.values():
        for first, second in itertools.pairwise(way):
            after[first].append(second)
            before[second].append(first)
    _order(columns, before, after)
    return Layout(columns, _heights(columns, before, after, sizes, gap, thin), ways)


def _columns(sources: Mapping[str, Sequence[str]], late: Collection[str]) -> dict[str, int]:
    """Return the column of each part: inputs at the left, constants right before those that read them first."""
    column: dict[str, int] = {}
    for name, reads in sources.items():
        column[name] = 1 + max((column[source] for source in reads), default=-1)
    for name in late:
        readers = [column[other] for other, reads in sources.items() if name in reads]
        column[name] = min(readers, default=1) - 1
    return column


def _order(columns: list[list[str]], before: dict[str, list[str]], after: dict[str, list[str]]) -> None:
    """Put each column into the order of the mean places of its neighbors, forth and back; keep the best found."""
    best, least = [list(each) for each in columns], _crossings(columns, after)
    for sweep in range(SWEEPS):
        forth = sweep % 2 == 0
        neighbors = before if forth else after
        places = range(1, len(columns)) if forth else range(len(columns) - 2, -1, -1)
        for k in places:
            rank = {place: i for i, place in enumerate(columns[k - 1 if forth else k + 1])}
            own = {place: i for i, place in enumerate(columns[k])}
            means = {
                place: float(np.mean([rank[each] for each in neighbors[place]])) if neighbors[place] else own[place]
                for place in columns[k]
            }
            columns[k] = [place for _, _, place in sorted((means[place], own[place], place) for place in columns[k])]
        found = _crossings(columns, after)
        if found < least:
            best, least = [list(each) for each in columns], found
    columns[:] = best


def _crossings(columns: list[list[str]], after: dict[str, list[str]]) -> int:
    """Return how many pairs of wires cross between neighboring columns."""
    total = 0
    for first, second in itertools.pairwise(columns):
        rank = {place: i for i, place in enumerate(second)}
        ends = [sorted(rank[each] for each in after[place]) for place in first]
        for upper, lower in itertools.combinations(ends, 2):
            total += sum(a > b for a in upper for b in lower)
    return total


def _heights(
    columns: list[list[str]],
    before: dict[str, list[str]],
    after: dict[str, list[str]],
    sizes: Mapping[str, float],
    gap: float,
    thin: float,
) -> dict[str, float]:
    """Return the heights of the middles, in the order of each column from top to bottom."""
    half = {place: sizes.get(place, thin) / 2 for each in columns for place in each}
    heights: dict[str, float] = {}
    for each in columns:
        top = 0.0
        for place in each:
            heights[place] = top - half[place]
            top -= 2 * half[place] + gap
        middle = (heights[each[0]] + heights[each[-1]]) / 2
        heights |= {place: heights[place] - middle for place in each}
    for sweep in range(2 * SWEEPS):
        for each in columns if sweep % 2 == 0 else columns[::-1]:
            near = [[*before[place], *after[place]] for place in each]
            wished = [
                float(np.mean([heights[neighbor] for neighbor in found])) if found else heights[place]
                for place, found in zip(each, near, strict=True)
            ]
            apart = [half[a] + half[b] + gap for a, b in itertools.pairwise(each)]
            heights |= dict(zip(each, _spaced(wished, apart), strict=True))
    return heights


def _spaced(wished: list[float], apart: list[float]) -> list[float]:
    """Return the heights nearest to those wished, by squares, that fall by at least `apart` from each to the next.

    With the distances taken off, what is left must not rise: a monotone regression, by pooling neighbors that do.

    Examples
    --------
    >>> from pictures.layered import _spaced
    >>> _spaced([0.0, 0.0, -5.0], [1.0, 1.0])
    [0.5, -0.5, -5.0]
    """
    offsets = [0.0, *itertools.accumulate(apart)]
    pools: list[tuple[float, int]] = []
    for value, offset in zip(wished, offsets, strict=True):
        mean, n = value + offset, 1
        while pools and pools[-1][0] < mean:
            other, m = pools.pop()
            mean, n = (mean * n + other * m) / (n + m), n + m
        pools.append((mean, n))
    flat = [mean for mean, n in pools for _ in range(n)]
    return [value - offset for value, offset in zip(flat, offsets, strict=True)]
