"""Graphs as what is in them: their dtype, storage and shapes, and a graph as a part of something else."""

import copy
import pickle
import re

import numpy as np
import pytest
from test_graph import circuit, nested, two_inputs, two_outputs

from layers import (
    Add,
    Conv2D,
    Dense,
    Embedding,
    Flatten,
    Graph,
    Identity,
    Join,
    Layer,
    LayerNorm,
    MatMul,
    MaxPool2D,
    Multiply,
    ReLU,
    Residual,
    Sequential,
    Subtract,
    Sum,
    Tanh,
    Upsample2D,
    check_gradients,
)
from losses import MeanSquaredError, SoftmaxCrossEntropy
from optimizers import SGD

# ---- dtype -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_graph_without_parameters_casts_nothing(dtype):
    graph = Graph({"f": (Multiply(), "x", "k"), "k": 2.0, "g": (Add(), "f", "y")})
    out = graph.forward(np.ones((2, 3), dtype), np.ones(3, dtype))
    assert out.dtype == dtype
    assert {dx.dtype for dx in graph.backward(out).values()} == {np.dtype(dtype)}


def test_plain_numbers_are_float64():
    out = circuit().forward(0.1, 0.2, 3)
    assert (type(out), out) == (np.float64, (0.1 + 0.2) * 3)


def test_a_graph_with_parameters_is_float32_like_a_sequential():
    graph = Graph(
        {"a": (Dense(3, 2), "x"), "k": np.array([0.1, 0.2]), "b": (Multiply(), "a", "k"), "c": (Add(), "b", "y")}
    )
    assert graph.parameters.dtype == np.float32
    out = graph.forward(np.ones((4, 3)), 0.5)
    assert out.dtype == np.float32
    dx = graph.backward(np.ones((4, 2)))
    assert (dx["x"].dtype, dx["y"].dtype) == (np.float32, np.float32)
    wide = Graph({"a": (Dense(3, 2), "x")}, dtype=np.float64)
    assert wide.forward(np.ones((4, 3), np.float32)).dtype == np.float64


def test_inside_a_network_constants_take_its_dtype():
    inner = Graph({"k": np.array([0.1, 0.2]), "out": (Multiply(), "x", "k")})
    assert inner.forward(np.ones((1, 2))).dtype == np.float64
    np.testing.assert_array_equal(inner.forward(np.ones((1, 2))), [[0.1, 0.2]])  # to all its digits
    model = Sequential([Dense(2, 2), inner])
    out = model.forward(np.ones((1, 2)))
    assert out.dtype == model.backward(out).dtype == np.float32
    assert copy.deepcopy(inner).forward(np.ones((1, 2))).dtype == np.float64  # a copy starts unplaced


def test_a_dtype_must_be_floating():
    with pytest.raises(
        TypeError, match=re.escape("Graph: dtype must be a floating dtype such as np.float32, got 'int'")
    ):
        circuit(dtype="int")


# ---- storage ---------------------------------------------------------------------------------------------------------


def test_names_of_arrays_are_those_of_the_nodes():
    graph = nested()
    names = ["encoder.0.weights", "encoder.0.bias", "decoder.0.weights", "decoder.0.bias"]
    assert list(graph.state_dict()) == list(graph.layout) == names
    assert graph["encoder"][0].who == "Dense(4, 3), layer encoder.0"
    assert [name for name, _ in graph.leaves()] == ["encoder.0", "encoder.1", "decoder.0"]
    assert len(graph) == 2
    with pytest.raises(KeyError, match="Graph of 2 nodes: there is no layer 'coder' among encoder, decoder"):
        graph["coder"]
    assert list(graph) == [graph["encoder"], graph[1]]


def test_all_parameters_are_one_vector():
    graph = nested()
    graph.parameters = np.arange(27.0)
    np.testing.assert_array_equal(graph["encoder"][0].weights, np.arange(12).reshape(4, 3))
    assert np.shares_memory(graph["decoder"][0].weights, graph.parameters)


@pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy, lambda graph: pickle.loads(pickle.dumps(graph))])
def test_copies_are_linked_and_forget(copied, rng):
    graph, x = nested(), rng.normal(size=(2, 4))
    graph.forward(x)
    other = copied(graph)
    with pytest.raises(RuntimeError):
        other.backward(np.ones((2, 3)))
    np.testing.assert_array_equal(other.predict(x), graph.predict(x))
    other.parameters *= 0
    assert not np.any(other["decoder"][0].weights)
    assert np.any(graph.parameters)
    assert repr(other) == repr(graph)


def test_one_seed_one_network():
    one, other = Graph(nested_nodes(), rng=7), Graph(nested_nodes(), rng=7)
    np.testing.assert_array_equal(one.parameters, other.parameters)
    assert np.any(one.parameters != Graph(nested_nodes(), rng=8).parameters)


def nested_nodes():
    return {"encoder": (Sequential([Dense(4, 3), Tanh()]), "x"), "decoder": (Dense(3, 3), "encoder")}


