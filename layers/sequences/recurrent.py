"""What all recurrent layers share: the way through the steps, and what can be done for all of them at once.

A step needs the state after the step before it, so that there must be a loop. Three things need not be in it:

    projected = x @ weights + bias              (M, D) @ (D, G * H), what the x of all M steps give the G gates
    dweights = x.T @ dgates                     and likewise
    drecurrent_weights = before.T @ dgates      (H, M) @ (M, G * H), from the states before all steps

So a step is left with one product, (N, H) @ (H, G * H), and with its activations, which are computed in place.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..contract import Array, Layer, Rng, Shape, as_shape, check_lengths, checks
from ..initializers import check_initializer, drawn, glorot_uniform, orthogonal
from ..speed import multiply_into, sum_rows_into
from ..weighted import Initializer
from .packing import Packing


class Recurrent(Layer):
    """A layer that carries a state from step to step; the base class of `SimpleRNN`, `LSTM` and `GRU`.

    A subclass names the parts of its state, the first of which is out, and writes the loop over the steps, forward
    (`_run`) and backward (`_run_back`).
    """

    last_axis = "n_inputs", "n_units"
    grid = True
    training_only = ("initializer", "recurrent_initializer")
    step_by_step = takes_lengths = takes_state = True
    n_gates = 1
    parts: tuple[str, ...] = ("h",)

    weights: Array
    dweights: Array
    recurrent_weights: Array
    drecurrent_weights: Array
    bias: Array
    dbias: Array
    state: Any = None
    dstate: Any = None

    def __init__(
        self,
        n_inputs: int,
        n_units: int,
        *,
        reverse: bool = False,
        initializer: Initializer = glorot_uniform,
        recurrent_initializer: Initializer = orthogonal,
        rng: Rng = None,
        **shapes: Shape,
    ) -> None:
        kind = type(self).__name__
        self.n_inputs = checks.whole(kind, "n_inputs", n_inputs)
        self.n_units = checks.whole(kind, "n_units", n_units)
        check_initializer(kind, initializer)
        check_initializer(kind, recurrent_initializer, "recurrent_initializer")
        self.reverse = checks.flag(kind, "reverse", reverse)
        self.initializer, self.recurrent_initializer = initializer, recurrent_initializer
        width = self.n_gates * self.n_units
        super().__init__(
            weights=(self.n_inputs, width), recurrent_weights=(self.n_units, width), bias=(width,), **shapes
        )
        self.initialize(rng)

    def initialize(self, rng: Rng = None) -> None:
        rng = checks.generator(self, rng)
        self.weights = self._gate_by_gate("initializer", rng, self.n_inputs)
        self.recurrent_weights = self._gate_by_gate("recurrent_initializer", rng, self.n_units)
        self.bias = np.zeros(self.bias.shape)

    def _gate_by_gate(self, name: str, rng: np.random.Generator, n_rows: int) -> Array:
        """Return the weights of all gates side by side, each drawn by itself, as if it were a layer."""
        who, shape = type(self).__name__, (n_rows, self.n_units)
        draws = [drawn(who, getattr(self, name), rng, shape, name) for _ in range(self.n_gates)]
        return np.concatenate(draws, axis=1)

    # ---- forward and backward ------------------------------------------------------------------------------------

    def forward(self, x: Any, lengths: Any = None, state: Any = None) -> Array:
        x = self._check_sequences(x)
        n, n_steps, _ = x.shape
        lengths = None if lengths is None else check_lengths(self.who, lengths, n, n_steps)
        dtype = np.result_type(self._dtype, x.dtype)
        begin = self._check_state("state", state, n, dtype)
        steps = Packing(n, n_steps, lengths, reverse=self.reverse)
        packed = steps.pack(x)
        records = []  # of each part of the state: what the rows begin with, and below that what each step left
        for part in begin:
            record = np.empty((n + len(packed), self.n_units), dtype)
            record[:n] = steps.sort(part)
            records.append(record)
        kept = self._run(steps, packed, records)
        self.state = self._as_state([steps.unsort(record[steps.last]) for record in records])
        self.dstate = None  # until backward says
        self._cache = x.shape, steps, packed, records, kept
        return steps.unpack(records[0][n:])

    def backward(self, dout: Any, input_gradient: bool = True, *, dstate: Any = None) -> Array | None:
        shape, steps, packed, records, kept = self._recall()
        dtype = records[0].dtype
        dout = self._check_dout(dout, (*shape[:2], self.n_units)).astype(dtype, copy=False)
        # A row's dstate waits in its place until the step that was its last one.
        ends = [steps.sort(part) for part in self._check_state("dstate", dstate, shape[0], dtype)]
        dgates = self._run_back(steps, steps.pack(dout), records, kept, ends)
        self.dstate = self._as_state([steps.unsort(part) for part in ends])
        multiply_into(self.dweights, packed.T, dgates)
        sum_rows_into(self.dbias, dgates)
        return steps.unpack(dgates.dot(self.weights.T)) if input_gradient else None

    def _run(self, steps: Packing, packed: Array, records: list[Array]) -> Any:
        """Go through the steps, write the states after each into the records, and return what backward needs."""
        raise NotImplementedError(f"{type(self).__name__} must define _run(self, steps, packed, records)")

    def _run_back(self, steps: Packing, dout: Array, records: list[Array], kept: Any, ends: list[Array]) -> Array:
        """Go back through the steps: set drecurrent_weights, and return the gradient of what x gives the gates.

        ends are the gradients of the last states, of which those of the first are made in place.
        """
        raise NotImplementedError(f"{type(self).__name__} must define _run_back(...)")

    def _project(self, packed: Array, dtype: Any, sign: int = 1) -> Array:
        """Return packed @ weights + bias in that dtype, or, with a sign of -1, its negative, at no further cost."""
        out: Array = packed.dot(self.weights).astype(dtype, copy=False)
        return np.add(out, self.bias, out=out) if sign > 0 else np.subtract(-self.bias, out, out=out)

    def _transposed(self, weights: Array, dtype: Any) -> Array:
        """Return a copy of recurrent weights turned over: the products of all steps with it are a third faster."""
        return np.array(weights.T, dtype=dtype, order="C")

    def _set_recurrent(self, steps: Packing, record: Array, dgates: Array) -> None:
        """Set drecurrent_weights, given the record of the states that the gates have read."""
        multiply_into(self.drecurrent_weights, record[steps.before].T, dgates)

    def advance(self, x: Any, state: Any = None, lengths: Any = None) -> tuple[Array, Any]:
        twin = self.twin()
        return type(self).forward(twin, x, lengths, state), twin.state

    def output_shape(self, input_shape: Shape) -> Shape:
        shape = as_shape(input_shape, self)
        if len(shape) != 2 or shape[-1] != self.n_inputs:
            raise ValueError(f"{self.who}: input_shape must be (T, {self.n_inputs}), got {shape}")
        return shape[0], self.n_units

    # ---- checks --------------------------------------------------------------------------------------------------

    def _check_sequences(self, x: Any) -> Array:
        """Return x as floating numbers (N, T, D)."""
        x = self._check_real("x", x)
        if x.ndim == 3 and x.shape[1] == 0:
            raise ValueError(
                f"{self.who}: x must have shape (N, T, {self.n_inputs}) with at least one step, got {x.shape}"
            )
        x = self._check_x(x)
        if x.ndim != 3 or x.shape[-1] != self.n_inputs:
            raise ValueError(f"{self.who}: x must have shape (N, T, {self.n_inputs}), got {x.shape}")
        return x

    def _check_state(self, name: str, state: Any, n: int, dtype: Any) -> list[Array]:
        """Return the parts of a state, each (N, H) in this dtype; None is zeros."""
        shape, parts = (n, self.n_units), f"({', '.join(self.parts)})"
        if len(self.parts) == 1:
            given = [state]
        elif state is None:
            given = [None] * len(self.parts)
        else:
            if not isinstance(state, tuple | list):
                raise TypeError(f"{self.who}: {name} must be a tuple {parts}, got {type(state).__name__}")
            if len(state) != len(self.parts):
                raise ValueError(f"{self.who}: {name} must be {parts}, got {len(state)} of them")
            given = list(state)
        checked = []
        for part, value in zip(self.parts, given, strict=True):
            array = np.zeros(shape, dtype) if value is None else self._check_real(f"{name} {part}", value)
            if array.shape != shape:
                raise ValueError(f"{self.who}: {name} {part} must have shape {shape}, got {array.shape}")
            checked.append(array.astype(dtype, copy=False))
        return checked

    def _as_state(self, parts: list[Array]) -> Any:
        return parts[0] if len(parts) == 1 else tuple(parts)

    def __getstate__(self) -> dict[str, Any]:
        # A copy starts without what the last pass left, as it starts with nothing to recall.
        return {name: value for name, value in super().__getstate__().items() if name not in ("state", "dstate")}
