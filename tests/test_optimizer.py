"""What all optimizers share, seen through the simplest of them."""

import inspect
import pickle
import pydoc
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest

from layers import Dense, Embedding, Layer, ReLU, Residual, Sequential
from losses import SoftmaxCrossEntropy
from optimizers import SGD, Adam, AdamW, Optimizer
from optimizers.blocks import BLOCK, THREADS


def vector(n=3, dtype=np.float64):
    """Return a model that is nothing but n parameters."""
    model = Sequential([Embedding(n, 1)], dtype=dtype)
    model.parameters = np.arange(n)
    model.gradients = np.ones(n)
    return model


def network():
    model = Sequential([Dense(4, 5), ReLU(), Dense(5, 3)], dtype=np.float64, rng=0)
    model.gradients = np.zeros(model.gradients.shape)
    return model


# ---- the step --------------------------------------------------------------------------------------------------------


def test_step_updates_in_place():
    model = network()
    parameters, weights = model.parameters, model[0].weights
    model.gradients = np.ones(model.gradients.shape)
    before = weights.copy()
    SGD(0.5).step(model)
    assert model.parameters is parameters
    assert model[0].weights is weights
    np.testing.assert_array_equal(weights, before - 0.5)


def test_step_leaves_the_gradients_alone():
    model = vector()
    SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.1).step(model)
    np.testing.assert_array_equal(model.gradients, [1, 1, 1])


def test_step_works_on_a_layer_alone():
    layer = Dense(2, 1)
    layer.weights, layer.dweights = [[1.0], [2.0]], [[10.0], [20.0]]
    SGD(0.1).step(layer)
    np.testing.assert_allclose(layer.weights, [[0.0], [0.0]], atol=1e-15)


def test_step_works_on_a_model_without_parameters():
    optimizer = SGD(0.1, momentum=0.9)
    optimizer.step(Sequential([ReLU()]))
    assert optimizer.steps == 1


def test_the_optimizer_keeps_no_reference_to_the_arrays_of_the_model():
    optimizer = SGD(0.5)
    model = SimpleNamespace(parameters=np.arange(3.0), gradients=np.ones(3))
    before = model.parameters
    optimizer.step(model)
    model.parameters = model.parameters.copy()  # the same model, with arrays of its own elsewhere
    optimizer.step(model)
    np.testing.assert_array_equal(before, [-0.5, 0.5, 1.5])
    np.testing.assert_array_equal(model.parameters, [-1.0, 0.0, 1.0])
    held = [value for value in vars(optimizer).values() if isinstance(value, np.ndarray)]
    assert not any(np.shares_memory(array, model.parameters) for array in held)


def test_steps_are_counted():
    optimizer, model = SGD(0.1), vector()
    assert optimizer.steps == 0
    for _ in range(3):
        optimizer.step(model)
    assert optimizer.steps == 3


def test_training_reduces_the_loss(rng):
    model, loss, optimizer = network(), SoftmaxCrossEntropy(), SGD(0.1, momentum=0.9)
    x, y = rng.normal(size=(30, 4)), rng.integers(0, 3, size=30)
    values = []
    for _ in range(50):
        values.append(loss.forward(model.forward(x), y))
        model.backward(loss.backward())
        optimizer.step(model)
    assert values[-1] < 0.7 * values[0]


def test_float32_stays_float32():
    model = vector(dtype=np.float32)
    optimizer = SGD(np.float64(0.1), momentum=np.float64(0.9), weight_decay=np.float64(0.01))
    optimizer.step(model)
    optimizer.step(model)
    assert model.parameters.dtype == np.float32
    assert {array.dtype for array in optimizer.state_dict().values() if isinstance(array, np.ndarray)} == {
        np.dtype(np.float32)
    }


def test_numbers_of_numpy_compute_what_plain_numbers_do(rng):
    start, gradients = rng.normal(size=(2, 1000))
    results = []
    for number in (float, np.float64):
        model = vector(1000, np.float32)
        model.parameters, model.gradients = start, gradients
        SGD(number(0.1), momentum=number(0.9), weight_decay=number(0.01)).step(model)
        results.append(model.parameters.copy())
    np.testing.assert_array_equal(*results)


