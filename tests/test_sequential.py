"""A chain of layers: forward through it, backward through it, and what stands at its door."""

import copy
import re

import numpy as np
import pytest

from layers import (
    Container,
    Dense,
    Dropout,
    Embedding,
    Exp,
    Flatten,
    Layer,
    ReLU,
    Reshape,
    Residual,
    Sequential,
    Sum,
    Tanh,
    constant,
)

X = np.array([[1.0, 2.0]])


def tiny():
    """Return out = relu(x @ [[1, -1], [0.5, 1]] + [0, -2]) @ [[2], [3]] + 1, in float64."""
    model = Sequential([Dense(2, 2), ReLU(), Dense(2, 1)], dtype=np.float64)
    model.parameters = [1.0, -1.0, 0.5, 1.0, 0.0, -2.0, 2.0, 3.0, 1.0]
    return model


# ---- forward and backward --------------------------------------------------------------------------------------------


def test_forward_goes_through_the_layers_in_order():
    # [1, 2] @ [[1, -1], [0.5, 1]] + [0, -2] = [2, -1]; relu: [2, 0]; 2 * 2 + 3 * 0 + 1 = 5
    np.testing.assert_array_equal(tiny().forward(X), [[5.0]])


def test_backward_is_the_chain_rule():
    model = tiny()
    model.forward(X)
    dx = model.backward(np.array([[10.0]]))
    # dout of the last Dense: 10 * [2, 3] = [20, 30]; the ReLU lets the first through: [20, 0]
    # dx = [20, 0] @ [[1, 0.5], [-1, 1]] = [20, 10]
    np.testing.assert_array_equal(dx, [[20.0, 10.0]])
    # first layer: x.T @ [20, 0] and [20, 0]; last layer: [2, 0].T * 10 and 10
    np.testing.assert_array_equal(model.gradients, [20, 0, 40, 0, 20, 0, 20, 0, 10])


def test_backward_without_the_input_gradient_sets_the_same_gradients(rng):
    layers = [Flatten(), Dropout(0.5), Dense(6, 4), Tanh(), Residual([Dense(4, 4)]), Dense(4, 1)]
    model = Sequential(layers, rng=0)
    twin = copy.deepcopy(model)
    x, dout = rng.normal(size=(5, 2, 3)), rng.normal(size=(5, 1))
    model.forward(x)
    twin.forward(x)
    assert model.backward(dout).shape == x.shape
    assert twin.backward(dout, input_gradient=False) is None
    np.testing.assert_array_equal(twin.gradients, model.gradients)


def test_backward_without_the_input_gradient_stops_at_the_first_layer_that_learns(rng):
    asked = []

    class Asked(Dense):
        def backward(self, dout, input_gradient=True):
            asked.append(input_gradient)
            return super().backward(dout, input_gradient)

    model = Sequential([Sequential([Tanh()]), Asked(2, 2), ReLU(), Asked(2, 1)])
    model.backward(model.forward(X), input_gradient=False)
    assert asked == [True, False]
    with pytest.raises(RuntimeError, match=re.escape("Tanh(), layer 0.0: backward() needs a forward() before it")):
        model[0][0].backward(X)  # it was passed over, and has nothing left to recall


def test_backward_without_parameters_and_input_gradient_has_nothing_to_do():
    model = Sequential([ReLU(), Tanh()])
    model.forward(X)
    assert model.backward(X, input_gradient=False) is None
    assert model[1]._cache is None


def test_gradients_of_a_batch_are_the_sum_over_its_examples(rng):
    model = Sequential([Dense(3, 4), Tanh(), Residual([Dense(4, 4)]), Dense(4, 2)], dtype=np.float64, rng=0)
    x, dout = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    total = np.zeros(model.parameters.size)
    for i in range(5):
        model.forward(x[i : i + 1])
        model.backward(dout[i : i + 1])
        total += model.gradients
    model.forward(x)
    model.backward(dout)
    np.testing.assert_allclose(model.gradients, total, rtol=1e-12, atol=1e-12)  # no layer divides by N


def test_no_gradient_goes_back_through_whole_numbers():
    model = Sequential([Reshape((2,)), Embedding(3, 2), Flatten(), Dense(4, 1)], rng=0)
    model.forward(np.array([[[0, 2]]]))
    assert model.backward(np.ones((1, 1))) is None
    np.testing.assert_array_equal(model[1].dweights[[0, 2]].ravel(), model[3].weights.ravel())


def test_a_layer_that_returns_no_gradient_is_found():
    class Forgetful(Layer):
        def forward(self, x):
            return x

        def backward(self, dout):
            pass

    model = Sequential([Dense(2, 2), Forgetful()])
    model.forward(X)
    with pytest.raises(TypeError, match=re.escape("Forgetful(), layer 1: backward must return dx, got None")):
        model.backward(X)


