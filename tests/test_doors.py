"""No malformed call is taken, changes anything, or is refused without who, what must hold and what came.

Some 18,000 calls run here; HANDGRAD_LONG=1 in the environment makes them of every row of the tables, and prints shares.
"""

import collections
import os
from pathlib import Path

import numpy as np
import pytest
from malformed import calls, malformed, objects, types_in
from malformed_functions import GOOD, function_calls, good_calls, written
from matplotlib import pyplot

import layers
import losses
import optimizers
import pictures
import training
from layers import BatchNorm, Conv2D, Dense, Dropout, Layer, LeakyReLU, MaxPool2D, ReLU, Sequential, SimpleRNN
from losses import Huber, SoftmaxCrossEntropy
from optimizers import SGD, Adam, CosineDecay, Optimizer

# What takes nothing that could be wrong, is a base to derive from, is made by others, or is called by layers alone.
NO_ARGUMENTS = {"digits", "Callback", "Run", "CallbackError", "Verdict", "RateRange", "GradientError", "GradientReport"}
NO_ARGUMENTS |= {"Processes"}  # needs MPI: see test_processes.py
NO_ARGUMENTS |= {"Layer", "Container", "Gate", "Loss", "Optimizer", "Schedule"}
NO_ARGUMENTS |= {f"{rule}_{kind}" for rule in ("he", "glorot", "lecun") for kind in ("normal", "uniform")} | {
    "orthogonal"
}
LONG = bool(os.environ.get("HANDGRAD_LONG"))
ROOT = Path(__file__).parent.parent


def test_no_malformed_call_is_taken_or_changes_anything_and_nearly_all_are_refused_clearly():
    found = collections.defaultdict(list)
    for call in calls(every=LONG):
        outcome, said = call.outcome()
        found[outcome].append(f"{call}: {said[:200]}")
    n = sum(map(len, found.values()))
    if LONG:
        print({outcome: f"{len(each)}, {len(each) / n:.3%}" for outcome, each in found.items()}, "of", n)
    assert n > 15_000
    assert found["taken"] == []
    assert found["changed"] == []
    assert len(found["unclear"]) <= 0.001 * n, found["unclear"][:20]


def test_no_malformed_call_of_a_function_is_taken_or_changes_anything():
    written()
    found = collections.defaultdict(list)
    for call in function_calls(pairs=300 if LONG else 5):
        outcome, said = call.outcome()
        found[outcome].append(f"{call}: {said[:200]}")
        pyplot.close("all")
    n = sum(map(len, found.values()))
    if LONG:
        print({outcome: f"{len(each)}, {len(each) / n:.3%}" for outcome, each in found.items()}, "of", n)
    assert n > 4_000
    assert found["taken"] == []
    assert found["changed"] == []
    assert len(found["unclear"]) <= 0.001 * n, found["unclear"][:20]


def test_the_calls_that_are_made_malformed_work_as_they_are():
    written()
    for _, call in good_calls():
        call()
    pyplot.close("all")


def test_every_public_function_is_called():
    given = [thing for thing, _ in GOOD] + [type(thing) for thing, _ in objects()]
    for package in (layers, losses, optimizers, training, pictures):
        public = {name: getattr(package, name) for name in package.__all__}
        left_out = {name for name, thing in public.items() if callable(thing) and not any(thing is g for g in given)}
        assert left_out <= NO_ARGUMENTS, f"add {left_out - NO_ARGUMENTS} to GOOD in tests/malformed_functions.py"


def test_every_class_with_arguments_is_called():
    seen = {type(thing) for thing, _ in objects()}
    abstract = {"Container", "Gate", "Layer", "Loss", "Optimizer", "Schedule", "Noise", "Padded", "GradientReport"}
    public = [getattr(package, name) for package in (layers, losses, optimizers) for name in package.__all__]
    kinds = {each for each in public if isinstance(each, type) and not issubclass(each, Exception)}
    left_out = {each.__name__ for each in kinds - seen} - abstract
    assert left_out <= {thing.__name__ for thing, _ in GOOD if isinstance(thing, type)}


DATA = {
    "layers",
    "branches",
    "projection",
    "nodes",
    "inputs",
    "outputs",
    "class_weights",
    "schedules",
    "schedule",
    "shape",
}
DATA |= {"embedding", "body", "layer", "exponent", "label", "text", "dtype", "shapes"}


@pytest.mark.parametrize("thing", [thing for thing, _ in objects()], ids=lambda thing: type(thing).__name__)
def test_the_type_of_every_argument_is_one_that_the_calls_know(thing):
    for name, kind in types_in(type(thing)).items():
        if name not in DATA and hasattr(thing, name):
            assert malformed(name, kind), f"write what {name} : {kind} cannot be, in malformed() of tests/malformed.py"


def test_the_options_of_losses_and_optimizers_are_the_same_file():
    assert (ROOT / "losses" / "options.py").read_bytes() == (ROOT / "optimizers" / "options.py").read_bytes()


# ---- options that are assigned later ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("thing", "name", "good", "kept"),
    [
        (Dropout(0.5), "rate", 0.25, 0.25),
        (LeakyReLU(), "slope", np.float32(0.5), 0.5),
        (BatchNorm(3), "momentum", 1, 1.0),
        (MaxPool2D(2), "stride", np.int64(3), 3),
        (Conv2D(1, 2, 3), "padding", "same", "same"),
        (Huber(), "delta", 2, 2.0),
        (SoftmaxCrossEntropy(), "label_smoothing", 0.1, 0.1),
        (SoftmaxCrossEntropy(), "reduction", "sum", "sum"),
    ],
)
def test_a_good_option_is_taken_as_by_the_constructor(thing, name, good, kept):
    setattr(thing, name, good)
    value = getattr(thing, name)
    assert value == kept
    assert not isinstance(value, np.generic)