def test_the_caller_may_change_the_array_of_a_constant():
    k = np.array([1.0, 2.0])
    graph = Graph({"k": k, "f": (Multiply(), "x", "k")})
    k[:] = 0
    np.testing.assert_array_equal(graph.forward(np.ones(2)), [1, 2])
    view = Graph({"k": k, "f": (Identity(), "k")}).forward()
    with pytest.raises(ValueError, match="read-only"):
        view[:] = 1


def test_a_checkpoint_knows_the_wiring():
    one = Graph({"a": (Dense(2, 2), "x"), "b": (Dense(2, 2), "x"), "c": (Subtract(), "a", "b")})
    other = Graph({"a": (Dense(2, 2), "x"), "b": (Dense(2, 2), "x"), "c": (Subtract(), "b", "a")})
    assert list(one.kinds())[1:] == list(other.kinds())[1:]
    assert next(one.kinds()) == ("", "Graph(a=(x), b=(x), c=(a, b), outputs=(c))")
    assert next(one.kinds()) != next(other.kinds())


def test_a_part_of_a_graph_may_be_frozen_by_its_name(rng):
    graph, optimizer = nested(), SGD(0.1, frozen=("encoder",))
    before = graph.parameters.copy()
    out = graph.forward(rng.normal(size=(5, 4)))
    graph.backward(out, input_gradient=False)
    optimizer.step(graph)
    changed = graph.parameters != before
    assert not changed[graph.layout["encoder.0.weights"]].any()
    assert changed[graph.layout["decoder.0.weights"]].any()


# ---- shapes ----------------------------------------------------------------------------------------------------------


def test_output_shape_of_several_inputs_and_outputs():
    graph = two_inputs()
    assert graph.output_shape((4,), ()) == graph.output_shape(word=(), image=(4,)) == (2,)
    assert two_outputs().output_shape((4,)) == ((2,), (1,))


def test_output_shape_through_skip_connections():
    block = {"down": (MaxPool2D(2), "x"), "deep": (Conv2D(3, 8, 3, padding=1), "down"), "up": (Upsample2D(2), "deep")}
    assert Graph({**block, "out": (Join(), "up", "x")}).output_shape((8, 6, 3)) == (8, 6, 11)


@pytest.mark.parametrize(
    ("k", "expected"), [(2.0, (4, 3)), (np.ones(3), (4, 3)), (np.ones((4, 1)), (4, 3)), (np.ones((1, 4, 3)), (4, 3))]
)
def test_output_shape_with_a_constant(k, expected):
    graph = Graph({"k": k, "f": (Add(), "x", "k")})
    assert graph.output_shape((4, 3)) == graph.forward(np.ones((7, 4, 3))).shape[1:] == expected


def test_output_shape_of_a_product_with_a_constant_matrix():
    graph = Graph({"w": np.ones((3, 5)), "k": 2.0, "double": (Multiply(), "w", "k"), "f": (MatMul(), "x", "double")})
    assert graph.output_shape((3,)) == (5,)
    assert graph.forward(np.ones((7, 3))).shape == (7, 5)


def test_output_shape_that_does_not_fit():
    with pytest.raises(
        ValueError, match=re.escape("Join(), layer out: the inputs must agree in all axes but -1, got (N, 4,")
    ):
        Graph({"down": (MaxPool2D(2), "x"), "out": (Join(), "down", "x")}).output_shape((8, 8, 3))
    with pytest.raises(ValueError, match=re.escape("Add(), layer f: shapes must broadcast, got (N, 3) and (N, 2, 3)")):
        Graph({"f": (Add(), "x", "y")}).output_shape((3,), (2, 3))
    with pytest.raises(TypeError, match="Graph of 1 node: output_shape must be given 2 shapes, got 1"):
        Graph({"f": (Add(), "x", "y")}).output_shape((3,))
    with pytest.raises(ValueError, match=re.escape("out must have a row for each example, (N, ...), got ()")):
        Graph({"f": (Sum(), "x")}).output_shape((3,))


def test_summary_says_who_reads_whom():
    rows = [" ".join(row.split()) for row in two_inputs().summary((4,), ()).splitlines()]
    assert rows == [
        "layer from output shape parameters",
        "image (N, 4)",
        "word (N)",
        "seen Dense(4, 3) image (N, 3) 15",
        "read Embedding(5, 3) word (N, 3) 15",
        "both Join() seen, read (N, 6) 0",
        "active Tanh() both (N, 6) 0",
        "out Dense(6, 2) active (N, 2) 14",
        "total 44",
    ]
    rows = nested().summary((4,)).splitlines()
    assert [row.split()[0] for row in rows[2:-1]] == ["encoder", "encoder.0", "encoder.1", "decoder", "decoder.0"]


def test_repr_is_what_one_would_type():
    graph = Graph({"k": np.array([1.0, 2.0]), "out": (Multiply(), "x", "k")})
    assert repr(graph) == "Graph({\n    'k': [1, 2],\n    'out': (Multiply(), 'x', 'k'),\n})"
    np.testing.assert_array_equal(eval(repr(graph)).forward(np.ones(2)), [1, 2])


# ---- one among others ------------------------------------------------------------------------------------------------


