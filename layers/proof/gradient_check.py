"""Finite differences: is a backward really the derivative of its forward?

A derivative is a limit, (f(x + h) - f(x - h)) / 2h for small h, and needs nothing but forward. If backward agrees
with it in every direction at a random point, the formula in backward is right.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..contract import Rng, checks
from .finite_differences import CERTAIN, STEP, Slopes, moves_of
from .gradient_report import GradientError, GradientReport, described, diagnose
from .subject import Gradient, Subject

ATTEMPTS = 4  # to find a point off the kinks
SINGLE = 3e-9  # relative: what float64 is always better than, and float32 hardly ever
SEVEN_DIGITS = "right to seven digits only: something in it is computed in float32"


def check_gradients(
    layer: Any,
    *inputs: Any,
    loss: Any = None,
    y: Any = None,
    tolerance: float = 1e-7,
    directions: int | None = None,
    randomize: bool = True,
    rng: Rng = 0,
) -> GradientReport:
    """Compare `backward` with central differences of `forward`, and raise with a diagnosis if they differ.

    Works in float64 on a copy of the layer, with all parameters drawn at random, and projects the output on a random
    dout: f = sum(dout * out). Each derivative is (f(x + h) - f(x - h)) / 2h; where that does not agree with backward,
    other steps h decide. Every number is held to its own size and to the rounding of its own differences, which is
    measured: a tiny feature beside large ones is checked as sharply as they are.

    A point on a kink, where the slopes from left and right differ, has no derivative and is skipped; where most points
    are, others near them are taken. Noise, as in Dropout, is the same in each forward, if it comes from a numpy
    Generator kept as an attribute.

    Besides, backward must set the gradients (not add to them), do so with `input_gradient=False` too, change neither
    its dout nor the inputs, and compute in float64; every array that has a gradient must be declared.

    Parameters
    ----------
    layer : Layer or loss
        A layer, a gate, a whole network, or an object with `forward(*inputs) -> float` and `backward()`.
    *inputs : array, number or Padded
        Of forward. Floating ones are checked, integers (labels, indices) are held fixed; of a loss, only the first
        one is checked, the predictions.
    loss, y : optional
        A loss and its targets behind the network: f is then loss.forward(layer.forward(*inputs), y).
    tolerance : float, default 1e-7
        Largest relative error of a number allowed, beyond rounding.
    directions : int, optional
        Instead of every element, move each array along so many random directions: for large layers.
    randomize : bool, default True
        False keeps the parameters as they are.
    rng : int or numpy.random.Generator, default 0
        Of the parameters, dout and directions.

    Returns
    -------
    GradientReport
        The largest relative error of each array.

    Raises
    ------
    GradientError
        If a gradient is wrong. It names the array, the index, both values, and the pattern where there is one:
        opposite sign, a constant factor such as N or 1/N, transposed, zero where it should not be.
        Also if most points, or all those of one array, sit on kinks and so do their neighbors, so that nothing was
        checked.

    References
    ----------
    Press et al. (2007), "Numerical Recipes", section 5.7. Karpathy, CS231n, "Gradient checks".

    Examples
    --------
    >>> report = check_gradients(Dense(3, 2), np.ones((4, 3)))
    >>> sorted(report.errors), report.largest < 1e-7
    (['bias', 'weights', 'x'], True)
    """
    tolerance = checks.number("check_gradients", "tolerance", tolerance, 0)
    if directions is not None:
        checks.whole("check_gradients", "directions", directions)
    randomize = checks.flag("check_gradients", "randomize", randomize)
    rng = checks.generator("check_gradients", rng)
    report, unchecked = _compare(Subject(layer, inputs, loss, y, rng, randomize), tolerance, directions)
    for _ in range(ATTEMPTS - 1):
        if not unchecked:
            break
        try:
            nudged = Subject(layer, inputs, loss, y, rng, randomize, nudge=True)
        except ValueError:
            break  # forward takes no others
        report, unchecked = _compare(nudged, tolerance, directions)
    if unchecked:
        raise GradientError(f"{report.who}: {unchecked}; choose other inputs", report)
    return report


def _compare(subject: Subject, tolerance: float, directions: int | None) -> tuple[GradientReport, str]:
    """Return the report of one point, and why it does not count; raise if anything is wrong."""
    found = subject.gradients()
    comparisons = [_Comparison(subject, gradient, directions, tolerance) for gradient in found]
    report = GradientReport(subject.who, held=subject.held)
    problems = [problem for comparison in comparisons if (problem := comparison.finish(report))]
    if not problems:
        blind = [each.name for each in comparisons if each.skips_most and subject.blind_to(each.array)]
        problems = [_taken_in_float32(name) for name in blind]
    if not problems and tolerance < 1e-6:
        problems = [problem for comparison in comparisons if (problem := comparison.in_float32())]
        if not problems and "" in subject.singles:
            problems = ["forward computes in float32: it can represent every number of out, where float64 is asked"]
    if problems:
        raise GradientError(f"{subject.who}: " + "\n".join(problems), report)
    subject.check_form(found)
    report.constants = subject.constants()
    if report.skipped > report.checked:
        total = report.skipped + report.checked
        return report, f"most points must be off the kinks, got {report.skipped} skipped of {total}"
    unknown = [f"d{each.name}" for each in comparisons if each.numeric.size and np.isnan(each.numeric).all()]
    if unknown:
        names = ", ".join(unknown)
        return report, f"some points of each array must be off the kinks, but {names} could not be checked at all"
    return report, ""


def _taken_in_float32(name: str) -> str:
    return f"forward takes {name} in float32, where finite differences cannot see"


class _Comparison:
    """The gradient of one array, from backward and from finite differences."""

    def __init__(self, subject: Subject, gradient: Gradient, directions: int | None, tolerance: float) -> None:
        self.subject, self.directions, self.tolerance = subject, directions, tolerance
        self.name, self.array, analytic, rounding = gradient
        self.moves = moves_of(subject.rng, self.array, directions)
        self.numeric = np.array([subject.slopes.central(self.array, move) for move in self.moves])
        units = np.array([Slopes.unit(self.array, move) for move in self.moves])
        if directions is None:
            self.analytic, self.rounding = analytic, CERTAIN * rounding
            self.numeric, units = self.numeric.reshape(self.array.shape), units.reshape(self.array.shape)
        else:
            self.analytic = np.array([np.sum(analytic * move) for move in self.moves])
            self.rounding = np.array([CERTAIN * np.linalg.norm(rounding * move) for move in self.moves])
        # How far the differences may be off: by the rounding of all of f, until a closer look says of which part.
        self.error = subject.slopes.rounding() / (STEP * units)

    @property
    def skips_most(self) -> bool:
        """Whether most of its points could not be checked."""
        return 2 * int(np.isnan(self.numeric).sum()) > self.numeric.size

    @property
    def _sizes(self) -> Any:
        return np.fmax(np.abs(self.analytic), np.abs(self.numeric))

    def _look_closely(self, i: int) -> tuple[float, float]:
        return self.subject.slopes.looked_at_closely(
            self.array, self.moves[i], self.analytic.flat[i], self.rounding.flat[i], self.tolerance
        )

    def finish(self, report: GradientReport) -> str:
        """Look closely where there is doubt, write the report, and return what is wrong, in words."""
        # No doubt: the two agree, and the rounding is small enough to have shown if they did not; or both are zero.
        allowed = self.tolerance * self._sizes
        clear = np.abs(self.analytic - self.numeric) <= 0.5 * allowed + self.error + self.rounding
        clear &= self.error <= 10 * allowed
        clear |= (self.analytic == 0) & (self.numeric == 0)
        for i in np.flatnonzero(~clear):
            self.numeric.flat[i], self.error.flat[i] = self._look_closely(int(i))
        known = ~np.isnan(self.numeric)
        report.checked += int(known.sum())
        report.skipped += int((~known).sum())
        compared = known | ~np.isfinite(self.analytic)
        distances = np.where(compared, np.abs(self.analytic - self.numeric), 0.0)
        scales = self._sizes + (self.error + self.rounding) / (self.tolerance or np.finfo(float).eps)
        errors = np.divide(distances, scales, out=np.zeros_like(distances), where=distances != 0)
        report.errors[self.name] = float(errors.max(initial=0.0))
        wrong = ~(errors <= self.tolerance)
        if not wrong.any():
            return ""
        return self._in_words(wrong, errors)

    def _in_words(self, wrong: Any, errors: Any) -> str:
        infinite = ~np.isfinite(self.analytic)
        largest = np.where(infinite, np.inf, np.where(wrong, np.abs(self.analytic - self.numeric), -1.0))
        at = np.unravel_index(int(np.argmax(largest)), errors.shape)
        where = f"at {[int(i) for i in at]}" if self.directions is None else f"along direction {int(at[0])}"
        values = f"{where} backward says {self.analytic[at]:.9g}, finite differences say {self.numeric[at]:.9g}"
        if infinite.any():
            return f"d{self.name} is not finite; {values} ({infinite.sum()} of {wrong.size} are not)"
        if self.subject.blind_to(self.array):
            pattern = _taken_in_float32(self.name)
        elif self._to_seven_digits():
            pattern = SEVEN_DIGITS
        else:
            pattern = diagnose(self.analytic, self.numeric, wrong, self.subject.n_examples)
            if not pattern and self.directions is None:
                pattern = described(self.analytic, self.numeric, self.name, self.subject)
        return (
            f"d{self.name} is wrong{f': {pattern}' if pattern else ''}; {values} "
            f"({wrong.sum()} of {wrong.size} differ, by up to {errors[wrong].max():.1e} relative)"
        )

    def in_float32(self) -> str:
        """Return in words that this gradient, all right to seven digits, is right to no more; or ""."""
        if self.name in self.subject.singles:
            return f"d{self.name} is computed in float32: it can represent every number of it, where float64 is asked"
        if self._to_seven_digits():
            return f"d{self.name} is {SEVEN_DIGITS}"
        return ""

    def _to_seven_digits(self) -> bool:
        """Return whether most numbers are off by more than float64 would make them, and by less than float32 does."""
        sizes, distances = self._sizes, np.abs(self.analytic - self.numeric)
        allowed = SINGLE * sizes + 2 * (self.error + self.rounding)
        largest = partial(np.fmax.reduce, axis=None, initial=0.0)  # NaN is where there is no derivative
        doubtful = np.flatnonzero((distances > allowed) & (sizes > 0))
        if largest(distances) > 1e-6 * largest(sizes):
            return False
        if 2 * len(doubtful) <= np.count_nonzero(np.isfinite(self.numeric) & (sizes > 0)):
            return False
        for i in doubtful[np.argsort(-sizes.flat[doubtful])][:5]:
            numeric, error = self.subject.slopes.looked_at_closely(
                self.array, self.moves[i], self.analytic.flat[i], self.rounding.flat[i], 0.1 * SINGLE
            )
            off = abs(self.analytic.flat[i] - numeric)
            if not off > SINGLE * sizes.flat[i] + 10 * (error + self.rounding.flat[i]):
                return False
        return True
