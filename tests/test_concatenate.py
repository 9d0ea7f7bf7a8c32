"""Residual with a projection, and Concatenate: the blocks of image networks, their names and storage."""

import copy
import pickle

import numpy as np
import pytest

from layers import (
    BatchNorm,
    Concatenate,
    Conv2D,
    Dense,
    Dropout,
    Dropout2D,
    Embedding,
    Identity,
    MaxPool2D,
    ReLU,
    Residual,
    Sequential,
    Tanh,
    constant,
)


def resnet_block(n_inputs, n_outputs, stride):
    return Residual(
        [
            Conv2D(n_inputs, n_outputs, 3, stride=stride, padding=1),
            BatchNorm(n_outputs),
            ReLU(),
            Conv2D(n_outputs, n_outputs, 3, padding=1),
            BatchNorm(n_outputs),
        ],
        projection=[Conv2D(n_inputs, n_outputs, 1, stride=stride), BatchNorm(n_outputs)],
    )


def inception_block():
    return Concatenate(
        Conv2D(3, 2, 1),
        [Conv2D(3, 2, 1), ReLU(), Conv2D(2, 4, 3, padding=1)],
        [MaxPool2D(3, stride=1, padding=1), Dropout2D(0.3), Conv2D(3, 1, 1)],
    )


# ---- Residual -------------------------------------------------------------------------------------------------------


def test_a_projection_is_added_to_f():
    block = Residual([Dense(2, 1, initializer=constant(1.0))], projection=Dense(2, 1, initializer=constant(10.0)))
    x = np.array([[1.0, 2.0]])
    np.testing.assert_array_equal(block.forward(x), [[3.0 + 30.0]])
    np.testing.assert_array_equal(block.backward(np.array([[1.0]])), [[11.0, 11.0]])
    np.testing.assert_array_equal(block.gradients, [1.0, 2.0, 1.0, 1.0, 2.0, 1.0])
    np.testing.assert_array_equal(block.predict(x), [[33.0]])


def test_all_the_norms_of_a_residual_network_keep_and_use_running_statistics(rng):
    model = Sequential([resnet_block(3, 4, 2), ReLU(), resnet_block(4, 4, 1)], rng=0)
    norms = [layer for _, layer in model.leaves() if isinstance(layer, BatchNorm)]
    for norm in norms:
        norm.momentum = 1.0
    out = model.forward(x := rng.normal(size=(4, 6, 6, 3)))
    for norm in norms:
        norm.running_variance *= 35 / 36  # of 4 * 3 * 3 values: the biased variance, as forward takes it
    assert len(norms) == 6
    # two computations in float32 of numbers up to 5, through twelve layers
    np.testing.assert_allclose(model.predict(x), out, atol=2e-5, rtol=0)


def test_the_arrays_of_the_projection_go_by_its_name():
    block = Sequential([Residual([Dense(2, 3)], projection=[Dense(2, 3), Tanh()])])
    names = ["0.0.weights", "0.0.bias", "0.projection.0.weights", "0.projection.0.bias"]
    assert list(block.state_dict()) == list(block.layout) == names
    assert len(block[0]) == 1  # the projection is no link of the chain
    assert block[0].projection[0].weights.base is block.parameters


def test_output_shape_goes_both_ways():
    assert resnet_block(3, 8, 2).output_shape((9, 7, 3)) == (5, 4, 8)
    with pytest.raises(
        ValueError, match=r"Residual of 1 layer: f\(x\) must have the shape of x, \(2,\), got \(3,\); a"
    ):
        Residual([Dense(2, 3)]).output_shape((2,))
    with pytest.raises(ValueError, match=r"f\(x\) must have the shape of projection\(x\), \(4,\), got \(3,\)"):
        Residual([Dense(2, 3)], projection=Dense(2, 4)).output_shape((2,))


def test_shapes_that_would_broadcast_are_not_added():
    block = Residual([Dense(2, 1)])
    with pytest.raises(ValueError, match=r"f\(x\) must have the shape of x, \(5, 2\), got \(5, 1\); a projection can"):
        block.forward(np.ones((5, 2)))
    with pytest.raises(RuntimeError, match=r"backward\(\) needs a forward"):
        block.backward(np.ones((5, 2)))
    with pytest.raises(ValueError, match=r"shape of projection\(x\), \(5, 1\), got \(5, 3\)"):
        Residual([Dense(2, 3)], projection=Dense(2, 1)).predict(np.ones((5, 2)))


