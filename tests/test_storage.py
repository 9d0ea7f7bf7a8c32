"""Where parameters live: in one vector, and named views of it that never come loose."""

import copy
import pickle
import re

import numpy as np
import pytest

from layers import Add, Dense, Dropout, Embedding, Layer, PReLU, ReLU, Residual, Sequential, Sum, constant

ARRAYS = ["weights", "bias", "dweights", "dbias", "parameters", "gradients"]


class Centered(Layer):
    """x - mean + shift, with a buffer: the mean is state, but not learned."""

    buffers = ("mean",)

    def __init__(self, n_features, mean=0.0):
        super().__init__(shift=(n_features,))
        self.mean = np.broadcast_to(mean, n_features)

    def forward(self, x):
        self._cache = x
        return x - self.mean + self.shift

    def backward(self, dout, input_gradient=True):
        self._recall()
        self.dshift = dout.sum(axis=0)
        return dout if input_gradient else None


def network():
    """Return layers with and without parameters, on three levels, with a buffer; all are of three features."""
    block = Residual([Dense(3, 3), Sequential([PReLU(3), Dense(3, 3, use_bias=False)]), Dropout(0.5)])
    return Sequential([Dense(3, 3), ReLU(), block, Centered(3)], rng=0)


NAMES = [
    "0.weights", "0.bias", "2.0.weights", "2.0.bias", "2.1.0.slopes", "2.1.1.weights", "3.shift",
]  # fmt: skip
SUBJECTS = {
    "a layer": lambda: Dense(3, 2, rng=0),
    "a network": network,
    "a layer of a network": lambda: network()[0],
    "a network of a network": lambda: network()[2],
    "a layer with a buffer": lambda: network()[3],
}
COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda layer: pickle.loads(pickle.dumps(layer)),
}
subjects = pytest.mark.parametrize("subject", [pytest.param(make, id=name) for name, make in SUBJECTS.items()])
copies = pytest.mark.parametrize("copied", [pytest.param(make, id=name) for name, make in COPIES.items()])


def numbers(layer, d=""):
    """Return what the layers inside, not the vectors, say that the parameters (or with "d" the gradients) are."""
    return np.concatenate([getattr(inner, d + name).ravel() for _, inner in layer.leaves() for name in inner.shapes])


def assert_linked(layer):
    """A number written to the vectors appears in the arrays of the layers inside, and the other way round."""
    count = np.arange(layer.parameters.size)
    layer.parameters[...], layer.gradients[...] = count, -count
    np.testing.assert_array_equal(numbers(layer), count)
    np.testing.assert_array_equal(numbers(layer, "d"), -count)
    for _, inner in layer.leaves():
        for name in inner.shapes:
            setattr(inner, name, getattr(inner, name) + 1)
            setattr(inner, f"d{name}", getattr(inner, f"d{name}") + 1)
    np.testing.assert_array_equal(layer.parameters, count + 1)
    np.testing.assert_array_equal(layer.gradients, 1 - count)


# ---- one layer -------------------------------------------------------------------------------------------------------