# ---- blocks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 17])
def test_blocks_change_no_digit(size, rng):
    model = vector(size)
    parameters, gradients = rng.normal(size=size), rng.normal(size=size)
    model.parameters, model.gradients = parameters, gradients
    optimizer = SGD(0.1, momentum=0.9, weight_decay=0.01)
    velocity = np.zeros(size)
    for _ in range(3):
        optimizer.step(model)
        velocity = 0.9 * velocity - 0.1 * (gradients + 0.01 * parameters)
        parameters = parameters + velocity
    np.testing.assert_array_equal(model.parameters, parameters)


def test_blocks_end_where_the_weight_decay_does(rng):
    model = Sequential([Dense(300, 200), Dense(200, 400)], dtype=np.float64, rng=rng)  # 140,600 parameters
    before = model.state_dict()
    model.gradients = np.zeros(model.gradients.shape)
    model.parameters += 1
    SGD(0.5, weight_decay=0.5, exclude=("bias",)).step(model)
    for name, array in model.state_dict().items():
        factor = 1.0 if name.endswith("bias") else 0.75
        np.testing.assert_array_equal(array, factor * (before[name] + 1))


@pytest.mark.parametrize("options", [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}, {"weight_decay": 0.1}])
def test_a_step_allocates_no_vector_as_long_as_the_parameters(options):
    size = 5_000_000
    model = vector(size, np.float32)
    optimizer = SGD(0.1, **options)
    optimizer.step(model)  # the first step makes the state
    tracemalloc.start()
    try:
        optimizer.step(model)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # two blocks of scratch, at most, in each of at most four threads
    assert peak < 2.5 * THREADS * BLOCK * model.parameters.itemsize < model.parameters.nbytes / 2


# ---- the learning rate -----------------------------------------------------------------------------------------------


def test_a_callable_is_asked_at_each_step_counted_from_0():
    asked = []

    def rate(step):
        asked.append(step)
        return 1 / (step + 1)

    model, optimizer = vector(1), SGD(rate)
    for _ in range(3):
        optimizer.step(model)
    assert asked == [0, 1, 2]
    np.testing.assert_allclose(model.parameters, [-1 - 1 / 2 - 1 / 3], rtol=1e-15)


def test_the_rate_of_the_step_to_come():
    optimizer, model = SGD(lambda step: 0.1 * (step + 1)), vector()
    assert optimizer.rate() == 0.1
    optimizer.step(model)
    assert optimizer.rate() == 0.2
    assert SGD(0.3).rate() == 0.3


def test_the_rate_can_be_changed_between_steps():
    model, optimizer = vector(1), SGD(1.0)
    optimizer.step(model)
    optimizer.learning_rate = 0.25
    optimizer.step(model)
    np.testing.assert_array_equal(model.parameters, [-1.25])


def test_a_rate_of_zero_changes_nothing():
    model = vector()
    SGD(0).step(model)
    np.testing.assert_array_equal(model.parameters, [0, 1, 2])


BAD_RATES = [-0.1, -1, float("nan"), float("inf"), np.float32(-0.5)]
NO_RATES = ["0.1", None, True, [0.1], 1j, np.array([0.1])]


@pytest.mark.parametrize("bad", BAD_RATES)
def test_a_negative_rate_is_refused(bad):
    with pytest.raises(ValueError, match=rf"^SGD: learning_rate must be finite and >= 0, got {bad}$"):
        SGD(bad)


@pytest.mark.parametrize("bad", NO_RATES, ids=repr)
def test_a_rate_that_is_no_number_is_refused(bad):
    with pytest.raises(TypeError, match=r"^SGD: learning_rate must be a number, got "):
        SGD(bad)


@pytest.mark.parametrize("bad", BAD_RATES)
def test_changing_to_a_negative_rate_is_refused_and_keeps_the_old_one(bad):
    optimizer = SGD(0.5)
    with pytest.raises(ValueError, match="learning_rate must be finite and >= 0"):
        optimizer.learning_rate = bad
    assert optimizer.learning_rate == 0.5