def test_what_follows_from_an_option_follows_when_it_is_assigned():
    x = np.arange(36.0).reshape(1, 6, 6, 1)
    layer, made = MaxPool2D(2), MaxPool2D(2, stride=1, padding=1)
    layer.stride, layer.padding = 1, 1
    np.testing.assert_array_equal(layer.forward(x), made.forward(x))
    conv, other = Conv2D(1, 2, 3, rng=0), Conv2D(1, 2, 3, padding="same", rng=0)
    before = conv.weights.copy()
    conv.padding = "same"
    np.testing.assert_array_equal(conv.weights, before)
    np.testing.assert_array_equal(conv.forward(x), other.forward(x))


def test_an_option_that_arrays_were_made_for_stays():
    layer = Dense(3, 2, rng=0)
    before = layer.state_dict()
    with pytest.raises(
        ValueError, match=r"^Dense\(3, 2\): n_inputs must stay 3, as its arrays were made, got 4: make a n"
    ):
        layer.n_inputs = 4
    with pytest.raises(ValueError, match="use_bias must stay True"):
        layer.use_bias = False
    assert layer.n_inputs == 3
    assert all(np.array_equal(value, before[name]) for name, value in layer.state_dict().items())


def test_the_noise_and_the_rest_of_a_layer_outlast_an_assignment():
    layer = Dropout(0.5, rng=0)
    layer.forward(np.ones((3, 3)))
    noise = layer.noise
    layer.rate = 0.1
    assert layer.noise is noise
    layer.rest()
    layer.rate = 0.2
    assert layer.resting


def test_a_layer_of_ones_own_may_assign_what_it_likes():
    made = []

    class Mine(Layer):
        def __init__(self, heat):
            super().__init__()
            self.heat = heat
            made.append(self)

    layer = Mine(1.0)
    layer.heat = "hot"
    assert layer.heat == "hot"
    assert made == [layer]


# ---- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Adam(lr=0.1), r"^Adam\(\) got an unexpected keyword argument 'lr': did you mean learning_rate\?"),
        (lambda: SGD(0.1, momentun=0.9), r"^SGD\(\) got .* 'momentun': did you mean momentum\?"),
        (lambda: Dense(3, 2, bias=False), r"^Dense\(\) got an unexpected .* 'bias': did you mean use_bias\?"),
        (
            lambda: Conv2D(32, 3),
            r"^Conv2D\(\) missing 1 required positional argument: 'kernel_size': Conv2D\(n_inputs, n_o",
        ),
        (lambda: layers.Flatten(2), r"^Flatten\(\) takes 1 positional argument but 2 were given: Flatten\(\)"),
        (lambda: ReLU(0.1), r"^ReLU\(\) takes"),
        (
            lambda: SoftmaxCrossEntropy(smoothing=0.1),
            r"^SoftmaxCrossEntropy\(\) got an unexpected keyword argument 'smoo",
        ),
        (
            lambda: layers.Max(0, True),
            r"^Max\(\) takes from 1 to 2 positional arguments but 3 were given: Max\(axis=None, ",
        ),
        (lambda: SimpleRNN(3, units=2), r"^SimpleRNN\(\) "),
    ],
)
def test_arguments_that_do_not_fit_are_told_with_the_class_and_what_is_meant(make, message):
    with pytest.raises(TypeError, match=message):
        make()


@pytest.mark.parametrize(
    ("typed", "meant"), [("weight", "weights"), ("biass", "bias"), ("biases", "bias"), ("dweight", "dweights")]
)
def test_an_attribute_that_nearly_has_the_name_of_an_array_is_refused(typed, meant):
    layer = Dense(2, 2)
    with pytest.raises(AttributeError, match=rf"Dense\(2, 2\): cannot set '{typed}', since there is '{meant}'"):
        setattr(layer, typed, np.ones((2, 2)))
    assert not hasattr(layer, typed)


def test_an_array_that_is_set_before_it_is_declared_is_refused():
    class Early(Layer):
        def __init__(self):
            self.weights = np.ones(3)
            super().__init__(weights=(3,))

    with pytest.raises(
        RuntimeError, match=r"Early: weights must be set after super\(\).__init__\(...\), which makes it"
    ):
        Early()


def test_an_optimizer_without_its_base_is_refused():
    class Bare(Optimizer):
        def __init__(self):
            self.mine = 1

    with pytest.raises(TypeError, match=r"Bare.__init__ must call super\(\).__init__\(learning_rate, ...\)"):
        Bare()


def test_classes_of_ones_own_may_have_other_bases():
    from abc import ABC, abstractmethod

    class Abstract(Layer, ABC):
        @abstractmethod
        def scale(self): ...

    class Double(Abstract):
        def scale(self):
            return 2

    with pytest.raises(TypeError, match="abstract"):
        Abstract()
    assert Double().scale() == 2


@pytest.mark.parametrize("step", [-1, 1.5, float("nan"), "a", None, True])
def test_a_schedule_has_no_rate_for_what_is_no_step(step):
    schedule = CosineDecay(0.1, steps=10)
    with pytest.raises((TypeError, ValueError), match=r"^CosineDecay\(0.1, 10\): step must be "):
        schedule(step)


def test_a_chain_of_classes_is_refused():
    with pytest.raises(TypeError, match="Sequential: layers must be Layer objects, got the class ReLU at 1"):
        Sequential([Dense(2, 2), ReLU])