@pytest.mark.parametrize("bad", [np.ones((1, 3)), np.ones((0, 2)), np.full((1, 2), 1j)])
@pytest.mark.parametrize("make", [tiny, lambda: Residual([Dense(2, 2)])])
def test_a_failed_forward_leaves_nothing_to_recall(make, bad, unchanged):
    model = make()
    dout = model.forward(X)
    with unchanged(model.parameters, model.gradients):
        with pytest.raises((TypeError, ValueError), match="x must"):
            model.forward(bad)
        with pytest.raises(RuntimeError, match=re.escape("backward() needs a forward() before it")):
            model.backward(dout)


def test_a_forward_that_fails_half_way_leaves_nothing_to_recall():
    model = Sequential([Dense(2, 3), Flatten(), Dense(2, 1)])
    with pytest.raises(ValueError, match=re.escape("Dense(2, 1), layer 2: x must have shape (N, 2), got (1, 3)")):
        model.forward(X)
    message = re.escape("Sequential of 3 layers: backward() needs a forward() before it")
    with pytest.raises(RuntimeError, match=message):
        model.backward(np.ones((1, 1)))


# ---- the door --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("given", [np.float16, np.float32, np.float64, np.longdouble, int, np.uint8, bool])
def test_everything_is_computed_in_the_dtype_of_the_network(dtype, given, unchanged):
    layers = [Dense(2, 3), ReLU(), Sequential([Dense(3, 3), Residual([Tanh()])]), Exp(), Sum(axis=1)]
    model = Sequential(layers, dtype=dtype, rng=0)
    x = np.ones((4, 2), given)
    with unchanged(x):
        out = model.forward(x)
        dx = model.backward(np.ones(4, given))
        assert {array.dtype for array in (out, dx, model.predict(x), model.gradients)} == {np.dtype(dtype)}
    assert x.dtype == given


def test_lists_are_arrays():
    np.testing.assert_array_equal(tiny().predict([[1, 2]]), [[5.0]])


def test_whole_numbers_pass_to_an_embedding(rng):
    model = Sequential([Embedding(5, 3), Flatten(), Dense(6, 2)], rng=0)
    out = model.forward(rng.integers(5, size=(4, 2)))
    assert out.shape == (4, 2)
    assert out.dtype == np.float32


# ---- randomness ------------------------------------------------------------------------------------------------------


def noisy(rng):
    return Sequential([Dense(20, 20), Dropout(0.5), Residual([Dense(20, 20), Dropout(0.5)])], rng=rng)


def passes(model):
    return [model.forward(np.ones((1, 20))) for _ in range(3)]


def test_one_seed_one_network_dropout_included():
    for rng in (np.random.default_rng(0), np.random.SeedSequence(0)):
        first, second = noisy(0), noisy(rng)
        np.testing.assert_array_equal(first.parameters, second.parameters)
        np.testing.assert_array_equal(passes(first), passes(second))


def test_another_seed_another_network():
    first, second = noisy(0), noisy(1)
    assert not np.array_equal(first[0].weights, second[0].weights)
    assert not np.array_equal(first[1].forward(np.ones((1, 20))), second[1].forward(np.ones((1, 20))))


def test_equal_layers_are_drawn_differently():
    model = noisy(0)
    assert not np.array_equal(model[0].weights, model[2][0].weights)
    x = np.ones((1, 20))
    assert not np.array_equal(model[1].forward(x), model[2][1].forward(x))


def test_without_a_seed_the_values_of_the_layers_stay():
    model = Sequential([Dense(2, 2, initializer=constant(3.0))])
    model = Sequential([model])
    assert np.all(model[0][0].weights == 3)


def test_initialize_draws_the_network_afresh():
    model, other = noisy(0), noisy(1)
    passes(other)
    other.initialize(0)
    np.testing.assert_array_equal(model.parameters, other.parameters)
    np.testing.assert_array_equal(passes(model), passes(other))


# ---- predict ---------------------------------------------------------------------------------------------------------


def test_predict_is_the_inference_pass_and_draws_nothing():
    model, twin = noisy(0), noisy(0)
    quiet = Sequential([Dense(20, 20), Residual([Dense(20, 20)])])
    quiet.parameters = model.parameters
    x = np.ones((1, 20))
    np.testing.assert_array_equal(model.predict(x), quiet.forward(x))
    np.testing.assert_array_equal(passes(model), passes(twin))