def unchanged_after(error, match, optimizer, model):
    """See that a step raises, and that it changes neither the model nor the optimizer."""
    before, state = model.parameters.copy(), optimizer.state_dict()
    with pytest.raises(error, match=match):
        optimizer.step(model)
    np.testing.assert_array_equal(model.parameters, before)
    after = optimizer.state_dict()
    assert list(after) == list(state)
    assert all(np.array_equal(after[name], state[name]) for name in state)


@pytest.mark.parametrize("bad", BAD_RATES)
def test_a_callable_that_gives_a_negative_rate_is_refused_and_nothing_changes(bad):
    model, optimizer = vector(), SGD(lambda step: 0.1 if step < 2 else bad, momentum=0.9)
    optimizer.step(model)
    optimizer.step(model)
    unchanged_after(ValueError, rf"SGD: learning_rate\(2\) must be finite and >= 0, got {bad}", optimizer, model)


@pytest.mark.parametrize("bad", NO_RATES, ids=repr)
def test_a_callable_that_gives_no_number_is_refused_and_nothing_changes(bad):
    unchanged_after(TypeError, r"SGD: learning_rate\(0\) must be a number, got ", SGD(lambda step: bad), vector())


def test_a_callable_that_raises_changes_nothing():
    def rate(step):
        raise KeyError("no such step")

    unchanged_after(KeyError, "no such step", SGD(rate, momentum=0.9), vector())


# ---- weight decay ----------------------------------------------------------------------------------------------------


def decayed(model, exclude):
    """Return the names of the arrays that weight decay acts on."""
    model.parameters, model.gradients = np.ones(model.parameters.shape), np.zeros(model.gradients.shape)
    SGD(1.0, weight_decay=0.5, exclude=exclude).step(model)
    state = model.state_dict()
    assert all(np.all(array == 0.5) or np.all(array == 1) for array in state.values())
    return [name for name, array in state.items() if np.all(array == 0.5)]


@pytest.mark.parametrize(
    ("exclude", "expected"),
    [
        ((), ["0.weights", "0.bias", "2.weights", "2.bias"]),
        (("bias",), ["0.weights", "2.weights"]),
        (["bias"], ["0.weights", "2.weights"]),
        (("0.bias",), ["0.weights", "2.weights", "2.bias"]),
        (("0",), ["2.weights", "2.bias"]),
        (("2", "bias"), ["0.weights"]),
        (("0.weights", "2"), ["0.bias"]),
        (("weights", "bias"), []),
    ],
)
def test_exclude_by_name_by_layer_or_in_full(exclude, expected):
    assert decayed(network(), exclude) == expected


def test_exclude_inside_nested_layers():
    model = Sequential([Dense(3, 3), Residual([Dense(3, 3), ReLU(), Dense(3, 3)])], dtype=np.float64)
    assert decayed(model, ("1.0", "1.2.bias")) == ["0.weights", "0.bias", "1.2.weights"]
    assert decayed(model, ("1",)) == ["0.weights", "0.bias"]


def test_exclude_does_not_mistake_layer_1_for_layer_10():
    model = Sequential([Dense(2, 2) for _ in range(11)], dtype=np.float64)
    assert "10.weights" in decayed(model, ("1",))


def test_exclude_in_a_layer_alone():
    assert decayed(Dense(2, 3), ("bias",)) == ["weights"]


@pytest.mark.parametrize("typo", ["biass", "Bias", "1", "3", "0.wieghts", "0.", ".bias", "", "0.bias.0", "*"])
def test_a_name_that_fits_nothing_is_refused_and_nothing_changes(typo):
    match = rf"exclude must name arrays among \['0\.weights', '0\.bias', .*got '{typo}'".replace("*'", "[*]'")
    unchanged_after(ValueError, match, SGD(0.1, momentum=0.9, weight_decay=0.1, exclude=("bias", typo)), network())


def test_a_name_that_fits_nothing_is_refused_without_weight_decay_too():
    unchanged_after(ValueError, "exclude must name arrays among", SGD(0.1, exclude=("biass",)), network())


