"""Derivatives without a formula: differences of a function over small steps, how far they may be off, and kinks.

The error of (f(x + h) - f(x - h)) / 2h has two parts. The curvature of the derivative costs h², which a second step
cancels (Richardson); the rounding of f costs u / h, where u is measured and not guessed. Both are kept with the
derivative, so that a number of 1e-9 beside others of 1 is held to the rounding of its own differences.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from ..contract import Array

STEP = 1e-4  # h, for numbers of about 1: rounding costs 1e-12 of f, the curvature of the derivative h² = 1e-8 of it
RATIO = 5.0  # from one step to the next finer one, where that does not decide
FIRST, COARSEST, FINEST = 3, 9, -10  # powers of RATIO by which to multiply STEP: 1e-2 at first, 2e2, 1e-11
CERTAIN = 3.0  # times the rounding as measured: what it never exceeds

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
    arrays : sequence of array
        All that can be moved.
    """

    def __init__(self, forward: Callable[[], Array], dout: Any, arrays: Sequence[Array]) -> None:
        self.forward, self.dout, self.arrays = forward, dout, arrays
        self.out = forward()
        self.roundings = np.zeros(np.shape(self.out))  # of each number of dout * out

    def rounding(self, only: Any = True) -> float:
        """Return the rounding of f, or of the part of it that depends on `only` some numbers of out."""
        largest = float(self.roundings.max(initial=0.0, where=only))  # the squares of small numbers would be zero
        return CERTAIN * largest * float(np.sqrt(np.sum(np.square(self.roundings / (largest or 1.0)), where=only)))

    def _project(self, difference: Any) -> float:
        return float(np.vdot(self.dout, difference))

    @staticmethod
    def unit(array: Array, move: Move) -> float:
        """Return what a step of 1 means: 1, or the size of what is moved, if that is more."""
        if isinstance(move, int):
            return max(1.0, abs(float(array.reshape(-1)[move])))
        return max(1.0, float(np.sqrt(np.mean(np.square(array)))))

    def _at(self, array: Array, move: Move, step: float) -> tuple[Array, float]:
        """Return out at array + step * move, and the step that was made, rounding included; put the array back."""
        if isinstance(move, int):
            flat = array.reshape(-1)
            here = flat[move]
            flat[move] = there = here + step
            try:
                return self.forward(), float(there - here)
            finally:
                flat[move] = here
        before = array.copy()
        array += step * move
        try:
            return self.forward(), step
        finally:
            array[...] = before

    def central(self, array: Array, move: Move) -> float:
        """Return the central difference over STEP, or NaN where that leads out of what forward takes.

        Outputs that do not depend on the array cancel exactly.
        """
        step = STEP * self.unit(array, move)
        try:
            (after, right), (before, left) = self._at(array, move, step), self._at(array, move, -step)
        except ValueError:
            return float("nan")
        return self._project(after - before) / ((right - left) or np.nan)

    def one_sided(self, array: Array, move: Move, step: float) -> tuple[float, float]:
        """Return the slopes to the left and to the right, NaN where they cannot be had."""
        slopes = []
        for signed in (-step, step):
            try:
                out, made = self._at(array, move, signed)
                slope = self._project(out - self.out) / (made or np.nan)
            except ValueError:
                slope = np.nan
            slopes.append(slope if np.isfinite(slope) else np.nan)
        return slopes[0], slopes[1]

    def touched(self, array: Array, move: Move) -> Any:
        """Return which numbers of out depend on this one: True for each that a step changes, or True for all.

        Where something is saturated, as in a softmax of large logits, a number may change by less than its rounding.
        So the step is also made where all arrays are of about 1.
        """
        if self.out.size == 1:
            return True
        changed = np.zeros(self.out.shape, bool)
        befores = [each.copy() for each in self.arrays]
        try:
            for tame in (False, True):
                if tame:
                    for each in self.arrays:
                        each /= float(np.abs(each).max(initial=0.0)) or 1.0
                changed |= self.forward() != self._at(array, move, 0.5)[0]
        except ValueError:
            return True
        finally:
            for each, before in zip(self.arrays, befores, strict=True):
                each[...] = before
        return changed if changed.any() else True

    def looked_at_closely(
        self, array: Array, move: Move, analytic: float, rounding: float, tolerance: float
    ) -> tuple[float, float]:
        """Return the derivative from many steps, and how far it may be off; NaN where there is none: on a kink.

        `analytic` is what it should be, with a rounding of its own: steps are made until it is clear whether it is.
        """
        with np.errstate(all="ignore"):
            return _Ladder(self, array, move, tolerance).judge(analytic, rounding)