def test_a_graph_of_several_inputs_is_no_part_of_a_chain():
    with pytest.raises(TypeError, match="Sequential: layers must take one input, but Graph of 2 nodes at 0 takes 3"):
        Sequential([circuit()])
    with pytest.raises(TypeError, match="Residual: layers must give one out, but Graph of 4 nodes at 0 gives 2"):
        Residual([two_outputs()])
    with pytest.raises(TypeError, match="Graph: layers must give one out, but Graph of 4 nodes at 'g' gives 2"):
        Graph({"g": (two_outputs(), "x")})


def test_a_graph_of_several_inputs_is_a_gate_in_another_graph():
    outer = Graph({"g": (circuit(), "a", "b", "a"), "h": (Tanh(), "c"), "out": (Multiply(), "g", "h")})
    assert check_gradients(outer, np.ones((2, 1)), np.full((2, 1), 2.0), np.full((2, 1), 0.3)).largest < 1e-7


def test_a_layer_of_two_inputs_and_parameters():
    class Mixed(Layer):
        """out = a * weight + b."""

        n_operands = 2

        def __init__(self):
            super().__init__(weight=(1,))
            self.weight = [1.0]

        def forward(self, a, b):
            self._cache = a
            return a * self.weight + b

        def backward(self, dout, input_gradient=True):
            a = self._recall()
            self.dweight = [np.sum(dout * a)]
            return (dout * self.weight, dout) if input_gradient else None

    graph = Graph({"m": (Mixed(), "x", "y"), "t": (Tanh(), "m")})
    report = check_gradients(graph, np.ones((3, 2)), np.full((3, 2), 0.5))
    assert report.largest < 1e-7
    assert sorted(report.errors) == ["m.weight", "x", "y"]


def test_check_gradients_takes_inputs_by_name_several_outputs_and_a_loss(rng):
    image, word = rng.normal(size=(5, 4)), np.arange(5)
    report = check_gradients(two_inputs(), {"word": word, "image": image})
    assert report.largest < 1e-7
    assert report.held == ["word"]
    assert check_gradients(two_outputs(), image).largest < 1e-7
    report = check_gradients(two_inputs(), image, word, loss=SoftmaxCrossEntropy(), y=np.array([0, 1, 1, 0, 1]))
    assert report.largest < 1e-7


def test_check_gradients_finds_a_wrong_branch():
    class Wrong(Multiply):
        def backward(self, dout):
            da, db = super().backward(dout)
            return da, -db

    graph = Graph({"a": (Tanh(), "x"), "f": (Wrong(), "a", "y")})
    with pytest.raises(AssertionError, match="dy is wrong: opposite sign"):
        check_gradients(graph, np.ones((2, 3)), np.full((2, 3), 0.5))


def test_a_graph_and_the_same_chain_are_equal(rng):
    layers = [Dense(4, 8), LayerNorm(8), ReLU(), Dense(8, 3)]
    model = Sequential(copy.deepcopy(layers), rng=0)
    names = ["x", *"abcd"]
    graph = Graph({name: (layer, before) for before, name, layer in zip(names, names[1:], layers, strict=False)}, rng=0)
    x = rng.normal(size=(5, 4))
    out = model.forward(x)
    np.testing.assert_array_equal(graph.forward(x), out)
    np.testing.assert_array_equal(graph.backward(out), model.backward(out))
    np.testing.assert_array_equal(graph.gradients, model.gradients)


def test_a_residual_block_as_a_graph(rng):
    block = Residual([Dense(4, 4), Tanh()], rng=0)
    graph = Graph({"0": (Dense(4, 4), "x"), "1": (Tanh(), "0"), "+": (Add(), "x", "1")}, dtype=np.float64)
    graph.load_state_dict(block.state_dict())
    x = rng.normal(size=(5, 4))
    out = block.forward(x)
    np.testing.assert_array_equal(graph.forward(x), out)
    np.testing.assert_allclose(graph.backward(out), block.backward(out), rtol=1e-14)


def test_two_losses_in_a_loop_of_ones_own(rng):
    # the gradient of a sum of losses is the sum of their gradients
    graph, x = two_outputs(), rng.normal(size=(5, 4))
    first, second = SoftmaxCrossEntropy(), MeanSquaredError()
    total = 0
    for which in ((True, True), (True, False), (False, True)):
        a, c = graph.forward(x)
        first.forward(a, np.array([0, 1, 1, 0, 1]))
        second.forward(c, np.zeros((5, 1)))
        douts = [loss.backward() if wanted else None for loss, wanted in zip((first, second), which, strict=True)]
        graph.backward(tuple(douts), input_gradient=False)
        total = graph.gradients.copy() if all(which) else total - graph.gradients
    np.testing.assert_allclose(total, 0, atol=1e-7)  # float32


def test_flatten_and_reading_of_integers_without_a_table():
    graph = Graph({"f": (Flatten(), "x"), "t": (Embedding(5, 2), "f")})
    out = graph.forward(np.array([[[0, 1]], [[4, 3]]]))
    assert graph.backward(out) is None