def test_a_layer_cannot_be_in_f_and_in_the_projection():
    layer = Dense(2, 2)
    with pytest.raises(
        ValueError, match=r"Residual: each layer must be placed once, but Dense\(2, 2\) at 1 is already"
    ):
        Residual([layer], projection=layer)
    Residual([layer])  # the refusal has not placed it


def test_a_projection_must_be_made_of_layers():
    with pytest.raises(TypeError, match="Residual: layers must be Layer objects, got int at 1"):
        Residual([Dense(2, 2)], projection=3)


# ---- Concatenate ----------------------------------------------------------------------------------------------------


def test_branches_are_joined_in_order_and_their_gradients_add():
    block = Concatenate([Dense(1, 2, initializer=constant(1.0))], Identity(), Dense(1, 1, initializer=constant(-1.0)))
    x = np.array([[2.0], [3.0]])
    np.testing.assert_array_equal(block.forward(x), [[2.0, 2.0, 2.0, -2.0], [3.0, 3.0, 3.0, -3.0]])
    dout = np.array([[1.0, 10.0, 100.0, 1000.0], [0.0, 0.0, 0.0, 1.0]])
    np.testing.assert_array_equal(block.backward(dout), [[1.0 + 10.0 + 100.0 - 1000.0], [-1.0]])
    np.testing.assert_array_equal(block[0][0].dweights, [[2.0, 20.0]])
    np.testing.assert_array_equal(block[2][0].dweights, [[2003.0]])


def test_the_only_branch_is_a_sequential(rng):
    block, chain = Concatenate([Dense(3, 2), Tanh()], rng=0), Sequential([Dense(3, 2), Tanh()], dtype=np.float64, rng=0)
    x, dout = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    np.testing.assert_array_equal(block.forward(x), chain.forward(x))
    np.testing.assert_array_equal(block.backward(dout), chain.backward(dout))
    np.testing.assert_array_equal(block.gradients, chain.gradients)


def test_the_arrays_of_branches_go_by_branch_and_layer():
    model = Sequential([inception_block()])
    assert list(model.state_dict()) == [
        f"0.{layer}.{name}" for layer in ("0.0", "1.0", "1.2", "2.2") for name in ("weights", "bias")
    ]
    assert model[0][1][2].weights.base is model.parameters


def test_output_shape_adds_the_channels():
    assert inception_block().output_shape((9, 7, 3)) == (9, 7, 7)
    with pytest.raises(
        ValueError, match=r"2 branches: the branches must agree in all axes but the last, got \(9, 9, 3\), \(4"
    ):
        Concatenate(Identity(), MaxPool2D(2)).output_shape((9, 9, 3))


def test_branches_of_different_sizes_are_refused():
    block = Concatenate(Identity(), MaxPool2D(2))
    for run in (block.forward, block.predict):
        with pytest.raises(ValueError, match=r"agree in all axes but the last, got \(1, 4, 4, 2\), \(1, 2, 2, 2\)"):
            run(np.ones((1, 4, 4, 2)))
    with pytest.raises(RuntimeError, match=r"backward\(\) needs a forward"):
        block.backward(np.ones((1, 4, 4, 4)))


def test_a_dout_of_another_shape_is_refused():
    block = Concatenate(Identity(), Identity())
    block.forward(np.ones((5, 2)))
    with pytest.raises(ValueError, match=r"dout must have the shape of out, \(5, 4\), got \(5, 2\)"):
        block.backward(np.ones((5, 2)))


def test_what_is_no_branch_is_refused():
    with pytest.raises(ValueError, match="Concatenate: layers must hold at least one layer, got none"):
        Concatenate()
    with pytest.raises(ValueError, match="Concatenate: each branch must hold at least one layer, got none in branch 1"):
        Concatenate(Identity(), [])
    with pytest.raises(TypeError, match="Concatenate: layers must be Layer objects, got the class Tanh at 1"):
        Concatenate(Identity(), Tanh)
    layer = Dense(2, 2)
    with pytest.raises(ValueError, match=r"placed once, but Dense\(2, 2\) at 2 is already in this Concatenate"):
        Concatenate([layer, Tanh()], layer)
    Concatenate(layer)  # the refusal has not placed it