def test_a_string_is_not_a_tuple_of_names():
    with pytest.raises(TypeError, match=r"^SGD: exclude must be a tuple of names, got the string 'bias'$"):
        SGD(0.1, weight_decay=0.1, exclude="bias")


def test_after_a_reset_weight_decay_follows_another_model_of_the_same_size():
    optimizer = SGD(1.0, weight_decay=0.5, exclude=("bias",))
    for model in (Dense(2, 3), Dense(8, 1)):  # 6 + 3 and 8 + 1 parameters
        model.parameters, model.gradients = np.ones(9), np.zeros(9)
        optimizer.reset()
        optimizer.step(model)
        assert np.all(model.weights == 0.5)
        assert np.all(model.bias == 1)


def test_exclude_can_be_changed_between_steps():
    model, optimizer = network(), SGD(1.0, weight_decay=0.5)
    model.parameters = np.ones(model.parameters.size)
    optimizer.step(model)
    optimizer.exclude = ("0", "2.bias")
    optimizer.step(model)
    for name, array in model.state_dict().items():
        assert np.all(array == (0.25 if name == "2.weights" else 0.5))


def test_weight_decay_can_be_changed_between_steps():
    model, optimizer = vector(1), SGD(1.0, weight_decay=0.5)
    model.parameters, model.gradients = [1.0], [0.0]
    optimizer.step(model)
    optimizer.weight_decay = 0.0
    optimizer.step(model)
    np.testing.assert_array_equal(model.parameters, [0.5])


@pytest.mark.parametrize("bad", BAD_RATES)
def test_a_negative_weight_decay_is_refused(bad):
    with pytest.raises(ValueError, match=rf"^SGD: weight_decay must be finite and >= 0, got {bad}$"):
        SGD(0.1, weight_decay=bad)


# ---- the model must stay the same ------------------------------------------------------------------------------------


def test_a_model_of_another_size_is_refused_and_nothing_changes():
    optimizer = SGD(0.1, momentum=0.9)
    trained = SGD(0.1, momentum=0.9)
    trained.step(vector(3))
    optimizer.load_state_dict(trained.state_dict())
    unchanged_after(ValueError, r"the model must have 3 parameters as before, got 4", optimizer, vector(4))


# ---- state -----------------------------------------------------------------------------------------------------------


def trained(steps, optimizer, model):
    for step in range(optimizer.steps, optimizer.steps + steps):
        model.gradients = np.sin(model.parameters + step)
        optimizer.step(model)
    return optimizer, model


@pytest.mark.parametrize("options", [{}, {"momentum": 0.9}, {"momentum": 0.5, "nesterov": True, "weight_decay": 0.1}])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_state_dict_goes_on_exactly(options, dtype):
    def rate(step):
        return 0.1 / (step + 1)

    _, expected = trained(7, SGD(rate, **options), vector(5, dtype))
    first, model = trained(3, SGD(rate, **options), vector(5, dtype))
    second = SGD(rate, **options)
    second.load_state_dict(first.state_dict())
    assert second.steps == 3
    _, model = trained(4, second, model)
    np.testing.assert_array_equal(model.parameters, expected.parameters)


def test_state_dict_holds_copies():
    optimizer, model = trained(1, SGD(0.1, momentum=0.9), vector())
    state = optimizer.state_dict()
    kept = state["velocity"].copy()
    trained(1, optimizer, model)
    np.testing.assert_array_equal(state["velocity"], kept)


def test_load_state_dict_copies():
    optimizer, model = trained(1, SGD(0.1, momentum=0.9), vector())
    state = optimizer.state_dict()
    kept = state["velocity"].copy()
    optimizer.load_state_dict(state)
    trained(1, optimizer, model)
    np.testing.assert_array_equal(state["velocity"], kept)


def test_state_dict_survives_a_file(tmp_path):
    optimizer, model = trained(3, SGD(0.1, momentum=0.9), vector())
    np.savez(tmp_path / "state.npz", **optimizer.state_dict())
    other = SGD(0.1, momentum=0.9)
    with np.load(tmp_path / "state.npz") as state:
        other.load_state_dict(state)
    twin = vector()
    twin.parameters = model.parameters
    trained(2, optimizer, model), trained(2, other, twin)
    np.testing.assert_array_equal(twin.parameters, model.parameters)


