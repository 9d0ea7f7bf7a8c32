"""What is checked, as one function f of arrays that can be moved: a float64 copy that its owner never sees."""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ..contract import Array, Container, Layer, Padded, Shape, checks, dotted, each_input, without_padding
from . import form
from .finite_differences import Slopes
from .gradient_report import GradientError
from .rounding import measured, rounds_to_single


class Gradient(NamedTuple):
    """An array, the gradient that backward gives it, and the rounding of that."""

    name: str
    array: Array
    analytic: Array
    rounding: Array


class Subject:
    """A layer or loss with its inputs, and a dout that makes one number of its out.

    Parameters
    ----------
    layer, inputs, loss, y, randomize
        As in `check_gradients`. Of rows that are padded the padding is moved too, which must change nothing.
    rng : numpy.random.Generator
    nudge : bool
        Move the inputs a little, off the kinks they are on.
    """

    def __init__(
        self,
        layer: Any,
        inputs: tuple[Any, ...],
        loss: Any,
        y: Any,
        rng: np.random.Generator,
        randomize: bool,
        nudge: bool = False,
    ) -> None:
        form.check_is_one(layer)
        form.check_is_loss(loss)
        self.who = layer.who if isinstance(layer, Layer) else repr(layer)
        self.layer, self.loss, self.y, self.rng = copy.deepcopy(layer), copy.deepcopy(loss), y, rng
        self.is_layer = isinstance(layer, Layer)
        if not inputs:
            raise TypeError(f"check_gradients: {self.who} must be given the inputs of its forward, got none")
        if isinstance(inputs[0], Mapping) and isinstance(layer, Container):  # by name, as a Graph takes them
            inputs = tuple(layer.entering(inputs, {}).values())
        self._lengths = [value.lengths if isinstance(value, Padded) else None for value in inputs]
        self.inputs = [_as_float64(value.x if isinstance(value, Padded) else value) for value in inputs]
        self.names = _input_names(self.layer, len(self.inputs))
        shape = np.shape(self.inputs[0])
        self.n_examples = shape[0] if shape else 1
        if self.is_layer:
            form.check_hidden(self.layer)
            size = self.layer.parameters.size
            self.layer.move(np.empty(size), np.zeros(size))
            if randomize:
                self._draw_parameters()
        checked = self.inputs if self.is_layer else self.inputs[:1]
        self.moving = [value for value in checked if value.dtype.kind == "f"]
        self.held = [name for name, value in zip(self.names, checked, strict=False) if value.dtype.kind != "f"]
        if nudge:
            for value in self.moving:
                _nudge(value, rng)
        self._streams = [(g, g.bit_generator.state) for _, g in self.layer.generators()] if self.is_layer else []
        self._noises = [(vars(n), vars(n).copy()) for _, n in self.layer.noises()] if self.is_layer else []
        self.shapes: list[Shape] | None = None  # of the outs, if there are several
        self.suspects = form.arrays_not_declared(self.layer) if self.is_layer else {}
        out = self._first_forward()
        # The random dout of a layer; a loss, alone or behind a network, is a number already.
        self.dout = np.array(rng.normal(size=out.shape)) if self.is_layer and loss is None else np.array(1.0)
        movable = [*self.moving, *(array for _, array, _ in self._parameter_arrays())]
        self.slopes = Slopes(self.forward, self.dout, movable)

    def _draw_parameters(self) -> None:
        """Draw normal parameters, never zero: a zero bias would sit on the kink of a ReLU."""
        for _, array, _ in self._parameter_arrays():
            array[...] = self.rng.normal(size=array.shape) / np.sqrt(max(array.size // array.shape[-1], 1))

    def _first_forward(self) -> Array:
        """Return out, having seen that it is the same twice, finite, and leaves the inputs alone."""
        given = [value.copy() for value in self.inputs]
        raw = self._raw_forward()
        if isinstance(raw, tuple):  # the outs of a Graph, in one row from here on
            self.shapes, raw = [np.shape(each) for each in raw], _in_a_row(raw)
        kind = getattr(raw, "dtype", np.dtype(float))
        self._check_unchanged(given, self.inputs)
        if self.is_layer and self.loss is None and kind.kind == "f" and kind != np.float64 and self.moving:
            raise GradientError(f"{self.who}: forward must compute in float64 as its inputs are, got out in {kind}")
        out = np.array(raw)
        if not np.array_equal(out, self.forward(), equal_nan=True):
            raise GradientError(f"{self.who}: forward must give the same out for the same inputs, but two runs differ")
        if not np.all(np.isfinite(out)):
            where = [int(i) for i in np.argwhere(~np.isfinite(out))[0]]
            cause = ""
            for name, value in zip(self.names, self.inputs, strict=True):
                if value.dtype.kind == "f" and not np.isfinite(value).all():
                    there = [int(i) for i in np.argwhere(~np.isfinite(value))[0]]
                    cause = f"; {name} holds {value[tuple(there)]} at {there}"
            raise GradientError(
                f"{self.who}: forward must give finite numbers, got {out[tuple(where)]} at {where}{cause}"
            )
        return out

    def _raw_forward(self) -> Any:
        for generator, state in self._streams:
            generator.bit_generator.state = state
        for now, then in self._noises:
            now.update(then)
        pairs = zip(self.inputs, self._lengths, strict=True)
        out = self.layer.forward(*(x if lengths is None else Padded(x, lengths) for x, lengths in pairs))
        if isinstance(out, Padded) and self.loss is None:
            return without_padding(out.x, out.lengths)
        if out is None:
            raise GradientError(f"{self.who}: forward must return out, got None: is there a return?")
        return out if self.loss is None else self.loss.forward(out, self.y)

    def forward(self) -> Array:
        """Return a copy of out, or the loss: out may be a view of x, which is about to move."""
        out = self._raw_forward()
        return np.array(out) if self.shapes is None else _in_a_row(out)

    def backward(self, **options: Any) -> Any:
        """Run both ways and return what backward returns."""
        self.forward()
        if self.loss is not None:
            return self.layer.backward(self.loss.backward(), **options)
        if not self.is_layer:
            return self.layer.backward()
        return self.layer.backward(self.dout if self.shapes is None else _apart(self.dout, self.shapes), **options)

    def gradients(self) -> list[Gradient]:
        """Return the gradients that backward gives the inputs and the parameters."""
        given = [np.copy(value) for value in (*self.inputs, self.dout)]
        if self.is_layer:
            self.layer.gradients[...] = np.nan  # what backward does not set stays NaN
        self.forward()
        remembering = form.who_remembers(self.layer) if self.is_layer else []
        try:
            dinputs = self.backward()
        except RuntimeError as error:
            raise GradientError(form.why_not_recalled(self.layer, remembering, error)) from error
        self._check_unchanged(given, [*self.inputs, self.dout])
        for name, _, gradient in self._parameter_arrays():
            if np.isnan(gradient).any():
                raise GradientError(f"{self.who}: d{name} is {self._why_not_set(name)}")
        found = self._checked_inputs(dinputs)
        names = [name for name, _ in found] + [name for name, _, _ in self._parameter_arrays()]
        arrays = [array for _, array in found] + [array for _, array, _ in self._parameter_arrays()]
        analytic = self._all_gradients(dinputs)
        (out_rounding, *roundings), singles = measured(
            lambda: [self.forward(), *self._all_gradients(self.backward())], [*arrays, self.dout]
        )
        out = self.slopes.out
        # Differences know no systematic rounding, which a gradient may have: a quarter will do.
        self.slopes.roundings = np.abs(self.dout) * np.maximum(out_rounding / 4, np.finfo(float).eps * np.abs(out))
        self.singles = [name for name, single in zip(["", *names], singles, strict=True) if single]
        return [Gradient(*each) for each in zip(names, arrays, analytic, roundings, strict=True)]

    def _all_gradients(self, dinputs: Any) -> list[Array]:
        results = each_input(dinputs)
        of_inputs = [np.array(r) for r, value in zip(results, self._checked(), strict=False) if value.dtype.kind == "f"]
        return [*of_inputs, *(gradient.copy() for gradient in self.parameter_gradients())]

    def _checked(self) -> list[Array]:
        return self.inputs if self.is_layer else self.inputs[:1]

    def _checked_inputs(self, dinputs: Any) -> list[tuple[str, Array]]:
        """Return (name, array) of the inputs that have a gradient, which must have their shape."""
        results = each_input(dinputs)
        found = []
        for i, (name, value) in enumerate(zip(self.names, self._checked(), strict=False)):
            if value.dtype.kind != "f":
                continue
            if i >= len(results) or results[i] is None:
                raise GradientError(f"{self.who}: backward must return d{name}, got None")
            shape = np.shape(results[i])
            if shape != value.shape:
                raise GradientError(f"{self.who}: d{name} must have the shape of {name}, {value.shape}, got {shape}")
            found.append((name, value))
        return found

    def _check_unchanged(self, before: list[Array], after: list[Array]) -> None:
        if not all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in zip(before, after, strict=True)):
            raise GradientError(f"{self.who}: forward and backward must not change x or dout, but one of them did")

    def parameter_gradients(self) -> list[Array]:
        """Return what backward last set, as it stands in memory."""
        return [gradient for _, _, gradient in self._parameter_arrays()]

    @property
    def names_of_inputs(self) -> list[str]:
        """The names of the inputs that have a gradient."""
        return [name for name, value in zip(self.names, self._checked(), strict=False) if value.dtype.kind == "f"]

    def _parameter_arrays(self) -> list[tuple[str, Array, Array]]:
        if not self.is_layer:
            return []
        return [
            (dotted(prefix, name), getattr(leaf, name), getattr(leaf, f"d{name}"))
            for prefix, leaf in self.layer.leaves()
            for name in leaf.shapes
            if not leaf.resting  # at rest it has gradients of 0, whatever the slope is
        ]

    def _why_not_set(self, name: str) -> str:
        results = []
        for fill in (0.0, 1.0):
            self.layer.gradients[...] = fill
            self.backward()
            results.append({n: g.copy() for n, _, g in self._parameter_arrays()}[name])
        if np.isnan(results[0]).any():
            return f"not finite: backward sets NaN at {[int(i) for i in np.argwhere(np.isnan(results[0]))[0]]}"
        if np.allclose(results[0], 0.0) and np.allclose(results[1], 1.0):
            return "never set by backward"
        if np.allclose(results[1] - results[0], 1.0):
            return "added to by backward, which must set it"
        return "not set everywhere by backward"

    def check_form(self, found: list[Gradient]) -> None:
        """Check what is left when all numbers are right: input_gradient, and arrays that nothing would learn."""
        form.check_declared(self.layer, self.suspects)
        if self.is_layer and self.layer.parameters.size:
            found = found[len(found) - len(self.parameter_gradients()) :]
            memory = self.parameter_gradients()
            expected = [(g.name, g.analytic, g.rounding, m) for g, m in zip(found, memory, strict=True)]
            form.check_input_gradient(self.layer, lambda: self.backward(input_gradient=False), expected, self.dout.size)

    def constants(self) -> list[str]:
        """Return the names of the arrays that forward reads and the layer does not declare."""
        return form.constants(self.forward, self.suspects) if self.suspects else []

    def declared(self) -> list[tuple[str, Array]]:
        """Return (name, array) of the parameters."""
        return [(name, array) for name, array, _ in self._parameter_arrays()]

    def with_dout_doubled(self, name: str) -> Array:
        """Return the gradient of that name for twice the dout: it is twice as large, if dout is used once."""
        self.dout *= 2
        try:
            gradients = self._all_gradients(self.backward())
        finally:
            self.dout /= 2
        return gradients[[*self.names_of_inputs, *(name for name, _ in self.declared())].index(name)]

    def blind_to(self, array: Array) -> bool:
        """Return whether forward sees this array in float32."""
        return rounds_to_single(self.forward, array)


def _as_float64(value: Any) -> Array:
    """Return a copy in C order, floats and numbers in float64."""
    array = np.array(checks.array("check_gradients", "inputs", value), order="C")
    if array.dtype.kind not in "fiub":
        raise TypeError(f"check_gradients: inputs must hold real numbers, got dtype {array.dtype}")
    return array.astype(np.float64) if array.dtype.kind == "f" or np.ndim(value) == 0 else array


def _nudge(value: Array, rng: np.random.Generator) -> None:
    """Move each number by up to a tenth of itself; a zero, by that of the others."""
    size = np.abs(value)
    typical = float(size[size > 0].mean()) if size.any() else 1.0
    value += 0.1 * np.where(size > 0, size, typical) * rng.uniform(-1, 1, value.shape)


def _in_a_row(outs: tuple[Any, ...]) -> Array:
    """Return several outs as one."""
    return np.concatenate([np.ravel(out) for out in outs])


def _apart(row: Array, shapes: list[Shape]) -> tuple[Array, ...]:
    """Return what belongs to each of several outs."""
    cuts = np.cumsum([math.prod(shape) for shape in shapes])[:-1]
    return tuple(part.reshape(shape) for part, shape in zip(np.split(row, cuts), shapes, strict=True))


def _input_names(layer: Any, count: int) -> list[str]:
    """Return the names of the inputs: those of a Graph, or those that forward gives them."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [name for name, p in inspect.signature(layer.forward).parameters.items() if p.kind in kinds]
    if not names and isinstance(layer, Container):
        names = [part.name for part in layer.wiring()]
    return [*names, *(f"input{i}" for i in range(len(names), count))][:count]
