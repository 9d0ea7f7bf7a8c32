"""What a gradient check found, and what a wrong gradient looks like."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from ..contract import Array, html_of


class GradientError(AssertionError):
    """A backward that is not the derivative of its forward; the message holds the diagnosis, `report` the numbers.

    Examples
    --------
    >>> class Forgetful(Tanh):
    ...     def backward(self, dout):
    ...         return -super().backward(dout)
    >>> check_gradients(Forgetful(), np.ones((2, 3)))  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    GradientError: Forgetful(): dx is wrong: opposite sign; at [0, 1] backward says ...
    """

    def __init__(self, message: str, report: GradientReport | None = None) -> None:
        super().__init__(message)
        self.report = report


@dataclass(repr=False)
class GradientReport:
    """The result of `check_gradients`.

    Attributes
    ----------
    who : str
        What was checked.
    errors : dict of str to float
        For each array, such as "x" or "0.weights", the largest |backward - finite difference| of a number, divided by
        the number itself and by what it takes to let the rounding of its differences pass.
    checked, skipped : int
        How many derivatives were compared, and how many were left out because the point sits on a kink, where there
        is no derivative.
    held, constants : list of str
        Inputs that are not made of floats, and arrays of the layer that forward reads and that are not declared.

    Examples
    --------
    >>> report = check_gradients(ReLU(), np.array([[-1.0, 0.0, 2.0]]))
    >>> report.checked, report.skipped, report.largest < 1e-7
    (2, 1, True)
    """

    who: str
    errors: dict[str, float] = field(default_factory=dict)
    checked: int = 0
    skipped: int = 0
    held: list[str] = field(default_factory=list)
    constants: list[str] = field(default_factory=list)

    @property
    def largest(self) -> float:
        """The largest relative error of all arrays."""
        return max(self.errors.values(), default=0.0)

    def __repr__(self) -> str:
        width = max(map(len, self.errors), default=0)
        rows = [f"    d{name:<{width}}  {error:.1e}" for name, error in self.errors.items()]
        notes = [f"    {note}" for note in self._notes()]
        return "\n".join([f"{self._head()}; largest relative errors", *rows, *notes])

    def _repr_html_(self) -> str:
        rows = [
            ("gradient", "largest relative error"),
            *((f"d{n}", f"{error:.1e}") for n, error in self.errors.items()),
        ]
        return html_of(rows, ["left", "right"], title=self._head(), notes=self._notes())

    def _head(self) -> str:
        kinks = f", {self.skipped} skipped on kinks" if self.skipped else ""
        return f"{self.who}: {self.checked} derivatives checked{kinks}"

    def _notes(self) -> list[str]:
        return [
            *(f"{name}: held fixed, since it is not made of floats" for name in self.held),
            *(f"{name}: not declared, so that nothing learns it; a constant?" for name in self.constants),
        ]


def diagnose(analytic: Array, numeric: Array, wrong: Array, n_examples: int) -> str:
    """Return the pattern by which a gradient is wrong, in words, or "" if there is none.

    `wrong` marks the elements that differ; NaN in numeric marks those that could not be compared.
    """
    known = ~np.isnan(numeric)
    a, n = analytic[known], numeric[known]
    if _same(a, n) and wrong.sum() < 3:
        return ""  # too small a difference to have a pattern
    if not a.any():
        return "it is zero everywhere, where it should not be"
    if not n.any():
        return "it should be zero everywhere"
    pattern = _multiple(a, n, n_examples)
    if pattern:
        return pattern
    if known.all() and analytic.ndim == 2 and _same(analytic, numeric.T.reshape(numeric.shape)):
        return "transposed"
    if len(a) > 2 and not _same(a, n):
        if _same(np.sort(a), np.sort(n)):
            return "the right numbers in the wrong places"
        if _same(a - n, np.full_like(a, np.mean(a - n))):
            return f"off by the same amount everywhere, {np.mean(a - n):.6g}"
    return _of_a_part(analytic, numeric, wrong, n_examples)


def _of_a_part(analytic: Array, numeric: Array, wrong: Array, n_examples: int) -> str:
    """Return the pattern of the wrong elements alone, and where they are."""
    a, n = analytic[wrong], numeric[wrong]
    if not a.any():
        return "it is zero where it should not be"
    if not n.any() or np.abs(n).max() <= 1e-9 * np.abs(a).max():
        return "it is not zero where it should be"
    if wrong.sum() < 3 or wrong.all():
        return ""
    pattern = _multiple(a, n, n_examples)
    for axis, indices in enumerate(np.nonzero(wrong)):
        if wrong.shape[axis] > 1 and len(set(indices.tolist())) == 1:
            return f"{pattern or 'all that differ lie'} at index {indices[0]} of axis {axis}"
    return f"{pattern} where it differs" if pattern else ""


def _multiple(a: Array, n: Array, n_examples: int) -> str:
    if _same(a, -n):
        return "opposite sign"
    factor = float(a @ n / (n @ n))
    if abs(factor - 1) > 1e-5 and _same(a, factor * n):
        return f"off by the constant factor {_in_words(factor, n_examples)}"
    return ""


def _same(left: Array, right: Array) -> bool:
    return bool(np.abs(left - right).max(initial=0.0) <= 1e-5 * max(np.abs(left).max(), np.abs(right).max()))


def described(analytic: Array, numeric: Array, name: str, subject: Described) -> str:
    """Return what a gradient was computed as in place of what it is, by trying what is often written; or ""."""
    if np.isnan(numeric).any():
        return ""
    dout = subject.dout
    if dout.size > 1 and subject.is_layer and _same(subject.with_dout_doubled(name), analytic):
        return "it does not depend on dout, by which the chain rule multiplies"
    for parameter, weights in subject.declared():
        if name != "x" or weights.ndim != 2 or weights.shape != dout.shape[-1:] * 2:
            continue
        if _same(analytic, dout @ weights) and _same(numeric, dout @ weights.T):
            return f"{parameter} in place of {parameter}.T"
    if numeric.ndim == 1:
        for terms in (dout, *(dout * value for value in subject.inputs if value.shape == dout.shape)):
            sums = [terms.sum(axis=tuple(j for j in range(terms.ndim) if j != i)) for i in range(terms.ndim)]
            for i, j in itertools.permutations(range(len(sums)), 2):
                fits = sums[i].shape == sums[j].shape == numeric.shape
                if fits and _same(numeric, sums[i]) and _same(analytic, sums[j]):
                    return f"summed over the wrong axes, so that axis {j} is left in place of axis {i}"
    return ""


class Described(Protocol):
    """What the diagnosis asks of the thing that is checked."""

    dout: Array
    inputs: list[Array]
    is_layer: bool

    def declared(self) -> list[tuple[str, Array]]: ...

    def with_dout_doubled(self, name: str) -> Array: ...


def _in_words(factor: float, n_examples: int) -> str:
    for value, name in ((n_examples, "N"), (1 / n_examples, "1/N"), (-n_examples, "-N"), (-1 / n_examples, "-1/N")):
        if n_examples > 1 and abs(factor - value) <= 1e-5 * abs(value):
            return f"{factor:.6g}, which is {name}"
    return f"{factor:.6g}"