def test_the_state_before_the_first_step_starts_afresh():
    fresh = SGD(0.1, momentum=0.9).state_dict()
    assert fresh == {"steps": 0}
    optimizer, _ = trained(3, SGD(0.1, momentum=0.9), vector())
    optimizer.load_state_dict(fresh)
    _, again = trained(3, optimizer, vector())
    _, expected = trained(3, SGD(0.1, momentum=0.9), vector())
    np.testing.assert_array_equal(again.parameters, expected.parameters)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_the_state_before_the_first_step_fits_a_model_of_any_size(momentum):
    optimizer, _ = trained(3, SGD(0.1, momentum=momentum), vector(3))
    optimizer.load_state_dict({"steps": 0})
    _, again = trained(3, optimizer, vector(5))
    _, expected = trained(3, SGD(0.1, momentum=momentum), vector(5))
    np.testing.assert_array_equal(again.parameters, expected.parameters)


def refused(optimizer, state, match):
    """See that a state is refused and nothing of the optimizer changed."""
    before = optimizer.state_dict()
    with pytest.raises(ValueError, match=match):
        optimizer.load_state_dict(state)
    after = optimizer.state_dict()
    assert list(after) == list(before)
    assert all(np.array_equal(after[name], before[name]) for name in before)


@pytest.mark.parametrize(
    "state", [{}, {"steps": 1}, {"velocity": np.zeros(3)}, {"steps": 1, "velocity": np.zeros(3), "speed": np.zeros(3)}]
)
def test_a_state_with_other_names_is_refused(state):
    for optimizer in (SGD(0.1, momentum=0.9), trained(2, SGD(0.1, momentum=0.9), vector())[0]):
        refused(optimizer, state, r"state must have the names \['steps', 'velocity'\], got \[")


def test_the_state_of_another_kind_is_refused():
    with_momentum, _ = trained(2, SGD(0.1, momentum=0.9), vector())
    refused(SGD(0.1), with_momentum.state_dict(), r"state must have the names \['steps'\], got \['steps', 'velocity'\]")


@pytest.mark.parametrize("steps", [-1, 1.5, "1", None, [1, 2], np.nan])
def test_steps_that_cannot_be_counted_are_refused(steps):
    refused(
        SGD(0.1, momentum=0.9), {"steps": steps, "velocity": np.zeros(3)}, "steps must be a whole number >= 0, got "
    )


@pytest.mark.parametrize(
    "velocity", [np.zeros(4), np.zeros((3, 1)), np.zeros((1, 3)), 0.0, np.zeros(3, int), ["a"] * 3]
)
def test_a_state_that_does_not_fit_the_model_is_refused(velocity):
    optimizer, _ = trained(2, SGD(0.1, momentum=0.9), vector())
    refused(optimizer, {"steps": 1, "velocity": velocity}, r"velocity must hold floating numbers in shape \(3,\), got ")


def test_a_model_that_does_not_fit_the_state_is_refused():
    optimizer = SGD(0.1, momentum=0.9)
    optimizer.load_state_dict({"steps": 1, "velocity": np.zeros(4)})
    unchanged_after(ValueError, "the model must have 4 parameters as before, got 3", optimizer, vector(3))


# ---- the object ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "SGD(0.1)",
        "SGD(0.1, momentum=0.9)",
        "SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.0001, exclude=('bias',))",
        "Adam()",
        "AdamW(learning_rate=0.1, weight_decay=0, beta1=0.8, clip_norm=1)",
    ],
)
def test_repr_is_what_one_would_type(text):
    assert repr(eval(text)) == text


def test_repr_of_a_callable_rate():
    def warm_up(step):
        return 0.1

    assert repr(SGD(warm_up)) == "SGD(warm_up)"


def test_repr_of_a_callable_without_a_name():
    class Falling:
        def __call__(self, step):
            return 0.1

        def __repr__(self):
            return "Falling()"

    assert repr(SGD(Falling(), momentum=0.9)) == "SGD(Falling(), momentum=0.9)"