def test_integers_pass_to_embeddings_in_branches():
    model = Sequential([Concatenate(Embedding(5, 3), [Embedding(5, 2), Tanh()])], rng=0)
    out = model.forward(np.array([[0, 4], [1, 1]]))
    assert out.shape == (2, 2, 5)
    assert model.backward(np.ones_like(out)) is None


# ---- both -----------------------------------------------------------------------------------------------------------

BLOCKS = [
    resnet_block(3, 4, 2),
    inception_block(),
    Sequential([inception_block(), resnet_block(7, 4, 1)], dtype=np.float64),
]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: type(block).__name__)
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda block: pickle.loads(pickle.dumps(block))])
def test_copies_compute_the_same_and_keep_their_memory_linked(block, duplicate, rng):
    block.initialize(0)
    other = duplicate(block)
    x = rng.normal(size=(2, 5, 4, 3))
    out = block.forward(x)
    np.testing.assert_array_equal(other.forward(x), out)  # the dropout draws the same, too
    np.testing.assert_array_equal(other.backward(out), block.backward(out))
    np.testing.assert_array_equal(other.gradients, block.gradients)
    other.parameters[...] = 0.0
    assert all(not np.any(layer.parameters) for _, layer in other.leaves())
    assert np.any(block.parameters)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: type(block).__name__)
def test_one_seed_is_one_network(block, rng):
    models = [Sequential([Identity(), copy.deepcopy(block)], rng=7) for _ in range(2)]
    x = rng.normal(size=(2, 5, 4, 3))
    np.testing.assert_array_equal(models[0].parameters, models[1].parameters)
    np.testing.assert_array_equal(models[0].forward(x), models[1].forward(x))


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: type(block).__name__)
def test_a_first_block_without_input_gradient_sets_the_same_gradients_and_recalls_nothing(block, rng):
    model = Sequential([copy.deepcopy(block)])
    other = copy.deepcopy(model)
    x = rng.normal(size=(2, 5, 4, 3))
    dout = model.forward(x)
    model.backward(dout)
    other.forward(x)
    assert other.backward(dout, input_gradient=False) is None
    # A convolution without dx sums some 40 products of float32, of about 1, in another order.
    np.testing.assert_allclose(other.gradients, model.gradients, rtol=1e-5, atol=1e-5)
    assert all(layer._cache is None for _, layer in other.leaves())


def test_predict_leaves_a_backward_to_come_undisturbed(rng):
    model = Sequential([inception_block(), resnet_block(7, 4, 1)], rng=0)
    x, dout = rng.normal(size=(2, 5, 4, 3)), rng.normal(size=(2, 5, 4, 4))
    state = copy.deepcopy(model)
    state.forward(x)
    expected = state.backward(dout)
    model.forward(x)
    model.predict(rng.normal(size=(3, 5, 4, 3)))
    np.testing.assert_array_equal(model.backward(dout), expected)


def test_repr_is_what_one_would_type():
    block = Residual([Dense(2, 3)], projection=Dense(2, 3))
    assert repr(block) == "Residual([\n    Dense(2, 3),\n], projection=[\n    Dense(2, 3),\n])"
    assert repr(eval(repr(block))) == repr(block)
    block = Concatenate([Dense(2, 3), Tanh()], Identity(), Residual([Dropout(0.5)]))
    assert repr(block).splitlines()[:5] == [
        "Concatenate(",
        "    [",
        "        Dense(2, 3),",
        "        Tanh(),",
        "    ],",
    ]
    assert repr(eval(repr(block))) == repr(block)


def test_a_summary_shows_what_is_inside_with_shapes():
    model = Sequential([resnet_block(3, 4, 2), Concatenate(MaxPool2D(3, 1, 1), [Identity()])])
    rows = [line.split() for line in model.summary((8, 8, 3)).splitlines()]
    by_name = {row[0]: row[-4:] for row in rows}
    assert by_name["0.0"] == ["4,", "4,", "4)", "112"]
    assert by_name["0.projection.0"] == ["4,", "4,", "4)", "16"]
    assert by_name["1.1.0"] == ["4,", "4,", "4)", "0"]
    assert by_name["1"] == ["4,", "4,", "8)", "0"]
