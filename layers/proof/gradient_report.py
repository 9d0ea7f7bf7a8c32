"""What a gradient check found, and what a wrong gradient looks like."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..contract import Array


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


@dataclass
class GradientReport:
    """The result of `check_gradients`.

    Attributes
    ----------
    who : str
        What was checked.
    errors : dict of str to float
        For each array, such as "x" or "0.weights", the largest |backward - finite difference|, divided by the largest
        gradient in the array (or by 1e-4 of the largest of all arrays, if that is more).
    checked, skipped : int
        How many derivatives were compared, and how many were left out because the point sits on a kink, where there
        is no derivative.

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

    @property
    def largest(self) -> float:
        """The largest relative error of all arrays."""
        return max(self.errors.values(), default=0.0)

    def __str__(self) -> str:
        width = max(map(len, self.errors), default=0)
        rows = [f"    d{name:<{width}}  {error:.1e}" for name, error in self.errors.items()]
        kinks = f", {self.skipped} skipped on kinks" if self.skipped else ""
        return "\n".join([f"{self.who}: {self.checked} derivatives checked{kinks}; largest relative errors", *rows])


def diagnose(analytic: Array, numeric: Array, wrong: Array, scale: float, n_examples: int) -> str:
    """Return the pattern by which a gradient is wrong, in words, or "" if there is none.

    `wrong` marks the elements that differ; NaN in numeric marks those that could not be compared.
    """
    known = ~np.isnan(numeric)
    a, n = analytic[known], numeric[known]

    def same(left: Array, right: Array) -> bool:
        return bool(np.abs(left - right).max(initial=0.0) <= 1e-5 * max(np.abs(left).max(), np.abs(right).max()))

    if same(a, n):
        return ""  # too small a difference to have a pattern
    if not a.any():
        return "it is zero everywhere, where it should not be"
    if not n.any():
        return "it should be zero everywhere"
    if same(a, -n):
        return "opposite sign"
    factor = float(a @ n / (n @ n))
    if same(a, factor * n):
        return f"off by the constant factor {_in_words(factor, n_examples)}"
    if known.all() and analytic.ndim == 2 and same(analytic, numeric.T.reshape(numeric.shape)):
        return "transposed"
    if len(a) > 2 and same(np.sort(a), np.sort(n)):
        return "the right numbers in the wrong places"
    if len(a) > 2 and same(a - n, np.full_like(a, np.mean(a - n))):
        return f"off by the same amount everywhere, {np.mean(a - n):.6g}"
    if not analytic[wrong].any():
        return "it is zero where it should not be"
    if np.abs(numeric[wrong]).max() <= 1e-9 * scale:
        return "it is not zero where it should be"
    return ""


def _in_words(factor: float, n_examples: int) -> str:
    for value, name in ((n_examples, "N"), (1 / n_examples, "1/N"), (-n_examples, "-N"), (-1 / n_examples, "-1/N")):
        if n_examples > 1 and abs(factor - value) <= 1e-5 * abs(value):
            return f"{factor:.6g}, which is {name}"
    return f"{factor:.6g}"