def test_a_pickle_holds_the_state_once():
    optimizer, _ = trained(1, SGD(0.1, momentum=0.9), vector(10_000))
    assert len(pickle.dumps(optimizer)) < 1.1 * 8 * 10_000


# ---- the signature ---------------------------------------------------------------------------------------------------

SHARED = ["weight_decay", "exclude", "frozen", "clip_norm", "clip_value"]


def keywords(rule):
    """Return the names of the keyword-only arguments of a rule, and see that the others are the learning rate alone."""
    parameters = inspect.signature(rule).parameters.values()
    assert [each.name for each in parameters if each.kind != each.KEYWORD_ONLY] == ["learning_rate"]
    return [each.name for each in parameters if each.kind == each.KEYWORD_ONLY]


def test_the_options_of_all_are_in_the_signature():
    assert keywords(SGD) == ["momentum", "nesterov", *SHARED]
    assert keywords(AdamW) == ["weight_decay", "beta1", "beta2", "epsilon", "amsgrad", *SHARED[1:]]
    assert inspect.signature(AdamW).parameters["weight_decay"].default == 0.01


def test_the_options_of_all_are_in_the_help():
    heading = pydoc.render_doc(SGD, renderer=pydoc.plaintext).split("A step against the gradient")[0]
    for name in ["learning_rate", "momentum", "nesterov", *SHARED]:
        assert f"{name}: " in heading


def test_options_come_by_keyword():
    with pytest.raises(TypeError, match="takes 2 positional arguments but 3 were given"):
        SGD(0.1, 0.9)
    with pytest.raises(TypeError, match="takes from 1 to 2 positional arguments but 3 were given"):
        Adam(0.1, 0.9)


def test_a_rule_of_ones_own_hands_on_its_options():
    class Slow(SGD):
        def __init__(self, learning_rate, *, slower=2.0, weight_decay=0.5, **options):
            super().__init__(learning_rate, weight_decay=weight_decay, **options)
            self.slower = slower

        def rate(self):
            return super().rate() / self.slower

    class Slower(Slow):
        pass

    for rule in (Slow, Slower):
        assert keywords(rule) == ["slower", "weight_decay", "momentum", "nesterov", *SHARED[1:]]
        optimizer, model = rule(1.0, slower=4.0, momentum=0.9), vector(1)
        assert repr(optimizer) == f"{rule.__name__}(1, slower=4, momentum=0.9)"
        model.parameters = [1.0]
        optimizer.step(model)
        np.testing.assert_array_equal(model.parameters, [1 - 0.25 * (1 + 0.5)])


def test_a_rule_of_ones_own_may_have_no_options():
    class Plain(SGD):
        def __init__(self, learning_rate):
            super().__init__(learning_rate, momentum=0.9)

    assert keywords(Plain) == []
    assert repr(Plain(0.1)) == "Plain(0.1)"


def test_a_rule_of_ones_own_has_state_and_scratch():
    class Averaged(Optimizer):
        state_names = ("mean", "largest")
        n_scratch = 2

        def _update(self, parameters, gradients, rate, scratch, *, mean, largest):
            first, second = scratch
            assert first.shape == second.shape == mean.shape == parameters.shape
            mean += np.multiply(np.subtract(gradients, mean, out=first), 0.5, out=second)
            np.maximum(largest, gradients, out=largest)
            parameters -= np.multiply(mean, rate, out=first)

    # means 4, then 4 + 0.5 * (-8 - 4) = -2
    optimizer, model = Averaged(1.0), vector(1)
    for gradient in (8.0, -8.0):
        model.gradients = [gradient]
        optimizer.step(model)
    np.testing.assert_array_equal(model.parameters, [-4 + 2])
    assert optimizer.state_dict() == {"steps": 2, "mean": [-2], "largest": [8]}


def test_a_rule_of_ones_own_must_define_its_update():
    class Nothing(Optimizer):
        pass

    with pytest.raises(NotImplementedError, match="Nothing must define _update"):
        Nothing(0.1).step(Layer(weights=(2,)))
