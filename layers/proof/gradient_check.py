"""Finite differences: is a backward really the derivative of its forward?

A derivative is a limit, (f(x + h) - f(x - h)) / 2h for small h, and needs nothing but forward. If backward agrees
with it in every direction at a random point, the formula in backward is right.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ..contract import Array, Layer, Rng, checks, dotted
from .finite_differences import Slopes, moves_of
from .gradient_report import GradientError, GradientReport, diagnose


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
    other steps h decide. A point on a kink, where the slopes from left and right differ, has no derivative and is
    skipped. Noise, as in Dropout, is the same in each forward, if it comes from a numpy Generator kept as an attribute.

    Besides, backward must set the gradients (not add to them), do so with `input_gradient=False` too, and change
    neither its dout nor the inputs.

    Parameters
    ----------
    layer : Layer or loss
        A layer, a gate, a whole network, or an object with `forward(*inputs) -> float` and `backward()`.
    *inputs : array or number
        Of forward. Floating ones are checked, integers (labels, indices) are held fixed; of a loss, only the first
        one is checked, the predictions.
    loss, y : optional
        A loss and its targets behind the network: f is then loss.forward(layer.forward(*inputs), y).
    tolerance : float, default 1e-7
        Largest relative error allowed.
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
        Also if most points, or all those of one array, sit on kinks, so that nothing was checked.

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
    subject = _Subject(layer, inputs, loss, y, np.random.default_rng(rng), randomize)
    comparisons = [_Comparison(subject, *found, directions) for found in subject.gradients()]
    largest = max((comparison.largest for comparison in comparisons), default=0.0)
    report, problems, unknown = GradientReport(subject.who), [], []
    for comparison in comparisons:
        problem = comparison.finish(report, tolerance, largest)
        if problem:
            problems.append(problem)
        if np.isnan(comparison.numeric).all():
            unknown.append(f"d{comparison.name}")
    if problems:
        raise GradientError(f"{subject.who}: " + "\n".join(problems), report)
    if report.skipped > report.checked:
        total = report.skipped + report.checked
        raise GradientError(
            f"{subject.who}: most points must be off the kinks, got {report.skipped} skipped of {total}; "
            "choose other inputs",
            report,
        )
    if unknown:
        raise GradientError(
            f"{subject.who}: some points of each array must be off the kinks, but {', '.join(unknown)} could not be "
            "checked at all; choose other inputs",
            report,
        )
    return report


class _Comparison:
    """The gradient of one array, from backward and from finite differences."""

    def __init__(self, subject: _Subject, name: str, array: Array, analytic: Array, directions: int | None) -> None:
        self.subject, self.name, self.array, self.directions = subject, name, array, directions
        self.moves = moves_of(subject.rng, array, directions)
        self.numeric = np.array([subject.slopes.central(array, move) for move in self.moves])
        if directions is None:
            self.analytic, self.numeric = analytic, self.numeric.reshape(array.shape)
        else:
            self.analytic = np.array([np.sum(analytic * move) for move in self.moves])
        self.largest = float(np.nanmax(np.abs([self.analytic, self.numeric])))

    def finish(self, report: GradientReport, tolerance: float, largest: float) -> str:
        """Look closely where the two differ, write the report, and return what is wrong, in words."""
        scale = max(self.largest, 1e-4 * largest, 1e-6)
        differ = ~(np.abs(self.analytic - self.numeric) <= 0.1 * tolerance * scale)  # NaN differs
        for i in np.flatnonzero(differ):
            self.numeric.reshape(-1)[i] = self.subject.slopes.looked_at_closely(self.array, self.moves[i], scale)
        known = ~np.isnan(self.numeric)
        report.checked += int(known.sum())
        report.skipped += int((~known).sum())
        compared = known | ~np.isfinite(self.analytic)
        errors = np.where(compared, np.abs(self.analytic - self.numeric), 0.0) / scale
        report.errors[self.name] = float(errors.max())
        wrong = ~(errors <= tolerance)
        if not wrong.any():
            return ""
        at = np.unravel_index(int(np.argmax(np.where(np.isnan(errors), np.inf, errors))), errors.shape)
        where = f"at {[int(i) for i in at]}" if self.directions is None else f"along direction {int(at[0])}"
        pattern = diagnose(self.analytic, self.numeric, wrong, scale, self.subject.n_examples)
        return (
            f"d{self.name} is wrong{f': {pattern}' if pattern else ''}; {where} backward says {self.analytic[at]:.9g}, "
            f"finite differences say {self.numeric[at]:.9g} "
            f"({wrong.sum()} of {wrong.size} differ, by up to {errors[at]:.1e} relative)"
        )


class _Subject:
    """What is checked, as one function f of arrays that can be moved: a float64 copy that its owner never sees."""

    def __init__(
        self, layer: Any, inputs: tuple[Any, ...], loss: Any, y: Any, rng: np.random.Generator, randomize: bool
    ) -> None:
        self.who = layer.who if isinstance(layer, Layer) else repr(layer)
        self.layer, self.loss, self.y, self.rng = copy.deepcopy(layer), copy.deepcopy(loss), y, rng
        self.is_layer = isinstance(layer, Layer)
        if not self.is_layer and not (hasattr(layer, "forward") and hasattr(layer, "backward")):
            raise TypeError(f"check_gradients: layer must have forward and backward, got {type(layer).__name__}")
        if not inputs:
            raise TypeError(f"check_gradients: {self.who} must be given the inputs of its forward, got none")
        self.inputs = [_as_float64(value) for value in inputs]
        shape = np.shape(self.inputs[0])
        self.n_examples = shape[0] if shape else 1
        if self.is_layer:
            size = self.layer.parameters.size
            self.layer.move(np.empty(size), np.zeros(size))
            if randomize:
                self._draw_parameters()
        self._streams = [(g, g.bit_generator.state) for _, g in self.layer.generators()] if self.is_layer else []
        given = [value.copy() for value in self.inputs]
        out = self._forward()
        self._check_unchanged(given, self.inputs)
        if not np.array_equal(out, self._forward()):
            raise GradientError(f"{self.who}: forward must give the same out for the same inputs, but two runs differ")
        if not np.all(np.isfinite(out)):
            raise GradientError(f"{self.who}: forward must give finite numbers, got {out}")
        # The random dout of a layer; a loss, alone or behind a network, is a number already.
        self.dout = rng.normal(size=out.shape) if self.is_layer and loss is None else np.array(1.0)
        self.slopes = Slopes(self._forward, self.dout)

    def _draw_parameters(self) -> None:
        """Draw normal parameters, never zero: a zero bias would sit on the kink of a ReLU."""
        for _, array, _ in self._parameter_arrays():
            array[...] = self.rng.normal(size=array.shape) / np.sqrt(max(array.size // array.shape[-1], 1))

    def _forward(self) -> Any:
        for generator, state in self._streams:
            generator.bit_generator.state = state
        out = self.layer.forward(*self.inputs)
        # A copy: out may be a view of x, which is about to move.
        return np.array(out if self.loss is None else self.loss.forward(out, self.y))

    def _backward(self, **options: Any) -> Any:
        self._forward()
        if self.loss is not None:
            return self.layer.backward(self.loss.backward(), **options)
        return self.layer.backward(self.dout, **options) if self.is_layer else self.layer.backward()

    def gradients(self) -> list[tuple[str, Array, Array]]:
        """Return (name, array, gradient that backward gives it) of the inputs and the parameters."""
        given = [np.copy(value) for value in (*self.inputs, self.dout)]
        arrays = self._parameter_arrays()
        if self.is_layer:
            self.layer.gradients[...] = np.nan  # what backward does not set stays NaN
        dinputs = self._backward()
        self._check_unchanged(given, [*self.inputs, self.dout])
        found = [(name, array, gradient.copy()) for name, array, gradient in arrays]
        for name, _, gradient in found:
            if np.isnan(gradient).any():
                raise GradientError(f"{self.who}: d{name} is {self._why_not_set(name)}")
        if self.is_layer and self.layer.parameters.size:
            self._check_without_input_gradient()
        return self._input_arrays(dinputs) + found

    def _check_unchanged(self, before: list[Array], after: list[Array]) -> None:
        if not all(map(np.array_equal, before, after)):
            raise GradientError(f"{self.who}: forward and backward must not change x or dout, but one of them did")

    def _input_arrays(self, dinputs: Any) -> list[tuple[str, Array, Array]]:
        names = _input_names(self.layer.forward, len(self.inputs))
        results = list(dinputs) if isinstance(dinputs, tuple) else [dinputs]
        checked = self.inputs if self.is_layer else self.inputs[:1]
        found = []
        for i, (name, value) in enumerate(zip(names, checked, strict=False)):
            if value.dtype.kind != "f":
                continue
            if i >= len(results) or results[i] is None:
                raise GradientError(f"{self.who}: backward must return d{name}, got None")
            gradient = np.asarray(results[i])
            if gradient.shape != value.shape:
                raise GradientError(
                    f"{self.who}: d{name} must have the shape of {name}, {value.shape}, got {gradient.shape}"
                )
            found.append((name, value, gradient))
        return found

    def _parameter_arrays(self) -> list[tuple[str, Array, Array]]:
        if not self.is_layer:
            return []
        return [
            (dotted(prefix, name), getattr(leaf, name), getattr(leaf, f"d{name}"))
            for prefix, leaf in self.layer.leaves()
            for name in leaf.shapes
        ]

    def _why_not_set(self, name: str) -> str:
        results = []
        for fill in (0.0, 1.0):
            self.layer.gradients[...] = fill
            self._backward()
            results.append({n: g.copy() for n, _, g in self._parameter_arrays()}[name])
        if np.isnan(results[0]).any():
            return "NaN"
        if np.allclose(results[0], 0.0) and np.allclose(results[1], 1.0):
            return "never set by backward"
        if np.allclose(results[1] - results[0], 1.0):
            return "added to by backward, which must set it"
        return "not set everywhere by backward"

    def _check_without_input_gradient(self) -> None:
        expected = self.layer.gradients.copy()
        self.layer.gradients[...] = np.nan
        dx = self._backward(input_gradient=False)
        if dx is not None or not np.allclose(self.layer.gradients, expected, rtol=1e-12, atol=0.0):
            raise GradientError(
                f"{self.who}: backward(dout, input_gradient=False) must return None and set the same gradients"
            )


def _as_float64(value: Any) -> Array:
    array = np.array(value)
    return array.astype(np.float64) if array.dtype.kind == "f" or np.ndim(value) == 0 else array


def _input_names(forward: Callable[..., Any], count: int) -> list[str]:
    """Return the names that forward gives its inputs."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [name for name, p in inspect.signature(forward).parameters.items() if p.kind in kinds]
    return [*names, *(f"input{i}" for i in range(len(names), count))][:count]