class _Ladder:
    """The slopes of one number over steps STEP * RATIO**k, made when they are asked for."""

    def __init__(self, slopes: Slopes, array: Array, move: Move, tolerance: float) -> None:
        self.slopes, self.array, self.move, self.tolerance = slopes, array, move, tolerance
        self.unit = STEP * slopes.unit(array, move)
        self.rounding = slopes.rounding(slopes.touched(array, move))
        self.rungs: dict[int, tuple[float, float]] = {}
        self.tried: dict[int, tuple[float, float]] = {}  # the value and the error of each three steps
        self.stairs = 0.0  # rounding that shows in the slopes only
        self.value, self.error, self.best, self.kinked = float("nan"), np.inf, FIRST, False

    def noise(self, k: int) -> float:
        """What the rounding of f makes of a slope over this step."""
        return self.rounding / (self.unit * RATIO**k)

    def _sides(self, k: int) -> tuple[float, float]:
        if k not in self.rungs:
            self.rungs[k] = self.slopes.one_sided(self.array, self.move, self.unit * RATIO**k)
        return self.rungs[k]

    def middle(self, k: int) -> float:
        left, right = self._sides(k)
        return (left + right) / 2

    def gap(self, k: int) -> float:
        """The slope to the right less that to the left: it shrinks with the step, unless there is a kink."""
        left, right = self._sides(k)
        return right - left

    def _richardson(self, k: int) -> float:
        """(25 D(h / 5) - D(h)) / 24 cancels the h² term."""
        return (RATIO**2 * self.middle(k - 1) - self.middle(k)) / (RATIO**2 - 1)

    def _try(self, k: int) -> None:
        """Note what three steps say, the widest of them k, and take it if it is the best that we have."""
        value = self._richardson(k - 1)
        error = abs(value - self._richardson(k))
        gaps = [abs(self.gap(k - i)) for i in range(3)]
        kinked = gaps[2] > 0.5 * gaps[1] + 4 * self.noise(k - 2)
        error += self.noise(k - 2) + gaps[2] * kinked  # it does not shrink: there is a kink between the steps
        coarse, fine = (abs(self.middle(k - i - 1) - self.middle(k - i)) for i in range(2))
        if fine > 0.5 * coarse + 4 * self.noise(k - 2):
            error = np.inf  # finer steps do not bring it nearer to anything yet
        change = max(gaps[2], fine)
        self.stairs = max(self.stairs, (change - 2 * max(gaps[:2])) * self.unit * RATIO ** (k - 2))
        self.tried[k] = value, error
        if error < self.error:
            self.value, self.error, self.best, self.kinked = value, error, k, kinked

    def _climb(self) -> None:
        for k in range(FIRST, FINEST + 1, -1):
            if self.noise(k - 2) > self.error:
                break  # finer steps have more noise still
            self._try(k)
        # Where rounding is all that is left, wider steps have less of it.
        for k in range(FIRST + 1, COARSEST + 1):
            if self.best < k - 1 or self.error <= 0.1 * self.tolerance * abs(self.value):
                break
            drift = abs(self.middle(k) - self.middle(k - 1))
            if not drift <= self.noise(k - 1) + self.tolerance * abs(self.middle(k)):
                break  # what it tends to out there is another thing, such as 0 where all is saturated
            self._try(k)

    def judge(self, analytic: float, rounding: float) -> tuple[float, float]:
        self._climb()
        if np.isnan(self.value):
            return self.value, 0.0
        off = abs(analytic - self.value)
        allowed = self.tolerance * max(abs(analytic), abs(self.value)) + self.error + rounding
        if off <= allowed and not self.kinked:
            return self.value, self.error
        # Before it is called wrong: what do the finest steps say that can tell the two apart? A kink of small weight,
        # or one very near, shows only there.
        k = FINEST
        while k < self.best - 2 and self.noise(k) > 0.05 * off:
            k += 1
        middle, noise = self._richardson(k + 1), self.noise(k)
        jump = abs(RATIO * self.gap(k) - self.gap(k + 1)) / (RATIO - 1)  # what is left of the gap as h goes to 0
        if np.isnan(jump):
            return float("nan"), 0.0
        if abs(middle - self._richardson(k + 2)) > 0.1 * off:
            return float("nan"), 0.0  # kinks at all distances, and the rounding is in the way before they end
        if jump > 8 * noise + 1e-3 * off:
            return float("nan"), 0.0  # on a kink; which of its slopes backward takes, or of several, is a convention
        if abs(analytic - middle) <= jump / 2 + 2 * noise + rounding:
            return middle, 2 * noise + jump / 2
        return self._on_stairs(analytic, rounding) or (
            (self.value, self.error) if np.isfinite(off) else (middle, noise)
        )

    def _on_stairs(self, analytic: float, rounding: float) -> tuple[float, float] | None:
        """Return what wide steps say, and its error, if the finer ones show nothing but rounding of something inside.

        1 + tanh(x) far left is a staircase: flat over the finest steps, which moving the last digits of x does not
        show. There the gap of the slopes grows before it vanishes, where a smooth function lets it shrink.
        """
        off = abs(analytic - self.value)
        one_stair = 64 * np.finfo(float).eps * float(np.abs(self.slopes.dout).max())
        if off <= one_stair and abs(self.middle(FIRST) - self.value) > 0.5 * off:
            return self.value, one_stair
        if self.stairs <= 10 * self.rounding:
            return None  # the rounding that is known of
        for k, (value, error) in self.tried.items():
            stairs = self.stairs / (self.unit * RATIO ** (k - 2))
            sure = error < 30 * stairs and error + stairs < 0.01 * abs(value)
            if sure and abs(analytic - value) <= 2 * (error + stairs) + rounding:
                return value, 2 * (error + stairs)
        return None
