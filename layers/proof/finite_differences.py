"""Derivatives without a formula: differences of a function over small steps, and what to do at a kink."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from ..contract import Array

STEP = 1e-4  # h, for numbers of about 1: rounding costs 1e-12 of f, the curvature of the derivative h² = 1e-8 of it
FINER_STEPS = STEP * 10.0 ** np.arange(1.5, -3.5, -0.5)  # to look closer where that does not agree

Move: TypeAlias = int | Array  # the flat index of one element, or a direction in which to move all of them


def moves_of(rng: np.random.Generator, array: Array, directions: int | None) -> list[Move]:
    """Return the ways to move an array: every element by itself, or so many random directions of length 1."""
    if directions is None:
        return list(range(array.size))
    draws = [rng.normal(size=array.shape) for _ in range(directions)]
    return [draw / np.linalg.norm(draw) for draw in draws]


class Slopes:
    """The derivatives of f = sum(dout * forward()), where forward depends on arrays that can be moved in place.

    Parameters
    ----------
    forward : callable () -> array
        It may raise ValueError where a step leads out of what it takes.
    dout : array, or 1.0
    """

    def __init__(self, forward: Callable[[], Array], dout: Any) -> None:
        self.forward, self.dout = forward, dout

    def _at(self, array: Array, move: Move, step: float) -> Array:
        """Return out at array + step * move, and put the array back."""
        before = array.copy()
        if isinstance(move, int):
            array.reshape(-1)[move] += step
        else:
            array += step * move
        try:
            return self.forward()
        finally:
            array[...] = before

    def _projected(self, difference: Any) -> float:
        return float(np.sum(self.dout * difference))

    def central(self, array: Array, move: Move, step: float = STEP) -> float:
        """Return the central difference, or NaN where the step leads out of what forward takes.

        Outputs that do not depend on the array cancel exactly.
        """
        step *= max(1.0, abs(float(array.reshape(-1)[move]))) if isinstance(move, int) else 1.0
        try:
            return self._projected(self._at(array, move, step) - self._at(array, move, -step)) / (2 * step)
        except ValueError:
            return float("nan")

    def looked_at_closely(self, array: Array, move: Move, scale: float) -> float:
        """Return the derivative from several steps, or NaN where there is none: on a kink.

        `scale` is the size of a derivative that matters.
        """
        # Richardson: (4 D(h/2) - D(h)) / 3 cancels the h² term. The step where two estimates agree best is believed.
        coarse = np.array([self.central(array, move, h) for h in FINER_STEPS])
        fine = np.array([self.central(array, move, h / 2) for h in FINER_STEPS])
        distances = np.abs(fine - coarse)
        best = int(np.argmin(np.where(np.isnan(distances), np.inf, distances)))
        # The gap between the slopes from the right and from the left shrinks with h, unless there is a kink.
        wide, narrow = (self._gap(array, move, h) for h in (1e-5, 1e-6))
        on_a_kink = narrow > 0.5 * wide and narrow > 1e-6 * scale
        return float("nan") if on_a_kink else float((4 * fine[best] - coarse[best]) / 3)

    def _gap(self, array: Array, move: Move, step: float) -> float:
        middle = self.forward()
        right = self._projected(self._at(array, move, step) - middle) / step
        left = self._projected(middle - self._at(array, move, -step)) / step
        return abs(right - left)
