"""A look inside a network while it trains: sizes of gradients and updates, dead and saturated units, and advice.

When what is looked at, and what the look costs:

    before the first step     the last layer and the loss: is a softmax applied twice?
    first batch, backward     the loss: what guessing costs, or far above it?
    every few steps           a copy of the parameters before the step, against which the update is measured after it,
                              and an inference pass over the batch that has just been trained on, for the activations
    end of an epoch           the numbers of this epoch's looks: does one of them ask for a warning?
    an error                  data, parameters, activations, in this order: where does the first NaN come from?

It changes nothing in the training: the pass is that of `predict`, which draws no random numbers and moves no running
mean, and a training with diagnostics ends in the same bits as one without.
"""

from __future__ import annotations

import contextlib
import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from layers import Layer, ReLU, Sigmoid, Tanh
from layers.contract import Array, checks
from losses import SigmoidBinaryCrossEntropy, SoftmaxCrossEntropy
from optimizers.options import Option

from .callbacks import Callback
from .calls import answering
from .data.examples import not_finite
from .inspection import applied_twice, layer_outputs, layer_slices
from .reports import table_of
from .run import Run

QUANTITIES = ("gradient_norm", "parameter_norm", "update_ratio", "mean", "spread", "saturated", "dead")
GOOD_UPDATE = 1e-3  # of the size of the parameters, at a step: a rule of thumb
HIGH_LOSS = 1.5  # times what guessing costs: the first loss may be that large without a warning
FAR_OFF = 100.0  # a factor by which an update may miss that without a warning
SATURATED = 0.97  # |tanh|, or 2 * sigmoid - 1 in absolute value: here the slope is below 6% of the largest
HUGE = 1e10  # a parameter that is larger has left all bounds, though its losses may still be numbers
LARGE_X = 10.0  # beyond, it is x that makes the first loss large
HALF = 0.5  # of a layer dead or saturated: worth a warning