def test_predict_in_batches_is_predict(rng):
    model = Sequential([Dense(3, 8), Tanh(), Residual([Dense(8, 8)]), Dense(8, 2)], dtype=np.float64, rng=0)
    x = rng.normal(size=(10, 3))
    whole = model.predict(x)
    for size in (1, 3, 10, 100):
        np.testing.assert_allclose(model.predict(x, batch_size=size), whole, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(model[2].predict(np.ones((5, 8)), batch_size=2), model[2].predict(np.ones((5, 8))))


def test_predict_in_batches_sees_no_more_at_a_time():
    sizes = []

    class Counting(Layer):
        def forward(self, x):
            sizes.append(len(x))
            return x

    Sequential([Counting()]).predict(np.ones((10, 1)), batch_size=4)
    assert sizes == [4, 4, 2]


@pytest.mark.parametrize(
    ("x", "size", "error", "message"),
    [
        (X, 0, ValueError, "Sequential of 1 layer: batch_size must be at least 1, got 0"),
        (X, 2.0, TypeError, "Sequential of 1 layer: batch_size must be a whole number, got 2.0"),
        (
            X[:0],
            2,
            ValueError,
            "x must have shape (N, ...) with at least one example, got (0, 2)",
        ),
        (3.0, 2, ValueError, "Sequential of 1 layer: x must have shape (N, ...) with at least one example, got ()"),
    ],
)
def test_predict_in_batches_needs_examples_and_a_size(x, size, error, message):
    with pytest.raises(error, match=re.escape(message)):
        Sequential([Dense(2, 2)]).predict(x, batch_size=size)


# ---- what it looks like ----------------------------------------------------------------------------------------------


def nested():
    return Sequential([Dense(2, 64), Residual([Dense(64, 64), Sequential([ReLU()])]), Dense(64, 3)])


def test_repr_has_a_line_for_each_layer():
    assert repr(nested()) == (
        "Sequential([\n"
        "    Dense(2, 64),\n"
        "    Residual([\n"
        "        Dense(64, 64),\n"
        "        Sequential([\n"
        "            ReLU(),\n"
        "        ]),\n"
        "    ]),\n"
        "    Dense(64, 3),\n"
        "])"
    )


def test_summary_is_a_table_of_all_layers():
    assert nested().summary((2,)).splitlines() == [
        "       layer                    output shape  parameters",
        "       x                        (N, 2)",
        "0      Dense(2, 64)             (N, 64)              192",
        "1      Residual of 2 layers     (N, 64)            4,160",
        "1.0      Dense(64, 64)          (N, 64)            4,160",
        "1.1      Sequential of 1 layer  (N, 64)                0",
        "1.1.0      ReLU()               (N, 64)                0",
        "2      Dense(64, 3)             (N, 3)               195",
        "       total                                       4,547",
    ]


def test_summary_follows_the_shapes():
    model = Sequential([Embedding(10, 4), Sum(axis=1), Reshape((2, 2)), Flatten(), Dense(4, 1)])
    shapes = [row.split("(N")[-1].split(")")[0] for row in model.summary(3).splitlines()[1:-1]]
    assert shapes == [", 3", ", 3, 4", ", 4", ", 2, 2", ", 4", ", 1"]


def test_summary_leaves_open_the_shapes_in_a_container_that_is_no_chain():
    class Both(Container):
        def output_shape(self, input_shape):
            return (5,)

    rows = Sequential([Both([Dense(2, 3), Dense(2, 2)])]).summary((2,)).splitlines()
    assert [row.split() for row in rows[2:5]] == [
        ["0", "Both", "of", "2", "layers", "(N,", "5)", "15"],
        ["0.0", "Dense(2,", "3)", "9"],
        ["0.1", "Dense(2,", "2)", "6"],
    ]


@pytest.mark.parametrize("method", ["summary", "output_shape"])
def test_shapes_that_do_not_fit_are_refused(method):
    message = re.escape("Dense(2, 64), layer 0: input_shape must be (..., 2), got (3,)")
    with pytest.raises(ValueError, match=message):
        getattr(nested(), method)((3,))


def test_a_network_is_a_sequence_of_its_layers():
    model = nested()
    assert len(model) == 3
    assert model[0] is model.layers[0]
    assert model[-1].n_outputs == 3
    assert model[1:] == model.layers[1:]
    assert [*model] == [*model.layers]
    with pytest.raises(IndexError):
        model[3]


def test_leaves_are_the_layers_that_are_no_containers():
    assert [(name, repr(layer)) for name, layer in nested().leaves()] == [
        ("0", "Dense(2, 64)"),
        ("1.0", "Dense(64, 64)"),
        ("1.1.0", "ReLU()"),
        ("2", "Dense(64, 3)"),
    ]


# ---- arguments -------------------------------------------------------------------------------------------------------


def test_layers_as_separate_arguments_are_refused():
    message = re.escape("Sequential: layers must be a list or tuple of layers, got Dense")
    with pytest.raises(TypeError, match=message):
        Sequential(Dense(2, 3), dtype=ReLU())


def test_a_container_predicts_by_its_forward_and_leaves_nothing_behind():
    class Twice(Container):
        def forward(self, x):
            return self.layers[1].forward(2 * self.layers[0].forward(x))

    block = Twice([ReLU(), Dropout(0.5, rng=0)])
    np.testing.assert_array_equal(block.predict(np.array([[1.0, -1.0]])), [[2.0, 0.0]])  # inside, predict: no noise
    with pytest.raises(RuntimeError, match=re.escape("ReLU(), layer 0: backward() needs a forward() before it")):
        block.layers[0].backward(np.ones((1, 2)))