def test_the_arrays_lie_one_after_the_other_in_the_vectors():
    layer = Dense(2, 3)
    layer.parameters, layer.gradients = np.arange(9), -np.arange(9)
    np.testing.assert_array_equal(layer.weights, [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(layer.bias, [6, 7, 8])
    np.testing.assert_array_equal(layer.dweights, [[0, -1, -2], [-3, -4, -5]])
    np.testing.assert_array_equal(layer.dbias, [-6, -7, -8])
    assert layer.layout == {"weights": slice(0, 6), "bias": slice(6, 9)}


def test_parameters_and_gradients_are_zero_at_first_and_float64():
    layer = Layer(weights=(2, 3), gain=())
    assert layer.weights.shape == layer.dweights.shape == (2, 3)
    assert layer.gain.shape == layer.dgain.shape == ()
    assert layer.parameters.dtype == layer.gradients.dtype == np.float64
    assert not layer.parameters.any()
    assert not layer.gradients.any()


def test_a_layer_without_arrays_has_empty_vectors():
    assert ReLU().parameters.shape == ReLU().gradients.shape == (0,)


@pytest.mark.parametrize("name", ARRAYS)
def test_assignment_copies_into_the_existing_memory(name, rng):
    layer = Dense(2, 3)
    mine = getattr(layer, name)
    value = rng.normal(size=mine.shape)
    kept = value.copy()
    setattr(layer, name, value)
    assert getattr(layer, name) is mine
    value[...] = 0  # what the caller does with the array afterwards
    np.testing.assert_array_equal(mine, kept)
    assert_linked(layer)


@pytest.mark.parametrize("value", [[[1, 2, 3], [4, 5, 6]], np.arange(6, dtype=np.int8).reshape(2, 3), np.eye(2, 3) > 0])
def test_lists_integers_and_booleans_can_be_assigned(value):
    layer = Dense(2, 3)
    layer.weights = value
    np.testing.assert_array_equal(layer.weights, np.asarray(value, dtype=float))
    assert layer.weights.dtype == np.float64


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("shape", [(), (1,), (3, 2), (1, 2, 3), (9, 1)])
def test_another_shape_is_refused_even_if_it_would_broadcast(name, shape, unchanged):
    layer = Dense(2, 3, rng=0)
    message = f"Dense(2, 3): {name} must have shape {getattr(layer, name).shape}, got {shape}"
    with unchanged(layer.parameters, layer.gradients), pytest.raises(ValueError, match=re.escape(message)):
        setattr(layer, name, np.ones(shape))
    assert_linked(layer)


@pytest.mark.parametrize("value", [np.full(3, 1j), ["a", "b", "c"], [None] * 3, np.array([1, 2, 3], "datetime64[s]")])
def test_only_real_numbers_can_be_assigned(value, unchanged):
    layer = Dense(2, 3, rng=0)
    message = re.escape(f"Dense(2, 3): bias must hold real numbers, got dtype {np.asarray(value).dtype}")
    with unchanged(layer.parameters), pytest.raises(TypeError, match=message):
        layer.bias = value


def test_augmented_assignment_works_in_place():
    layer = Dense(2, 2, initializer=constant(0))
    weights, parameters = layer.weights, layer.parameters
    layer.weights += 1
    layer.weights *= [[1, 2], [3, 4]]
    layer.bias -= 5
    layer.parameters /= 2
    assert layer.weights is weights
    assert layer.parameters is parameters
    np.testing.assert_array_equal(parameters, [0.5, 1, 1.5, 2, -2.5, -2.5])
    assert_linked(layer)


def test_augmented_assignment_of_another_kind_is_refused(unchanged):
    layer = Dense(2, 2, rng=0)
    with unchanged(layer.parameters), pytest.raises(TypeError, match="Cannot cast"):
        layer.weights += 1j


def test_an_array_can_be_assigned_to_its_own_memory():
    layer = Dense(3, 3, rng=0)
    weights = layer.weights.copy()
    layer.weights = layer.weights.T
    np.testing.assert_array_equal(layer.weights, weights.T)
    layer.parameters = layer.parameters[::-1]
    np.testing.assert_array_equal(layer.parameters[3:], weights.T.ravel()[::-1])


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_cannot_be_deleted(name):
    layer = Dense(2, 3)
    with pytest.raises(AttributeError, match=re.escape(f"Dense(2, 3): {name} cannot be deleted")):
        delattr(layer, name)
    assert_linked(layer)


@pytest.mark.parametrize(
    "names",
    [("forward",), ("weights", "dweights"), ("parameters",), ("gradients",), ("layout",), ("buffers",)],
)
def test_a_name_that_is_taken_cannot_be_declared(names):
    with pytest.raises(ValueError, match=r"Layer: cannot declare the array '\w+': the name is taken"):
        Layer(**dict.fromkeys(names, (2,)))


def test_the_name_of_a_buffer_cannot_be_declared():
    with pytest.raises(ValueError, match="Twice: cannot declare the array 'mean': the name is taken"):
        type("Twice", (Centered,), {"__init__": lambda self: Layer.__init__(self, mean=(2,))})()


@pytest.mark.parametrize("shape", [(0, 3), (-1,), (2.0, 3), 2.5, "ab", None])
def test_a_shape_must_hold_whole_numbers(shape):
    with pytest.raises(ValueError, match="Layer: weights must hold whole numbers of at least 1, got"):
        Layer(weights=shape)


def test_a_number_and_a_list_are_shapes_too():
    layer = Layer(bias=3, weights=[np.int64(2), 3])
    assert layer.layout == {"bias": slice(0, 3), "weights": slice(3, 9)}


# ---- a network -------------------------------------------------------------------------------------------------------


def test_a_network_has_the_arrays_of_its_layers_one_after_the_other():
    model = network()
    assert list(model.layout) == NAMES
    assert model.layout["2.0.weights"] == slice(12, 21)  # behind the 3 * 3 + 3 numbers of the first Dense
    stops = [here.stop for here in model.layout.values()]
    assert [here.start for here in model.layout.values()] == [0, *stops[:-1]]
    assert stops[-1] == model.parameters.size == model.gradients.size


def test_layers_of_a_network_live_in_its_vectors():
    model = network()
    assert_linked(model)
    assert_linked(model[2])
    model[2][1][1].weights = np.full((3, 3), 7.0)
    assert np.all(model.parameters[model.layout["2.1.1.weights"]] == 7)


def test_views_stay_linked_whatever_is_assigned(rng):
    model = network()
    inner = model[2]
    model.parameters = rng.normal(size=model.parameters.size)
    model.parameters *= 0.5
    inner.parameters = np.zeros_like(inner.parameters)
    inner[0].weights += 1
    model.gradients = model.parameters
    model.initialize(1)
    model.load_state_dict(network().state_dict())
    model.backward(model.forward(rng.normal(size=(4, 3))))
    assert_linked(model)
    assert_linked(inner)


def test_a_network_takes_over_the_values_of_its_layers(rng):
    first, second = Dense(2, 3, rng=1), Dense(3, 1, rng=2)
    first.gradients = rng.normal(size=9)
    parameters, gradients = [*first.parameters, *second.parameters], [*first.gradients, *second.gradients]
    model = Sequential([first, second], dtype=np.float64)
    np.testing.assert_array_equal(model.parameters, parameters)
    np.testing.assert_array_equal(model.gradients, gradients)


@pytest.mark.parametrize("dtype", [np.float32, "float64", np.float16])
def test_a_network_has_one_dtype_on_all_levels(dtype):
    model = Sequential([network(), Centered(3)], dtype=dtype)
    arrays = [model.parameters, model.gradients, model[0].parameters, model[0][2][0].weights, model[1].mean]
    assert {array.dtype for array in arrays} == {np.dtype(dtype)}
    model[0][0].weights = np.ones((3, 3), np.float64)
    assert model[0][0].weights.dtype == dtype
    assert_linked(model)


def test_the_layers_of_a_network_cannot_be_exchanged():
    model = network()
    assert type(model.layers) is tuple
    with pytest.raises(AttributeError, match="layers"):
        model.layers += (ReLU(),)
    with pytest.raises(TypeError, match="item assignment"):
        model[0] = Dense(3, 3)
    assert len(model) == 4


# ---- a layer can be placed once --------------------------------------------------------------------------------------


def placed():
    layer = Dense(2, 2, rng=0)
    model = Sequential([Dense(2, 2), layer])
    return model, layer


def twice(where):
    return re.escape(
        f"Sequential: each layer must be placed once, but Dense(2, 2) at 1 is already in {where}; make a second layer, "
        "or use copy.deepcopy(layer)"
    )


def test_a_layer_twice_in_one_network_is_refused_and_nothing_is_placed():
    free, layer = Dense(2, 2, rng=0), Dense(2, 2, rng=1)
    with pytest.raises(ValueError, match=twice("this Sequential")):
        Sequential([layer, layer])
    assert_linked(layer)
    model = Sequential([free, layer])  # both are still free
    assert_linked(model)


def test_a_layer_of_another_network_is_refused_and_stays_there(unchanged):
    model, layer = placed()
    free = Dense(2, 2, rng=1)
    memory = free.parameters
    where = "a Sequential, as layer 1"
    with unchanged(model.parameters, free.parameters), pytest.raises(ValueError, match=twice(where)):
        Sequential([free, layer])
    assert free.parameters is memory
    assert_linked(model)
    Sequential([free])


def test_a_layer_inside_a_network_cannot_be_placed_beside_it():
    model, layer = placed()
    with pytest.raises(ValueError, match=twice("a Sequential, as layer 1")):
        Sequential([model, layer])
    assert_linked(Sequential([model]))


@copies
def test_a_copy_of_a_placed_layer_can_be_placed(copied):
    model, layer = placed()
    second = Sequential([copied(layer), copied(model)])
    np.testing.assert_array_equal(second[0].weights, layer.weights)
    assert_linked(second)
    assert_linked(model)


@pytest.mark.parametrize("dtype", [int, 0, None, complex, "no dtype", ReLU()])
def test_a_refused_dtype_leaves_the_layers_free(dtype):
    layer = Dense(2, 2)
    message = re.escape(f"Sequential: dtype must be a floating dtype such as np.float32, got {dtype!r}")
    with pytest.raises(TypeError, match=message):
        Sequential([layer], dtype=dtype)
    assert_linked(Sequential([layer]))


@pytest.mark.parametrize("rng", [-1, "seed", 0.5])
def test_a_refused_seed_leaves_the_layers_free(rng):
    layer = Dense(2, 2)
    with pytest.raises((TypeError, ValueError)):  # the texts are NumPy's
        Sequential([layer], rng=rng)
    assert_linked(Sequential([layer]))


# ---- layers that a network refuses -----------------------------------------------------------------------------------


class Forgetful(Layer):
    def __init__(self):
        pass


class Hiding(Layer):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner


@pytest.mark.parametrize(
    ("layers", "error", "message"),
    [
        ([], ValueError, "Sequential: layers must hold at least one layer, got none"),
        (Dense(2, 2), TypeError, "Sequential: layers must be a list or tuple of layers, got Dense"),
        (Dense, TypeError, "Sequential: layers must be a list or tuple of layers, got the class Dense"),
        (None, TypeError, "Sequential: layers must be a list or tuple of layers, got NoneType"),
        ([Dense(2, 2), ReLU], TypeError, "Sequential: layers must be Layer objects, got the class ReLU at 1"),
        ([Dense(2, 2), [ReLU()]], TypeError, "Sequential: layers must be Layer objects, got list at 1"),
        ([np.tanh], TypeError, "Sequential: layers must be Layer objects, got ufunc at 0"),
        ([Dense(2, 2), Add()], TypeError, "Sequential: layers must take one input, but Add() at 1 takes 2"),
        ([Forgetful()], TypeError, "Sequential: Forgetful.__init__ must call super().__init__()"),
        (
            [ReLU(), Hiding([ReLU(), Dense(2, 2)])],
            TypeError,
            "Sequential: Hiding([ReLU(), Dense(2, 2)]) at 1 must be a Container, since the layer in its 'inner' has "
            "parameters; they would not be learned",
        ),
    ],
)
def test_what_is_no_chain_of_layers_is_refused(layers, error, message):
    with pytest.raises(error, match=re.escape(message)):
        Sequential(layers)


def test_a_layer_may_keep_a_gate_without_parameters():
    assert len(Sequential([Hiding(Add()), Sum(axis=1)])) == 2


# ---- copies ----------------------------------------------------------------------------------------------------------


@copies
@subjects
def test_a_copy_has_the_values_and_memory_of_its_own(subject, copied, rng, unchanged):
    layer = subject()
    layer.gradients = rng.normal(size=layer.gradients.size)
    twin = copied(layer)
    assert repr(twin) == repr(layer)
    assert twin.layout == layer.layout
    assert twin.parameters.dtype == layer.parameters.dtype
    np.testing.assert_array_equal(twin.parameters, layer.parameters)
    np.testing.assert_array_equal(twin.gradients, layer.gradients)
    with unchanged(*layer.state_dict().values(), layer.parameters, layer.gradients):
        assert_linked(twin)
    assert_linked(layer)


@copies
@subjects
def test_a_copy_has_nothing_to_recall(subject, copied):
    layer = subject()
    out = layer.forward(np.ones((4, 3)))
    with pytest.raises(RuntimeError, match=re.escape("backward() needs a forward() before it")):
        copied(layer).backward(out)
    layer.backward(out)


@copies
def test_a_copy_draws_the_same_noise(copied):
    layer = Dropout(0.5, rng=0)
    twin = copied(layer)
    x = np.ones((10, 10))
    np.testing.assert_array_equal(twin.forward(x), layer.forward(x))


def test_a_pickled_layer_of_a_network_does_not_carry_the_network():
    model = Sequential([Dense(2, 3), Dense(3, 300), Dense(300, 300)])
    assert len(pickle.dumps(model[0])) < 2000


def test_a_network_and_its_layer_stay_together_in_one_copy():
    model = network()
    twin, layer = copy.deepcopy((model, model[0]))
    assert layer is twin[0]
    layer, twin = copy.deepcopy((model[0], model))
    assert layer is twin[0]
    assert_linked(twin)


# ---- buffers ---------------------------------------------------------------------------------------------------------


def test_a_buffer_is_state_but_not_learned():
    layer = Centered(2)
    assert list(layer.layout) == ["shift"]
    assert list(layer.state_dict()) == ["shift", "mean"]
    assert layer.parameters.size == 2


def test_the_first_values_of_a_buffer_are_copied_too():
    mean = np.zeros(2)
    layer = Centered(2, mean)
    mean += 1
    np.testing.assert_array_equal(layer.mean, [0, 0])


def test_assignment_to_a_buffer_copies_into_its_memory():
    layer = Centered(2)
    mine, value = layer.mean, np.array([1.0, 2.0])
    layer.mean = value
    value[0] = 9
    layer.mean *= 2
    assert layer.mean is mine
    np.testing.assert_array_equal(mine, [2, 4])


def test_a_buffer_keeps_its_shape(unchanged):
    layer = Centered(2)
    message = re.escape("Centered(..., ...): mean must have shape (2,), got ()")
    with unchanged(layer.mean), pytest.raises(ValueError, match=message):
        layer.mean = 1.0
    with pytest.raises(AttributeError, match=re.escape("Centered(..., ...): mean cannot be deleted")):
        del layer.mean


@copies
def test_a_copy_has_a_buffer_of_its_own(copied):
    model = Sequential([Centered(2)])
    model[0].mean = [1.0, 2.0]
    twin = copied(model)
    model[0].mean = [0.0, 0.0]
    np.testing.assert_array_equal(twin[0].mean, [1, 2])
    assert twin[0].mean.dtype == np.float32


# ---- state -----------------------------------------------------------------------------------------------------------


def test_state_has_every_array_by_its_name():
    model = network()
    state = model.state_dict()
    assert list(state) == [*NAMES, "3.mean"]
    np.testing.assert_array_equal(state["2.1.1.weights"], model[2][1][1].weights)
    assert list(Dense(2, 3).state_dict()) == ["weights", "bias"]


def test_state_is_a_copy(unchanged):
    model = network()
    state = model.state_dict()
    with unchanged(*state.values()):
        model.parameters += 1
    with unchanged(model.parameters):
        state["0.weights"] += 1


@subjects
def test_loaded_state_is_that_of_the_other(subject, rng):
    layer, other = subject(), subject()
    other.parameters = rng.normal(size=other.parameters.size)
    for _, inner in other.leaves():
        if inner.buffers:
            inner.mean = [1.0, 2.0, 3.0]
    layer.load_state_dict(other.state_dict())
    for mine, theirs in zip(layer.state_dict().values(), other.state_dict().values(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert_linked(layer)


def test_state_crosses_dtypes():
    double, single = Sequential([Dense(2, 3)], dtype=np.float64, rng=0), Sequential([Dense(2, 3)])
    single.load_state_dict(double.state_dict())
    np.testing.assert_array_equal(single.parameters, np.float32(double.parameters))


def changed(**changes):
    state = network().state_dict()
    for name, value in changes.items():
        if value is None:
            del state[name.replace("_", ".")]
        else:
            state[name.replace("_", ".")] = value
    return state


@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        (changed(**{"3_shift": None}), ValueError, "but '3.shift' is missing"),
        (changed(**{"3_mean": None}), ValueError, "but '3.mean' is missing"),
        (changed(weights=np.ones(2)), ValueError, "but 'weights' is unknown"),
        ({}, ValueError, f"state must have the names {[*NAMES, '3.mean']}, but '0.weights' is missing"),
        (
            changed(**{"3_shift": np.ones(2)}),
            ValueError,
            "Centered(..., ...), layer 3: 3.shift must have shape (3,), got (2,)",
        ),
        (changed(**{"3_mean": 1.0}), ValueError, "Centered(..., ...), layer 3: 3.mean must have shape (3,), got ()"),
        (
            changed(**{"3_mean": [1j] * 3}),
            TypeError,
            "Centered(..., ...), layer 3: 3.mean must hold real numbers, got dtype complex128",
        ),
    ],
)
def test_state_that_does_not_fit_changes_nothing(state, error, message, unchanged):
    model = network()
    model.parameters += 1
    with unchanged(model.parameters, model[3].mean), pytest.raises(error, match=re.escape(message)):
        model.load_state_dict(state)


# ---- one seed --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [lambda rng: Dense(4, 3, rng=rng), lambda rng: Embedding(4, 3, rng=rng)])
def test_a_layer_is_drawn_from_its_seed(make):
    np.testing.assert_array_equal(make(0).parameters, make(np.random.default_rng(0)).parameters)
    assert not np.array_equal(make(0).parameters, make(1).parameters)
    layer = make(1)
    layer.initialize(0)
    np.testing.assert_array_equal(layer.parameters, make(0).parameters)


@pytest.mark.parametrize("name", ["move", "twin", "leaves", "shapes", "title", "state_dict", "layout"])
def test_what_belongs_to_every_layer_cannot_be_set(name):
    layer = Dense(2, 2)
    message = re.escape(f"Dense: cannot set {name!r}: it belongs to every layer; choose another name")
    with pytest.raises(AttributeError, match=message):
        setattr(layer, name, 3)
    assert list(layer.layout) == ["weights", "bias"]