class Diagnostics(Callback):
    """Watches every layer while `fit` trains, and warns, with what to do.

    Every few steps, `every`, it keeps by the name of the layer ("0", "2.1", ...),

    - `gradient_norm`, `parameter_norm`: of all its parameters together;
    - `update_ratio`: norm of what the step changed / norm of the parameters, about 1e-3 when the learning rate fits;
    - `mean`, `spread`: of its activations on the batch, their mean and standard deviation;
    - `saturated`: of a Tanh or a Sigmoid, the share of outputs within 3% of their bounds, where the slope vanishes;

    and at the end of every epoch `dead`: of a ReLU, the share of units that were zero on all examples it looked at in
    the epoch. `diagnostics["update_ratio"]["0"]` is a list, `diagnostics.steps["update_ratio"]` its steps.

    The warnings are printed and kept in `warnings`: an initial loss far above ln C, updates far from 1e-3, a layer
    more than half dead or saturated, a softmax applied twice, and NaN, with the layer and the batch it came from.

    Parameters
    ----------
    every : int, default 20
        Steps between two looks; a look costs about as much as a step.
    verbose : bool, default True
        Print the warnings, each once.

    Attributes
    ----------
    warnings : list of str
        In the order in which they came.
    steps : dict of str to list of int
        By quantity, the steps at which it was looked at, counted from 0 over all epochs.
    layers : dict of str to Layer
        By name, all layers that hold no others, in the order of the network.

    References
    ----------
    Glorot, Bengio (2010), "Understanding the difficulty of training deep feedforward neural networks", AISTATS.
    Karpathy, CS231n, "Babysitting the learning process": the ratio of updates, and the initial loss.

    Examples
    --------
    >>> x, y = spirals(rng=0)
    >>> model = Sequential([Dense(2, 16), ReLU(), Dense(16, 3, initializer=normal(50.0))], rng=0)
    >>> diagnostics = Diagnostics(verbose=False)
    >>> _ = fit(model, SoftmaxCrossEntropy(), SGD(0.1), x, y, epochs=1, callbacks=[diagnostics], verbose=False)
    >>> print(diagnostics.warnings[0].split(":")[0])
    the initial loss is far above ln 3
    """

    every = Option(checks.whole)
    verbose = Option(checks.flag)

    @answering
    def __init__(self, every: int = 20, *, verbose: bool = True) -> None:
        self.every, self.verbose = every, verbose
        self._speaks = True
        self._begin()

    def _begin(self) -> None:
        """Forget what another training left: the same diagnostics may watch several, one after the other."""
        self.warnings: list[str] = []
        self.steps: dict[str, list[int]] = {quantity: [] for quantity in QUANTITIES}
        self._values: dict[str, dict[str, list[float]]] = {quantity: {} for quantity in QUANTITIES}
        self._step = self._epoch_start = 0
        self._before: Array | None = None  # the parameters before this step, if it is one to look at
        self._alive: dict[str, Array] = {}  # by ReLU, the units that were not always zero in this epoch
        self.layers: dict[str, Layer] = {}
        self._warned: set[tuple[str, str]] = set()  # (kind, layer): once said, a warning is not repeated

    def __getitem__(self, quantity: str) -> dict[str, list[float]]:
        if quantity not in self._values:
            raise KeyError(f"Diagnostics: there is no {quantity!r} among {list(QUANTITIES)}")
        return self._values[quantity]

    def describe(self, name: str) -> str:
        """Return the name of a layer and what it is: "2: Dense(16, 3)"."""
        if not isinstance(name, str) or name not in self.layers:
            raise KeyError(f"Diagnostics: name must be that of a layer, one of {list(self.layers)}, got {name!r}")
        return f"{name}: {self.layers[name]!r}" if name else repr(self.layers[name])

    # ---- what fit calls ------------------------------------------------------------------------------------------

    def on_train_begin(self, run: Run) -> None:
        self._speaks = run.rank == 0
        self._begin()
        self.layers = dict(run.model.leaves())
        self._look_at_last_layer(run)

    def on_epoch_begin(self, run: Run) -> None:
        self._alive = {}
        self._epoch_start = self._step

    def on_backward_end(self, run: Run) -> None:
        if self._step == 0:
            self._look_at_first_loss(run)
        self._before = run.model.parameters.copy() if self._step % self.every == 0 else None

    def on_batch_end(self, run: Run) -> None:
        if self._before is not None:
            self._look_at_parameters(run.model, self._before)
            self._look_at_activations(run.model, run.batch[0])
            self._before = None
        self._step += 1

    def on_epoch_end(self, run: Run) -> None:
        if self._alive:
            self._add("dead", {name: 1.0 - float(np.mean(alive)) for name, alive in self._alive.items()})
        self._look_at_epoch()

    def on_error(self, run: Run) -> None:
        if run.batch:
            self.layers = dict(run.model.leaves())
            self._look_for_nan(run)

    # ---- looks ---------------------------------------------------------------------------------------------------

    def _look_at_last_layer(self, run: Run) -> None:
        """Warn of a softmax or a sigmoid in front of a loss that applies its own."""
        *_, (name, _) = run.model.leaves()
        if twice := applied_twice(run.model, run.loss):
            self._warn("softmax", name, twice)

    def _look_at_first_loss(self, run: Run) -> None:
        """Warn of a first loss above 1.5 ln C: a network that knows nothing says 1/C of each class, and pays ln C."""
        if not isinstance(run.loss, SoftmaxCrossEntropy | SigmoidBinaryCrossEntropy) or run.loss.reduction != "mean":
            return
        n_classes = 2 if isinstance(run.loss, SigmoidBinaryCrossEntropy) else np.shape(run.predictions)[-1]
        if run.batch_loss > HIGH_LOSS * math.log(n_classes):
            self._warn(
                "first loss",
                "",
                f"the initial loss is far above ln {n_classes}: {run.batch_loss:.3g} nats instead of about "
                f"{math.log(n_classes):.3g}, what guessing costs; {_smaller(run.batch[0])}",
            )

    def _look_at_parameters(self, model: Layer, before: Array) -> None:
        """Keep |gradients|, |parameters| and |parameters - before| / |before| of each layer, after a step.

        A layer is a slice of the flat vectors, so none needs to be asked. The ratio is NaN where all parameters were
        zero.
        """
        found: dict[str, dict[str, float]] = {"gradient_norm": {}, "parameter_norm": {}, "update_ratio": {}}
        for name, here in layer_slices(model).items():
            size = _norm(before[here])
            found["gradient_norm"][name] = _norm(model.gradients[here])
            found["parameter_norm"][name] = _norm(model.parameters[here])
            found["update_ratio"][name] = _norm(model.parameters[here] - before[here]) / size if size else math.nan
        for quantity, values in found.items():
            self._add(quantity, values)

    def _look_at_activations(self, model: Layer, x: ArrayLike) -> None:
        """Keep mean, standard deviation and share of saturated outputs of each layer, and which units were alive.

        A unit is dead only if no example of an epoch wakes it, so a look can only add to those that are alive; the
        share of the dead is known when the epoch is over.
        """
        found: dict[str, dict[str, float]] = {"mean": {}, "spread": {}, "saturated": {}}
        for name, layer, out in layer_outputs(model, x):
            found["mean"][name] = float(np.mean(out, dtype=np.float64))
            found["spread"][name] = float(np.std(out, dtype=np.float64))
            if isinstance(layer, Tanh | Sigmoid):
                # a sigmoid, stretched to [-1, 1], is a tanh
                centered = out if isinstance(layer, Tanh) else 2 * out - 1
                found["saturated"][name] = float(np.mean(np.abs(centered) > SATURATED))
            if isinstance(layer, ReLU):
                active = (out > 0).reshape(-1, out.shape[-1]).any(axis=0)  # a unit is a feature, or a channel
                self._alive[name] = np.logical_or(self._alive.get(name, False), active)
        for quantity, values in found.items():
            if values:
                self._add(quantity, values)

    def _look_at_epoch(self) -> None:
        """Warn of updates that are far off in the median over the epoch, and of layers dead or saturated."""
        looks = sum(step >= self._epoch_start for step in self.steps["update_ratio"])
        for name, ratios in self["update_ratio"].items() if looks else ():
            # The median: one strange batch is no reason to warn.
            ratio = float(np.median(ratios[-looks:]))  # NaN where the parameters are all zero: neither small nor large
            if ratio < GOOD_UPDATE / FAR_OFF or ratio > GOOD_UPDATE * FAR_OFF:
                size, advice = ("small", "larger") if ratio < GOOD_UPDATE else ("large", "smaller")
                self._warn(
                    f"{size} update",
                    name,
                    f"the updates of {self.describe(name)} are {size}: {ratio:.1e} of its parameters at a step, where "
                    f"about 1e-3 is usual; try a {advice} learning rate",
                )
        for name, shares in self["dead"].items():
            if shares[-1] > HALF:
                self._warn(
                    "dead",
                    name,
                    f"{shares[-1]:.0%} of the units of {self.describe(name)} are dead: zero on all examples; "
                    "try he_normal weights and a smaller learning rate, or LeakyReLU",
                )
        for name, shares in self["saturated"].items():
            if shares[-1] > HALF:
                self._warn(
                    "saturated",
                    name,
                    f"{shares[-1]:.0%} of the outputs of {self.describe(name)} are saturated: their gradient vanishes; "
                    "try glorot_normal weights, and standardize x",
                )

    def _look_for_nan(self, run: Run) -> None:
        """Say where NaN or infinity comes from: the data, else the parameters, else the first layer that puts it out.

        In this order, since each of them makes all that come after it NaN as well.
        """
        where = f"epoch {run.epoch}, batch {run.batch_index}"
        x = run.batch[0]
        if spoiled := not_finite(x):
            self._warn("nan", "", f"NaN or infinity in the data: {spoiled} of {where}; clean it before training")
            return
        for name, part in layer_slices(run.model).items():
            if not np.abs(run.model.parameters[part]).max() < HUGE:  # NaN is not below it either
                self._warn(
                    "nan",
                    name,
                    f"NaN, infinity or numbers above {HUGE:g} in the parameters of {self.describe(name)} at {where}: "
                    "training has diverged; try a smaller learning rate, or clip_norm",
                )
                return
        with np.errstate(all="ignore"), contextlib.suppress(ValueError, FloatingPointError):  # of a layer that refuses
            for name, _, out in layer_outputs(run.model, x):
                if not np.all(np.isfinite(out)):
                    self._warn(
                        "nan",
                        name,
                        f"NaN or infinity first comes out of {self.describe(name)} at {where}; "
                        "try a smaller learning rate, and look at what this layer does with large x",
                    )
                    return

    def _add(self, quantity: str, values: dict[str, float]) -> None:
        """Keep what a look found of a quantity, by layer."""
        self.steps[quantity].append(self._step)
        for name, value in values.items():
            self._values[quantity].setdefault(name, []).append(value)

    def _warn(self, kind: str, name: str, text: str) -> None:
        """Keep and print a warning of this kind about this layer, the first time that there is reason."""
        if (kind, name) in self._warned:
            return
        self._warned.add((kind, name))
        self.warnings.append(text)
        if self.verbose and self._speaks:
            print(f"diagnostics: {text}", flush=True)

    def _repr_html_(self) -> str:
        return table_of(self, QUANTITIES)

    def plot(self) -> Any:
        """Return a matplotlib figure: a panel for each quantity, a line for each layer, over the steps."""
        from pictures import plot_diagnostics

        return plot_diagnostics(self)


def _smaller(x: Any) -> str:
    """Return what makes a first loss smaller: x, where that is large, else the last weights."""
    array = x if isinstance(x, np.ndarray) and x.dtype.kind in "fiu" else np.zeros(1)
    if array.dtype.kind in "iu" and array.dtype != np.uint8:
        array = np.zeros(1)  # places in a table
    largest = float(np.abs(array).max())
    if largest < LARGE_X:
        return "give the last layer smaller weights, for example initializer=normal(0.01)"
    bytes_ = "divide it by 255" if 128 <= largest <= 255 and array.min() >= 0 else "standardize it"
    return f"x is large, up to {largest:.4g}: {bytes_}"


def _norm(vector: Array) -> float:
    """Return sqrt(sum(vector²)), in float64: squares of float32 overflow from 2e19 on."""
    return float(np.sqrt(np.sum(np.square(vector, dtype=np.float64))))
